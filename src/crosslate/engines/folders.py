"""What a CTranslate2 folder of ours holds beside the model, so that it can translate alone.

``model.bin``, ``config.json``, ``source_vocabulary.json`` and ``target_vocabulary.json`` are CTranslate2's;
``source.spm`` and ``target.spm`` (with other endings for other segmenters) split and join text,
``source.json`` and ``target.json`` map pieces to ids where these are not the segmenter's own, and
``crosslate.json`` is a :class:`FolderDescription`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosslate.corpora.vocabularies import Frame, SpecialIds, Vocabulary, read_mapping
from crosslate.errors import EngineError, InputError, VocabularyError
from crosslate.files import read_json
from crosslate.models.python_segmenter import segmenters
from crosslate.settings import from_values

FORMAT_VERSION = 1


@dataclass(frozen=True)
class SideDescription:
    """How one side's vocabulary is stored.

    Attributes:
        special: its special ids.
        has_own_ids: whether ids are the segmenter's own; if not, a mapping lies beside it.
        kind: of its segmenter.
        frame: what surrounds a sentence; None for the end of sentence after it.
    """

    special: SpecialIds
    has_own_ids: bool
    kind: str = "sentencepiece"
    frame: Frame | None = None

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> SideDescription:
        frame = None if vocabulary.has_usual_frame else vocabulary.frame
        return cls(vocabulary.special, vocabulary.has_own_ids, vocabulary.segmenter.kind, frame)


@dataclass(frozen=True)
class FolderDescription:
    """What the engine must know and CTranslate2 does not keep.

    Attributes:
        format: version of this layout.
        family: Hugging Face's name of the model's type.
        quantization: the type the weights are stored in.
        max_source_tokens: longest input, end of sentence included.
        max_target_tokens: longest output.
        forced_first: piece that every output begins with, or None.
        never_generated: pieces that no output may hold.
        unknown: the target's unknown piece, allowed by option.
    """

    format: int
    family: str
    quantization: str
    source: SideDescription
    target: SideDescription
    max_source_tokens: int
    max_target_tokens: int
    forced_first: str | None
    never_generated: list[str]
    unknown: str


def save_vocabulary(vocabulary: Vocabulary, folder: Path, side: str) -> None:
    """Writes the segmenter of a side and, where ids are not its own, ``side``.json."""
    ending, _ = segmenters()[vocabulary.segmenter.kind]
    vocabulary.save(folder / f"{side}{ending}")
    if not vocabulary.has_own_ids:
        vocabulary.save_mapping(folder / f"{side}.json")


def load_vocabulary(folder: Path, side: str, description: SideDescription) -> Vocabulary:
    """Reads what :func:`save_vocabulary` wrote."""
    if description.kind not in segmenters():
        raise EngineError(
            f"{folder}: the {side} vocabulary is of kind {description.kind!r}, expected one of "
            f"{', '.join(segmenters())}; export the model again"
        )
    ending, make = segmenters()[description.kind]
    try:
        segmenter = make((folder / f"{side}{ending}").read_bytes())
    except OSError as error:
        raise VocabularyError(f"{folder}: cannot read the {side} vocabulary: {error}") from None
    pieces = None if description.has_own_ids else read_mapping(folder / f"{side}.json")
    return Vocabulary(segmenter, pieces, description.special, description.frame)


def load_description(folder: Path) -> FolderDescription:
    """Reads ``crosslate.json``.

    Raises:
        EngineError: the folder was not written by ``export_ctranslate2``, or by another version of it.
    """
    path = folder / "crosslate.json"
    try:
        values: Any = read_json(path)
        version = values.get("format") if isinstance(values, dict) else None
        if version != FORMAT_VERSION:
            raise EngineError(
                f"{path}: format {version!r}, expected {FORMAT_VERSION}; export the model again"
            )
        return from_values(FolderDescription, values, where=str(path))
    except InputError as error:
        raise EngineError(f"not a CTranslate2 model exported by Crosslate: {error}") from None
