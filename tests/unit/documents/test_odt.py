import re
import xml.etree.ElementTree as ElementTree

import pytest

from crosslate.documents import open_document
from toy_documents import is_kept, texts, unzipped, zipped

ODF = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
CONTENT = f'<office:document xmlns:office="o" xmlns:draw="d" xmlns:text="{ODF}"><office:text>%s</office:text></office:document>'


def odt(body):
    return zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": CONTENT % body})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<text:h>A title</text:h><text:p>Hello <text:span a='b'>big</text:span> world.</text:p>", ["A title", "Hello big world."]),
        ("<text:p>One<text:tab/>two<text:s text:c='3'/>three<text:line-break/>four</text:p>", ["One", "two", "three", "four"]),
        ("<text:p>Text<text:note><text:note-citation>no</text:note-citation><text:p>A note.</text:p></text:note> goes on.</text:p>", ["A note.", "Text goes on."]),
        ("<text:p>See <text:bookmark/>page <text:page-ref>no 12</text:page-ref> now</text:p>", ["See page now"]),
        ("<text:tracked-changes><text:p>no</text:p></text:tracked-changes><text:p>x</text:p>", ["x"]),
        ("no<text:p/>", []),
    ],
)  # fmt: skip
def test_what_is_read(body, expected):
    document = open_document(odt(body), "odt", "en")
    assert texts(document) == expected
    members = unzipped(document.rebuild([text.upper() for text in expected]))
    assert list(members) == ["mimetype", "content.xml"]
    written = members["content.xml"].decode()
    assert re.findall("<[^>]+>", written) == re.findall("<[^>]+>", CONTENT % body)
    assert "".join(ElementTree.fromstring(written).itertext()).lower() == re.sub("<[^>]+>", "", body).lower()


def through_paragraph(body):
    content = f'<a xmlns:text="{TEXT}"><text:p>{body}</text:p></a>'
    document = open_document(zipped({"content.xml": content}), "odt", "en")
    result = unzipped(document.rebuild([text.upper() for text in texts(document)]))["content.xml"].decode()
    assert is_kept(zipped({"content.xml": content}), "odt")
    return texts(document), result.partition("<text:p>")[2].partition("</text:p>")[0]


TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"


def test_a_second_space_is_one_and_more_divide():
    assert through_paragraph("It is <text:s/>fine") == (["It is fine"], "IT IS FINE")
    assert through_paragraph('So. <text:s text:c="1"/>It is.') == (
        ["So.", "It is."],
        'SO. <text:s text:c="1"/>IT IS.',
    )
    assert through_paragraph('Name <text:s text:c="3"/>value')[0] == ["Name", "value"]


def test_readings_are_no_text():
    base = "<text:ruby><text:ruby-base>漢</text:ruby-base><text:ruby-text>kan</text:ruby-text></text:ruby>"
    read, written = through_paragraph(f"{base}字 <text:meta>abc</text:meta>")
    assert read == ["漢字 abc"]
    assert written == f"{base}字 <text:meta>ABC</text:meta>"


def test_a_hyphen_that_does_not_break_is_read_as_a_hyphen():
    assert through_paragraph("An e\u2011mail") == (["An e-mail"], "AN E-MAIL")
