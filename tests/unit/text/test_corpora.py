"""Corpora in memory, in files and stored: their pairs, their parts and their hash."""

import gc
import hashlib

import pytest

import toy_corpora
from crosslate.errors import CorpusError, UsageError
from crosslate.text.corpora import ParallelCorpus, StoredPairs, TextFiles


def corpus(source, target):
    return ParallelCorpus(source, target, "de", "en", "here")


def test_pairs_come_in_order():
    made = corpus(["eins", "zwei"], ("one", "two"))
    assert len(made) == 2
    assert list(made) == [("eins", "one"), ("zwei", "two")]
    assert (made.source, made.target) == (("eins", "zwei"), ("one", "two"))


def test_a_corpus_does_not_change_with_the_list_it_was_made_from():
    source = ["eins"]
    made = corpus(source, ["one"])
    source[0] = "zwei"
    assert made.source == ("eins",)


def test_sides_of_different_length_are_refused_with_both_counts():
    with pytest.raises(CorpusError, match="here: 3 source and 2 target sentences"):
        corpus(["a", "b", "c"], ["a", "b"])


def test_a_string_is_no_sequence_of_sentences():
    with pytest.raises(CorpusError, match="target side is one str"):
        corpus(["a", "b"], "ab")


def test_the_hash_is_over_all_texts_in_order():
    # sha256 of the length in 8 bytes, little-endian, and the UTF-8 of "ä", then of "b"
    expected = hashlib.sha256(b"\2\0\0\0\0\0\0\0\xc3\xa4\1\0\0\0\0\0\0\0b").hexdigest()
    assert corpus(["ä"], ["b"]).content_hash == expected


def test_the_hash_tells_every_difference():
    different = [
        corpus(["a", "b"], ["c", "d"]),
        corpus(["b", "a"], ["d", "c"]),
        corpus(["a", "b"], ["d", "c"]),
        corpus(["c", "d"], ["a", "b"]),
        corpus(["ac", "b"], ["", "d"]),
        corpus(["a", "bc"], ["c", "d"]),
        corpus(["a"], ["c"]),
        corpus(["a\nb"], ["c\nd"]),
        corpus(["\ud800", "b"], ["c", "d"]),
        corpus([], []),
    ]
    assert len({made.content_hash for made in different}) == len(different)


def test_the_hash_is_of_the_content_only():
    one = ParallelCorpus(["a"], ["b"], "de", "en", "here")
    other = ParallelCorpus(["a"], ["b"], "fr", "es", "there")
    assert one.content_hash == other.content_hash


def test_parts_of_files_are_streams_too(tmp_path):
    made = corpus([f"Satz {row}" for row in range(9)], [f"sentence {row}" for row in range(9)])
    paths = toy_corpora.write(made, tmp_path, "train")
    part = TextFiles(paths, "de", "en", first_pair=3, last_pair=4)
    assert list(part) == list(part) == list(part.in_memory()) == list(made)[2:4]
    assert list(part.lines("target")) == ["sentence 2", "sentence 3"]
    assert part.origin == "train.de + train.en, pairs 3-4"
    assert TextFiles(paths, "de", "en", 3, name="WMT").origin == "WMT, pairs 3-end"
    assert TextFiles(paths, "de", "en").in_memory().content_hash == made.content_hash
    with pytest.raises(CorpusError, match="no such pairs; expected at least 10"):
        list(TextFiles(paths, "de", "en", first_pair=10))
    with pytest.raises(UsageError, match="expected a list"):
        TextFiles("train.de", "de", "en")


def test_a_split_keeps_the_order(tmp_path):
    made = corpus(["a", "b", "c", "d"], ["1", "2", "3", "4"])
    stored = StoredPairs.store(made, made.languages, made.origin, tmp_path)
    for each in (made, stored):
        rest, taken = each.split([3, 1])
        assert list(rest) == [("a", "1"), ("c", "3")] and list(taken) == [("b", "2"), ("d", "4")]
        assert (len(rest), list(rest.lines("source"))) == (2, ["a", "c"])
        assert rest.content_hash == corpus(["a", "c"], ["1", "3"]).content_hash


def test_stored_pairs_vanish_with_their_last_reader(tmp_path):
    stored = StoredPairs.store(iter([("a\r", "\u2028b"), ("c", "")]), ("de", "en"), "toy", tmp_path)
    assert list(stored) == [("a\r", "\u2028b"), ("c", "")]
    rest, _ = stored.split([0])
    del stored
    gc.collect()
    assert list(rest) == [("c", "")]
    assert len(list(tmp_path.iterdir())) == 1
    del rest
    gc.collect()
    assert list(tmp_path.iterdir()) == []
