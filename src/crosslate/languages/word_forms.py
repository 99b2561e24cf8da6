"""Whether two words are forms of one word, as far as their spelling tells."""

from __future__ import annotations

from itertools import takewhile
from operator import eq

import regex

_LEAST_SHARED = 4  # characters; below that, different words begin alike
_ENDING = regex.compile(r"[\p{L}\p{M}]*")


def are_forms(one: str, other: str) -> bool:
    """Whether two words are the same but for an ending: ``Vertrag`` and ``Vertrages``.

    They share their first characters, at least four and two thirds of the longer word, and what follows is
    letters. Forms of shorter words, or with a change of the stem (``Haus``, ``Häuser``) or at the beginning,
    are not recognised, nor are they in scripts that write no words; some derived words count as forms.
    """
    if one == other:
        return True
    shared = sum(takewhile(bool, map(eq, one, other)))
    if shared < _LEAST_SHARED or 3 * shared < 2 * max(len(one), len(other)):
        return False
    return all(_ENDING.fullmatch(word, shared) is not None for word in (one, other))
