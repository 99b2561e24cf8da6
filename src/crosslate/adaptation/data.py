"""Prepare corpora for the training loop: clean, hold out, encode, and record each step."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from crosslate.adaptation.settings import DataSettings
from crosslate.adaptation.signals import cleaning_of_files
from crosslate.errors import CorpusError, Faults
from crosslate.files import read_optional_object, sha256_text, write_json
from crosslate.languages.codes import contradicts
from crosslate.languages.identification import identifier
from crosslate.models.groups import SIDES, Side
from crosslate.signals.corpora import SignalCorpus
from crosslate.text.cleaning import CleaningReport, clean
from crosslate.text.corpora import Corpus, ParallelCorpus, SizedCorpus
from crosslate.text.earlier import EarlierText
from crosslate.text.encoded import EncodedCorpus
from crosslate.text.swapped import check_order
from crosslate.text.synthetic import SyntheticText, TaggedPairs, record_of
from crosslate.text.term_annotations import AnnotatedText
from crosslate.text.vocabularies import SpecialIds, Vocabulary
from crosslate.text.vocabulary_training import RareCharacters, train_vocabulary
from crosslate.training.batches import PairIds, longest_unpadded
from crosslate.training.cpu import give_back
from crosslate.training.mixed_pairs import MixedPairs

log = logging.getLogger(__name__)

_HELD_OUT_SHARE = 0.02
_MAX_HELD_OUT = 1_000
_MIN_HELD_OUT = 10
LEAST_TO_HOLD_OUT = round(_MIN_HELD_OUT / _HELD_OUT_SHARE)
"""Pairs of which some can be held out for validation."""


@dataclass(frozen=True)
class Prepared:
    """Training and validation text of a run, with its record.

    Attributes:
        train, valid: real pairs.
        synthetic: pairs of which one side is a machine translation; None for none.
        share: of synthetic pairs in an epoch, between 0 and 1.
        human_side: the side of the synthetic pairs that people wrote; None if unknown.
        earlier: pairs of earlier text to replay; None for none.
        earlier_share: of these pairs in an epoch, between 0 and 1.
        earlier_valid: pairs of earlier text to validate on; None for none.
        annotated: copies of real pairs with terms in their sources; None if terms are not learnt.
    """

    train: SizedCorpus
    valid: ParallelCorpus
    record: dict[str, Any]
    synthetic: TaggedPairs | None = None
    share: float = 0.0
    human_side: str | None = None
    earlier: SizedCorpus | None = None
    earlier_share: float = 0.0
    earlier_valid: ParallelCorpus | None = None
    annotated: AnnotatedText | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """Hashes of all texts and how they are mixed; a resumed run must match them."""
        identity: dict[str, Any] = {
            "corpus": self.record["train"]["sha256"],
            "valid": self.record["valid"]["sha256"],
        }
        if self.synthetic is not None:
            identity["synthetic"] = [self.synthetic.content_hash, self.share, self.human_side]
        if self.earlier is not None:
            identity["earlier"] = [self.earlier.content_hash, self.earlier_share]
        if self.annotated is not None:
            identity["annotated"] = [self.annotated.pairs.content_hash, self.annotated.share]
        return identity

    def human_text(self, side: str) -> list[SizedCorpus]:
        """The training text of which people wrote this side."""
        if self.synthetic is None or self.human_side != side:
            return [self.train]
        return [self.train, self.synthetic.untagged]


def prepare(
    train: Corpus,
    valid: Corpus | None,
    settings: DataSettings,
    seed: int,
    folder: Path,
    synthetic: SyntheticText | None = None,
    earlier: EarlierText | None = None,
) -> Prepared:
    """Cleans the training text and holds part of the real pairs out if no validation corpus is given.

    Validation text is never cleaned: scores must describe what the user gave. Kept training text that comes
    from files is stored in ``folder`` instead of memory. Synthetic pairs are cleaned and counted apart. Those
    with a side of the validation text are left out, because monolingual text often holds it. Earlier text is
    cleaned and counted apart too. If the training text is itself synthetic by the record beside it, its
    record says so, and pairs with a side of the validation text are left out of it.

    Raises:
        CorpusError: the text cannot be read (faults of all corpora are reported together), the languages
            differ, the sides are swapped, nothing is left after cleaning, or there is too little to hold out.
    """
    earlier = earlier or EarlierText()
    made_text = synthetic.corpus if synthetic else None
    others = (
        (valid, "the validation corpus is"), (made_text, "the synthetic pairs are"),
        (earlier.corpus, "the earlier text is"), (earlier.valid, "the earlier validation text is"),
    )  # fmt: skip
    for other, what in others:
        if other is not None and any(map(contradicts, other.languages, train.languages)):
            raise CorpusError(
                f"{what} {'-'.join(other.languages)}, the training corpus {'-'.join(train.languages)}; "
                "give both in the same direction"
            )
    is_text = not isinstance(train, SignalCorpus)
    if not is_text:
        settings = settings.changed(cleaning=cleaning_of_files(settings.cleaning))
    faults = Faults("cannot read the corpora")
    with faults.catch(CorpusError):
        if is_text:
            check_order(train)
        kept, report = clean(train, settings.cleaning, folder)
    with faults.catch(CorpusError):
        if valid is not None and is_text:
            check_order(valid)
        given = None if valid is None else valid.in_memory()
    with faults.catch(CorpusError):
        if made_text is not None:
            check_order(made_text)
        made = None if made_text is None else clean(made_text, settings.cleaning, folder)
    with faults.catch(CorpusError):
        for each in filter(None, (earlier.corpus, earlier.valid)):
            check_order(each)
        replayed = None if earlier.corpus is None else clean(earlier.corpus, settings.cleaning, folder)
        earlier_valid = None if earlier.valid is None else earlier.valid.in_memory()
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
    kept, chosen, described_train = _described(train, kept, chosen, is_held_out=given is None)
    translated, described = _translated_part(chosen, settings, "validation corpus")
    record = {
        "train": described_train,
        "valid": {**described, "held_out": given is None},
        "cleaning": report.as_values(),
    }
    prepared = Prepared(kept, translated, record)
    if synthetic is not None and made is not None:
        prepared = _with_synthetic(prepared, chosen, synthetic, *made)
    if earlier.corpus is not None and replayed is not None:
        prepared = _with_earlier(prepared, earlier, *replayed)
    if earlier_valid is None:
        return prepared
    translated, record["earlier_valid"] = _translated_part(earlier_valid, settings, "earlier validation text")
    return replace(prepared, earlier_valid=translated)


def _translated_part(
    corpus: ParallelCorpus, settings: DataSettings, what: str
) -> tuple[ParallelCorpus, dict[str, Any]]:
    """The pairs that every validation translates, and the record of the whole text."""
    if not len(corpus):
        raise CorpusError(f"{corpus.origin}: the {what} is empty")
    count = min(settings.max_validation_pairs or len(corpus), len(corpus))
    record = {
        "origin": corpus.origin, "pairs": len(corpus), "translated": count, "sha256": corpus.content_hash,
    }  # fmt: skip
    return corpus.rows(range(count)), record


def _with_synthetic(
    prepared: Prepared,
    valid: ParallelCorpus,
    synthetic: SyntheticText,
    kept: SizedCorpus,
    report: CleaningReport,
) -> Prepared:
    """Adds the synthetic pairs that cleaning kept, without those that have a side of ``valid``."""
    corpus = synthetic.corpus
    kept, left_out = _apart_from(valid, kept)
    lines = [f"synthetic pairs: {line}" for line in report.lines()]
    if left_out:
        lines.append(f"synthetic pairs: {left_out} left out, they have a side of the validation text")
    for line in lines:
        log.info("%s", line)
    if not len(kept):
        raise CorpusError(f"{corpus.origin}: no synthetic pairs are left: {'; '.join(lines)}")
    prepared.record["synthetic"] = {
        "origin": corpus.origin,
        "files": synthetic.files,
        "pairs": len(kept),
        "sha256": kept.content_hash,
        "share": synthetic.share,
        "tag": synthetic.tag,
        "human_side": synthetic.human_side,
        "cleaning": report.as_values(),
        "in_validation": left_out,
        "made": synthetic.record,
    }
    return replace(
        prepared, synthetic=TaggedPairs(kept, synthetic.tag), share=synthetic.share,
        human_side=synthetic.human_side,
    )  # fmt: skip


def _described(
    train: Corpus, kept: SizedCorpus, valid: ParallelCorpus, *, is_held_out: bool
) -> tuple[SizedCorpus, ParallelCorpus, dict[str, Any]]:
    """The training and validation text, and the record of the former; both say if they are synthetic."""
    record: dict[str, Any] = {"origin": train.origin}
    if made := record_of(train):
        record["made"] = made
        if is_held_out:
            valid = replace(valid, origin=f"{valid.origin} (held out, synthetic)")
        else:
            kept, left_out = _apart_from(valid, kept)
            record["in_validation"] = left_out
            if left_out:
                log.info("%d synthetic pairs left out, they have a side of the validation text", left_out)
        if not len(kept):
            raise CorpusError(f"{train.origin}: all synthetic pairs have a side of the validation text")
    return kept, valid, record | {"pairs": len(kept), "sha256": kept.content_hash}


def _apart_from(valid: ParallelCorpus, kept: SizedCorpus) -> tuple[SizedCorpus, int]:
    """The pairs without those that have a side of the validation text, and how many these are."""
    known = [{text.strip() for text in valid.lines(side)} for side in SIDES]
    is_known = (any(text.strip() in each for text, each in zip(pair, known)) for pair in kept)
    rest, left_out = kept.split([row for row, found in enumerate(is_known) if found])
    return rest, len(left_out)


def _with_earlier(
    prepared: Prepared, earlier: EarlierText, kept: SizedCorpus, report: CleaningReport
) -> Prepared:
    """Adds the earlier pairs that cleaning kept."""
    lines = [f"earlier text: {line}" for line in report.lines()]
    for line in lines:
        log.info("%s", line)
    if not len(kept):
        raise CorpusError(f"{kept.origin}: no pairs of earlier text are left: {'; '.join(lines)}")
    prepared.record["earlier"] = {
        "origin": kept.origin, "pairs": len(kept), "sha256": kept.content_hash, "share": earlier.share,
        "cleaning": report.as_values(),
    }  # fmt: skip
    return replace(prepared, earlier=kept, earlier_share=earlier.share)


def vocabulary(
    prepared: Prepared,
    side: Side,
    settings: DataSettings,
    cache: Path,
    special: SpecialIds | None = None,
    control: Sequence[str] = (),
) -> Vocabulary:
    """Learns the vocabulary of one side of the training text, or loads it from ``cache``.

    Machine translations are left out: a vocabulary would learn their errors. The tag of synthetic sources
    becomes a piece, as do the markers of terms, whose translations a source vocabulary must spell, too.

    Args:
        special, control: see :func:`crosslate.text.vocabulary_training.train_vocabulary`.
    """
    size = settings.source_vocabulary_size if side == "source" else settings.target_vocabulary_size
    kind = settings.vocabulary_kind
    text = prepared.human_text(side)
    described = [*(each.content_hash for each in text), side, size, kind, repr(special)]
    made = prepared.synthetic
    tags = [made.tag] if side == "source" and made is not None and made.tag else []
    terms = prepared.annotated if side == "source" else None
    if terms is not None:
        described.append(terms.pairs.content_hash)
        tags += terms.markers.signs
    described += [version("sentencepiece"), *control, *([tags] if tags else [])]
    path = cache / f"{sha256_text(json.dumps(described))[:32]}.spm"
    rare_path = path.with_suffix(".rare.json")
    if not path.is_file():
        lines, rare = chain.from_iterable(each.lines(side) for each in text), list[RareCharacters]()
        if terms is not None:
            lines = chain(lines, terms.translations())
        log.info("learning the %s vocabulary", side)
        learnt = train_vocabulary(
            lines, size or None, kind=kind, special=special, control=control, tags=tags, report=rare.append
        )
        write_json(rare_path, asdict(rare[0]) if rare else {})
        learnt.save(path)
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
    seed: int = 0,
) -> PairIds:
    """Encodes the training pairs into memory-mapped arrays and records how many were too long.

    Args:
        cache: folder of encoded corpora.
        max_positions: of the model; pairs that do not fit are dropped and counted as too long.
        seed: of the order in which synthetic, earlier and annotated pairs are used.
    """
    max_tokens = min(settings.max_tokens, longest_unpadded(max_positions))

    def encoded(corpus: SizedCorpus, record: dict[str, Any]) -> EncodedCorpus:
        pairs = EncodedCorpus.build(corpus, source, target, cache, max_tokens=max_tokens)
        record["encoded"] = {
            "pairs": len(pairs),
            "dropped_too_long": pairs.dropped_too_long,
            "example": pairs.dropped_example,
            "max_tokens": pairs.max_tokens,
        }
        if pairs.dropped_too_long:
            log.info("dropped %d pairs of more than %d tokens", pairs.dropped_too_long, pairs.max_tokens)
        return pairs

    pairs: PairIds = encoded(prepared.train, prepared.record)
    terms = prepared.annotated
    for name, others, share in (
        ("synthetic", prepared.synthetic, prepared.share),
        ("earlier", prepared.earlier, prepared.earlier_share),
        ("annotated", None if terms is None else terms.pairs, 0.0 if terms is None else terms.share),
    ):
        if others is None:
            continue
        record = prepared.record[name]
        mixed = MixedPairs(pairs, encoded(others, record), share, seed)
        record["pairs_per_epoch"] = mixed.num_drawn
        log.info(
            "every epoch has %s pairs, %s of the %s %s ones among them",
            f"{len(mixed.rows(0)):,}", f"{mixed.num_drawn:,}", f"{len(mixed) - len(pairs):,}", name,
        )  # fmt: skip
        pairs = mixed
    return pairs


def num_held_out(num_pairs: int, origin: str) -> int:
    """How many of so many pairs are held out for validation.

    Raises:
        CorpusError: there are too few.
    """
    count = min(_MAX_HELD_OUT, int(num_pairs * _HELD_OUT_SHARE))
    if count < _MIN_HELD_OUT:
        raise CorpusError(
            f"{origin} has only {num_pairs} pairs, too few to hold some out for validation, expected "
            f"{LEAST_TO_HOLD_OUT} or more; give a validation corpus, such as that of an "
            "earlier training"
        )
    return count


def _hold_out(corpus: SizedCorpus, seed: int) -> tuple[SizedCorpus, ParallelCorpus]:
    count = num_held_out(len(corpus), corpus.origin)
    return corpus.split(sorted(random.Random(seed).sample(range(len(corpus)), count)))
