"""Cost of preparing a corpus: pairs per second of each stage, and peak resident memory.

    python -m benchmarks.corpora --pairs 2000000

Generates pairs of made-up languages from a seed, writes them as a plain pair of files, and streams them
through hashing, cleaning and encoding into one epoch's plan of batches. Ends with exit code 1 if more
than 2 GB were resident at any moment. ``--whole`` reads the files into a ParallelCorpus as well, after
the peak of the streaming stages has been taken.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from crosslate.text.cleaning import CleaningSettings, clean
from crosslate.text.corpora import TextFiles, read_corpus
from crosslate.text.encoded import EncodedCorpus
from crosslate.text.reading import iterate_pairs
from crosslate.text.vocabularies import Vocabulary
from crosslate.text.vocabulary_training import train_vocabulary
from crosslate.training.batches import plan_batches

LIMIT_BYTES = 2_000_000_000
VOCABULARY_SIZE = 8_000
VOCABULARY_LINES = 20_000
NUM_WORDS = 20_000
MEAN_WORDS = 12
BATCH_TOKENS = 4_096
BLOCK_PAIRS = 10_000

T = TypeVar("T")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--whole", action="store_true", help="read the files into memory as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        peak = _stages(Path(folder), options.pairs, options.seed, options.whole)
    if peak > LIMIT_BYTES:
        print(f"more than {LIMIT_BYTES / 1e9:.1f} GB were resident")
        return 1
    return 0


def _stages(folder: Path, num_pairs: int, seed: int, is_whole: bool) -> int:
    """Runs and prints all stages; the peak of resident memory in bytes."""
    paths = folder / "text.aa", folder / "text.bb"

    def stage(name: str, work: Callable[[], T], num_pairs: int = num_pairs) -> T:
        start = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - start
        print(
            f"{name:<32} {seconds:8.1f} s {num_pairs / seconds:12,.0f} pairs/s "
            f"{peak_bytes() / 1e6:8,.0f} MB peak so far",
            flush=True,
        )
        return result

    print(f"{num_pairs:,} pairs; resident at the start: {peak_bytes() / 1e6:,.0f} MB", flush=True)
    stage("generate and write", lambda: write_pairs(paths, num_pairs, seed))
    print(f"files: {sum(path.stat().st_size for path in paths) / 1e6:,.0f} MB", flush=True)

    def pairs() -> Iterator[tuple[str, str]]:
        return iterate_pairs(paths, "aa", "bb")

    source, target = stage("learn two vocabularies", lambda: _vocabularies(pairs()), VOCABULARY_LINES)
    stage("read", lambda: sum(1 for _ in pairs()))
    kept, report = stage(
        "read, clean and store", lambda: clean(TextFiles(paths, "aa", "bb"), CleaningSettings(), folder)
    )
    stage("hash", lambda: kept.content_hash)

    def encode() -> EncodedCorpus:
        return EncodedCorpus.build(kept, source, target, folder / "cache", max_tokens=256)

    encoded = stage("encode", encode)
    stage("find it encoded and verify", encode)
    lengths = encoded.source_lengths, encoded.target_lengths
    batches = stage("plan an epoch's batches", lambda: plan_batches(*lengths, BATCH_TOKENS, seed, 0))
    num_read = stage(
        "fetch an epoch's ids",
        lambda: sum(
            len(encoded.source_ids(index)) + len(encoded.target_ids(index))
            for batch in batches
            for index in batch.indices
        ),
    )
    positions = sum(batch.rows * (batch.src_len + batch.tgt_len) for batch in batches)
    shapes = len({(batch.rows, batch.src_len, batch.tgt_len) for batch in batches})
    stored = sum(file.stat().st_size for file in encoded.folder.iterdir())
    print(
        f"kept {report.kept:,} pairs in {len(batches):,} batches of {shapes} shapes; "
        f"{num_read:,} tokens, {num_read / positions:.1%} of the positions; "
        f"stored in {stored / 1e6:,.0f} MB"
    )
    peak = peak_bytes()
    print(f"peak of resident memory: {peak / 1e6:,.0f} MB")
    if is_whole:
        stage("read all into memory", lambda: len(read_corpus(paths, "aa", "bb")))
    return peak


def write_pairs(paths: tuple[Path, Path], num_pairs: int, seed: int) -> None:
    """Sentences of words with Zipf's frequencies; both sides have nearly the same number of words."""
    random = np.random.default_rng(seed)
    lexicons = _lexicon(random, "aeiou", "bdgklmnprst"), _lexicon(random, "аеиоуяю", "бвгдзклмнпрст")
    with paths[0].open("w", encoding="utf-8") as source, paths[1].open("w", encoding="utf-8") as target:
        for start in range(0, num_pairs, BLOCK_PAIRS):
            count = min(BLOCK_PAIRS, num_pairs - start)
            src_len = random.poisson(MEAN_WORDS - 1, count) + 1
            for file, lexicon, lengths in (
                (source, lexicons[0], src_len),
                (target, lexicons[1], np.maximum(1, src_len + random.integers(-2, 3, count))),
            ):
                words = (random.zipf(1.3, int(lengths.sum())) % NUM_WORDS).tolist()
                ends = np.cumsum(lengths).tolist()
                file.writelines(
                    " ".join([lexicon[word] for word in words[begin:end]]) + "\n"
                    for begin, end in zip([0, *ends[:-1]], ends)
                )


def _lexicon(random: np.random.Generator, vowels: str, consonants: str) -> list[str]:
    syllables = [consonant + vowel for consonant in consonants for vowel in vowels]
    return ["".join(random.choice(syllables, size=int(random.integers(1, 5)))) for _ in range(NUM_WORDS)]


def _vocabularies(pairs: Iterator[tuple[str, str]]) -> tuple[Vocabulary, Vocabulary]:
    source, target = zip(*islice(pairs, VOCABULARY_LINES))
    return train_vocabulary(source, VOCABULARY_SIZE), train_vocabulary(target, VOCABULARY_SIZE)


def peak_bytes() -> int:
    """Most bytes of this process that were resident at any moment so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    sys.exit(main())
