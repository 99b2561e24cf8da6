"""Settings from YAML: what is refused, and that every fault says where it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from crosslate.config import from_values, load_yaml
from crosslate.errors import SettingsError, UsageError


@dataclass(frozen=True)
class Part:
    count: int = 1
    share: Literal["parent", "child"] | None = None
    rate: float | None = 0.5
    speed: float = 1.0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError(
                f"cannot use this part, 2 faults:\n  - count is {self.count}\n  - expected 1 or more"
            )


@dataclass(frozen=True)
class Whole:
    parts: list[Part] = field(default_factory=list)
    maybe: Part | None = None
    training: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


def read(tmp_path, text: str) -> Whole:
    path = tmp_path / "whole.yaml"
    path.write_text(text, encoding="utf-8")
    return load_yaml(Whole, path)


def test_keys_that_stand_twice_are_refused_with_their_lines(tmp_path):
    with pytest.raises(SettingsError, match=r"whole\.yaml cannot be read, 2 faults") as refused:
        read(tmp_path, "names:\n  a: x\n  b: y\n  'a': z\nparts: []\nnames: {}\n")
    assert "the key a of line 4 stands in line 2, too; keep one" in str(refused.value)
    assert "the key names of line 6 stands in line 1, too; keep one" in str(refused.value)


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


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load_yaml(Whole, tmp_path)


def test_a_date_that_does_not_exist_is_no_yaml(tmp_path):
    with pytest.raises(SettingsError, match=r"whole\.yaml: not YAML: month must be in 1\.\.12"):
        read(tmp_path, "names: {a: 2026-13-01}")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"training": {1: {}}}, "training has the key 1, expected text; put it in quotes"),
        ({"training": {"all": {False: 1}}}, "training.all has the key False, expected text"),
        ({"names": {1: "phrasebook"}}, "names has the key 1, expected text"),
        (
            {"parts": [{"speed": 10**400}]},
            r"parts\[0\]\.speed is an integer of 1329 bits, expected a number below",
        ),
        (
            {"parts": [{"share": "both"}]},
            r"parts\[0\]\.share is 'both', expected 'parent', 'child' or nothing$",
        ),
        ({"parts": [{"rate": "x"}]}, r"parts\[0\]\.rate is 'x', expected float or nothing$"),
        ({"maybe": {"count": "x"}}, "maybe.count is 'x', expected int$"),
        ({"maybe": 3}, "maybe is 3, expected Part or nothing$"),
    ],
)
def test_values_of_a_wrong_type_are_named(values, message):
    with pytest.raises(SettingsError, match=message):
        from_values(Whole, values)


def test_faults_of_what_stands_inside_say_where():
    with pytest.raises(SettingsError) as refused:
        from_values(Whole, {"parts": [{}, {"count": 0}], "maybe": {"count": -1}, "names": {"a": 1}})
    assert str(refused.value).splitlines() == [
        "cannot use settings, 3 faults:",
        "  - parts[1]: cannot use this part, 2 faults:",
        "    - count is 0",
        "    - expected 1 or more",
        "  - maybe: cannot use this part, 2 faults:",
        "    - count is -1",
        "    - expected 1 or more",
        "  - names.a is 1, expected str",
    ]
