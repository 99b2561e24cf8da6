"""BLEU, chrF, chrF++ and COMET with signatures and intervals, and comparisons of systems.

sacreBLEU computes the scores. This module chooses BLEU's tokenizer by the language of the references, and
checks the numbers of lines, which sacreBLEU does not: one hypothesis against two references can score 100.00.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import Field

from crosslate.config import Settings
from crosslate.errors import CorpusError, Faults, InputError, MissingExtra, nearest
from crosslate.evaluation.significance import (
    NUM_SAMPLES,
    SEED,
    Difference,
    Run,
    ScoreSums,
    interval,
    paired_bootstrap,
    resampled_scores,
)
from crosslate.languages.bleu_tokenizers import WITH_SPACES, bleu_tokenizer
from crosslate.text.corpora import ParallelCorpus
from crosslate.text.streams import read_lines

if TYPE_CHECKING:
    import numpy
    from sacrebleu.metrics.base import Metric as Scorer

log = logging.getLogger(__name__)

Metric = Literal["bleu", "chrf", "chrf++"]
METRICS: tuple[Metric, ...] = get_args(Metric)
_NAMES: dict[Metric, str] = {"bleu": "BLEU", "chrf": "chrF2", "chrf++": "chrF2++"}
Tokenizer = Literal[
    "auto", "13a", "zh", "char", "intl", "none",
    "ja-mecab", "ko-mecab", "flores200", "flores101", "spm", "spBLEU-1K",
]  # fmt: skip
"""sacreBLEU's tokenizers, and ``auto`` for the one that suits the references."""
COMET_MODEL = "Unbabel/wmt22-comet-da"
_BY_SPACES = (WITH_SPACES, "intl", "none")
_LINES_SHOWN = 5


@dataclass(frozen=True)
class Score:
    """A corpus score, comparable with others of the same signature.

    Attributes:
        metric: "BLEU", "chrF2", "chrF2++" or "COMET".
        value: 0-100 (COMET: 100 times the model's number, which may leave that range).
        signature: the settings and versions that make the number comparable.
        interval: 95 % bootstrap interval, or None if not computed.
    """

    metric: str
    value: float
    signature: str
    interval: tuple[float, float] | None
    num_sentences: int


@dataclass(frozen=True)
class SystemScore:
    """One system of a comparison.

    Attributes:
        difference: from the first system; None for the first system and without resamples.
    """

    name: str
    score: Score
    difference: Difference | None


class EvaluationSettings(Settings):
    """Metrics and their settings."""

    metric: str = Field("bleu,chrf", description=f"One or more of {', '.join(METRICS)}, separated by commas.")
    tokenizer: Tokenizer = Field(
        "auto",
        description="sacreBLEU's tokenizer for BLEU: auto (13a, zh or char, by the target language), 13a, "
        "zh, char, intl or none; if installed, also ja-mecab, ko-mecab, flores200, flores101, spm or "
        "spBLEU-1K.",
    )
    num_samples: int = Field(
        NUM_SAMPLES, ge=0, description="Bootstrap resamples for intervals and comparisons; 0 disables both."
    )
    with_comet: bool = Field(False, description="Also score by COMET, which must be installed.")

    @property
    def metrics(self) -> list[Any]:
        return [part.strip() for part in self.metric.split(",") if part.strip()]

    def find_faults(self, faults: Faults) -> None:
        for metric in self.metrics:
            if metric not in METRICS:
                faults.add(f"unknown metric {metric!r}; {nearest(metric, METRICS)}")
        if not self.metrics:
            faults.add(f"no metric was given; known: {', '.join(METRICS)}")


def score_translations(
    translations: Sequence[str],
    test: ParallelCorpus,
    metric: Metric = "bleu",
    *,
    tokenizer: Tokenizer = "auto",
    num_samples: int = NUM_SAMPLES,
) -> Score:
    """The score of one system; see :func:`compare`."""
    (only,) = compare(test, {"": translations}, metric, tokenizer=tokenizer, num_samples=num_samples)
    return only.score


def compare(
    test: ParallelCorpus,
    systems: Mapping[str, Sequence[str]],
    metric: Metric = "bleu",
    *,
    tokenizer: Tokenizer = "auto",
    num_samples: int = NUM_SAMPLES,
) -> list[SystemScore]:
    """Scores systems on a test set, detokenised and cased, and tests their difference from the first one.

    Args:
        systems: translations of the test set's sources, by name.
        metric: BLEU; chrF (character 6-grams, beta 2); or chrF++, which adds words and pairs of words.
        tokenizer: of BLEU, part of the signature. ``auto`` follows the target language: see
            :func:`crosslate.languages.bleu_tokenizers.bleu_tokenizer`.
        num_samples: resamples of the paired bootstrap; 0 leaves out intervals and the test.

    Raises:
        InputError: nothing to score or unequal lengths, of every system at once.
        MissingExtra: the tokenizer needs what is not installed.
    """
    _check_lengths(systems, len(test))
    scorer = scorer_of(metric, test, tokenizer)
    statistics = {name: sentence_statistics(scorer, lines, test) for name, lines in systems.items()}
    score_sums = corpus_scores(scorer)
    signature = signature_of(scorer, num_samples)
    return _compared(statistics, score_sums, _NAMES[metric], signature, num_samples)


def _compared(
    statistics: Mapping[str, numpy.ndarray],
    score_sums: ScoreSums,
    metric: str,
    signature: str,
    num_samples: int,
) -> list[SystemScore]:
    """Scores of systems and differences from the first, from the statistics of each sentence."""
    resampled = resampled_scores(list(statistics.values()), score_sums, num_samples) if num_samples else None
    baseline: numpy.ndarray | None = None
    found = []
    for name, each in statistics.items():
        (value,) = score_sums(each.sum(axis=0, keepdims=True)).tolist()
        bounds = interval(next(resampled)) if resampled else None
        score = Score(metric, value, signature, bounds, len(each))
        difference = None
        if baseline is None:
            baseline = each
        elif num_samples:
            difference = paired_bootstrap([Run(each, baseline)], score_sums, num_samples)
        found.append(SystemScore(name, score, difference))
    return found


def scorer_of(metric: Metric, test: ParallelCorpus, tokenizer: Tokenizer = "auto") -> Scorer:
    """sacreBLEU's metric for a test set; see :func:`compare`."""
    from sacrebleu.metrics import BLEU, CHRF

    if metric == "bleu":
        return BLEU(tokenize=_chosen(tokenizer, test))
    return CHRF(word_order=2 if metric == "chrf++" else 0)


def sentence_statistics(scorer: Scorer, translations: Sequence[str], test: ParallelCorpus) -> numpy.ndarray:
    """The statistics of every sentence ``(sentences, statistics)`` whose sums give the corpus score."""
    import numpy

    _check_lengths({"": translations}, len(test))
    return numpy.array(scorer._extract_corpus_statistics(translations, [test.target]))


def corpus_scores(scorer: Scorer) -> ScoreSums:
    """Corpus scores of summed statistics, 0-100."""

    def score(sums: numpy.ndarray) -> numpy.ndarray:
        import numpy

        rows = sums.astype(numpy.int64).tolist()
        scores = [scorer._compute_score_from_stats(row).score for row in rows]
        return numpy.clip(scores, 0.0, 100.0)  # rounding errors

    return score


def signature_of(scorer: Scorer, num_samples: int) -> str:
    """The signature of a score; the scorer must have seen the references."""
    if num_samples:
        scorer.n_bootstrap, scorer.seed = num_samples, SEED
    return str(scorer.get_signature())


def sentence_chrf(translations: Sequence[str], references: Sequence[str]) -> list[float]:
    """chrF of each sentence by itself, 0-100; as many translations as references."""
    from sacrebleu.metrics import CHRF

    scorer = CHRF()
    pairs = zip(translations, references, strict=True)
    return [float(scorer.sentence_score(one, [other]).score) for one, other in pairs]


def _chosen(tokenizer: Tokenizer, test: ParallelCorpus) -> str:
    """The tokenizer for a test set; warns about an explicit one that does not suit it."""
    check_tokenizer(tokenizer)
    suited = bleu_tokenizer(test.target_language, test.target)
    if tokenizer == "auto":
        return suited
    if tokenizer in _BY_SPACES and suited != WITH_SPACES:
        log.warning(
            "the BLEU tokenizer %r splits words at spaces, which gives much too low scores for the "
            "references of %s; 'auto' uses %r", tokenizer, test.origin, suited,
        )  # fmt: skip
    return tokenizer


def check_tokenizer(tokenizer: Tokenizer) -> None:
    """Checks that a tokenizer is installed; downloads nothing.

    Raises:
        MissingExtra: the tokenizer is not installed; says how to install it.
    """
    if tokenizer == "auto":
        return
    from sacrebleu.metrics import BLEU
    from sacrebleu.tokenizers.tokenizer_spm import SACREBLEU_DIR, SPM_MODELS

    if tokenizer in SPM_MODELS:
        model = Path(SACREBLEU_DIR) / "models" / Path(SPM_MODELS[tokenizer]["url"]).name
        if not model.is_file():
            raise MissingExtra(
                f"BLEU's tokenizer {tokenizer!r} needs {model}, which is missing; download it once with: "
                f"python -c \"from sacrebleu.metrics import BLEU; BLEU(tokenize='{tokenizer}')\""
            )
        return
    try:
        BLEU(tokenize=tokenizer)
    except RuntimeError:  # no MeCab
        extra = f"sacrebleu[{tokenizer.partition('-')[0]}]"
        raise MissingExtra(
            f"BLEU's tokenizer {tokenizer!r} is not installed; install it with: pip install '{extra}'"
        ) from None


def check_references(test: ParallelCorpus, unit: str = "pair") -> None:
    """Warns about empty references, which count every translation as wrong.

    Pairs whose source is empty too are not reported.

    Args:
        unit: unit of the reported numbers; "line" if the test set is two whole files.

    Raises:
        InputError: every reference is empty.
    """
    if len(test) and not any(map(str.strip, test.target)):
        raise InputError(
            f"{test.origin}: every reference is empty ({unit} 1 to {len(test)}); expected the translation of "
            "each source sentence"
        )
    empty = [str(row) for row, (one, other) in enumerate(test, start=1) if one.strip() and not other.strip()]
    if empty:
        more = f" and {len(empty) - _LINES_SHOWN} more" if len(empty) > _LINES_SHOWN else ""
        log.warning(
            "%s: the reference is empty in %s %s%s, where any translation counts as wrong; write it or leave "
            "the pair out", test.origin, unit, ", ".join(empty[:_LINES_SHOWN]), more,
        )  # fmt: skip


def _check_lengths(systems: Mapping[str, Sequence[str]], expected: int) -> None:
    faults = Faults("cannot score the translations")
    for name, hypotheses in systems.items():
        if len(hypotheses) != expected:
            what = f"system {name!r}" if name else "the translation"
            faults.add(
                f"{what} has {len(hypotheses)} sentences, but the reference has {expected}; "
                "both must match line by line"
            )
    if not expected:
        faults.add("there is nothing to score: the reference is empty")
    faults.raise_as(InputError)


def compare_by_comet(
    test: ParallelCorpus, systems: Mapping[str, Sequence[str]], num_samples: int = NUM_SAMPLES
) -> list[SystemScore]:
    """Scores systems by COMET, the mean of their sentences' scores; see :func:`compare`.

    Runs on the CPU and downloads the model on first use.
    """
    from importlib.metadata import version

    import numpy
    from comet import download_model, load_from_checkpoint

    _check_lengths(systems, len(test))
    scorer = load_from_checkpoint(download_model(COMET_MODEL))
    statistics = {}
    for name, lines in systems.items():
        rows = [{"src": src, "mt": mt, "ref": ref} for src, mt, ref in zip(test.source, lines, test.target)]
        predicted = scorer.predict(rows, batch_size=16, gpus=0, progress_bar=False)
        statistics[name] = numpy.array(predicted.scores, dtype=numpy.float64)[:, None]
    resamples = f"bs:{num_samples}|seed:{SEED}|" if num_samples else ""
    signature = f"nrefs:1|{resamples}model:{COMET_MODEL}|version:{version('unbabel-comet')}"

    def mean(sums: numpy.ndarray) -> numpy.ndarray:
        return 100 * sums[:, 0] / len(test)

    return _compared(statistics, mean, "COMET", signature, num_samples)


def check_installed(settings: EvaluationSettings) -> None:
    """Checks that the tokenizer and COMET are installed, before translating.

    Raises:
        MissingExtra: one is not installed; says how to install it.
    """
    check_tokenizer(settings.tokenizer)
    if settings.with_comet and find_spec("comet") is None:
        raise MissingExtra("COMET is not installed; install it with: pip install 'crosslate[comet]'")


def read_translations(paths: Sequence[str], test: ParallelCorpus) -> dict[str, list[str]]:
    """Translations of a test set from files, one sentence per line, by the names of the files.

    Raises:
        InputError: lists every file that cannot be read or has another number of lines than the test set.
    """
    faults = Faults("cannot score these translations")
    found: dict[str, list[str]] = {}
    for path in paths:
        with faults.catch(CorpusError):
            found[path] = list(read_lines(path))
            if len(found[path]) != len(test):
                faults.add(
                    f"{path} has {len(found[path])} lines, but the test set ({test.origin}) has {len(test)}; "
                    "expected one translation per sentence"
                )
    faults.raise_as(InputError)
    return found


def score_systems(
    test: ParallelCorpus, systems: Mapping[str, Sequence[str]], settings: EvaluationSettings
) -> dict[str, list[SystemScore]]:
    """Scores of systems on a test set by the metric's name in the signature; the first is the baseline."""
    scores: dict[str, list[SystemScore]] = {}
    for metric in settings.metrics:
        found = compare(test, systems, metric, tokenizer=settings.tokenizer, num_samples=settings.num_samples)
        scores[found[0].score.metric] = found
    if settings.with_comet:
        scores["COMET"] = compare_by_comet(test, systems, settings.num_samples)
    return scores


def as_values(test: ParallelCorpus, scores: Mapping[str, Sequence[SystemScore]]) -> dict[str, Any]:
    """Plain values for JSON: the test set with its hash, and every score with interval and signature."""
    return {
        "test": {
            "origin": test.origin,
            "sentences": len(test),
            "sha256": test.content_hash,
            "source_language": test.source_language,
            "target_language": test.target_language,
        },
        "scores": [
            {
                "system": system.name,
                "metric": metric,
                "value": system.score.value,
                "interval": None if system.score.interval is None else list(system.score.interval),
                "difference": system.difference and system.difference.value,
                "difference_interval": system.difference and list(system.difference.interval),
                "p_value": system.difference and system.difference.p_value,
                "signature": system.score.signature,
            }
            for metric, systems in scores.items()
            for system in systems
        ],
    }
