"""What is wanted, beside what a run of all benchmarks measured."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.compare import REFERENCE, shares_of_peak, spread
from benchmarks.learning import OURS, STRATEGY, THEIRS, best, first_to_reach

Measured = Mapping[str, Any]


def table(small: Measured, base: Measured, score: Sequence[Measured], translation: Measured,
          ready: Measured) -> str:  # fmt: skip
    """Markdown; a row whose measurement is missing says so.

    Args:
        small: of ``benchmarks.compare``: rows by system.
        base: likewise, of the base size.
        score: of ``benchmarks.learning``: validations by system, turn by turn.
        translation: of ``benchmarks.translation``: seconds by system.
        ready: of ``benchmarks.readiness``.
    """

    def against(rows: Measured, system: str, name: str, turn: Callable[[float, float], float]) -> list[float]:
        both = zip(rows.get(system, ()), rows.get(REFERENCE, ()), strict=False)
        return [turn(one[name], other[name]) for one, other in both]

    def faster(system: str) -> list[float]:
        return against(small, system, "seconds", lambda one, other: other / one)

    def memory(rows: Measured) -> list[float]:
        return against(rows, "Crosslate src+xattn", "megabytes", lambda one, other: one / other)

    def times(first: str, second: str) -> list[float]:
        return [
            one / other
            for one, other in zip(translation.get(first, ()), translation.get(second, ()), strict=False)
        ]

    generate = min(
        (name for name in translation if name.startswith("generate")),
        key=lambda name: statistics.median(translation[name]),
        default="",
    )
    engine = "Crosslate, CTranslate2 engine"
    cold = ready.get("cold_start", {})
    pack = ready.get("further_pack", {})
    shares = shares_of_peak(base.get("Crosslate src+xattn", ()))
    rows = [
        ("training everything: times Seq2SeqTrainer's tokens/s", "≥ 1.8", faster("Crosslate all"), ""),
        ("epoch of src+xattn: times as fast as (a)'s", "≥ 2.5", faster("Crosslate src+xattn"), ""),
        ("epoch of tgt+xattn: times as fast as (a)'s", "≥ 4", faster("Crosslate tgt+xattn"), ""),
        ("(a)'s best validation BLEU - 1: times as soon", "≥ 3", _as_soon(score), ""),
        ("share of the bf16 peak, base size", "≥ 45 %", shares, " %"),
        ("translation, beam 5: times the faster generate", "≥ 8", times(generate, engine), ""),
        ("the same with int8", "", times(generate, f"{engine}, int8"), ""),
        ("translation to CTranslate2 alone", "≥ 0.95", times("CTranslate2 alone", engine), ""),
        ("memory of src+xattn to (a)'s, small", "≤ 0.6", memory(small), ""),
        ("memory of src+xattn to (a)'s, base", "≤ 0.6", memory(base), ""),
        ("a further pack: memory to its tensors", "≤ 1.1", pack.get("memory_to_tensors", []), ""),
        ("a further pack: loaded and applied", "≤ 50 ms", _milliseconds(pack), " ms"),
        ("cold translation of a line, more than python", "≤ 1.0 s", _more(cold), " s"),
    ]  # fmt: skip
    lines = ["| what | wanted | measured, median (lowest-highest) |", "|---|---|---|"]
    for what, wanted, found, unit in rows:
        lines.append(f"| {what} | {wanted} | {spread(found, unit) if found else 'not measured'} |")
    lines.append("\n(a) is Seq2SeqTrainer training everything.")
    return "\n".join(lines)


def _as_soon(score: Sequence[Measured]) -> list[float]:
    found = []
    for turn in score:
        wanted = best(turn[THEIRS]) - 1
        theirs, ours = first_to_reach(turn[THEIRS], wanted), first_to_reach(turn[OURS + STRATEGY], wanted)
        # What is never reached takes forever.
        found.append(0.0 if theirs is None or ours is None else theirs / ours)
    return found


def _milliseconds(pack: Measured) -> list[float]:
    pairs = zip(pack.get("loading", ()), pack.get("applying", ()), strict=True)
    return [1000 * (loading + applying) for loading, applying in pairs]


def _more(cold: Measured) -> list[float]:
    pairs = zip(cold.get("translate", ()), cold.get("pass", ()), strict=True)
    return [one - other for one, other in pairs]
