import pytest

from crosslate.server.finish import finished, has_words


@pytest.mark.parametrize(
    ("source", "translation", "language", "expected"),
    [
        ("Hallo.", "Hello", "en", "Hello."),
        ("Hallo", "Hello.", "en", "Hello"),
        ("Hallo?", "Hello.", "en", "Hello?"),
        ("Hallo!", "Hello", "en", "Hello!"),
        ("Hallo...", "Hello…", "en", "Hello…"),
        ("Hallo...", "Hello.", "en", "Hello…"),
        ("Hallo.", "你好。", "zh-Hans", "你好。"),
        ("Hallo.", "你好", "zh-Hans", "你好。"),
        ("你好吗？", "How are you", "en", "How are you?"),
        ("Hallo?", "مرحبا", "ar", "مرحبا؟"),
        ("Τι κάνεις;", "How are you?", "en", "How are you?"),
        ("Er sagt: „Ja.“", "He says: “Yes.”", "en", "He says: “Yes.”"),
        ("Hallo. ", "Hello", "en", "Hello."),
        ("Hallo.", "", "en", ""),
        ("Hallo", "...", "en", "..."),
    ],
)
def test_final_punctuation(source, translation, language, expected):
    assert finished(source, translation, language) == expected


@pytest.mark.parametrize(
    ("source", "translation", "language", "expected"),
    [
        ("HALLO WELT", "Hello world", "en", "HELLO WORLD"),
        ("hallo welt", "Hello World", "en", "hello world"),
        ("the dog", "Der Hund", "de", "der Hund"),
        ("Hallo", "hello", "en", "Hello"),
        ("„Hallo", "“hello", "en", "“Hello"),
        ("iPhone ist da", "iPhone is here", "en", "iPhone is here"),
        ("I", "je", "fr", "Je"),
        ("你好", "Hello", "en", "Hello"),
    ],
)
def test_letter_case(source, translation, language, expected):
    assert finished(source, translation, language) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("a", True), ("猫", True), ("😀 12:30 …", False), ("", False)]
)
def test_has_words(text, expected):
    assert has_words(text) is expected
