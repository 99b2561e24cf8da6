"""BLEU, chrF and COMET, each with its signature and interval, and the comparison of systems.

The numbers are sacreBLEU's; this module checks the numbers of lines, which sacreBLEU takes on trust: it gives
100.00 to one hypothesis against two references that it begins, for example.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import Field

from crosslate.config import Settings
from crosslate.errors import CorpusError, Faults, InputError, MissingExtra, nearest
from crosslate.text.corpora import ParallelCorpus
from crosslate.text.streams import read_lines

if TYPE_CHECKING:
    import numpy

Metric = Literal["bleu", "chrf"]
Tokenizer = Literal["13a", "intl", "char", "zh", "none"]
METRICS: tuple[Metric, ...] = get_args(Metric)
NUM_SAMPLES = 1000
COMET_MODEL = "Unbabel/wmt22-comet-da"
_SEED = 12345  # sacreBLEU's own


@dataclass(frozen=True)
class Score:
    """A corpus score that can be compared with others of the same signature.

    Attributes:
        metric: "BLEU", "chrF2" or "COMET".
        value: 0-100 (COMET: 100 times the model's number, which may leave that range).
        signature: the settings and versions that make the number comparable.
        interval: 95 % bootstrap interval, None where it was not asked for.
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
        p_value: how likely a difference from the first system at least as large would be by chance
            (0-1; paired bootstrap; 1 where both have the same score); None for the first system itself.
    """

    name: str
    score: Score
    p_value: float | None


class EvaluationSettings(Settings):
    """What is measured, and how."""

    metric: str = Field("bleu,chrf", description="bleu, chrf or both, with a comma between.")
    tokenizer: Tokenizer = Field("13a", description="sacreBLEU's tokenizer for BLEU.")
    num_samples: int = Field(
        NUM_SAMPLES, ge=0, description="Bootstrap resamples, for intervals and comparisons; 0 for none."
    )
    with_comet: bool = Field(False, description="Also COMET, if it is installed.")

    @property
    def metrics(self) -> list[Any]:
        return [part.strip() for part in self.metric.split(",") if part.strip()]

    def find_faults(self, faults: Faults) -> None:
        for metric in self.metrics:
            if metric not in METRICS:
                faults.add(f"unknown metric {metric!r}; {nearest(metric, METRICS)}")
        if not self.metrics:
            faults.add(f"no metric was given; known: {', '.join(METRICS)}")


def bleu(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    tokenizer: Tokenizer = "13a",
    num_samples: int = NUM_SAMPLES,
) -> Score:
    """Detokenised, cased BLEU against one reference per sentence.

    Args:
        tokenizer: sacreBLEU's, part of the signature; "13a" is the default of the field and the paper's
            (section 3.2), "zh" and "char" suit languages written without spaces.
        num_samples: bootstrap resamples for the interval, which lies symmetrically around their mean; 0
            leaves it out. A thousand take 40 kB of memory per sentence (chrF: 72 kB).

    Raises:
        InputError: nothing to score, or unequal lengths.
    """
    (only,) = compare(references, {"": hypotheses}, "bleu", tokenizer=tokenizer, num_samples=num_samples)
    return only.score


def chrf(hypotheses: Sequence[str], references: Sequence[str], *, num_samples: int = NUM_SAMPLES) -> Score:
    """chrF (character 6-grams, beta 2) against one reference per sentence; see :func:`bleu`."""
    return compare(references, {"": hypotheses}, "chrf", num_samples=num_samples)[0].score


def compare(
    references: Sequence[str],
    systems: Mapping[str, Sequence[str]],
    metric: Metric,
    *,
    tokenizer: Tokenizer = "13a",
    num_samples: int = NUM_SAMPLES,
) -> list[SystemScore]:
    """Scores systems on one test set and tests their difference from the first one.

    Args:
        num_samples: resamples of the paired bootstrap (Koehn 2004); 0 leaves out intervals and the test.

    Raises:
        InputError: nothing to score or unequal lengths, of every system at once.
    """
    from sacrebleu.metrics import BLEU, CHRF
    from sacrebleu.significance import PairedTest

    _check_lengths(systems, len(references))
    scorer = BLEU(tokenize=tokenizer) if metric == "bleu" else CHRF()
    if not num_samples:
        scored = []
        for system, hypotheses in systems.items():
            result = scorer.corpus_score(hypotheses, [references])
            how = str(scorer.get_signature())
            score = Score(result.name, _percent(result.score), how, None, len(references))
            scored.append(SystemScore(system, score, None))
        return scored
    test = PairedTest(
        list(systems.items()), {metric: scorer}, [references], test_type="bs", n_samples=num_samples
    )
    signatures, table = test()
    ((name, signature),) = signatures.items()
    results: list[Any] = list(table[name])
    scored = []
    for system, result in zip(systems, results):
        interval = (_percent(result.mean - result.ci), _percent(result.mean + result.ci))
        score = Score(name, _percent(result.score), str(signature), interval, len(references))
        # By sacreBLEU's count a system differs significantly from its own copy (p = 0.001).
        is_equal = result.p_value is not None and result.score == results[0].score
        scored.append(SystemScore(system, score, 1.0 if is_equal else result.p_value))
    return scored


def _check_lengths(systems: Mapping[str, Sequence[str]], expected: int) -> None:
    faults = Faults("cannot score the translations")
    for name, hypotheses in systems.items():
        if len(hypotheses) != expected:
            what = f"system {name!r}" if name else "the translation"
            faults.add(
                f"{what} has {len(hypotheses)} sentences, the reference has {expected}; "
                "both must have the same, line by line"
            )
    if not expected:
        faults.add("there is nothing to score: the reference is empty")
    faults.raise_as(InputError)


def _percent(value: float) -> float:
    """sacreBLEU's 100.00000000000004, and an interval's ends beyond the scale, brought back onto it."""
    return min(100.0, max(0.0, float(value)))


def comet(
    sources: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[str],
    num_samples: int = NUM_SAMPLES,
) -> Score:
    """COMET, on the CPU; fetches the model on first use.

    Args:
        num_samples: bootstrap resamples of the sentences' scores; 0 leaves the interval out.

    Raises:
        InputError: nothing to score, or unequal lengths.
    """
    from importlib.metadata import version

    from comet import download_model, load_from_checkpoint

    _check_lengths({"": hypotheses}, len(references))
    rows = [{"src": src, "mt": mt, "ref": ref} for src, mt, ref in zip(sources, hypotheses, references)]
    scorer = load_from_checkpoint(download_model(COMET_MODEL))
    predicted = scorer.predict(rows, batch_size=16, gpus=0, progress_bar=False)
    interval = _mean_interval(predicted.scores, num_samples) if num_samples else None
    resamples = f"bs:{num_samples}|seed:{_SEED}|" if num_samples else ""
    signature = f"nrefs:1|{resamples}model:{COMET_MODEL}|version:{version('unbabel-comet')}"
    return Score("COMET", 100 * float(predicted.system_score), signature, interval, len(rows))


def _mean_interval(scores: Sequence[float], num_samples: int) -> tuple[float, float]:
    """95 % bootstrap interval of 100 times the mean, by the same percentiles as sacreBLEU's."""
    import numpy

    values = numpy.asarray(scores, dtype=numpy.float64)
    generator = numpy.random.default_rng(_SEED)
    means: numpy.ndarray = numpy.sort(
        [values[generator.integers(len(values), size=len(values))].mean() for _ in range(num_samples)]
    )
    cut = num_samples // 40
    return 100 * float(means[cut]), 100 * float(means[num_samples - cut - 1])


def check_comet() -> None:
    """Refuses COMET where it is not installed, before anything is translated for it."""
    if find_spec("comet") is None:
        raise MissingExtra("COMET is not installed; install it with: pip install 'crosslate[comet]'")


def read_translations(paths: Sequence[str], test: ParallelCorpus) -> dict[str, list[str]]:
    """Translations of a test set from files, one sentence per line, by the names of the files.

    Raises:
        InputError: lists every file that cannot be read or has not as many lines as the test set.
    """
    faults = Faults("cannot score these translations")
    found: dict[str, list[str]] = {}
    for path in paths:
        with faults.catch(CorpusError):
            found[path] = list(read_lines(path))
            if len(found[path]) != len(test):
                faults.add(
                    f"{path} has {len(found[path])} lines, the test set ({test.origin}) has {len(test)}; "
                    "expected a translation per sentence, line by line"
                )
    faults.raise_as(InputError)
    return found


def score_systems(
    test: ParallelCorpus, systems: Mapping[str, Sequence[str]], settings: EvaluationSettings
) -> dict[str, list[SystemScore]]:
    """Scores of systems on a test set by the metric's name in the signature; the first is the baseline."""
    scores: dict[str, list[SystemScore]] = {}
    for metric in settings.metrics:
        found = compare(
            test.target, systems, metric, tokenizer=settings.tokenizer, num_samples=settings.num_samples
        )
        scores[found[0].score.metric] = found
    if settings.with_comet:
        scores["COMET"] = [
            SystemScore(name, comet(test.source, lines, test.target, settings.num_samples), None)
            for name, lines in systems.items()
        ]
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
                "p_value": system.p_value,
                "signature": system.score.signature,
            }
            for metric, systems in scores.items()
            for system in systems
        ],
    }
