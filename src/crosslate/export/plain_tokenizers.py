"""Tokenizer files of a merged checkpoint, for transformers alone.

A replaced side is a SentencePiece model with an end of sentence. ``MarianTokenizer`` reads that format in
models of nearly any family, with both sides in one folder. A side kept from the parent keeps the parent's
tokenizer, with its languages set. If no single tokenizer serves both sides, there are two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crosslate.errors import PackError
from crosslate.files import read_json, write_json
from crosslate.models.child import Child
from crosslate.models.parent import Parent
from crosslate.models.vocabularies.conventions import CONVENTIONS, Conventions
from crosslate.models.vocabularies.saved_vocabularies import SAVED_VOCABULARIES
from crosslate.models.vocabularies.tokenizer_files import write_marian_files
from crosslate.models.vocabularies.vocabulary_files import MARIAN, TOKENIZER_CONFIG, open_tokenizer
from crosslate.text.vocabularies import Frame, SpecialIds, Vocabulary

Kind = Literal["parent", "marian"]

_GENERIC = ("TokenizersBackend", "PythonBackend", "PreTrainedTokenizerFast")


@dataclass(frozen=True)
class PlainSide:
    """One side's vocabulary in the ids of the merged checkpoint.

    Attributes:
        vocabulary: pieces, special ids and frame in the checkpoint's ids.
        order: the child's id of each checkpoint id; None if they are the same.
    """

    vocabulary: Vocabulary
    order: tuple[int, ...] | None = None

    def new_id(self, index: int) -> int:
        """The checkpoint's id of a child's id; rows beyond the vocabulary keep their ids."""
        if self.order is None or index >= len(self.order):
            return index
        return self.order.index(index)


@dataclass(frozen=True)
class PlainTokenizers:
    """Files and layout of a merged checkpoint's tokenizers.

    Attributes:
        source: the source side in the checkpoint's ids.
        target: the target side in the checkpoint's ids.
        source_folder: subfolder of the source tokenizer; empty for the checkpoint's folder.
        target_folder: subfolder of the target tokenizer; the same if one tokenizer does both.
        kinds: whether each is the parent's own tokenizer or a new one in Marian's layout.
        prefix: text that users must put before every source text, such as T5's task or the language code of
            multilingual OPUS-MT models; mostly empty.
    """

    source: PlainSide
    target: PlainSide
    source_folder: str
    target_folder: str
    kinds: tuple[Kind, Kind]
    prefix: str

    @classmethod
    def of(cls, child: Child) -> PlainTokenizers:
        """The tokenizers for a child.

        Raises:
            PackError: no plain tokenizer can express a side's vocabulary.
        """
        parent = child.parent
        model_type = str(child.model.config.model_type)
        source, target = PlainSide(child.source), PlainSide(child.target)
        code = _code(child.source)
        prefix = f"{code} " if code else child.source.frame.text
        is_kept = (child.source is parent.source, child.target is parent.target)
        if all(is_kept) and _has_tokenizer(parent):
            return cls(source, target, "", "", ("parent", "parent"), prefix)
        is_heeded = _heeds_tokenizer_class(model_type)
        # Marian's tokenizer would show any other start token, such as PLBart's language code, as text.
        silent = child.target.special.as_values().values()
        starts_silently = child.model.generation_config.decoder_start_token_id in silent
        aligned = _aligned(child.source, child.target) if is_heeded and starts_silently else None
        if aligned is not None:
            return cls(*aligned, "", "", ("marian", "marian"), prefix)
        kinds = (
            _kind("source", child.source, parent, is_kept[0]),
            _kind("target", child.target, parent, is_kept[1]),
        )
        root = "" if kinds[0] == "parent" or is_heeded else "source"
        return cls(source, target, root, "target", kinds, prefix)

    @property
    def is_single(self) -> bool:
        """Whether one tokenizer serves both sides."""
        return self.source_folder == self.target_folder

    def write(self, child: Child, folder: Path) -> None:
        """Writes the files into the checkpoint's folder."""
        languages = (child.source_language, child.target_language)
        longest = child.parent.max_tokens
        source, target = self.source.vocabulary, self.target.vocabulary
        places = [(self.source_folder, self.kinds[0], source, target if self.is_single else source)]
        if not self.is_single:
            places.append((self.target_folder, self.kinds[1], target, target))
        for place, kind, reads, writes in places:
            (folder / place).mkdir(exist_ok=True)
            if kind == "parent":
                _write_own(child.parent, folder / place)
            else:
                write_marian_files(folder / place, reads, writes, languages, longest)
            if place:
                # transformers reads the model type from config.json before it opens a tokenizer.
                model_type = child.model.config.model_type if kind == "parent" else "marian"
                write_json(folder / place / "config.json", {"model_type": model_type})


def _kind(side: str, vocabulary: Vocabulary, parent: Parent, is_kept: bool) -> Kind:
    if is_kept and _has_tokenizer(parent):
        return "parent"
    if _fits_marian(vocabulary):
        return "marian"
    reason = (
        f"{parent.name} has no tokenizer files for transformers for its {side} vocabulary"
        if is_kept
        else f"sentences in the new {side} vocabulary have more around them than the end of sentence (a "
        "language code), which no tokenizer of transformers adds"
    )
    raise PackError(f"{reason}; translate with the packs, or export them to CTranslate2")


def _has_tokenizer(parent: Parent) -> bool:
    """Whether a parent's folder has a transformers tokenizer; trimmed parents may have our own files."""
    return parent.folder is not None and not (parent.folder / SAVED_VOCABULARIES).is_file()


def _heeds_tokenizer_class(model_type: str) -> bool:
    """Whether transformers opens the tokenizer class named in a folder, even if unusual for the model."""
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

    return TOKENIZER_MAPPING_NAMES.get(model_type) not in (None, *_GENERIC)


def _code(vocabulary: Vocabulary) -> str:
    """The code of the target that models of OPUS-MT and MADLAD want before the text; mostly empty."""
    before = [vocabulary.pieces[index] for index in vocabulary.frame.before]
    patterns = [each.codes for each in CONVENTIONS.values() if each.target == "source"]
    is_code = len(before) == 1 and any(re.fullmatch(pattern, before[0]) for pattern in patterns)
    return before[0] if is_code else ""


def _fits_marian(vocabulary: Vocabulary) -> bool:
    """Whether Marian's tokenizer gives the same ids, apart from the prefix."""
    frame = vocabulary.frame
    return (
        vocabulary.segmenter.kind == "sentencepiece"
        and not frame.text
        and frame.after == (vocabulary.special.eos,)
        and (not frame.before or re.fullmatch(CONVENTIONS[MARIAN].codes, _code(vocabulary)) is not None)
    )


def _aligned(source: Vocabulary, target: Vocabulary) -> tuple[PlainSide, PlainSide] | None:
    """Both sides with the same special ids, as one Marian tokenizer needs them; None if impossible.

    OPUS-MT checkpoints pad with their last id, which a smaller new vocabulary lacks; in that case rows of the
    larger vocabulary are swapped.
    """
    if not _fits_marian(source) or not _fits_marian(target):
        return None
    if source.special == target.special:
        return PlainSide(source), PlainSide(target)
    if (source.special.bos is None) != (target.special.bos is None):
        return None
    if len(source) > len(target):
        return _reordered(source, target.special), PlainSide(target)
    return PlainSide(source), _reordered(target, source.special)


def _reordered(vocabulary: Vocabulary, special: SpecialIds) -> PlainSide:
    """A vocabulary with pieces swapped so that the special ones have the wanted ids."""
    order = list(range(len(vocabulary)))
    for name, wanted in special.as_values().items():
        at = order.index(getattr(vocabulary.special, name))
        order[at], order[wanted] = order[wanted], order[at]
    frame = vocabulary.frame
    before, after = (tuple(map(order.index, ids)) for ids in (frame.before, frame.after))
    moved = Frame(before, after, frame.text)
    pieces = [vocabulary.pieces[index] for index in order]
    control = map(order.index, vocabulary.control)
    return PlainSide(Vocabulary(vocabulary.segmenter, pieces, special, moved, control), tuple(order))


def _write_own(parent: Parent, folder: Path) -> None:
    """The parent's own tokenizer, set to its languages, with the spaces that the text has."""
    tokenizer = open_tokenizer(Path(parent.folder or ""))
    tokenizer.save_pretrained(folder)
    path = folder / TOKENIZER_CONFIG
    described = read_json(path) | {"clean_up_tokenization_spaces": False}
    conventions = CONVENTIONS.get(type(tokenizer).__name__, Conventions())
    for name, (index, piece) in _language_pieces(parent, conventions).items():
        match = re.fullmatch(conventions.codes, piece)
        described[name] = match[1] if match else piece
        if piece not in tokenizer.all_special_tokens:  # M2M100's codes are not, so decoding would show them
            described.setdefault("extra_special_tokens", []).append(piece)
            described.setdefault("added_tokens_decoder", {})[str(index)] = {**_SPECIAL, "content": piece}
    write_json(path, described)


_SPECIAL = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}


def _language_pieces(parent: Parent, conventions: Conventions) -> dict[str, tuple[int, str]]:
    """Id and piece of the parent's language codes, keyed by ``src_lang`` and ``tgt_lang``."""
    if not conventions.codes or conventions.target == "source":
        return {}
    start = parent.model.generation_config.decoder_start_token_id
    framing = {
        "src_lang": (parent.source, (*parent.source.frame.before, *parent.source.frame.after)),
        "tgt_lang": (parent.target, (*parent.target.frame.before, start)),
    }
    return {
        name: (index, vocabulary.pieces[index])
        for name, (vocabulary, ids) in framing.items()
        for index in ids
        if index is not None and re.fullmatch(conventions.codes, vocabulary.pieces[index])
    }
