"""Formats are found by the names of their modules; a request is checked before anything is loaded."""

from __future__ import annotations

import stat
import sys

import pytest

import web_engine
from crosslate.errors import InputError, UsageError
from crosslate.export import formats
from crosslate.export.exporter import EXPORTERS, Exporter, export
from crosslate.packs.stored_model import StoredModel

STUB = """
from crosslate.export.exporter import Exporter

class Lengths(Exporter):
    precisions = ("float32",)

    def write(self, child, manifests, out, precision="float32"):
        out.write_text(f"{len(child.source)} {len(child.target)} {manifests[0].name}")
        return "checked"
"""


def test_every_format_has_one_exporter():
    assert {"argos", "ctranslate2", "hf"} <= set(EXPORTERS.names)
    for kind in EXPORTERS:
        assert issubclass(kind, Exporter) and kind.precisions[0] == (
            "int8" if kind.runtime_package else "float32"
        )


def test_a_format_is_added_by_adding_a_module(tiny, tmp_path, monkeypatch):
    (tmp_path / "lengths.py").write_text(STUB)
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    monkeypatch.setattr(EXPORTERS, "names", [*EXPORTERS.names, "lengths"])
    try:
        note = export(StoredModel([tiny / "packs/de-en"]), tmp_path / "out", "lengths")
    finally:
        sys.modules.pop(f"{formats.__name__}.lengths", None)
    assert (note, (tmp_path / "out").read_text()) == ("checked", "80 80 de-en src+xattn")


@pytest.mark.parametrize("to", EXPORTERS.names)
def test_a_request_is_checked_first(tmp_path, to):
    needs = EXPORTERS[to].runtime_package
    runtime = web_engine.write(tmp_path / "package") if needs else None
    out, exporter = tmp_path / ("out.argosmodel" if to == "argos" else "out"), EXPORTERS[to](runtime)
    best = exporter.precisions[0]
    with pytest.raises(UsageError, match=f"unknown precision '{best}1'; did you mean '{best}"):
        exporter.check(out, f"{best}1")
    out.touch()
    with pytest.raises(InputError, match="already exists"):
        exporter.check(out, best)
    with pytest.raises(UsageError, match="needs the npm package" if needs else "this format uses none"):
        EXPORTERS[to](None if needs else tmp_path).check(out, best)
    if to == "argos":
        with pytest.raises(UsageError, match=r"does not end in \.argosmodel"):
            exporter.check(tmp_path / "de-en", "float32")


@pytest.mark.parametrize("to", ["hf", "ctranslate2"])
def test_others_may_read_what_is_written(tiny, tmp_path, to):
    export(StoredModel([tiny / "packs/de-en"]), tmp_path / "out", to)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()}
    (tmp_path / "plain").touch()
    assert set(modes.values()) == {stat.S_IMODE((tmp_path / "plain").stat().st_mode)}, modes
