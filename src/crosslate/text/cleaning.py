"""Cleaning of parallel text: rules, each of which counts what it drops and keeps one example."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from crosslate.config import Settings
from crosslate.languages.scripts import comparable_length
from crosslate.text.corpora import Corpus, SizedCorpus, stored_like

if TYPE_CHECKING:
    from crosslate.text.mined import MinedText

_EXAMPLE_CHARACTERS = 200
_LOG_CHARACTERS = 60
_RULES = ("empty", "copy", "too long", "length ratio", "duplicate")
_MINED_RULES = ("near-copy", "near-duplicate", "script", "language", "length", "alignment")


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
    # Left out of the saved values unless turned on.
    mined: bool = Field(
        False,
        exclude_if=lambda mined: not mined,
        description="Also drop what is no translation, as found in text mined from the web: wrong script or "
        "language, unusual length for the other side, words that do not translate each other, near-copies "
        "and near-duplicates.",
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

    def count(self, rule: str, line: int, source: str, target: str) -> None:
        """Counts a pair that a rule drops."""
        count = self.rules[rule]
        count.dropped += 1
        count.example = count.example or Example.of(line, source, target)

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

    The rule for duplicates remembers about 100 bytes for every pair kept, that for near-duplicates as much.
    The pairs kept of a corpus that is not in memory are stored in ``folder``.

    Raises:
        MissingExtra: the text is mined, and py3langid is not installed.
    """
    report = CleaningReport()
    if not (settings.enabled and settings.mined):
        return stored_like(_clean(corpus, settings, report), corpus, folder), report
    from crosslate.languages.identification import identifier
    from crosslate.text.mined import MinedText  # numpy, which settings do without

    identifier()  # fails before anything is read
    report.rules |= {name: RuleCount() for name in _MINED_RULES}
    lines = array("Q")  # of the pairs kept so far
    kept = stored_like(_clean(corpus, settings, report, lines), corpus, folder)
    return stored_like(_drop_unusual(kept, MinedText.learn(kept), lines, report), corpus, folder), report


def _clean(
    pairs: Iterable[tuple[str, str]],
    settings: CleaningSettings,
    report: CleaningReport,
    lines: array[int] | None = None,
) -> Iterator[tuple[str, str]]:
    """The pairs kept by rules that need only earlier pairs; appends their numbers to ``lines``."""
    seen: set[bytes] = set()
    seen_nearly: set[bytes] = set()
    for source, target in pairs:
        report.total += 1
        one, other = source.strip(), target.strip()
        rule = broken_rule(one, other, settings)
        if rule is None and settings.enabled and settings.drop_duplicates and _is_known(one, other, seen):
            rule = "duplicate"
        if rule is None and lines is not None:
            rule = _nearly_broken_rule(one, other, settings, seen_nearly)
        if rule is None:
            report.kept += 1
            if lines is not None:
                lines.append(report.total)
            yield source, target
        else:
            report.count(rule, report.total, source, target)


def _drop_unusual(
    pairs: Iterable[tuple[str, str]], usual: MinedText, lines: array[int], report: CleaningReport
) -> Iterator[tuple[str, str]]:
    for row, (source, target) in enumerate(pairs):
        rule = usual.broken_rule(row, (source.strip(), target.strip()))
        if rule is None:
            yield source, target
        else:
            report.kept -= 1
            report.count(rule, lines[row], source, target)


def _nearly_broken_rule(one: str, other: str, settings: CleaningSettings, seen: set[bytes]) -> str | None:
    """The first rule for mined text that drops a pair by its essence; without any, a pair is not judged."""
    from crosslate.text.mined import essence

    one, other = essence(one), essence(other)
    if not (one and other):
        return None
    if settings.drop_copies and one == other:
        return "near-copy"
    return "near-duplicate" if settings.drop_duplicates and _is_known(one, other, seen) else None


def broken_rule(one: str, other: str, settings: CleaningSettings) -> str | None:
    """The first rule that drops the pair by itself, whatever was before it.

    Args:
        one, other: its sides without white space at their ends.
    """
    if not settings.enabled:
        return None
    if settings.drop_empty and not (one and other):
        return "empty"
    if settings.drop_copies and one == other:
        return "copy"
    if settings.max_characters and max(len(one), len(other)) > settings.max_characters:
        return "too long"
    if settings.max_length_ratio and _is_lopsided(one, other, settings):
        return "length ratio"
    return None


def _is_known(one: str, other: str, seen: set[bytes]) -> bool:
    """Whether a pair was seen before; it has been afterwards."""
    # 16 bytes in place of both texts: among a billion pairs two collide with a chance of 1 in 10^20
    first = _bytes(one)
    text = len(first).to_bytes(8, "little") + first + _bytes(other)
    digest = hashlib.blake2b(text, digest_size=16).digest()
    if digest in seen:
        return True
    seen.add(digest)
    return False


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
