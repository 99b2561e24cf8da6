"""Vocabularies of any family in files of our own: for what no family's tokenizer can be written to hold.

Of each side: ``source.spm`` (with other endings for other segmenters) splits and joins text, ``source.json``
maps pieces to ids where these are not the segmenter's own, and a :class:`SideDescription` holds the rest. A
parent's folder keeps both descriptions in ``vocabularies.json``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crosslate.config import Settings
from crosslate.errors import InputError, SettingsError, VocabularyError
from crosslate.files import read_json, write_json
from crosslate.models.vocabularies.python_segmenter import segmenters
from crosslate.text.vocabularies import Frame, SpecialIds, Vocabulary, read_mapping

SAVED_VOCABULARIES = "vocabularies.json"


@dataclass(frozen=True)
class SideDescription:
    """How one side's vocabulary is stored.

    Attributes:
        has_own_ids: whether ids are the segmenter's own; if not, a mapping lies beside it.
        frame: what surrounds a sentence; None for the end of sentence after it.
        control: ids of other pieces that stand for no text.
    """

    special: SpecialIds
    has_own_ids: bool
    kind: str = "sentencepiece"
    frame: Frame | None = None
    control: tuple[int, ...] = ()

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> SideDescription:
        frame = None if vocabulary.has_usual_frame else vocabulary.frame
        return cls(
            vocabulary.special, vocabulary.has_own_ids, vocabulary.segmenter.kind, frame,
            tuple(sorted(vocabulary.control)),
        )  # fmt: skip


class _Descriptions(Settings):
    format: Literal[1] = 1
    source: SideDescription
    target: SideDescription


def save_vocabularies(folder: Path, source: Vocabulary, target: Vocabulary) -> None:
    """Writes both sides' files and ``vocabularies.json`` into a parent's folder."""
    for side, vocabulary in (("source", source), ("target", target)):
        save_vocabulary(vocabulary, folder, side)
    described = _Descriptions(source=SideDescription.of(source), target=SideDescription.of(target))
    write_json(folder / SAVED_VOCABULARIES, described.to_values())


def load_vocabularies(folder: Path) -> tuple[Vocabulary, Vocabulary]:
    """Reads what :func:`save_vocabularies` wrote: source and target.

    Raises:
        VocabularyError: a file is missing or damaged, or was written by another version of this layout.
    """
    path = folder / SAVED_VOCABULARIES
    try:
        described = _Descriptions.from_values(read_json(path), where=str(path))
    except (InputError, SettingsError) as error:
        raise VocabularyError(f"{error}; save the parent again") from error
    source, target = described.source, described.target
    return load_vocabulary(folder, "source", source), load_vocabulary(folder, "target", target)


def save_vocabulary(vocabulary: Vocabulary, folder: Path, side: str) -> None:
    """Writes the segmenter of a side and, where ids are not its own, ``side``.json."""
    ending, _ = segmenters()[vocabulary.segmenter.kind]
    vocabulary.save(folder / f"{side}{ending}")
    if not vocabulary.has_own_ids:
        vocabulary.save_mapping(folder / f"{side}.json")


def load_vocabulary(folder: Path, side: str, description: SideDescription) -> Vocabulary:
    """Reads what :func:`save_vocabulary` wrote.

    Raises:
        VocabularyError: a file is missing or damaged, or of a kind that is not known.
    """
    if description.kind not in segmenters():
        raise VocabularyError(
            f"{folder}: the {side} vocabulary is of kind {description.kind!r}, expected one of "
            f"{', '.join(segmenters())}; make the folder again"
        )
    ending, make = segmenters()[description.kind]
    try:
        segmenter = make((folder / f"{side}{ending}").read_bytes())
        pieces = None if description.has_own_ids else read_mapping(folder / f"{side}.json")
    except (OSError, InputError) as error:
        raise VocabularyError(f"{folder}: cannot read the {side} vocabulary: {error}") from None
    return Vocabulary(segmenter, pieces, description.special, description.frame, description.control)
