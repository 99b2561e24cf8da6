"""Documents that are zip archives: read within limits, and written with everything else as it was."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping

from crosslate.errors import InputError

MAX_MEMBERS = 20_000
MAX_UNPACKED_BYTES = 256 << 20
MAX_TEXT_BYTES = 32 << 20  # of one member

# Nothing is unpacked to a folder here, but who gets the document may do that.
_UNSAFE_NAME = re.compile(r"^/|^[A-Za-z]:|(?:^|/)\.\.(?:/|$)|[\\\0]|^$")
_COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError)


class Archive:
    """A zip archive in memory, of which nothing is ever written to a folder.

    It is refused if damaged, encrypted, too large when unpacked, or with names that lead out of a folder.
    """

    def __init__(self, data: bytes, what: str) -> None:
        self.data, self.what = data, what
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except _DAMAGE as error:
            raise InputError(
                f"it is no whole {what} file: the zip archive cannot be read ({error}); save or send it again"
            ) from None
        self._members = {_name(info): info for info in self._zip.infolist()}
        self._check()

    @property
    def names(self) -> list[str]:
        return list(self._members)

    def read(self, name: str) -> bytes:
        """The content of a member that holds text."""
        size = self._members[name].file_size
        if size > MAX_TEXT_BYTES:
            raise InputError(
                f"{name} in the {self.what} file has {size:,} bytes of text, at most {MAX_TEXT_BYTES:,} "
                "are read; split the document"
            )
        return self._unpacked(name)

    def _unpacked(self, name: str) -> bytes:
        try:
            return self._zip.read(self._members[name])  # no more than the size that was checked
        except _DAMAGE as error:
            raise InputError(
                f"{name} in the {self.what} file is damaged ({error}); save or send the file again"
            ) from None

    def rewritten(self, changed: Mapping[str, bytes]) -> bytes:
        """The archive with some members' contents replaced; order, dates and compression stay."""
        if not changed:
            return self.data
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w") as target:
            target.comment = self._zip.comment
            for name, info in self._members.items():
                content = changed[name] if name in changed else self._unpacked(name)
                target.writestr(_copied(name, info), content)
        return written.getvalue()

    def _check(self) -> None:
        infos = self._zip.infolist()
        size = sum(info.file_size for info in infos)
        if len(infos) > MAX_MEMBERS or size > MAX_UNPACKED_BYTES:
            raise InputError(
                f"the {self.what} file unpacks to {len(infos):,} members with {size:,} bytes, at most "
                f"{MAX_MEMBERS:,} members and {MAX_UNPACKED_BYTES:,} bytes are read; split the document"
            )
        if unsafe := [name for name in self._members if _UNSAFE_NAME.search(name)]:
            raise InputError(f"the {self.what} file has a member with an unsafe name: {unsafe[0]!r}")
        if len(self._members) < len(infos):
            raise InputError(f"the {self.what} file has two members of one name; save it again")
        if others := [info for info in infos if info.compress_type not in _COMPRESSIONS]:
            raise InputError(
                f"{others[0].filename} in the {self.what} file is compressed in a way that such files never "
                "are; save the file again"
            )
        if any(info.flag_bits & 1 for info in infos):
            raise InputError(f"the {self.what} file is encrypted; save it without a password")


def _name(info: zipfile.ZipInfo) -> str:
    """The name of a member; many programs write names in UTF-8 without saying so."""
    try:
        return info.filename if info.flag_bits & 0x800 else info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _copied(name: str, info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """What describes a member, without where it lay in the old archive."""
    copied = zipfile.ZipInfo(name, info.date_time)
    for attribute in ("compress_type", "comment", "create_system", "external_attr", "internal_attr"):
        setattr(copied, attribute, getattr(info, attribute))
    return copied
