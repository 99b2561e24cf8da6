"""Encoded corpora: the ids are those of the vocabularies, and the cache never answers with anything else."""

import numpy as np
import pytest

from crosslate.errors import CorpusError
from crosslate.text.corpora import ParallelCorpus
from crosslate.text.encoded import EncodedCorpus
from crosslate.text.vocabulary_training import train_vocabulary

WORDS = ["eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn"]
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
PAIRS = [
    tuple(" ".join(words[(start + step) % 10] for step in range(1 + start % 7)) for words in (WORDS, NUMBERS))
    for start in range(3_000)
]


@pytest.fixture(scope="module")
def source():
    return train_vocabulary([pair[0] for pair in PAIRS[:200]], 64)


@pytest.fixture(scope="module")
def target():
    return train_vocabulary([pair[1] for pair in PAIRS[:200]], 70)


@pytest.fixture
def build(source, target, tmp_path):
    """``build(pairs, ...)`` encodes pairs into a folder of its own."""

    def call(pairs, source=source, target=target, **settings):
        corpus = ParallelCorpus(*zip(*pairs), "de", "en") if pairs else ParallelCorpus((), (), "de", "en")
        limits = {"max_tokens": 256} | settings
        return EncodedCorpus.build(corpus, source, target, tmp_path / "cache", **limits)

    return call


def test_ids_are_those_of_the_vocabularies(build, source, target):
    encoded = build(PAIRS)
    assert len(encoded) == 3_000
    for index in (0, 1, 2_047, 2_048, 2_999):
        assert encoded.source_ids(index).tolist() == source.encode(PAIRS[index][0])
        assert encoded.target_ids(index).tolist() == target.encode(PAIRS[index][1])
    assert encoded.source_lengths.tolist() == [len(source.encode(pair[0])) for pair in PAIRS]
    assert encoded.target_lengths.tolist() == [len(target.encode(pair[1])) for pair in PAIRS]
    assert encoded.source_lengths.dtype == encoded.target_lengths.dtype == np.int32
    assert encoded.source_ids(0).dtype == np.uint16
    assert (encoded.dropped_too_long, encoded.dropped_example) == (0, None)
    with pytest.raises(ValueError, match="read-only"):
        encoded.source_ids(0)[0] = 1
    assert build([("", "one")]).source_ids(0).tolist() == [source.special.eos]


def test_a_finished_corpus_is_found_again_without_reading_the_pairs(build, monkeypatch):
    first = build(PAIRS[:10])
    monkeypatch.setattr("crosslate.text.encoded._write", lambda *_: pytest.fail("was written again"))
    again = build(PAIRS[:10])
    assert (again.folder, again.key, len(again)) == (first.folder, first.key, len(first))
    assert [path.name for path in first.folder.parent.iterdir()] == [first.folder.name]


def test_another_content_vocabulary_or_limit_is_another_corpus(build, source, target):
    made = [
        build(PAIRS[:10]), build(PAIRS[1:11]), build(PAIRS[:10], source=target), build(PAIRS[:10], target=source),
        build(PAIRS[:10], source=target, target=source), build(PAIRS[:10], max_tokens=128),
    ]  # fmt: skip
    assert len({each.folder for each in made}) == 6
    assert build(PAIRS[:10]).folder == made[0].folder


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("source.ids", "flip"), ("target.ids", "cut"), ("source.offsets", "empty"), ("target.offsets", "remove"),
        ("meta.json", "flip"), ("meta.json", "cut"), ("meta.json", "remove"),
    ],
)  # fmt: skip
def test_a_damaged_corpus_is_refused_and_built_again(build, source, name, damage):
    first = build(PAIRS[:50])
    path = first.folder / name
    data = path.read_bytes()
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]
    path.write_bytes({"flip": flipped, "cut": data[:-10], "empty": b"", "remove": b""}[damage])
    if damage == "remove":
        path.unlink()
    with pytest.raises(CorpusError, match="encode it again"):
        EncodedCorpus.open(first.folder)
    again = build(PAIRS[:50])
    assert again.source_ids(49).tolist() == source.encode(PAIRS[49][0])
    assert EncodedCorpus.open(again.folder).key == first.key


def test_an_interrupted_build_leaves_nothing(build, source, tmp_path):
    class Interrupted:
        fingerprint = "interrupted"
        __len__ = source.__len__
        calls = 0

        def encode_batch(self, texts):
            self.calls += 1
            if self.calls == 2:
                raise KeyboardInterrupt
            return source.encode_batch(texts)

    with pytest.raises(KeyboardInterrupt):
        build(PAIRS, source=Interrupted())
    assert list((tmp_path / "cache").iterdir()) == []


def test_too_long_pairs_are_dropped_whole_and_counted(build, source, target):
    pairs = [
        ("eins zwei", "one"),
        ("eins zwei drei vier fünf", "one"),
        ("eins", "one two three four five six seven eight"),
        ("zwei", "two"),
    ]
    limit = len(source.encode("eins zwei"))
    for encoded in (build(pairs, max_tokens=limit), build(pairs, max_tokens=limit)):
        assert [encoded.source_ids(row).tolist() for row in (0, 1)] == [
            source.encode(pairs[row][0]) for row in (0, 3)
        ]
        assert encoded.target_ids(1).tolist() == target.encode("two")
        assert (len(encoded), encoded.dropped_too_long, encoded.max_tokens) == (2, 2, limit)
        assert encoded.dropped_example == {"line": 2, "source": pairs[1][0], "target": "one"}
    encoded = build([*PAIRS, ("eins " * 50, "one")], max_tokens=50)  # numbered over batches
    assert (encoded.dropped_too_long, encoded.dropped_example["line"]) == (1, 3_001)


def test_no_pairs_are_refused(build):
    with pytest.raises(CorpusError, match="no pair is left of 0"):
        build([])
    with pytest.raises(CorpusError, match="no pair is left of 1: 1 had a side of more than 2 tokens"):
        build([("eins zwei drei vier fünf", "one")], max_tokens=2)


@pytest.mark.parametrize(("size", "dtype"), [(65_536, np.uint16), (65_537, np.uint32)])
def test_large_vocabularies_take_32_bits(build, size, dtype):
    class Large:
        """A vocabulary with an id that 16 bits cannot hold."""

        fingerprint = f"large {size}"

        def __len__(self):
            return size

        def encode_batch(self, texts):
            return [[size - 1, 0] for _ in texts]

    ids = build([("a", "b")], source=Large()).source_ids(0)
    assert (ids.dtype, ids.tolist()) == (dtype, [size - 1, 0])
