"""BLEU, chrF and COMET, each with its signature and interval, and the comparison of systems.

The numbers are sacreBLEU's; this module checks what sacreBLEU takes on trust. It gives 100.00 to one
hypothesis against two references that it begins, for example.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from crosslate.errors import Faults, InputError, MissingExtra, UsageError, nearest

if TYPE_CHECKING:
    import numpy

log = logging.getLogger(__name__)

Metric = Literal["bleu", "chrf"]
Tokenizer = Literal["13a", "intl", "char", "zh", "none"]
METRICS: tuple[Metric, ...] = ("bleu", "chrf")
TOKENIZERS: tuple[Tokenizer, ...] = ("13a", "intl", "char", "zh", "none")
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
        num_sentences: how many pairs were scored.
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
        name: the system's name as given.
        score: its score and interval.
        p_value: how likely a difference from the first system at least as large would be by chance
            (0-1; paired bootstrap; 1 where both have the same score); None for the first system itself.
    """

    name: str
    score: Score
    p_value: float | None


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
        num_samples: bootstrap resamples for the interval; 0 leaves the interval out, which is right for
            validation during training. A thousand take 40 kB of memory per sentence (chrF: 72 kB).

    Returns:
        The score; its interval lies symmetrically around the mean of the resamples, as sacreBLEU's does.

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
        systems: hypotheses by the name of the system; the first is the baseline.
        num_samples: resamples of the paired bootstrap (Koehn 2004), at least 1.

    Returns:
        The systems in the order given.

    Raises:
        InputError: fewer than two systems, or what :func:`bleu` refuses, for every system at once.
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
        model: name of a COMET model with references.
        batch_sentences: sentences per batch.
        num_gpus: 0 computes on the CPU.
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
        raise MissingExtra(
            "COMET is not installed; install it with: pip install 'crosslate[comet]'"
        ) from None
    from importlib.metadata import PackageNotFoundError, version

    try:
        installed = version("unbabel-comet")
    except PackageNotFoundError:
        installed = "unknown"
    rows = [{"src": src, "mt": mt, "ref": ref} for src, mt, ref in zip(sources, hypotheses, references)]
    scorer = load_from_checkpoint(download_model(model))
    predicted = scorer.predict(rows, batch_size=batch_sentences, gpus=num_gpus, progress_bar=False)
    signature = f"nrefs:1|model:{model}|version:{installed}"
    interval = None
    if num_samples:
        interval = _mean_interval(predicted.scores, num_samples)
        signature = f"nrefs:1|bs:{num_samples}|seed:{_SEED}|model:{model}|version:{installed}"
    return Score("COMET", 100 * float(predicted.system_score), signature, interval, len(rows))


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

    test = PairedTest(
        list(systems.items()),
        {metric: _scorer(metric, tokenizer)},
        [references],
        test_type="bs",
        n_samples=num_samples,
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

    if metric not in METRICS:
        raise UsageError(f"unknown metric {metric!r}; {nearest(str(metric), METRICS)}")
    if tokenizer not in TOKENIZERS:
        raise UsageError(f"unknown tokenizer {tokenizer!r}; {nearest(str(tokenizer), TOKENIZERS)}")
    return BLEU(tokenize=tokenizer) if metric == "bleu" else CHRF()


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
