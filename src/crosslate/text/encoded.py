"""A parallel corpus as token ids in memory-mapped arrays, encoded once and found again by its content.

The folder of an encoded corpus holds, for each side, ``SIDE.ids`` (all ids one after the other, unsigned
16 bit where the vocabulary has at most 65,536 pieces, else 32 bit) and ``SIDE.offsets`` (where each
sentence starts, and the end: pairs + 1 numbers of 64 bit), all little-endian, and ``meta.json``.
"""

from __future__ import annotations

import json
import logging
from array import array
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crosslate.errors import CorpusError, InputError
from crosslate.files import atomic_folder, read_json, sha256_file, sha256_text, write_json
from crosslate.text.cleaning import Example
from crosslate.text.corpora import SizedCorpus
from crosslate.text.vocabularies import Vocabulary

log = logging.getLogger(__name__)

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
        max_tokens: int,
    ) -> EncodedCorpus:
        """Encodes a corpus in bounded memory, or finds it already encoded in the folder ``cache``.

        A pair of which a side has more than ``max_tokens`` tokens is dropped whole and counted, never cut.

        Raises:
            CorpusError: no pair is left.
        """
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
            _write(corpus, (source, target), max_tokens, key, temporary)
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
        offsets = self._offsets[side]
        return self._ids[side][offsets[index] : offsets[index + 1]]


def _mapped(path: Path, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """A file as an array that is read from disk where it is touched."""
    # as a plain array: every slice of numpy's memmap class costs ten times as much
    return np.asarray(np.memmap(path, dtype, "r"))


def _write(
    pairs: Iterable[tuple[str, str]],
    vocabularies: tuple[Vocabulary, Vocabulary],
    max_tokens: int,
    key: str,
    folder: Path,
) -> None:
    """Encodes pairs into the files of a folder, a batch at a time."""
    dtypes = [np.dtype("<u2" if len(vocabulary) <= 1 << 16 else "<u4") for vocabulary in vocabularies]
    lengths = [array("i"), array("i")]
    num_read = num_dropped = 0
    example: Example | None = None
    iterator = iter(pairs)
    with ExitStack() as stack:
        files = [stack.enter_context((folder / f"{side}.ids").open("wb")) for side in _SIDES]
        while batch := list(islice(iterator, _BATCH_PAIRS)):
            encoded = [vocabulary.encode_batch(side) for vocabulary, side in zip(vocabularies, zip(*batch))]
            kept: list[int] = []
            for index, (source, target) in enumerate(zip(*encoded)):
                if max(len(source), len(target)) <= max_tokens:
                    kept.append(index)
                else:
                    num_dropped += 1
                    example = example or Example.of(num_read + index + 1, *batch[index])
            for side, rows in enumerate(encoded):
                ids = [rows[index] for index in kept]
                lengths[side].extend(map(len, ids))
                files[side].write(np.fromiter(chain.from_iterable(ids), dtypes[side]).tobytes())
            num_read += len(batch)
    if not lengths[0]:
        raise CorpusError(
            f"no pair is left of {num_read}: {num_dropped} had a side of more than {max_tokens} tokens; "
            "expected at least one pair"
        )
    for name, each in zip(_SIDES, lengths):
        offsets = np.zeros(len(each) + 1, _OFFSET)
        np.cumsum(np.frombuffer(each, np.intc), out=offsets[1:])
        offsets.tofile(folder / f"{name}.offsets")
    meta = {
        "version": _VERSION,
        "key": key,
        "pairs": len(lengths[0]),
        "max_tokens": max_tokens,
        "dropped_too_long": num_dropped,
        "dropped_example": None if example is None else asdict(example),
        **{name: {"dtype": dtype.str} for name, dtype in zip(_SIDES, dtypes)},
        "sha256": {name: sha256_file(folder / name) for name in _FILES},
    }
    write_json(folder / "meta.json", meta)
