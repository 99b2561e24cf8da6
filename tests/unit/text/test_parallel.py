"""A parallel corpus and its hash."""

import pytest

from crosslate.errors import CorpusError
from crosslate.text.parallel import ParallelCorpus, hash_pairs, match_language, one_line


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
    import hashlib

    expected = hashlib.sha256(b"\2\0\0\0\0\0\0\0\xc3\xa4\1\0\0\0\0\0\0\0b").hexdigest()
    assert corpus(["ä"], ["b"]).content_hash == hash_pairs(iter([("ä", "b")])) == expected


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


@pytest.mark.parametrize(
    ("wanted", "available", "found"),
    [
        ("de", ["en", "de"], "de"),
        ("de", ["de-DE", "DE"], "DE"),
        ("de", ["en", "de_AT"], "de_AT"),
        ("de-at", ["de", "de-CH"], "de"),
        ("de-AT", ["DE-at-1996", "de"], "DE-at-1996"),
        ("pt-BR", ["pt-PT"], None),
        ("de", ["deu", "d", "", "en-de"], None),
        ("zh-Hans", ["zh-Hans-CN"], "zh-Hans-CN"),
    ],
)
def test_match_language(wanted, available, found):
    assert match_language(wanted, available) == found


def test_one_line():
    assert one_line(" a b\tc\r ") == " a b\tc\r "
    assert one_line("\n  a  \r\n\n\tb\u2028c\n") == "a b\u2028c"
