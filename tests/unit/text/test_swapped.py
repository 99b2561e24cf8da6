"""Sides in the wrong order are refused; right ones never, nor what nobody can tell."""

from __future__ import annotations

import sys
from itertools import permutations
from pathlib import Path

import pytest

from crosslate.errors import CorpusError
from crosslate.text.corpora import ParallelCorpus, TextFiles
from crosslate.text.phrasebook import LANGUAGES, Phrasebook
from crosslate.text.swapped import check_order

CHINESE = ["今天天气很好。", "我们去公园吧。", "你吃饭了吗？", "他在看书。", "火车几点开？"]
RUSSIAN = ["Сегодня погода.", "Пойдём в парк.", "Ты ел?", "Он читает.", "Когда поезд?"]
ENGLISH = ["Nice weather.", "To the park!", "Did you eat?", "He reads.", "When does it go?"]


def phrases(source: str, target: str) -> tuple[list[str], list[str]]:
    corpus = Phrasebook().corpora(source, target, train=60, valid=6, test=4)[0]
    return list(corpus.source), list(corpus.target)


@pytest.mark.parametrize("languages", permutations(LANGUAGES, 2))
def test_every_pair_of_the_phrasebook(languages):
    source, target = phrases(*languages)
    check_order(ParallelCorpus(source, target, *languages))
    with pytest.raises(CorpusError, match="memory: the sides are swapped"):
        check_order(ParallelCorpus(target, source, *languages))


def test_the_message_shows_both_sides_and_says_what_to_do(tmp_path: Path):
    for name, lines in zip(("a.en", "a.zh"), (ENGLISH, CHINESE)):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(CorpusError) as refused:
        check_order(TextFiles([tmp_path / "a.en", tmp_path / "a.zh"], "zh", "en"))
    assert str(refused.value).endswith(
        "the sides are swapped: the source text ('When does it go?') is in English, the target text "
        "('今天天气很好。') in Chinese; expected Chinese first: give the two files, or the two columns, in the "
        "other order"
    )


@pytest.mark.parametrize("languages", [("zh", "en"), ("ru", "en"), ("ru", "zh")])
def test_scripts_tell_short_texts_without_the_identifier(languages, monkeypatch):
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    texts = {"zh": CHINESE, "ru": RUSSIAN, "en": ENGLISH}
    source, target = (texts[language] for language in languages)
    check_order(ParallelCorpus(source, target, *languages))
    with pytest.raises(CorpusError):
        check_order(ParallelCorpus(target, source, *languages))


@pytest.mark.parametrize(
    ("source", "target", "languages"),
    [
        (CHINESE[:4], RUSSIAN[:4], ("ru", "zh")),  # too few
        (ENGLISH, ENGLISH, ("zh", "en")),  # one side is wrong, the order is not
        (CHINESE, CHINESE, ("zh", "en")),
        ([*RUSSIAN, *ENGLISH], [*ENGLISH, *RUSSIAN], ("en", "ru")),  # mixed
        (ENGLISH, RUSSIAN, ("sr", "en")),  # Serbian has both scripts
        (ENGLISH, CHINESE, ("xyz", "en")),  # nobody knows this language
        (ENGLISH, CHINESE, ("und", "und")),
        (["1", "2", "3", "4", "5"], ["6", "7", "8", "9", "10"], ("zh", "en")),
        ([""] * 5, [""] * 5, ("zh", "en")),
    ],
)
def test_what_cannot_be_told_is_let_through(source, target, languages):
    check_order(ParallelCorpus(source, target, *languages))


def test_without_the_identifier_languages_of_one_script_are_let_through(monkeypatch):
    from crosslate.languages.identification import identifier

    identifier.cache_clear()
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    source, target = phrases("de", "en")
    check_order(ParallelCorpus(target, source, "de", "en"))


def test_standard_input_is_left_to_the_one_who_reads_it(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    check_order(TextFiles(["-"], "zh", "en"))
