import pytest

from crosslate.documents import open_text
from toy_documents import texts, through


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\nIt is so. Is it?\n\n  - First thing\n1. One\n", "\n<It is so.> <Is it?>\n\n  - <First thing>\n1. <One>\n"),
        ("\r\n Hi there.  You? \n\n\tName:   a value \n", "\r\n <Hi there.>  <You?> \n\n\t<Name:>   <a value> \n"),
    ],
)  # fmt: skip
def test_lines_columns_and_lists_stay(text, expected):
    assert through(text, "text", lambda sentence: f"<{sentence}>") == expected


@pytest.mark.parametrize(
    "text",
    ["", "\n", "\ufeffHi", "  Hi  \n\n\tthere \r\n", "a\rb\x0bc\u2028d", "Name:    value\tmore", "1234 %s 👋 !?", "\x07bell\x00"],
)  # fmt: skip
def test_what_is_not_translated_stays(text):
    assert through(text, "text", str) == text
    assert through(text, "text").upper() == text.upper().replace("\x07", "").replace("\x00", "")


def test_translations_that_are_no_line_of_text():
    assert through("Hi.\nYou.\n", "text", lambda sentence: f"a\n{sentence}\r\n") == "a Hi.\na You.\n"
    assert through("Hi. You there.", "text", lambda sentence: " " if sentence == "Hi." else "X") == "Hi. X"


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
        ("请看https://a.b/c的内容。", "请看的内容。", "Look at the content.", "Look https://a.b/c at the content."),
    ],
)  # fmt: skip
def test_placeholders_come_back_in_their_places(text, sentence, translation, expected):
    document = open_text(text, "text", "en")
    first, *others = texts(document)
    assert first == sentence
    assert document.render([translation, *others]) == expected


def test_tags_of_blocks_divide_texts_and_other_tags_stay_in_them():
    text = "The dog sleeps.<br />The <i>cat</i> eats<p>Milk</p>"
    document = open_text(text, "text", "en")
    assert texts(document) == ["The dog sleeps.", "The cat eats", "Milk"]
    assert document.render(
        ["Der Hund schläft.", "Die Katze frisst", "Milch"], lambda *_: [(0, 0), (1, 1), (2, 2)]
    ) == ("Der Hund schläft.<br />Die <i>Katze</i> frisst<p>Milch</p>")


@pytest.mark.parametrize(
    "text",
    ["Copy <file> to <folder> now.", "A List<String> is here", "The <b> dog sleeps", "So </i> it ends"],
)
def test_a_tag_without_its_other_end_keeps_the_spaces_around_it(text):
    document = open_text(text, "text", "en")
    assert document.render([each.upper() for each in texts(document)]).lower() == text.lower()
    assert "<" not in "".join(texts(document))


def test_sentences_as_they_stand_in_the_whole():
    document = open_text("The %s sleeps. 12:30\n* Milk 🥛 & tea!", "text", "en")
    translations = ["Der schläft.", "Milch & Tee!"]
    assert document.sentences(translations) == ["Der %s schläft.", "Milch 🥛 & Tee!"]
    assert document.render(translations) == "Der %s schläft. 12:30\n* Milch 🥛 & Tee!"


def test_sentences_without_a_space_between_get_one_where_their_script_has_them():
    document = open_text("你好。再见！", "text", "zh")
    assert texts(document) == ["你好。", "再见！"]
    assert document.render(["Hello.", "Good-bye!"]) == "Hello. Good-bye!"
    assert document.render(["こんにちは。", "さようなら！"]) == "こんにちは。さようなら！"


@pytest.mark.full
@pytest.mark.parametrize(
    "text", ["word " * 50_000, "." * 300_000, " " * 300_000, "a\n" * 20_000, "{x} a " * 10_000]
)
def test_a_long_line(text):
    """Quadratic time would take minutes."""
    assert through(text, "text") == text.upper().replace("{X}", "{x}")
