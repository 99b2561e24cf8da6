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

from crosslate.config import from_values
from crosslate.errors import EngineError, InputError
from crosslate.files import read_json
from crosslate.models.vocabularies.saved_vocabularies import SideDescription

FORMAT_VERSION = 1


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
