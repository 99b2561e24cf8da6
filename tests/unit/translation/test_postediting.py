import pytest

from crosslate.languages.orthography import has_letters
from crosslate.translation.postediting import finished, repeats_itself


@pytest.mark.parametrize(
    ("source", "translation", "language", "expected"),
    [
        # Final punctuation.
        ("Hallo.", "Hello", "en", "Hello."), ("Hallo", "Hello.", "en", "Hello"), ("Hallo?", "Hello.", "en", "Hello?"),
        ("Hallo!", "Hello", "en", "Hello!"), ("Hallo...", "Hello…", "en", "Hello…"),
        ("Hallo...", "Hello.", "en", "Hello…"), ("Hallo.", "你好。", "zh-Hans", "你好。"),
        ("Hallo.", "你好", "zh-Hans", "你好。"), ("你好吗？", "How are you", "en", "How are you?"),
        ("Hallo?", "مرحبا", "ar", "مرحبا؟"), ("Τι κάνεις;", "How are you?", "en", "How are you?"),
        ("Er sagt: „Ja.“", "He says: “Yes.”", "en", "He says: “Yes.”"), ("Hallo. ", "Hello", "en", "Hello."),
        ("Hallo.", "", "en", ""), ("Hallo", "...", "en", "..."),
        # Thai and Lao sentences have no stop, and in Armenian a question is marked inside a word.
        ("สวัสดี", "Hello.", "en", "Hello."), ("ສະບາຍດີ", "Hello", "en", "Hello"), ("ฉันใช้ iPhone", "I use it.", "en", "I use it."), ("Hallo.", "สวัสดี", "th", "สวัสดี"),
        ("Ինչպե՞ս եք։", "How are you?", "en", "How are you?"), ("Բարև։", "Hello?", "en", "Hello."),
        ("How are you?", "Ինչպե՞ս եք։", "hy", "Ինչպե՞ս եք։"), ("How are you?", "Ինչպես եք։", "hy", "Ինչպես եք։"),
        ("བཀྲ་ཤིས།", "Hello.", "en", "Hello."), ("Hello.", "བཀྲ་ཤིས", "bo", "བཀྲ་ཤིས།"), ("ᱡᱚᱦᱟᱨ᱾", "Hello", "en", "Hello."),
        ("ߌ ߣߌ ߗߋ߫߹", "Hello", "en", "Hello!"), ("Sain uu?", "ᠰᠠᠶᠢᠨ ᠤᠤ", "mvf", "ᠰᠠᠶᠢᠨ ᠤᠤ?"), ("Good?", "ښه", "ps", "ښه؟"),
        # Letter case.
        ("HALLO WELT", "Hello world", "en", "HELLO WORLD"), ("hallo welt", "Hello World", "en", "hello World"),
        ("the dog", "Der Hund", "de", "der Hund"), ("Hallo", "hello", "en", "Hello"),
        ("„Hallo", "“hello", "en", "“Hello"), ("iPhone ist da", "iPhone is here", "en", "iPhone is here"),
        ("I", "je", "fr", "Je"), ("你好", "Hello", "en", "Hello"),
    ],
)  # fmt: skip
def test_finished(source, translation, language, expected):
    assert finished(source, translation, language) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("a", True), ("猫", True), ("😀 12:30 …", False), ("", False)]
)
def test_has_letters(text, expected):
    assert has_letters(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the dog the dog the dog the dog the dog", True),
        ("We went home. and then and then and then and then and then he left", True),
        ("salad " * 6, True), ("哈哈笑了" * 6, True), ("a" * 24, True),
        ("", False), ("no, no, no, no", False), ("ha ha ha ha", False), ("........", False),
        ("The dog sees the cat and the cat sees the dog and the house.", False),
        ("one two three one two three one two three", False),
    ],
)  # fmt: skip
def test_repeats_itself(text, expected):
    assert repeats_itself(text) is expected
