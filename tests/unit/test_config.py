"""Settings: what is refused and in which words, plain values and YAML in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field

from crosslate.config import Settings, differences, dump_yaml, load_yaml
from crosslate.errors import Faults, SettingsError


class Part(Settings):
    count: int = Field(1, ge=1, description="How many.")
    stop: int = Field(9, ge=0, lt=10, description="Where it ends.")
    share: Literal["parent", "child"] | None = None
    rate: float | None = 0.5
    speed: float = 1.0

    def find_faults(self, faults: Faults) -> None:
        if self.stop < self.count:
            faults.add(f"stop is {self.stop}, expected count ({self.count}) or more")
            faults.add("no room")


class WholeThing(Settings):
    parts: list[Part] = Field(default_factory=list)
    maybe: Part | None = None
    either: str | Part | list[str] = ""
    training: dict[str, dict[str, Any]] = Field(default_factory=dict)
    names: dict[str, str] = Field(default_factory=dict)
    folder: Path | None = None
    span: tuple[int, int] = (0, 1)


def read(tmp_path, text: str) -> WholeThing:
    path = tmp_path / "whole.yaml"
    path.write_text(text, encoding="utf-8")
    return load_yaml(WholeThing, path)


def test_values_come_back_from_yaml(tmp_path):
    whole = WholeThing(
        parts=[Part(count=2)], either=Part(), folder=Path("a/b"), span=(1, 2), names={"no": "é"}
    )
    assert read(tmp_path, dump_yaml(whole)) == whole
    assert whole.to_values()["folder"] == "a/b"
    assert WholeThing.from_values(whole.to_values()) == whole


def test_keys_that_stand_twice_or_are_no_text_are_refused_with_their_lines(tmp_path):
    with pytest.raises(SettingsError, match=r"cannot read .*whole\.yaml, 4 faults") as refused:
        read(
            tmp_path, "names:\n  a: x\n  b: y\n  'a': z\nparts: []\nnames: {}\ntraining: {1: {}, false: {}}\n"
        )
    assert "the key 1 in line 7 is not text; put it in quotes" in str(refused.value)
    assert "the key a in line 4 is also in line 2; keep one" in str(refused.value)
    assert "the key names in line 6 is also in line 1; keep one" in str(refused.value)


def test_merged_keys_and_aliases_may_be_repeated(tmp_path):
    text = """
training:
  base: &base {a: 1, b: 2}
  more: &more {<<: *base, b: 3, c: 4}
  most: {<<: [*more, *base], c: 5}
  same: *more
names: {a: x}
"""
    assert read(tmp_path, text).training == {
        "base": {"a": 1, "b": 2}, "more": {"a": 1, "b": 3, "c": 4}, "most": {"a": 1, "b": 3, "c": 5},
        "same": {"a": 1, "b": 3, "c": 4},
    }  # fmt: skip


def test_yaml_reads_as_in_version_1_2(tmp_path):
    whole = read(tmp_path, "names: {a: no, b: 2026-13-01}\nmaybe: {rate: 1e-4, speed: -.5}\nspan: [3, 4]")
    assert whole.names == {"a": "no", "b": "2026-13-01"}
    assert (whole.maybe, whole.span) == (Part(rate=1e-4, speed=-0.5), (3, 4))


def test_files_that_cannot_be_used_are_refused(tmp_path):
    for text, message in (
        ("names: {a: [", r"whole\.yaml: not YAML: "),
        ("- a", "expected a mapping of names"),
    ):
        with pytest.raises(SettingsError, match=message):
            read(tmp_path, text)
    for path, message in ((tmp_path / "none.yaml", "no such file"), (tmp_path, "Is a directory")):
        with pytest.raises(SettingsError, match=message):
            load_yaml(WholeThing, path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prats": []}, "unknown key prats; did you mean 'parts'?"),
        ({"maybe": {"cuont": 1}}, "unknown key maybe.cuont; did you mean 'count'?"),
        ({"parts": [{"speed": float("nan")}]}, "parts[0].speed is nan, expected a finite number"),
        ({"parts": [{"count": True}]}, "parts[0].count is True, expected a whole number"),
        ({"parts": [{"stop": 10}]}, "parts[0].stop is 10, expected below 10"),
        ({"parts": [{"share": "both"}]}, "parts[0].share is 'both', expected 'parent' or 'child'"),
        (
            {"parts": [{"share": "chid"}]},
            "parts[0].share is 'chid', expected 'parent' or 'child'; did you mean 'child'?",
        ),
        ({"parts": [{"rate": "x"}]}, "parts[0].rate is 'x', expected a number"),
        ({"maybe": {"count": "x"}}, "maybe.count is 'x', expected a whole number"),
        ({"maybe": 3}, "maybe is 3, expected a mapping of names"),
        ({"either": 3}, "either is 3, expected text, a mapping of names or a list"),
        ({"either": {"count": 0}}, "either.count is 0, expected 1 or more"),
        ({"span": [1, "x"]}, "span[1] is 'x', expected a whole number"),
        ([], "the top level is [], expected a mapping of names"),
    ],
)  # fmt: skip
def test_wrong_values_are_named(values, message):
    with pytest.raises(SettingsError) as refused:
        WholeThing.from_values(values, where="settings")
    assert str(refused.value) == f"cannot use settings: {message}"


def test_all_faults_are_listed_with_their_places():
    with pytest.raises(SettingsError) as refused:
        WholeThing.from_values(
            {"parts": [{}, {"count": 0}], "maybe": {"count": 2, "stop": 1}, "names": {"a": 1}}
        )
    assert str(refused.value).splitlines() == [
        "cannot use the whole thing, 4 faults:",
        "  - parts[1].count is 0, expected 1 or more",
        "  - maybe: stop is 1, expected count (2) or more",
        "  - maybe: no room",
        "  - names.a is 1, expected text",
    ]


def test_settings_made_and_changed_in_python_are_checked_alike():
    with pytest.raises(SettingsError, match="cannot use the part: count is 0, expected 1 or more"):
        Part(count=0)
    part = Part(count=2)
    assert part.changed(stop=5) == Part(count=2, stop=5)
    with pytest.raises(SettingsError, match="unknown key stopp; did you mean 'stop'"):
        part.changed(stopp=5)


def test_differences_are_named_by_their_dotted_keys():
    old, new = WholeThing(maybe=Part()).to_values(), WholeThing(maybe=Part(count=2), span=(0, 2)).to_values()
    assert differences(old, new) == ["maybe.count: 1 before, 2 now", "span: [0, 1] before, [0, 2] now"]


def test_a_name_that_is_no_text_is_named():
    """Names of files that are not UTF-8, as Python shows them."""
    with pytest.raises(
        SettingsError, match=r"cannot use settings: a name in them is not UTF-8 text, 'caf\\udce9'"
    ):
        WholeThing.from_values({"name": "caf\udce9"}, where="settings")
