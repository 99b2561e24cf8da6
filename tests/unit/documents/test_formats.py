"""What holds for documents of every format."""

import re
import zipfile
from pathlib import Path

import pytest

from crosslate.documents import all_formats, format_of, open_document, open_text
from crosslate.errors import InputError, UsageError
from toy_documents import is_kept, texts, unzipped, zipped

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "documents.md"


def test_formats_are_found_by_name_and_by_suffix():
    suffixes = [suffix for each in all_formats() for suffix in each.suffixes]
    assert suffixes[:6] == [".txt", ".text", ".html", ".htm", ".xhtml", ".srt"]
    assert len(set(suffixes)) == len(suffixes)
    assert format_of("Folder/A.B.XHTML").name == "html"
    assert {format_of(f"a.{ending}").name for ending in ("sdlxliff", "mqxliff", "mxliff")} == {"xliff"}
    with pytest.raises(
        UsageError, match=r"a\.doc: cannot tell .* by its ending '\.doc'; known endings: \.txt "
    ):
        format_of("a.doc")
    with pytest.raises(UsageError, match="did you mean 'text'"):
        open_document(b"", "texts", "en")
    with pytest.raises(UsageError, match="docx documents are archives"):
        open_text("", "docx", "en")


def test_the_guide_describes_every_format():
    """A new format gets its row in the guide's table."""
    rows = [
        f"| {each.name} ({' '.join(f'`{suffix}`' for suffix in each.suffixes)}) |" for each in all_formats()
    ]
    assert [row for row in rows if row not in GUIDE.read_text(encoding="utf-8")] == []


def test_translations_must_be_as_many():
    document = open_text("Hi. You there.", "text", "en")
    for wrong in (["a"], "ab"):
        with pytest.raises(UsageError, match=r"\d translations for 2 segments"):
            document.render(wrong)


class TestEncodings:
    @pytest.mark.parametrize(
        ("data", "language"),
        [
            (b"\xef\xbb\xbfHi \xc3\xa9\r\n", "en"), ("Grüße an alle".encode("utf-16"), "de"), ("\ufeffGrüße".encode("utf-32-be"), "de"),
            ("Grüße an alle".encode("utf-16-le"), "de"), ("Привет, мир".encode("cp1251"), "ru"), ("Grüße".encode("cp1252"), "de"),
            ("こんにちは".encode("cp932"), "ja"), ("Grüße an größere Mächte \xff".encode() + b"\xff\xfe", "de"),
            (bytes(range(1, 256)), "ja"), (b"", "en"),
        ],
    )  # fmt: skip
    def test_any_text_comes_back_byte_by_byte(self, data, language):
        assert is_kept(data, "text", language)

    def test_what_an_encoding_lacks_makes_a_text_utf_8(self):
        document = open_document("Привет, мир".encode("cp1251"), "text", "ru")
        assert texts(document) == ["Привет, мир"]
        assert document.rebuild(["Да"]) == "Да".encode("cp1251")
        assert document.rebuild(["你好"]) == "你好".encode()
        document = open_document("\ufeffGrüße".encode("utf-16-le"), "text", "de")
        assert document.rebuild(["你好"]) == "\ufeff你好".encode("utf-16-le")

    @pytest.mark.parametrize("codec", ["utf-8", "iso-8859-1", "windows-1251", "utf-16"])
    def test_in_html_it_is_written_as_a_reference(self, codec):
        data = f'<meta charset="{codec}"><p>Hello there</p>'.encode(codec)
        assert is_kept(data, "html")
        result = open_document(data, "html", "en").rebuild(["Grüße 你好"])
        expected = "<p>Grüße 你好</p>".encode(codec, "xmlcharrefreplace").decode(codec)
        assert expected in result.decode(codec)

    @pytest.mark.parametrize("name", ["punycode", "unicode_escape", "rot13", "zlib", "nonsense", "utf-7"])
    def test_declared_encodings_that_are_none_are_passed_over(self, name):
        data = f'<meta charset="{name}"><p>{"abc-" * 5_000}</p>é'.encode()
        assert texts(open_document(data, "html", "en"))[-1] == "é" and is_kept(data, "html")

    @pytest.mark.parametrize(
        "data", [b"%PDF-1.7 abc", b"{\\rtf1 abc}", b"PK\x03\x04abc", b"\xd0\xcf\x11\xe0abc"]
    )
    @pytest.mark.parametrize("format_", ["text", "html", "srt", "po"])
    def test_files_of_another_kind_are_refused(self, data, format_):
        with pytest.raises(InputError, match=r"it is .*, not text; give its real kind"):
            open_document(data, format_, "en")

    def test_what_is_no_text_is_refused(self):
        with pytest.raises(InputError, match="NUL at byte 3"):
            open_document(b"abc\0\1\2\3defghijk", "text", "en")


class TestArchives:
    DATA = zipped({"word/document.xml": "<w:p><w:r><w:t>Hello there</w:t></w:r></w:p>" + " " * 1000})

    def refused(self, data, message):
        with pytest.raises(InputError, match=message):
            open_document(data, "docx", "en")

    def test_damaged_ones_are_refused(self):
        for broken in (b"", b"PK", self.DATA[:-30], self.DATA[: len(self.DATA) // 2], b"no zip at all"):
            self.refused(broken, "no whole docx file")
        flipped = bytearray(self.DATA)
        flipped[self.DATA.index(b"word/document.xml") + 40] ^= 0xFF
        self.refused(bytes(flipped), "is damaged")

    def test_what_unpacks_to_too_much_is_refused(self, monkeypatch):
        for limit, message in (
            ("MAX_TEXT_BYTES", "1,044 bytes of text"), ("MAX_UNPACKED_BYTES", "unpacks to 1 members with 1,044"),
            ("MAX_MEMBERS", "at most 0 members"),
        ):  # fmt: skip
            monkeypatch.setattr(f"crosslate.documents.archives.{limit}", 0)
            self.refused(self.DATA, message)

    def test_other_archives_are_refused(self):
        for name in ("../word/document.xml", "/etc/passwd", "a\\..\\b", "a/../../b", "c:/x"):
            self.refused(zipped({name: "x"}), "unsafe name")
        self.refused(zipped({"content.xml": "x"}), "it is no docx file")
        self.refused(zipped({"word/document.xml": "x"}, compression=zipfile.ZIP_LZMA), "compressed in a way")
        locked = bytearray(self.DATA)
        for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            locked[locked.index(sign) + offset] |= 1
        self.refused(bytes(locked), "encrypted")

    def test_names_in_utf_8_need_not_say_so(self):
        data = bytearray(
            zipped({"word/document.xml": "<w:p><w:r><w:t>Hi</w:t></w:r></w:p>", "word/Grüße.png": "x"})
        )
        for sign, offset in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
            for place in (match.start() for match in re.finditer(re.escape(sign), bytes(data))):
                data[place + offset] &= ~8  # the flag
        document = open_document(bytes(data), "docx", "en")
        assert unzipped(document.rebuild(["Ja"])).keys() == {"word/document.xml", "word/Grüße.png"}

    def test_entities_are_refused(self):
        bomb = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><w:document>&b;</w:document>'
        self.refused(zipped({"word/document.xml": bomb}), "declares the entity 'a'")
