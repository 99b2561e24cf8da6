import json

import pytest

from crosslate.documents import open_document, open_text
from crosslate.errors import InputError
from toy_documents import is_kept, texts, through

JSON = r"""{
  "$schema": "https://example.org/a schema.json",
  "greeting": "Hello {name}, see <b>this</b>\n\nNew \u0022words\u0022",
  "list": ["One thing", 5, 1.50, null, true, ["{{count}} files"]],
  "nested" : {"a key": "Two.  Words", "empty": "", "icu": "{n, plural, one {# dog} other {# dogs}}"}
}
"""


def test_strings_are_read_and_all_else_stays():
    assert texts(open_text(JSON, "json", "en")) == [
        "Hello, see this", 'New "words"', "One thing", "files", "Two.", "Words",
    ]  # fmt: skip
    expected = JSON.replace("Hello {name}, see", "HELLO {name}, SEE").replace("this<", "THIS<")
    expected = expected.replace(r"New \u0022words\u0022", r"NEW \"WORDS\"").replace("One thing", "ONE THING")
    expected = expected.replace("} files", "} FILES").replace("Two.  Words", "TWO.  WORDS")
    assert through(JSON, "json", target="de") == expected
    for text in (
        JSON,
        JSON.replace("\n", "\r\n"),
        "5",
        "[1, 2.0e3, null]",
        "{}",
        '"\\ud83d\\ude00 \\ud800"',
        '"Hi"',
    ):
        assert is_kept(text.encode(), "json")
        assert is_kept(text.encode("utf-8-sig"), "json")


@pytest.mark.parametrize(
    ("text", "translation", "written"),
    [
        ('"Hello"', 'مرحبا "ب" \\', '"مرحبا \\"ب\\" \\\\"'), ('"Hello"', "สวัสดี\u2028\x7f", '"สวัสดี \\u007f"'),
        ('["\\u00c9t\\u00e9"]', "夏 😀", '["\\u590f \\ud83d\\ude00"]'), ('["\\u0022Hi\\u0022"]', "夏", '["夏"]'),
        ('["a\\/b c"]', "x/y", '["x\\/y"]'), ('["a\\/b c/d"]', "x/y", '["x/y"]'),
    ],
)  # fmt: skip
def test_translations_are_spelt_as_the_rest(text, translation, written):
    assert through(text, "json", lambda _: translation) == written
    json.loads(written)


def test_applications_of_flutter_name_their_language():
    text = '{"@@locale": "en", "hello": "Hello", "@hello": {"description": "A note", "placeholders": {"a": {"type": "String"}}}}'
    assert texts(open_text(text, "json", "en")) == ["Hello"]
    assert through(text, "json", target="pt-BR") == text.replace('"en"', '"pt-BR"').replace(
        '"Hello"', '"HELLO"'
    )
    assert through(text.replace('"en"', '"fr"'), "json", str, target="de") == text.replace('"en"', '"fr"')


@pytest.mark.parametrize("name", ["message", "defaultMessage"])
def test_notes_beside_messages_stay(name):
    text = f'{{"a": {{"{name}": "Hello", "description": "A note"}}, "b": {{"{name}": "Bye $USER$", "placeholders": {{"user": {{"content": "$1"}}}}}}}}'
    assert through(text, "json") == text.replace("Hello", "HELLO").replace("Bye", "BYE")
    plain = f'{{"error": {{"{name}": "Oh", "description": "Sorry"}}, "ok": "Yes"}}'
    assert texts(open_text(plain, "json", "en")) == ["Oh", "Sorry", "Yes"]


def test_what_an_encoding_lacks_makes_a_file_utf_8():
    document = open_document('{"a": "Grüße"}'.encode("cp1252"), "json", "de")
    assert document.rebuild(["Été"]) == '{"a": "Été"}'.encode("cp1252")
    assert document.rebuild(["你好"]) == '{"a": "你好"}'.encode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: Expecting value"), ('{"a": "b",\n}', "line 2, column 1: .*; correct it"), ('{"a": "b"} x', "Extra data"),
        ("// note\n{}", "line 1, column 1"), ("[" * 200_000, "too many levels"), ('{"a": "b\nc"}', "Invalid control character"),
    ],
)  # fmt: skip
def test_other_files_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        open_text(text, "json", "en")


@pytest.mark.full
@pytest.mark.parametrize(
    "text",
    ['["' + "a\\\\" * 100_000 + '"]', "[" + '"a",' * 50_000 + '""]', '{"a":' * 900 + '"b"' + "}" * 900],
)
def test_large_files(text):
    """Quadratic time would take minutes."""
    assert len(through(text, "json")) == len(text)
