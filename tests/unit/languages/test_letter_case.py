"""Capitals and small letters of languages."""

import pytest

from crosslate.languages.letter_case import in_sentence_case, is_in_capitals, lower, upper, with_case_of


def num_tokens(word):
    """Of a vocabulary that knows these words, and spells others in letters."""
    return 1 if word in {"Hund", "der", "schläft", "USA", "dog", "Dog"} else len(word)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("DER HUND SCHLÄFT.", "de", "Der Hund schläft."), ("DAS SIND DIE USA!", "de", "Das sind die USA!"),
        ("„WER DA?“", "de", "„Wer da?“"), ("A DOG AND I", "en", "A dog and I"), ("HALT", "de", "Halt"),
        ("İSTANBUL IŞIKLI", "tr", "İstanbul ışıklı"), ("ПРИВЕТ МИР", "ru", "Привет мир"),
        ("ΚΑΛΟΣ ΣΚΥΛΟΣ", "el", "Καλος σκυλος"), ("ՇՈՒՆԸ ՔՆԱԾ Է", "hy", "Շունը քնած է"), ("IJS EN IJS", "nl", "IJs en ijs"),
        # Neither short abbreviations nor text that has other letters.
        ("USA", "de", "USA"), ("EU", "de", "EU"), ("U.S.A.", "en", "U.S.A."), ("CO2", "de", "CO2"), ("Der HUND", "de", "Der HUND"),
        ("BMW 发布", "zh", "BMW 发布"), ("12:30", "de", "12:30"), ("", "de", ""), ("नमस्ते", "hi", "नमस्ते"),
        ("ᎣᏏᏲ ᏩᏙ", "chr", "ᎣᏏᏲ ᏩᏙ"), ("𞤔𞤀𞤃 𞤚𞤀𞤐", "ff-Adlm", "𞤔𞤢𞤥 𞤼𞤢𞤲"), ("E\u0301COLE, O\u0323MO\u0323", "yo", "E\u0301cole, o\u0323mo\u0323"),
    ],
)  # fmt: skip
def test_sentence_case(text, language, expected):
    assert in_sentence_case(text, language, num_tokens) == expected
    assert is_in_capitals(text) == (text != expected)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("istanbul ışık", "tr", "İSTANBUL IŞIK"), ("bakı şəhəri", "az-Latn", "BAKI ŞƏHƏRİ"), ("istanbul", "de", "ISTANBUL"),
        ("άσπρος μάιος", "el", "ΑΣΠΡΟΣ ΜΑΪΟΣ"), ("große straße", "de", "GROSSE STRASSE"), ("ქართული", "ka", "ქართული"),
        ("привет", "rus_Cyrl", "ПРИВЕТ"), ("你好", "zh", "你好"), ("iyi", "tur_Latn", "İYİ"),
    ],
)  # fmt: skip
def test_capitals(text, language, expected):
    assert upper(text, language) == expected


def test_small_letters():
    assert lower("IŞIK İÇİN", "tr") == "ışık için"
    assert lower("IHR", "de") == "ihr"


@pytest.mark.parametrize(
    ("source", "translation", "language", "expected"),
    [
        ("HALLO WELT", "Hello world", "en", "HELLO WORLD"), ("ADİL İNSAN", "adil insan", "tr", "ADİL İNSAN"),
        # Of a text in small letters, the first letter alone follows, unless its word always has a capital.
        ("ich gehe mit anna", "Anna and I go", "en", "anna and I go"), ("ich gehe", "I go", "en", "I go"),
        ("heute kommt Anna", "Anna comes", "en", "Anna comes"), ("die nato", "NATO is", "en", "NATO is"),
        ("the dog", "Der Hund", "de", "der Hund"), ("dogs", "Hunde", "de", "Hunde"), ("собака спит", "The dog", "en", "the dog"),
        # Scripts without capitals, and numbers, say nothing.
        ("iphone很好用。", "The iPhone is good", "en", "The iPhone is good"), ("გამარჯობა", "Hello", "en", "Hello"),
        ("مرحبا", "Hello", "en", "Hello"), ("3 Hunde", "three dogs", "en", "three dogs"), ("Drei Hunde", "3 dogs", "en", "3 dogs"),
        ("iPhone ist da", "The iPhone is here", "en", "The iPhone is here"),
        ("Istanbul", "istanbul", "tr", "İstanbul"), ("Eis", "ijs", "nl", "IJs"), ("Das iPhone", "iPhone", "en", "iPhone"),
        ("ᎣᏏᏲ ᏩᏙ", "hello there", "en", "Hello there"), ("so, hello", "Ꭳ ᎣᏏᏲ", "chr", "Ꭳ ᎣᏏᏲ"),
        ("Hallo", "გამარჯობა", "ka", "გამარჯობა"), ("Hallo", "", "en", ""), ("Scharf", "ßa", "de", "ßa"),
    ],
)  # fmt: skip
def test_case_follows(source, translation, language, expected):
    assert with_case_of(source, translation, language) == expected
