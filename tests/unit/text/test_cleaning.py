"""Each rule of cleaning: what it drops, what it must leave, and that everything dropped is counted."""

import json
from pathlib import Path

import pytest

import toy_corpora
from crosslate.errors import SettingsError
from crosslate.text.cleaning import CleaningSettings, clean
from crosslate.text.corpora import ParallelCorpus, StoredPairs, TextFiles

PAIRS = [
    ("Guten Morgen.", "Good morning."),
    ("  ", "Nothing on the left."),
    ("Nichts rechts.", "\u3000\t"),
    ("OK", " OK "),
    ("x" * 31, "y" * 20),
    ("Das ist ein langer Satz.", "short"),
    ("Guten Morgen. ", "Good morning."),
    ("Guten Morgen.", "Good day."),
    ("Ja.", "Yes, of course I do."),
    ("y" * 30, "z" * 30),
]
EXPECTED = {
    "total": 10,
    "kept": 4,
    "rules": {
        "empty": {"dropped": 2, "example": {"line": 2, "source": "  ", "target": "Nothing on the left."}},
        "copy": {"dropped": 1, "example": {"line": 4, "source": "OK", "target": " OK "}},
        "too long": {"dropped": 1, "example": {"line": 5, "source": "x" * 31, "target": "y" * 20}},
        "length ratio": {"dropped": 1, "example": {"line": 6, "source": "Das ist ein langer Satz.", "target": "short"}},
        "duplicate": {"dropped": 1, "example": {"line": 7, "source": "Guten Morgen. ", "target": "Good morning."}},
    },
}  # fmt: skip


def corpus(pairs):
    return ParallelCorpus(*zip(*pairs), "de", "en", "here")


def cleaned(pairs, **settings):
    return clean(corpus(pairs), CleaningSettings(**settings), Path("unused"))


def is_kept(source, target, **settings):
    return len(cleaned([(source, target)], **settings)[0]) == 1


def test_each_rule_counts_what_it_drops_with_its_first_example():
    kept, report = cleaned(PAIRS, max_characters=30)
    assert list(kept) == [PAIRS[0], *PAIRS[7:]]
    assert (*kept.languages, kept.origin) == ("de", "en", "here")
    assert json.loads(json.dumps(report.as_values())) == EXPECTED
    assert report.lines()[:3] == [
        "cleaning kept 4 of 10 pairs",
        "dropped by rule 'empty': 2, first pair 2: '  ' | 'Nothing on the left.'",
        "dropped by rule 'copy': 1, first pair 4: 'OK' | ' OK '",
    ]


def test_files_are_cleaned_as_a_stream_with_the_same_result(tmp_path):
    files = TextFiles(toy_corpora.write(corpus(PAIRS), tmp_path, "train"), "de", "en")
    kept, report = clean(files, CleaningSettings(max_characters=30), tmp_path / "run")
    assert isinstance(kept, StoredPairs) and list(kept) == [PAIRS[0], *PAIRS[7:]]
    assert report.as_values() == EXPECTED


@pytest.mark.parametrize(
    ("off", "indices"),
    [
        ({"enabled": False}, range(10)),
        ({"drop_empty": False}, [1, 2]),  # which are short enough for the length ratio to leave them
        ({"drop_copies": False}, [3]),
        ({"max_characters": 0}, [4]),
        ({"max_length_ratio": 0}, [5]),
        ({"drop_duplicates": False}, [6]),
    ],
)
def test_each_rule_can_be_switched_off(off, indices):
    kept, _ = cleaned(PAIRS, **{"max_characters": 30, **off})
    assert list(kept) == [pair for index, pair in enumerate(PAIRS) if index in {0, 7, 8, 9, *indices}]


def test_nothing_left_is_an_empty_corpus():
    kept, report = cleaned([("", "")] * 3)
    assert (len(kept), report.kept, report.total) == (0, 0, 3)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("我昨天在图书馆里看了一本关于天文学的书。", "Yesterday in the library I was reading a book that was about astronomy, and it was very good."),
        ("ကျွန်တော်မနေ့ကစာကြည့်တိုက်မှာစာအုပ်ဖတ်ခဲ့တယ်။", "I read a book at the library."),
        ("Вчера я читал в библиотеке книгу.", "I read a book in the library."),
        ("நான் நேற்று நூலகத்தில் ஒரு புத்தகம் படித்தேன்.", "I read a book yesterday."),
        ("你今天好吗？", "இன்று நீங்கள் எப்படி இருக்கிறீர்கள்?"), ("早安！", "ބާއްޖަވެރި ހެނދުނެއް!"),
        ("ᖃᓄᐃᑉᐱᑦ?", "ཁྱེད་རང་སྐུ་གཟུགས་བདེ་པོ་ཡིན་པས།"), ("昨日図書館で本を読みました。", "Donaudampfschifffahrtsgesellschaftskapitän"),
    ],
)  # fmt: skip
def test_no_script_is_lopsided_against_another(one, other):
    assert is_kept(one, other) and is_kept(other, one)


def test_the_ratio_is_inclusive_and_needs_characters_and_bytes():
    assert is_kept("a" * 40, "b" * 10)
    assert not is_kept("a" * 41, "b" * 10)
    assert not is_kept("b" * 10, "a" * 41)
    assert is_kept("a" * 41, "你" * 10)  # 41 characters to 10, but 41 bytes to 30
    assert is_kept("你" * 20, "a" * 10)  # 60 bytes to 10, but 20 characters to 10
    assert not is_kept("你" * 41, "好" * 10)
    assert is_kept("a" * 20, "b")
    assert not is_kept("a" * 21, "b")
    assert is_kept("a" * 21, "b", ratio_from_characters=21)


def test_duplicates_are_pairs_not_sides_and_borders_count():
    pairs = [("a b", "c"), ("a b", "d"), ("x", "c"), ("a", "b c"), ("a b", "c")]
    kept, report = cleaned(pairs)
    assert list(kept) == pairs[:4]
    assert report.rules["duplicate"].example.line == 5


def test_examples_are_shortened_in_the_record():
    _, report = cleaned([("x" * 5000, "y")])
    assert report.rules["too long"].example.source == "x" * 199 + "…"
    assert max(map(len, report.lines())) < 200


def test_impossible_settings_are_refused_together():
    with pytest.raises(SettingsError) as caught:
        CleaningSettings(max_characters=-1, max_length_ratio=0.5, ratio_from_characters=-2)
    for name in (
        "max_characters is -1",
        "max_length_ratio: 0.5 drops every pair",
        "ratio_from_characters is -2",
    ):
        assert name in str(caught.value)
    with pytest.raises(SettingsError):
        CleaningSettings(max_length_ratio=float("nan"))
