"""The paper's findings as claims, and what the stored results say to each; nothing is run for it.

A claim is confirmed or contradicted by differences that a test calls significant; where results are missing
it is not measured, and where they do not suffice it is undecided.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, Literal

from crosslate.studies.cells import Cell, find
from crosslate.studies.store import Result

Verdict = Literal["confirmed", "contradicted", "undecided", "not measured"]
SIGNIFICANT = 0.05
MAX_GAP_BLEU = 2.0
LEAST_BLEU = 1.0
"""Where neither of two systems reaches it, none translates, and their difference says nothing."""


@dataclass(frozen=True)
class Evidence:
    """One difference that speaks for or against a claim.

    Attributes:
        what: which systems, for people.
        first: the number that the claim expects to be larger.
        second: the other one.
        p_value: how likely such a difference would be by chance (0-1); None where nothing was tested.
    """

    what: str
    first: float
    second: float
    p_value: float | None

    @property
    def difference(self) -> float:
        return self.first - self.second

    @property
    def side(self) -> int:
        """1 where it supports the claim, -1 where it speaks against it, 0 where it does neither."""
        if max(self.first, self.second) < LEAST_BLEU:
            return 0
        if self.p_value is not None and self.p_value >= SIGNIFICANT:
            return 0
        return (self.difference > 0) - (self.difference < 0)

    def turned(self) -> Evidence:
        """The same difference for a claim that expects the other number to be larger."""
        one, _, other = self.what.partition(" against ")
        return Evidence(f"{other} against {one}", self.second, self.first, self.p_value)


@dataclass(frozen=True)
class Finding:
    """A claim with its verdict.

    Attributes:
        claim: what the paper says.
        source: where in the paper.
        verdict: what our results say.
        reason: the numbers behind it, in a sentence.
        test: which test was used.
        evidence: every difference.
    """

    claim: str
    source: str
    verdict: Verdict
    reason: str
    test: str
    evidence: tuple[Evidence, ...]


BOOTSTRAP = f"paired bootstrap of BLEU on the test set, p < {SIGNIFICANT}"
PROPORTIONS = f"difference of two proportions, p < {SIGNIFICANT}"


class Findings:
    """The claims of the paper, looked up in the results of a study.

    Args:
        cells: of the study.
        results: by key.
    """

    def __init__(self, cells: Sequence[Cell], results: dict[str, Result]) -> None:
        self.cells, self.results = cells, results

    def all(self) -> list[Finding]:
        """Every claim, in the paper's order."""
        return [
            self.above_embeddings_on_target_sides(),
            self.above_embeddings_on_average(),
            self.close_to_body(),
            self.above_random(),
            self.aligned(),
            self.not_aligned_after_body(),
            self.forgets_less(),
            self.parent_stays(),
            self.embeddings_fail_with_denoiser(),
            self.zero_shot_against_little_text(),
            self.zero_shot_below_all_text(),
        ]

    def above_embeddings_on_target_sides(self) -> Finding:
        evidence = self._compared("child", "xattn", "embeddings", side="target")
        return _every(
            "Training cross-attention beside new target embeddings beats training the embeddings alone, "
            "for every child.", "section 3.3, Table 2", evidence, BOOTSTRAP,
        )  # fmt: skip

    def above_embeddings_on_average(self) -> Finding:
        evidence = self._compared("child", "xattn", "embeddings")
        return _on_average(
            "Training cross-attention beside new embeddings beats training the embeddings alone, on average.",
            "section 3.3, Table 2", evidence, BOOTSTRAP,
        )  # fmt: skip

    def close_to_body(self) -> Finding:
        claim = f"Training cross-attention comes within {MAX_GAP_BLEU:g} BLEU of training the whole body."
        evidence = self._compared("child", "body", "xattn")
        if not evidence:
            return _missing(claim, "section 3.3, Table 2")
        gaps = [each.difference for each in evidence]
        verdict: Verdict = "undecided"
        if max(each.first for each in evidence) < LEAST_BLEU:
            verdict = "undecided"
        elif max(gaps) <= MAX_GAP_BLEU:
            verdict = "confirmed"
        elif mean(gaps) > MAX_GAP_BLEU:
            verdict = "contradicted"
        reason = (
            f"the gap is {mean(gaps):.1f} BLEU on average, {max(gaps):.1f} at most, over {len(gaps)} children"
        )
        return Finding(claim, "section 3.3, Table 2", verdict, reason, "the gaps themselves", evidence)

    def above_random(self) -> Finding:
        return _every(
            "Pretrained cross-attention beats cross-attention from random values, the same groups trained.",
            "section 3.3, Table 2", self._compared("child", "xattn", "randxattn"), BOOTSTRAP,
        )  # fmt: skip

    def aligned(self) -> Finding:
        return _every(
            "After training with the pretrained cross-attention the new embeddings lie where their "
            "translations lie (precision@1 of lexicon induction, above that after random cross-attention).",
            "section 4.2", self._lexicons("xattn", "randxattn"), PROPORTIONS,
        )  # fmt: skip

    def not_aligned_after_body(self) -> Finding:
        return _every(
            "When the whole body is trained, the new embeddings are aligned less (precision@1; 55 against "
            "19.7 % in the paper).", "section 4.2", self._lexicons("xattn", "body"), PROPORTIONS,
        )  # fmt: skip

    def forgets_less(self) -> Finding:
        return _every(
            "With the parent's embeddings plugged back in, a child's body knows more of the parent's pair "
            "after training cross-attention alone than after training the whole body.",
            "section 5.1, Figure 4", self._compared("forgetting", "xattn", "body"), BOOTSTRAP,
        )  # fmt: skip

    def parent_stays(self) -> Finding:
        claim = "The parent itself forgets nothing: its tensors are the same with every pack in use."
        found = [
            self.results[cell.key] for cell in find(self.cells, "forgetting") if cell.key in self.results
        ]
        if not found:
            return _missing(claim, "section 5.1; a property of packs")
        same = sum(bool(result.values["parent_is_identical"]) for result in found)
        verdict: Verdict = "confirmed" if same == len(found) else "contradicted"
        reason = f"{same} of {len(found)} packs leave the parent's fingerprint as it was"
        return Finding(
            claim, "section 5.1; a property of packs", verdict, reason, "sha256 of all tensors", ()
        )

    def embeddings_fail_with_denoiser(self) -> Finding:
        evidence = tuple(
            each.turned()
            for each in self._compared("denoising child", "embeddings", "scratch", other_kind="child")
        )
        return _every(
            "On a denoising parent, which knows no translation, training embeddings alone fails: it stays "
            "below a model from scratch.", "section 4.1, Figure 2", evidence, BOOTSTRAP,
        )  # fmt: skip

    def zero_shot_against_little_text(self) -> Finding:
        return _every(
            "A composed child of a pair that nothing was trained on beats a model trained from scratch on a "
            "little text of it (9.2 BLEU against 7.2 with 50,000 pairs in the paper).",
            "section 5.2, Table 3", self._zero_shot(is_smallest=True), BOOTSTRAP,
        )  # fmt: skip

    def zero_shot_below_all_text(self) -> Finding:
        evidence = tuple(each.turned() for each in self._zero_shot(is_smallest=False))
        return _every(
            "A model trained from scratch on all text of the pair beats the composed child (18.3 BLEU "
            "against 9.2 in the paper).", "section 5.2, Table 3", evidence, BOOTSTRAP,
        )  # fmt: skip

    def _compared(
        self, kind: str, first: str, second: str, other_kind: str = "", **labels: Any
    ) -> tuple[Evidence, ...]:
        """Comparisons of systems by what they train, of the largest size of each child."""
        largest = _largest_sizes(self.cells)

        def is_wanted(one: Cell, other: Cell) -> bool:
            return (
                (one.kind, other.kind) == (kind, other_kind or kind)
                and (one.labels.get("part"), other.labels.get("part")) == (first, second)
                and all(one.labels.get(name) == value for name, value in labels.items())
                and one.labels.get("size")
                == largest.get(str(one.labels.get("child")), one.labels.get("size"))
            )

        found = [
            (self._evidence(one, other, values), False)
            for one, other, values in self._comparisons()
            if is_wanted(one, other)
        ]
        # The grid compares a pair once; the claim may look at it the other way round.
        found += [
            (self._evidence(other, one, values), True)
            for one, other, values in self._comparisons()
            if (first, second) == ("body", "xattn") and is_wanted(other, one)
        ]
        return tuple(each for each, _ in found)

    def _evidence(self, one: Cell, other: Cell, values: dict[str, Any]) -> Evidence:
        scores = [self.results[cell.key].values["scores"]["bleu"]["value"] for cell in (one, other)]
        return Evidence(f"{one.title} against {other.title}", scores[0], scores[1], values["bleu"]["p_value"])

    def _comparisons(self) -> Iterator[tuple[Cell, Cell, dict[str, Any]]]:
        by_key = {cell.key: cell for cell in self.cells}
        for cell in find(self.cells, "compare"):
            if cell.key in self.results:
                one, other = by_key[cell.needs["first"]], by_key[cell.needs["second"]]
                if one.key in self.results and other.key in self.results:
                    yield one, other, self.results[cell.key].values

    def _lexicons(self, first: str, second: str) -> tuple[Evidence, ...]:
        """Precision@1 of the same child's systems, in percent."""
        evidence = []
        for one in find(self.cells, "lexicon", part=first):
            same = {name: one.labels[name] for name in ("child", "seed", "size")}
            for other in find(self.cells, "lexicon", part=second, **same):
                if one.key in self.results and other.key in self.results:
                    values = [self.results[cell.key].values for cell in (one, other)]
                    first_at_1, second_at_1 = (each["cosine"]["precision_at_1"] for each in values)
                    counts = [int(each["words"]) for each in values]
                    p_value = two_proportions(first_at_1, second_at_1, counts[0], counts[1])
                    what = f"{one.title} against {other.title}"
                    evidence.append(Evidence(what, first_at_1, second_at_1, p_value))
        return tuple(evidence)

    def _zero_shot(self, *, is_smallest: bool) -> tuple[Evidence, ...]:
        """Composed pairs against the model from scratch with the least, or the most, text."""
        chosen: dict[tuple[Any, ...], tuple[float, Evidence]] = {}
        for one, other, values in self._comparisons():
            if (one.kind, other.kind) == ("zero-shot", "supervised") and one.labels["part"] == "xattn":
                size = other.labels["size"] or math.inf
                key = (one.labels["pair"], one.labels["seed"])
                rank = size if is_smallest else -size
                if key not in chosen or rank < chosen[key][0]:
                    chosen[key] = (rank, self._evidence(one, other, values))
        return tuple(evidence for _, evidence in chosen.values())


def two_proportions(first: float, second: float, num_first: int, num_second: int) -> float:
    """How likely two percentages would differ at least as much by chance (two-sided, normal approximation).

    Args:
        first: percent, 0-100, of ``num_first``; likewise the second.
    """
    if not num_first or not num_second:
        return 1.0
    pooled = (first * num_first + second * num_second) / (100 * (num_first + num_second))
    variance = pooled * (1 - pooled) * (1 / num_first + 1 / num_second)
    if variance <= 0:
        return 1.0
    return math.erfc(abs(first - second) / 100 / math.sqrt(2 * variance))


def _every(claim: str, source: str, evidence: tuple[Evidence, ...], test: str) -> Finding:
    """Confirmed where all evidence supports the claim, contradicted where some speaks against it."""
    return _judged(
        claim, source, evidence, test,
        lambda sides: "contradicted" if -1 in sides else "confirmed" if 0 not in sides else "undecided",
    )  # fmt: skip


def _on_average(claim: str, source: str, evidence: tuple[Evidence, ...], test: str) -> Finding:
    """Confirmed where the mean and more of the significant differences support the claim."""

    def verdict(sides: Sequence[int]) -> Verdict:
        average, balance = mean(each.difference for each in evidence), sum(sides)
        if average > 0 and balance > 0:
            return "confirmed"
        return "contradicted" if average < 0 and balance < 0 else "undecided"

    return _judged(claim, source, evidence, test, verdict)


def _judged(
    claim: str,
    source: str,
    evidence: tuple[Evidence, ...],
    test: str,
    verdict: Callable[[Sequence[int]], Verdict],
) -> Finding:
    if not evidence:
        return _missing(claim, source)
    sides = [each.side for each in evidence]
    reason = (
        f"{sides.count(1)} of {len(sides)} differences support it, {sides.count(-1)} speak against it, "
        f"{sides.count(0)} are not significant; on average {mean(each.difference for each in evidence):+.1f}"
    )
    return Finding(claim, source, verdict(sides), reason, test, evidence)


def _missing(claim: str, source: str) -> Finding:
    return Finding(claim, source, "not measured", "no result of this study bears on it", "", ())


def _largest_sizes(cells: Sequence[Cell]) -> dict[str, int]:
    """The size that stands for all text, or else the largest, by child."""
    sizes: dict[str, list[int]] = {}
    for cell in find(cells, "child"):
        sizes.setdefault(cell.labels["child"], []).append(cell.labels["size"])
    return {child: 0 if 0 in found else max(found) for child, found in sizes.items()}
