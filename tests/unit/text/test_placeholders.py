import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslate.text.placeholders import is_ordered, placeholders, tag_of, without_references


def found(text, language=""):
    return [text[start:end] for start, end in placeholders(text, language)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See https://example.org/a?b=c&d=(e)#f, or http://x.y.", ["https://example.org/a?b=c&d=(e)#f", "http://x.y"]),
        ("(see https://a.b/x_(y)), https://a.b/{id}/{{ x }}/z", ["https://a.b/x_(y)", "https://a.b/{id}/{{ x }}/z"]),
        ("(www.example.org)", ["www.example.org"]),
        ("Write to some.one+tag@mail.example.org.", ["some.one+tag@mail.example.org"]),
        ("%1$s of %2$d, %s %d %.2f %05d %-3s %lu %@ %%", ["%1$s", "%2$d", "%s", "%d", "%.2f", "%05d", "%-3s", "%lu", "%@", "%%"]),
        ("%(name)s and %(count)d", ["%(name)s", "%(count)d"]),
        ("{name} {0} {} {{ user.name }} ${x} %{y} {x:>10}", ["{name}", "{0}", "{}", "{{ user.name }}", "${x}", "%{y}", "{x:>10}"]),
        ("{\\an8}Up there", ["{\\an8}"]),
        ("100 % des ventes, 50% der Zeit, 5%", []),
        ("AT&T &lt; b &gt; &#38;", ["&lt;", "&gt;", "&#38;"]),
        ("Hi 👋🏽, family 👨‍👩‍👧, flag 🇩🇪, key 1️⃣, heart ❤️!", ["👋🏽", "👨‍👩‍👧", "🇩🇪", "1️⃣", "❤️"]),
        ("Set {a, b} and 3 < 4 costs $5", []),
        ("\ue000\ue001x", ["\ue000\ue001"]),
        ("日本語 العربية हिन्दी", []),
    ],
)  # fmt: skip
def test_placeholders(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Text without spaces goes on after an address; other letters are its own.
        ("欢迎访问http://shop.example.cn/a?b=1，谢谢", ["http://shop.example.cn/a?b=1"]),
        ("詳細はwww.example.jpをご覧ください", ["www.example.jp"]),
        ("ไปที่https://example.co.th/xแล้ว", ["https://example.co.th/x"]), ("메일은help@example.kr로", ["help@example.kr"]),
        ("请写信给info@example.org。谢谢", ["info@example.org"]), ("https://пример.рф/а?б=в, да", ["https://пример.рф/а?б=в"]),
        ("https://de.example.org/wiki/Öl_(Käse).", ["https://de.example.org/wiki/Öl_(Käse)"]), ("jürgen@müller.de!", ["jürgen@müller.de"]),
        ("https://hi.example.org/हिन्दी में", ["https://hi.example.org/हिन्दी"]), ("زوروا https://example.org، شكرا", ["https://example.org"]),
        ("[hier](https://a.b/c) **https://x.y**", ["https://a.b/c", "https://x.y"]), ("https://example.com'a git", ["https://example.com"]),
        ("example.org/a/b oder z.B./u.a. Ende.Anfang", ["example.org/a/b"]), ("ftp://[::1]:80/x mailto:a@b.c", ["ftp://[::1]:80/x", "mailto:a@b.c"]),
    ],
)  # fmt: skip
def test_addresses_end_where_their_script_does(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("%user liest %file: %größe", "de", ["%user", "%file", "%größe"]), ("%ld, %dpx, %5.2f, %*d, %-3s", "de", ["%ld", "%dpx", "%5.2f", "%*d", "%-3s"]),
        ("%s个, %d명, %sさん, %1$s", "zh", ["%s", "%d", "%s", "%1$s"]), ("%a, %d. %B %Y %H:%M", "de", ["%a, %d. %B %Y %H:%M"]),
        ("%d/%m/%Y – {a}-{b}: %s: %s, %d.", "en", ["%d/%m/%Y", "{a}-{b}", "%s", "%s", "%d"]),
        ("eine 40 %ige, 40%ige, 40\u00a0%ige Säure", "de", []), ("EU:n 20 %:n osuus, klo 12:30", "fi", []), ("100 % des", "fr", []),
        ("%1 of %2, 100%%", "en", ["%1", "%2", "%%"]), ("%L1, %n, %{x}, %<y>s, %%NAME%%, %HOME%", "en", ["%L1", "%n", "%{x}", "%<y>s", "%%NAME%%", "%HOME%"]),
        ("%50 indirim, %5'i, %8 arttı, %2,5; %d ve %1$s", "tr", ["%d", "%1$s"]), ("%50 da", "eu", []), ("%50, %5'i", "", []),
        ("Hallo :name, @count neu", "de", [":name", "@count"]), (":smile: 12:30 10:a x:y", "de", [":smile:"]), ("Das:ist", "de", []),
        ("<0>hier</0>, <1/>", "de", ["<0>", "</0>", "<1/>"]), ("{n, plural, one {# Hund} other {# Hunde}}!", "de", ["{n, plural, one {# Hund} other {# Hunde}}"]),
        ("{g, select, f {Sie hat {n, plural, one {# x} other {# y}}} other {Es}} da", "de", ["{g, select, f {Sie hat {n, plural, one {# x} other {# y}}} other {Es}}"]),
        ("{d, date, long} #{x} {{{y}}} { z } $t(a.b)", "", ["{d, date, long}", "#{x}", "{{{y}}}", "{ z }", "$t(a.b)"]), ("$5, US$, $name, $NAME$", "", ["$name", "$NAME$"]),
    ],
)  # fmt: skip
def test_variables_and_percent_signs(text, language, expected):
    assert found(text, language) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # What only signs join is one; a sentence's end, a bracket and a tag join nothing.
        ("{w}x{h}, %d/%d, ${a}-${b}", ["{w}x{h}", "%d/%d", "${a}-${b}"]), ("%s. %s, {a} ({b}) {c}.", ["%s", "%s", "{a}", "{b}", "{c}"]),
        ("um %H:%M, am %d. %b %Y", ["%H:%M", "%d. %b %Y"]), ("<b>-<i>", ["<b>", "<i>"]),
        # Templates, widths that are variables, and the notations of less common languages.
        ("<%= user.name %>, <?php echo $x->y ?> {# note #} [[name]]", ["<%= user.name %>", "<?php echo $x->y ?>", "{# note #}", "[[name]]"]),
        ("{:>{width}} {name!r:<{n}}", ["{:>{width}}", "{name!r:<{n}}"]), ("%#@boats@ %0:s %|2$-5| %<int%> %1$'*9s %'d", ["%#@boats@", "%0:s", "%|2$-5|", "%<int%>", "%1$'*9s", "%'d"]),
        # Code in tags and between grave accents, which are quotation marks and letters elsewhere.
        ("<code>rm a</code> `--all` `f('x')`", ["<code>rm a</code>", "`--all`", "`f('x')`"]), ("`this' near `that', Hawai`i and O`ahu", []),
        ("https://例え.jp/x を", ["https://例え.jp/x"]), ("见https://a.cn或b.cn", ["https://a.cn"]),
        ("&lt;b&gt;x&lt;/b&gt; &lt;3 &lt;a href=&quot;y&quot;&gt;", ["&lt;b&gt;", "&lt;/b&gt;", "&lt;", "&lt;a href=&quot;y&quot;&gt;"]),
        ("a &lt;b and c&gt; d", ["&lt;", "&gt;"]), ("100%'s, 5%<x, 10%>3", []),
    ],
)  # fmt: skip
def test_what_belongs_together(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    ("placeholder", "expected"),
    [
        ("%s", True), ("%-5.2lf", True), ("%d/%d", True), ("{}", True), ("{:.2f}", True), ("{!r}", True), ("%@", True), ("%%%d", True),
        ("{{#if a}}", True), ("{{/if}}", True), ("{% endif %}", True), ("<% end %>", True), ("{{ name }}", False), ("<%= name %>", False),
        ("%1$s", False), ("%(n)d", False), ("{0}", False), ("{name}", False), ("%%", False), ("%1", False), ("%n", False), ("%d. %B", False),
        ("${}", False), ("%%d", False), ("%user", False), ("https://a.b/%s", True),
    ],
)  # fmt: skip
def test_what_gets_its_value_by_its_place(placeholder, expected):
    assert is_ordered(placeholder) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@anna, @tom@example.social; a@b", ["@anna", "@tom@example.social"]), ("请看@some_user的视频", ["@some_user"]), ("مرحبا @كريم", ["@كريم"]),
        ("#Berlin2025 #1 C# a#b", ["#Berlin2025"]), ("#ประเทศไทย #한국어 #话题#吗", ["#ประเทศไทย", "#한국어", "#话题"]), ("今日は#東京に", []),
        ("a<br />b <i>c</i> <x:y z='1'> <script async src=a>", ["<br />", "<i>", "</i>", "<x:y z='1'>", "<script async src=a>"]),
        ("a <b and c> d, 3 < 4 > 2, <- ->", []), ("[b]a[/b] [url=https://a.b]c[/url] [1] [sic]", ["[b]", "[/b]", "[url=https://a.b]", "[/url]"]), ("<!-- x -->", ["<!-- x -->"]),
    ],
)  # fmt: skip
def test_users_and_tags(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    ("spelt", "expected"),
    [
        ("<B>", ("open", "b")), ("</0>", ("close", "0")), ("<0/>", ("point", "0")), ("<img src=a>", ("point", "img")), ("<br>", ("break", "br")),
        ("&lt;i&gt;", ("open", "i")), ("&lt;br/&gt;", ("break", "br")), ("</p>", ("break", "p")), ("[url=x]", ("open", "url")), ("[/b]", ("close", "b")), ("{b}", None), ("<!-- -->", None),
    ],
)  # fmt: skip
def test_what_a_tag_is(spelt, expected):
    assert tag_of(spelt) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fish &amp; chips &#39;x&#39; &lt;", "Fish & chips 'x' <"), ("&copy &notify &region=2 &nope;", "&copy &notify &region=2 &nope;"),
        ("https://a.b/?x=1&copy=2&lt;=3 &gt;", "https://a.b/?x=1&copy=2&lt;=3 >"), ("&amp;lt;", "&lt;"), ("&lt;a href=&quot;x&quot;&gt;", '<a href="x">'),
    ],
)  # fmt: skip
def test_references(text, expected):
    assert without_references(text) == expected


WORDS = ["Hund", "größe", "привет", "नमस्ते", "你好", "สวัสดี", "안녕", "مرحبا", "https://a.b/c", "a@b.cd", "%", "20 ", ":", "@", "#", "<b>", "{", "}", "$", " ", ".", "'"]  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(WORDS), max_size=8).map("".join), st.sampled_from(["", "tr"]))
def test_no_word_is_cut(text, language):
    done = 0
    for start, end in placeholders(text, language):
        assert done <= start < end <= len(text)
        for cut in (start, end):
            around = text[max(cut - 1, 0) : cut + 1]
            assert not regex.fullmatch(r"\p{sc=Latn}{2}|\p{sc=Cyrl}{2}|.\p{M}", around)
        done = end


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000, "{" * 200_000, "%" * 200_000, "a@" * 100_000, "a.b" * 70_000, "👋\u200d" * 60_000, "www." * 50_000,
     "https://(" * 30_000, "https://a.,.,.,.," * 10_000, "{a,plural,{}" * 20_000, "<a b=c " * 30_000, "<![CDATA[" * 30_000, "a-" * 100_000,
     "[url=" * 50_000, "#a" * 100_000, "@a/" * 60_000, "%-" * 100_000, "{a,plural," + "{{" * 100_000, "<a" + " a=b" * 50_000,
     "<%" * 100_000, "<?php" * 50_000, "{#" * 100_000, "`a" * 100_000, "`''" * 60_000, "<code>" * 30_000, "&lt;a " * 40_000, "{:{" * 60_000,
     "%H:" * 60_000, "{a}x" * 50_000, "https://例" * 30_000],
)  # fmt: skip
def test_hostile_text(text):
    """Quadratic time would take minutes."""
    found(text)
