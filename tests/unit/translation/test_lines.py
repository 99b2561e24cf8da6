from types import SimpleNamespace

import pytest

from crosslate.engines.decoding import DecodingOptions, Hypothesis
from crosslate.errors import UsageError
from crosslate.translation.lines import Part, join_translations, n_best_lines, split_text, translate_lines


class Shouting:
    """An engine that answers in capitals, and remembers what it was asked."""

    name = "shouting"
    max_source_tokens = 12

    def __init__(self):
        self.calls = []
        encode = lambda text: [*text.split(), "end"]  # noqa: E731
        self.source = SimpleNamespace(
            encode=encode, encode_batch=lambda texts: [encode(text) for text in texts]
        )

    def translate(self, texts, options):
        self.calls.append(list(texts))
        assert all(len(text.split()) < self.max_source_tokens for text in texts)
        return [[Hypothesis(text.upper(), -1.0, ())] for text in texts]


class TestLines:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("", ""), ("   ", ""), ("\n", ""), ("\u2028", ""), ("\u3000\t", ""), ("a\n", "A"), ("a\r\n", "A"), ("a\u2028b", "A B"),
            ("a\x85b\x0bc", "A B C"), ("a\rb\r\n", "A B"), ("a\nb", "A B"), ("  a  ", "A"), ("\ud800", "\ufffd"), ("\ud83d\ude42", "🙂"),
            ("!?", "!?"), ("\x00a", "\x00A"),
        ],
    )  # fmt: skip
    def test_odd_lines(self, line, expected):
        assert list(translate_lines(Shouting(), [line, "z"], language="en")) == [expected, "Z"]

    @pytest.mark.parametrize("line", ["---", "* * *", "…", "？！", "\u200f", "___ | ___"])
    def test_lines_of_signs_are_not_translated(self, line):
        engine = Shouting()
        assert list(translate_lines(engine, [line, "", "a"], language="en")) == [line, "", "A"]
        assert engine.calls == [["a"]]

    def test_line_breaks_of_the_engine_do_not_get_out(self):
        engine = Shouting()
        engine.translate = lambda texts, options: [[Hypothesis("a\nb\u2028c", 0.0, ())] for _ in texts]
        assert list(translate_lines(engine, ["a"], language="en")) == ["a b c"]

    def test_only_lines_that_are_too_long_are_cut_and_equal_ones_are_translated_once(self):
        fits, too_long = "One. " * 11, "One two three. Four five six. Seven eight nine. Ten eleven twelve."
        engine = Shouting()
        out = list(translate_lines(engine, [fits, too_long, fits], language="en"))
        parts = ["One two three.", "Four five six.", "Seven eight nine.", "Ten eleven twelve."]
        assert engine.calls == [[fits.strip(), *parts]]
        assert out == [fits.strip().upper(), too_long.upper(), fits.strip().upper()]

    def test_a_stream_is_read_lazily_with_bounded_look_ahead(self):
        num_read = 0

        def lines():
            nonlocal num_read
            for number in range(10_000):
                num_read += 1
                yield str(number % 700)

        out = translate_lines(Shouting(), lines(), language="en", window_lines=50)
        assert num_read == 0
        for number, line in enumerate(out):
            assert line == str(number % 700)
            assert num_read <= number + 50
        assert num_read == 10_000

    def test_a_window_is_bounded_in_characters_too(self):
        engine = Shouting()
        lines = ["a" * 1_500_000, "b" * 1_500_000] * 3
        assert len(list(translate_lines(engine, lines, language="en"))) == 6
        assert [len(call) for call in engine.calls] == [2, 2]  # of three lines each, one of them a repetition

    def test_windows_out_of_range_are_refused_at_once(self):
        with pytest.raises(UsageError, match="window_lines is 0"):
            translate_lines(Shouting(), [], language="en", window_lines=0)


class Ranking(Shouting):
    """The k-th translation of a text has k marks, a score of -k (-4 for "Four.") and a piece per word."""

    def translate(self, texts, options):
        return [
            [Hypothesis(text + "!" * rank, -4.0 * ("Four" in text) - rank, tuple(text.split())) for rank in range(options.n_best)]
            for text in texts
        ]  # fmt: skip


def test_the_best_translations_of_a_line_that_is_cut_are_joined():
    engine = Ranking()
    engine.max_source_tokens = 4
    lines = ["a b", " ", "One two three. Four.", "c"]
    one, empty, found, other = n_best_lines(
        engine, lines, DecodingOptions(n_best=2), language="en", window_lines=2
    )
    assert [(each.text, each.score) for each in one] == [("a b", 0.0), ("a b!", -1.0)]
    assert empty == [Hypothesis("", 0.0, ())] * 2
    assert [each.text for each in other] == ["c", "c!"]
    assert [each.text for each in found] == ["One two three. Four.", "One two three.! Four.!"]
    # Three pieces and one, each with an end of sentence: (4 * 0 + 2 * -4) / 6.
    assert [each.score for each in found] == pytest.approx([-8 / 6, -14 / 6])
    assert found[0].pieces == ("One", "two", "three.", "Four.")


class TestCutting:
    @staticmethod
    def num_tokens(text):
        """A word is as many tokens as it has fours of letters, and 1 ends it all."""
        return sum(-(-len(word) // 4) for word in text.split()) + 1

    @pytest.mark.parametrize(
        ("text", "limit", "expected"),
        [
            ("  \t", 5, []),
            ("Yes. No. May be.", 5, ["Yes. No. May be."]),
            ("It is so. Is it now? It was.", 6, ["It is so.", "Is it now?", "It was."]),
            ("one two, six ten, red big, dog cat, 1,000 more.", 6, ["one two, six ten,", "red big, dog cat,", "1,000 more."]),
            ("a b c d e f g", 4, ["a b c", "d e f", "g"]),
        ],
    )  # fmt: skip
    def test_at_sentences_then_clauses_then_words(self, text, limit, expected):
        parts = split_text(text, self.num_tokens, limit, "en")
        assert parts == [Part(each) for each in expected]

    def test_then_inside_a_giant_word(self):
        parts = split_text("go abcdefghijklmnopqrstuvwxyz on", self.num_tokens, 3, "en")
        assert "".join(part.text for part in parts) == "goabcdefghijklmnopqrstuvwxyzon"
        assert parts[0] == Part("go") and not parts[1].is_inside_word and parts[2].is_inside_word
        assert parts[-1] == Part("on")

    def test_marks_stay_with_their_letters(self):
        parts = split_text("e\u0301" * 50, len, 5, "en")
        assert "".join(part.text for part in parts) == "e\u0301" * 50
        assert all(part.text[0] == "e" and part.text[-1] == "\u0301" for part in parts)

    @pytest.mark.parametrize(
        "text",
        ["这是第一句。这是第二句！第三，句，子？" * 5, "ไทย" * 40, "..........." * 9, "a. " * 60, "🙂" * 70, "x" * 300 + " y. " + "z" * 100,
         "." * 20_000, "a, " * 20_000, "( " * 20_000],
    )  # fmt: skip
    def test_nothing_but_spaces_is_lost(self, text):
        parts = split_text(text, len, 7, "zh")
        assert "".join("".join(part.text for part in parts).split()) == "".join(text.split())
        assert all(len(part.text) <= 7 for part in parts)

    def test_a_character_that_never_fits_does_not_hang(self):
        assert [part.text for part in split_text("ab", lambda text: 9, 2, "en")] == ["a", "b"]

    @pytest.mark.parametrize(
        ("parts", "translations", "expected"),
        [
            ([Part("a"), Part("b")], ["Eins.", "Zwei."], "Eins. Zwei."), ([Part("a"), Part("b")], ["一。", "二。"], "一。二。"),
            ([Part("ab"), Part("cd", is_inside_word=True), Part("e")], ["ab", "cd", "e"], "abcd e"),
            ([Part("数字"), Part("很多", is_inside_word=True)], ["many", "digits"], "many digits"),
            ([Part("a"), Part("b"), Part("c")], ["x", "", "y"], "x y"), ([Part("a"), Part("b")], ["한국", "사람"], "한국 사람"), ([], [], ""),
        ],
    )  # fmt: skip
    def test_translations_are_joined_as_their_script_does(self, parts, translations, expected):
        assert join_translations(parts, translations) == expected


class Small(Shouting):
    """Answers in small letters."""

    def translate(self, texts, options):
        self.calls.append(list(texts))
        return [[Hypothesis(text.lower(), -1.0, ())] for text in texts]


def test_what_is_not_translated_comes_back_once_and_capitals_are_raised():
    engine = Small()
    lines = ["Der Hund %name da 👋", "https://A.b/C", "WER {X} IST DA?", "Ein <b>Hund</b>", "Ja"]
    out = list(translate_lines(engine, lines, language="de", target_language="tr"))
    assert out == ["der hund %name da 👋", "https://A.b/C", "WER {X} İST DA?", "ein <b>hund</b>", "ja"]
    assert engine.calls == [["Der Hund da", "Wer ist da?", "Ein Hund", "Ja"]]
