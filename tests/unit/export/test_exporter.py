"""Formats are found by the names of their modules; a request is checked before anything is loaded."""

from __future__ import annotations

import stat
import sys

import pytest

from crosslate.errors import InputError, UsageError
from crosslate.export import formats
from crosslate.export.exporter import Exporter, export, exporter, exporter_names
from crosslate.packs.stored import StoredModel

STUB = """
from crosslate.export.exporter import Exported, Exporter

class Lengths(Exporter):
    precisions = ("float32",)

    def write(self, child, manifests, out, precision="float32"):
        out.write_text(f"{len(child.source)} {len(child.target)} {manifests[0].name}")
        return Exported(path=out, source_language="de", target_language="en", num_bytes=out.stat().st_size)
"""


def test_every_format_has_one_exporter():
    assert exporter_names() == ["argos", "ctranslate2", "hf"]
    for name in exporter_names():
        assert isinstance(exporter(name), Exporter) and "float32" in exporter(name).precisions
    with pytest.raises(UsageError, match="unknown format 'ctranslate'; did you mean 'ctranslate2'"):
        exporter("ctranslate")


def test_a_format_is_added_by_adding_a_module(tiny, tmp_path, monkeypatch):
    (tmp_path / "lengths.py").write_text(STUB)
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    try:
        made = export(StoredModel([tiny / "packs/de-en"]), tmp_path / "out", "lengths")
    finally:
        sys.modules.pop(f"{formats.__name__}.lengths", None)
    assert made.path.read_text() == "80 80 de-en src+xattn"


def test_a_request_is_checked_first(tmp_path):
    for name in exporter_names():
        out = tmp_path / ("out.argosmodel" if name == "argos" else "out")
        with pytest.raises(UsageError, match="unknown precision 'float31'; did you mean 'float32'"):
            exporter(name).check(out, "float31")
        out.touch()
        with pytest.raises(InputError, match="already exists"):
            exporter(name).check(out, "float32")


@pytest.mark.parametrize("to", ["hf", "ctranslate2"])
def test_others_may_read_what_is_written(tiny, tmp_path, to):
    made = export(StoredModel([tiny / "packs/de-en"]), tmp_path / "out", to)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made.path.iterdir()}
    (tmp_path / "plain").touch()
    assert set(modes.values()) == {stat.S_IMODE((tmp_path / "plain").stat().st_mode)}, modes
