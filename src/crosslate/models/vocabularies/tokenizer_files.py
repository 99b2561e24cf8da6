"""A trimmed vocabulary in the files of its family's own tokenizer, where these can express it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

from crosslate.errors import CrosslateError
from crosslate.files import read_json, read_optional_object, write_json
from crosslate.models.vocabularies.vocabulary_files import TOKENIZER_CONFIG, open_tokenizer, read_vocabularies
from crosslate.text.segmenters import JsonSegmenter, SentencePieceSegmenter
from crosslate.text.vocabularies import Vocabulary

log = logging.getLogger(__name__)

_TOKENIZER = "tokenizer.json"
_OTHERS = ("special_tokens_map.json",)


def write_tokenizer(
    origin: Path, folder: Path, config: Any, sides: tuple[Vocabulary, Vocabulary], languages: tuple[str, str]
) -> bool:
    """Writes files from which transformers makes a tokenizer of a parent's two vocabularies.

    What was written is read back; where it gives other vocabularies, it is removed again.

    Args:
        origin: the folder of the whole parent.
        folder: of the trimmed one.
        config: configuration of its model.

    Returns:
        Whether the family's files can express the vocabularies.
    """
    written = _write(origin, folder, sides[0])
    try:
        if not written:
            return False
        found = read_vocabularies(folder, config, *languages)
        if (found.source, found.target) == sides:
            return True
        log.debug("the tokenizer's files give other vocabularies than the trimmed ones")
    except (CrosslateError, LookupError, TypeError, ValueError) as error:
        log.debug("the tokenizer's files cannot express the trimmed vocabularies: %s", error)
    for path in written:
        path.unlink()
    return False


def _write(origin: Path, folder: Path, vocabulary: Vocabulary) -> list[Path]:
    """Writes the files and returns them; none for kinds of tokenizers that keep no list of pieces apart."""
    segmenter = vocabulary.segmenter
    if isinstance(segmenter, JsonSegmenter) and vocabulary.has_own_ids:
        (folder / _TOKENIZER).write_bytes(segmenter.data)
        written = [folder / _TOKENIZER]
    elif isinstance(segmenter, SentencePieceSegmenter):
        written = _write_mapped(origin, folder, vocabulary)
    else:
        return []
    if not written:
        return []
    ids = {piece: row for row, piece in enumerate(vocabulary.pieces)}
    described = read_optional_object(origin / TOKENIZER_CONFIG)
    if isinstance(added := described.get("added_tokens_decoder"), dict):
        described["added_tokens_decoder"] = _renumbered(added, ids)
    described.setdefault("tokenizer_class", type(open_tokenizer(origin)).__name__)
    write_json(folder / TOKENIZER_CONFIG, described)
    written.append(folder / TOKENIZER_CONFIG)
    for name in _OTHERS:
        if (origin / name).is_file():
            shutil.copyfile(origin / name, folder / name)
            written.append(folder / name)
    return written


def _write_mapped(origin: Path, folder: Path, vocabulary: Vocabulary) -> list[Path]:
    """A SentencePiece model beside a JSON file ``{piece: id}`` (M2M100), which lists no codes."""
    names = set(type(open_tokenizer(origin)).vocab_files_names.values())
    models = [name for name in names if name.endswith((".model", ".spm")) and (origin / name).is_file()]
    mappings = [
        name
        for name in names
        if name.endswith(".json") and name not in (TOKENIZER_CONFIG, _TOKENIZER) and (origin / name).is_file()
    ]
    if len(models) != 1 or len(mappings) != 1:
        return []
    listed = read_json(origin / mappings[0])
    write_json(
        folder / mappings[0],
        {piece: row for row, piece in enumerate(vocabulary.pieces) if piece in listed},
    )
    vocabulary.save(folder / models[0])
    return [folder / mappings[0], folder / models[0]]


def _renumbered(added: dict[str, Any], ids: dict[str, int]) -> dict[str, Any]:
    kept = [each for each in added.values() if each.get("content") in ids]
    return {str(ids[each["content"]]): each for each in kept}
