"""A parallel corpus as token ids in memory-mapped arrays, encoded once and found again by its content.

The folder of an encoded corpus holds, for each side, ``SIDE.ids`` (all ids one after the other, unsigned
16 bit where the vocabulary has at most 65,536 pieces, else 32 bit) and ``SIDE.offsets`` (where each
sentence starts, and the end: pairs + 1 numbers of 64 bit), all little-endian, and ``meta.json``.
"""

from __future__ import annotations

import json
import logging
from array import array
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from crosslate.errors import CorpusError, InputError, UsageError
from crosslate.files import atomic_folder, read_json, sha256_file, sha256_text, write_json
from crosslate.text.cleaning import Example
from crosslate.text.corpora import SizedCorpus
from crosslate.text.vocabularies import Vocabulary

log = logging.getLogger(__name__)

MAX_TOKENS = 256
_VERSION = 1
_BATCH_PAIRS = 2_048
_SIDES = ("source", "target")
_FILES = tuple(f"{side}.{part}" for side in _SIDES for part in ("ids", "offsets"))
_OFFSET = np.dtype("<i8")


class EncodedCorpus:
    """Token ids of the pairs of a corpus, each sequence in its vocabulary's frame.

    Attributes:
        folder: where the arrays are.
        key: hex sha256 over the content, both vocabularies' fingerprints and ``max_tokens``.
        max_tokens: pairs of which a side has more tokens (end of sentence included) were dropped.
        dropped_too_long: how many were.
        dropped_example: the first of these (``line``, ``source``, ``target``), or None.
    """

    def __init__(self, folder: Path, meta: dict[str, Any]) -> None:
        self.folder = folder
        self.key: str = meta["key"]
        self.max_tokens: int = meta["max_tokens"]
        self.dropped_too_long: int = meta["dropped_too_long"]
        self.dropped_example: dict[str, Any] | None = meta["dropped_example"]
        self._num_pairs: int = meta["pairs"]
        self._ids = {side: _mapped(folder / f"{side}.ids", meta[side]["dtype"]) for side in _SIDES}
        self._offsets = {side: _mapped(folder / f"{side}.offsets", _OFFSET) for side in _SIDES}

    @classmethod
    def build(
        cls,
        corpus: SizedCorpus,
        source: Vocabulary,
        target: Vocabulary,
        cache: Path,
        *,
        max_tokens: int = MAX_TOKENS,
    ) -> EncodedCorpus:
        """Encodes a corpus in bounded memory, or finds it already encoded in the folder ``cache``.

        A pair of which a side has more than ``max_tokens`` tokens is dropped whole and counted, never cut.

        Raises:
            CorpusError: no pair is left.
            UsageError: ``max_tokens`` is below 2.
        """
        if max_tokens < 2:
            raise UsageError(f"max_tokens is {max_tokens}, expected at least 2 (a token and end of sentence)")
        key = sha256_text(
            json.dumps([_VERSION, corpus.content_hash, source.fingerprint, target.fingerprint, max_tokens])
        )
        folder = Path(cache) / key[:32]
        if folder.exists():
            try:
                return cls.open(folder)
            except CorpusError as error:
                log.warning("%s; it is built again", error)
        with atomic_folder(folder, replace=True) as temporary:
            _Writer(key, (source, target), max_tokens).write(corpus, temporary)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> EncodedCorpus:
        """Opens an encoded corpus whose files have the hashes in ``meta.json``; CorpusError otherwise."""
        try:
            meta = read_json(folder / "meta.json")
            damaged = [name for name in _FILES if sha256_file(folder / name) != meta["sha256"][name]]
            if meta["version"] == _VERSION and not damaged:
                return cls(folder, meta)
            problem = f"is damaged: {', '.join(damaged)}" if damaged else "has another version"
        except (InputError, OSError, KeyError, TypeError, ValueError) as error:
            problem = f"cannot be opened ({error!r})"
        raise CorpusError(f"the encoded corpus {folder} {problem}; encode it again")

    def __len__(self) -> int:
        return self._num_pairs

    @cached_property
    def source_lengths(self) -> npt.NDArray[np.int32]:
        """Tokens of each source sentence, end of sentence included: ``(pairs,)`` int32."""
        return np.diff(self._offsets["source"]).astype(np.int32)

    @cached_property
    def target_lengths(self) -> npt.NDArray[np.int32]:
        """Tokens of each target sentence, end of sentence included: ``(pairs,)`` int32."""
        return np.diff(self._offsets["target"]).astype(np.int32)

    def source_ids(self, index: int) -> npt.NDArray[np.unsignedinteger[Any]]:
        """Ids of a source sentence: ``(src_len,)``, read-only, uint16 or uint32."""
        return self._sentence("source", index)

    def target_ids(self, index: int) -> npt.NDArray[np.unsignedinteger[Any]]:
        """Ids of a target sentence: ``(tgt_len,)``; see :meth:`source_ids`."""
        return self._sentence("target", index)

    def _sentence(self, side: str, index: int) -> npt.NDArray[np.unsignedinteger[Any]]:
        if not 0 <= index < self._num_pairs:
            raise IndexError(f"pair {index} of an encoded corpus of {self._num_pairs} pairs")
        offsets = self._offsets[side]
        return self._ids[side][offsets[index] : offsets[index + 1]]


def _mapped(path: Path, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """A file as an array that is read from disk where it is touched."""
    # as a plain array: every slice of numpy's memmap class costs ten times as much
    return np.asarray(np.memmap(path, dtype, "r"))


class _Writer:
    """Encodes pairs into the files of a folder, a batch at a time."""

    def __init__(self, key: str, vocabularies: tuple[Vocabulary, Vocabulary], max_tokens: int) -> None:
        self.key, self.vocabularies, self.max_tokens = key, vocabularies, max_tokens
        self.dtypes = [np.dtype("<u2" if len(side) <= 1 << 16 else "<u4") for side in vocabularies]
        self.lengths = [array("i"), array("i")]
        self.num_read = 0
        self.num_dropped = 0
        self.example: Example | None = None

    def write(self, pairs: Iterable[tuple[str, str]], folder: Path) -> None:
        source, target = (folder / f"{side}.ids" for side in _SIDES)
        with source.open("wb") as source_file, target.open("wb") as target_file:
            for batch in _batches(pairs):
                self._encode(batch, (source_file, target_file))
        if not self.lengths[0]:
            raise CorpusError(
                f"no pair is left of {self.num_read}: {self.num_dropped} had a side of more than "
                f"{self.max_tokens} tokens; expected at least one pair"
            )
        for side, lengths in zip(_SIDES, self.lengths):
            offsets = np.zeros(len(lengths) + 1, _OFFSET)
            np.cumsum(np.frombuffer(lengths, np.intc), out=offsets[1:])
            offsets.tofile(folder / f"{side}.offsets")
        meta = {
            "version": _VERSION,
            "key": self.key,
            "pairs": len(self.lengths[0]),
            "max_tokens": self.max_tokens,
            "dropped_too_long": self.num_dropped,
            "dropped_example": None if self.example is None else dict(vars(self.example)),
            **{side: {"dtype": dtype.str} for side, dtype in zip(_SIDES, self.dtypes)},
            "sha256": {name: sha256_file(folder / name) for name in _FILES},
        }
        write_json(folder / "meta.json", meta)

    def _encode(self, batch: list[tuple[str, str]], files: tuple[BinaryIO, BinaryIO]) -> None:
        sides = [vocabulary.encode_batch(texts) for vocabulary, texts in zip(self.vocabularies, zip(*batch))]
        kept: list[int] = []
        for index, (source, target) in enumerate(zip(*sides)):
            if max(len(source), len(target)) <= self.max_tokens:
                kept.append(index)
            else:
                self.num_dropped += 1
                self.example = self.example or Example.of(self.num_read + index + 1, *batch[index])
        for ids, dtype, lengths, file in zip(sides, self.dtypes, self.lengths, files):
            ids = [ids[index] for index in kept]
            lengths.extend(map(len, ids))
            file.write(np.fromiter(chain.from_iterable(ids), dtype).tobytes())
        self.num_read += len(batch)


def _batches(pairs: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    iterator = iter(pairs)
    while batch := list(islice(iterator, _BATCH_PAIRS)):
        yield batch
