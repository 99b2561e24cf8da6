"""Whether a text repeats itself as only a model does that has lost its way."""

from __future__ import annotations

_MIN_REPEATS = 4
_MAX_PERIOD = 32
_MIN_CHARACTERS = 16


def runs_in_circles(text: str) -> bool:
    """Whether the same words, or in scripts without spaces the same characters, follow upon each other.

    Four times in a row at least, over 16 characters at least: "no, no, no" is no circle.
    """
    words = text.split()
    # A text of one long word has its circle inside the word.
    units = words if len(words) >= _MIN_REPEATS else list(text)
    return any(
        _num_repeated(units, period) >= _MIN_CHARACTERS
        for period in range(1, min(_MAX_PERIOD, len(units) // _MIN_REPEATS) + 1)
    )


def _num_repeated(units: list[str], period: int) -> int:
    """Characters of the longest stretch that repeats with ``period`` often enough; 0 where none does."""
    longest = run = 0
    needed = period * (_MIN_REPEATS - 1)
    for position in range(period, len(units)):
        run = run + 1 if units[position] == units[position - period] else 0
        if run >= needed:
            stretch = units[position - run - period + 1 : position + 1]
            longest = max(longest, sum(map(len, stretch)))
            if longest >= _MIN_CHARACTERS:
                return longest
    return longest
