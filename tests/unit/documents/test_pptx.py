import xml.etree.ElementTree as ElementTree

import pytest

from crosslate.documents import open_document
from crosslate.errors import InputError
from toy_documents import is_kept, texts, unzipped, zipped

DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
SLIDE = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<p:sld xmlns:a="{DRAWING}" xmlns:p="p"><p:txBody>%s</p:txBody></p:sld>'


BOLD = " b='1'"


def presentation(body):
    return zipped({
        "[Content_Types].xml": "<Types/>", "ppt/presentation.xml": "<p/>", "ppt/slideMasters/slideMaster1.xml": SLIDE % "<a:p><a:r><a:t>Click to edit</a:t></a:r></a:p>",
        "ppt/slides/slide1.xml": SLIDE % body, "ppt/media/a.png": b"\x89PNG",
    })  # fmt: skip


def through(body, translate=str.upper):
    """The sentences of a slide, and its body with their translations."""
    document = open_document(presentation(body), "pptx", "en", None)
    members = unzipped(document.rebuild([translate(text) for text in texts(document)]))
    before = unzipped(presentation(body))
    assert [name for name in before if before[name] != members[name]] in ([], ["ppt/slides/slide1.xml"])
    result = members["ppt/slides/slide1.xml"]
    ElementTree.fromstring(result)
    return texts(document), result.decode().partition("<p:txBody>")[2].partition("</p:txBody>")[0]


def run(text, properties=""):
    return f"<a:r><a:rPr lang='en-US'{properties}/><a:t>{text}</a:t></a:r>"


def test_runs_of_a_paragraph_are_one_text():
    body = (
        f"<a:p><a:pPr><a:buChar char='x'/></a:pPr>{run('Hel')}{run('lo ')}{run('big', BOLD)}"
        f"{run(' world &amp; all.')}<a:endParaRPr/></a:p><a:p/><a:p>{run('Next')}</a:p>"
    )
    expected = body
    for part in ("Hel<", "lo <", ">big<", "world", "all.", "Next"):
        expected = expected.replace(part, part.upper())
    assert through(body) == (["Hello big world & all.", "Next"], expected)
    assert is_kept(presentation(body), "pptx")


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (f"<a:p>{run('One')}<a:br/>{run('two')}</a:p>", ["One", "two"]), (f"<a:p>{run('One&#10;two')}</a:p>", ["One", "two"]),
        (f"<a:p>{run('One	two')}</a:p>", ["One", "two"]), (f"<a:p>{run('5 %')}</a:p>", []), (f"<a:p>{run('Hello {na')}{run('me}, {x}')}</a:p>", ["Hello,"]),
        (f"<a:p>{run('Slide ')}<a:fld type='slidenum'><a:t>Three</a:t></a:fld>{run(' here')}</a:p>", ["Slide here"]),
    ],
)  # fmt: skip
def test_breaks_divide_and_fields_stay(body, read):
    found, result = through(body)
    assert found == read
    assert result.count("Three") == body.count("Three") and result.count("<a:") == body.count("<a:")


@pytest.mark.parametrize("sentence", ["مرحبا بالعالم", "สวัสดีชาวโลก", "<b>&\"'"])
def test_any_script_and_no_markup(sentence):
    _, result = through(f"<a:p>{run('Hello ')}{run('world')}</a:p>", lambda _: sentence)
    body = ElementTree.fromstring(f'<x xmlns:a="{DRAWING}">{result}</x>')
    assert "".join(body.itertext()) == sentence and len(list(body.iter(f"{{{DRAWING}}}r"))) == 2


def test_notes_of_speakers_are_read():
    members = {f"ppt/{name}.xml": SLIDE % f"<a:p>{run('Hello')}</a:p>" for name in ("slides/slide1", "notesSlides/notesSlide1", "slideLayouts/slideLayout1")}  # fmt: skip
    result = unzipped(open_document(zipped(members), "pptx", "en").rebuild(["Eins", "Zwei"]))
    assert b"Eins" in result["ppt/slides/slide1.xml"] and b"Zwei" in result["ppt/notesSlides/notesSlide1.xml"]
    assert b"Hello" in result["ppt/slideLayouts/slideLayout1.xml"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (zipped({"word/document.xml": "<a/>"}), "it is no pptx file"), (presentation("<a:p>"), "not well-formed XML"), (b"PK", "no whole pptx file"),
        (zipped({"ppt/slides/slide1.xml": '<!DOCTYPE a [<!ENTITY a "b">]><a>&a;</a>'}), "declares the entity 'a'"),
    ],
)  # fmt: skip
def test_other_files_are_refused(data, message):
    with pytest.raises(InputError, match=message):
        open_document(data, "pptx", "en")
