"""Cleaning of parallel text: five rules, each of which counts what it drops and keeps one example."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from crosslate.config import Settings
from crosslate.languages.scripts import comparable_length
from crosslate.text.corpora import Corpus, ParallelCorpus, SizedCorpus, StoredPairs

_EXAMPLE_CHARACTERS = 200
_LOG_CHARACTERS = 60
_RULES = ("empty", "copy", "too long", "length ratio", "duplicate")


class CleaningSettings(Settings):
    """Which pairs are dropped. No default favours a script or a language."""

    enabled: bool = Field(True, description="False keeps every pair, whatever the other settings say.")
    drop_empty: bool = Field(True, description="Drop pairs of which a side is empty or only white space.")
    drop_copies: bool = Field(
        True, description="Drop pairs whose sides are the same text (but for white space at the ends)."
    )
    max_characters: int = Field(
        2_000,
        ge=0,
        description="Drop pairs of which a side has more Unicode characters; 0 disables. The default is "
        "several paragraphs in any script: it is meant for lines that are not sentences.",
    )
    max_length_ratio: float = Field(
        4.0,
        ge=0,
        description="Drop pairs of which one side is more than so many times as long as the other; 0 "
        "disables, else at least 1. A side must be too long in characters, in UTF-8 bytes AND in letters as "
        "an alphabet would have: Chinese has few characters for the same meaning, Burmese many bytes.",
    )
    ratio_from_characters: int = Field(
        20,
        ge=0,
        description="The ratio is looked at only where the longer side has more characters than this: "
        'short sentences differ much ("Ja." and "Yes, of course.").',
    )
    drop_duplicates: bool = Field(
        True, description="Drop pairs that occurred before (but for white space at the ends of the sides)."
    )

    @field_validator("max_length_ratio")
    @classmethod
    def _check_ratio(cls, ratio: float) -> float:
        if 0 < ratio < 1:
            raise ValueError(f"{ratio} drops every pair, expected 0 (off) or at least 1")
        return ratio


@dataclass(frozen=True)
class Example:
    """A dropped pair, its texts shortened; ``line`` is its number in the corpus, from 1."""

    line: int
    source: str
    target: str

    @classmethod
    def of(cls, line: int, source: str, target: str) -> Example:
        return cls(line, _shortened(source, _EXAMPLE_CHARACTERS), _shortened(target, _EXAMPLE_CHARACTERS))


@dataclass
class RuleCount:
    """What one rule dropped; ``example`` is the first such pair."""

    dropped: int = 0
    example: Example | None = None


@dataclass
class CleaningReport:
    """What cleaning kept of ``total`` pairs, and what each rule dropped, in the order of trial."""

    total: int = 0
    kept: int = 0
    rules: dict[str, RuleCount] = field(default_factory=lambda: {name: RuleCount() for name in _RULES})

    def as_values(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For the log: how many pairs were kept, and a line for each rule that dropped some."""
        lines = [f"cleaning kept {self.kept:,} of {self.total:,} pairs"]
        for name, count in self.rules.items():
            if (example := count.example) is not None:
                source = _shortened(example.source, _LOG_CHARACTERS)
                target = _shortened(example.target, _LOG_CHARACTERS)
                place = f"{count.dropped}, first pair {example.line}"
                lines.append(f"dropped by rule {name!r}: {place}: {source!r} | {target!r}")
        return lines


def _shortened(text: str, num_characters: int) -> str:
    """``text``, or its start and ``…`` where it is longer than ``num_characters``."""
    return text if len(text) <= num_characters else text[: num_characters - 1] + "…"


def clean(corpus: Corpus, settings: CleaningSettings, folder: Path) -> tuple[SizedCorpus, CleaningReport]:
    """The pairs that no rule drops, in their order and unchanged, and the report.

    The rule for duplicates remembers about 100 bytes for every pair kept. The pairs kept of a corpus that is
    not in memory are stored in ``folder``.
    """
    report = CleaningReport()
    pairs = _clean(corpus, settings, report)
    if not isinstance(corpus, ParallelCorpus):
        return StoredPairs.store(pairs, corpus.languages, corpus.origin, folder), report
    source, target = zip(*kept) if (kept := list(pairs)) else ((), ())
    return ParallelCorpus(source, target, *corpus.languages, corpus.origin), report


def _clean(
    pairs: Iterable[tuple[str, str]], settings: CleaningSettings, report: CleaningReport
) -> Iterator[tuple[str, str]]:
    seen: set[bytes] = set()
    for source, target in pairs:
        report.total += 1
        rule = _broken_rule(source.strip(), target.strip(), settings, seen) if settings.enabled else None
        if rule is None:
            report.kept += 1
            yield source, target
            continue
        count = report.rules[rule]
        count.dropped += 1
        count.example = count.example or Example.of(report.total, source, target)


def _broken_rule(one: str, other: str, settings: CleaningSettings, seen: set[bytes]) -> str | None:
    """The first rule that drops the pair."""
    if settings.drop_empty and not (one and other):
        return "empty"
    if settings.drop_copies and one == other:
        return "copy"
    if settings.max_characters and max(len(one), len(other)) > settings.max_characters:
        return "too long"
    if settings.max_length_ratio and _is_lopsided(one, other, settings):
        return "length ratio"
    if settings.drop_duplicates:
        # 16 bytes in place of both texts: among a billion pairs two collide with a chance of 1 in 10^20
        first = _bytes(one)
        text = len(first).to_bytes(8, "little") + first + _bytes(other)
        digest = hashlib.blake2b(text, digest_size=16).digest()
        if digest in seen:
            return "duplicate"
        seen.add(digest)
    return None


def _is_lopsided(one: str, other: str, settings: CleaningSettings) -> bool:
    """Whether the same side is too long by characters, by bytes and by what these say."""
    ratio = settings.max_length_ratio
    short, long = sorted((one, other), key=len)
    if len(long) <= settings.ratio_from_characters or len(long) <= ratio * len(short):
        return False
    if len(_bytes(long)) <= ratio * len(_bytes(short)):
        return False
    return comparable_length(long) > ratio * comparable_length(short)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
