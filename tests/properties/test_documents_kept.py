"""Whatever a document holds and whatever a translator does: nothing but its sentences changes."""

import io
import random
import re
import zipfile

from hypothesis import given, settings
from hypothesis import strategies as st

from crosslate.documents import open_document, open_text
from crosslate.documents.markup import tokens

PROSE = [
    "Hello there.",
    "word",
    " ",
    "  ",
    "\n",
    "\t",
    "你好。",
    "नमस्ते",
    "مرحبا",
    "Is it?",
    "e\u0301",
    "\u00a0",
    "…",
    "5",
    "A. B.",
    "\u2028",
    "\r\n",
]
SHIELDED = ["%1$s", "{name}", "{{ x }}", " https://a.b/c ", " a@b.org ", "👋🏽", "🇩🇪", "${x}"]
TAGS = [
    "<b>", "</b>", "<i title='A title'>", "</i>", "<p>", "</p>", "<br>", "<img alt=\"A dog\">", "<!-- c -->", "<code>", "</code>",
    "<span translate=no>", "</span>", "<script>", "</script>", "<li>", "<td>", "&amp;", "&lt;", "&nbsp;", "&nope;", "<", ">", "&", "<a href=",
    '"', "'", "/>", "<title>", "</title>", "<svg>", "</svg>", "<![CDATA[", "]]>", "<!", "<div translate=yes>", "</div>", "<sup>1</sup>",
]  # fmt: skip

prose = st.lists(st.sampled_from(PROSE + SHIELDED) | st.text(max_size=5), max_size=25).map("".join)
markup = st.lists(st.sampled_from(PROSE + SHIELDED + TAGS), max_size=30).map("".join)
anything = settings(max_examples=150, deadline=None, derandomize=True)


def careless(sentence, seed):
    """A translator that loses, doubles and swaps words, or answers with something else altogether."""
    chance = random.Random(f"{sentence}{seed}")
    found = [word for word in sentence.split() for _ in range(chance.choice((0, 1, 1, 1, 2)))]
    chance.shuffle(found)
    return chance.choice((" ".join(found), "", "<b>&", "مرحبا", "你好", sentence))


def links(source, target):
    """Any links, also senseless ones."""
    chance = random.Random(f"{source}{target}")
    return [
        (chance.randrange(-1, len(target) + 1), chance.randrange(-1, len(source) + 1))
        for _ in range(chance.randrange(9))
    ]


def translated(document, seed=0, align=None, **options):
    return document.render([careless(segment.text, seed) for segment in document.segments], align, **options)


@anything
@given(
    text=prose | markup,
    kind=st.sampled_from(["text", "html", "srt"]),
    language=st.sampled_from(["en", "zh", "ar", "xx"]),
)
def test_a_translator_that_changes_nothing_changes_nothing(text, kind, language):
    document = open_text(text, kind, language)
    assert document.render([segment.text for segment in document.segments]) == text
    assert all(
        segment.text.strip() == segment.text != "" and len(segment.text.splitlines()) == 1
        for segment in document.segments
    )


@anything
@given(data=st.binary(max_size=200), kind=st.sampled_from(["html", "srt"]))
def test_any_bytes_come_back(data, kind):
    data = data.replace(b"\0", b"")
    document = open_document(data, kind, "ja")
    assert document.rebuild([segment.text for segment in document.segments]) == data


@anything
@given(text=prose, seed=st.integers(0, 3), has_links=st.booleans())
def test_lines_and_placeholders_stay(text, seed, has_links):
    result = translated(open_text(text, "text", "en"), seed, links if has_links else None)
    breaks = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
    assert breaks.findall(result) == breaks.findall(text)
    assert [result.count(each.strip()) for each in SHIELDED] == [
        text.count(each.strip()) for each in SHIELDED
    ]


def tags_of(html):
    return [token.raw for token in tokens(html, is_xml=False) if token.kind != "text"]


@anything
@given(html=markup, seed=st.integers(0, 3), has_links=st.booleans())
def test_tags_are_never_lost_or_doubled(html, seed, has_links):
    document = open_text(html, "html", "en")
    result = translated(document, seed, links if has_links else None)
    names = re.compile(r"</?[a-zA-Z]+|<!--")
    # Titles may be translated, so tags are compared by name.
    assert sorted(names.findall(" ".join(tags_of(result)))) == sorted(names.findall(" ".join(tags_of(html))))


NESTED = st.recursive(
    st.sampled_from(["red ", "car ", "of ", "{x} ", "you. ", "Hi, ", "<img> ", "9 "]),
    lambda inner: st.tuples(st.sampled_from("bius"), st.lists(inner, max_size=3).map("".join)).map(lambda pair: f"<{pair[0]}>{pair[1]}</{pair[0]}> "),
    max_leaves=12,
)  # fmt: skip


@anything
@given(html=st.lists(NESTED, max_size=6).map("".join), seed=st.integers(0, 3), has_links=st.booleans())
def test_what_is_nested_stays_nested(html, seed, has_links):
    result = translated(open_text(html, "html", "en"), seed, links if has_links else None)
    stack = []
    for end, name in re.findall(r"<(/?)([bius])>", result):
        if end:
            assert stack.pop() == name
        else:
            stack.append(name)
    assert (
        stack == []
        and result.count("{x}") == html.count("{x}")
        and result.count("<img>") == html.count("<img>")
    )


@anything
@given(data=st.binary(max_size=60), place=st.integers(0, 400), kind=st.sampled_from(["docx", "odt", "epub"]))
def test_damaged_archives_are_refused_or_read(data, place, kind):
    from crosslate.errors import InputError

    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("word/document.xml", "<w:p><w:r><w:t>Hi</w:t></w:r></w:p>")
        archive.writestr("content.xml", "<text:p>Hi</text:p>")
        archive.writestr("META-INF/container.xml", "<rootfile full-path='content.xml'/>")
    whole = written.getvalue()
    broken = whole[:place] + data + whole[place + len(data) :]
    try:
        document = open_document(broken, kind, "en")
        document.rebuild([f"{segment.text}!" for segment in document.segments])
    except InputError:
        pass
