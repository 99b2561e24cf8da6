"""Verdicts on claims of the paper, from stored comparisons.

A claim is judged on every comparison that bears on it. One that has no result is not measured; one that lacks
some of them can only be contradicted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, Literal

from crosslate.studies.cells import Cell, find
from crosslate.studies.store import Results, turned

Verdict = Literal["confirmed", "contradicted", "equivalent", "undecided", "by construction", "not measured"]
Outcome = Literal["for", "against", "equal", "open"]
SIGNIFICANT = 0.05
LEAST_SCORE = 1.0
"""If neither of two systems reaches this BLEU or precision@1, their difference is meaningless."""
MARGINS = {"bleu": 0.5, "precision": 2.0}
"""Systems are equivalent if the 95 % interval of their difference lies within this many points."""
_UNITS = {"bleu": "BLEU", "precision": "points of precision@1"}


@dataclass(frozen=True)
class Evidence:
    """One comparison for or against a claim.

    Attributes:
        what: the compared systems, for display.
        first: the number that the claim expects to be larger.
        interval: 95 % interval of the difference.
        p_value: two-sided, corrected for all comparisons of the report.
        metric: ``bleu`` or ``precision``.
        children, parents, num_seeds, num_units: what was compared: pairs, parents, seeds, and
            sentences or words of the smallest test.
        chrf: the stored difference in chrF2; None for lexicon induction.
    """

    what: str
    first: float
    second: float
    interval: tuple[float, float]
    p_value: float
    metric: str = "bleu"
    children: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    num_seeds: int = 1
    num_units: int = 0
    chrf: Mapping[str, Any] | None = None

    @property
    def difference(self) -> float:
        return self.first - self.second

    def outcome(self, within: float | None = None) -> Outcome:
        """What it says to a claim that the first is larger, or with ``within``, larger by less than that."""
        (low, high), margin = self.interval, MARGINS[self.metric]
        if max(self.first, self.second) < LEAST_SCORE:
            return "open"
        if -margin < low and high < margin:
            return "equal"
        if within is not None:
            return "for" if high < within else "against" if low > within else "open"
        if self.p_value >= SIGNIFICANT:
            return "open"
        return "for" if self.difference > 0 else "against"

    @property
    def has_opposite_chrf(self) -> bool:
        """Whether the whole interval in chrF2 lies on the other side of 0."""
        low, high = self.chrf["interval"] if self.chrf else (0.0, 0.0)
        return high < 0 if self.difference > 0 else low > 0


@dataclass(frozen=True)
class Finding:
    """A claim and where the paper makes it, with its verdict, the reason, the test and all evidence.

    Attributes:
        basis: what the verdict was found on: children, parents, seeds, sentences.
    """

    claim: str
    source: str
    verdict: Verdict
    reason: str
    basis: str
    test: str
    evidence: tuple[Evidence, ...]


def judge(
    claim: str, source: str, planned: Sequence[Evidence | None], *, within: float | None = None
) -> Finding:
    """Judges a claim of the paper on comparisons, each of which must support it.

    Confirmed if all support it; contradicted if one speaks against it; equivalent if all differences lie
    within the margin; otherwise undecided.

    Args:
        source: where the paper makes the claim.
        planned: all comparisons that bear on it; None for those without a result.
        within: the claim is that the first is at most so much above the second, judged on the interval.
    """
    evidence = [each for each in planned if each]
    num_missing = len(planned) - len(evidence)
    if not evidence:
        return not_measured(claim, source)
    counts = Counter(each.outcome(within) for each in evidence)
    found = set(counts)
    verdict: Verdict = "undecided"
    if "against" in found:
        verdict = "contradicted"
    elif num_missing:
        verdict = "undecided"
    elif found == {"equal"}:
        verdict = "equivalent"
    elif found == {"for"} or (within is not None and found == {"for", "equal"}):
        verdict = "confirmed"
    average = mean(each.difference for each in evidence)
    reason = (
        f"{counts['for']} of {len(evidence)} differences support it, {counts['against']} speak against it, "
        f"{counts['equal']} are equivalent, {counts['open']} are open; on average {average:+.1f}"
    )
    if num_missing:
        reason += f"; {num_missing} more have no result yet"
    if num_opposite := sum(each.has_opposite_chrf for each in evidence):
        reason += f"; in chrF2, {num_opposite} lie on the other side of 0"
    metric = evidence[0].metric
    margin = f"equivalent within {MARGINS[metric]:g} {_UNITS[metric]}"
    how = (
        f"95 % interval of the difference, paired bootstrap; {margin}"
        if within is not None
        else f"paired bootstrap, two-sided, p < {SIGNIFICANT} by Holm's correction; {margin}"
    )
    return Finding(claim, source, verdict, reason, _basis(evidence), how, tuple(evidence))


def by_construction(claim: str, source: str, reason: str, *, holds: bool) -> Finding:
    """A property of packs rather than an empirical claim; checked all the same."""
    verdict: Verdict = "by construction" if holds else "contradicted"
    return Finding(claim, source, verdict, reason, "", "", ())


def not_measured(claim: str, source: str) -> Finding:
    return Finding(claim, source, "not measured", "no result of this study bears on it", "", "", ())


def _basis(evidence: Sequence[Evidence]) -> str:
    children = list(dict.fromkeys(child for each in evidence for child in each.children))
    parents = {parent for each in evidence for parent in each.parents}
    seeds, units = (sorted({getattr(each, name) for each in evidence}) for name in ("num_seeds", "num_units"))
    what, many = ("lexicon", "words") if evidence[0].metric == "precision" else ("test set", "sentences")

    def counted(counts: Sequence[int], name: str) -> str:
        shown = f"{counts[0]:,}" + (f"–{counts[-1]:,}" if len(counts) > 1 else "")
        return f"{shown} {name}" + ("" if counts == [1] else "s")

    shown = [", ".join(children), counted([len(parents)], "parent"), counted(seeds, "seed")]
    shown.append(f"{what}s of {counted(units, many.removesuffix('s'))}")
    return "; ".join(shown)


def compared(
    results: Results, first: Mapping[str, Any], second: Mapping[str, Any], *, is_average: bool = False
) -> list[Evidence | None]:
    """Comparisons of systems by their labels and ``kind``; the claim expects the first to be larger.

    Planned comparisons without a result are None.

    Args:
        first: without ``size``, systems with the most training pairs.
        is_average: one comparison that averages over children; with a single child, its own.
    """
    first = {"size": results.full_size, **first}
    found: dict[bool, list[Evidence | None]] = {False: [], True: []}
    for cell in find(results.cells, "compare"):
        one, other = cell.labels["one"], cell.labels["other"]
        for ours, theirs, is_turned in ((one, other, False), (other, one, True)):
            if first.items() <= ours.items() and second.items() <= theirs.items():
                result = results.by_key.get(cell.key)
                evidence = None
                if result:
                    evidence = evidence_of(results, cell, result.values, is_turned=is_turned)
                found[cell.labels["is_average"]].append(evidence)
    return found[True] or found[False] if is_average else found[False]


def evidence_of(
    results: Results, cell: Cell, values: Mapping[str, Any], *, is_turned: bool = False
) -> Evidence:
    """A stored comparison as evidence, in either order."""
    labels, metric = cell.labels, "bleu" if "bleu" in values else "precision"
    names = [labels["first"], labels["second"]]
    main, chrf = values[metric], values.get("chrf")
    if is_turned:
        main, chrf = turned(main), chrf and turned(chrf)
    return Evidence(
        " against ".join(reversed(names) if is_turned else names), main["first"], main["second"],
        tuple(main["interval"]), results.corrected[cell.key], metric, tuple(labels["children"]),
        tuple(labels["parents"]), len(labels["seeds"]), values["units"],
        chrf,
    )  # fmt: skip
