"""BLEU, chrF and COMET, each with its signature and interval, and the comparison of systems.

The numbers are sacreBLEU's; this module checks what sacreBLEU takes on trust. It gives 100.00 to one
hypothesis against two references that it begins, for example.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import Field

from crosslate.config import Settings
from crosslate.errors import CorpusError, Faults, InputError, MissingExtra, UsageError, nearest
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

    def __str__(self) -> str:
        interval = "" if self.interval is None else f" [{self.interval[0]:.2f}, {self.interval[1]:.2f}]"
        return f"{self.metric} = {self.value:.2f}{interval} ({self.signature})"


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
    def metrics(self) -> list[str]:
        return [part.strip() for part in self.metric.split(",") if part.strip()]

    def find_faults(self, faults: Faults) -> None:
        for metric in self.metrics:
            if metric not in METRICS:
                faults.add(f"unknown metric {metric!r}; {nearest(metric, METRICS)}")
        if not self.metrics:
            faults.add(f"no metric was given; known: {', '.join(METRICS)}")


@dataclass(frozen=True)
class Evaluation:
    """Scores of systems on one test set, by the metric's name in the signature; the first is the baseline."""

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
        InputError: nothing to score, unequal lengths, or something that is not a text.
        UsageError: an unknown tokenizer, or fewer samples than 0.
    """
    return _score(hypotheses, references, "bleu", tokenizer, num_samples)


def chrf(hypotheses: Sequence[str], references: Sequence[str], *, num_samples: int = NUM_SAMPLES) -> Score:
    """chrF (character 6-grams, beta 2) against one reference per sentence; see :func:`bleu`."""
    return _score(hypotheses, references, "chrf", "13a", num_samples)


def compare(
    references: Sequence[str],
    systems: Mapping[str, Sequence[str]],
    metric: Metric = "bleu",
    *,
    tokenizer: Tokenizer = "13a",
    num_samples: int = NUM_SAMPLES,
) -> list[SystemScore]:
    """Scores systems on one test set and tests their difference from the first one.

    Args:
        num_samples: resamples of the paired bootstrap (Koehn 2004), at least 1.

    Raises:
        InputError: fewer than two systems, or input that :func:`bleu` refuses, of every system at once.
        UsageError: an unknown metric or tokenizer, or fewer samples than 1.
    """
    if len(systems) < 2:
        raise InputError(f"there is nothing to compare: {len(systems)} system given, expected at least 2")
    if num_samples < 1:
        raise UsageError(f"{num_samples} bootstrap samples asked for, expected at least 1")
    faults = Faults("cannot compare the systems")
    for name, hypotheses in systems.items():
        with faults.catch(InputError):
            _check_lines(hypotheses, references, f"system {name!r}")
    faults.raise_as(InputError)
    return _bootstrap(references, systems, metric, tokenizer, num_samples)


def comet(
    sources: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    model: str = COMET_MODEL,
    batch_sentences: int = 16,
    num_gpus: int = 0,
    num_samples: int = NUM_SAMPLES,
) -> Score:
    """COMET, where the optional package is installed; fetches the model on first use.

    Args:
        num_samples: bootstrap resamples of the sentences' scores; 0 leaves the interval out.

    Raises:
        InputError: nothing to score, unequal lengths, or something that is not a text.
        MissingExtra: the package is not installed.
    """
    _check_lines(hypotheses, references)
    _check_lines(sources, references, "the source")
    try:
        from comet import download_model, load_from_checkpoint
    except ImportError:
        raise _comet_is_missing() from None
    from importlib.metadata import PackageNotFoundError, version

    try:
        installed = version("unbabel-comet")
    except PackageNotFoundError:
        installed = "unknown"
    rows = [{"src": src, "mt": mt, "ref": ref} for src, mt, ref in zip(sources, hypotheses, references)]
    scorer = load_from_checkpoint(download_model(model))
    predicted = scorer.predict(rows, batch_size=batch_sentences, gpus=num_gpus, progress_bar=False)
    interval = _mean_interval(predicted.scores, num_samples) if num_samples else None
    resamples = f"bs:{num_samples}|seed:{_SEED}|" if num_samples else ""
    signature = f"nrefs:1|{resamples}model:{model}|version:{installed}"
    return Score("COMET", 100 * float(predicted.system_score), signature, interval, len(rows))


def check_comet() -> None:
    """Refuses COMET where it is not installed, before anything is translated for it."""
    if find_spec("comet") is None:
        raise _comet_is_missing()


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


def score_systems(
    test: ParallelCorpus, systems: Mapping[str, Sequence[str]], settings: EvaluationSettings | None = None
) -> Evaluation:
    """Scores the translations of a test set by one or several systems; several are compared with the first.

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
        how: Any = (metric, settings.tokenizer, settings.num_samples)
        if len(systems) > 1:
            found = compare(test.target, systems, how[0], tokenizer=how[1], num_samples=how[2])
        else:
            found = [
                SystemScore(name, _score(lines, test.target, *how), None) for name, lines in systems.items()
            ]
        scores[found[0].score.metric] = found
    if settings.with_comet:
        scores["COMET"] = [
            SystemScore(name, comet(test.source, lines, test.target, num_samples=settings.num_samples), None)
            for name, lines in systems.items()
        ]
    return Evaluation(test, scores)


def _score(
    hypotheses: Sequence[str],
    references: Sequence[str],
    metric: Metric,
    tokenizer: Tokenizer,
    num_samples: int,
) -> Score:
    _check_lines(hypotheses, references)
    if num_samples < 0:
        raise UsageError(f"{num_samples} bootstrap samples asked for, expected 0 (none) or more")
    if num_samples:
        (only,) = _bootstrap(references, {"system": hypotheses}, metric, tokenizer, num_samples)
        return only.score
    scorer = _scorer(metric, tokenizer)
    result = scorer.corpus_score(hypotheses, [references])
    return Score(result.name, _percent(result.score), str(scorer.get_signature()), None, len(references))


def _bootstrap(
    references: Sequence[str],
    systems: Mapping[str, Sequence[str]],
    metric: Metric,
    tokenizer: Tokenizer,
    num_samples: int,
) -> list[SystemScore]:
    """sacreBLEU's paired bootstrap; of a single system it gives the interval alone."""
    from sacrebleu.significance import PairedTest

    scorer = _scorer(metric, tokenizer)
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


def _percent(value: float) -> float:
    """sacreBLEU's 100.00000000000004, and an interval's ends beyond the scale, brought back onto it."""
    return min(100.0, max(0.0, float(value)))


def _scorer(metric: Metric, tokenizer: Tokenizer) -> Any:
    from sacrebleu.metrics import BLEU, CHRF

    EvaluationSettings(metric=metric, tokenizer=tokenizer)  # refuses unknown ones
    return BLEU(tokenize=tokenizer) if metric == "bleu" else CHRF()


def _comet_is_missing() -> MissingExtra:
    return MissingExtra("COMET is not installed; install it with: pip install 'crosslate[comet]'")


def _check_lines(hypotheses: Sequence[str], references: Sequence[str], what: str = "the translation") -> None:
    for name, lines in ((what, hypotheses), ("the reference", references)):
        if isinstance(lines, str):
            raise InputError(f"{name} is one text; expected a list with a text per sentence")
        for index, line in enumerate(lines):
            if not isinstance(line, str):
                raise InputError(f"{name} holds {line!r} at sentence {index + 1}; expected a text")
    if len(hypotheses) != len(references):
        raise InputError(
            f"{what} has {len(hypotheses)} sentences, the reference has {len(references)}; "
            "both must have the same, line by line"
        )
    if not references:
        raise InputError("there is nothing to score: translation and reference are empty")


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
