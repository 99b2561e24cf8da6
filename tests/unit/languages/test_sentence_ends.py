import sys

import pytest

from crosslate.languages.sentence_ends import sentences


@pytest.mark.parametrize("library", ["sentencex", "none"])
def test_sentences_joined_are_the_text(library, monkeypatch):
    if library == "none":
        monkeypatch.setitem(sys.modules, "sentencex", None)
    else:
        pytest.importorskip(library)
    text = 'He came. "Did he?" she asked... Yes!  It is 3.5 km. 你好。再见！ end'
    found = sentences(text, "en")
    assert "".join(found) == text
    assert found[0].strip() == "He came."
    assert not any(sentence.endswith("3.") for sentence in found)
    assert sentences("你好。再见！", "zh") == ["你好。", "再见！"]
