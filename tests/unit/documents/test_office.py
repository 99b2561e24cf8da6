import xml.etree.ElementTree as ElementTree
import zipfile

import pytest

from crosslate.documents import open_document
from crosslate.errors import InputError

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
BODY = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<w:document xmlns:w="{WORD}"><w:body>%s</w:body></w:document>'
ODF = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
CONTENT = f'<office:document xmlns:office="o" xmlns:draw="d" xmlns:text="{ODF}"><office:text>%s</office:text></office:document>'


def texts(document):
    return [segment.text for segment in document.segments]


@pytest.fixture
def word(zipped):
    return lambda body: zipped(
        {"[Content_Types].xml": "<Types/>", "word/document.xml": BODY % body, "word/media/a.png": b"\x89PNG"}
    )


@pytest.fixture
def odt(zipped):
    return lambda body: zipped(
        {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": CONTENT % body}
    )


class TestWord:
    def through(self, data, translate, unzipped):
        document = open_document(data, "docx", "en")
        result = unzipped(document.rebuild([translate(text) for text in texts(document)]))
        ElementTree.fromstring(result["word/document.xml"])
        return texts(document), result["word/document.xml"].decode().split("<w:body>")[1].split("</w:body>")[
            0
        ]

    def test_runs_of_a_paragraph_are_one_text(self, word, unzipped):
        body = (
            '<w:p><w:pPr><w:tabs><w:tab/></w:tabs></w:pPr><w:r><w:t>Hel</w:t></w:r><w:r><w:t xml:space="preserve">lo </w:t></w:r>'
            '<w:r><w:rPr><w:b/></w:rPr><w:t>big</w:t></w:r><w:r><w:t xml:space="preserve"> world &amp; all.</w:t></w:r></w:p><w:p/>'
        )
        read, written = self.through(word(body), str.upper, unzipped)
        assert read == ["Hello big world & all."]
        assert written == body.replace("<w:t>", '<w:t xml:space="preserve">').replace("Hel<", "HEL<").replace(
            "lo <", "LO <"
        ).replace(">big<", ">BIG<").replace("world", "WORLD").replace("all.", "ALL.")

    def test_what_is_not_translated_comes_back_whole(self, word):
        data = word("<w:p><w:r><w:t>Hello </w:t></w:r><w:r><w:t>there</w:t></w:r></w:p>")
        document = open_document(data, "docx", "en")
        assert document.rebuild(texts(document)) == data

    def test_tabs_and_breaks_divide(self, word, unzipped):
        body = "<w:p><w:r><w:t>One</w:t><w:tab/><w:t>two</w:t><w:br/><w:t>three</w:t></w:r></w:p>"
        read, written = self.through(word(body), str.upper, unzipped)
        assert read == ["One", "two", "three"]
        assert [
            each.text
            for each in ElementTree.fromstring(f'<a xmlns:w="{WORD}">{written}</a>').iter(f"{{{WORD}}}t")
        ] == ["ONE", "TWO", "THREE"]

    def test_boxes_in_paragraphs_hold_their_own(self, word, unzipped):
        body = (
            "<w:p><w:r><w:t>Around</w:t></w:r><w:r><w:pict><w:txbxContent><w:p><w:r><w:t>Inside</w:t></w:r></w:p></w:txbxContent></w:pict></w:r>"
            '<w:r><w:t xml:space="preserve"> it</w:t></w:r></w:p>'
        )
        read, written = self.through(word(body), str.upper, unzipped)
        assert sorted(read) == ["Around it", "Inside"]
        plain = ElementTree.fromstring(f'<a xmlns:w="{WORD}">{written}</a>')
        assert "".join(plain.itertext()) == "AROUNDINSIDE IT"

    def test_fields_and_deletions_stay(self, word, unzipped):
        body = "<w:p><w:r><w:instrText>PAGE no</w:instrText></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:r><w:t>x</w:t></w:r></w:p>"
        read, written = self.through(word(body), lambda _: "<y> & z", unzipped)
        assert read == ["x"] and written == body.replace(
            "<w:t>x", '<w:t xml:space="preserve">&lt;y&gt; &amp; z'
        )

    def test_another_prefix(self, zipped, unzipped):
        data = zipped(
            {
                "word/document.xml": (BODY % "<w:p><w:r><w:t>Hi</w:t></w:r></w:p>")
                .replace("w:", "ns0:")
                .replace("xmlns:w", "xmlns:ns0")
            }
        )
        assert texts(open_document(data, "docx", "en")) == ["Hi"]

    def test_headers_and_notes_are_read_and_other_members_copied(self, zipped, unzipped):
        part = BODY % "<w:p><w:r><w:t>Hi</w:t></w:r></w:p>"
        members = {
            "word/document.xml": part,
            "word/header1.xml": part,
            "word/footnotes.xml": part,
            "word/styles.xml": part,
            "x/": b"",
            "a.bin": bytes(range(256)),
        }
        data = zipped(members)
        result = unzipped(open_document(data, "docx", "en").rebuild(["A", "B", "C"]))
        assert list(result) == list(members)
        assert [name for name in members if result[name] != (members[name].encode() if isinstance(members[name], str) else members[name])] == [
            "word/document.xml", "word/header1.xml", "word/footnotes.xml"
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("<w:p>", "not well-formed XML: mismatched tag"),
            ("<w:p><w:txbxContent>" * 30 + "</w:txbxContent></w:p>" * 30, "nested more than 20 deep"),
        ],
    )
    def test_damage_is_refused(self, word, body, message):
        with pytest.raises(InputError, match=message):
            open_document(word(body), "docx", "en")

    def test_entities_are_refused(self, zipped):
        bomb = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + BODY.split("?>\n")[1] % "&b;"
        with pytest.raises(InputError, match="declares the entity 'a'"):
            open_document(zipped({"word/document.xml": bomb}), "docx", "en")


class TestOpenDocument:
    def through(self, data, translate, unzipped):
        document = open_document(data, "odt", "en")
        result = unzipped(document.rebuild([translate(text) for text in texts(document)]))["content.xml"]
        ElementTree.fromstring(result)
        return texts(document), result.decode().split("<office:text>")[1].split("</office:text>")[0]

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
    def test_what_is_read(self, odt, unzipped, body, expected):
        read, written = self.through(odt(body), str.upper, unzipped)
        assert sorted(read) == sorted(expected)
        assert "".join(ElementTree.fromstring(f'<a xmlns:text="{ODF}">{written}</a>').itertext()).lower() == "".join(
            ElementTree.fromstring(f'<a xmlns:text="{ODF}">{body}</a>').itertext()
        ).lower()  # fmt: skip
        assert [part.split(">")[0] for part in written.split("<")] == [
            part.split(">")[0] for part in body.split("<")
        ] or not read

    def test_the_first_member_stays_first(self, odt, unzipped):
        document = open_document(odt("<text:p>Hi</text:p>"), "odt", "en")
        assert list(unzipped(document.rebuild(["Ho"]))) == ["mimetype", "content.xml"]

    def test_deep_nesting_is_refused(self, odt):
        body = "<text:p><text:note>" * 30 + "</text:note></text:p>" * 30
        with pytest.raises(InputError, match="nested more than 20 deep"):
            open_document(odt(body), "odt", "en")


class TestArchives:
    def test_damaged_archives_are_refused(self, word):
        data = word("<w:p><w:r><w:t>Hello there</w:t></w:r></w:p>")
        for broken in (b"", b"PK", data[:-30], data[: len(data) // 2], b"no zip at all"):
            with pytest.raises(InputError, match="no whole docx file"):
                open_document(broken, "docx", "en")
        flipped = bytearray(data)
        place = data.index(b"word/document.xml") + 40
        flipped[place] ^= 0xFF
        with pytest.raises(InputError, match="is damaged"):
            open_document(bytes(flipped), "docx", "en")

    @pytest.mark.parametrize("name", ["../word/document.xml", "/etc/passwd", "a\\..\\b", "a/../../b", "c:/x"])
    def test_names_that_lead_away_are_refused(self, zipped, name):
        with pytest.raises(InputError, match="unsafe name"):
            open_document(zipped({name: "x"}), "docx", "en")

    def test_another_kind_is_refused(self, odt):
        with pytest.raises(InputError, match="it is no docx file"):
            open_document(odt(""), "docx", "en")

    def test_what_unpacks_to_too_much_is_refused(self, zipped, monkeypatch):
        data = zipped({"word/document.xml": BODY % (" " * 100_000)})
        monkeypatch.setattr("crosslate.documents.archives.MAX_TEXT_BYTES", 50_000)
        with pytest.raises(InputError, match="bytes of text"):
            open_document(data, "docx", "en")
        monkeypatch.setattr("crosslate.documents.archives.MAX_UNPACKED_BYTES", 50_000)
        with pytest.raises(InputError, match="unpacks to 1 members with 100,1"):
            open_document(data, "docx", "en")
        monkeypatch.setattr("crosslate.documents.archives.MAX_MEMBERS", 0)
        with pytest.raises(InputError, match="at most 0 members"):
            open_document(data, "docx", "en")

    def test_other_compressions_are_refused(self, zipped):
        with pytest.raises(InputError, match="compressed in a way"):
            open_document(zipped({"word/document.xml": "x"}, compression=zipfile.ZIP_LZMA), "docx", "en")

    def test_encrypted_archives_are_refused(self, word):
        data = bytearray(word(""))
        for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            data[data.index(sign) + offset] |= 1
        with pytest.raises(InputError, match="encrypted"):
            open_document(bytes(data), "docx", "en")
