"""The demo: the whole method on the built-in phrasebook in minutes, with a check of the results."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from crosslate.adaptation.adapt import adapt
from crosslate.adaptation.composition import ImproveJob, TextOfPack
from crosslate.adaptation.parents import train_parent
from crosslate.adaptation.settings import DataSettings, NewLanguages, OutputSettings, PackOutput
from crosslate.config import Settings
from crosslate.engines.ctranslate2 import num_usable_cores
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import CrosslateError
from crosslate.evaluation.embeddings import embeddings
from crosslate.evaluation.lexicon import LexiconScore, induce
from crosslate.evaluation.scores import Score, score_translations
from crosslate.files import write_json, write_text
from crosslate.models.parent import Parent
from crosslate.models.sizes import parse_size
from crosslate.models.strategies import default_strategy
from crosslate.packs.compose import apply_packs
from crosslate.packs.pack import Pack
from crosslate.text.cleaning import CleaningSettings
from crosslate.text.corpora import ParallelCorpus
from crosslate.text.phrasebook import Phrasebook
from crosslate.training.loop import machine, versions
from crosslate.training.progress import ConsoleProgress, Progress
from crosslate.training.settings import TrainingChanges, TrainingSettings
from crosslate.translation.translator import Translator

Part = Literal["parent", "child"]
MAX_GAP_TO_BODY = 3.0
MIN_ZERO_SHOT = 50.0
MIN_IMPROVED = 80.0
NUM_SAMPLES = 5


class DemoFailed(CrosslateError):
    """The demo ran, but its results miss the expectations of the method."""


class Wanted(NamedTuple):
    """A pack that the demo makes."""

    name: str
    source: str
    target: str
    strategy: str

    def __str__(self) -> str:
        return f"{self.source}-{self.target} {self.strategy}"


PACKS = (
    Wanted("de-en-src", "de", "en", "src"),
    Wanted("de-en", "de", "en", str(default_strategy(["source"]))),
    Wanted("de-en-src+body", "de", "en", "src+body"),
    Wanted("fr-es", "fr", "es", str(default_strategy(["target"]))),
)


PARENT_TRAINING = TrainingSettings(
    max_epochs=6, fresh_learning_rate=1.5e-3, warmup_updates=300, schedule="cosine", patience=0
)
DECODING = DecodingOptions(beam_size=5, length_penalty=1.2)  # as in the paper
SOURCE_TRAINING = TrainingSettings(
    max_epochs=5,
    fresh_learning_rate=8e-3,  # safe, since only embeddings start from random values
    learning_rates={"added": 2e-3},
    pretrained_learning_rate=5e-4,  # packs compose better if cross-attention changes less
    dropout=0.05,
    warmup_updates=100,
    schedule="cosine",
    patience=0,
)
TARGET_TRAINING = SOURCE_TRAINING.changed(
    max_epochs=6,
    pretrained_learning_rate=1e-3,
    dropout=None,
    encoder_cache="off",  # dropout in the encoder improves composition
)


IMPROVEMENT = TrainingChanges(
    max_epochs=3,
    fresh_learning_rate=8e-3,
    learning_rates={"added": 2e-3},
    pretrained_learning_rate=5e-4,
    warmup_updates=100,
    schedule="cosine",
    patience=0,
)
IMPROVED = "de-es"


class DemoSettings(Settings):
    """Sizes of the demo; the defaults take minutes on two cores.

    Attributes:
        child_pairs: training sentences of each pack; the German and the Spanish one have none in common.
    """

    seed: int = 1
    train_pairs: int = 16_000
    child_pairs: int = 14_000
    valid_pairs: int = 100
    test_pairs: int = 500
    size: str = "tiny"
    vocabulary_size: int = 2_400
    workers: int = 2  # packs trained in parallel, since such a small model leaves a second core idle
    parent: TrainingSettings = PARENT_TRAINING
    new_source: TrainingSettings = SOURCE_TRAINING
    new_target: TrainingSettings = TARGET_TRAINING
    improvement: TrainingChanges = IMPROVEMENT


@dataclass(frozen=True)
class ChildResult:
    """One adapted child of the demo."""

    pair: str
    strategy: str
    score: Score
    share_stored: float
    pack_bytes: int
    lexicon: LexiconScore
    translations: list[str]


@dataclass(frozen=True)
class DemoResult:
    """Results of the demo, as written to ``report.json``.

    Attributes:
        parent_before, parent_after: score of the parent on its own pair before and after adaptation.
        parent_identical: whether fingerprint and all translations stayed the same.
        children: one per pack of :data:`PACKS`.
        zero_shot: German to Spanish by composition, a pair without training text.
        improved: the same with the pair pack that is trained on synthetic text of both packs.
        samples: German test sentences with their translations.
        seconds: duration of this call.
    """

    parent_before: Score
    parent_after: Score
    parent_identical: bool
    children: list[ChildResult]
    zero_shot: Score
    improved: Score
    samples: list[dict[str, str]]
    seconds: float

    def failures(self) -> list[str]:
        """Expectations of the method that were not met."""
        src, ours, body, _ = (each.score.value for each in self.children)
        zero_shot, improved = self.zero_shot.value, self.improved.value
        promises = {
            f"the default strategy ({ours:.1f} BLEU) does not beat src ({src:.1f})": ours > src,
            f"the default strategy ({ours:.1f} BLEU) is more than {MAX_GAP_TO_BODY:g} below src+body "
            f"({body:.1f})": ours >= body - MAX_GAP_TO_BODY,
            f"zero-shot German-Spanish reaches {zero_shot:.1f} BLEU, expected above {MIN_ZERO_SHOT:g}": (
                zero_shot > MIN_ZERO_SHOT
            ),
            f"German-Spanish with a pair pack reaches {improved:.1f} BLEU, expected {MIN_IMPROVED:g}": (
                improved >= MIN_IMPROVED
            ),
            "the parent has changed": self.parent_identical,
        }
        return [broken for broken, is_kept in promises.items() if not is_kept]


def run_demo(
    out: Path,
    settings: DemoSettings | None = None,
    *,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> DemoResult:
    """Runs the demo in ``out``, reusing finished parts of an interrupted call.

    Raises:
        DemoFailed: the results miss expectations; the report is still written.
        Interrupted: the demo was asked to stop; the same call resumes.
    """
    settings = settings or DemoSettings()
    started = time.monotonic()
    demo = _Demo(out, settings, progress, say)
    parent = demo.parent()
    before, translations_before = demo.score("fr", "en", parent)
    fingerprint = parent.fingerprint()
    demo.make_packs(parent)
    packs = {name: Pack.load(demo.folder(name)) for name in (*(each.name for each in PACKS), IMPROVED)}
    children = [demo.result(parent, packs[wanted.name], wanted) for wanted in PACKS]
    say("composing German to Spanish, without training text for that pair")
    two = packs["de-en"], packs["fr-es"]
    zero_shot, composed = demo.score("de", "es", parent, *two)
    improved, better = demo.score("de", "es", parent, *two, packs[IMPROVED])
    after, translations_after = demo.score("fr", "en", parent)
    is_same = parent.fingerprint() == fingerprint and translations_after == translations_before
    _, _, german = demo.corpora("de", "es", "child")
    english = children[1].translations
    rows = zip(german.source, english, composed, better, german.target, strict=True)
    names = "de", "en", "es composed", "es", "es reference"
    samples = [dict(zip(names, row)) for row in islice(rows, NUM_SAMPLES)]
    seconds = time.monotonic() - started
    result = DemoResult(before, after, is_same, children, zero_shot, improved, samples, seconds)
    write_json(out / "report.json", _report(result, settings, parent))
    if failures := result.failures():
        raise DemoFailed("the demo's check failed: " + "; ".join(failures))
    return result


class _Demo:
    def __init__(
        self, out: Path, settings: DemoSettings, progress: Progress | None, say: Callable[[str], None]
    ) -> None:
        self.out, self.settings, self.progress, self.say = out, settings, progress, say
        self.book = Phrasebook(seed=settings.seed)
        self.data = DataSettings(
            source_vocabulary_size=settings.vocabulary_size,
            target_vocabulary_size=settings.vocabulary_size,
        )

    def corpora(self, source: str, target: str, part: Part) -> tuple[ParallelCorpus, ...]:
        """Text for training, validation and test.

        The sentences of all pairs are the same, so a new target gets those that follow a new source's.
        """
        size = self.settings
        count = size.train_pairs if part == "parent" else size.child_pairs
        first = count if part == "child" and source == "fr" else 0
        train, valid, test = self.book.corpora(
            source, target, train=first + count, valid=size.valid_pairs, test=size.test_pairs, part=part
        )
        train = replace(train, source=train.source[first:], target=train.target[first:])
        return train, valid, test

    def parent(self) -> Parent:
        folder = self.out / "parents" / "fr-en"
        if folder.exists():
            self.say(f"parent French-English: using {folder}")
            return Parent.load(folder)
        self.say("generating the phrasebook")
        train, valid, _ = self.corpora("fr", "en", "parent")
        self.say(f"training the parent: French-English, {len(train):,} pairs")
        return train_parent(
            train, valid, output=OutputSettings(folder=folder), size=parse_size(self.settings.size),
            training=self.settings.parent, data=self.data, progress=self.progress,
        )  # fmt: skip

    def make_packs(self, parent: Parent) -> None:
        """Trains the packs that are missing, in parallel."""
        # What the pair pack starts from comes first, and what fills the time until it is there.
        names = ["de-en", "fr-es", "de-en-src+body", IMPROVED, "de-en-src"]
        missing = [name for name in names if not self.folder(name).exists()]
        for name in names:
            if name not in missing:
                self.say(f"pack {name}: using {self.folder(name)}")
        workers = min(self.settings.workers, num_usable_cores(), len(missing))
        if workers <= 1:
            for name in missing:
                self.make(parent, name)
            return
        self.say(f"training the packs {', '.join(missing)}; {workers} at a time")
        threads = max(1, num_usable_cores() // workers)
        with ProcessPoolExecutor(
            workers, get_context("spawn"), initializer=torch.set_num_threads, initargs=(threads,)
        ) as pool:
            arguments = self.out, self.settings, self.progress is not None
            running: dict[str, Future[None]] = {}
            for name in missing:
                needed = {"de-en", "fr-es"} if name == IMPROVED else set()
                # None waits in the pool, which would still train it after another has failed or was stopped.
                while len(running) == workers or needed & running.keys():
                    running = _still_running(running)
                running[name] = pool.submit(_make_aside, *arguments, name)
            while running:
                running = _still_running(running)

    def folder(self, name: str) -> Path:
        """The folder of a pack."""
        return self.out / "packs" / name

    def make(self, parent: Parent, name: str) -> None:
        """Trains a pack."""
        if name == IMPROVED:
            self.improve()
        else:
            self.adapt(parent, next(each for each in PACKS if each.name == name))

    def improve(self) -> None:
        """Trains the pair pack of German to Spanish on the text of the two packs alone."""
        self.say("improving German to Spanish with the text of both packs, none of it of that pair")
        job = ImproveJob(
            parent=str(self.out / "parents" / "fr-en"),
            start=[self.folder("de-en"), self.folder("fr-es")],
            source_text=TextOfPack(files=self.written("de", "en")),
            target_text=TextOfPack(files=self.written("fr", "es")),
            training=self.settings.improvement,
            data=DataSettings(cleaning=CleaningSettings(enabled=False)),
            decoding=DecodingOptions(beam_size=1),
            output=PackOutput(folder=self.folder(IMPROVED), licence="CC0-1.0"),
        )
        job.run(self.progress)

    def written(self, source: str, target: str) -> list[str]:
        """The files of a pack's training text."""
        train, _, _ = self.corpora(source, target, "child")
        files = [self.out / "text" / f"{source}-{target}.{language}" for language in (source, target)]
        for path, lines in zip(files, (train.source, train.target)):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, "".join(f"{line}\n" for line in lines))
        return [str(path) for path in files]

    def adapt(self, parent: Parent, wanted: Wanted) -> None:
        train, valid, _ = self.corpora(wanted.source, wanted.target, "child")
        self.say(f"adapting to {wanted}, {len(train):,} pairs")
        is_new_source = wanted.source != parent.source_language
        new: dict[str, Any] = {"source": wanted.source} if is_new_source else {"target": wanted.target}
        adapt(
            parent, train, valid, new=NewLanguages(**new, strategy=wanted.strategy), data=self.data,
            training=self.settings.new_source if is_new_source else self.settings.new_target,
            output=PackOutput(folder=self.folder(wanted.name), licence="CC0-1.0"), progress=self.progress,
        )  # fmt: skip

    def score(self, source: str, target: str, parent: Parent, *packs: Pack) -> tuple[Score, list[str]]:
        _, _, test = self.corpora(source, target, "child")
        translations = Translator(parent, *packs, options=DECODING).translate(test.source)
        return score_translations(translations, test), translations

    def result(self, parent: Parent, pack: Pack, wanted: Wanted) -> ChildResult:
        score, translations = self.score(wanted.source, wanted.target, parent, pack)
        counts = pack.manifest.training["parameters"]
        # Lexicon induction of the new embeddings against the parent's (section 4.2 of the paper).
        (side,) = pack.manifest.renewed
        ours = embeddings(apply_packs(parent, [pack]), side, pack.manifest.name)
        theirs = embeddings(parent, side, parent.name)
        lexicon = induce(ours, theirs, self.book.dictionary(ours.language, theirs.language))
        return ChildResult(
            f"{wanted.source}-{wanted.target}", wanted.strategy, score, counts["share_stored"],
            counts["pack_bytes"], lexicon, translations,
        )  # fmt: skip


def _make_aside(out: Path, settings: DemoSettings, is_shown: bool, name: str) -> None:
    """Trains one pack in a separate process, with plain progress lines, since two bars would overlap."""
    from rich.console import Console

    progress = ConsoleProgress(Console(stderr=True, force_terminal=False)) if is_shown else None
    demo = _Demo(out, settings, progress, lambda text: None)
    demo.make(demo.parent(), name)


def _still_running(running: dict[str, Future[None]]) -> dict[str, Future[None]]:
    """Waits until a training ends; returns the others, or raises what has stopped it."""
    done, _ = wait(running.values(), return_when=FIRST_COMPLETED)
    for each in done:
        each.result()
    return {name: each for name, each in running.items() if each not in done}


def _report(result: DemoResult, settings: DemoSettings, parent: Parent) -> dict[str, Any]:
    children = [replace(each, translations=[]) for each in result.children]
    return {
        "parent": {
            "fingerprint": parent.fingerprint(),
            "before": asdict(result.parent_before),
            "after": asdict(result.parent_after),
            "identical": result.parent_identical,
        },
        "children": [asdict(each) for each in children],
        "zero_shot": {"pair": "de-es", **asdict(result.zero_shot)},
        "improved": {"pair": "de-es", **asdict(result.improved)},
        "samples": result.samples,
        "failures": result.failures(),
        "settings": settings.to_values(),
        "seconds": round(result.seconds, 1),
        "machine": machine(torch.device("cpu")),
        "versions": versions(),
    }
