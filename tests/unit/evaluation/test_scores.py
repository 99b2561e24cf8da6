import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest

from crosslate.errors import InputError, MissingExtra, UsageError
from crosslate.evaluation.scores import bleu, chrf, comet, compare

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


class TestBleu:
    def test_a_perfect_translation(self):
        score = bleu(REFERENCE, REFERENCE)
        assert score.value == 100.0
        assert score.interval == (100.0, 100.0)
        assert (score.metric, score.num_sentences) == ("BLEU", 4)

    def test_a_value_counted_by_hand(self):
        # "a b c d e" against "a b c d f": precisions 4/5, 3/4, 2/3, 1/2, no brevity penalty.
        assert bleu(["a b c d e"], ["a b c d f"], num_samples=0).value == pytest.approx(
            100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
        )

    def test_it_is_cased(self):
        assert bleu(["A B C D E"], ["a b c d e"], num_samples=0).value == 0.0

    def test_the_signature_says_how(self):
        signature = bleu(WORSE, REFERENCE).signature
        assert signature.startswith(
            "nrefs:1|bs:1000|seed:12345|case:mixed|eff:no|tok:13a|smooth:exp|version:"
        )
        assert "bs:" not in bleu(WORSE, REFERENCE, num_samples=0).signature

    def test_the_tokenizer_is_in_the_signature_and_counts(self):
        hypothesis, reference = ["今日は天気がとても良いです。"], ["今日は天気が良いです。"]
        by_character = bleu(hypothesis, reference, tokenizer="char", num_samples=0)
        assert "tok:char" in by_character.signature
        assert by_character.value > bleu(hypothesis, reference, num_samples=0).value

    def test_the_interval_holds_the_score_and_is_the_same_each_time(self):
        score = bleu(WORSE * 5, REFERENCE * 5)
        assert score.interval is not None
        lower, upper = score.interval
        assert 0 <= lower < score.value < upper <= 100
        assert bleu(WORSE * 5, REFERENCE * 5) == score

    def test_the_interval_can_be_left_out(self):
        score = bleu(WORSE, REFERENCE, num_samples=0)
        assert score.interval is None
        assert score.value == pytest.approx(bleu(WORSE, REFERENCE).value)

    def test_how_it_prints(self):
        text = str(bleu(REFERENCE, REFERENCE, num_samples=10))
        assert text.startswith("BLEU = 100.00 [100.00, 100.00] (nrefs:1|bs:10|")

    def test_an_empty_translation_scores_zero(self):
        assert bleu(["", ""], REFERENCE[:2]).value == 0.0


class TestChrf:
    def test_a_perfect_translation(self):
        assert chrf(REFERENCE, REFERENCE).value == 100.0

    def test_part_of_a_word_counts(self):
        assert 0 < chrf(["walking"], ["walked"], num_samples=0).value < 100

    def test_its_name_and_signature(self):
        score = chrf(WORSE, REFERENCE)
        assert score.metric == "chrF2"
        assert "nc:6|nw:0" in score.signature
        assert score.interval is not None and score.interval[0] < score.value < score.interval[1]


class TestRefusals:
    @pytest.mark.parametrize("score", [bleu, chrf])
    def test_unequal_lengths_with_both_counts(self, score):
        with pytest.raises(InputError, match="the translation has 1 sentences, the reference has 4"):
            score(REFERENCE[:1], REFERENCE)

    @pytest.mark.parametrize("score", [bleu, chrf])
    def test_nothing_to_score(self, score):
        with pytest.raises(InputError, match="nothing to score"):
            score([], [])

    def test_a_text_for_a_list_of_texts(self):
        with pytest.raises(InputError, match="the translation is one text"):
            bleu("abc", ["a", "b", "c"])
        with pytest.raises(InputError, match="the reference is one text"):
            bleu(["a", "b", "c"], "abc")

    def test_something_that_is_no_text(self):
        with pytest.raises(InputError, match="holds None at sentence 2"):
            bleu(["a", None], ["a", "b"])

    def test_an_unknown_tokenizer_or_metric(self):
        with pytest.raises(UsageError, match=r"tokenizer is '13b', .*did you mean '13a'\?"):
            bleu(WORSE, REFERENCE, tokenizer="13b")
        with pytest.raises(UsageError, match="unknown metric 'blue'; did you mean 'bleu'"):
            compare(REFERENCE, {"a": WORSE, "b": WORSE}, "blue")

    def test_a_negative_number_of_samples(self):
        with pytest.raises(UsageError, match="-1 bootstrap samples"):
            bleu(WORSE, REFERENCE, num_samples=-1)


class TestCompare:
    def test_a_clear_difference_is_significant_and_a_copy_is_not(self):
        references, worse = REFERENCE * 25, WORSE * 25
        baseline, better, copy = compare(
            references, {"worse": worse, "perfect": references, "copy": list(worse)}, num_samples=200
        )
        assert (baseline.name, baseline.p_value) == ("worse", None)
        assert better.score.value == 100.0
        assert better.p_value is not None and better.p_value < 0.05
        assert copy.p_value == 1.0
        assert copy.score == baseline.score

    def test_a_difference_in_one_sentence_of_many_is_not(self):
        references = [f"{line} And number {index} too." for index in range(20) for line in REFERENCE]
        one_wrong = ["Nothing at all like the others here.", *references[1:]]
        other_wrong = [*references[:-1], "Nothing at all like them, and it is longer."]
        _, other = compare(references, {"one": one_wrong, "other": other_wrong}, num_samples=200)
        assert other.p_value is not None and other.p_value > 0.1

    def test_the_scores_are_those_of_each_alone(self):
        first, second = compare(REFERENCE, {"a": WORSE, "b": REFERENCE}, "chrf")
        assert first.score.value == pytest.approx(chrf(WORSE, REFERENCE).value)
        assert second.score.metric == "chrF2"

    def test_every_fault_at_once(self):
        with pytest.raises(InputError) as error:
            compare(REFERENCE, {"good": WORSE, "short": WORSE[:2], "none": []})
        assert "2 faults" in str(error.value)
        assert "system 'short' has 2 sentences, the reference has 4" in str(error.value)
        assert "system 'none' has 0 sentences" in str(error.value)

    def test_one_system_is_no_comparison(self):
        with pytest.raises(InputError, match="1 system given"):
            compare(REFERENCE, {"a": WORSE})


class TestComet:
    @pytest.fixture
    def fake(self, monkeypatch):
        """A stand-in with COMET's interface: a row that matches its reference scores 1."""
        calls = []

        def predict(rows, batch_size, gpus, progress_bar):
            calls.append((rows, batch_size, gpus))
            scores = [float(row["mt"] == row["ref"]) for row in rows]
            return SimpleNamespace(scores=scores, system_score=sum(scores) / len(scores))

        module = ModuleType("comet")
        module.download_model = lambda name: f"fetched {name}"
        module.load_from_checkpoint = lambda path: SimpleNamespace(predict=predict)
        monkeypatch.setitem(sys.modules, "comet", module)
        return calls

    def test_scores_of_a_model(self, fake):
        score = comet(["s"] * 4, WORSE, REFERENCE, batch_sentences=2)
        assert score.metric == "COMET"
        assert score.value == 25.0  # one of the four is right
        assert score.interval is not None and score.interval[0] <= 25.0 <= score.interval[1]
        assert "model:Unbabel/wmt22-comet-da" in score.signature and "bs:1000" in score.signature
        assert fake[0][0][0] == {"src": "s", "mt": WORSE[0], "ref": REFERENCE[0]}
        assert fake[0][1:] == (2, 0)

    def test_without_the_interval(self, fake):
        assert comet(["s"] * 4, WORSE, REFERENCE, num_samples=0).interval is None

    def test_lengths_come_first(self, fake):
        with pytest.raises(InputError, match="the source has 3 sentences, the reference has 4"):
            comet(["s"] * 3, WORSE, REFERENCE)
        assert fake == []

    def test_not_installed(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "comet", None)
        with pytest.raises(MissingExtra, match=r"crosslate\[comet\]"):
            comet(["s"] * 4, WORSE, REFERENCE)


def test_importing_it_loads_no_metric():
    program = (
        "import sys, crosslate.evaluation.scores; sys.exit(bool({'sacrebleu', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
