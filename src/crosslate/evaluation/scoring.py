"""Evaluation jobs: translations of a test set, scored and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from crosslate.errors import CorpusError, Faults, InputError, MissingExtra, UsageError, nearest
from crosslate.evaluation.scores import (
    METRICS,
    NUM_SAMPLES,
    TOKENIZERS,
    Metric,
    Score,
    SystemScore,
    Tokenizer,
    bleu,
    chrf,
    comet,
    compare,
)
from crosslate.text.parallel import ParallelCorpus
from crosslate.text.streams import read_lines


@dataclass(frozen=True)
class EvaluationSettings:
    """What is measured, and how.

    Attributes:
        metrics: ``bleu``, ``chrf`` or both, in the order of the report.
        tokenizer: sacreBLEU's, for BLEU.
        num_samples: bootstrap resamples; 0 leaves intervals out and allows no comparison.
        with_comet: also COMET, where it is installed.

    Raises:
        UsageError: lists every unknown metric or tokenizer.
    """

    metrics: tuple[str, ...] = METRICS
    tokenizer: str = "13a"
    num_samples: int = NUM_SAMPLES
    with_comet: bool = False

    def __post_init__(self) -> None:
        faults = Faults("cannot evaluate like this")
        for metric in self.metrics:
            if metric not in METRICS:
                faults.add(f"unknown metric {metric!r}; {nearest(metric, METRICS)}")
        if not self.metrics:
            faults.add(f"no metric was given; known: {', '.join(METRICS)}")
        if self.tokenizer not in TOKENIZERS:
            faults.add(f"unknown tokenizer {self.tokenizer!r}; {nearest(self.tokenizer, TOKENIZERS)}")
        if self.num_samples < 0:
            faults.add(f"{self.num_samples} bootstrap samples, expected 0 (no interval) or more")
        faults.raise_as(UsageError)


@dataclass(frozen=True)
class Evaluation:
    """Scores of one or several systems on one test set.

    Attributes:
        test: the test set.
        scores: for each metric (by its name in the signature), the systems in the order given; the first
            is the one that the others are compared with.
    """

    test: ParallelCorpus
    scores: dict[str, list[SystemScore]]

    def as_values(self) -> dict[str, Any]:
        """Plain values for JSON: the test set with its hash, and every score with interval and signature."""
        return {
            "test": {
                "origin": self.test.origin,
                "sentences": len(self.test),
                "sha256": self.test.content_hash,
                "source_language": self.test.source_language,
                "target_language": self.test.target_language,
            },
            "scores": [
                {
                    "system": system.name,
                    "metric": metric,
                    "value": system.score.value,
                    "interval": None if system.score.interval is None else list(system.score.interval),
                    "p_value": system.p_value,
                    "signature": system.score.signature,
                }
                for metric, systems in self.scores.items()
                for system in systems
            ],
        }


def check_comet() -> None:
    """Refuses COMET where it is not installed, before anything is translated for it.

    Raises:
        MissingExtra: says how to install it.
    """
    if find_spec("comet") is None:
        raise MissingExtra("COMET is not installed; install it with: pip install 'crosslate[comet]'")


def read_translations(paths: Sequence[str | Path], test: ParallelCorpus) -> dict[str, list[str]]:
    """Translations of a test set from files, one sentence per line, by the names of the files.

    Raises:
        InputError: lists every file that cannot be read or has not as many lines as the test set.
    """
    faults = Faults("cannot score these translations")
    found: dict[str, list[str]] = {}
    for path in paths:
        with faults.catch(CorpusError):
            lines = list(read_lines(path))
            if len(lines) != len(test):
                faults.add(
                    f"{path} has {len(lines)} lines, the test set ({test.origin}) has {len(test)}; "
                    "expected a translation per sentence, line by line"
                )
            found[str(path)] = lines
    faults.raise_as(InputError)
    return found


def score(
    test: ParallelCorpus, systems: Mapping[str, Sequence[str]], settings: EvaluationSettings | None = None
) -> Evaluation:
    """Scores the translations of one or several systems; several are compared with the first.

    Args:
        test: sources and references.
        systems: translations of ``test.source``, by the system's name.

    Raises:
        InputError: no system, or one with another number of sentences than the test set.
        UsageError: several systems and no bootstrap samples to compare them with.
        MissingExtra: COMET was asked for and is not installed.
    """
    settings = settings or EvaluationSettings()
    if not systems:
        raise InputError("there is nothing to score: no system was given")
    if len(systems) > 1 and not settings.num_samples:
        raise UsageError(f"{len(systems)} systems cannot be compared without bootstrap samples")
    scores: dict[str, list[SystemScore]] = {}
    for metric in settings.metrics:
        found = _score(test, systems, cast(Metric, metric), settings)
        scores[found[0].score.metric] = found
    if settings.with_comet:
        scores["COMET"] = [
            SystemScore(name, comet(test.source, lines, test.target, num_samples=settings.num_samples), None)
            for name, lines in systems.items()
        ]
    return Evaluation(test, scores)


def _score(
    test: ParallelCorpus,
    systems: Mapping[str, Sequence[str]],
    metric: Metric,
    settings: EvaluationSettings,
) -> list[SystemScore]:
    tokenizer = cast(Tokenizer, settings.tokenizer)
    if len(systems) > 1:
        return compare(test.target, systems, metric, tokenizer=tokenizer, num_samples=settings.num_samples)
    ((name, lines),) = systems.items()
    only: Score
    if metric == "bleu":
        only = bleu(lines, test.target, tokenizer=tokenizer, num_samples=settings.num_samples)
    else:
        only = chrf(lines, test.target, num_samples=settings.num_samples)
    return [SystemScore(name, only, None)]
