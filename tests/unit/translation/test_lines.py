from types import SimpleNamespace

import pytest

from crosslate.engines.decoding import DecodingOptions, Hypothesis
from crosslate.errors import UsageError
from crosslate.translation.lines import n_best_lines, translate_lines


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


def translated(lines, **keywords):
    return list(translate_lines(Shouting(), lines, language="en", **keywords))


def test_lines_come_out_in_order():
    assert translated(["a", "b b b", "c c", "a"]) == ["A", "B B B", "C C", "A"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", ""),
        ("   ", ""),
        ("\n", ""),
        ("\u2028", ""),
        ("\u3000\t", ""),
        ("a\n", "A"),
        ("a\r\n", "A"),
        ("a\u2028b", "A B"),
        ("a\x85b\x0bc", "A B C"),
        ("a\rb\r\n", "A B"),
        ("a\nb", "A B"),
        ("  a  ", "A"),
        ("\ud800", "\ufffd"),
        ("\ud83d\ude42", "🙂"),
        ("!?", "!?"),
        ("\x00a", "\x00A"),
    ],
)
def test_odd_lines(line, expected):
    assert translated([line, "z"]) == [expected, "Z"]


def test_line_breaks_of_the_engine_do_not_get_out():
    engine = Shouting()
    engine.translate = lambda texts, options: [[Hypothesis("one\ntwo\u2028three", 0.0, ())] for _ in texts]
    assert list(translate_lines(engine, ["a"], language="en")) == ["one two three"]


def test_only_lines_that_are_too_long_are_split():
    fits, too_long = "One. " * 11, "One two three. Four five six. Seven eight nine. Ten eleven twelve."
    engine = Shouting()
    out = list(translate_lines(engine, [fits, too_long], language="en"))
    assert engine.calls == [
        [fits.strip(), "One two three.", "Four five six.", "Seven eight nine.", "Ten eleven twelve."]
    ]
    assert out == [fits.strip().upper(), too_long.upper()]


def test_equal_segments_of_a_window_are_translated_once():
    engine = Shouting()
    assert list(translate_lines(engine, ["a", "b", "a"], language="en")) == ["A", "B", "A"]
    assert engine.calls == [["a", "b"]]


def test_a_stream_is_read_lazily_with_bounded_look_ahead():
    num_read = 0

    def lines():
        nonlocal num_read
        for number in range(100_000):
            num_read += 1
            yield str(number % 700)

    out = translate_lines(Shouting(), lines(), language="en", window_lines=50)
    assert num_read == 0
    for number, line in enumerate(out):
        assert line == str(number % 700)
        assert num_read <= number + 50
    assert num_read == 100_000


def test_a_window_is_bounded_in_characters_too():
    engine = Shouting()
    assert len(list(translate_lines(engine, ["a" * 1_500_000, "b" * 1_500_000] * 3, language="en"))) == 6
    assert [len(call) for call in engine.calls] == [2, 2]  # of three lines each, one of them a repetition


def test_windows_out_of_range_are_refused_at_once():
    with pytest.raises(UsageError, match="window_lines is 0"):
        translate_lines(Shouting(), [], language="en", window_lines=0)


class Ranking(Shouting):
    """``n_best`` translations of each text: the k-th has k marks, a score of -k and a piece per word."""

    def translate(self, texts, options):
        return [
            [
                Hypothesis(text + "!" * rank, -float(rank), tuple(text.split()))
                for rank in range(options.n_best)
            ]
            for text in texts
        ]


def test_the_best_translations_of_lines():
    options = DecodingOptions(n_best=2)
    one, empty, other = n_best_lines(Ranking(), ["a b", " ", "c"], options, language="en", window_lines=2)
    assert [(each.text, each.score) for each in one] == [("a b", 0.0), ("a b!", -1.0)]
    assert empty == [Hypothesis("", 0.0, ())] * 2
    assert [each.text for each in other] == ["c", "c!"]


def test_the_best_translations_of_a_line_that_is_split():
    options = DecodingOptions(n_best=2)
    engine = Ranking()
    scores = {"One two three.": -1.0, "Four.": -4.0}
    rank = engine.translate

    def translate(texts, options):
        return [
            [Hypothesis(each.text, scores[text] + each.score, each.pieces) for each in ranked]
            for text, ranked in zip(texts, rank(texts, options))
        ]

    engine.translate = translate
    engine.max_source_tokens = 4
    (found,) = n_best_lines(engine, ["One two three. Four."], options, language="en")
    assert [each.text for each in found] == ["One two three. Four.", "One two three.! Four.!"]
    # Three pieces and one, each with an end of sentence: (4 * -1 + 2 * -4) / 6.
    assert [each.score for each in found] == pytest.approx([-2.0, -3.0])
    assert found[0].pieces == ("One", "two", "three.", "Four.")
