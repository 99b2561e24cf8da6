import pytest

from crosslate.engines.decoding import (
    DecodingOptions,
    encode_sources,
    group_sources,
    hypothesis,
    valid_unicode,
)
from crosslate.errors import EngineError, UsageError
from crosslate.text.vocabulary_training import train_vocabulary


@pytest.fixture(scope="module")
def vocabulary():
    return train_vocabulary(
        ["a quick brown fox jumps over the lazy dog " * 3, "five boxing wizards jump quickly"], 64
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beam_size": 0}, "beam_size is 0, expected 1 or more"),
        ({"n_best": 3, "beam_size": 2}, "n_best is 3, but beam_size is 2"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"length_penalty": -0.5}, "length_penalty is -0.5, expected 0"),
        ({"length_penalty": float("nan")}, "length_penalty is nan, expected a finite number"),
        ({"repetition_penalty": 0}, "repetition_penalty is 0, expected above 0"),
        ({"beam_size": 2.0}, "beam_size is 2.0, expected a whole number"),
        ({"allow_unknown": 1}, "allow_unknown is 1, expected true or false"),
        (
            {"max_new_tokens": 0, "no_repeat_ngram": -2},
            r"2 faults:\n.*max_new_tokens is 0.*\n.*no_repeat_ngram is -2",
        ),
    ],
)
def test_options_out_of_range_are_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        DecodingOptions(**changes)


@pytest.mark.parametrize(
    ("num_source_tokens", "expected"),
    # Twice the next power of two (16 at least) plus 16, and at most 512.
    [(1, 48), (16, 48), (17, 80), (32, 80), (33, 144), (200, 512), (512, 512)],
)
def test_the_output_limit_depends_on_the_length_in_steps(num_source_tokens, expected):
    assert DecodingOptions().output_limit(num_source_tokens, 4096) == expected


def test_the_output_limit_is_capped_by_the_option_and_by_the_model():
    assert DecodingOptions(max_new_tokens=20).output_limit(100, 4096) == 20
    assert DecodingOptions().output_limit(100, 62) == 62
    assert DecodingOptions(max_length_factor=0.25).output_limit(64, 4096) == 32


def test_groups_have_one_limit_each_longest_first_without_empty_texts():
    encoded = [[0] * length for length in (3, 1, 40, 9, 20, 16, 64)]
    assert group_sources(encoded, DecodingOptions(), 4096) == {144: [6, 2], 80: [4], 48: [5, 3, 0]}


def test_sources_end_with_the_end_of_sentence_and_are_never_cut(vocabulary):
    (ids, empty) = encode_sources(vocabulary, ["the fox", "  "], 100)
    assert ids == vocabulary.encode("the fox") and ids[-1] == vocabulary.special.eos
    assert empty == [vocabulary.special.eos]
    length = len(ids)
    assert encode_sources(vocabulary, ["the fox"], length) == [ids]
    with pytest.raises(
        EngineError, match=f"text 1 of 1 .* has {length} tokens, but the model reads at most {length - 1}"
    ):
        encode_sources(vocabulary, ["the fox"], length - 1)


def test_a_forced_first_piece_is_not_text(vocabulary):
    pieces = vocabulary.encode_pieces("the fox")
    forced = pieces[0]
    assert hypothesis(vocabulary, pieces, -1.0, None).text == "the fox"
    assert hypothesis(vocabulary, [forced, *pieces], -1.0, forced).pieces == tuple(pieces)
    assert hypothesis(vocabulary, pieces[1:], -1.0, forced).pieces == tuple(pieces[1:])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("größer 你好", "größer 你好"),
        ("\ud83d\ude42", "🙂"),
        ("a\ud800b", "a\ufffdb"),
        ("\udcff", "\ufffd"),
    ],
)
def test_surrogates_become_characters(text, expected):
    assert valid_unicode(text) == expected
    valid_unicode(text).encode("utf-8")
