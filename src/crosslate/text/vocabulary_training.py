"""Training SentencePiece vocabularies on the text of one side, and choosing their size from it."""

from __future__ import annotations

import io
import logging
import tempfile
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

from crosslate.errors import VocabularyError
from crosslate.text.vocabularies import SpecialIds, Vocabulary

log = logging.getLogger(__name__)

Kind = Literal["bpe", "unigram"]
MIN_OCCURRENCES = 100
MAX_DEFAULT_SIZE = 32_000
MIN_SIZE = 64
_MAX_LINES = 1_000_000
_SIZE_STEP = 500
_SIZE_SAMPLE_LINES = 500_000
_CANDIDATE_SIZES = (1_000, 2_000, 4_000, 8_000, 16_000, MAX_DEFAULT_SIZE)


def train_vocabulary(
    lines: Iterable[str],
    size: int | None = None,
    *,
    kind: Kind = "bpe",
    special: SpecialIds | None = None,
    control: Sequence[str] = (),
) -> Vocabulary:
    """Trains a SentencePiece vocabulary on one side's text, at most a million lines spread evenly over it.

    Args:
        size: number of pieces, special ones included; None chooses :func:`default_size`.
        kind: byte-pair encoding or unigram language model.
        special: the special ids wanted; those that do not fit below ``size`` move (see SpecialIds.fitted).
        control: pieces that no text leads to (codes of languages); they count among ``size``.

    Raises:
        VocabularyError: no text, a size below 64, or more pieces asked for than the text yields
            (the message then says how many it yields).
    """
    special = special or SpecialIds()
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text"
        num_lines = 0
        with text.open("w", encoding="utf-8", newline="\n") as file:
            for line in filter(None, (line.replace("\n", " ").strip() for line in lines)):
                file.write(line + "\n")
                num_lines += 1
        if not num_lines:
            raise VocabularyError("cannot learn a vocabulary: the text is empty")
        is_given = size is not None
        if size is None:
            sample = list(_thinned(_lines(text), num_lines, _SIZE_SAMPLE_LINES))
            size = default_size(sample, num_lines, kind)
            log.info("vocabulary size chosen: %d pieces", size)
        if size < MIN_SIZE:
            raise VocabularyError(f"a vocabulary of {size} pieces is too small; give at least {MIN_SIZE}")
        # SentencePiece itself would take the first ones, which may be all of one kind.
        learnt = _thinned(_lines(text), num_lines, _MAX_LINES)
        return Vocabulary(_train(learnt, size, kind, special.fitted(size), hard=is_given, control=control))


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.rstrip("\n")


def default_size(sample: Sequence[str], num_lines: int, kind: Kind = "bpe") -> int:
    """The largest vocabulary size whose pieces nearly all occur at least 100 times in the text.

    Source: Gowda & May 2020, "Finding the Optimal Vocabulary Size for Neural Machine Translation": as many
    types as leave at least 95 % of them with 100 or more training examples. Single characters are not
    counted (rare ones are in every text), sizes go in steps of 500, and never below 1,000: on tens of
    thousands of short sentences the rule would ask for hundreds of pieces, and twice the tokens.

    Args:
        sample: an even sample of the text's lines, of which there are ``num_lines``, or all of them.
    """
    enough = MIN_OCCURRENCES * (len(sample) / num_lines)

    def is_too_rare(size: int) -> bool:
        model = _train(iter(sample), size, kind, SpecialIds(), hard=False)
        return _share_frequent(model, sample, enough) < 0.95

    for smaller, larger in pairwise(_CANDIDATE_SIZES):
        if is_too_rare(larger):
            sizes = range(smaller, larger, _SIZE_STEP)
            return sizes[bisect_left(sizes, True, lo=1, key=is_too_rare) - 1]
    return MAX_DEFAULT_SIZE


def _thinned(lines: Iterable[str], num_lines: int, num_wanted: int) -> Iterator[str]:
    """``num_wanted`` of ``num_lines`` lines, evenly spaced; all of them if there are no more."""
    for row, line in enumerate(lines):
        if row * num_wanted // num_lines != (row - 1) * num_wanted // num_lines or num_wanted >= num_lines:
            yield line


def _share_frequent(model: bytes, sample: Sequence[str], enough: float) -> float:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    counts = Counter(index for ids in processor.EncodeAsIds(list(sample)) for index in ids)
    ordinary = [
        index
        for index in range(processor.GetPieceSize())
        if not (processor.IsControl(index) or processor.IsUnknown(index))
        and len(processor.IdToPiece(index).lstrip("▁")) > 1
    ]
    return sum(counts[index] >= enough for index in ordinary) / max(1, len(ordinary))


def _train(
    lines: Iterator[str],
    size: int,
    kind: Kind,
    special: SpecialIds,
    *,
    hard: bool,
    control: Sequence[str] = (),
) -> bytes:
    import sentencepiece

    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.Train(
            # Not the file's name: it would stand in the model, and no two models would be the same bytes.
            sentence_iterator=lines,
            model_writer=model,
            vocab_size=size,
            model_type=kind,
            character_coverage=1.0 if size >= 1_000 else 0.9995,
            eos_id=special.eos,
            unk_id=special.unk,
            pad_id=special.pad,
            bos_id=-1 if special.bos is None else special.bos,
            eos_piece="</s>",
            unk_piece="<unk>",
            pad_piece="<pad>",
            control_symbols=list(control),
            input_sentence_size=2_000_000,  # never reached; the number becomes part of the model's bytes
            shuffle_input_sentence=False,
            max_sentence_length=65_536,
            num_threads=1,  # the result must not depend on the machine
            hard_vocab_limit=hard,
            minloglevel=2,
        )
    except RuntimeError as error:
        # Its own message ends with what to do, after a source location that helps nobody.
        detail = str(error).rsplit("]", 1)[-1].strip() or str(error)
        raise VocabularyError(
            f"cannot learn a vocabulary of {size} pieces: {detail} Give a smaller size or more text."
        ) from None
    return model.getvalue()
