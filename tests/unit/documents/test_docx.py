import xml.etree.ElementTree as ElementTree

import pytest

from crosslate.documents import open_document
from crosslate.errors import InputError
from toy_documents import is_kept, texts, unzipped, zipped

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
BODY = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<w:document xmlns:w="{WORD}"><w:body>%s</w:body></w:document>'


def word(body):
    return zipped(
        {"[Content_Types].xml": "<Types/>", "word/document.xml": BODY % body, "word/media/a.png": b"\x89PNG"}
    )


def through(body, translate=str.upper):
    """The sentences of a body, and the body with their translations."""
    document = open_document(word(body), "docx", "en")
    result = unzipped(document.rebuild([translate(text) for text in texts(document)]))["word/document.xml"]
    ElementTree.fromstring(result)
    return texts(document), result.decode().partition("<w:body>")[2].partition("</w:body>")[0]


def test_runs_of_a_paragraph_are_one_text():
    body = (
        '<w:p><w:pPr><w:tabs><w:tab/></w:tabs></w:pPr><w:r><w:t>Hel</w:t></w:r><w:r><w:t xml:space="preserve">lo </w:t></w:r>'
        '<w:r><w:rPr><w:b/></w:rPr><w:t>big</w:t></w:r><w:r><w:t xml:space="preserve"> world &amp; all.</w:t></w:r></w:p><w:p/>'
    )
    expected = body.replace("<w:t>", '<w:t xml:space="preserve">')
    for part in ("Hel<", "lo <", ">big<", "world", "all."):
        expected = expected.replace(part, part.upper())
    assert through(body) == (["Hello big world & all."], expected)
    assert is_kept(word(body), "docx")


@pytest.mark.parametrize(
    ("body", "read", "written"),
    [
        ("<w:p><w:r><w:t>One</w:t><w:tab/><w:t>two</w:t><w:br/><w:t>three</w:t></w:r></w:p>", ["One", "two", "three"], "ONETWOTHREE"),
        ("<w:p><w:r><w:t>Around</w:t></w:r><w:r><w:pict><w:txbxContent><w:p><w:r><w:t>Inside</w:t></w:r></w:p></w:txbxContent></w:pict></w:r>"
         '<w:r><w:t xml:space="preserve"> it</w:t></w:r></w:p>', ["Inside", "Around it"], "AROUNDINSIDE IT"),
    ],
)  # fmt: skip
def test_breaks_divide_and_boxes_hold_their_own(body, read, written):
    found, result = through(body)
    assert found == read
    assert "".join(ElementTree.fromstring(f'<a xmlns:w="{WORD}">{result}</a>').itertext()) == written


def test_fields_and_deletions_stay():
    body = "<w:p><w:r><w:instrText>PAGE no</w:instrText></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:r><w:t>x</w:t></w:r></w:p>"
    expected = body.replace("<w:t>x", '<w:t xml:space="preserve">&lt;y&gt; &amp; z')
    assert through(body, lambda _: "<y> & z") == (["x"], expected)


def test_another_prefix():
    part = BODY % "<w:p><w:r><w:t>Hi</w:t></w:r></w:p>"
    data = zipped({"word/document.xml": part.replace("w:", "ns0:").replace("xmlns:w", "xmlns:ns0")})
    assert texts(open_document(data, "docx", "en")) == ["Hi"]


def test_headers_and_notes_are_read_and_other_members_copied():
    part = (BODY % "<w:p><w:r><w:t>Hi</w:t></w:r></w:p>").encode()
    read = ["word/document.xml", "word/header1.xml", "word/footnotes.xml"]
    members = dict.fromkeys([*read, "word/styles.xml"], part) | {"x/": b"", "a.bin": bytes(range(256))}
    result = unzipped(open_document(zipped(members), "docx", "en").rebuild(["A", "B", "C"]))
    assert list(result) == list(members)
    assert [name for name in members if result[name] != members[name]] == read


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<w:p>", "not well-formed XML: mismatched tag"),
        ("<w:p><w:txbxContent>" * 30 + "</w:txbxContent></w:p>" * 30, "nested more than 20 deep"),
    ],
)
def test_damage_is_refused(body, message):
    with pytest.raises(InputError, match=message):
        open_document(word(body), "docx", "en")


ICON = "<w:r><w:drawing/></w:r>"


@pytest.mark.parametrize(
    "thing", [ICON, "<m:oMath xmlns:m='m'><m:r><m:t>a+b</m:t></m:r></m:oMath>", "<w:r><w:sym/></w:r>"]
)
def test_spaces_stay_on_both_sides_of_what_is_no_text(thing):
    parts = '<w:p><w:r><w:t xml:space="preserve">The dog </w:t></w:r>%s<w:r><w:t xml:space="preserve"> is here</w:t></w:r></w:p>'
    read, written = through(parts % thing)
    assert read == ["The dog is here"]
    assert written == (parts % thing).replace("The dog", "THE DOG").replace("is here", "IS HERE")
    read, written = through((parts % thing).replace("> is", ">, is"))
    assert read == ["The dog, is here"] and "THE DOG </w:t>" in written and ">, IS" in written


def test_hyphens_are_text_in_a_sentence():
    run = "<w:p><w:r><w:t>E</w:t>%s<w:t>mail, part-time. </w:t></w:r><w:r>%s<w:t>Yes</w:t></w:r></w:p>"
    read, written = through(run % ("<w:noBreakHyphen/>", "<w:softHyphen/>"))
    assert read == ["E-mail, part-time.", "Yes"]
    shown = "".join(ElementTree.fromstring(f'<a xmlns:w="{WORD}">{written}</a>').itertext())
    assert shown == "E-MAIL, PART-TIME. YES" and "Hyphen" not in written
    body = "<w:p><w:r><w:t>A</w:t><w:noBreakHyphen/><w:t>b is it. So it is.</w:t></w:r></w:p>"
    assert is_kept(word(body), "docx")
    _, written = through(body, lambda text: text if text.startswith("A-b") else "X")
    assert ElementTree.fromstring(f'<a xmlns:w="{WORD}">{written}</a>').itertext()
    assert "\u2011" in written and "Hyphen" not in written


def test_readings_and_what_was_moved_away_are_no_text():
    run = "<w:r><w:t>%s</w:t></w:r>"
    ruby = f"<w:r><w:ruby><w:rt>{run % 'kan'}</w:rt><w:rubyBase>{run % '漢'}</w:rubyBase></w:ruby></w:r>"
    moved = f"<w:moveFrom w:id='1'>{run % 'gone'}</w:moveFrom><w:moveTo w:id='2'>{run % '字'}</w:moveTo>"
    body = f"<w:p>{ruby}{moved}<w:del w:id='3'>{run % 'old'}</w:del>{run % 'を読む。'}</w:p>"
    read, written = through(body, lambda text: f"<{text}>")
    assert read == ["漢字を読む。"]
    assert all(f"<w:t>{each}</w:t>" in written for each in ("kan", "gone", "old"))


def test_a_paragraph_of_too_many_runs_is_refused(monkeypatch):
    monkeypatch.setattr("crosslate.documents.flow._MAX_ITEMS", 50)
    with pytest.raises(InputError, match="more than 50 tags and pieces of text"):
        through("<w:p>%s</w:p>" % ("<w:r><w:t>a</w:t></w:r>" * 60))


@pytest.mark.full
@pytest.mark.parametrize("text", ["a", "a "])
@pytest.mark.parametrize("translation", ["b", "some words of text " * 100])
def test_a_paragraph_of_many_runs(text, translation):
    """Quadratic time would take minutes."""
    read, written = through(
        "<w:p>%s</w:p>" % (f"<w:r><w:t>{text}</w:t></w:r>" * 100_000), lambda _: translation
    )
    assert len(read) == 1 and written.count("<w:r>") == 100_000


def run(text):
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def field(instruction, *results):
    char, code = (
        '<w:r><w:fldChar w:fldCharType="%s"/></w:r>',
        f"<w:r><w:instrText>{instruction}</w:instrText></w:r>",
    )
    return f"{char % 'begin'}{code}{char % 'separate'}{''.join(map(run, results))}{char % 'end'}"


CONTROL = "<w:sdt><w:sdtPr><w:%s/></w:sdtPr><w:sdtContent>%s</w:sdtContent></w:sdt>"


@pytest.mark.parametrize(
    ("inside", "sentences"),
    [
        (field(" PAGE ", "3"), ["Look at now"]),
        (field(r" REF _Ref1 \h ", "Figure", " 3"), ["Look at now"]),
        (field(' IF "a"="b" ', "one", field("PAGE", "3")), ["Look at now"]),
        (f'<w:fldSimple w:instr=" DATE ">{run("4 May")}</w:fldSimple>', ["Look at now"]),
        (CONTROL % ("dropDownList", run("a choice")), ["Look at now"]),
        (CONTROL % ("dataBinding", run("a title")), ["Look at now"]),
        (CONTROL % ("text", run("this")), ["Look at this now"]),
        (field(' HYPERLINK "http://a.b" ', "this page"), ["Look at this page now"]),
        (field(" FORMTEXT ", "this"), ["Look at this now"]),
        ('<w:r><w:fldChar w:fldCharType="begin"/></w:r>', ["Look at now"]),  # without an end
    ],
)
def test_what_programs_fill_in_takes_no_words(inside, sentences):
    """Whatever a field or a control gets of a translation is gone when its program fills it again."""
    body = f"<w:p>{run('Look at ')}{inside}{run(' now')}</w:p><w:p>{run('Next')}</w:p>"
    found, result = through(body, lambda text: "Und nun viel mehr Wörter" if "Look" in text else "Danach")
    assert found == [*sentences, "Next"]
    assert (inside in result) == (sentences == ["Look at now"])
    assert "Danach" in result


def test_fields_of_several_paragraphs_are_read():
    contents = field(r" TOC \o ", "First part", "</w:t></w:r></w:p><w:p><w:r><w:t>Second part")
    assert through(f"<w:p>{contents}</w:p>")[0] == ["First part", "Second part"]
    old = field(" AUTOTEXT x ", "Old words", "</w:t></w:r></w:p><w:p><w:r><w:t>More words")
    assert through(f"<w:p>{old}{run(' after')}</w:p>")[0] == ["Old words", "More words after"]


@pytest.mark.parametrize(
    "placeholder",
    [["{na", "me}"], ["{", "user", "}"], ["https://exa", "mple.org/a-", "b"], ["%", "1$s"]],
)
def test_placeholders_cut_by_runs_stay_whole(placeholder):
    whole = "".join(placeholder)
    body = f"<w:p>{run('Look at ')}{''.join(map(run, placeholder))}{run(' now')}</w:p>"
    found, result = through(body, lambda _: "Und nun")
    assert found == ["Look at now"]
    written = "".join(ElementTree.fromstring(f'<a xmlns:w="{WORD}">{result}</a>').itertext())
    assert written == f"Und {whole} nun"
