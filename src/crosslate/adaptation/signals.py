"""Corpora of recordings or images: checked before training, and paired with the ids of their sentences."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

from crosslate.errors import CorpusError, Faults, InputError
from crosslate.models.child import Child
from crosslate.models.parent import Parent
from crosslate.models.signals import SignalProcessor, processor_of
from crosslate.signals.corpora import SignalCorpus
from crosslate.text.cleaning import CleaningSettings, Example
from crosslate.text.corpora import Corpus, ParallelCorpus
from crosslate.training.batches import longest_unpadded
from crosslate.training.file_pairs import FilePairs

log = logging.getLogger(__name__)

_FAULTS_SHOWN = 10


def signals_of(corpus: Corpus) -> SignalCorpus:
    """A corpus whose source sentences are names of files; anything else is refused (CorpusError)."""
    if isinstance(corpus, SignalCorpus):
        return corpus
    if isinstance(corpus, ParallelCorpus):
        return SignalCorpus(corpus.source, corpus.target, *corpus.languages, corpus.origin)
    raise CorpusError(
        f"{corpus.origin}: the parent reads recordings or images; read their list with crosslate.read_signals"
    )


def cleaning_of_files(settings: CleaningSettings) -> CleaningSettings:
    """The rules that say something about sentences alone; names of files have no length or language."""
    return settings.changed(drop_copies=False, max_length_ratio=0.0, mined=False)


def checked_files(
    corpus: SignalCorpus, processor: SignalProcessor, *, drop_long: bool
) -> tuple[SignalCorpus, dict[str, Any]]:
    """The pairs of files that the parent can read, and the record of them.

    Args:
        drop_long: leave out and count recordings that are too long; otherwise they are faults.

    Raises:
        CorpusError: files that cannot be read, the first ten by name; or no pair is left.
        MissingExtra: their format needs a library that is not installed.
    """
    faults = Faults(f"{corpus.origin}: cannot read the files")
    kept, too_long, example, total = [], 0, None, 0.0
    for row, (file, sentence) in enumerate(corpus):
        try:
            seconds = processor.seconds(file)
        except InputError as error:
            faults.add(str(error))
            continue
        most = processor.max_seconds
        if most is None or seconds <= most:
            kept.append(row)
            total += seconds
        elif drop_long:
            too_long += 1
            example = example or Example.of(row + 1, file, sentence)
        else:
            faults.add(f"{file}: is {seconds:.1f} seconds long, but the model reads at most {most:g}; cut it")
    if (hidden := len(faults.messages) - _FAULTS_SHOWN) > 0:
        faults.messages[_FAULTS_SHOWN:] = [f"{hidden} more files"]
    faults.raise_as(CorpusError)
    if too_long:
        log.info("dropped %d recordings of more than %g seconds", too_long, processor.max_seconds)
    if not kept:
        raise CorpusError(
            f"{corpus.origin}: all {too_long} recordings are longer than {processor.max_seconds:g} seconds, "
            "the most that the model reads; cut them at pauses"
        )
    record = {
        "kind": processor.signal, "seconds": round(total, 1), "max_seconds": processor.max_seconds,
        "dropped_too_long": too_long, "dropped_example": None if example is None else asdict(example),
    }  # fmt: skip
    return (corpus if len(kept) == len(corpus) else corpus.with_pairs(corpus.rows(kept))), record


def longest_target(model: Parent | Child, max_tokens: int) -> int:
    """The longest sentence to train on, in tokens: at most ``max_tokens``, and what the positions hold."""
    parent = model.parent if isinstance(model, Child) else model
    return min(max_tokens, longest_unpadded(parent.max_tokens))


def pair_files(corpus: Corpus, model: Parent | Child, max_tokens: int, record: dict[str, Any]) -> FilePairs:
    """The files of a checked corpus with the ids of their sentences.

    Args:
        max_tokens: pairs whose sentence has more are dropped and counted in ``record["encoded"]``.

    Raises:
        CorpusError: no pair is left.
    """
    pairs = list(corpus)
    ids = model.target.encode_batch([sentence for _, sentence in pairs])
    kept = [row for row, each in enumerate(ids) if len(each) <= max_tokens]
    dropped = next((row for row, each in enumerate(ids) if len(each) > max_tokens), None)
    if not kept:
        raise CorpusError(f"{corpus.origin}: all {len(pairs)} sentences have more than {max_tokens} tokens")
    record["encoded"] = {
        "pairs": len(kept),
        "dropped_too_long": len(pairs) - len(kept),
        "example": None if dropped is None else asdict(Example.of(dropped + 1, *pairs[dropped])),
        "max_tokens": max_tokens,
    }
    if dropped is not None:
        log.info("dropped %d sentences of more than %d tokens", len(pairs) - len(kept), max_tokens)
    files = [pairs[row][0] for row in kept]
    return FilePairs(files, [ids[row] for row in kept], processor_of(model.source), model.model)
