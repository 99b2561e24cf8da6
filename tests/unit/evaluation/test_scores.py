"""Scores by hand, with signature and interval; comparisons; tokenizers; COMET by a stand-in."""

import logging
import sys
from types import ModuleType, SimpleNamespace

import pytest

import tiny_models
from crosslate.errors import InputError, MissingExtra
from crosslate.evaluation.scores import (
    EvaluationSettings,
    Tokenizer,
    check_installed,
    check_references,
    check_tokenizer,
    compare,
    compare_by_comet,
    score_translations,
)
from crosslate.text.corpora import ParallelCorpus

REFERENCE = [
    "The cat sat on the mat.",
    "A dog barks at the old tree.",
    "We are going home now, aren't we?",
    "It rained the whole day yesterday.",
]
WORSE = [
    "The cat sat on a mat.",
    "A dog barks at the old house.",
    "We go home now, aren't we?",
    "It rained the whole day yesterday.",
]


def against(references, language="en", sources=None):
    """A test set with these references."""
    return ParallelCorpus(sources or ["x"] * len(references), references, "de", language, "t.de + t.en")


@pytest.mark.parametrize(
    ("metric", "hypothesis", "reference", "value"),
    [
        ("bleu", "a b c d e f", "a b c d e f", 100.0),
        # Precisions 4/5, 3/4, 2/3, 1/2, no brevity penalty.
        ("bleu", "a b c d e", "a b c d f", 100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25),
        ("bleu", "A B C D E", "a b c d e", 0.0),
        ("bleu", "", "a b c", 0.0),
        ("chrf", "walking", "walking", 100.0),
        ("chrf", "walking", "walked", 33.525437),
        ("chrf++", "walking", "walking", 100.0),
        # The six orders of characters as for chrF; of the words, one of one order is wrong, and pairs are none.
        ("chrf++", "walking", "walked", 33.525437 * 6 / 7),
    ],
)
def test_values_by_hand(metric, hypothesis, reference, value):
    found = score_translations([hypothesis], against([reference]), metric, num_samples=0)
    assert found.value == pytest.approx(value) and found.interval is None and "bs:" not in found.signature


def test_the_interval_holds_the_score_and_is_the_same_each_time():
    test = against(REFERENCE * 5)
    score = score_translations(WORSE * 5, test)
    lower, upper = score.interval
    assert 0 <= lower < score.value < upper <= 100
    assert score_translations(WORSE * 5, test) == score
    assert score_translations(WORSE * 5, test, num_samples=0).value == pytest.approx(score.value)
    assert score_translations(REFERENCE, against(REFERENCE)).interval == (100.0, 100.0)


@pytest.mark.parametrize(
    ("language", "tokenizer", "reference", "hypothesis"),
    [
        ("zh", "zh", "我们明天早上去学校。", "我们明天晚上去学校。"),
        ("zho_Hant", "zh", "我們明天早上去學校。", "我們明天晚上去學校。"),
        ("ja", "char", "私たちは明日の朝、学校へ行きます。", "私たちは明日の夜、学校へ行きます。"),
        ("ko-KR", "char", "우리는 내일 아침에 학교에 갑니다.", "우리는 내일 저녁에 학교에 갑니다."),
        ("tha_Thai", "char", "พรุ่งนี้เช้าเราจะไปโรงเรียน", "พรุ่งนี้เย็นเราจะไปโรงเรียน"),
        ("km", "char", "យើងនឹងទៅសាលារៀននៅព្រឹកស្អែក", "យើងនឹងទៅសាលារៀននៅល្ងាចស្អែក"),
        ("lo", "char", "ມື້ອື່ນເຊົ້າພວກເຮົາຈະໄປໂຮງຮຽນ", "ມື້ອື່ນແລງພວກເຮົາຈະໄປໂຮງຮຽນ"),
        ("my", "char", "မနက်ဖြန်မနက်ကျောင်းသွားမယ်။", "မနက်ဖြန်ညကျောင်းသွားမယ်။"),
        ("bo", "char", "སང་ཉིན་ཞོགས་པ་སློབ་གྲྭར་འགྲོ།", "སང་ཉིན་དགོང་མོ་སློབ་གྲྭར་འགྲོ།"),
        ("und", "zh", "我们明天早上去学校。", "我们明天晚上去学校。"),
    ],
)
def test_bleu_judges_targets_without_spaces(language, tokenizer, reference, hypothesis, caplog):
    test = against([reference], language)
    for num_samples in (0, 5):
        found = score_translations([hypothesis], test, num_samples=num_samples)
        assert f"tok:{tokenizer}|" in found.signature and 40 < found.value < 95
    assert score_translations([reference], test, num_samples=0).value == 100.0
    assert caplog.messages == []
    by_spaces = score_translations([hypothesis], test, tokenizer="13a", num_samples=0)
    assert "tok:13a|" in by_spaces.signature and by_spaces.value < found.value
    assert [f"'auto' uses '{tokenizer}'" in message for message in caplog.messages] == [True]


def test_a_tokenizer_that_was_asked_for_is_taken():
    test = against(["Über 3,5 km – so weit?"], "de")
    for tokenizer in ("13a", "intl", "char", "zh", "none"):
        assert f"tok:{tokenizer}|" in score_translations(test.target, test, tokenizer=tokenizer).signature


def test_the_tokenizers_are_those_of_sacrebleu():
    from sacrebleu.metrics import BLEU

    assert set(Tokenizer.__args__) == {"auto", *BLEU.TOKENIZERS}


@pytest.mark.parametrize(("tokenizer", "extra"), [("ja-mecab", "ja"), ("ko-mecab", "ko")])
def test_a_tokenizer_that_is_not_installed_is_refused_with_how_to_install_it(tokenizer, extra, monkeypatch):
    monkeypatch.setattr(f"sacrebleu.tokenizers.tokenizer_{extra}_mecab.MeCab", None, raising=False)
    monkeypatch.setattr(f"sacrebleu.tokenizers.tokenizer_{extra}_mecab.mecab_ko", None, raising=False)
    with pytest.raises(MissingExtra, match=rf"pip install 'sacrebleu\[{extra}\]'"):
        check_installed(EvaluationSettings(tokenizer=tokenizer))


@pytest.mark.parametrize(
    ("tokenizer", "file", "signature"),
    [
        ("flores200", "flores200sacrebleuspm", "flores200"),
        ("flores101", "sacrebleu_tokenizer_spm.model", "flores101"),
        ("spm", "sacrebleu_tokenizer_spm.model", "flores101"),
    ],
)
def test_nothing_is_fetched_for_a_tokenizer_and_what_is_there_is_used(
    tokenizer, file, signature, tmp_path, monkeypatch
):
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_spm.SACREBLEU_DIR", str(tmp_path))
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_spm.download_file", None)
    with pytest.raises(MissingExtra, match=f"{file}, which is missing; download it once with: python -c"):
        check_tokenizer(tokenizer)
    (tmp_path / "models").mkdir()
    tiny_models.vocabulary("en").save(tmp_path / "models" / file)
    found = score_translations(REFERENCE, against(REFERENCE), tokenizer=tokenizer, num_samples=0)
    assert f"tok:{signature}|" in found.signature and found.value == 100.0


def test_every_fault_at_once():
    test = against(REFERENCE)
    with pytest.raises(InputError, match="2 faults") as error:
        compare(test, {"good": WORSE, "short": WORSE[:2], "none": []}, "bleu")
    assert "system 'short' has 2 sentences, but the reference has 4" in str(error.value)
    for metric in ("bleu", "chrf", "chrf++"):
        with pytest.raises(InputError, match="the translation has 1 sentences, but the reference has 4"):
            score_translations(REFERENCE[:1], test, metric)
        with pytest.raises(InputError, match="nothing to score"):
            score_translations([], against([]), metric)


def test_empty_references_are_named(caplog):
    caplog.set_level(logging.WARNING)
    check_references(against(["a", "b"]))
    check_references(against(["a", "", "b"], sources=["x", " ", "y"]))  # a border between documents
    assert caplog.messages == []
    check_references(against(["a", "", "b", "\u3000"]), "line")
    assert caplog.messages[0].startswith("t.de + t.en: the reference is empty in line 2, 4, where any")
    check_references(against(["a", *[""] * 7]))
    assert "pair 2, 3, 4, 5, 6 and 2 more, where" in caplog.messages[1]
    with pytest.raises(InputError, match=r"t\.en: every reference is empty \(line 1 to 3\)"):
        check_references(against(["", " ", ""]), "line")


def test_a_clear_difference_is_significant_and_a_copy_is_not():
    references, worse = REFERENCE * 25, WORSE * 25
    systems = {"worse": worse, "perfect": references, "copy": list(worse)}
    baseline, better, copy = compare(against(references), systems, "bleu", num_samples=200)
    assert (baseline.name, baseline.difference) == ("worse", None)
    assert better.score.value == 100.0 and better.difference.p_value < 0.05
    low, high = better.difference.interval
    assert 0 < low < better.difference.value == 100.0 - baseline.score.value < high
    assert copy.difference.p_value == 1.0 and copy.score == baseline.score


def test_a_difference_in_one_sentence_of_many_is_not():
    references = [f"{line} And number {index} too." for index in range(20) for line in REFERENCE]
    one_wrong = ["Nothing at all like the others here.", *references[1:]]
    other_wrong = [*references[:-1], "Nothing at all like them, and it is longer."]
    _, other = compare(against(references), {"one": one_wrong, "other": other_wrong}, num_samples=200)
    assert other.difference.p_value > 0.1
    assert other.difference.interval[0] < 0 < other.difference.interval[1]


def test_the_scores_of_a_comparison_are_those_of_each_alone():
    first, second = compare(against(REFERENCE), {"a": WORSE, "b": REFERENCE}, "chrf")
    assert first.score.value == pytest.approx(score_translations(WORSE, against(REFERENCE), "chrf").value)
    assert second.score.metric == "chrF2" and "nc:6|nw:0" in second.score.signature


def test_comet(monkeypatch):
    """A stand-in with COMET's interface: a row that matches its reference scores 1."""
    calls = []

    def predict(rows, **_):
        calls.append(rows)
        scores = [float(row["mt"] == row["ref"]) for row in rows]
        return SimpleNamespace(scores=scores, system_score=sum(scores) / len(scores))

    module = ModuleType("comet")
    module.download_model = lambda name: f"fetched {name}"
    module.load_from_checkpoint = lambda path: SimpleNamespace(predict=predict)
    monkeypatch.setitem(sys.modules, "comet", module)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.2")
    first, second = compare_by_comet(against(REFERENCE), {"a": WORSE, "b": REFERENCE})
    score = first.score
    assert (score.metric, score.value) == ("COMET", 25.0)  # one of the four is right
    assert score.interval[0] <= 25.0 <= score.interval[1]
    assert score.signature == "nrefs:1|bs:10000|seed:12345|model:Unbabel/wmt22-comet-da|version:2.2"
    assert calls[0][0] == {"src": against(REFERENCE).source[0], "mt": WORSE[0], "ref": REFERENCE[0]}
    # Three of four differ, each by 1: the second is better by 75.
    assert first.difference is None and second.difference.value == 75.0
    assert 0 < second.difference.interval[0] < 75.0 <= second.difference.interval[1] == 100.0
    (alone,) = compare_by_comet(against(REFERENCE), {"": WORSE}, 0)
    assert (alone.score.interval, alone.difference) == (None, None)
    with pytest.raises(InputError, match="the translation has 3 sentences, but the reference has 4"):
        compare_by_comet(against(REFERENCE), {"": WORSE[:3]})
    monkeypatch.setitem(sys.modules, "comet", None)
    with pytest.raises(MissingExtra, match=r"crosslate\[comet\]"):
        check_installed(EvaluationSettings(with_comet=True))
