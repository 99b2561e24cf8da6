"""The vocabularies of a parent as they lie in its folder, in the layout of any family of tokenizers.

Marian's layout is read here; any other tokenizer is opened by transformers, which knows all of their layouts,
and taken apart into a segmenter, pieces, special ids and the frame that it puts around a sentence.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import dropwhile
from pathlib import Path
from typing import Any

from crosslate.errors import CrosslateError, LanguagesNotNamed, ParentError
from crosslate.files import read_json, read_optional_object
from crosslate.languages.codes import NAMES, contradicts, is_language_group, is_same_language, language_code
from crosslate.models.groups import SIDES, Side
from crosslate.models.vocabularies.conventions import (
    CONVENTIONS,
    Conventions,
    codes_of_language,
    describe_language,
    find_code,
    known_codes,
    task_prefix,
)
from crosslate.models.vocabularies.python_segmenter import PythonSegmenter, listed_pieces
from crosslate.models.vocabularies.saved_vocabularies import SAVED_VOCABULARIES, load_vocabularies
from crosslate.text.protobuf import values
from crosslate.text.segmenters import JsonSegmenter, by_id
from crosslate.text.vocabularies import Frame, NoVocabulary, SpecialIds, Vocabulary

TOKENIZER_CONFIG = "tokenizer_config.json"
RECORD = "crosslate.json"
"""Beside a parent that Crosslate wrote: languages, training and data record, scores."""
TOKENIZER_JSON = "tokenizer.json"
MARIAN = "MarianTokenizer"

_MARIAN_LANGUAGES = ("source_lang", "target_lang")
# Of SentencePiece's ModelProto and its NormalizerSpec.
_NORMALISER_FIELD, _RULES_FIELD = 3, 2
_SENTENCEPIECE_ENDINGS = (".model", ".spm")
_FEWEST_PIECES = 10
"""Transformers makes tokenizers of missing files that have special pieces alone."""
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

    def without_text(self, signal: str, folder: Path) -> ParentVocabularies:
        """The same of a model in a folder that reads ``signal``; a prompt begins its output, not a frame."""
        target = self.target.framed(Frame(after=(self.target.special.eos,)))
        return replace(self, source=NoVocabulary(signal, folder), target=target, start=None)


def read_vocabularies(
    folder: Path,
    config: Any,
    source_language: str | None = None,
    target_language: str | None = None,
    prefix: str | None = None,
) -> ParentVocabularies:
    """Reads the vocabularies of a parent's folder.

    Args:
        source_language: needed only where the files do not name the languages, or name several.
        target_language: likewise.
        prefix: text before every source text; None is that of the task in the configuration, if any.

    Raises:
        ParentError: missing or damaged files, no language, one that the model does not have, or a prefix for
            a family that has none.
    """
    described: Any = {}
    if (folder / TOKENIZER_CONFIG).is_file():
        with _as_parent_error(folder):
            described = read_json(folder / TOKENIZER_CONFIG)
    languages = _Languages(folder, (source_language, target_language))
    if (folder / SAVED_VOCABULARIES).is_file():
        return _read_saved(folder, languages)
    if _tokenizer_class(config, described if isinstance(described, dict) else {}) == MARIAN:
        if prefix:
            raise ParentError(f"{folder} is a Marian model, which takes no prefix; leave {prefix!r} out")
        return _read_marian(folder, languages)
    return _Reader(folder, config, open_tokenizer(folder), languages, prefix).read()


@contextmanager
def _as_parent_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except CrosslateError as error:
        raise ParentError(f"cannot read the vocabularies of {folder}: {error}") from error


class _Languages:
    """The two languages of a parent: as given, else as its files name them."""

    def __init__(self, folder: Path, given: tuple[str | None, str | None]) -> None:
        self._folder, self.given, self.named = folder, given, named_languages(folder)

    def pair(self, codes: Iterable[str] = ()) -> tuple[str, str]:
        """Both languages.

        Args:
            codes: the model's own, for the message.

        Raises:
            LanguagesNotNamed: one of them is not known.
        """
        source, target = (given or named for given, named in zip(self.given, self.named))
        if source and target:
            return source, target
        known = f" (the model knows {', '.join(sorted(map(_as_given, codes)))})" if codes else ""
        raise LanguagesNotNamed(
            f"{self._folder} does not say which languages it translates; give both language codes{known}"
        )

    def check(self, *sides: Side) -> None:
        """Compares the languages given with those that the files name, on sides where no code decides.

        Raises:
            ParentError: a language given is another one.
        """
        pairs = [pair for side, *pair in zip(SIDES, self.given, self.named) if side in sides]
        if any(given and named and contradicts(given, named) for given, named in pairs):
            raise ParentError(
                f"{self._folder} translates {' to '.join(map(str, self.named))}, as its files say, not "
                f"{' to '.join(self.pair())}; give its own languages or none, and teach it others as a new "
                "source or target"
            )


def _as_given(code: str) -> str:
    """How a model's own code is given: as it is, or ``art_java`` for what is no code of a language."""
    described = describe_language(code)
    return described.replace("-", "_") if described.startswith("art-") else code


def named_languages(folder: Path) -> tuple[str | None, str | None]:
    """The source and the target language that a parent's files name; None where they name none.

    Our own record goes first, then the tokenizer's configuration, then the model's. Models of several
    languages name families there (``ROMANCE``, ``roa``), which are no languages.
    """
    recorded, described, config = (
        read_optional_object(folder / name) for name in (RECORD, TOKENIZER_CONFIG, "config.json")
    )
    pairs = [
        (recorded.get("source_language"), recorded.get("target_language")),
        tuple(each if _is_language(each) else None for each in map(described.get, _MARIAN_LANGUAGES)),
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

    Classes of some families (T5, BARThez) expect another kind of pieces than models with their name have
    (EnviT5). ``tokenizer.json`` is enough then, since it says everything.

    Raises:
        ParentError: its files are missing, damaged or unknown.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # the library raises a dozen unrelated types for damaged files
        found = error
    try:
        if (folder / TOKENIZER_JSON).is_file() and not _is_code_of_family(folder):
            return PreTrainedTokenizerFast.from_pretrained(folder)
    except Exception as error:
        found = error
    raise ParentError(f"cannot read the vocabularies of {folder}: {_refusal(folder, found)}") from found


def _is_code_of_family(folder: Path) -> bool:
    """Whether the family's class is needed, which alone knows where codes of languages go."""
    conventions = CONVENTIONS.get(_named_class(folder), Conventions())
    return bool(conventions.codes) and not conventions.is_optional


def _named_class(folder: Path) -> str:
    named = read_optional_object(folder / TOKENIZER_CONFIG).get("tokenizer_class")
    return str(named or "").removesuffix("Fast")


def _refusal(folder: Path, error: Exception) -> str:
    """Why a tokenizer cannot be made, and the next step."""
    import transformers

    name = _named_class(folder)
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    if name and not any(hasattr(transformers, f"{name}{ending}") for ending in ("", "Fast")):
        return (
            f"its tokenizer, {name}, is no class of transformers but code that comes with the model, which "
            f"is never run; use a model of a family that transformers knows, or one with a {TOKENIZER_JSON}"
        )
    if not (folder / TOKENIZER_CONFIG).is_file():
        return (
            f"{TOKENIZER_CONFIG} is missing, which says what tokenizer it is, and it is not the usual one of "
            "its family; get the model again with it"
        )
    if "need to have sentencepiece" in reason and any(folder.glob("*.model")):
        return (
            f"transformers makes this family's tokenizer of {TOKENIZER_JSON} alone, which is missing; write "
            f"it once: transformers.{name or 'T5Tokenizer'}.from_pretrained('{folder}')"
            f".save_pretrained('{folder}')"
        )
    files = getattr(getattr(transformers, name, None), "vocab_files_names", {}).values()
    missing = [file for file in files if file != TOKENIZER_JSON and not (folder / file).is_file()]
    return f"{reason}; of its files, {', '.join(missing)} are missing" if missing else reason


class _Reader:
    """Takes a tokenizer of transformers apart."""

    def __init__(
        self, folder: Path, config: Any, tokenizer: Any, languages: _Languages, prefix: str | None
    ) -> None:
        self.folder, self.config, self.tokenizer, self.languages = folder, config, tokenizer, languages
        self.prefix = prefix
        names = (type(tokenizer).__name__, _named_class(folder))
        self.conventions = next((CONVENTIONS[name] for name in names if name in CONVENTIONS), Conventions())
        self.special = self._special_ids()

    def read(self) -> ParentVocabularies:
        source, target = (each.with_control(self._control(each)) for each in self._unframed())
        known = known_codes(self.conventions, target.pieces)
        if len(source) - len(source.control) < _FEWEST_PIECES:
            raise ParentError(
                f"{self.folder}: its tokenizer ({type(self.tokenizer).__name__}) has no pieces but special "
                "ones, since the files that list them are missing; get the model again, with "
                f"{', '.join(type(self.tokenizer).vocab_files_names.values())}"
            )
        if not self.conventions.codes:
            self._refuse_codes(target.pieces)
        languages = self.languages.pair(known)
        # What was trimmed for one pair still serves others of its languages.
        if not known and "trimmed" not in read_optional_object(self.folder / RECORD):
            self.languages.check(*SIDES)
        is_before_source = self.conventions.target == "source"
        # Where the target's code stands before the source, the source language has none.
        codes = [
            None if is_before_source and side == "source" else find_code(self.conventions, pieces, language)
            for side, pieces, language in zip(SIDES, (source.pieces, target.pieces), languages)
        ]
        self._set_languages(codes)
        frame = self._frame("text", codes[1] if is_before_source and codes[1] else "")
        written = self._frame("text_target")
        # What the decoder starts with is not written: SeamlessM4T's tokenizer puts it before labels.
        before = dropwhile(lambda index: index == self.special.eos, written.before)
        start = None
        if codes[1] is not None and self.conventions.target == "start":
            start = target.pieces.index(codes[1])
        prefix = task_prefix(self.config, *languages) if self.prefix is None else self.prefix
        return ParentVocabularies(
            source=source.framed(replace(frame, text=prefix)),
            # A decoder ends with the end of sentence, whatever the tokenizer puts around labels: mBART's
            # code after it is rotated to the front, where it starts the decoder.
            target=target.framed(Frame(tuple(before), (self.special.eos,))),
            source_language=describe_language(languages[0]),
            target_language=describe_language(languages[1]),
            start=start,
            optional=frozenset(map(str, self.tokenizer.all_special_tokens)),
        )

    def _refuse_codes(self, pieces: Sequence[str]) -> None:
        """Codes of a tokenizer whose class is not known to have some, or is none of a family."""
        added = {str(token) for token in self.tokenizer.added_tokens_decoder.values()}
        # Those with another role, like Blenderbot-small's __end__, only look like codes.
        added -= {str(token) for token in self.tokenizer.special_tokens_map.values()}
        for name, conventions in CONVENTIONS.items():
            # Ordinary pieces of programs look like codes of other families (__init__).
            found = known_codes(conventions, pieces if conventions.target == "source" else added)
            if len(found) > 1:
                raise ParentError(
                    f"{self.folder}: its tokenizer ({type(self.tokenizer).__name__}) has codes of languages "
                    f"({', '.join(sorted(found.values())[:4])}, …), and its class does not say where they "
                    f"go; if it is one of the family of {name}, write that as tokenizer_class into "
                    f"{TOKENIZER_CONFIG}"
                )

    def _control(self, vocabulary: Vocabulary) -> list[int]:
        """Ids that stand for no text: special ones of the tokenizer, and codes that text never leads to."""
        given = set(vocabulary.segmenter.pieces)
        codes = known_codes(self.conventions, vocabulary.pieces).values()
        added = self.tokenizer.added_tokens_decoder.values()  # with those that a later list has replaced
        control = {str(token) for token in (*self.tokenizer.all_special_tokens, *added)
                   if getattr(token, "special", True)}  # fmt: skip
        control |= {code for code in codes if self.conventions.is_optional or code not in given}
        return [index for index, piece in enumerate(vocabulary.pieces) if piece in control]

    def _unframed(self) -> tuple[Vocabulary, Vocabulary]:
        from transformers import PreTrainedTokenizerFast

        tokenizer = self.tokenizer
        if isinstance(tokenizer, PreTrainedTokenizerFast):
            segmenter = JsonSegmenter(json.dumps(self._described(), ensure_ascii=False).encode("utf-8"))
            both = Vocabulary(segmenter, None, self.special)
            return both, both
        if hasattr(tokenizer, "sp_model"):
            both = Vocabulary(self._sentencepiece_model(), self._pieces_of_rows(), self.special)
            return both, both
        return self._python_sides()

    def _described(self) -> dict[str, Any]:
        """The tokenizer as the content of a ``tokenizer.json``.

        Classes of transformers 5 build it anew from the pieces alone, and some (mBART, BARThez) with another
        normaliser than the model was trained with: that of the file counts, or the SentencePiece model's own.
        """
        described: dict[str, Any] = json.loads(self.tokenizer.backend_tokenizer.to_str())
        if described["model"].get("type") == "Unigram":  # T5's class takes it to be 2, which is MADLAD's </s>
            described["model"]["unk_id"] = self.special.unk
        if (
            self.conventions.is_optional
        ):  # MADLAD's codes are pieces like any other, which text must not spell
            codes = known_codes(self.conventions, self.tokenizer.get_vocab()).values()
            others = [each for each in described["added_tokens"] if each["content"] not in codes]
            described["added_tokens"] = others + [
                {"id": self.tokenizer.convert_tokens_to_ids(code), "content": code, "special": True,
                 "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
                for code in codes
            ]  # fmt: skip
        if "normalizer" in (filed := read_optional_object(self.folder / TOKENIZER_JSON)):
            described["normalizer"] = filed["normalizer"]
        elif "Precompiled" not in json.dumps(described["normalizer"]) and (rules := self._normaliser_rules()):
            described["normalizer"] = {
                "type": "Sequence",
                "normalizers": [
                    {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(rules).decode("ascii")},
                    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
                ],
            }
        return described

    def _normaliser_rules(self) -> bytes:
        """How the SentencePiece model normalises text, in its own compiled form; empty where it does not."""
        names = type(self.tokenizer).vocab_files_names.values()
        models = [self.folder / name for name in names if name.endswith(_SENTENCEPIECE_ENDINGS)]
        if not any(model.is_file() for model in models):
            return b""
        specification = values(self._sentencepiece_model()).get(_NORMALISER_FIELD, b"")
        rules: bytes = values(specification).get(_RULES_FIELD, b"")
        return rules

    def _python_sides(self) -> tuple[Vocabulary, Vocabulary]:
        tokenizer = self.tokenizer
        if listed_pieces(tokenizer) is None:
            raise ParentError(
                f"{self.folder}: its tokenizer ({type(tokenizer).__name__}) cuts text into bytes or "
                "characters and has no list of pieces, so no vocabulary can be replaced; use a model of "
                "subwords (mT5 in place of ByT5)"
            )
        arguments: list[dict[str, Any]] = [{}, {}]
        if "langs" in tokenizer.init_kwargs:  # a side is cut and joined by the rules of its own language
            arguments = [{"langs": [language] * 2} for language in tokenizer.init_kwargs["langs"]]
        with _as_parent_error(self.folder):
            source, target = (PythonSegmenter.of_folder(self.folder, tokenizer, **each) for each in arguments)
        decoder = getattr(tokenizer, "decoder", None)  # FSMT writes pieces of another list
        pieces = by_id({piece: index for index, piece in decoder.items()}) if decoder else source.pieces
        return Vocabulary(source, None, self.special), Vocabulary(target, pieces, self.special)

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
            except LookupError:
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
        # BERT's has neither beginning nor end, and pairs of BERTs end with what separates its sentences.
        separator = getattr(self.tokenizer, "sep_token_id", None)
        if isinstance(separator, int):
            found.setdefault("eos", separator)
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

    def _frame(self, argument: str, code: str = "") -> Frame:
        """What the tokenizer puts around a sentence: one that is shown is looked for in what comes back.

        Args:
            code: a piece that is part of the text, and stands before the sentence.
        """
        for probe in _PROBES:
            bare = list(self.tokenizer(**{argument: probe}, add_special_tokens=False)["input_ids"])
            shown = f"{code} {probe}" if code else probe
            whole = list(self.tokenizer(**{argument: shown})["input_ids"])
            for start in range(len(whole) - len(bare) + 1):
                if bare and whole[start : start + len(bare)] == bare:
                    return Frame(tuple(whole[:start]), tuple(whole[start + len(bare) :]))
        raise ParentError(
            f"cannot tell what the tokenizer of {self.folder} puts around a sentence; "
            "it does not keep the text's own ids together"
        )


def _read_saved(folder: Path, languages: _Languages) -> ParentVocabularies:
    """Vocabularies in our own files: their frames were settled, for two languages, before they were saved."""
    pair, named = languages.pair(), languages.named
    others = [one for one, other in zip(pair, named) if other and contradicts(one, other)]
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
    _refuse_added(folder, source)
    source, target = (
        each.with_control(map(each.pieces.index, known_codes(CONVENTIONS[MARIAN], each.pieces).values()))
        for each in (source, target)
    )
    code = _marian_code(source.pieces, languages)
    if code is not None:
        source = source.framed(Frame((source.pieces.index(code),), (source.special.eos,)))
    return ParentVocabularies(source, target, *languages.pair(), is_marian=True)


def _refuse_added(folder: Path, source: Vocabulary) -> None:
    """Refuses pieces added to Marian's tokenizer: no SentencePiece model has them, so text never does."""
    listed = read_optional_object(folder / TOKENIZER_CONFIG).get("added_tokens_decoder")
    entries = listed.values() if isinstance(listed, dict) else ()
    added = {*read_optional_object(folder / "added_tokens.json")}
    added |= {each["content"] for each in entries if isinstance(each, dict) and "content" in each}
    if unknown := sorted(added - set(source.pieces)):
        raise ParentError(
            f"{folder}: its tokenizer has {len(unknown)} pieces beside vocab.json, the first {unknown[0]!r}, "
            "which cannot be read; take them out of added_tokens.json and tokenizer_config.json if texts do "
            "not need them"
        )


def _marian_code(pieces: Sequence[str], languages: _Languages) -> str | None:
    """The piece before every source sentence that says what to translate into; None in models of one pair."""
    conventions = CONVENTIONS[MARIAN]
    codes = known_codes(conventions, pieces)
    _, target = languages.pair(codes)
    named = languages.named[1]
    # Some models of one pair keep codes that they were never shown. One that names no single language, or one
    # that has codes of its own (Serbo-Croatian), is not of this kind.
    is_single = named is not None and any(is_same_language(named, each) for each in NAMES)
    is_left_over = is_single and not codes_of_language(codes, target) and not contradicts(target, str(named))
    if not codes or is_left_over:
        languages.check(*SIDES)
        return None
    languages.check("source")
    return find_code(conventions, pieces, target)


def _marian_special_ids(mapping: Path) -> SpecialIds:
    pieces = read_json(mapping)
    if not isinstance(pieces, dict) or not all(type(index) is int for index in pieces.values()):
        raise ParentError(f"{mapping}: expected a JSON object that maps pieces to the ids 0 to n-1")
    if missing := [piece for piece in ("</s>", "<unk>", "<pad>") if piece not in pieces]:
        raise ParentError(f"{mapping} has no piece {', '.join(missing)}, which Marian's layout needs")
    return SpecialIds(eos=pieces["</s>"], unk=pieces["<unk>"], pad=pieces["<pad>"], bos=pieces.get("<s>"))


def _is_language(language: Any) -> bool:
    """Whether what a file names is one language: ``ROMANCE``, ``roa`` and ``deu_eng_fra`` are several."""
    try:
        _, *parts = language_code(language.strip("_")).split("-")
    except (CrosslateError, TypeError, AttributeError):
        return False
    return not is_language_group(language) and not any(re.fullmatch("[a-z]{3}", part) for part in parts)
