import re

import pytest

from crosslate.documents import open_document, open_text
from crosslate.documents.markdown_notation import markdown_parser
from toy_documents import is_kept, texts, through

MARKDOWN = r"""---
tags: [Not this]
---
# A *first* heading #

Second heading
==============

Hello **big** world, this is `code here` and a [link text](https://a.b "A title").
It goes on over
two lines.  
After a break. Second \*sentence\* &amp; more.

> Quoted text
> over two lines. And **more**
lazy text.
>
> - [ ] Item one
>   goes on
> 1. Item two

| Name | A \| b | `x\|y` |
|------|:------:|--------|
| **Foo** bar | `stays` | |
| baz  | qux

```python
code("stays")
```

    indented code

<div class="x" title="A title">
Some <b>html</b> text
</div>

![A **red** car](x.png "Picture") See [foo] and [a bar][] and [text][foo], <kbd>Ctrl</kbd> and {name}.

[foo]: /url "Reference"
[a bar]: /url2

***

> [!NOTE]
> Careful, ~~not~~ now[^1].

[^1]: A note.

<!-- A comment -->
"""
READ = [
    "A first heading", "Second heading", "A title", "Hello big world, this is and a link text.",
    "It goes on over two lines.", "After a break.", "Second *sentence* & more.",
    "Quoted text over two lines.", "And more lazy text.", "Item one goes on", "Item two",
    "Name", "A | b", "Foo bar", "baz", "qux", "A title", "Some html text",
    "A red car", "Picture", "See foo and a bar and text, and.", "Careful, not now.", "A note.",
]  # fmt: skip


def shown(text):
    return markdown_parser().render(text)


def test_texts_are_read_and_all_else_stays():
    assert texts(open_text(MARKDOWN, "markdown", "en")) == READ
    for data in (
        MARKDOWN,
        MARKDOWN.replace("\n", "\r\n"),
        MARKDOWN.replace("\n", "\r"),
        "",
        "\n",
        "---\n",
        "a",
    ):
        assert is_kept(data.encode(), "markdown")
    result = through(MARKDOWN, "markdown")
    # Lines of a sentence become one; a link that is named by its text keeps its name.
    assert "IT GOES ON OVER TWO LINES.  \nAFTER A BREAK. SECOND \\*SENTENCE\\* & MORE.\n" in result
    assert "> QUOTED TEXT OVER TWO LINES. AND **MORE** LAZY TEXT.\n" in result
    assert "> - [ ] ITEM ONE GOES ON\n> 1. ITEM TWO\n" in result
    assert "# A *FIRST* HEADING #\n\nSECOND HEADING\n====" in result
    assert 'HELLO **BIG** WORLD, THIS IS `code here` AND A [LINK TEXT](https://a.b "A TITLE").\nIT' in result
    assert (
        "| NAME | A \\| B | `x\\|y` |\n|------|:------:|--------|\n| **FOO** BAR | `stays` | |\n| BAZ  | QUX\n"
        in result
    )
    assert '<div class="x" title="A TITLE">\nSOME <b>HTML</b> TEXT\n</div>' in result
    assert (
        '![A **RED** CAR](x.png "PICTURE") SEE [FOO][foo] AND [A BAR][a bar] AND [TEXT][foo], <kbd>Ctrl</kbd> AND {name}.'
        in result
    )
    assert "> [!NOTE]\n> CAREFUL, ~~NOT~~ NOW[^1].\n\n[^1]: A NOTE." in result
    for kept in (
        "tags: [Not this]",
        'code("stays")',
        "    indented code",
        '[foo]: /url "Reference"',
        "***",
        "<!-- A comment -->",
    ):
        assert kept in result


@pytest.mark.parametrize(
    ("translation", "written"),
    [
        ("*a* _b_ `c`", "\\*a\\* \\_b\\_ \\`c\\`"), ("2 * 3 and snake_case", "2 * 3 and snake_case"), ("<b> & <c", "\\<b> & \\<c"),
        ("# one", "\\# one"), ("- one", "\\- one"), ("1. one", "1\\. one"), ("> one", "\\> one"), ("one | two", "one | two"),
        ("[one](two)", "\\[one\\](two)"), ("see [one]", "see [one]"), ("R&D &amp; so", "R\\&D \\&amp; so"), ("C:\\dir\\a", "C:\\dir\\a"), ("C:\\*\\", "C:\\\\\\*\\\\"),
        ("---", "\\---"), ("===", "==="), ("```", "\\`\\`\\`"), ("<https://a.b>", "\\<https://a.b>"), ("~~a~~", "\\~\\~a\\~\\~"),
        ("مرحبا بالعالم", "مرحبا بالعالم"), ("สวัสดีชาวโลก", "สวัสดีชาวโลก"),
    ],
)  # fmt: skip
def test_a_translation_adds_no_markup_and_no_needless_signs(translation, written):
    result = through("Hello there", "markdown", lambda _: translation)
    assert result == written
    assert re.fullmatch(r"<p>[^<>]*</p>\n", shown(result))


def test_a_translation_stays_in_its_cell_and_heading():
    row = "| a | b |\n|---|---|\n| Hello there | c |\n"
    assert through(row, "markdown", lambda text: "x | y" if " " in text else text) == row.replace(
        "Hello there", "x \\| y"
    )
    bare = "a | b\n--|--\nHello there | c\n"
    assert through(bare, "markdown", lambda text: "- x" if " " in text else text) == bare.replace(
        "Hello there", "\\- x"
    )
    assert through("## Hello there", "markdown", lambda _: "Learn C #") == "## Learn C \\#"


@pytest.mark.parametrize(
    ("source", "translation", "links", "written"),
    [
        # Between letters, an underscore does not emphasise, nor do stars beside some signs.
        ("an _important_ matter", "重要事项", [(0, 1), (1, 1)], "*重要*事项"),
        ("**Note:** read", "注意：请读", [(0, 0), (1, 1), (2, 1)], "<strong>注意：</strong>请读"),
        ("**Note:** read it", "Hinweis: lies es", [(0, 0), (1, 1), (2, 2)], "**Hinweis:** lies es"),
        ("an __important__ matter", "a matter important", [(0, 0), (1, 2), (2, 1)], "a matter __important__"),
        ("read ~~old~~ [new](u) books", "livres neufs vieux", [(0, 3), (1, 2), (2, 1)], "livres [neufs](u) ~~vieux~~"),
    ],
)  # fmt: skip
def test_emphasis_works_wherever_it_comes_to_stand(source, translation, links, written):
    document = open_text(source, "markdown", "en")
    result = document.render([translation], lambda *_: links)
    assert result == written
    assert (
        re.findall("<(?:strong|em|s|a)", shown(result))
        == re.findall("<(?:strong|em|s|a)", shown(source))[:: -1 if "livres" in result else 1]
    )


def test_codes_stay_apart_and_notes_need_no_spaces():
    document = open_text("Use `a` or `b` now", "markdown", "en")
    assert document.render(["Nutze nun"], lambda *_: [(0, 0), (0, 1), (1, 2)]) == "Nutze `a` `b` nun"
    assert texts(open_text("词[^1]\n\n[^1]: 没有空格\n", "markdown", "zh")) == ["词", "没有空格"]


def test_a_sentence_is_written_as_in_the_document():
    document = open_text("Hello **there**. Stay.", "markdown", "en")
    assert document.sentences(["*Hi* there", "Stay."]) == ["\\*Hi\\* **there**", "Stay."]


def test_boxes_and_templates_of_other_programs_stay():
    text = ":::note Title\nSome words.\n:::\n\n{% include x.html %}\n\n{{< figure >}}\n\n## Words {#id}\n{: .a_class}\n"
    assert texts(open_text(text, "markdown", "en")) == ["Some words.", "Words"]
    assert through(text, "markdown") == text.replace("Some words", "SOME WORDS").replace("Words {", "WORDS {")
    assert through("{% if a %} Words {% endif %}", "markdown") == "{% if a %} WORDS {% endif %}"


def test_old_encodings_become_utf_8_where_they_lack_a_character():
    document = open_document("# Grüße\n".encode("cp1252"), "markdown", "de")
    assert document.rebuild(["Été"]) == "# Été\n".encode("cp1252")
    assert document.rebuild(["你好"]) == "# 你好\n".encode()


@pytest.mark.full
@pytest.mark.parametrize(
    "part", ["*", "* a", "_a ", "**a**", "[", "![", "[a](b", "[![a](b)](c) ", "`a", "<a", "> ", "- ", "|a|b|\n|-|-|\n", "~~a", "<!--", "a  \n"]
)  # fmt: skip
def test_hostile_texts(part):
    """Quadratic time would take minutes."""
    through("Hi " + part * 10_000, "markdown")


@pytest.mark.full
def test_a_wide_table():
    row = "| a word " * 10_000
    through(f"{row}\n{'|-' * 10_000}\n{row}\n", "markdown")
