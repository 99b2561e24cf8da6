"""Translations with terms of a glossary, by every engine, and what is said of terms that are missing."""

from __future__ import annotations

import pytest

import toy_corpora
from crosslate.adaptation.adapt import adapt
from crosslate.adaptation.settings import DataSettings, NewLanguages, TermSettings
from crosslate.engines.decoding import DecodingOptions, Hypothesis
from crosslate.errors import ParentError, UsageError
from crosslate.text.glossaries import Glossary, Match, Phrase, Term
from crosslate.text.term_annotations import TermMarkers
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


MARKERS = TermMarkers(before="⟦", between="⟼", after="⟧")


class Obeying:
    """An engine that writes the translations that were put into its texts, with an ending."""

    name, max_source_tokens = "pytorch", 40

    def __init__(self, translator):
        self.source, self.target, self.read = translator.engine.source, translator.engine.target, []

    def translate(self, texts, options):
        self.read += texts
        terms = [[f"{each}s" for each in MARKERS.translations_in(text)] for text in texts]
        written = [" ".join(["the", *each]) for each in terms]
        return [[Hypothesis(text, -1.0, (text,))] for text in written]


class Recording:
    """An engine that remembers what it read."""

    def __init__(self, engine):
        self._engine, self.read = engine, []

    def translate(self, texts, options):
        self.read += texts
        return self._engine.translate(texts, options)


def test_a_model_that_has_learnt_terms_reads_them_and_is_not_searched(translator):
    obeying = Obeying(translator)
    glossary = Glossary([("Hund", "green"), ("Katze", "house")], "de", "en").for_model(MARKERS)

    def fail():
        raise AssertionError("not needed")

    engine = GlossaryEngine(obeying, glossary, fail)
    ranked = engine.translate(["Hund sieht Katze.", "Kind", ""], OPTIONS)
    assert obeying.read == ["⟦ Hund⟼ green⟧ sieht⟦ Katze⟼ house⟧.", "Kind", ""]
    assert [each.text for (each,) in ranked] == ["the greens houses", "the", "the"]
    assert engine.use.described() == "2 of 2 terms used"


def test_what_a_model_cannot_read_is_searched(translator):
    obeying = Obeying(translator)
    # The tiny German vocabulary lacks a letter of "dog"; and a text may become too long.
    lacking = next(
        letter for letter in "dgpqxyz" if obeying.source.special.unk in obeying.source.encode(letter)
    )
    pairs = [("Hund", "red"), ("Katze", lacking), ("Buch", "house " * 40)]
    glossary = Glossary(pairs, "de", "en").for_model(MARKERS)
    engine = GlossaryEngine(obeying, glossary, translator.live_model)
    ranked = engine.translate(["Hund", "Katze", "Hund Buch"], OPTIONS)
    assert obeying.read == ["⟦ Hund⟼ red⟧", "Katze", "Hund Buch"]
    # "red" is too short for its form "reds" to count, so it is searched.
    assert Phrase("red", "en").occurrences(ranked[0][0].text) == 1
    assert engine.use.num_found == 4 and Term("Buch", pairs[2][1].strip()) in engine.use.missed


def test_every_engine_reads_what_the_pack_has_learnt():
    pack = adapt(
        parent := toy_corpora.parent(), toy_corpora.corpus("de", "en"), toy_corpora.corpus("de", "en", 12, 1),
        new=NewLanguages(source="de"), data=DataSettings(source_vocabulary_size=100),
        terms=TermSettings(learn=True), training=toy_corpora.settings(max_epochs=1),
    )  # fmt: skip
    glossary, found = Glossary([("Hund", "house")], "de", "en"), []
    for name in ("pytorch", "ctranslate2", "onnx"):
        translator = Translator(parent, pack, engine=name, options=OPTIONS)
        first = translator.engine.translate(["Der⟦ Hund⟼ house⟧ schläft."], OPTIONS)[0][0]
        engine = translator.with_glossary(glossary).engine
        engine._engine = recording = Recording(translator.engine)
        ((translation,),) = engine.translate(["Der Hund schläft."], OPTIONS)
        assert recording.read == ["Der⟦ Hund⟼ house⟧ schläft."]
        assert Phrase("house", "en").occurrences(translation.text) == 1
        found.append((first.text, translation.text))
    assert found[0] == found[1] == found[2]
    assert Translator(parent, pack).with_glossary(glossary).translate(["Kind"])[0]


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
