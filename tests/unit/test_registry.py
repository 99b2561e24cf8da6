"""Kinds that are found in a package."""

import subprocess
import sys

import pytest

from crosslate.documents import FORMATS
from crosslate.documents.document import Format
from crosslate.errors import UsageError


def test_each_module_has_one_class():
    assert FORMATS.names == sorted(FORMATS.names)
    assert [each().name for each in FORMATS] == FORMATS.names
    assert all(issubclass(each, Format) for each in FORMATS)
    with pytest.raises(UsageError, match="unknown format of documents 'doxc'; did you mean 'docx'"):
        FORMATS["doxc"]


def test_names_are_known_without_an_import():
    code = (
        "import sys; from crosslate.documents import FORMATS; print(FORMATS.names, "
        "[name for name in sys.modules if name.startswith('crosslate.documents.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{FORMATS.names} []\n"
