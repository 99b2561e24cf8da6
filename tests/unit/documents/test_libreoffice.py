"""LibreOffice reads what was translated, from files that it wrote itself."""

import shutil
import subprocess

import pytest

from crosslate.documents import open_document
from toy_documents import is_kept, texts

SLIDES = """<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" office:version="1.3"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"
 xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0"
 xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"
 office:mimetype="application/vnd.oasis.opendocument.presentation">
<office:automatic-styles><style:style style:name="B" style:family="text"><style:text-properties fo:font-weight="bold"/></style:style></office:automatic-styles>
<office:body><office:presentation><draw:page draw:name="page1"><draw:frame svg:x="1cm" svg:y="1cm" svg:width="20cm" svg:height="5cm">
<draw:text-box><text:p>Hello <text:span text:style-name="B">bold</text:span> words</text:p></draw:text-box></draw:frame>
<presentation:notes><draw:frame svg:x="1cm" svg:y="1cm" svg:width="9cm" svg:height="5cm" presentation:class="notes"><draw:text-box>
<text:p>A note</text:p></draw:text-box></draw:frame></presentation:notes></draw:page></office:presentation></office:body></office:document>
"""
SHEET = 'Name here,Price\n"Apples & pears",5.5\n"Two\nlines",=B2*2\n'

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice (soffice)"),
]


def converted(folder, name, content, ending):
    """A file in another format, as LibreOffice writes it."""
    (folder / name).write_bytes(content)
    profile = f"-env:UserInstallation=file://{folder}/profile"
    command = [
        "soffice",
        profile,
        "--headless",
        "--convert-to",
        ending,
        "--outdir",
        str(folder),
        str(folder / name),
    ]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    return (folder / f"{name.partition('.')[0]}.{ending}").read_bytes()


def translated(data, format_):
    assert is_kept(data, format_)
    document = open_document(data, format_, "en", "de")
    return texts(document), document.rebuild([text.upper() for text in texts(document)])


def test_a_spreadsheet(tmp_path):
    written = converted(tmp_path, "a.csv", SHEET.encode(), "xlsx")
    read, result = translated(written, "xlsx")
    assert read == ["Name here", "Price", "Apples & pears", "Two", "lines"]
    shown = converted(tmp_path, "b.xlsx", result, "csv").decode()
    assert shown == 'NAME HERE,PRICE\nAPPLES & PEARS,5.5\n"TWO\nLINES",11\n'


def test_a_presentation(tmp_path):
    written = converted(tmp_path, "a.fodp", SLIDES.encode(), "pptx")
    read, result = translated(written, "pptx")
    assert sorted(read) == ["A note", "Hello bold words"]
    shown = converted(tmp_path, "b.pptx", result, "fodp").decode()
    assert all(text in shown for text in ("HELLO ", ">BOLD<", " WORDS", "A NOTE"))
