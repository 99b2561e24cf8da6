"""Words of a text in any script."""

import pytest

from crosslate.languages.words import (
    UNSPACED,
    are_joined,
    count_words,
    word_spans,
    words_and_bigrams,
    words_in,
)


def spelt(text):
    return [text[start:end] for start, end in word_spans(text)]


def test_words():
    assert spelt("It's 3.5 km, isn’t it?") == ["It's", "3.5", "km", ",", "isn’t", "it", "?"]
    assert spelt("你好。") == ["你", "好", "。"]
    assert spelt("हिन्दी में") == ["हिन्दी", "में"]
    assert spelt("Ինչպե՞ս եք։") == ["Ինչպե՞ս", "եք", "։"]
    assert spelt("ת״א בית־ספר") == ["ת״א", "בית־ספר"]
    assert spelt("کتاب‌های من") == ["کتاب‌های", "من"]
    assert spelt("") == []


def test_letters_that_are_read_as_one_stay_together():
    assert spelt("ខ្ញុំសុខ") == ["ខ្ញុំ", "សុ", "ខ"]
    assert spelt("မင်္ဂလာ") == ["မ", "င်္ဂ", "လာ"]
    assert spelt("แม่ดื่มน้ำ") == ["แม่", "ดื่", "ม", "น้ำ"]
    assert (
        are_joined("\u1014", "\u102c")
        and are_joined("ក", "្")
        and are_joined("្", "ខ")
        and are_joined("เ", "ก")
    )
    assert are_joined("e", "\u0301") and are_joined("\u1112", "\u1161") and are_joined("\u200d", "💻")
    assert not are_joined("ก", "เ") and not are_joined("a", "b") and not are_joined("你", "好")


def test_words_without_punctuation():
    assert words_in("It's 3 o'clock, größer") == ["It", "s", "o", "clock", "größer"]
    assert words_in("Nummer 12b", with_digits=True) == ["Nummer", "12b"]
    assert words_in("हिन्दी में १२ किताबें।") == ["हिन्दी", "में", "किताबें"]
    assert words_in("هذه كُتُبٌ، و کتاب‌های") == ["هذه", "كُتُبٌ", "و", "کتاب‌های"]


def test_counts_are_of_words_as_they_are_spelt():
    assert count_words(["Hund Katze.", "Hund sieht hund"]) == {"Hund": 2, "Katze": 1, "sieht": 1, "hund": 1}


def test_scripts_without_spaces():
    assert [bool(UNSPACED.match(each)) for each in "你กあ。ーꆈᥐaяह 한ㄱ"] == [True] * 7 + [False] * 6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ខ្ញុំ", ["ខ្ញុំ"]), ("ស្រី", ["ស្រី"]), ("ကျွန်ုပ်", ["ကျွ", "န်ု", "ပ်"]), ("နိန္ဒာ", ["နိ", "န္ဒာ"]), ("น้ำ", ["น้ำ"]), ("ດີ", ["ດີ"]), ("སྐད", ["སྐ", "ད"]), ("葛\U000e0100城", ["葛\U000e0100", "城"]),
        ("か\u3099く", ["か\u3099", "く"]),
    ],
)  # fmt: skip
def test_signs_stay_with_their_letter(text, expected):
    assert spelt(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The dog's 2 bones - gone!", ["The", "dog's", "2", "bones", "gone"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("我买了 iPhone。好", ["我买", "买了", "iPhone", "好"]),
        ("กินข้าว", ["กิน", "นข้", "ข้า", "าว"]),
        ("?!", []),
    ],
)
def test_words_and_bigrams(text, expected):
    assert words_and_bigrams(text) == expected
