"""Tokenizers that exist only as Python code of transformers (FSMT, Blenderbot-small), as segmenters."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from crosslate.errors import MissingExtra, VocabularyError
from crosslate.files import is_inside_name
from crosslate.text.segmenters import SEGMENTERS, WORD_START, by_id

_CONFIG = "tokenizer_config.json"
_WORD_END = "</w>"


class PythonSegmenter:
    """A tokenizer class of transformers with the content of its files.

    Args:
        data: JSON of ``class``, ``files`` (text by name) and ``arguments`` for the constructor.

    Raises:
        VocabularyError: not such data, or files that the class cannot read.
        MissingExtra: the class needs a package that is not installed.
    """

    kind = "transformers"

    def __init__(self, data: bytes) -> None:
        self.data = data
        try:
            described = json.loads(data)
            name, files, arguments = described["class"], described["files"], described["arguments"]
        except (ValueError, KeyError, TypeError) as error:
            raise VocabularyError(f"not a tokenizer of the transformers library: {error}") from None
        self._tokenizer = _make(name, files, arguments)

    @classmethod
    def of_folder(cls, folder: Path, tokenizer: Any, **arguments: Any) -> PythonSegmenter:
        """The tokenizer of a folder.

        Args:
            tokenizer: as loaded from ``folder``; it names its files.
            arguments: what its constructor gets beside what ``tokenizer_config.json`` says.
        """
        names = sorted({*type(tokenizer).vocab_files_names.values(), _CONFIG})
        files = {
            name: (folder / name).read_text(encoding="utf-8") for name in names if (folder / name).is_file()
        }
        described = {"class": type(tokenizer).__name__, "files": files, "arguments": arguments}
        return cls(json.dumps(described, ensure_ascii=False, sort_keys=True).encode("utf-8"))

    @cached_property
    def identity(self) -> bytes:
        described = json.loads(self.data)
        files = {
            name: _without_layout(name, text)
            for name, text in described["files"].items()
            if name != _CONFIG  # libraries write more into it with every version
        }
        found = [described["class"], files, described["arguments"]]
        return json.dumps(found, ensure_ascii=False, sort_keys=True).encode("utf-8")

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        return by_id(listed_pieces(self._tokenizer) or {})

    @cached_property
    def _special(self) -> frozenset[str]:
        return frozenset(map(str, self._tokenizer.all_special_tokens))

    def split(self, text: str) -> list[str]:
        pieces: list[str] = self._tokenizer.tokenize(text, split_special_tokens=True)
        # Nor does a word that spells a special piece lead to it.
        return ["" if piece in self._special else piece for piece in pieces]

    def split_to_ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [self._tokenizer.convert_tokens_to_ids(self.split(text)) for text in texts]

    def join(self, pieces: Sequence[str], unknown: str) -> str:
        shown = [f"⁇{_WORD_END}" if piece == unknown else piece for piece in pieces]
        text: str = self._tokenizer.convert_tokens_to_string(shown)
        return text.replace(_WORD_END, "").strip()

    def marked(self, piece: str) -> str:
        # These mark where words end; a piece that may be a whole word is the nearest to one that begins it.
        if piece.endswith(_WORD_END):
            return WORD_START + piece.removesuffix(_WORD_END)
        return piece


def listed_pieces(tokenizer: Any) -> dict[str, int] | None:
    """The id of every piece of a tokenizer in Python; None if it has no list of them (ByT5)."""
    lists = (getattr(tokenizer, name, None) for name in ("encoder", "vocab"))
    return next((dict(each) for each in lists if isinstance(each, dict)), None)


def _make(name: str, files: Mapping[str, str], arguments: Mapping[str, Any]) -> Any:
    import transformers

    kind: Any = getattr(transformers, name, None)
    is_tokenizer = isinstance(kind, type) and issubclass(kind, transformers.PreTrainedTokenizer)
    if not is_tokenizer:
        raise VocabularyError(f"transformers has no tokenizer {name!r} in Python; get the model again")
    with tempfile.TemporaryDirectory() as folder:
        for file, text in files.items():
            if not is_inside_name(file):
                raise VocabularyError(f"a tokenizer's file is named {file!r}, expected a plain name")
            (Path(folder) / file).write_text(text, encoding="utf-8")
        try:
            return kind.from_pretrained(folder, **arguments)
        except ImportError as error:
            raise MissingExtra(f"{name} needs another package: {_flat(error)}") from error
        except Exception as error:  # the library raises a dozen unrelated types for damaged files
            raise VocabularyError(f"{name} cannot be made of its files: {_flat(error)}") from error


def _without_layout(name: str, text: str) -> Any:
    """What a file says, whichever way it was written: JSON as values, merges as pairs."""
    if name.endswith(".json"):
        return json.loads(text)
    return [line.split()[:2] for line in text.splitlines() if not line.startswith("#version")]


def _flat(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def segmenters() -> dict[str, tuple[str, Callable[[bytes], Any]]]:
    """:data:`crosslate.text.segmenters.SEGMENTERS` with this one."""
    return {**SEGMENTERS, PythonSegmenter.kind: (".python.json", PythonSegmenter)}
