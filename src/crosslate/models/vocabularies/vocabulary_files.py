"""The vocabularies of a parent as they lie in its folder, in the layout of any family of tokenizers.

Marian's layout is read here; any other tokenizer is opened by transformers, which knows all of their layouts,
and taken apart into a segmenter, pieces, special ids and the frame that it puts around a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crosslate.errors import CrosslateError, ParentError
from crosslate.files import read_json, read_optional_object
from crosslate.languages.codes import is_same_language, language_code
from crosslate.models.vocabularies.conventions import (
    CONVENTIONS,
    Conventions,
    describe_language,
    find_code,
    task_prefix,
)
from crosslate.models.vocabularies.python_segmenter import PythonSegmenter
from crosslate.models.vocabularies.saved_vocabularies import SAVED_VOCABULARIES, load_vocabularies
from crosslate.text.segmenters import JsonSegmenter, by_id
from crosslate.text.vocabularies import Frame, NoVocabulary, SpecialIds, Vocabulary

TOKENIZER_CONFIG = "tokenizer_config.json"
RECORD = "crosslate.json"
"""Beside a parent that Crosslate wrote: languages, training and data record, scores."""
MARIAN = "MarianTokenizer"

_SENTENCEPIECE_ENDINGS = (".model", ".spm")
_PROBES = ("a", "the", "1", ".")


@dataclass(frozen=True)
class ParentVocabularies:
    """What a parent's folder says about text.

    Attributes:
        source: vocabulary of the source side, in the frame that the model was trained to read.
        target: vocabulary of the target side, in the frame that it was trained to write.
        start: the id that the decoder starts with, where that is the target language's code.
        optional: pieces that the model's tables need no rows for: special ones that the tokenizer adds.
        is_marian: whether the files lie in Marian's layout, which is also ours.
    """

    source: Vocabulary
    target: Vocabulary
    source_language: str
    target_language: str
    start: int | None = None
    optional: frozenset[str] = frozenset()
    is_marian: bool = False

    def without_text(self, signal: str) -> ParentVocabularies:
        """The same of a model that reads ``signal``; how its output begins is left to its own generation."""
        target = self.target.framed(Frame(after=(self.target.special.eos,)))
        return replace(self, source=NoVocabulary(signal), target=target, start=None)


def read_vocabularies(
    folder: Path, config: Any, source_language: str | None = None, target_language: str | None = None
) -> ParentVocabularies:
    """Reads the vocabularies of a parent's folder.

    Args:
        source_language: needed only where the files do not name the languages, or name several.
        target_language: likewise.

    Raises:
        ParentError: missing or damaged files, no language, or one that the model does not have.
    """
    described: Any = {}
    if (folder / TOKENIZER_CONFIG).is_file():
        with _as_parent_error(folder):
            described = read_json(folder / TOKENIZER_CONFIG)
    languages = _Languages(folder, (source_language, target_language))
    if (folder / SAVED_VOCABULARIES).is_file():
        return _read_saved(folder, languages)
    if _tokenizer_class(config, described if isinstance(described, dict) else {}) == MARIAN:
        return _read_marian(folder, languages)
    return _Reader(folder, config, open_tokenizer(folder), languages).read()


@contextmanager
def _as_parent_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except CrosslateError as error:
        raise ParentError(f"cannot read the vocabularies of {folder}: {error}") from error


class _Languages:
    """The two languages of a parent: as given, else as its files name them."""

    def __init__(self, folder: Path, given: tuple[str | None, str | None]) -> None:
        self._folder, self.named = folder, named_languages(folder)
        self._source, self._target = given[0] or self.named[0], given[1] or self.named[1]
        self.is_target_given = bool(given[1])

    def pair(self, hint: str = "") -> tuple[str, str]:
        """Both languages.

        Raises:
            ParentError: one of them is not known.
        """
        if not self._source or not self._target:
            raise ParentError(
                f"{self._folder} does not say which languages it translates; give both language codes{hint}"
            )
        return self._source, self._target


def named_languages(folder: Path) -> tuple[str | None, str | None]:
    """The source and the target language that a parent's files name; None where they name none.

    Our own record goes first, then the tokenizer's configuration, then the model's.
    """
    recorded, described, config = (
        read_optional_object(folder / name) for name in (RECORD, TOKENIZER_CONFIG, "config.json")
    )
    pairs = [
        (recorded.get("source_language"), recorded.get("target_language")),
        # Models of several languages name families there (``ROMANCE``).
        (_valid(described.get("source_lang")), _valid(described.get("target_lang"))),
        (described.get("src_lang"), described.get("tgt_lang")),
        config.get("langs"),
        described.get("langs"),
    ]
    source, target = (
        next((pair[side] for pair in pairs if pair and len(pair) == 2 and isinstance(pair[side], str)), None)
        for side in (0, 1)
    )
    return source, target


def _tokenizer_class(config: Any, described: dict[str, Any]) -> str:
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

    named = described.get("tokenizer_class") or getattr(config, "tokenizer_class", None)
    return str(named or TOKENIZER_MAPPING_NAMES.get(config.model_type) or "").removesuffix("Fast")


def open_tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder as transformers makes it; code from the folder is never run.

    Raises:
        ParentError: its files are missing, damaged or unknown.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # the library raises a dozen unrelated types for damaged files
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ParentError(f"cannot read the vocabularies of {folder}: {reason}") from error


class _Reader:
    """Takes a tokenizer of transformers apart."""

    def __init__(self, folder: Path, config: Any, tokenizer: Any, languages: _Languages) -> None:
        self.folder, self.config, self.tokenizer, self.languages = folder, config, tokenizer, languages
        self.conventions = CONVENTIONS.get(type(tokenizer).__name__, Conventions())
        self.special = self._special_ids()

    def read(self) -> ParentVocabularies:
        source, target = self._unframed()
        languages = self.languages.pair(self._hint(target))
        codes = [find_code(self.conventions, source.pieces, language) for language in languages]
        self._set_languages(codes)
        frame, written = self._frame("text"), self._frame("text_target")
        start = None
        if codes[1] is not None and self.conventions.target == "start":
            start = target.pieces.index(codes[1])
        return ParentVocabularies(
            source=source.framed(replace(frame, text=task_prefix(self.config, *languages))),
            # A decoder ends with the end of sentence, whatever the tokenizer puts around labels: mBART's
            # code after it is rotated to the front, where it starts the decoder.
            target=target.framed(Frame(written.before, (self.special.eos,))),
            source_language=describe_language(languages[0]),
            target_language=describe_language(languages[1]),
            start=start,
            optional=frozenset(map(str, self.tokenizer.all_special_tokens)),
        )

    def _unframed(self) -> tuple[Vocabulary, Vocabulary]:
        from transformers import PreTrainedTokenizerFast

        tokenizer = self.tokenizer
        if isinstance(tokenizer, PreTrainedTokenizerFast):
            segmenter = JsonSegmenter(tokenizer.backend_tokenizer.to_str().encode("utf-8"))
            both = Vocabulary(segmenter, None, self.special)
            return both, both
        if hasattr(tokenizer, "sp_model"):
            both = Vocabulary(self._sentencepiece_model(), self._pieces_of_rows(), self.special)
            return both, both
        return self._python_sides()

    def _python_sides(self) -> tuple[Vocabulary, Vocabulary]:
        tokenizer = self.tokenizer
        arguments: list[dict[str, Any]] = [{}, {}]
        if "langs" in tokenizer.init_kwargs:  # a side is cut and joined by the rules of its own language
            arguments = [{"langs": [language] * 2} for language in tokenizer.init_kwargs["langs"]]
        with _as_parent_error(self.folder):
            source, target = (PythonSegmenter.of_folder(self.folder, tokenizer, **each) for each in arguments)
        target_pieces = by_id({piece: index for index, piece in tokenizer.decoder.items()})
        return Vocabulary(source, None, self.special), Vocabulary(target, target_pieces, self.special)

    def _sentencepiece_model(self) -> bytes:
        names = type(self.tokenizer).vocab_files_names.values()
        for name in names:
            if name.endswith(_SENTENCEPIECE_ENDINGS) and (self.folder / name).is_file():
                return (self.folder / name).read_bytes()
        raise ParentError(
            f"cannot read the vocabularies of {self.folder}: none of {', '.join(names)} is there and a "
            "SentencePiece model"
        )

    def _pieces_of_rows(self) -> tuple[str, ...]:
        """The piece of every row of the model's table: tokenizers in Python do not list language codes."""
        config: Any = getattr(self.config, "decoder", None)  # where every side has a configuration
        config = config if hasattr(config, "vocab_size") else self.config
        pieces: dict[str, int] = {}
        for index in range(int(config.vocab_size)):
            try:
                piece = str(self.tokenizer.convert_ids_to_tokens(index))
            except IndexError:
                continue
            # The unknown piece is what these tokenizers answer for ids that they do not have.
            if piece and (piece != self.tokenizer.unk_token or index == self.special.unk):
                pieces.setdefault(piece, index)
        return by_id(pieces)

    def _special_ids(self) -> SpecialIds:
        found: dict[str, int] = {}
        for name in ("eos", "unk", "pad", "bos"):
            for holder in (self.tokenizer, self.config):
                index = getattr(holder, f"{name}_token_id", None)
                if isinstance(index, int):
                    found.setdefault(name, index)
        if missing := [name for name in ("eos", "unk", "pad") if name not in found]:
            raise ParentError(
                f"{self.folder}: neither tokenizer nor configuration names a token for {', '.join(missing)}"
            )
        if found.get("bos") in (found["eos"], found["unk"], found["pad"]):
            del found["bos"]  # a default of configurations whose family has none
        return SpecialIds(**found)

    def _set_languages(self, codes: list[str | None]) -> None:
        for side, code in zip(("src_lang", "tgt_lang"), codes):
            match = re.fullmatch(self.conventions.codes, code) if code is not None else None
            if match is not None:
                setattr(self.tokenizer, side, match[1])

    def _frame(self, argument: str) -> Frame:
        """What the tokenizer puts around a sentence: one that is shown is looked for in what comes back."""
        for probe in _PROBES:
            bare = list(self.tokenizer(**{argument: probe}, add_special_tokens=False)["input_ids"])
            whole = list(self.tokenizer(**{argument: probe})["input_ids"])
            for start in range(len(whole) - len(bare) + 1):
                if bare and whole[start : start + len(bare)] == bare:
                    return Frame(tuple(whole[:start]), tuple(whole[start + len(bare) :]))
        raise ParentError(
            f"cannot tell what the tokenizer of {self.folder} puts around a sentence; "
            "it does not keep the text's own ids together"
        )

    def _hint(self, vocabulary: Vocabulary) -> str:
        if not self.conventions.codes:
            return ""
        codes = [
            match[1] for piece in vocabulary.pieces if (match := re.fullmatch(self.conventions.codes, piece))
        ]
        return f" (the model knows {', '.join(sorted(codes))})" if codes else ""


def _read_saved(folder: Path, languages: _Languages) -> ParentVocabularies:
    """Vocabularies in our own files: their frames were settled, for two languages, before they were saved."""
    pair, named = languages.pair(), languages.named
    others = [one for one, other in zip(pair, named) if other and not is_same_language(one, other)]
    with _as_parent_error(folder):
        source, target = load_vocabularies(folder)
    if others and not (source.has_usual_frame and target.has_usual_frame):
        raise ParentError(
            f"{folder} was saved for {'-'.join(map(str, named))} and its vocabularies hold these languages' "
            f"codes; it cannot be opened for {', '.join(others)}: open what it was made of for these"
        )
    return ParentVocabularies(source, target, *pair)


def _read_marian(folder: Path, languages: _Languages) -> ParentVocabularies:
    needed = ("source.spm", "target.spm", "vocab.json")
    if missing := [name for name in needed if not (folder / name).is_file()]:
        raise ParentError(
            f"cannot read the vocabularies of {folder}: {', '.join(missing)} missing; "
            f"expected Marian's layout ({', '.join(needed)}, target_vocab.json where the sides differ)"
        )
    source_map = folder / "vocab.json"
    target_map = folder / "target_vocab.json"
    target_map = target_map if target_map.is_file() else source_map
    with _as_parent_error(folder):
        source = Vocabulary.load_mapped(folder / "source.spm", source_map, _marian_special_ids(source_map))
        target = Vocabulary.load_mapped(folder / "target.spm", target_map, _marian_special_ids(target_map))
    pair = languages.pair()
    conventions = CONVENTIONS[MARIAN]
    try:
        code = find_code(conventions, source.pieces, pair[1])
    except ParentError:
        # Some models of one pair keep codes that they were never shown.
        if languages.is_target_given:
            raise
        code = None
    if code is not None:
        source = source.framed(Frame((source.pieces.index(code),), (source.special.eos,)))
    return ParentVocabularies(source, target, *pair, is_marian=True)


def _marian_special_ids(mapping: Path) -> SpecialIds:
    pieces = read_json(mapping)
    if not isinstance(pieces, dict) or not all(type(index) is int for index in pieces.values()):
        raise ParentError(f"{mapping}: expected a JSON object that maps pieces to the ids 0 to n-1")
    if missing := [piece for piece in ("</s>", "<unk>", "<pad>") if piece not in pieces]:
        raise ParentError(f"{mapping} has no piece {', '.join(missing)}, which Marian's layout needs")
    return SpecialIds(eos=pieces["</s>"], unk=pieces["<unk>"], pad=pieces["<pad>"], bos=pieces.get("<s>"))


def _valid(language: Any) -> str | None:
    """A language, where it is one: models of several languages name families (``ROMANCE``) there."""
    try:
        return language_code(language) if isinstance(language, str) else None
    except CrosslateError:
        return None
