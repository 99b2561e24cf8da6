"""Vocabularies in the files of transformers' tokenizers: Marian's, and a trimmed parent's own family's."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

from crosslate.errors import CrosslateError
from crosslate.files import read_json, read_optional_object, write_json
from crosslate.models.vocabularies.vocabulary_files import (
    MARIAN,
    TOKENIZER_CONFIG,
    TOKENIZER_JSON,
    open_tokenizer,
    read_vocabularies,
)
from crosslate.text.segmenters import JsonSegmenter, SentencePieceSegmenter
from crosslate.text.vocabularies import Vocabulary

log = logging.getLogger(__name__)

_SPECIAL = "special_tokens_map.json"


def write_marian_files(
    folder: Path, source: Vocabulary, target: Vocabulary, languages: tuple[str, str], max_tokens: int
) -> None:
    """Writes two SentencePiece vocabularies for transformers' ``MarianTokenizer``.

    Args:
        source: vocabulary of the source side; its special ids count for both sides.
    """
    source.save(folder / "source.spm")
    target.save(folder / "target.spm")
    source.save_mapping(folder / "vocab.json")
    target.save_mapping(folder / "target_vocab.json")
    write_json(
        folder / TOKENIZER_CONFIG,
        {
            "tokenizer_class": MARIAN,
            "separate_vocabs": True,
            "source_lang": languages[0],
            "target_lang": languages[1],
            "model_max_length": max_tokens,
            **{f"{name}_token": source.pieces[index] for name, index in source.special.as_values().items()},
        },
    )


def write_tokenizer(
    origin: Path, folder: Path, config: Any, sides: tuple[Vocabulary, Vocabulary], languages: tuple[str, str]
) -> bool:
    """Writes files from which transformers makes a tokenizer of a parent's two vocabularies.

    They are made in a folder of their own and read back; files that give other vocabularies are not kept.

    Args:
        origin: the folder of the whole parent.

    Returns:
        Whether the family's files can express the vocabularies.
    """
    with tempfile.TemporaryDirectory() as made:
        temporary = Path(made)
        if not _write(origin, temporary, sides[0]):
            return False
        files = list(temporary.iterdir())
        config.save_pretrained(temporary)  # the library looks there, too
        try:
            found = read_vocabularies(temporary, config, *languages, sides[0].frame.text or None)
        except (CrosslateError, LookupError, TypeError, ValueError) as error:
            log.debug("the tokenizer's files cannot express the trimmed vocabularies: %s", error)
            return False
        if (found.source, found.target) != sides:
            log.debug("the tokenizer's files give other vocabularies than the trimmed ones")
            return False
        for file in files:
            shutil.copyfile(file, folder / file.name)
        return True


def _write(origin: Path, folder: Path, vocabulary: Vocabulary) -> bool:
    """Writes the files; False for kinds of tokenizers that keep no list of pieces apart."""
    segmenter = vocabulary.segmenter
    tokenizer = open_tokenizer(origin)
    names = set(type(tokenizer).vocab_files_names.values()) - {TOKENIZER_CONFIG, TOKENIZER_JSON}
    names = {name for name in names if (origin / name).is_file()}
    models = [name for name in names if name.endswith((".model", ".spm"))]
    mappings = [name for name in names if name.endswith(".json")]
    ids = {piece: row for row, piece in enumerate(vocabulary.pieces)}
    if isinstance(segmenter, JsonSegmenter) and vocabulary.has_own_ids:
        (folder / TOKENIZER_JSON).write_bytes(segmenter.data)
    elif isinstance(segmenter, SentencePieceSegmenter) and len(models) == len(mappings) == 1:
        # A SentencePiece model beside a JSON file {piece: id} (M2M100), which lists no codes.
        listed = read_json(origin / mappings[0])
        write_json(folder / mappings[0], {piece: row for piece, row in ids.items() if piece in listed})
        vocabulary.save(folder / models[0])
    else:
        return False
    described = read_optional_object(origin / TOKENIZER_CONFIG)
    if isinstance(added := described.get("added_tokens_decoder"), dict):
        kept = [each for each in added.values() if each.get("content") in ids]
        described["added_tokens_decoder"] = {str(ids[each["content"]]): each for each in kept}
    described.setdefault("tokenizer_class", type(tokenizer).__name__)
    write_json(folder / TOKENIZER_CONFIG, described)
    if (origin / _SPECIAL).is_file():
        shutil.copyfile(origin / _SPECIAL, folder / _SPECIAL)
    return True
