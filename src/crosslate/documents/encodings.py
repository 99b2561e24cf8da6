"""Bytes of text files to text, and back to the same bytes."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from crosslate.errors import InputError

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What text of these languages was written in before Unicode, as browsers assume it.
_LEGACY = {
    "ru": "cp1251", "uk": "cp1251", "bg": "cp1251", "sr": "cp1251", "mk": "cp1251", "be": "cp1251",
    "cs": "cp1250", "pl": "cp1250", "hu": "cp1250", "sk": "cp1250", "sl": "cp1250", "hr": "cp1250",
    "ro": "cp1250", "el": "cp1253", "tr": "cp1254", "az": "cp1254", "he": "cp1255", "yi": "cp1255",
    "ar": "cp1256", "fa": "cp1256", "et": "cp1257", "lv": "cp1257", "lt": "cp1257", "vi": "cp1258",
    "th": "cp874", "ja": "cp932", "ko": "cp949", "zh": "gb18030",
}  # fmt: skip
# Encodings of documents; others that Python knows (punycode, unicode_escape) are slow or none.
_ENCODING = re.compile(
    r"utf-(?:8|16|32)(?:-[lb]e)?|ascii|cp\d{3,4}|iso8859-\d+|koi8-[rtu]|mac-\w+|gb\w+|big5\w*|euc_\w+|"
    r"iso2022_\w+|shift_jis\w*|tis-620|hz"
)
# What files of other kinds begin with: their bytes may well be those of some text.
_SIGNATURES = {
    b"%PDF-": "a PDF file", b"{\\rtf": "an RTF file", b"PK\x03\x04": "a zip archive or office file",
    b"\xd0\xcf\x11\xe0": "a file of an older office program", b"\x1f\x8b": "compressed by gzip",
}  # fmt: skip
_BAD = re.compile(r"[\udc80-\udcff]")
_GOOD = re.compile(r"[^\x00-\x7f\udc80-\udcff]")


@dataclass(frozen=True)
class Decoded:
    """Text with its encoding (Python's name) and byte order mark, to write it as it was read."""

    text: str
    codec: str
    mark: bytes = b""

    def encode(
        self, text: str, *, has_references: bool = False, declaration: re.Pattern[str] | None = None
    ) -> bytes:
        """``text`` as bytes in the document's encoding.

        Args:
            has_references: a character that the encoding lacks can be written as ``&#…;``; otherwise a
                document with one becomes UTF-8.
            declaration: finds what stands before the name of the encoding (group 1) and the name, for a
                document that becomes UTF-8.
        """
        if self.codec == "utf-8":
            return self.mark + text.encode("utf-8", "surrogateescape")
        try:
            return self.mark + text.encode(self.codec, "xmlcharrefreplace" if has_references else "strict")
        except UnicodeEncodeError:
            if declaration:
                text = declaration.sub(r"\1UTF-8", text, count=1)
            return text.encode("utf-8", "replace")


def decode(data: bytes, language: str, declared: str | None = None) -> Decoded:
    """The text of ``data``; whatever it holds, the same text gives the same bytes again.

    A byte order mark decides, then what the document declares, then whether it is UTF-8 (with at most as
    many stray bytes as characters beyond ASCII), then what its language was written in before. Data with NUL
    where text has none is refused, and so are other kinds of files.
    """
    for signature, kind in _SIGNATURES.items():
        if data.startswith(signature):
            raise InputError(f"it is {kind}, not text; give its real kind, or save it as a docx or text file")
    for mark, codec in _MARKS:
        if data.startswith(mark) and (found := _exact(data[len(mark) :], codec, mark)):
            return found
    if b"\0" in data:
        # UTF-16 shows in text that is mostly Latin: every other byte is NUL.
        sample = data[:4096]
        odd, even = sample[1::2].count(0), sample[::2].count(0)
        is_wide = max(odd, even) * 4 >= len(sample)
        if is_wide and (found := _exact(data, "utf-16-le" if odd > even else "utf-16-be")):
            return found
        raise InputError(
            f"it holds a NUL at byte {data.index(0)}, so it is no text in UTF-8 or an older encoding; "
            "give its real kind, or convert it to UTF-8"
        )
    if declared and (found := _exact(data, declared)):
        return found
    text = data.decode("utf-8", "surrogateescape")
    num_bad = len(_BAD.findall(text))
    if not num_bad or len(_GOOD.findall(text)) > num_bad:
        return Decoded(text, "utf-8")
    legacy = _LEGACY.get(re.split("[-_]", language)[0].lower(), "cp1252")
    return _exact(data, legacy) or Decoded(data.decode("latin-1"), "latin-1")


def is_encoding(name: str) -> bool:
    """Whether documents are read in an encoding of that name."""
    try:
        return _ENCODING.fullmatch(codecs.lookup(name).name) is not None
    except (LookupError, ValueError):
        return False


def _exact(data: bytes, codec: str, mark: bytes = b"") -> Decoded | None:
    """The text of ``data`` in an encoding, if that can be undone."""
    if not is_encoding(codec):
        return None
    try:
        name = codecs.lookup(codec).name
        if name == "utf-8":
            return Decoded(data.decode("utf-8", "surrogateescape"), "utf-8", mark) if mark else None
        text = data.decode(name)
        return Decoded(text, name, mark) if text.encode(name) == data else None
    except (LookupError, ValueError):
        return None
