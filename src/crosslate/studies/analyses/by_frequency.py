"""What transfers: children's scores by how often words occur in their training text, and by length."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.inputs import Inputs
from crosslate.studies.plan import Plan
from crosslate.studies.report.tables import Row, Table, with_interval
from crosslate.studies.store import Output, Results

if TYPE_CHECKING:
    import numpy

    from crosslate.text.corpora import ParallelCorpus

OCCURRENCES = (1, 5, 20, 100)
"""Where bands of occurrences in the training text begin; before the first are unknown words."""
LENGTHS = (5, 9, 14)
"""Where bands of words in a source sentence begin; before the first are the shortest."""

_TABLES = {
    "rarest": (
        "By the rarest source word: chrF2",
        "Sentences by how often the rarest of their source words occurs in the child's training text",
        OCCURRENCES,
    ),
    "length": ("By length: chrF2", "Sentences by their number of source words", LENGTHS),
    "words": (
        "Target words by frequency: F1",
        "F1 of the words of references and translations by how often they occur in the child's training "
        "text, each as often in a sentence as in both",
        OCCURRENCES,
    ),
}


class ByFrequency(Analysis):
    """Scores of the first seed's children in bands.

    Words are compared without case; scripts without spaces count pairs of adjacent characters.
    """

    def cells(self, plan: Plan) -> Iterator[Cell]:
        for cell in plan.find("child", size=plan.full_size, seed=plan.recipe.seeds[0]):
            texts = {role: cell.texts[role] for role in ("train", "test")}
            spec = {"text": plan.identities(texts), "occurrences": OCCURRENCES, "lengths": LENGTHS}
            title = f"{cell.title} by frequency"
            yield Cell("by-frequency", title, spec, {"child": cell.key}, cell.labels, texts)

    def work(self, inputs: Inputs) -> Output:
        train, test = inputs.library.training(inputs.cell.texts["train"]), inputs.text("test")
        known: dict[Any, Counter[str]] = {"source": Counter(), "target": Counter()}
        for source, target in train:
            known["source"].update(_words(source))
            known["target"].update(_words(target))
        return Output(banded(inputs.translations("child"), test, known["source"], known["target"]))

    def tables(self, results: Results) -> Iterator[Table]:
        for name, (title, note, starts) in _TABLES.items():
            rows: list[Row] = []
            sizes: dict[str, Row] = {}
            for cell, values in results.found("by-frequency"):
                bands = values[name]
                sizes[cell.labels["child"]] = tuple(each["units"] for each in bands)
                scores = [with_interval(each) if each["units"] else None for each in bands]
                rows.append((cell.title.removesuffix(" by frequency"), *scores))
            rows += [(f"{child}: number", *counts) for child, counts in sizes.items()]
            note = f"{note}; 95 % intervals by resampling sentences, first seed; overlapping is no test."
            yield Table(title, note, ("child", *_ranges(starts)), rows)


def banded(
    translations: Sequence[str], test: ParallelCorpus, source: Counter[str], target: Counter[str]
) -> dict[str, list[dict[str, Any]]]:
    """Scores in bands: by the rarest source word, by length, and of target words.

    Args:
        translations: of the test set's sources.
        source, target: how often words occur in the training text.

    Returns:
        By name of the table, for every band its ``value`` (0-100), 95 % ``interval`` and number of ``units``
        (sentences, or words of the references); a band without units has no value.
    """
    words = [_words(line) for line in test.source]
    rarest = [min((source[word] for word in each), default=0) for each in words]
    return {
        "rarest": _by_sentence(translations, test, rarest, OCCURRENCES),
        "length": _by_sentence(translations, test, list(map(len, words)), LENGTHS),
        "words": _by_word(translations, test.target, target),
    }


def _words(text: str) -> list[str]:
    from crosslate.languages.words import words_and_bigrams

    return words_and_bigrams(text.casefold())


def _by_sentence(
    translations: Sequence[str], test: ParallelCorpus, values: Sequence[int], starts: Sequence[int]
) -> list[dict[str, Any]]:
    from crosslate.evaluation.scores import score_translations

    rows: list[list[int]] = [[] for _ in range(len(starts) + 1)]
    for row, value in enumerate(values):
        rows[bisect_right(starts, value)].append(row)
    found: list[dict[str, Any]] = []
    for band in rows:
        if not band:
            found.append({"units": 0})
            continue
        score = asdict(score_translations([translations[row] for row in band], test.rows(band), "chrf"))
        found.append({name: score[name] for name in ("value", "interval")} | {"units": len(band)})
    return found


def _by_word(
    translations: Sequence[str], references: Sequence[str], counts: Counter[str]
) -> list[dict[str, Any]]:
    import numpy

    from crosslate.evaluation.significance import interval, resampled_scores

    num_bands = len(OCCURRENCES) + 1
    # By band and sentence: words in both, in the translation, in the reference.
    statistics = numpy.zeros((num_bands, len(references), 3))
    for row, (translation, reference) in enumerate(zip(translations, references, strict=True)):
        ours, theirs = Counter(_words(translation)), Counter(_words(reference))
        for word in ours | theirs:
            band = bisect_right(OCCURRENCES, counts[word])
            statistics[band, row] += (min(ours[word], theirs[word]), ours[word], theirs[word])
    found: list[dict[str, Any]] = []
    for counted in statistics:
        total = counted.sum(axis=0, keepdims=True)
        units = int(total[0, 2])
        if not units:
            found.append({"units": 0})
            continue
        (drawn,) = resampled_scores([counted], _f1)
        found.append({"value": float(_f1(total)[0]), "interval": interval(drawn), "units": units})
    return found


def _f1(sums: numpy.ndarray) -> numpy.ndarray:
    """F1 of summed statistics ``(samples, 3)``, 0-100; 0 where there is no word."""
    import numpy

    return 200 * sums[:, 0] / numpy.maximum(sums[:, 1] + sums[:, 2], 1)


def _ranges(starts: Sequence[int]) -> list[str]:
    """The bands in words: ``0``, ``1–4``, …, ``100 and more``."""
    ends = [0, *starts]
    inner = [f"{start}–{end - 1}" if end - 1 > start else str(start) for start, end in zip(ends, starts)]
    return [*inner, f"{starts[-1]} and more"]
