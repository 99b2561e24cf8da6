"""Translations with terms of a glossary, by every engine, and what is said of terms that are missing."""

from __future__ import annotations

import pytest

from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import ParentError, UsageError
from crosslate.text.glossaries import Glossary, Match, Phrase, Term
from crosslate.translation.glossary_engine import GlossaryEngine, TermUse, replaced_words
from crosslate.translation.translator import Translator

OPTIONS = DecodingOptions(beam_size=2, max_new_tokens=8)
GLOSSARY = Glossary([("Hund", "green man"), ("Katze", "red"), ("Buch", "house")], "de", "en")
TEXTS = [
    "Hund sieht Katze.",
    "",
    "Kind schläft",
    "das Buch",
    "Hund und Hund",
    "Mann https://example.org Hund",
]
# By text, what its translation must have.
WANTED = [{"green man": 1, "red": 1}, {}, {}, {"house": 1}, {"green man": 2}, {"green man": 1}]


@pytest.fixture(scope="module", params=["pytorch", "ctranslate2"])
def translator(request, tiny):
    return Translator.open(tiny / "packs/de-en", engine=request.param, options=OPTIONS)


def test_terms_come_out_and_other_texts_stay(translator):
    plain, with_terms = translator.translate(TEXTS), translator.with_glossary(GLOSSARY)
    found = with_terms.translate(TEXTS)
    assert len(found) == len(TEXTS)
    for text, wanted in zip(found, WANTED, strict=True):
        assert all(Phrase(phrase, "en").occurrences(text) >= count for phrase, count in wanted.items()), text
    assert [found[index] for index in (1, 2)] == [plain[index] for index in (1, 2)]
    assert "https://example.org" in found[-1]
    assert (with_terms.term_use.num_found, with_terms.term_use.missed) == (6, {})
    assert with_terms.term_use.described() == "6 of 6 terms used"
    assert translator.term_use.num_found == 0 and translator.translate(TEXTS) == plain


def test_n_best(translator):
    with_terms = translator.with_glossary(GLOSSARY)
    found = with_terms.n_best(TEXTS, 3)
    assert [len(each) for each in found] == [3] * len(TEXTS)
    assert all(Phrase("house", "en").occurrences(each.text) == 1 for each in found[3][:1])


def test_no_translation_is_among_the_best_twice(translator, monkeypatch):
    two = OPTIONS.changed(n_best=2)
    (plain,) = translator.engine.translate(["das Buch"], two)
    engine = translator.with_glossary(GLOSSARY).engine
    monkeypatch.setattr(engine, "_with_terms", lambda rows, options: [[plain[1]]])
    assert engine.translate(["das Buch"], two) == [[plain[1], plain[0]]]


def test_capitals_throughout(translator):
    (found,) = translator.with_glossary(GLOSSARY).translate(["DAS BUCH SCHLÄFT"])
    assert "HOUSE" in found.split() or "HOUSE." in found.split()


def test_terms_that_cannot_be_written_are_counted_and_others_used(translator):
    glossary = Glossary([("Hund", "犬"), ("Katze", "red"), ("Buch", "house " * 40)], "de", "en")
    with_terms = translator.with_glossary(glossary)
    found = with_terms.translate(["Hund sieht Katze.", "Hund", "Buch"])
    assert Phrase("red", "en").occurrences(found[0])
    assert found[1:] == translator.translate(["Hund", "Buch"])
    use = with_terms.term_use
    assert (use.num_found, use.num_missed) == (4, 3)
    assert use.described(1) == "1 of 4 terms used; missing: Hund → 犬 (2) and 1 more"


def test_many_terms_in_a_text_take_no_longer_than_some(translator, monkeypatch):
    monkeypatch.setattr("crosslate.translation.glossary_engine._MOST_PHRASES", 2)
    glossary = Glossary([(f"w{n}", f"{('red', 'big', 'man', 'cat')[n]} house") for n in range(4)], "de", "en")
    with_terms = translator.with_glossary(glossary)
    with_terms.translate(["w0 w1 w2 w3"])
    assert (with_terms.term_use.num_found, with_terms.term_use.num_missed) == (4, 2)


def test_a_model_without_attention_uses_terms_all_the_same(translator, monkeypatch):
    def fail(*arguments, **options):
        raise ParentError("no attention")

    monkeypatch.setattr("crosslate.translation.word_links.attention_links", fail)
    (found,) = translator.with_glossary(GLOSSARY).translate(["das Buch"])
    assert Phrase("house", "en").occurrences(found) == 1


def test_a_live_model_is_loaded_only_if_a_term_is_missing(tiny):
    translator = Translator.open(tiny / "packs/de-en", engine="ctranslate2", options=OPTIONS)

    def fail():
        raise AssertionError("not needed")

    engine = GlossaryEngine(translator.engine, GLOSSARY, fail)
    assert engine.translate(["Kind"], OPTIONS) == translator.engine.translate(["Kind"], OPTIONS)
    with pytest.raises(AssertionError, match="not needed"):
        engine.translate(["Hund"], OPTIONS)


def test_other_languages_are_refused(translator):
    other = Glossary([("perro", "dog")], "es", "en")
    with pytest.raises(UsageError, match="the glossary is for es-en, but the translator for de-en"):
        translator.with_glossary(other)


def test_words_that_stand_for_terms_only():
    matches = [Match(Term("Hund", "hound"), range(1, 2)), Match(Term("Haus Boot", "boat house"), range(3, 5))]
    translation = ("the", "dog", "sees", "house", "boat", ".", "the")
    links = [(0, 1), (1, 1), (2, 2), (3, 3), (4, 4), (5, 4), (6, 0)]
    # "the" stands for something else, too; the others are words of a term; a sign is no word.
    assert replaced_words(matches, translation, links) == {1: "hound"}


def test_described():
    use = TermUse(3)
    use.missed.update([Term("a", "b")])
    assert use.described() == "2 of 3 terms used; missing: a → b"
