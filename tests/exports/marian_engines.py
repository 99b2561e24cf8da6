"""Marian's own engines on our exports: Marian itself, and bergamot in the exported page in headless Chromium.

``make test-exports`` runs it on the models of ``make demo``, or on those in another folder. The engines come from
PyPI (pymarian) and npm. The second part has a child of a published parent. What is installed and trained is kept in
the folder of the other peers.
"""

from __future__ import annotations

import functools
import http.server
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.environments import FOLDER, ROOT, peer_python
from tests.browser import Tab, running_chromium
from tests.exports.npm import npm_folder
from tests.exports.published import models_folder

from crosslate.adaptation.adapt import adapt
from crosslate.adaptation.settings import DataSettings, NewLanguages, PackOutput
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.pytorch import TorchEngine
from crosslate.evaluation.scores import score_translations
from crosslate.export.exporter import export
from crosslate.models.importers.marian import Marian
from crosslate.models.parent import Parent
from crosslate.packs.compose import apply_packs
from crosslate.packs.stored_model import StoredModel
from crosslate.text.corpora import ParallelCorpus
from crosslate.text.phrasebook import Phrasebook
from crosslate.training.settings import TrainingSettings

ENGINE = "@browsermt/bergamot-translator@0.4.9"
NUM_LINES = 300
MIN_IDENTICAL_FLOAT, MIN_IDENTICAL_8_BIT = 0.98, 0.85
MAX_LOST_BLEU = 0.3
_TIMEOUT_MS = 600_000
_GREEDY = DecodingOptions(beam_size=1)
_MARIAN_PROGRAM = """
import sys
import pymarian
model, source, target = sys.argv[1:]
translator = pymarian.Translator(
    models=model, vocabs=[source, target], beam_size=1, normalize=1.0, cpu_threads=1, mini_batch=1,
    max_length_factor=3, quiet=True, quiet_translation=True,
)
for line in sys.stdin:
    print(translator.translate(line.rstrip("\\n")), flush=True)
"""


def compare(
    name: str, found: Sequence[str], ours: Sequence[str], corpus: ParallelCorpus, share: float
) -> None:
    """Prints how many translations are PyTorch's, and the BLEU of both.

    Raises:
        AssertionError: fewer than ``share`` are, or more than 0.3 BLEU are lost.
    """
    assert len(found) == len(ours) == len(corpus), (name, len(found), len(ours), len(corpus))
    same = sum(one == other for one, other in zip(found, ours))
    theirs, own = (score_translations(list(each), corpus).value for each in (found, ours))
    print(
        f"{name}: {same} of {len(ours)} greedy translations are PyTorch's; {theirs:.2f} BLEU, PyTorch {own:.2f}"
    )
    assert same >= share * len(ours), (name, [pair for pair in zip(found, ours) if pair[0] != pair[1]][:5])
    assert theirs >= own - MAX_LOST_BLEU, (name, theirs, own)


def greedy(packs: Sequence[Path], texts: Sequence[str]) -> list[str]:
    stored = StoredModel(list(packs))
    child = apply_packs(stored.load_parent(), stored.load_packs())
    return [best.text for (best,) in TorchEngine(child).translate(list(texts), _GREEDY)]


def check_marian(name: str, packs: Sequence[Path], corpus: ParallelCorpus, folder: Path) -> None:
    """Marian on the float32 model."""
    export(StoredModel(list(packs)), folder, "marian")
    files = [folder / each for each in ("model.npz", "source.spm", "target.spm")]
    done = subprocess.run(
        [peer_python("pymarian"), "-c", _MARIAN_PROGRAM, *map(str, files)], check=True, text=True,
        input="".join(f"{line}\n" for line in corpus.source), stdout=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    found = done.stdout.split("\n")[:-1]
    compare(f"{name} marian", found, greedy(packs, corpus.source), corpus, MIN_IDENTICAL_FLOAT)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None: ...


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder's files, as ``python -m http.server`` serves them."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def in_page(folder: Path, pairs: dict[tuple[str, str], Sequence[str]]) -> dict[tuple[str, str], list[str]]:
    """What the exported page makes of the texts of each pair, one sentence a line."""
    found = {}
    with served(folder) as address, running_chromium() as chromium:
        for (source, target), texts in pairs.items():
            tab = Tab(chromium)
            tab.context.set_default_timeout(_TIMEOUT_MS)  # also for loading tens of megabytes on busy cores
            tab.open(f"{address}?from={source}&to={target}").type("\n".join(texts))
            tab.page.wait_for_selector("#output:not(.stale)", state="attached")
            text = tab.page.evaluate("document.querySelector('#output').textContent")
            assert tab.faults == [] and all(url.startswith(address) for url in tab.requests), tab.faults
            found[source, target] = text.split("\n")
            tab.context.close()
    return found


def check_pages(models: dict[tuple[str, str], list[Path]], book: Phrasebook, folder: Path) -> None:
    """The exported page, with all models in one folder."""
    corpora = {pair: test_corpus(book, *pair) for pair in models}
    for packs in models.values():
        export(StoredModel(packs), folder, "web", runtime=npm_folder("bergamot", ENGINE))
    found = in_page(folder, {pair: list(corpus.source) for pair, corpus in corpora.items()})
    for pair, corpus in corpora.items():
        ours = greedy(models[pair], corpus.source)
        compare(f"{'-'.join(pair)} web", found[pair], ours, corpus, MIN_IDENTICAL_8_BIT)


def test_corpus(book: Phrasebook, source: str, target: str) -> ParallelCorpus:
    return book.corpora(source, target, train=100, valid=50, test=NUM_LINES, part="child")[2]


def published_pack(folder: Path) -> Path | None:
    """A Spanish–English child of Firefox's Portuguese–English model; None if that cannot be had."""
    pack, parent = folder / "packs" / "es-en", folder / "parents" / "pt-en"
    if pack.exists():
        return pack
    if not parent.exists():
        try:
            models = models_folder()
        except subprocess.CalledProcessError:
            return None
        Marian(next(models.glob("pten-*"))).parent(("pt", "en")).save(parent)
    train, valid, _ = Phrasebook(seed=1).corpora("es", "en", train=4_000, valid=50, test=50, part="child")
    print(f"training {pack}; takes minutes", file=sys.stderr)
    adapt(
        Parent.load(str(parent)), train, valid, new=NewLanguages(source="es"),
        data=DataSettings(source_vocabulary_size=1_500),
        training=TrainingSettings(
            max_updates=700, batch_tokens=1_500, warmup_updates=20, validate_every_updates=350,
            fresh_learning_rate=3e-3, schedule="cosine",
        ),
        output=PackOutput(folder=pack),
    )  # fmt: skip
    return pack


def check_all(demo: Path, made: Path) -> None:
    """The demo's models, then a child of a published parent.

    Args:
        made: an empty folder for the exports.
    """
    book = Phrasebook(seed=1)
    german, french = (demo / "packs" / name for name in ("de-en", "fr-es"))
    check_marian("de-en", [german], test_corpus(book, "de", "en"), made / "de-en")
    check_pages({("de", "en"): [german], ("de", "es"): [german, french]}, book, made / "web")
    pack = published_pack(FOLDER / "published")
    if pack is None:
        print("NOT COMPARED: a child of a published parent, since the package cannot be installed")
        return
    check_marian("es-en of a published parent", [pack], test_corpus(book, "es", "en"), made / "es-en")
    check_pages({("es", "en"): [pack]}, book, made / "web")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        check_all(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "demo", Path(temporary))
