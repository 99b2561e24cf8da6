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


@pytest.mark.parametrize(
    ("text", "sentence", "translation", "expected"),
    [
        # A reference that is a letter, or in a word, is read; others stay as they are spelt.
        ("Men&uuml; f&#252;r Caf&eacute;s", "Menü für Cafés", "Menu for cafés", "Menu for cafés"),
        ("L&#39;eau est l&agrave;", "L'eau est là", "The water is there", "The water is there"),
        ("100&nbsp;MB sind&nbsp;frei", "100 MB sind frei", "100 MB are free", "100&nbsp;MB are&nbsp;free"),
        ("Ja&mdash;nein &amp; doch", "Ja nein doch", "Yes no yet", "Yes&mdash;no &amp; yet"),
        ("&copy; Alle Rechte", "Alle Rechte", "All rights", "&copy; All rights"),
        # No two words become one.
        ("Hallo👋Welt", "Hallo Welt", "Hello world", "Hello👋world"),
        ("Datei{br}Ordner", "Datei Ordner", "File folder", "File{br}folder"),
        ("你好{name}再见", "你好再见", "Hello good-bye", "Hello {name} good-bye"),
        ("&lt;b&gt;Rot&lt;/b&gt; &lt;i&gt;blau&lt;/i&gt;", "Rot blau", "red blue", "&lt;b&gt;red&lt;/b&gt; &lt;i&gt;blue&lt;/i&gt;"),
        # Marks of direction are those of the source.
        ("\u202bשלום {name}.\u202c", "שלום.", "Hello.", "Hello {name}."),
        ("שלום&rlm; עולם", "שלום עולם", "Hello world", "Hello world"),
    ],
)  # fmt: skip
def test_what_stands_in_words_cuts_and_joins_none(text, sentence, translation, expected):
    document = open_text(text, "text", "de")
    assert texts(document) == [sentence]
    assert document.render([sentence]) == text
    assert document.render([translation]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Copy %s to folder %d now",
            "now to folder %s Copy %d",
        ),  # "%d" in the place of "%s" would crash C programs
        ("Copy {} to folder {:d} now", "now to folder {} Copy {:d}"),
        ("Copy {% if a %} to folder {% endif %} now", "now to folder {% if a %} Copy {% endif %}"),
        ("Copy %1$s to folder %2$d now", "now to folder %2$d Copy %1$s"),
        ("Copy {a} to folder {b} now", "now to folder {b} Copy {a}"),
    ],
)
def test_variables_without_a_name_keep_their_order(text, expected):
    document = open_text(text, "text", "en")
    links = [(0, 3), (1, 1), (2, 2), (3, 0)]  # to "now to folder copy"
    assert document.render(["now to folder Copy"], lambda *_: links) == expected


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


def test_a_space_inside_a_word_of_mongolian():
    document = open_text("ᠨᠣᠮ\u202fᠤᠨ ᠰᠠᠩ {n}\u202fᠤᠨ", "text", "mvf")
    assert texts(document) == ["ᠨᠣᠮ\u202fᠤᠨ ᠰᠠᠩ ᠤᠨ"]
    assert texts(open_text("Où\u202f? \u202fIci.", "text", "fr")) == ["Où ?", "Ici."]


@pytest.mark.full
@pytest.mark.parametrize(
    "text", ["word " * 50_000, "." * 300_000, " " * 300_000, "a\n" * 20_000, "{x} a " * 10_000]
)
def test_a_long_line(text):
    """Quadratic time would take minutes."""
    assert through(text, "text") == text.upper().replace("{X}", "{x}")
