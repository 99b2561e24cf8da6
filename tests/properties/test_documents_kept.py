"""Whatever a document holds and whatever a translator does: nothing but its sentences changes."""

import json
import random
import re

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslate.documents import open_document, open_text
from crosslate.documents.markup import tokens
from crosslate.errors import InputError
from toy_documents import is_kept, texts, zipped

PROSE = [
    "Hello there.", "word", " ", "  ", "\n", "\t", "你好。", "नमस्ते", "مرحبا", "Is it?", "e\u0301", "\u00a0", "…", "5", "A. B.",
    "\u2028", "\r\n",
]  # fmt: skip
SHIELDED = [
    "%1$s",
    "{name}",
    "{{ x }}",
    " https://a.b/c ",
    " a@b.org ",
    "👋🏽",
    "🇩🇪",
    "${x}",
    " %name ",
    " :name ",
    " @count ",
    "<0>",
    "{n, plural, one {# x} other {y}}",
    " #tag ",
]
TAGS = [
    "<b>", "</b>", "<i title='A title'>", "</i>", "<p>", "</p>", "<br>", "<img alt=\"A dog\">", "<!-- c -->", "<code>", "</code>",
    "<span translate=no>", "</span>", "<script>", "</script>", "<li>", "<td>", "&amp;", "&lt;", "&nbsp;", "&nope;", "<", ">", "&", "<a href=",
    '"', "'", "/>", "<title>", "</title>", "<svg>", "</svg>", "<![CDATA[", "]]>", "<!", "<div translate=yes>", "</div>", "<sup>1</sup>",
]  # fmt: skip

SUBTITLE = "0:00:01,5 --> 0:00:02\n"

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


def translated(text, format_, seed, has_links):
    document = open_text(text, format_, "en")
    translations = [careless(sentence, seed) for sentence in texts(document)]
    return document.render(translations, links if has_links else None)


@anything
@given(
    text=prose | markup,
    format_=st.sampled_from(["text", "html", "srt", "vtt", "markdown"]),
    language=st.sampled_from(["en", "zh", "ar", "xx"]),
)
def test_a_translator_that_changes_nothing_changes_nothing(text, format_, language):
    text = SUBTITLE + text if format_ in ("srt", "vtt") else text
    document = open_text(text, format_, language)
    assert document.render(texts(document)) == text
    assert all(each.strip() == each != "" and len(each.splitlines()) == 1 for each in texts(document))


@anything
@given(data=st.binary(max_size=200), format_=st.sampled_from(["html", "srt", "vtt", "markdown"]))
def test_any_bytes_come_back(data, format_):
    assert is_kept(SUBTITLE.encode() + data.replace(b"\0", b""), format_, "ja")


@anything
@given(text=prose, seed=st.integers(0, 3), has_links=st.booleans())
def test_lines_and_placeholders_stay(text, seed, has_links):
    result = translated(text, "text", seed, has_links)
    breaks = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
    assert breaks.findall(result) == breaks.findall(text)
    for each in SHIELDED:
        assert result.count(each.strip()) == text.count(each.strip())


NESTED = st.recursive(
    st.sampled_from(["red ", "car ", "of ", "{x} ", "you. ", "Hi, ", "<img> ", "9 "]),
    lambda inner: st.tuples(st.sampled_from("bius"), st.lists(inner, max_size=3).map("".join)).map(lambda pair: f"<{pair[0]}>{pair[1]}</{pair[0]}> "),
    max_leaves=12,
)  # fmt: skip
nested = st.lists(NESTED, max_size=6).map("".join)


@anything
@given(html=markup | nested, seed=st.integers(0, 3), has_links=st.booleans())
def test_tags_are_never_lost_or_doubled(html, seed, has_links):
    def names(html):  # of tags alone, since titles may be translated
        tags = " ".join(token.raw for token in tokens(html, is_xml=False) if token.kind != "text")
        return sorted(re.findall(r"</?[a-zA-Z]+|<!--", tags))

    assert names(translated(html, "html", seed, has_links)) == names(html)


@anything
@given(html=nested, seed=st.integers(0, 3), has_links=st.booleans())
def test_what_is_nested_stays_nested(html, seed, has_links):
    result = translated(html, "html", seed, has_links)
    stack = []
    for end, name in re.findall(r"<(/?)([bius])>", result):
        if end:
            assert stack.pop() == name
        else:
            stack.append(name)
    assert stack == []
    assert result.count("{x}") == html.count("{x}")


VALUES = st.recursive(
    prose | st.text(max_size=9) | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | st.sampled_from(["name", "yes"]), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


def shape(value):
    """A value without its strings."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return (
        [shape(each) for each in value]
        if isinstance(value, list)
        else value
        if not isinstance(value, str)
        else ""
    )


@anything
@given(value=VALUES, seed=st.integers(0, 3), is_ascii=st.booleans(), indent=st.sampled_from([None, 2]))
def test_only_strings_of_json_change(value, seed, is_ascii, indent):
    text = json.dumps(value, ensure_ascii=is_ascii, indent=indent)
    document = open_text(text, "json", "en")
    assert document.render(texts(document)) == text
    assert shape(json.loads(translated(text, "json", seed, False))) == shape(value)


@anything
@given(
    value=VALUES, seed=st.integers(0, 3), style=st.sampled_from([None, "'", '"', "|", ">"]), is_flow=st.booleans(), width=st.sampled_from([8, 80])
)  # fmt: skip
def test_only_strings_of_yaml_change(value, seed, style, is_flow, width):
    text = yaml.safe_dump(
        value, default_style=style, default_flow_style=is_flow, allow_unicode=True, width=width
    )
    document = open_text(text, "yaml", "en")
    assert document.render(texts(document)) == text
    assert shape(yaml.safe_load(translated(text, "yaml", seed, False))) == shape(yaml.safe_load(text))


MARKUP = [
    "**", "_", "~~", "`x y`", "[a b](u)", "[c]", "![an image](u)", "\\*", "&amp;", "<i>", "</i>", "<https://a.b>", "\n", "\n> ", "\n- ", "\n1. ",
    "\n\n# ", "\n\n", "\n\n| a | b |\n|---|---|\n| c d | ", "\n\n<div>\n", "</div>\n\n", "*", "#", "[", "]", "|",
]  # fmt: skip


@anything
@given(
    parts=st.lists(st.sampled_from(PROSE + SHIELDED + MARKUP), max_size=30), seed=st.integers(0, 3), has_links=st.booleans()
)  # fmt: skip
def test_marks_of_markdown_are_never_lost_or_doubled(parts, seed, has_links):
    text = "".join(parts) + "\n\n[c]: u\n"
    result = translated(text, "markdown", seed, has_links)
    for sign in ("`x y`", "](u)", "<https://a.b>", "![", "\n# ", "</div>", "[c]: u"):
        assert result.count(sign) == text.count(sign)
    assert re.search("[\1-\6]", result) is None


@anything
@given(
    data=st.binary(max_size=60),
    place=st.integers(0, 700),
    format_=st.sampled_from(["docx", "pptx", "xlsx", "odt", "epub"]),
)
def test_damaged_archives_are_refused_or_read(data, place, format_):
    members = {
        "word/document.xml": "<w:p><w:r><w:t>Hi</w:t></w:r></w:p>",
        "ppt/slides/slide1.xml": "<a:p><a:r><a:t>Hi</a:t></a:r></a:p>",
        "xl/sharedStrings.xml": "<x:si><x:t>Hi</x:t></x:si>",
        "content.xml": "<text:p>Hi</text:p>",
        "META-INF/container.xml": "<rootfile full-path='content.xml'/>",
    }
    whole = zipped(members, compression=0)
    try:
        document = open_document(whole[:place] + data + whole[place + len(data) :], format_, "en")
        document.rebuild([f"{text}!" for text in texts(document)])
    except InputError:
        pass
