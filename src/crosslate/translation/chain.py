"""Several models in a row, each of which translates what the one before it made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from crosslate.errors import UsageError
from crosslate.languages.codes import contradicts

if TYPE_CHECKING:
    from crosslate.translation.translator import Translator


class Leg(Protocol):
    """A model of a row, as its languages are checked: a :class:`StoredModel`, or one that is not made yet.

    Attributes:
        signal: what it reads in place of text; empty for text.
    """

    @property
    def name(self) -> str: ...

    @property
    def signal(self) -> str: ...

    @property
    def source_language(self) -> str: ...

    @property
    def target_language(self) -> str: ...


class Chain:
    """Translators in a row.

    Attributes:
        source_language: of the first.
        target_language: of the last.
    """

    def __init__(self, legs: Sequence[Translator]) -> None:
        self._legs = legs
        self.source_language, self.target_language = legs[0].source_language, legs[-1].target_language

    def translate_lines(self, lines: Iterable[str]) -> list[str]:
        """A translation for each line, in order."""
        for leg in self._legs:
            lines = list(leg.translate_lines(lines))
        return list(lines)


def check_chain(legs: Sequence[Leg]) -> None:
    """Checks that each model translates what the one before it writes.

    Raises:
        UsageError: one does not, or reads recordings or images.
    """
    check_read_text(legs[1:])
    for one, other in pairwise(legs):
        if contradicts(other.source_language, one.target_language):
            raise UsageError(
                f"{other.name} translates {other.source_language}, expected {one.target_language}, which "
                f"{one.name} translates to"
            )


def check_read_text(models: Iterable[Leg]) -> None:
    """Checks that models can translate lines.

    Raises:
        UsageError: one reads recordings or images.
    """
    for model in models:
        if model.signal:
            raise UsageError(f"{model.name} reads {model.signal}; expected a model that translates text")
