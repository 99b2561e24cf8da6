import builtins

import pytest

from crosslate.languages.sentence_ends import sentences


@pytest.fixture(params=["sentencex", "fallback"])
def _splitter(request, monkeypatch):
    if request.param == "sentencex":
        pytest.importorskip("sentencex")
        return
    original = builtins.__import__

    def without_sentencex(name, *arguments, **keywords):
        if name == "sentencex":
            raise ImportError(name)
        return original(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_sentencex)


@pytest.mark.usefixtures("_splitter")
def test_sentences_joined_are_the_text():
    text = 'He came. "Did he?" she asked... Yes!  It is 3.5 km. 你好。再见！ end'
    found = sentences(text, "en")
    assert "".join(found) == text
    assert found[0].strip() == "He came."
    assert not any(sentence.endswith("3.") for sentence in found)
    assert sentences("你好。再见！", "zh") == ["你好。", "再见！"]
