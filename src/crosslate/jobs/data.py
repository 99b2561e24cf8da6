"""From corpora to what the training loop reads: cleaned, held out, encoded; and the record of it."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from crosslate.corpora.cleaning import CleaningSettings, clean
from crosslate.corpora.encoded import EncodedCorpus
from crosslate.corpora.parallel import ParallelCorpus
from crosslate.corpora.vocabularies import Kind, Vocabulary
from crosslate.errors import CorpusError
from crosslate.training.batches import longest_unpadded

log = logging.getLogger(__name__)

_HELD_OUT_SHARE = 0.02
_MAX_HELD_OUT = 1_000
_MIN_HELD_OUT = 10


@dataclass(frozen=True)
class DataSettings:
    """How text becomes training data.

    Attributes:
        source_vocabulary_size: pieces of a new source vocabulary; 0 chooses from the text.
        target_vocabulary_size: pieces of a new target vocabulary; 0 chooses from the text.
        vocabulary_kind: ``bpe`` or ``unigram``.
        max_tokens: pairs with a longer side (in tokens) are dropped and counted.
        cleaning: which pairs are dropped before that.
        metric: what validation measures, ``bleu`` or ``chrf``.
        max_validation_pairs: at most so many pairs of the validation corpus are translated each time,
            the first ones; 0 takes all.
    """

    source_vocabulary_size: int = 0
    target_vocabulary_size: int = 0
    vocabulary_kind: Kind = "bpe"
    max_tokens: int = 256
    cleaning: CleaningSettings = field(default_factory=CleaningSettings)
    metric: Literal["bleu", "chrf"] = "bleu"
    max_validation_pairs: int = 1_000


@dataclass(frozen=True)
class Prepared:
    """Text ready for a run: what is trained on, what is validated on, and what goes into the record."""

    train: ParallelCorpus
    valid: ParallelCorpus
    record: dict[str, Any]


def prepare(
    train: ParallelCorpus, valid: ParallelCorpus | None, settings: DataSettings, seed: int
) -> Prepared:
    """Cleans the training corpus and, where no validation corpus is given, holds part of it out.

    Validation text is never cleaned: scores must be of what the user gave.

    Raises:
        CorpusError: the languages differ, nothing is left after cleaning, or too little to hold out.
    """
    kept, report = clean(train, settings.cleaning)
    for line in report.lines():
        log.info("%s", line)
    if not len(kept):
        raise CorpusError(
            f"{train.origin}: no pair is left after cleaning: {'; '.join(report.lines())}; "
            "switch rules off if these pairs are good"
        )
    held_out = valid is None
    if valid is None:
        kept, valid = _hold_out(kept, seed)
        log.info("no validation corpus was given: %d pairs are held out of the training corpus", len(valid))
    if not len(valid):
        raise CorpusError(f"{valid.origin}: the validation corpus is empty")
    languages = (train.source_language, train.target_language)
    if (valid.source_language, valid.target_language) != languages:
        raise CorpusError(
            f"the validation corpus is {valid.source_language}-{valid.target_language}, "
            f"the training corpus {'-'.join(languages)}; give both in the same direction"
        )
    record = {
        "train": {"origin": train.origin, "pairs": len(kept), "sha256": kept.content_hash},
        "valid": {
            "origin": valid.origin,
            "pairs": len(valid),
            "sha256": valid.content_hash,
            "held_out": held_out,
        },
        "cleaning": report.as_values(),
    }
    if limit := settings.max_validation_pairs:
        valid = _rows(valid, range(min(limit, len(valid))))
    return Prepared(kept, valid, record)


def encode(
    prepared: Prepared,
    source: Vocabulary,
    target: Vocabulary,
    settings: DataSettings,
    cache: Path,
    max_positions: int,
) -> EncodedCorpus:
    """Encodes the training pairs into memory-mapped arrays and records how many were too long.

    Args:
        cache: where encoded corpora are kept.
        max_positions: of the model; pairs that would not fit are dropped and counted with the too long ones.
    """
    max_tokens = min(settings.max_tokens, longest_unpadded(max_positions))
    pairs = EncodedCorpus.build(prepared.train, source, target, cache, max_tokens=max_tokens)
    prepared.record["encoded"] = {
        "pairs": len(pairs),
        "dropped_too_long": pairs.dropped_too_long,
        "example": pairs.dropped_example,
        "max_tokens": pairs.max_tokens,
    }
    if pairs.dropped_too_long:
        log.info("dropped %d pairs of more than %d tokens", pairs.dropped_too_long, pairs.max_tokens)
    return pairs


def _hold_out(corpus: ParallelCorpus, seed: int) -> tuple[ParallelCorpus, ParallelCorpus]:
    count = min(_MAX_HELD_OUT, int(len(corpus) * _HELD_OUT_SHARE))
    if count < _MIN_HELD_OUT:
        raise CorpusError(
            f"{corpus.origin} has {len(corpus)} pairs, too few to hold some out for validation; "
            "give a validation corpus"
        )
    chosen = sorted(random.Random(seed).sample(range(len(corpus)), count))
    out = set(chosen)
    return _rows(corpus, [row for row in range(len(corpus)) if row not in out]), _rows(corpus, chosen)


def _rows(corpus: ParallelCorpus, rows: Any) -> ParallelCorpus:
    rows = list(rows)
    return ParallelCorpus(
        tuple(corpus.source[row] for row in rows),
        tuple(corpus.target[row] for row in rows),
        corpus.source_language,
        corpus.target_language,
        corpus.origin,
    )
