from html.parser import HTMLParser

import pytest

from crosslate.documents import open_text
from crosslate.documents.markup import tokens
from toy_documents import texts, through


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Hello <b>big</b> world.</p>", ["Hello big world."]),
        ("<p>One. Two.<p>Three", ["One.", "Two.", "Three"]),
        ("Line<br>break", ["Line", "break"]),
        ("<p>A\n  line\nbreak in the file.</p>", ["A line break in the file."]),
        ("Fish &amp; chips &lt;here&gt; caf&eacute; &#8364; a&nbsp;b", ["Fish & chips <here> café € a b"]),
        ("Donau&shy;dampf", ["Donaudampf"]),
        ("<p>Run <code>make all</code> now</p>", ["Run now"]),
        ('<p>Ask <span class="x notranslate">Jane Doe</span> now</p>', ["Ask now"]),
        ('<p translate="no">No<br>no <b>no</b> <i translate="yes">yes</i></p>after', ["yes", "after"]),
        ('<div class="notranslate"><p>no</p></div><p>yes</p>', ["yes"]),
        ("<pre>no</pre><script>no no</script><style>no</style><textarea>no</textarea><kbd>no</kbd>", []),
        ("<script><!-- <script>no</script> no --></script>yes", ["yes"]),
        ("<svg><title>no</title><style/><text>no</text></svg>yes<math><mi>no</mi></math>", ["yes"]),
        ("<!DOCTYPE html><!-- no --><title>The title</title><?no no?><![CDATA[no]]>", ["The title"]),
        ('<img alt="A dog" src="dog.png"><a title="Go on">x</a><input placeholder=\'Your name\' value="v">', ["A dog", "Go on", "Your name", "x"]),
        ('<input type="submit" value="Send"><meta name="description" content="About us"><meta name="x" content="no">', ["Send", "About us"]),
        ('<img alt="No" translate="no"><textarea placeholder="Write here">no</textarea>', ["Write here"]),
        ("<ul><li translate=no>no<li>yes</ul><table><tr><td translate=no>no<td>yes", ["yes", "yes"]),
        ("a < b and c > d", ["a < b and c > d"]),
        ("Hello <b", ["Hello"]),
        ('Hello <a href="x>y</a> no', ["Hello"]),
        ("Hello <!-- no", ["Hello"]),
        ("&unknown; Hello", ["Hello"]),
        ("123 <b>45</b> !", []),
        ("", []),
    ],
)  # fmt: skip
def test_what_is_read(html, expected):
    document = open_text(html, "html", "en")
    assert texts(document) == expected
    assert document.render(texts(document)) == html


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Hello <b>big</b> world.</p>", "<p>HELLO <b>BIG</b> WORLD.</p>"),
        ("<p><b>Hello world.</b></p>", "<p><b>HELLO WORLD.</b></p>"),
        ("<p><b>One is. Two are.</b> Three.</p>", "<p><b>ONE IS. TWO ARE.</b> THREE.</p>"),
        ("<p>One <b>is. Two</b> are.</p>", "<p>ONE <b>IS. TWO</b> ARE.</p>"),
        ("<p>Run <code>make all</code> now, <img src=a.png> you</p>", "<p>RUN <code>make all</code> NOW, <img src=a.png> YOU</p>"),
        ("word<sup>1</sup> and <i></i>more", "WORD<sup>1</sup> AND <i></i>MORE"),
        ("the H<sub>2</sub>O of<a href=x>[2]</a>, you", "THE H<sub>2</sub>O OF<a href=x>[2]</a>, YOU"),
        ("a <b>b <i>c</i></b> d <b><i>e</i> f</b>", "A <b>B <i>C</i></b> D <b><i>E</i> F</b>"),
        ("<b>mis <i>nested</b> tags</i> here", "<b>MIS <i>NESTED</b> TAGS</i> HERE"),
        ("stray</b> end <i>and start", "STRAY</b> END <i>AND START"),
        ('<a title="Go &quot;on&quot;" href="?a=1&amp;b">x</a>', '<a title="GO &quot;ON&quot;" href="?a=1&amp;b">X</a>'),
        ("See <a href=https://a.b/>https://a.b/</a> now", "SEE <a href=https://a.b/>https://a.b/</a> NOW"),
        ("<p>Text<!-- c --> here</p>\n\n <p>&nbsp;</p>", "<p>TEXT<!-- c --> HERE</p>\n\n <p>&nbsp;</p>"),
    ],
)  # fmt: skip
def test_markup_survives(html, expected):
    assert through(html, "html") == expected


def test_a_space_between_two_marks_stays_between_them():
    document = open_text("<p>Das ist <b>neu</b> <img> hier.</p>", "html", "de")
    same = [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert document.render(["That is new here."], lambda *_: same) == "<p>That is <b>new</b> <img> here.</p>"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("किताब यहाँ है।<sup>1</sup> और नदी<sup>२</sup> भी।", ["किताब यहाँ है।", "और नदी भी।"]),
        ("这本书<sup>1</sup>是旧的。<sup>[2]</sup>你好。", ["这本书是旧的。", "你好。"]),
        ("<sup>1</sup> a note, a<sub>2</sub>b", ["1 a note, a2b"]),
    ],
)
def test_numbers_of_notes_are_no_text(html, expected):
    assert texts(open_text(html, "html", "hi")) == expected


def test_translations_never_become_markup():
    hostile = "<img src=x onerror=alert(1)> & \"quotes\" 'too' </script><!--"
    html = "<p>Hello</p><a title=\"Hello\" lang=en>x</a><input placeholder='Hello'><title>Hello</title>"
    result = through(html, "html", lambda sentence: hostile if sentence == "Hello" else sentence)

    class Tags(HTMLParser):
        def __init__(self):
            super().__init__()
            self.found = []

        def handle_starttag(self, tag, attributes):
            self.found.append((tag, dict(attributes)))

    reader = Tags()
    reader.feed(result)
    assert [tag for tag, _ in reader.found] == ["p", "a", "input", "title"]
    assert reader.found[1][1] == {"title": hostile, "lang": "en"}
    assert reader.found[2][1] == {"placeholder": hostile}
    assert result.count("&lt;img") == 4


def test_escaped_markup_stays_escaped():
    html = "<p>&lt;img src=x onerror=..&gt; Fine</p><a href='?a=1&amp;b'>go</a>"
    assert through(html, "html") == "<p>&lt;IMG SRC=X ONERROR=..&gt; FINE</p><a href='?a=1&amp;b'>GO</a>"


def test_words_take_their_tags_along():
    def align(source, target):
        assert (list(source), list(target)) == (["The", "red", "car", "."], ["La", "voiture", "rouge", "."])
        return [(0, 0), (1, 2), (2, 1), (3, 3)]

    html = "<p>The <b>red</b> <i>car</i>.</p>"
    assert (
        through(html, "html", lambda _: "La voiture rouge.", align)
        == "<p>La <i>voiture</i> <b>rouge</b>.</p>"
    )


def test_the_language_of_the_page():
    html = '<html lang="en-GB"><p lang="en">Hi</p></html>'
    assert through(html, "html", str, target="de") == '<html lang="de"><p lang="en">Hi</p></html>'
    assert through(html.replace("en-GB", "it"), "html", str, target="de") == html.replace("en-GB", "it")


def test_xhtml_keeps_case_and_entities():
    html = '<?xml version="1.0"?><!DOCTYPE html [<!ENTITY own "x>">]><html><P>Hi &own; you <br/> <Svg/>end<![CDATA[ <b> ]]></P><P><![CDATA[x]]></P></html>'
    document = open_text(html, "html", "en")
    assert texts(document) == ["Hi you", "end <b>", "x"]
    assert "HI &own; YOU <br/> <Svg/>END &lt;B&gt;</P><P><![CDATA[x]]></P>" in document.render(
        ["HI YOU", "END <B>", "x"]
    )


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Hi <%= user > 3 ? 'a b' : c %> there</p>", "<p>HI <%= user > 3 ? 'a b' : c %> THERE</p>"),
        ("<p>Hi <?php echo $a->name; ?> there</p>", "<p>HI <?php echo $a->name; ?> THERE</p>"),
        ("<% if (a < b) { %><p>yes</p><% } %>", "<% if (a < b) { %><p>YES</p><% } %>"),
        ("<p <% if (a > b) { %>class='x y'<% } %>>hi</p>", "<p <% if (a > b) { %>class='x y'<% } %>>HI</p>"),
        ("<option <?php echo $a->b ?>>one</option>", "<option <?php echo $a->b ?>>ONE</option>"),
        ("<p>so 5 <% of it", "<p>SO 5 &lt;% OF IT"),
        ("<p>so</p><?php if ($a > 1) go", "<p>SO</p><?php if ($a > 1) go"),
    ],
)
def test_instructions_of_templates_stay(html, expected):
    assert through(html, "html") == expected


def test_marks_of_direction_part_no_element_from_its_words():
    html = "<p><b>\u200fשלום</b>\u200f עולם, <i>&rlm;חבר&rlm;</i></p>"
    document = open_text(html, "html", "he")
    assert texts(document) == ["שלום עולם, חבר"] and document.render(texts(document)) == html
    links = [(0, 1), (1, 0), (2, 2), (3, 3)]  # to "world hello, friend"
    assert (
        document.render(["World hello, friend"], lambda *_: links)
        == "<p>World <b>hello</b>, <i>friend</i></p>"
    )


def test_instructions_and_comments_keep_their_order():
    links = [(0, 3), (1, 1), (2, 2), (3, 0)]  # to "now to folder copy"
    for first, second in (("<% if a %>", "<% end %>"), ("<!-- ko if: a -->", "<!-- /ko -->")):
        document = open_text(f"<p>Copy {first} to folder {second} now</p>", "html", "en")
        result = document.render(["now to folder Copy"], lambda *_: links)
        assert result == f"<p>now to folder {first} Copy {second}</p>"


@pytest.mark.parametrize("is_xml", [False, True])
@pytest.mark.parametrize(
    "text",
    ["<", "</", "</>", "<!", "<a b='", "<a b=c d>x</A>", "<1>", "<a/b>", "<a\n=x>", "x<!-->y", "<!--->z", "<? x >y ?>", "<a b=>c", "<plaintext>x<b>", "</title><title>a<b></title>"],
)  # fmt: skip
def test_tokens_joined_are_the_text(text, is_xml):
    assert "".join(token.raw for token in tokens(text, is_xml=is_xml)) == text


@pytest.mark.full
@pytest.mark.parametrize(
    "text",
    ["<" * 50_000, "<b>" * 50_000, "<b>x" * 10_000 + "</b>" * 10_000, "<a " * 100_000, "<!--" * 100_000, "<script>" * 50_000,
     "<script><!--<script>" + "</script>x" * 20_000, "<p>" * 20_000, "<b><i>" * 10_000 + "</b>x</i>" * 10_000, "<a b='" * 50_000,
     "<b>" * 10_000 + "<div>x" * 10_000, "&" * 50_000, "<code>" * 50_000, "<b translate=no>a<i translate=yes>b" * 5_000, "x <b>y</b> " * 5_000, "<a" + " " * 50_000 + "b"],
)  # fmt: skip
def test_hostile_markup(text):
    """Quadratic time would take minutes."""
    assert through(text, "html", str) == text
    through(text, "html")


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Click <button>Save</button> to go on.</p>", ["Click Save to go on."]),
        ("<p>The <my-term>dog</my-term> and <slot>cat</slot>, <o:p>too</o:p>.</p>", ["The dog and cat, too."]),
        ('<p>Hi <x id="1"/>, you have <g id="2">new</g> mail.</p>', ["Hi, you have new mail."]),
        ("<p>Take <select><option>one<option>two</select> of them</p>", ["one", "two", "Take of them"]),
        ("<p>See <video>No video</video> here</p>", ["No video", "See here"]),
        ("<button>Save</button><button>Stop</button> <label>Name <input></label><label>Age</label>", ["Save", "Stop", "Name", "Age"]),
        ("<input type=radio> Red <input type=RADIO> Green", ["Red", "Green"]),
        ("<b>Red</b> <input type=checkbox> Green <input type=checkbox>", ["Red", "Green"]),
        ("<p>Order <input type=number> of <input value=2> dogs</p>", ["Order of dogs"]),
        ("<p><ruby>希<rt>のぞ</rt>美<rt>み</rt></ruby>も行く。</p>", ["希美も行く。"]),
        ("<p><ruby><rb>漢<rp>(<rt>かん<rp>)<rb>字<rt>じ</ruby>を読む</p>", ["漢字を読む"]),
        ("<p>A <svg/> picture, <span/>and more</p>", ["A picture, and more"]),
        ("<ul><li><span>One<li>Two</ul><p>A<div>B</div>", ["One", "Two", "A", "B"]),
    ],
)  # fmt: skip
def test_unlisted_elements_stand_in_a_sentence(html, expected):
    document = open_text(html, "html", "ja" if "ruby" in html else "en")
    assert texts(document) == expected
    assert document.render(texts(document)) == html


def test_a_ruby_keeps_its_readings():
    html = "<p><ruby>希<rt>のぞ</rt>美<rt>み</rt></ruby>も行く。</p>"
    result = through(html, "html", lambda _: "Nozomi goes, too.", language="ja")
    assert (
        result.index("<ruby>")
        < result.index("<rt>のぞ</rt>")
        < result.index("<rt>み</rt>")
        < result.index("</ruby>")
    )


def test_sentences_side_by_side():
    assert through("<p><b>So it is.</b><i>It was.</i></p>", "html") == "<p><b>SO IT IS.</b><i>IT WAS.</i></p>"
    chinese = "<p><b>你好。</b><i>再见。</i></p>"
    assert through(chinese, "html", lambda _: "Hi.", language="zh") == "<p><b>Hi.</b> <i>Hi.</i></p>"
    assert through(chinese, "html", lambda _: "好。", language="zh") == "<p><b>好。</b><i>好。</i></p>"
