"""Scripts of texts and languages."""

import pytest

from crosslate.languages.scripts import known_scripts_of, script_of, scripts_of, share_in_scripts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The dog", "Latn"), ("Собака iPhone", "Cyrl"), ("الكلب ينام", "Arab"), ("הכלב ישן", "Hebr"), ("Ο σκύλος", "Grek"),
        ("कुत्ता सोता है", "Deva"), ("小狗在睡觉", "Hani"), ("いぬはねている", "Hira"), ("개가 자고 있다", "Hang"), ("สุนัขนอน", "Thai"),
        ("ውሻው ተኝቷል", "Ethi"), ("ძაღლს სძინავს", "Geor"), ("შენ ok", "Geor"), ("12:30 😀", None), ("", None), ("𐌰𐌱𐌲", None),
    ],
)  # fmt: skip
def test_script_of(text, expected):
    assert script_of(text) == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("de", {"Latn"}), ("ru", {"Cyrl"}), ("sr", {"Cyrl", "Latn"}), ("srp_Latn", {"Latn"}), ("ZH-Hant", {"Hani"}), ("ja", {"Hira", "Kana", "Hani"}),
        ("ko", {"Hang", "Hani"}), ("arb", {"Arab"}), ("zz", {"Latn"}), ("Jpan", {"Latn"}), ("ja_Jpan", {"Hira", "Kana", "Hani"}),
    ],
)  # fmt: skip
def test_scripts_of(language, expected):
    assert scripts_of(language) == expected


def test_the_share_of_letters_in_scripts():
    assert share_in_scripts("Это iPhone, 2024!", {"Cyrl"}) == pytest.approx(3 / 9)
    assert share_in_scripts("Это iPhone", {"Cyrl", "Latn"}) == 1
    assert share_in_scripts("𐌰𐌱 ok", {"Latn"}) == 0.5
    assert share_in_scripts("12:30", {"Latn"}) is None


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("de", {"Latn"}), ("deu_Latn", {"Latn"}), ("ru", {"Cyrl"}), ("yue", {"Hani"}), ("kab", {"Latn", "Tfng"}),
        ("zzz", None), ("jv-Java", None), ("sr-Latn", {"Latn"}),
    ],
)  # fmt: skip
def test_scripts_of_unknown_languages_are_not_guessed(language, expected):
    assert known_scripts_of(language) == expected
