"""Vocabularies of text in any script: a size is found, and what was learnt comes back."""

from __future__ import annotations

import logging
import random

import pytest

from crosslate.errors import VocabularyError
from crosslate.text.vocabularies import SpecialIds, Vocabulary
from crosslate.text.vocabulary_training import Kind, train_vocabulary

LATIN = "abcdefghijklmnopqrstuvwxyz"


def written_in(characters: str, num_lines: int, length: int = 16) -> list[str]:
    """Lines of words of random characters, every one of which occurs."""
    chooser = random.Random(3)
    text = list(characters) + chooser.choices(characters, k=num_lines * length - len(characters))
    chooser.shuffle(text)
    return ["".join(text[start : start + length]) for start in range(0, len(text), length)]


HAN = "".join(chr(0x4E00 + 3 * index) for index in range(2_400))
HANGUL = "".join(chr(0xAC00 + 5 * index) for index in range(1_600))


def comes_back(vocabulary: Vocabulary, text: str) -> bool:
    (together,) = vocabulary.encode_batch([text])
    return vocabulary.encode(text) == together and vocabulary.decode(together) == text


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
@pytest.mark.parametrize("characters", [HAN, HANGUL], ids=["han", "hangul"])
def test_a_size_is_found_for_thousands_of_characters(characters: str, kind: Kind):
    lines = written_in(characters, 1_500)
    vocabulary = train_vocabulary(lines, kind=kind)
    assert len(characters) < len(vocabulary) < len(characters) + 1_500
    assert all(comes_back(vocabulary, line) for line in lines[::50])


def test_stray_characters_do_not_fill_a_vocabulary(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    quotes = [f"{LATIN[:9]} {HAN[start : start + 12]}" for start in range(0, 1_200, 12)]
    lines = written_in(LATIN, 10_000) + quotes
    vocabulary = train_vocabulary(lines, 400)
    assert not set(vocabulary.pieces) & set(HAN)
    assert all(comes_back(vocabulary, quote) for quote in quotes[::10])
    assert "1200 of 1226 characters are too rare" in caplog.text and quotes[0] in caplog.text
    assert len(train_vocabulary(lines)) == 1_000


def test_a_vocabulary_with_bytes_knows_every_character():
    vocabulary = train_vocabulary([*written_in(LATIN, 10_000), *HAN])
    for text in (
        "ﬀ Å e\u0301 ２",
        "<0x41> </s> <unk>",
        "👩🏽\u200d🚀 \U0001f1e9\U0001f1ea",
        "\ufeff\u00ad\u200b x\u2585",
    ):
        assert comes_back(vocabulary, text)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
@pytest.mark.parametrize("control", [(), ("__xx__", "__yy__")])
@pytest.mark.parametrize(
    "lines",
    [
        written_in(f"{LATIN}äöüßéèêàçñабвгдежзиклмнопрстуфхцчшщъыьэюя", 300),
        written_in(HAN[:1_100], 900),
        [*written_in(LATIN, 10_000), *HAN],
    ],
    ids=["letters", "han", "stray"],
)
def test_the_smallest_size_is_told_and_can_be_learnt(lines: list[str], control: tuple[str, ...], kind: Kind):
    with pytest.raises(
        VocabularyError, match=r"^a vocabulary of 64 pieces is too small for a text of .*"
    ) as found:
        train_vocabulary(lines, 64, kind=kind, control=control)
    smallest = int(str(found.value).partition("give at least ")[2].partition(",")[0])
    with pytest.raises(VocabularyError, match=f"give at least {smallest}, or no size"):
        train_vocabulary(lines, smallest - 1, kind=kind, control=control)
    vocabulary = train_vocabulary(lines, smallest, kind=kind, control=control, special=SpecialIds(2, 0, 1))
    assert len(vocabulary) == smallest
    assert all(comes_back(vocabulary, line) for line in lines[-20:])


def test_a_size_that_the_text_does_not_yield_is_refused():
    with pytest.raises(VocabularyError, match=r"set it to a value <= \d+\. Give a smaller size or more text"):
        train_vocabulary(["der Hund schläft"], 5_000)
    for lines in ([], ["", " \t"], ["\u2028"]):
        with pytest.raises(VocabularyError, match="the text is empty"):
            train_vocabulary(lines)


@pytest.mark.parametrize(
    "text",
    [
        "价格（含税）：１００元；好～", "「はい」、ｱｲｳ！", "نمی‌خواهم کتاب‌ها؟", "น้ำเย็น ทำ", "ນ້ຳ ໜຶ່ງ ຫຼາຍ", "ශ්‍රී ක්‍රීඩා",
        "क्‍या क़लम ज़्यादा", "15 m², 10⁻³, ½ № 5 ™ 2.ª 1.º", "Combien\u202f? 3\u00a0%\u00a0!", "\u00abא\u05b8ב\u00bb", "ភាសា\u200bខ្មែរ",
        "e\u0301 é ệ ệ", "ﬁ ﬀ Ａ㎏ ①", "ཀ་ཁ་ག །", "👩🏽\u200d🚀 ❤\ufe0f 🇩🇪", "co\u00adop \u2066x\u2069", "한국어 각", "𝔘𝔫𝔦 𒀀 𐌰",
    ],
)  # fmt: skip
def test_what_was_learnt_comes_back(text: str):
    vocabulary = train_vocabulary([text, text[::-1]] * 20)
    assert comes_back(vocabulary, text)
    assert vocabulary.special.unk not in vocabulary.encode(text)


def test_white_space_is_joined():
    vocabulary = train_vocabulary(["ab\u00a0c  d"] * 5)
    for text in ("  ab\u00a0c \t d\n", "ab\u00a0c\u2028d\u2029", "ab\u00a0c\u2581\u2581d"):
        assert vocabulary.decode(vocabulary.encode(text)) == "ab\u00a0c d"
    assert (
        vocabulary.encode(" \u00a0\u3000\t")
        == vocabulary.encode("")
        == vocabulary.encode_batch(["\u3000"])[0]
    )


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("cafe\u0301", "café"), ("ａ\u3000ｂ", "a b"), ("a\u00a0b", "a b"), ("ﬀ", "ff"), ("ca\u00adfé\ufeff", "café"), ("a\u200bb", "a b"),
        ("①", "1"), ("豈", "豈"),
        ("a\u00b2", "a ⁇"), ("b\u207b", "b ⁇"),  # a power is no digit
    ],
)  # fmt: skip
def test_what_was_never_learnt_is_read_as_the_same_in_plain(text: str, read: str):
    vocabulary = train_vocabulary(["café abc 豈 ff 12"] * 5)
    assert vocabulary.decode(vocabulary.encode(text)).strip() == read


def test_the_same_text_gives_the_same_bytes():
    lines = written_in(LATIN + "éü²", 200)
    assert train_vocabulary(lines, 90).model == train_vocabulary(lines, 90).model


def test_text_that_spells_special_pieces_is_text():
    """No character of these is in the text learnt, so that each comes as one unknown piece."""
    vocabulary = train_vocabulary(["你好世界"] * 20, control=["deu_Latn"])
    last = len(vocabulary) - 1
    special = SpecialIds(last, last - 1, last - 2)
    mapped = Vocabulary(vocabulary.model, [*reversed(vocabulary.pieces)], special)
    for each in (vocabulary, mapped):
        for text in ("</s>", "你 <pad>", "<unk>", "deu_Latn 好"):
            ids = each.encode(text)
            assert ids == each.encode_batch([text])[0]
            assert each.special.unk in ids and not each.silent.intersection(ids[:-1])
            assert "deu_Latn" not in each.encode_pieces(text)


def test_lines_of_any_length_are_learnt():
    long = written_in(HAN[:300], 1, 30_000)
    assert comes_back(train_vocabulary(long), long[0][:500])
