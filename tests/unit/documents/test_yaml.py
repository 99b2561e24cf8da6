from contextlib import suppress

import pytest
import yaml

from crosslate.documents import open_document, open_text
from crosslate.errors import InputError
from toy_documents import is_kept, texts, through

YAML = r"""# A comment
en: &root
  hello: Hello there   # a note
  "quoted": "Say \"hi\" %{name}\nSecond line"
  single: 'It''s here'
  multi: A text
    over lines
  literal: |
    First line. And more.
      - an item

    Last line
  folded: >-
    Folded text
    over lines. Second

    New paragraph
      indented more
    end
  list:
  - One thing
  - :symbol
  - [a word, "b c", {k: v w}]
  yes: Yes
  number: 5
  date: "%Y-%m-%d"
  anchor: &x Anchored text
  again: *x
  tagged: !!str Tagged text
  other: !ruby/regexp foo bar
  ? [complex key]
  : Its value
  empty:
"""
READ = [
    "Hello there", 'Say "hi"', "Second line", "It's here", "A text over lines", "First line.", "And more.", "an item",
    "Last line", "Folded text over lines.", "Second", "New paragraph", "indented more", "end", "One thing", "a word", "b c",
    "v w", "Anchored text", "Tagged text", "Its value",
]  # fmt: skip


def test_strings_are_read_and_all_else_stays():
    assert texts(open_text(YAML, "yaml", "en")) == READ
    expected = YAML.replace("A text\n    over", "A text over").replace(
        "Folded text\n    over", "Folded text over"
    )
    for part in [READ[0], "Say", "hi\\", "Second line", "It''s here", *READ[4:]]:
        expected = expected.replace(part, part.upper())
    assert through(YAML, "yaml", target="pt-BR") == expected.replace("en: &root", "pt-BR: &root")
    for text in (
        YAML,
        YAML.replace("\n", "\r\n"),
        "",
        "a: 5\nb: [1, true]\n",
        "just words",
        "--- a b\n--- {c: d e}\n...\n",
        "a: 😀 b\nc: d e\n",
    ):
        assert is_kept(text.encode(), "yaml")
        assert is_kept(text.encode("utf-8-sig"), "yaml")


@pytest.mark.parametrize(
    ("text", "translation", "written"),
    [
        ("a: Hello", "Hallo: du", 'a: "Hallo: du"'), ("a: Hello", "a #b", 'a: "a #b"'), ("a: Hello", "no", 'a: "no"'), ("a: Hello", "5", 'a: "5"'),
        ("a: Hello", "- b", 'a: "- b"'), ("a: [Hello]", "b, c", 'a: ["b, c"]'), ("a: Hello", "{b}", 'a: "{b}"'), ("a: Hello", "مرحبا بك", "a: مرحبا بك"),
        ("a: 'Hello'", "l'été\x7f", 'a: "l\'été\\u007f"'), ("a: 'Hello'", "l'été", "a: 'l''été'"), ('a: "Hello"', 'สวัสดี "x" \\', 'a: "สวัสดี \\"x\\" \\\\"'),
        ("a: |\n  Hello\n", "#b: 'c\x85d\x7f", "a: |\n  #b: 'c d\n"), ('a: "\\u00c9t\\u00e9"', "夏", 'a: "\\u590f"'), ("a: &x Hello", "*b", 'a: &x "*b"'),
    ],
)  # fmt: skip
def test_a_translation_stays_one_string(text, translation, written):
    assert through(text, "yaml", lambda _: translation) == written
    assert yaml.safe_load(written).keys() == {"a"}


def test_only_a_language_above_all_is_renamed():
    assert through("en:\n  a: Hi\n", "yaml", target="no") == '"no":\n  a: HI\n'
    assert through('"en": {a: Hi}\n', "yaml", target="de") == '"de": {a: HI}\n'
    assert through("'en':\n  en: Hi\n", "yaml", target="de") == "'de':\n  en: HI\n"
    for text in ("en: Hi\nfr: Salut\n", "messages: {en: Hi}\n", "- en: Hi\n", "fr:\n  a: Hi\n"):
        assert through(text, "yaml", str, target="de") == text


def test_front_matter_of_markdown_has_a_title():
    text = '---\ntitle: "Hello there"\ntags: [a word]\ndescription: Some text\nauthor: {title: No One}\n---\nWords\n'
    expected = (
        text.replace("Hello there", "HELLO THERE").replace("Some text", "SOME TEXT").replace("Words", "WORDS")
    )
    assert through(text, "markdown") == expected
    assert through("---\ntitle: [\n---\nWords\n", "markdown") == "---\ntitle: [\n---\nWORDS\n"
    assert through('+++\ntitle = "Hi"\n+++\nWords\n', "markdown") == '+++\ntitle = "Hi"\n+++\nWORDS\n'


def test_what_an_encoding_lacks_makes_a_file_utf_8():
    document = open_document("a: Grüße\n".encode("cp1252"), "yaml", "de")
    assert document.rebuild(["Été"]) == "a: Été\n".encode("cp1252")
    assert document.rebuild(["你好"]) == "a: 你好\n".encode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a: "b', "line 1: found unexpected end of stream; correct it"), ("a: b\n c: d", "line 2: mapping values are not allowed here"),
        ("a: [b", "line 1: expected ',' or ']'"), ("a: \x01b", "special characters are not allowed"), ("a: *b\n\tc", "cannot start any token"),
        (r'a: "\UFFFFFFFF"', ".*; correct it"), (f"%YAML 1.{'1' * 5000}\n---\na: b", ".*; correct it"),
        ("[" * 10_000, "lists or mappings are nested more than 100 deep"),
    ],
)  # fmt: skip
def test_other_files_are_refused(text, message):
    with pytest.raises(InputError, match=f"it is no yaml file: .*{message}"):
        open_text(text, "yaml", "en")


def test_aliases_are_not_followed():
    """Nine levels of nine aliases each would be a thousand million words."""
    levels = "".join(f"l{n}: &l{n} [{', '.join(f'*l{n - 1}' for _ in range(9))}]\n" for n in range(1, 10))
    assert through("l0: &l0 Hello there\n" + levels, "yaml") == "l0: &l0 HELLO THERE\n" + levels


@pytest.mark.full
@pytest.mark.parametrize(
    "part",
    [
        "[",
        "{a: ",
        "- ",
        "- a\n",
        "a: b\n",
        "&a ",
        "!a ",
        "? ",
        "'",
        "''",
        "a ",
        "|\n a",
        "#",
        "*a ",
        "\\",
        '"\\n"\n',
    ],
)
def test_hostile_files(part):
    """Quadratic time would take minutes."""
    with suppress(InputError):
        through("x: " + part * 10_000, "yaml")
