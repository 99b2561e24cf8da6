"""Glossaries: files that are read or refused, terms found in texts of any script, and what translations lack."""

import gzip
import time

import pytest

from crosslate.errors import CorpusError
from crosslate.text.glossaries import Glossary, Phrase, parsed_rows, words_and_signs
from crosslate.text.term_annotations import TermMarkers

TBX_3 = """<?xml version="1.0" encoding="UTF-8"?>
<tbx type="TBX-Basic" style="{style}" xml:lang="en" xmlns="urn:iso:std:iso:30042:ed-2"
     xmlns:min="http://www.tbxinfo.net/ns/min">
<text><body>
<conceptEntry id="c1"><min:subjectField>animals</min:subjectField>
  <langSec xml:lang="de"><termSec><term>Hund</term></termSec><termSec><term>Köter</term>{outdated}</termSec></langSec>
  <langSec xml:lang="en-GB"><termSec><term>cur</term>{outdated}</termSec><termSec><term>dog</term></termSec>
    <termSec><term>hound &amp; dog</term>{preferred}</termSec></langSec>
</conceptEntry>
<conceptEntry id="c2"><langSec xml:lang="de"><termSec><term>Katze</term></termSec></langSec></conceptEntry>
</body></text></tbx>
"""
DCT = {
    "outdated": "<min:administrativeStatus>deprecatedTerm-admn-sts</min:administrativeStatus>",
    "preferred": "<min:administrativeStatus> preferredTerm-admn-sts </min:administrativeStatus>",
}
DCA = {
    "outdated": '<termNote type="administrativeStatus">supersededTerm-admn-sts</termNote>',
    "preferred": '<termNote type="partOfSpeech">noun</termNote>'
    '<termNote type="administrativeStatus">preferredTerm-admn-sts</termNote>',
}
TBX_2 = """<?xml version="1.0"?><!DOCTYPE martif SYSTEM "TBXBasiccoreStructV02.dtd">
<martif type="TBX-Basic" xml:lang="en"><martifHeader><fileDesc/></martifHeader><text><body>
<termEntry><descrip type="definition">an animal</descrip>
  <langSet xml:lang="deu"><tig><term>der <hi>Hund</hi></term></tig></langSet>
  <langSet xml:lang="en"><ntig><termGrp><term>the dog</term></termGrp></ntig></langSet></termEntry>
</body></text></martif>
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def pairs(data, name="terms.tsv", languages=("de", "en")):
        (tmp_path / name).write_bytes(data.encode() if isinstance(data, str) else data)
        return [(term.source, term.target) for term in Glossary.read(name, *languages).terms]

    return pairs


FILES = {
    "two columns": ("Hund\tdog\nKatze\tcat", [("Hund", "dog"), ("Katze", "cat")]),
    "a byte order mark, Windows' line ends, blank lines": ("\ufeffHund\tdog\r\n\r\n \r\n", [("Hund", "dog")]),
    "spaces around terms and inside": (" rotes  Haus \t red\u00a0house \n", [("rotes Haus", "red house")]),
    "languages in a first row": ("German\teng_Latn\nHund\tdog\n", [("Hund", "dog")]),
    "languages in the other order": ("en\tde\ndog\tHund\n", [("Hund", "dog")]),
    "letters with marks are composed": ("u\u0308ber\to\u0308\n", [("über", "ö")]),
    "terms that differ in case": ("Weg\tway\nweg\taway\n", [("Weg", "way"), ("weg", "away")]),
}


@pytest.mark.parametrize(("text", "expected"), FILES.values(), ids=FILES)
def test_tsv(read, text, expected):
    assert read(text) == expected
    assert read(gzip.compress(text.encode()), "terms.tsv.gz") == expected


def test_tsv_from_a_request():
    text = FILES["languages in the other order"][0]
    assert parsed_rows(text, ("de", "en"), "terms") == [("Hund", "dog")]


@pytest.mark.parametrize("style", [DCT, DCA], ids=["dct", "dca"])
def test_tbx_3_takes_the_preferred_term_for_all_source_terms(read, style):
    found = read(TBX_3.format(style="", **style), "a.tbx")
    assert found == [("Hund", "hound & dog"), ("Köter", "hound & dog")]
    # The other way, what is outdated may be found but is not written.
    languages = {"languages": ("en", "de")}
    assert [target for _, target in read(TBX_3.format(style="", **style), "a.tbx", **languages)] == [
        "Hund"
    ] * 3


def test_tbx_2(read):
    assert read(TBX_2, "a.tbx") == [("der Hund", "the dog")]


LINE = "cannot read the glossary: terms.tsv, line "
REFUSED = {
    "a column": ("Hund\n", LINE + "1: has 1 column(s), expected a source and a target term, one tab"),
    "three columns": ("a\tb\nHund\tdog\tn.\n", LINE + "2: has 3 column(s)"),
    "an empty source": ("\u3000\tdog\n", LINE + "1: the source term is empty; write one, or remove the line"),
    "an empty target": ("Hund\t \n", LINE + "1: the target term is empty"),
    "a term twice": (
        "Hund\tdog\nKatze\tcat\nHund \thound\n",
        LINE + "3: the term 'Hund' is in line 1 already",
    ),
    "twice in two codings": ("\u00fc\ta\nu\u0308\tb\n", LINE + "2: the term 'ü' is in line 1 already"),
    "no text": (b"Hund\tdog\n\xff\t\n", LINE + "2: byte 0xff"),
    "other languages": (
        "fr\ten\nchien\tdog\n",
        "the first row names the columns 'fr' and 'en'; expected 'de' and",
    ),
    "nothing": ("\n", "cannot read the glossary: terms.tsv: has no terms"),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED)
def test_tsv_that_is_refused(read, data, message):
    with pytest.raises(CorpusError) as refused:
        read(data)
    assert message in str(refused.value)


def test_all_faults_are_named(read):
    with pytest.raises(CorpusError, match=r"(?s)2 faults.*line 1: .*line 3: "):
        read("Hund\nKatze\tcat\n\tdog\n")


def test_tbx_that_is_refused(read):
    with pytest.raises(
        CorpusError, match=r"a.tbx is XML with the root <tmx>, expected TBX: <tbx> or <martif>"
    ):
        read("<tmx/>", "a.tbx")
    with pytest.raises(
        CorpusError, match=r"none of its 2 concepts has .* 'de' and 'fr'; languages there: de, en-GB"
    ):
        read(TBX_3.format(style="", **DCT), "a.tbx", ("de", "fr"))
    homonyms = TBX_2.replace(
        "</body>", "<termEntry>" + TBX_2.partition("<termEntry>")[2].partition("</body>")[0]
    )
    homonyms = homonyms[: homonyms.index("</text>")].rstrip()
    twice = (homonyms + "</body></text></martif>").replace("the dog", "the hound", 1)
    with pytest.raises(CorpusError, match=r"a.tbx, line 7: the term 'der Hund' is in line 4 already"):
        read(twice, "a.tbx")
    entity = TBX_2.replace('SYSTEM "TBXBasiccoreStructV02.dtd"', '[<!ENTITY a "b">]')
    with pytest.raises(CorpusError, match="declares the entity 'a'"):
        read(entity, "a.tbx")


def found(glossary, text):
    return [(match.term.source, [*match.words]) for match in glossary.matches(text)]


GLOSSARY = Glossary(
    [("Weg", "way"), ("weg", "away"), ("roter Wein", "red wine"), ("Wein", "wine"), ("C++", "C++")],
    "de",
    "en",
)
MATCHES = {
    "whole words": ("Weinberg, Wein und Abwege", [("Wein", [2])]),
    "no part of a compound with a hyphen": ("Wein-Berg", []),
    "the longest, and no word twice": ("Roter Wein, Wein", [("roter Wein", [0, 1]), ("Wein", [3])]),
    "the same case first": ("weg vom Weg", [("weg", [0]), ("Weg", [2])]),
    "else any case, the first that is listed": ("WEG", [("Weg", [0])]),
    "signs": ("in C++.", [("C++", [1, 2, 3])]),
    "spaces between words": ("roter \u00a0 Wein", [("roter Wein", [0, 1])]),
    "a text without": ("Haus", []),
    "no text": ("", []),
}


@pytest.mark.parametrize(("text", "expected"), MATCHES.values(), ids=MATCHES)
def test_matches(text, expected):
    assert found(GLOSSARY, text) == expected


SCRIPTS = {
    "Chinese, the longest first": (
        "zh",
        ["人工", "人工智能"],
        "我喜欢人工智能和人工。",
        ["人工智能", "人工"],
    ),
    "Japanese beside foreign words": ("ja", ["iPhone", "電池"], "iPhoneの電池", ["iPhone", "電池"]),
    "Thai, by clusters": ("th", ["น้ำ", "นำ"], "ดื่มน้ำเย็น", ["น้ำ"]),
    "no half of a cluster": ("th", ["น"], "น้ำ", []),
    "Korean with particles": ("ko", ["용어", "용"], "용어는 용이 아니다. 사용", ["용어", "용"]),
    "Arabic": ("ar", ["كتاب"], "هذا كتاب كبير، وكتاب", ["كتاب"]),
    "Devanagari with its marks": ("hi", ["किताब"], "यह किताब है, किताबें", ["किताब"]),
    "Turkish capitals": ("tr", ["ışık", "iş"], "IŞIK ve İŞ", ["ışık", "iş"]),
    "Greek capitals and the last sigma": ("el", ["λόγος"], "ΛΌΓΟΣ", ["λόγος"]),
    "after an apostrophe": ("fr", ["ordinateur", "l'an"], "L’ordinateur de l’an", ["ordinateur", "l'an"]),
    "another composition": ("vi", ["tiếng"], "tie\u0302\u0301ng", ["tiếng"]),
}


@pytest.mark.parametrize(("language", "terms", "text", "expected"), SCRIPTS.values(), ids=SCRIPTS)
def test_scripts(language, terms, text, expected):
    glossary = Glossary([(term, "x") for term in terms], language, "en")
    assert [match.term.source for match in glossary.matches(text)] == expected


def test_wanted_counts_occurrences_and_translations_inside_others():
    glossary = Glossary([("Wein", "wine"), ("Rotwein", "red wine"), ("rot", "red")], "de", "en")
    matches = glossary.matches("Wein, Wein und Rotwein")
    assert [(phrase.text, count) for phrase, count in glossary.wanted(matches)] == [
        ("wine", 3),
        ("red wine", 1),
    ]
    assert [term.source for term in glossary.missed(matches, "Wine, red wine.")] == ["Wein"]
    assert glossary.missed(matches, "wine, wine and red wine") == []
    assert [term.source for term in glossary.missed(matches, "winery")] == ["Wein", "Wein", "Rotwein"]


PHRASES = {
    "a capital as sentences begin": ("the dog", "en", "The dog and the dog", 2),
    "no other case": ("iPhone", "en", "Iphone IPHONE iPhone", 1),
    "Dutch": ("ijs", "nl", "IJs en ijs", 2),
    "no part of a word": ("dog", "en", "dogs hotdog dog's", 1),
    "without spaces": ("人工智能", "zh", "是人工智能，人工智能", 2),
    "compatible characters": ("ＡＢ", "ja", "AB ＡＢ", 2),
    "without overlaps": ("a a", "en", "a a a", 1),
}


@pytest.mark.parametrize(("phrase", "language", "text", "count"), PHRASES.values(), ids=PHRASES)
def test_phrases(phrase, language, text, count):
    assert Phrase(phrase, language).occurrences(text) == count


def test_updated():
    first, second = (
        Glossary(pairs, "de", "en") for pairs in ([("a", "1"), ("b", "2")], [("b", "3"), ("c", "4")])
    )
    assert [(term.source, term.target) for term in first.updated(second).terms] == [
        ("a", "1"),
        ("b", "3"),
        ("c", "4"),
    ]


def test_words_are_those_of_the_text():
    assert words_and_signs("l’an, no.") == ("l", "’", "an", ",", "no", ".")


def test_an_updated_glossary_is_what_reading_all_terms_gives():
    first = Glossary([("red", "rojo"), ("red wine", "tinto"), ("sea", "mar")], "en", "es")
    both = first.updated(Glossary([("red", "roja"), ("red sea", "mar Rojo"), ("sun", "sol")], "en", "es"))

    text = "red wine, Red Sea, red, sea, sun"
    assert [match.term.target for match in both.matches(text)] == ["tinto", "mar Rojo", "roja", "mar", "sol"]
    assert [match.term.target for match in first.matches(text)] == ["tinto", "rojo", "mar", "rojo", "mar"]
    assert [term.target for term in both.terms] == ["roja", "tinto", "mar", "mar Rojo", "sol"]


def test_phrases_in_each_other_are_counted_once_for_each_term():
    glossary = Glossary([("a", "red"), ("b", "Red wine"), ("c", "wine red")], "de", "en")
    wanted = {phrase.text: count for phrase, count in glossary.wanted(glossary.matches("a b b c"))}
    assert wanted == {"red": 4, "Red wine": 2, "wine red": 1}


def test_many_terms_in_one_text_take_little_time():
    chars = [chr(0x4E00 + number) for number in range(450)]
    nested = [
        (each, " ".join("ab"[number * place % 3 % 2] for place in range(90)))
        for number, each in enumerate(chars)
    ]
    started = time.process_time()
    glossary = Glossary(nested, "zh", "en")
    matches = glossary.matches("".join(chars))
    assert len(glossary.missed(matches, "x")) == 450
    for _ in range(20):
        glossary.updated(Glossary([("a", "b")], "zh", "en"))
    assert time.process_time() - started < 5


MARKERS = TermMarkers(before="⟦", between="⟼", after="⟧")


def test_a_model_that_has_learnt_terms_gets_them_in_its_text():
    pairs = [("Hund", "hound"), ("rotes Haus", "red mansion"), ("ordinateur", "computer"), ("Tag", "a⟧")]
    glossary = Glossary(pairs, "de", "en")
    learnt = glossary.for_model(MARKERS)
    for text, expected in (
        ("Der Hund im rotes Haus.", "Der⟦ Hund⟼ hound⟧ im⟦ rotes Haus⟼ red mansion⟧."),
        ("l'ordinateur, Hund", "l'⟦ordinateur⟼ computer⟧,⟦ Hund⟼ hound⟧"),
        ("Der ⟦ Hund", "Der ⟦ Hund"),
        ("Guten Tag, Hund", "Guten Tag,⟦ Hund⟼ hound⟧"),
    ):
        assert learnt.annotated(text, learnt.matches(text)) == expected
        assert glossary.annotated(text, glossary.matches(text)) == text
    assert glossary.for_model(None) is glossary
    assert learnt.updated(Glossary([("a", "b")], "de", "en")).markers == MARKERS


@pytest.mark.parametrize(
    ("target", "translation", "is_used"),
    [
        ("Vertrag", "des Vertrages", True),
        ("rote Villa", "in den roten Villen.", True),
        ("das Haus", "dem Haus", False),
        ("grüne Villa", "in der grünen Villa.", True),
        ("grüne Villa", "die Villa ist grüner", False),
        ("vertrag", "Vertrages", True),
        ("Haus", "Häuser", False),
        ("계약", "계약을", True),
    ],
)
def test_inflected_terms_count_for_a_model_that_has_learnt_them(target, translation, is_used):
    language = "ko" if target == "계약" else "de"
    glossary = Glossary([("x", target)], "en", language)
    learnt = glossary.for_model(MARKERS)
    assert bool(learnt.missed(learnt.matches("x"), translation)) is not is_used
    if language == "de":
        assert glossary.missed(glossary.matches("x"), translation)
    # One phrase that is a form of another is not wanted twice.
    pair = Glossary([("a", "grüne Villa"), ("b", "grüner Villa")], "en", language).for_model(MARKERS)
    assert [count for _, count in pair.wanted(pair.matches("a b"))] == [1, 1]
    # Twice is not once.
    assert len(learnt.missed(learnt.matches("x x"), translation)) == (1 if is_used else 2)
