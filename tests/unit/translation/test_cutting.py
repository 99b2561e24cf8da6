import builtins
import time

import pytest

from crosslate.translation.lines import Part, join_translations, sentences, split_text


def num_words(text):
    """A stand-in for a vocabulary: a word is as many tokens as it has fours of letters, and 1 ends it all."""
    return sum(-(-len(word) // 4) for word in text.split()) + 1


def texts(segments):
    return [segment.text for segment in segments]


def split(text, limit):
    segments = split_text(text, num_words, limit, "en")
    assert all(num_words(segment.text) <= limit for segment in segments)
    return segments


def test_what_fits_is_one_segment_whatever_it_holds():
    assert split("Yes. No. May be.", 5) == [Part("Yes. No. May be.")]


def test_sentences_come_first():
    assert texts(split("It is so. Is it now? It was.", 6)) == ["It is so.", "Is it now?", "It was."]


def test_then_clauses_as_many_as_fit_together():
    text = "one two, six ten, red big, dog cat, 1,000 more."
    assert texts(split(text, 6)) == ["one two, six ten,", "red big, dog cat,", "1,000 more."]


def test_then_words():
    assert texts(split("a b c d e f g", 4)) == ["a b c", "d e f", "g"]


def test_then_characters_inside_a_giant_word():
    segments = split("go abcdefghijklmnopqrstuvwxyz on", 3)
    assert "".join(texts(segments)) == "goabcdefghijklmnopqrstuvwxyzon"
    assert segments[0] == Part("go") and not segments[1].is_inside_word and segments[2].is_inside_word
    assert segments[-1] == Part("on")


def test_marks_stay_with_their_letters():
    segments = split_text("e\u0301" * 50, len, 5, "en")
    assert "".join(texts(segments)) == "e\u0301" * 50
    assert all(segment.text[0] == "e" and segment.text[-1] == "\u0301" for segment in segments)


@pytest.mark.parametrize(
    "text",
    [
        "这是第一句。这是第二句！第三，句，子？" * 5,
        "ไทย" * 40,
        "..........." * 9,
        "a. " * 60,
        "🙂" * 70,
        "x" * 300 + " y. " + "z" * 100,
    ],
)
def test_nothing_but_spaces_is_lost(text):
    segments = split_text(text, len, 7, "zh")
    assert "".join("".join(texts(segments)).split()) == "".join(text.split())
    assert all(len(segment.text) <= 7 for segment in segments)


def test_a_character_that_never_fits_does_not_hang():
    assert texts(split_text("ab", lambda text: 9, 2, "en")) == ["a", "b"]


def test_blank_text_has_no_segments():
    assert split_text("  \t", len, 7, "en") == []


def test_hostile_text_takes_linear_time():
    start = time.perf_counter()
    for text in ("." * 100_000, "a" * 200_000, "a, " * 50_000, "( " * 50_000):
        assert sum(len(segment.text.replace(" ", "")) for segment in split_text(text, len, 100, "en")) == len(
            text.replace(" ", "")
        )
    assert time.perf_counter() - start < 20  # quadratic time would take minutes


@pytest.fixture(params=["sentencex", "fallback"])
def splitter(request, monkeypatch):
    if request.param == "fallback":
        original = builtins.__import__

        def without_sentencex(name, *arguments, **keywords):
            if name == "sentencex":
                raise ImportError(name)
            return original(name, *arguments, **keywords)

        monkeypatch.setattr(builtins, "__import__", without_sentencex)
    else:
        pytest.importorskip("sentencex")
    return request.param


def test_sentences_joined_are_the_text(splitter):
    text = 'He came. "Did he?" she asked... Yes!  It is 3.5 km. 你好。再见！ end'
    found = sentences(text, "en")
    assert "".join(found) == text
    assert found[0].strip() == "He came."
    assert not any(sentence.endswith("3.") for sentence in found)
    assert sentences("你好。再见！", "zh") == ["你好。", "再见！"]


@pytest.mark.parametrize(
    ("segments", "translations", "expected"),
    [
        ([Part("a"), Part("b")], ["Eins.", "Zwei."], "Eins. Zwei."),
        ([Part("a"), Part("b")], ["一。", "二。"], "一。二。"),
        ([Part("ab"), Part("cd", is_inside_word=True), Part("e")], ["ab", "cd", "e"], "abcd e"),
        ([Part("数字"), Part("很多", is_inside_word=True)], ["many", "digits"], "many digits"),
        ([Part("a"), Part("b"), Part("c")], ["x", "", "y"], "x y"),
        ([Part("a"), Part("b")], ["한국", "사람"], "한국 사람"),
        ([], [], ""),
    ],
)
def test_translations_are_joined_as_their_script_does(segments, translations, expected):
    assert join_translations(segments, translations) == expected
