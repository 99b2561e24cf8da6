import pytest

from crosslate.documents import open_document
from crosslate.errors import InputError
from toy_documents import is_kept, texts, unzipped, zipped

CONTAINER = (
    '<container><rootfiles><rootfile full-path="OEBPS/a &amp; b.opf" media-type="x"/></rootfiles></container>'
)
PACKAGE = (
    '<package xmlns:dc="d"><metadata><dc:title>Title</dc:title><dc:language>en</dc:language></metadata><manifest>'
    '<item href="text/one%20page.xhtml" media-type="application/xhtml+xml"/><item href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    '<item href="style.css" media-type="text/css"/><item href="missing.xhtml" media-type="application/xhtml+xml"/></manifest></package>'
)
PAGE = '<?xml version="1.0"?><html xml:lang="en"><head><title>Page</title></head><body><p>Hello <b>you</b>&nbsp;there.<br/></p></body></html>'
MEMBERS = {
    "mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER, "OEBPS/a & b.opf": PACKAGE,
    "OEBPS/text/one page.xhtml": PAGE, "OEBPS/toc.ncx": "<ncx><docTitle><text>Contents</text></docTitle></ncx>",
    "OEBPS/style.css": "p {}",
}  # fmt: skip


def test_the_pages_of_the_package_are_read():
    document = open_document(zipped(MEMBERS), "epub", "en", "de")
    assert texts(document) == ["Page", "Hello you there.", "Contents"]
    result = unzipped(document.rebuild([text.upper() for text in texts(document)]))
    assert list(result) == list(MEMBERS)
    assert result["OEBPS/text/one page.xhtml"].decode() == PAGE.replace('"en"', '"de"').replace(
        "Page", "PAGE"
    ).replace("Hello <b>you</b>&nbsp;there", "HELLO <b>YOU</b> THERE")
    assert result["OEBPS/toc.ncx"] == b"<ncx><docTitle><text>CONTENTS</text></docTitle></ncx>"
    assert result["OEBPS/a & b.opf"].decode() == PACKAGE.replace(">en<", ">de<")
    assert result["OEBPS/style.css"] == b"p {}"
    assert is_kept(zipped(MEMBERS), "epub")


def test_what_is_no_book_is_refused():
    for members in ({"a": "b"}, MEMBERS | {"META-INF/container.xml": "<container/>"}):
        with pytest.raises(InputError, match="names no package"):
            open_document(zipped(members), "epub", "en")


def test_protected_books_are_refused():
    locked = '<encryption><CipherReference URI="OEBPS/text/one%20page.xhtml"/></encryption>'
    with pytest.raises(InputError, match="without protection"):
        open_document(zipped(MEMBERS | {"META-INF/encryption.xml": locked}), "epub", "en")
    fonts = locked.replace("text/one%20page.xhtml", "font.otf")
    assert texts(open_document(zipped(MEMBERS | {"META-INF/encryption.xml": fonts}), "epub", "en"))
