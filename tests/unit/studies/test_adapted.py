"""What a study stores of a child's translations."""

import pytest

from crosslate.studies.adapted import scored
from crosslate.text.corpora import ParallelCorpus


@pytest.mark.parametrize(
    ("language", "reference", "tokenizer"),
    [
        ("zh", "我们明天早上去学校。", "zh"),
        ("th", "พรุ่งนี้เช้าเราจะไปโรงเรียน", "char"),
        ("de", "Wir gehen morgen früh in die Schule.", "13a"),
    ],
)
def test_scores_follow_the_target_language(language: str, reference: str, tokenizer: str):
    found = scored([reference], ParallelCorpus(["x"], [reference], "fr", language, "test"))
    assert found["scores"].keys() == {"bleu", "chrf"}
    assert found["scores"]["bleu"]["value"] == 100.0
    assert f"|tok:{tokenizer}|" in found["scores"]["bleu"]["signature"]
