"""Cells that adapt a parent: planning, training, scoring, records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from crosslate.languages.words import count_words
from crosslate.models.groups import SIDES, Side
from crosslate.models.strategies import parse_strategy
from crosslate.studies.cells import Cell
from crosslate.studies.estimate import training_operations
from crosslate.studies.inputs import PACK, Inputs
from crosslate.studies.parts import OTHER_START, part_of
from crosslate.studies.plan import Plan
from crosslate.studies.recipe import PairText
from crosslate.studies.store import Output

if TYPE_CHECKING:
    from crosslate.adaptation.settings import NewLanguages
    from crosslate.models.child import Child
    from crosslate.models.parent import Parent
    from crosslate.packs.pack import Pack
    from crosslate.text.corpora import ParallelCorpus

METRICS: tuple[Literal["bleu", "chrf"], ...] = ("bleu", "chrf")
_NUM_SENTENCES_SHOWN = 3


@dataclass(frozen=True)
class Adaptation:
    """A parent to be adapted to a pair.

    Attributes:
        kind: of the cell.
        title: of the cell, without size and seed.
        parent: the cell of the parent, of ``model_size``.
        new: language codes of the replaced sides, by side.
        vocabulary: pieces of a new side; 0 chooses from the text.
        size: number of training pairs, from the start of the text; 0 uses all.
        labels: in addition to those of every such cell.
        lexicon: lexicon to measure at every validation; empty for none.
        start: method for new embeddings; empty for random values, so that the default does not affect keys.
        is_other_start: whether the same child is also made with other, usual initial embeddings.
        has_encoder_dropout: whether a frozen encoder has dropout too, instead of states stored without it,
            for comparisons with strategies that train the encoder or its embeddings.
    """

    kind: str
    title: str
    parent: Cell
    model_size: str
    text: PairText
    languages: tuple[str, str]
    new: Mapping[Side, str]
    strategy: str
    vocabulary: int
    seed: int
    size: int = 0
    labels: Mapping[str, Any] = field(default_factory=dict)
    lexicon: Mapping[str, Any] = field(default_factory=dict)
    start: Mapping[str, Any] = field(default_factory=dict)
    is_other_start: bool = False
    has_encoder_dropout: bool = False

    def cell(self, plan: Plan) -> Cell:
        """The cell that adapts it."""
        text = self.text.changed(train=self.text.train.cut(self.size)) if self.size else self.text
        texts = plan.texts(text, *self.languages, "train", "valid", "test")
        parsed = parse_strategy(self.strategy)
        settings = plan.recipe.training_settings(self.strategy, self.seed)
        if self.has_encoder_dropout:
            settings = settings.changed(encoder_cache="off")
        title = self.title + (f", {self.size} pairs" if self.size else "")
        title += f", seed {self.seed}" if len(plan.recipe.seeds) > 1 else ""
        spec = (
            {
                "strategy": str(parsed),
                "new": {side: self.new.get(side) for side in SIDES},
                "vocabulary": self.vocabulary,
                "training": settings.to_values(),
            }
            | plan.data()
            | plan.scored(texts)
        )
        if self.start:
            spec["initial_embeddings"] = self.start
        source, target = self.languages
        shown = {
            "source": source, "target": target, "strategy": str(parsed), "seed": self.seed, "size": self.size,
            "part": OTHER_START if self.is_other_start else part_of(parsed),
        }  # fmt: skip
        operations = training_operations(
            self.model_size, text.train.estimated_pairs, settings, trained=parsed.train
        )
        texts |= plan.dictionary_texts(self.lexicon) | plan.dictionary_texts(self.start)
        watched = {"lexicon": self.lexicon} if self.lexicon else {}
        needs = {"parent": self.parent.key}
        return Cell(self.kind, title, spec, needs, {**self.labels, **shown}, texts, operations, watched)


def is_watched(plan: Plan, strategy: str, seed: int, size: int) -> bool:
    """Whether a child is measured during training: first seed, full size, not from scratch."""
    is_first = seed == plan.recipe.seeds[0] and size == plan.full_size
    return "lexicon" in plan.recipe.analyses and is_first and parse_strategy(strategy).renews is not None


def adapt_and_score(
    inputs: Inputs,
    measure: Callable[[Child], dict[str, float]] | None = None,
    *,
    pairs: ParallelCorpus | None = None,
    start: Sequence[Pack] = (),
) -> Output:
    """Adapts a parent by a strategy and scores the child.

    Args:
        measure: called at every validation.
        pairs: training text, of which a part is held out for validation; None takes the cell's texts.
        start: the two packs of a pair pack.
    """
    parent = inputs.parent()
    pack, values = adapted(inputs, parent, measure, pairs=pairs, start=start)
    return translated(inputs, values, parent, *start, pack)


def adapted(
    inputs: Inputs,
    parent: Parent,
    measure: Callable[[Child], dict[str, float]] | None = None,
    *,
    pairs: ParallelCorpus | None = None,
    start: Sequence[Pack] = (),
) -> tuple[Pack, dict[str, Any]]:
    """The pack of a parent's child, which is trained unless it is there, and its record.

    The arguments are those of :func:`adapt_and_score`.
    """
    from crosslate.adaptation.adapt import adapt
    from crosslate.adaptation.settings import PackOutput
    from crosslate.packs.manifest import MANIFEST_NAME
    from crosslate.packs.pack import Pack
    from crosslate.training.progress import Progress

    folder = inputs.folder / PACK
    if not (folder / MANIFEST_NAME).is_file():
        size, progress = inputs.spec["vocabulary"], inputs.progress or Progress()
        if measure:
            progress.measure = measure
        train = pairs or inputs.library.training(inputs.cell.texts["train"])
        adapt(
            parent, train, None if pairs else inputs.text("valid"), start=start,
            new=_new_languages(inputs),
            data=inputs.data_settings(size, size),
            training=inputs.settings, output=PackOutput(folder=folder, dtype="float32"), progress=progress,
        )  # fmt: skip
    pack = Pack.load(folder)
    training = pack.manifest.training
    return pack, training_record({"training": training, "data": pack.manifest.data}) | {
        "watched": inputs.cell.watched,
        "strategy": pack.manifest.strategy,
        "initial_embeddings": training.get("initial_embeddings"),
        "heads": training.get("heads"),
        "stored": training["parameters"],
        "memory": {name: training.get(f"{name}_bytes", 0) for name in ("memory_before", "peak_memory")},
        "bytes_on_disk": sum(file.stat().st_size for file in folder.iterdir() if file.is_file()),
    }


def _new_languages(inputs: Inputs) -> NewLanguages:
    """The new languages and initial embeddings of a cell."""
    from crosslate.adaptation.settings import NewLanguages
    from crosslate.models.initialisers.initial_embeddings import RANDOM

    new, start = inputs.spec["new"], inputs.spec.get("initial_embeddings", {})
    dictionaries: list[Any] = []
    if "dictionaries" in start:
        dictionary = {word: sorted(found) for word, found in inputs.dictionary(start).items()}
        dictionaries = [dictionary for language in new.values() if language]
    return NewLanguages(
        source=new["source"], target=new["target"], strategy=inputs.spec["strategy"],
        initial_embeddings=start.get("method", RANDOM), dictionaries=dictionaries,
    )  # fmt: skip


def translated(inputs: Inputs, values: dict[str, Any], parent: Parent, *packs: Any) -> Output:
    """Translates the cell's test set with a parent and packs; adds the scores to ``values``."""
    from crosslate.translation.translator import Translator

    test = inputs.text("test")
    translations = Translator(parent, *packs, options=inputs.decoding).translate(test.source)
    return Output(values | scored(translations, test), translations)


def scored(translations: Sequence[str], test: ParallelCorpus) -> dict[str, Any]:
    """BLEU and chrF with intervals and signatures, and the hash of the test set."""
    from crosslate.evaluation.scores import score_translations

    scores: dict[str, Any] = {}
    for metric in METRICS:
        found = score_translations(translations, test, metric)
        scores[metric] = {
            "value": found.value, "interval": list(found.interval or ()), "signature": found.signature,
        }  # fmt: skip
    samples = [{"source": one, "reference": other} for one, other in islice(test, _NUM_SENTENCES_SHOWN)]
    return {
        "scores": scores,
        "test": {
            "origin": test.origin, "sentences": len(test), "sha256": test.content_hash, "samples": samples,
        },
    }  # fmt: skip


def training_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a training run for the report."""
    training, data = record["training"], record["data"]
    kept = ("updates", "best_updates", "epochs", "training_seconds", "tokens", "tokens_per_second",
            "finished", "precision")  # fmt: skip
    # The lexicon's precision follows the score if it was measured.
    curve = [
        [entry[name] for name in ("epoch", "updates", "score", "lexicon") if name in entry]
        for entry in training["validations"]
    ]
    metric = training["validations"][-1]["metric"] if training["validations"] else ""
    return {
        "training": {name: training[name] for name in kept} | {"curve": curve, "metric": metric},
        "data": {role: data[role] for role in ("train", "valid") if role in data},
    }


def words_of_sides(text: ParallelCorpus) -> dict[Side, Counter[str]]:
    """How often the words of each side of a text occur, in lower case."""
    return {side: count_words(map(str.lower, text.lines(side)), with_digits=True) for side in SIDES}
