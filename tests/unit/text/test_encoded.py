"""Encoded corpora: the ids are those of the vocabularies, and the cache never answers with anything else."""

import numpy as np
import pytest

from crosslate.errors import CorpusError, UsageError
from crosslate.text.corpora import ParallelCorpus, SizedCorpus
from crosslate.text.encoded import EncodedCorpus
from crosslate.text.vocabulary_training import train_vocabulary

WORDS = ["eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn"]
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
PAIRS = [
    (
        " ".join(WORDS[(start + step) % 10] for step in range(1 + start % 7)),
        " ".join(NUMBERS[(start + step) % 10] for step in range(1 + start % 7)),
    )
    for start in range(5_000)
]


@pytest.fixture(scope="module")
def source():
    return train_vocabulary([pair[0] for pair in PAIRS[:200]], 64)


@pytest.fixture(scope="module")
def target():
    return train_vocabulary([pair[1] for pair in PAIRS[:200]], 70)


class Content(SizedCorpus):
    """Pairs, or a function that gives them, with any hash."""

    source_language, target_language, origin = "de", "en", "numbers"
    content_hash = ""

    def __init__(self, pairs, key):
        self.pairs, self.content_hash = pairs, key

    def __iter__(self):
        return self.pairs() if callable(self.pairs) else iter(self.pairs)

    def __len__(self):
        raise AssertionError("not needed")

    split = __len__


def build(pairs, *arguments, key="key", **settings):
    return EncodedCorpus.build(Content(pairs, key), *arguments, **settings)


@pytest.fixture
def corpus():
    return ParallelCorpus(*zip(*PAIRS), "de", "en", "numbers")


def test_ids_are_those_of_the_vocabularies(corpus, source, target, tmp_path):
    encoded = EncodedCorpus.build(corpus, source, target, tmp_path)
    assert len(encoded) == 5_000
    for index in (0, 1, 2_047, 2_048, 4_999):
        assert encoded.source_ids(index).tolist() == source.encode(PAIRS[index][0])
        assert encoded.target_ids(index).tolist() == target.encode(PAIRS[index][1])
        assert encoded.source_ids(index)[-1] == source.special.eos
    assert encoded.source_lengths.tolist() == [len(source.encode(pair[0])) for pair in PAIRS]
    assert encoded.target_lengths.tolist() == [len(target.encode(pair[1])) for pair in PAIRS]
    assert encoded.source_lengths.dtype == encoded.target_lengths.dtype == np.int32
    assert encoded.source_ids(0).dtype == np.uint16
    assert (encoded.dropped_too_long, encoded.dropped_example) == (0, None)
    with pytest.raises(ValueError, match="read-only"):
        encoded.source_ids(0)[0] = 1


def test_a_finished_corpus_is_found_again_without_reading_the_pairs(source, target, tmp_path):
    def no_pairs():
        raise AssertionError("read again")
        yield

    first = build(PAIRS, source, target, tmp_path)
    again = build(no_pairs, source, target, tmp_path)
    assert (again.folder, again.key, len(again)) == (first.folder, first.key, len(first))
    assert [path.name for path in tmp_path.iterdir()] == [first.folder.name]


def test_another_content_vocabulary_or_limit_is_another_corpus(source, target, tmp_path):
    def folder(src=source, tgt=target, **settings):
        return build(PAIRS[:10], src, tgt, tmp_path, **settings).folder

    folders = {
        folder(),
        folder(key="another key"),
        folder(src=target),
        folder(tgt=source),
        folder(src=target, tgt=source),
        folder(max_tokens=128),
    }
    assert len(folders) == 6
    assert folder() in folders


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("source.ids", "flip"), ("target.ids", "cut"), ("source.offsets", "empty"), ("target.offsets", "flip"),
        ("target.offsets", "remove"), ("meta.json", "flip"), ("meta.json", "cut"), ("meta.json", "remove"),
    ],
)  # fmt: skip
def test_a_damaged_corpus_is_refused_and_built_again(source, target, tmp_path, name, damage):
    first = build(PAIRS[:50], source, target, tmp_path)
    path = first.folder / name
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 0xFF
    elif damage == "cut":
        data = data[:-1] if name != "meta.json" else data[:-10]
    elif damage == "empty":
        data = bytearray()
    path.unlink()
    if damage != "remove":
        path.write_bytes(data)
    with pytest.raises(CorpusError, match="encode it again"):
        EncodedCorpus.open(first.folder)
    again = build(PAIRS[:50], source, target, tmp_path)
    assert again.source_ids(49).tolist() == source.encode(PAIRS[49][0])
    assert EncodedCorpus.open(again.folder).key == first.key


def test_an_interrupted_build_leaves_nothing(source, target, tmp_path):
    def interrupted():
        yield from PAIRS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(interrupted, source, target, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_too_long_pairs_are_dropped_whole_and_counted(source, target, tmp_path):
    limit = len(source.encode("eins zwei"))
    pairs = [
        ("eins zwei", "one"),
        ("eins zwei drei vier fünf", "one"),
        ("eins", "one two three four five six seven eight"),
        ("zwei", "two"),
    ]
    assert all(len(target.encode(text)) <= limit for text in ("one", "two"))
    encoded = build(pairs, source, target, tmp_path, max_tokens=limit)
    assert len(encoded) == 2
    assert encoded.source_ids(0).tolist() == source.encode("eins zwei")
    assert encoded.source_ids(1).tolist() == source.encode("zwei")
    assert encoded.target_ids(1).tolist() == target.encode("two")
    assert encoded.dropped_too_long == 2
    assert encoded.dropped_example == {"line": 2, "source": "eins zwei drei vier fünf", "target": "one"}
    assert encoded.max_tokens == limit
    reopened = build([], source, target, tmp_path, max_tokens=limit)
    assert reopened.dropped_too_long == 2
    with pytest.raises(CorpusError, match="no pair is left of 1: 1 had a side of more than 2 tokens"):
        build(pairs[1:2], source, target, tmp_path, max_tokens=2)


def test_the_example_is_numbered_over_batches(source, target, tmp_path):
    pairs = [*PAIRS[:3_000], ("eins " * 50, "one")]
    encoded = build(pairs, source, target, tmp_path, max_tokens=50)
    assert (encoded.dropped_too_long, encoded.dropped_example["line"]) == (1, 3_001)


def test_no_pairs_and_senseless_limits_are_refused(source, target, tmp_path):
    with pytest.raises(CorpusError, match="no pair is left of 0"):
        build([], source, target, tmp_path)
    with pytest.raises(UsageError, match="max_tokens is 1"):
        build(PAIRS, source, target, tmp_path, max_tokens=1)


def test_empty_texts_are_only_an_end_of_sentence(source, target, tmp_path):
    encoded = build([("", "one")], source, target, tmp_path)
    assert encoded.source_ids(0).tolist() == [source.special.eos]


def test_large_vocabularies_take_32_bits(source, target, tmp_path):
    class Large:
        """A vocabulary with an id that 16 bits cannot hold."""

        def __init__(self, size):
            self.size, self.fingerprint = size, f"large {size}"

        def __len__(self):
            return self.size

        def encode_batch(self, texts):
            return [[self.size - 1, 0] for _ in texts]

    for size, dtype in ((65_536, np.uint16), (65_537, np.uint32)):
        encoded = build([("a", "b")], Large(size), target, tmp_path)
        assert encoded.source_ids(0).dtype == dtype
        assert encoded.source_ids(0).tolist() == [size - 1, 0]
