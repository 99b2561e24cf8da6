import pytest

from crosslate.documents import open_text
from toy_documents import is_kept, texts, through

VTT = """WEBVTT - A title
Language: en

NOTE Nobody reads
this

STYLE
::cue { color: red }

intro
00:01.000 --> 00:04.000 align:start position:0%
<v Anna>Hello <b>big</b> &amp; wide
world.
<v.loud Bob>Good day!</v>

2
00:00:05.000-->100:00:06.000
- It is <c.yellow>yellow</c>.
- Is it?
"""


def test_cues_are_read_and_all_else_stays():
    read = ["Hello big & wide world.", "Good day!", "It is yellow.", "Is it?"]
    assert texts(open_text(VTT, "vtt", "en")) == read
    expected = VTT.replace("Language: en", "Language: de")
    for part in ("Hello", "big", " wide", "world", "Good day", "It is", "yellow</c>", "Is it"):
        expected = expected.replace(part, part.upper().replace("</C>", "</c>"))
    assert through(VTT, "vtt", target="de") == expected
    for data in (VTT.encode(), VTT.replace("\n", "\r\n").encode("utf-8-sig"), b"", b"WEBVTT\n"):
        assert is_kept(data, "vtt")


@pytest.mark.parametrize(
    ("cue", "expected"),
    [
        ("<ruby>漢<rt>kan</rt>字<rt.x>ji</rt></ruby>を読む", ["漢字を読む"]),
        ("One<00:00:01.500><c> two</c><00:00:01.700><c> three</c>", ["One two three"]),
        ("R&B &lt;loud&gt; &lrm;x", ["R&B <loud> x"]),
        ("One <i>two\nthree</i> <never closed", ["One two three"]),
        ("Line<br>break", ["Line", "break"]),
    ],
)
def test_tags_of_cues(cue, expected):
    text = f"WEBVTT\n\n00:01.000 --> 00:02.000\n{cue}\n"
    assert texts(open_text(text, "vtt", "en")) == expected
    assert through(text, "vtt", str) == text


def test_times_inside_a_cue_keep_their_order():
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nred <00:01.500>car <00:01.700>now\n"
    result = through(text, "vtt", lambda _: "now car red")
    assert result.index("<00:01.500>") < result.index("<00:01.700>")


def test_a_translation_adds_no_markup_and_no_lines():
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"
    assert through(text, "vtt", lambda _: "a --> b <i>\n\nc") == text.replace(
        "Hello", "a --&gt; b &lt;i&gt; c"
    )


@pytest.mark.full
@pytest.mark.parametrize("part", ["<", "<rt>", "<i>", "-->", "&", "<00:01>"])
def test_a_long_line(part):
    """Quadratic time would take minutes."""
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nHi " + part * 50_000
    assert through(text, "vtt", str) == text
