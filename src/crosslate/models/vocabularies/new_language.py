"""The new side of a child: a language, its vocabulary, and the parent's rows that it may stand on.

A vocabulary is separate, with rows that all start anew, or appended to the parent's. Text of a new language
whose vocabulary is appended is cut by a SentencePiece model of its own, so that the parent's segmentation of
its languages stays as it is. A piece that the parent has as well keeps the parent's row, frozen; the others,
and the language's code, are rows appended to the parent's. A child's table holds the rows that its side uses,
in the order of its own vocabulary, and no others: the softmax is over these alone, and rows that the new
language never uses are omitted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from crosslate.errors import ParentError, VocabularyError
from crosslate.models.groups import Side
from crosslate.models.parent import Parent
from crosslate.models.sides import effective_setting
from crosslate.models.vocabularies.conventions import CONVENTIONS, Conventions, find_code, spell_code
from crosslate.text.vocabularies import Frame, Vocabulary

Train = Callable[[Sequence[str]], Vocabulary]

NEW = -1
"""In place of the parent's row, where a row is new."""


@dataclass(frozen=True)
class NewSide:
    """A side of a child that the parent does not have.

    Attributes:
        start: the piece that the decoder starts with, where its role does not tell (mBART's codes).
        code: the piece that stands for the language; None where there is none.
        parent_rows: of a vocabulary on the parent's rows: for every piece the parent's row, or :data:`NEW`;
            None for a separate vocabulary. Nothing but the new rows of such a side is trained.
        relatives: rows of the parent's codes whose mean a new code starts from.
    """

    language: str
    vocabulary: Vocabulary
    start: int | None = None
    code: int | None = None
    parent_rows: tuple[int, ...] | None = None
    relatives: tuple[int, ...] = ()

    @property
    def new_rows(self) -> tuple[int, ...]:
        """Ids whose rows are new, ascending."""
        return new_rows(self.parent_rows or (NEW,) * len(self.vocabulary))


def coded_side(parent: Parent, side: Side, language: str, train: Train, *, code: str = "") -> NewSide:
    """A new side whose sentences stand in the frame of the parent's side, with the language's code in it.

    Args:
        train: trains a SentencePiece vocabulary on its text; gets pieces that no text may lead to.
        code: the piece that stands for the language, as the parent's family spells it; by default the
            parent's own for this language, else one made by the family's spelling.

    Raises:
        ParentError: a code is given where the family has none, or cannot be made.
    """
    old = parent.source if side == "source" else parent.target
    start = effective_setting(parent.model, "decoder_start_token_id") if side == "target" else None
    conventions, own = _own_code(old, start)
    if own is None and code:
        raise ParentError(f"{parent.name} has no codes of languages on its {side} side; leave the code out")
    piece = None if conventions is None else code or _code_for(conventions, old, language)
    special = {index: role for role, index in old.special.as_values().items()}
    framing = [index for index in (*old.frame.before, *old.frame.after) if index not in special]
    control = dict.fromkeys([*([piece] if piece else []), *(old.pieces[i] for i in framing if i != own)])
    vocabulary = train(tuple(control))
    ids = {each: row for row, each in enumerate(vocabulary.pieces)}

    def moved(index: int) -> int:
        if index in special:
            return int(getattr(vocabulary.special, special[index]))
        return ids[piece if piece and index == own else old.pieces[index]]

    before, after = (tuple(map(moved, each)) for each in (old.frame.before, old.frame.after))
    row = ids[piece] if piece else None
    is_start = start is not None and start == own
    return NewSide(language, vocabulary.framed(Frame(before, after)), row if is_start else None, row)


def appended_side(
    parent: Parent, side: Side, language: str, train: Train, *, code: str = "", related: str = ""
) -> NewSide:
    """A new side on the rows of a parent; see :func:`coded_side`.

    Args:
        related: a language of the parent whose code a new code starts from; by default it starts from the
            mean of all.

    Raises:
        ParentError: a code is given where the family has none, or cannot be made, or ``related`` is unknown.
        VocabularyError: the parent has every piece already.
    """
    old = parent.source if side == "source" else parent.target
    start = effective_setting(parent.model, "decoder_start_token_id") if side == "target" else None
    conventions, _ = _own_code(old, start)
    if conventions is None and related:
        raise ParentError(f"{parent.name} has no codes of languages on its {side} side; name no related one")
    new = coded_side(parent, side, language, train, code=code)
    rows = parent_rows(new.vocabulary, old)
    if NEW not in rows:
        raise VocabularyError(
            f"{parent.name} has every piece of the new {side} vocabulary; adapt it without a new vocabulary "
            "(embed+xattn), or give a larger one"
        )
    is_new = new.code is not None and rows[new.code] == NEW
    relatives = _relatives(conventions, old, related) if conventions and is_new else ()
    return replace(new, parent_rows=rows, relatives=relatives)


def parent_rows(vocabulary: Vocabulary, parents: Vocabulary) -> tuple[int, ...]:
    """For every piece of a vocabulary the parent's row, or :data:`NEW`.

    A special piece has the row of the parent's piece with the same role; any other that of the parent's piece
    of the same spelling, of several the last, of special ones none.
    """
    special = parents.special.as_values()
    known = {piece: row for row, piece in enumerate(parents.pieces) if row not in special.values()}
    rows = [known.get(piece, NEW) for piece in vocabulary.pieces]
    for role, index in vocabulary.special.as_values().items():
        rows[index] = special.get(role, NEW)
    return tuple(rows)


def new_rows(rows: Sequence[int]) -> tuple[int, ...]:
    """Where :func:`parent_rows` found none."""
    return tuple(row for row, parents in enumerate(rows) if parents == NEW)


def joined(original: torch.Tensor, axis: int, rows: Sequence[int]) -> torch.Tensor:
    """A child's tensor: slices of the parent's, and zeros where there are none.

    Args:
        rows: as :func:`parent_rows` gives them.
    """
    index = torch.tensor([max(row, 0) for row in rows], device=original.device)
    whole = original.detach().index_select(axis, index)
    fresh = torch.tensor(new_rows(rows), dtype=torch.long, device=original.device)
    return whole.index_fill_(axis, fresh, 0)


def _own_code(old: Vocabulary, start: int | None) -> tuple[Conventions | None, int | None]:
    """The code of the parent's language on a side, and the conventions that it follows.

    Where the target's code stands in the source's frame (Marian), no side has one of its own.
    """
    families = [each for each in CONVENTIONS.values() if each.codes and each.target != "source"]
    for index in (*old.frame.before, *old.frame.after, start):
        if index is None or index in old.special.as_values().values():
            continue
        for conventions in families:
            if re.fullmatch(conventions.codes, old.pieces[index]):
                return conventions, index
    return None, None


def _code_for(conventions: Conventions, old: Vocabulary, language: str) -> str:
    try:
        found = find_code(conventions, old.pieces, language)
    except ParentError:
        found = None
    return found or spell_code(conventions, language)


def _relatives(conventions: Conventions, old: Vocabulary, related: str) -> tuple[int, ...]:
    rows: dict[str, int] = {piece: row for row, piece in enumerate(old.pieces)}
    if related:
        found: Any = find_code(conventions, old.pieces, related)
        return (rows[found],)
    return tuple(row for piece, row in rows.items() if re.fullmatch(conventions.codes, piece))
