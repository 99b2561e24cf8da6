"""Terms in source sentences: where they are put, and signs that a vocabulary can read."""

from __future__ import annotations

import pytest

from crosslate.errors import SettingsError, VocabularyError
from crosslate.text.corpora import ParallelCorpus
from crosslate.text.term_annotations import AnnotatedText, TermMarkers, choose_markers, is_spelt
from crosslate.text.vocabulary_training import train_vocabulary

MARKERS = TermMarkers(before="⟦", between="⟼", after="⟧")


@pytest.mark.parametrize(
    ("text", "terms", "expected"),
    [
        ("Der Hund schläft.", [(4, 8, "hound")], "Der⟦ Hund⟼ hound⟧ schläft."),
        ("Hund und Katze", [(0, 4, "dog"), (9, 14, "big cat")], "⟦ Hund⟼ dog⟧ und⟦ Katze⟼ big cat⟧"),
        ("„Hund“", [(1, 5, "dog")], "„⟦Hund⟼ dog⟧“"),
        ("我喜欢北京。", [(1, 3, "like"), (3, 5, "Beijing")], "我⟦喜欢⟼ like⟧⟦北京⟼ Beijing⟧。"),
        ("nichts", [], "nichts"),
    ],
)
def test_terms_are_put_in(text, terms, expected):
    assert MARKERS.annotated(text, terms) == expected
    assert MARKERS.translations_in(expected) == [each for *_, each in terms]


def test_the_pieces_of_words_stay_the_same():
    lines = ["der Hund sieht die Katze"] * 30
    vocabulary = train_vocabulary([*lines, "dog cat"], 64, tags=list(MARKERS.signs))
    plain = vocabulary.encode_pieces("der Hund sieht")
    for text, start in (("der Hund sieht", 4), ("Hund", 0)):
        pieces = vocabulary.encode_pieces(MARKERS.annotated(text, [(start, start + 4, "dog")]))
        before, between = pieces.index("⟦"), pieces.index("⟼")
        hund = vocabulary.encode_pieces("Hund")
        assert pieces[before + 1 : between] == hund and vocabulary.pieces[1] not in pieces
    rest = vocabulary.encode_pieces(MARKERS.annotated("der Hund sieht", [(4, 8, "dog")]))
    assert rest[: rest.index("⟦")] == plain[:1] and rest[rest.index("⟧") + 1 :] == plain[1 + len(hund) :]


def test_what_a_source_vocabulary_must_spell():
    pairs = ParallelCorpus(["⟦ a⟼ b c⟧ d⟦ e⟼ f⟧", "g⟦ h⟼ i⟧"], ["", ""], "de", "en")
    assert list(AnnotatedText(pairs, 0.2, MARKERS).translations()) == ["b c f", "i"]


def test_markers_of_a_vocabulary_that_is_learnt_are_not_in_the_text():
    assert choose_markers(["a"], None, "p") == MARKERS
    assert choose_markers(["⟦ ⟼", "⟦"], None, "p").signs == ("⟧", "⦃", "⤇")


def test_a_vocabulary_that_stays_gives_its_rarest_signs():
    text = ["der [Hund] sieht | die | Katze", "{rot} + grün", "{blau} + gelb"] * 10
    vocabulary = train_vocabulary(text)
    assert choose_markers(text, vocabulary, "p").signs == ("|", "[", "]")
    assert choose_markers(["[a] [b", "{"], vocabulary, "p").signs == ("|", "}", "+")
    bare = train_vocabulary(["der Hund sieht die Katze [rot]"] * 10)
    with pytest.raises(
        VocabularyError, match=r"of parents/de-en stays, but it spells only 2 of the signs ⟦ .*"
    ):
        choose_markers(text, bare, "parents/de-en")
    assert is_spelt("der Hund", bare) and not is_spelt("der Xylophon", bare)


@pytest.mark.parametrize("signs", ["ab⟧", "⟦⟦⟧", ["⟦", "⟼", ""], ["⟦", "⟼⟼", "⟧"], "⟦ ⟧", "⟦\n⟧"])
def test_markers_are_three_different_signs(signs):
    before, between, after = signs
    with pytest.raises(SettingsError, match="expected three different signs"):
        TermMarkers(before=before, between=between, after=after)
