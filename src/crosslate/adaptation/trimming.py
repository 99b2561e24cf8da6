"""Trim a multilingual parent to some of its languages, and check the result against the original."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from crosslate.engines.generation import Generation
from crosslate.errors import ParentError
from crosslate.files import atomic_folder
from crosslate.models.parent import Parent
from crosslate.models.vocabularies.saved_vocabularies import SAVED_VOCABULARIES
from crosslate.models.vocabularies.trimming import exact_dtype, trim_to_languages

_SAMPLE_LINES = 8
_SAMPLE_CHARACTERS = 400
# float32 rounding differs with the shape of matrix products; relative to the largest logit.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class TrimmingAccount:
    """Result of trimming.

    Attributes:
        rows_before, rows_after: rows of the embedding table, including padding rows.
        bytes_before, bytes_after: size of the model's parameters as stored, tied ones counted once.
        dtype: of the stored parameters, for example ``float16``.
        num_lines: lines of text read.
        num_compared: lines on which trimmed and original parent gave the same logits.
        has_tokenizer: whether transformers can load a tokenizer from the folder.
    """

    rows_before: int
    rows_after: int
    bytes_before: int
    bytes_after: int
    dtype: str
    num_lines: int
    num_compared: int
    has_tokenizer: bool


def trim(
    parent: Parent,
    lines: Iterable[str],
    out: str | Path,
    *,
    min_occurrences: int = 1,
    replace: bool = False,
) -> tuple[Parent, TrimmingAccount]:
    """Writes a copy of a parent that keeps only the pieces a text uses; see :func:`trim_to_languages`.

    The copy is loaded again before it gets its final name, and must reproduce the original's logits of the
    kept pieces on a sample of the text.

    Args:
        lines: text in the languages to keep.
        out: output folder.
        min_occurrences: drop pieces that occur fewer times.
        replace: overwrite an existing parent there.

    Returns:
        The trimmed parent, loaded from ``out``, and the account.

    Raises:
        ParentError: there is no text, the parent has two vocabularies, or logits differ; nothing is written.
        InputError: ``out`` exists and ``replace`` is off.
    """
    out = Path(out)
    seen = _Seen(lines)
    trimmed = trim_to_languages(parent, seen, min_occurrences=min_occurrences, name=str(out))
    dtype = exact_dtype(parent.model)
    rows_after, bytes_after = _num_rows(trimmed), trimmed.num_parameters * dtype.itemsize
    record = {
        "trimmed": {
            "parent": parent.name, "fingerprint": parent.fingerprint(), "lines": seen.num_lines,
            "min_occurrences": min_occurrences,
        }
    }  # fmt: skip
    languages = {"source_language": parent.source_language, "target_language": parent.target_language}
    with atomic_folder(out, replace=replace) as temporary:
        trimmed.save(temporary, record, replace=True, dtype=dtype)
        del trimmed  # avoid three copies of a large parent in memory
        loaded = Parent.load(temporary, **languages)
        num_compared = _compare(parent, loaded, seen.sample)
    loaded.name, loaded.folder = str(out), out
    account = TrimmingAccount(
        rows_before=_num_rows(parent),
        rows_after=rows_after,
        bytes_before=parent.num_parameters * dtype.itemsize,
        bytes_after=bytes_after,
        dtype=str(dtype).removeprefix("torch."),
        num_lines=seen.num_lines,
        num_compared=num_compared,
        has_tokenizer=not (out / SAVED_VOCABULARIES).is_file(),
    )
    return loaded, account


def _num_rows(parent: Parent) -> int:
    table: Any = parent.model.get_input_embeddings()
    return int(table.num_embeddings)


class _Seen:
    """Iterates over lines; counts them and samples some, spread over the whole text."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.num_lines = 0
        self.sample: list[str] = []

    def __iter__(self) -> Iterator[str]:
        step = 1
        for line in self._lines:
            if line.strip() and self.num_lines % step == 0:
                is_long = len(line) > _SAMPLE_CHARACTERS
                self.sample.append(line[:_SAMPLE_CHARACTERS].rpartition(" ")[0] if is_long else line)
                if len(self.sample) >= 2 * _SAMPLE_LINES:
                    self.sample = self.sample[::2]
                    step *= 2
            self.num_lines += 1
            yield line


@torch.no_grad()
def _compare(whole: Parent, trimmed: Parent, sample: list[str]) -> int:
    """Compares logits with each line as source and target; returns the number of lines compared.

    Lines with a dropped piece are skipped, since they cannot agree.
    """
    rows = {piece: row for row, piece in enumerate(whole.target.pieces)}
    kept = torch.tensor([rows[piece] for piece in trimmed.target.pieces])
    starts = [Generation.of(each).start for each in (whole, trimmed)]
    num_compared = 0
    for line in sample:
        ids = [(each.source.encode(line), each.target.encode(line)) for each in (whole, trimmed)]
        if _pieces(whole, ids[0]) != _pieces(trimmed, ids[1]):
            continue
        logits = [
            each.model(
                input_ids=torch.tensor([source]),
                attention_mask=torch.ones(1, len(source), dtype=torch.long),
                decoder_input_ids=torch.tensor([[start, *target]]),
                use_cache=False,
            ).logits[0]
            for each, start, (source, target) in zip((whole, trimmed), starts, ids, strict=True)
        ]
        expected, found = logits[0][:, kept], logits[1][:, : len(trimmed.target)]
        difference = float((expected - found).abs().max() / expected.abs().max().clamp_min(1e-6))
        if not difference <= _TOLERANCE:  # also catches NaN
            raise ParentError(
                f"the trimmed parent differs from {whole.name} on the line {line!r}: its logits differ by "
                f"{difference:.2g} of the largest, expected at most {_TOLERANCE}; nothing was written"
            )
        num_compared += 1
    if not num_compared:
        raise ParentError(
            f"all {len(sample)} sampled lines contain dropped pieces, so nothing could be compared; "
            "lower the minimum number of occurrences"
        )
    return num_compared


def _pieces(parent: Parent, ids: tuple[list[int], list[int]]) -> list[list[str]]:
    sides = zip((parent.source, parent.target), ids, strict=True)
    return [[vocabulary.pieces[index] for index in row] for vocabulary, row in sides]
