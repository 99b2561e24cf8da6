import sys

import pytest

from crosslate.languages import sentence_ends
from crosslate.languages.sentence_ends import paired_sentences, sentences


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


ENDS = [
    ("es", ["La 2.ª planta. ", "La 3.ª."]),
    ("my", ["အဘွား၊ အဘိုး။ ", "နေကောင်းလား။"]),
    ("km", ["ផ្លែឈើ។ល។ ", "សួស្តី។ ", "សុខសប្បាយទេ?"]),
    ("bo", ["ང་ཀློག །། ", "ང་འབྲི །"]),
    ("am", ["ሰላም፡፡ ", "ሰላም።"]),
    ("ja", ["「はい。」と言った。", "「いいえ！」", "彼は言った。"]),
    ("el", ["Τι κάνετε; ", "Καλά."]),
    ("fr", ["«\u00a0Où\u202f?\u00a0» demande-t-il. ", "Ici\u202f!"]),
    ("de", ["Wie z. B. hier. ", "„Wo?“ fragt sie. ", "Ja."]),
]


@pytest.mark.parametrize("library", ["sentencex", "none"])
@pytest.mark.parametrize(("language", "expected"), ENDS, ids=[language for language, _ in ENDS])
def test_ends_of_each_language(language, expected, library, monkeypatch):
    if library == "none":
        monkeypatch.setitem(sys.modules, "sentencex", None)
    assert sentences("".join(expected), language) == expected


HOSTILE = {
    "markup": "<![CDATA[",
    "closed quotation marks": "「おはようございます。」",
    "open quotation marks": "“yes. ",
    "apostrophes": "'ay. nay' ",
    "brackets": "「（",
    "code": 'if(a.b("c")){d.e=[1,2]};',
    "marks": "?!",
    "one word": "x",
}


@pytest.mark.parametrize("library", ["sentencex", "none"])
class TestLongTexts:
    @pytest.fixture(autouse=True)
    def _library(self, library, monkeypatch):
        if library == "none":
            monkeypatch.setitem(sys.modules, "sentencex", None)
        else:
            pytest.importorskip(library)

    @pytest.mark.parametrize("repeated", HOSTILE.values(), ids=HOSTILE)
    def test_long_texts_are_split_in_windows_that_are_linear_in_number(self, repeated, monkeypatch):
        read = []
        split = sentence_ends._split_in_windows

        def counted(text, splitter):
            return split(text, lambda window: read.append(len(window)) or splitter(window))

        monkeypatch.setattr(sentence_ends, "_split_in_windows", counted)
        text = repeated * (300_000 // len(repeated))
        assert "".join(sentences(text, "ja")) == text
        assert max(read) <= 2000 and sum(read) < 3 * len(text)

    @pytest.mark.parametrize(
        ("language", "sentence"),
        [
            ("en", "The boat, which Dr. Hay bought for 3.50, sank at once. "),
            ("de", "Am 3. Mai kam sie z. B. mit dem Zug. "),
            ("hi", "यह एक नाव है। "),
            ("ar", "أين القارب؟ "),
            ("am", "ጀልባው የት ነው። "),
            ("zh", "他买了一条船，然后走了。"),
            ("th", "เรืออยู่ที่ไหน "),
        ],
    )
    def test_windows_show_nowhere(self, language, sentence):
        whole = sentences(sentence * 20, language)
        found = sentences(sentence * 400, language)
        assert "".join(found) == sentence * 400
        assert {each.strip() for each in found} <= {each.strip() for each in whole} or len(found) == 1

    def test_a_sentence_longer_than_a_window(self):
        text = "One. " + "and so on " * 1000 + "to here. Two."
        assert [each.strip() for each in sentences(text, "en")] == ["One.", text[5:-5], "Two."]


def test_sentences_are_paired_line_by_line():
    text, translation = "Eins. Zwei.\n\nDrei. Vier.", "One. Two.\n\nThree and four."
    found = paired_sentences(text, translation, ("de", "en"))
    shown = [(text[slice(*one)].strip(), translation[slice(*other)].strip()) for one, other in found]
    # The last line has another number of sentences.
    assert shown == [("Eins.", "One."), ("Zwei.", "Two."), ("Drei. Vier.", "Three and four.")]
    assert paired_sentences(text, "One.", ("de", "en")) == [((0, len(text)), (0, 4))]
    assert paired_sentences("", "", ("de", "en")) == []
