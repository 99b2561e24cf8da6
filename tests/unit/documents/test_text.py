import time

import pytest

from crosslate.documents import open_document, open_text
from crosslate.errors import InputError, UsageError


def texts(document):
    return [segment.text for segment in document.segments]


def through(text, translate, kind="text"):
    document = open_text(text, kind, "en")
    return document.render([translate(sentence) for sentence in texts(document)])


def test_sentences_of_all_lines():
    document = open_text("\nIt is so. Is it?\n\n  - First thing\n1. One\n", "text", "en")
    assert texts(document) == ["It is so.", "Is it?", "First thing", "One"]
    assert document.render(["A.", "B?", "C", "D"]) == "\nA. B?\n\n  - C\n1. D\n"


@pytest.mark.parametrize(
    "text",
    ["", "\n", "\ufeffHi", "  Hi  \n\n\tthere \r\n", "a\rb\x0bc\u2028d", "Name:    value\tmore", "1234 %s 👋 !?", "\x07bell\x00"],
)  # fmt: skip
def test_what_is_not_translated_stays(text):
    assert through(text, str) == text
    assert through(text, str.upper).upper() == text.upper().replace("\x07", "").replace("\x00", "")


def test_the_structure_of_lines_stays():
    text = "\r\n Hi there.  You? \n\n\tName:   a value \n"
    assert (
        through(text, lambda sentence: f"<{sentence}>")
        == "\r\n <Hi there.>  <You?> \n\n\t<Name:>   <a value> \n"
    )


def test_translations_on_several_lines_break_no_line():
    assert through("Hi.\nYou.\n", lambda sentence: f"a\n{sentence}\r\n") == "a Hi.\na You.\n"


def test_a_blank_translation_leaves_the_sentence():
    assert through("Hi. You there.", lambda sentence: " " if sentence == "Hi." else "X") == "Hi. X"


@pytest.mark.parametrize(
    ("text", "sentence", "translation", "expected"),
    [
        ("Hello {name}, come!", "Hello, come!", "Hallo, komm!", "Hallo {name}, komm!"),
        ("You have %1$d new messages", "You have new messages", "Sie haben neue Nachrichten", "Sie haben %1$d neue Nachrichten"),
        ("Welcome home 👋🏽!", "Welcome home!", "Willkommen!", "Willkommen 👋🏽!"),
        ("😀 Welcome home 🎉", "Welcome home", "Willkommen daheim", "😀 Willkommen daheim 🎉"),
        ("{count}px wide", "px wide", "px breit", "{count}px breit"),
        ("Hi {a} {b}{c}, you", "Hi, you", "Hallo, du", "Hallo {a} {b}{c}, du"),
        ("Item (#%d) is gone", "Item (#) is gone", "Teil (#) ist weg", "Teil (#%d) ist weg"),
        ("See https://a.b/c?d=e. Now.", "See.", "Siehe.", "Siehe https://a.b/c?d=e. Now."),
    ],
)  # fmt: skip
def test_placeholders_come_back_in_their_places(text, sentence, translation, expected):
    document = open_text(text, "text", "en")
    assert texts(document)[0] == sentence
    others = texts(document)[1:]
    assert document.render([translation, *others]) == expected


def test_sentences_without_a_space_between_get_one_where_their_script_has_them():
    document = open_text("你好。再见！", "text", "zh")
    assert texts(document) == ["你好。", "再见！"]
    assert document.render(["Hello.", "Good-bye!"]) == "Hello. Good-bye!"
    assert document.render(["こんにちは。", "さようなら！"]) == "こんにちは。さようなら！"


@pytest.mark.parametrize(
    ("data", "language"),
    [
        (b"\xef\xbb\xbfHi \xc3\xa9\r\n", "en"),
        ("Grüße an alle".encode("utf-16"), "de"),
        ("\ufeffGrüße".encode("utf-32-be"), "de"),
        ("Grüße an alle".encode("utf-16-le"), "de"),
        ("Привет, мир".encode("cp1251"), "ru"),
        ("Grüße".encode("cp1252"), "de"),
        ("こんにちは".encode("cp932"), "ja"),
        ("Grüße an größere Mächte \xff".encode() + b"\xff\xfe", "de"),
        (bytes(range(1, 256)), "ja"),
        (b"", "en"),
    ],
)
def test_any_encoding_comes_back_byte_by_byte(data, language):
    document = open_document(data, "text", language)
    assert document.rebuild(texts(document)) == data


def test_an_encoding_is_read_and_written():
    document = open_document("Привет, мир".encode("cp1251"), "text", "ru")
    assert texts(document) == ["Привет, мир"]
    assert document.rebuild(["Да"]) == "Да".encode("cp1251")
    assert document.rebuild(["你好"]) == "你好".encode()
    document = open_document("\ufeffGrüße".encode("utf-16-le"), "text", "de")
    assert document.rebuild(["你好"]) == "\ufeff你好".encode("utf-16-le")


@pytest.mark.parametrize("name", ["punycode", "idna", "unicode_escape", "rot13", "zlib", "nonsense", "utf-7"])
def test_declared_encodings_that_are_none_are_passed_over(name):
    data = f'<meta charset="{name}"><p>{"abc-" * 50_000}</p>é'.encode()
    document = open_document(data, "html", "en")
    assert texts(document)[-1] == "é" and document.rebuild(texts(document)) == data


def test_what_is_no_text_is_refused():
    with pytest.raises(InputError, match="NUL at byte 3"):
        open_document(b"abc\0\1\2\3defghijk", "text", "en")
    with pytest.raises(UsageError, match="did you mean 'text'"):
        open_document(b"", "texts", "en")


def test_translations_must_be_as_many():
    document = open_text("Hi. You there.", "text", "en")
    with pytest.raises(UsageError, match="1 translations for 2 segments"):
        document.render(["a"])


@pytest.mark.parametrize(
    "text", ["word " * 50_000, "." * 300_000, " " * 300_000, "a\n" * 20_000, "{x} a " * 10_000]
)
def test_a_long_line_takes_linear_time(text):
    start = time.process_time()
    assert through(text, str.upper) == text.upper().replace("{X}", "{x}")
    assert time.process_time() - start < 20
