"""Corpora in memory, in files and stored: their pairs, their parts and their hash."""

import gc
import hashlib

import pytest

import toy_corpora
from crosslate.errors import CorpusError, UsageError
from crosslate.text.corpora import ParallelCorpus, StoredPairs, TextFiles


def corpus(source, target):
    return ParallelCorpus(source, target, "de", "en", "here")


def test_pairs_come_in_order_and_do_not_change_with_the_list_they_were_made_from():
    source = ["eins", "zwei"]
    made = corpus(source, ("one", "two"))
    source[0] = "drei"
    assert len(made) == 2
    assert list(made) == [("eins", "one"), ("zwei", "two")]
    assert (made.source, made.target) == (("eins", "zwei"), ("one", "two"))


def test_sides_that_are_none_are_refused():
    with pytest.raises(CorpusError, match="here: 3 source and 2 target sentences"):
        corpus(["a", "b", "c"], ["a", "b"])
    with pytest.raises(CorpusError, match="target side is one str"):
        corpus(["a", "b"], "ab")


def test_the_hash_is_over_all_texts_in_order():
    # sha256 of the length in 8 bytes, little-endian, and the UTF-8 of "ä", then of "b"
    expected = hashlib.sha256(b"\2\0\0\0\0\0\0\0\xc3\xa4\1\0\0\0\0\0\0\0b").hexdigest()
    assert corpus(["ä"], ["b"]).content_hash == expected
    assert ParallelCorpus(["ä"], ["b"], "fr", "es", "there").content_hash == expected


def test_the_hash_tells_every_difference():
    different = [
        (["a", "b"], ["c", "d"]), (["b", "a"], ["d", "c"]), (["a", "b"], ["d", "c"]), (["c", "d"], ["a", "b"]),
        (["ac", "b"], ["", "d"]), (["a", "bc"], ["c", "d"]), (["a"], ["c"]), (["a\nb"], ["c\nd"]),
        (["\ud800", "b"], ["c", "d"]), ([], []),
    ]  # fmt: skip
    assert len({corpus(*sides).content_hash for sides in different}) == len(different)


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
