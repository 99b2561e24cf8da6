"""Marian's layout of two vocabularies: transformers has one tokenizer that knows both sides."""

from __future__ import annotations

from pathlib import Path

from crosslate.files import write_json
from crosslate.models.vocabularies.vocabulary_files import MARIAN, TOKENIZER_CONFIG
from crosslate.text.vocabularies import Vocabulary


def write_marian_files(
    folder: Path, source: Vocabulary, target: Vocabulary, languages: tuple[str, str], max_tokens: int
) -> None:
    """Writes two SentencePiece vocabularies for transformers' ``MarianTokenizer``.

    Args:
        source: vocabulary of the source side; its special ids count for both sides.
        target: vocabulary of the target side, with the same special ids.
        languages: codes of both languages.
        max_tokens: longest sentence in tokens.
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
