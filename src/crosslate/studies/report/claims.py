"""Verdicts on claims of the paper, from stored results.

Significant differences confirm or contradict a claim. It is not measured if results are missing, and
undecided if they do not suffice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, Literal

from crosslate.studies.cells import Cell
from crosslate.studies.store import Results

Verdict = Literal["confirmed", "contradicted", "undecided", "not measured"]
SIGNIFICANT = 0.05
LEAST_BLEU = 1.0
"""If neither of two systems reaches this score, their difference is meaningless."""
BOOTSTRAP = f"paired bootstrap of BLEU on the test set, p < {SIGNIFICANT}"


@dataclass(frozen=True)
class Evidence:
    """One difference for or against a claim.

    Attributes:
        what: the compared systems, for display.
        first: the number that the claim expects to be larger.
        p_value: probability of such a difference by chance (0-1); None without a test.
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
        """1 if it supports the claim, -1 if it contradicts it, else 0."""
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
    """A claim and where the paper makes it, with its verdict, the reason, the test and all evidence."""

    claim: str
    source: str
    verdict: Verdict
    reason: str
    test: str
    evidence: tuple[Evidence, ...]


Rule = Callable[[Sequence[Evidence]], Verdict]


def by_every(evidence: Sequence[Evidence]) -> Verdict:
    """Confirmed if all evidence supports the claim, contradicted if any is against it."""
    sides = [each.side for each in evidence]
    return "contradicted" if -1 in sides else "confirmed" if 0 not in sides else "undecided"


def by_average(evidence: Sequence[Evidence]) -> Verdict:
    """Confirmed if the mean and most significant differences support the claim."""
    average, balance = mean(each.difference for each in evidence), sum(each.side for each in evidence)
    if average > 0 and balance > 0:
        return "confirmed"
    return "contradicted" if average < 0 and balance < 0 else "undecided"


def judge(
    claim: str, source: str, evidence: Sequence[Evidence], rule: Rule = by_every, test: str = BOOTSTRAP
) -> Finding:
    """Judges a claim of the paper from evidence by a rule.

    Args:
        source: where the paper makes the claim.
        test: significance test of the differences.
    """
    if not evidence:
        return not_measured(claim, source)
    sides = [each.side for each in evidence]
    average = mean(each.difference for each in evidence)
    reason = (
        f"{sides.count(1)} of {len(sides)} differences support it, {sides.count(-1)} speak against it, "
        f"{sides.count(0)} are not significant; on average {average:+.1f}"
    )
    return Finding(claim, source, rule(evidence), reason, test, tuple(evidence))


def not_measured(claim: str, source: str) -> Finding:
    return Finding(claim, source, "not measured", "no result of this study bears on it", "", ())


def evidence_of(results: Results, one: Cell, other: Cell, values: dict[str, Any]) -> Evidence:
    """The difference of two systems' BLEU, with the p-value of their comparison."""
    what = f"{one.title} against {other.title}"
    return Evidence(what, results.bleu(one), results.bleu(other), values["bleu"]["p_value"])


def compared(
    results: Results, kind: str, first: str, second: str, other_kind: str = "", **labels: Any
) -> list[Evidence]:
    """Comparisons of systems by what they train, of the children with the most text.

    Args:
        other_kind: kind of the second system's cell, if different.
        labels: of the first system.
    """

    def is_wanted(one: Cell, other: Cell) -> bool:
        return (
            (one.kind, other.kind) == (kind, other_kind or kind)
            and (one.labels.get("part"), other.labels.get("part")) == (first, second)
            and all(one.labels.get(name) == value for name, value in labels.items())
            and one.labels.get("size") == results.full_size
        )

    found = []
    for one, other, values in results.comparisons():
        # Each pair is compared once, but the claim may need the opposite order.
        if is_wanted(one, other):
            found.append(evidence_of(results, one, other, values))
        elif is_wanted(other, one):
            found.append(evidence_of(results, other, one, values))
    return found
