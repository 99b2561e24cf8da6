"""Words find their translations from sentence pairs alone."""

from crosslate.text import word_alignment
from crosslate.text.phrasebook import Phrasebook
from crosslate.text.word_alignment import link_words


def pairs(*texts):
    return [(one.split(), other.split()) for one, other in texts]


def test_words_that_always_stand_together_are_linked():
    links = link_words(pairs(("das haus", "the house"), ("das buch", "the book"), ("ein buch", "a book")))
    assert {word: next(iter(found)) for word, found in links.items()} == {
        "das": "the", "haus": "house", "buch": "book", "ein": "a",
    }  # fmt: skip
    assert list(links) == ["das", "haus", "buch", "ein"]
    assert 1.5 < links["das"]["the"] <= 2 and links["haus"].get("the", 0) < 0.1


def test_sides_without_words_are_passed_over():
    assert link_words([]) == {}
    assert link_words(pairs(("", "the"), ("das", ""))) == {}
    assert list(link_words(pairs(("", "the"), ("ja", "yes")))) == ["ja"]


def test_no_more_pairs_are_read_than_fit(monkeypatch):
    monkeypatch.setattr(word_alignment, "MOST_CELLS", 5)
    assert list(link_words(pairs(("a b", "x y"), ("c", "z"), ("d", "w")))) == ["a", "b", "c"]


def test_the_phrasebooks_dictionary_is_found_far_above_chance():
    book = Phrasebook(1)
    text, _, _ = book.corpora("de", "en", train=1_000, valid=1, test=1)
    words = [tuple(line.lower().strip(".?!").replace(",", "").split() for line in pair) for pair in text]
    links = link_words(words)
    assert links == link_words(words)
    gold = {
        word.lower(): {each.lower() for each in found} for word, found in book.dictionary("de", "en").items()
    }
    tested = [word for word in links if word in gold]
    right = sum(next(iter(links[word])) in gold[word] for word in tested)
    assert len(tested) > 500
    assert right > 0.7 * len(tested)  # measured: 0.88; chance finds one in hundreds
