"""Prepare corpora for the training loop: clean, hold out, encode, and record each step."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from crosslate.adaptation.settings import DataSettings
from crosslate.errors import CorpusError, Faults
from crosslate.files import read_optional_object, sha256_text, write_json
from crosslate.languages.codes import contradicts
from crosslate.languages.identification import identifier
from crosslate.models.groups import Side
from crosslate.text.cleaning import clean
from crosslate.text.corpora import Corpus, ParallelCorpus, SizedCorpus
from crosslate.text.encoded import EncodedCorpus
from crosslate.text.swapped import check_order
from crosslate.text.vocabularies import SpecialIds, Vocabulary
from crosslate.text.vocabulary_training import RareCharacters, train_vocabulary
from crosslate.training.batches import longest_unpadded
from crosslate.training.cpu import give_back

log = logging.getLogger(__name__)

_HELD_OUT_SHARE = 0.02
_MAX_HELD_OUT = 1_000
_MIN_HELD_OUT = 10


@dataclass(frozen=True)
class Prepared:
    """Training and validation text of a run, with its record."""

    train: SizedCorpus
    valid: ParallelCorpus
    record: dict[str, Any]

    @property
    def identity(self) -> dict[str, str]:
        """Hashes of both texts; a resumed run must match them."""
        return {"corpus": self.record["train"]["sha256"], "valid": self.record["valid"]["sha256"]}


def prepare(train: Corpus, valid: Corpus | None, settings: DataSettings, seed: int, folder: Path) -> Prepared:
    """Cleans the training corpus and holds part of it out if no validation corpus is given.

    Validation text is never cleaned: scores must describe what the user gave. Kept training text that comes
    from files is stored in ``folder`` instead of memory.

    Raises:
        CorpusError: the text cannot be read (faults of both corpora are reported together), the languages
            differ, the sides are swapped, nothing is left after cleaning, or there is too little to hold out.
    """
    if valid is not None and any(map(contradicts, valid.languages, train.languages)):
        raise CorpusError(
            f"the validation corpus is {'-'.join(valid.languages)}, the training corpus "
            f"{'-'.join(train.languages)}; give both in the same direction"
        )
    faults = Faults("cannot read the corpora")
    with faults.catch(CorpusError):
        check_order(train)
        kept, report = clean(train, settings.cleaning, folder)
    with faults.catch(CorpusError):
        if valid is not None:
            check_order(valid)
        given = None if valid is None else valid.in_memory()
    faults.raise_as(CorpusError)
    identifier.cache_clear()  # 75 MB that training can use
    for line in report.lines():
        log.info("%s", line)
    if not len(kept):
        raise CorpusError(
            f"{train.origin}: no pairs are left after cleaning: {'; '.join(report.lines())}; "
            "turn these rules off if the pairs are good"
        )
    chosen = given
    if chosen is None:
        kept, chosen = _hold_out(kept, seed)
        log.info("no validation corpus given: holding out %d pairs of the training corpus", len(chosen))
    if not len(chosen):
        raise CorpusError(f"{chosen.origin}: the validation corpus is empty")
    limit = min(settings.max_validation_pairs or len(chosen), len(chosen))
    record = {
        "train": {"origin": train.origin, "pairs": len(kept), "sha256": kept.content_hash},
        "valid": {
            "origin": chosen.origin,
            "pairs": len(chosen),
            "translated": limit,
            "sha256": chosen.content_hash,
            "held_out": given is None,
        },
        "cleaning": report.as_values(),
    }
    return Prepared(kept, chosen.rows(range(limit)), record)


def vocabulary(
    prepared: Prepared,
    side: Side,
    settings: DataSettings,
    cache: Path,
    special: SpecialIds | None = None,
    control: Sequence[str] = (),
) -> Vocabulary:
    """Learns the vocabulary of one side of the training pairs, or loads it from ``cache``.

    Args:
        special, control: see :func:`crosslate.text.vocabulary_training.train_vocabulary`.
    """
    size = settings.source_vocabulary_size if side == "source" else settings.target_vocabulary_size
    kind = settings.vocabulary_kind
    described = [prepared.train.content_hash, side, size, kind, repr(special), version("sentencepiece")]
    described += control
    path = cache / f"{sha256_text(json.dumps(described))[:32]}.spm"
    rare_path = path.with_suffix(".rare.json")
    if not path.is_file():
        lines, rare = prepared.train.lines(side), list[RareCharacters]()
        log.info("learning the %s vocabulary", side)
        made = train_vocabulary(
            lines, size or None, kind=kind, special=special, control=control, report=rare.append
        )
        write_json(rare_path, asdict(rare[0]) if rare else {})
        made.save(path)
        give_back()  # SentencePiece held all the lines in memory
    if found := read_optional_object(rare_path):
        prepared.record.setdefault("rare_characters", {})[side] = found
    return Vocabulary.load(path)


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
        cache: folder of encoded corpora.
        max_positions: of the model; pairs that do not fit are dropped and counted as too long.
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


def _hold_out(corpus: SizedCorpus, seed: int) -> tuple[SizedCorpus, ParallelCorpus]:
    count = min(_MAX_HELD_OUT, int(len(corpus) * _HELD_OUT_SHARE))
    if count < _MIN_HELD_OUT:
        raise CorpusError(
            f"{corpus.origin} has only {len(corpus)} pairs, too few to hold some out for validation; "
            "give a validation corpus"
        )
    return corpus.split(sorted(random.Random(seed).sample(range(len(corpus)), count)))
