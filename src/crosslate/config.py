"""Settings dataclasses to and from plain values and YAML; unknown keys are refused.

A settings dataclass lives beside what it configures and has a default for every field; this module
only converts. Types understood: ``bool``, ``int``, ``float``, ``str``, ``None``, unions of these,
``Literal``, ``list``, ``tuple``, ``dict`` and nested dataclasses.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from crosslate.errors import Faults, SettingsError, UsageError, nearest

T = TypeVar("T")


def to_values(settings: Any) -> dict[str, Any]:
    """The settings as plain values (dicts, lists, strings, numbers), ready for JSON or YAML."""
    return typing.cast("dict[str, Any]", _plain(dataclasses.asdict(settings)))


def from_values(kind: type[T], values: Any, *, where: str = "settings") -> T:
    """Builds the dataclass ``kind`` from plain values.

    Args:
        where: what the values are, for the error message ("recipe.yaml", "training").

    Raises:
        SettingsError: lists every unknown key (with the nearest known one) and every value of a wrong type.
    """
    faults = Faults(f"cannot use {where}")
    result = _build(kind, values, "", faults)
    faults.raise_as(SettingsError)
    return typing.cast(T, result)


def load_yaml(kind: type[T], path: Path) -> T:
    """Reads a YAML file into the dataclass ``kind``; see :func:`from_values`.

    Raises:
        SettingsError: no such file, no YAML, a key that stands twice, or as :func:`from_values`.
    """
    import yaml

    faults = Faults(f"{path} cannot be read")
    try:
        values = _read_yaml(path.read_text(encoding="utf-8"), faults)
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8, or a date that does not exist
        raise SettingsError(f"{path}: not YAML: {error}") from None
    faults.raise_as(SettingsError)
    return from_values(kind, {} if values is None else values, where=str(path))


def dump_yaml(settings: Any) -> str:
    """The settings as YAML text, keys in field order."""
    import yaml

    return yaml.safe_dump(to_values(settings), sort_keys=False, allow_unicode=True)


def differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """Dotted names (with both values) at which two trees of plain values differ."""
    found = []
    for key in dict.fromkeys([*old, *new]):
        name, before, after = f"{prefix}{key}", old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found += differences(before, after, f"{name}.")
        elif before != after:
            found.append(f"{name}: {before!r} before, {after!r} now")
    return found


def _read_yaml(text: str, faults: Faults) -> Any:
    """The values of a YAML text; keys that stand twice are faults, where YAML's own reader takes the last."""
    import yaml

    class Loader(yaml.SafeLoader):
        # Not later: merged keys (<<) then lie among a mapping's own, which may repeat them.
        def compose_mapping_node(self, anchor: Any) -> Any:
            node = super().compose_mapping_node(anchor)
            lines: dict[tuple[str, str], int] = {}
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                    continue
                line, name = key.start_mark.line + 1, (key.tag, key.value)
                if name in lines:
                    faults.add(
                        f"the key {key.value} of line {line} stands in line {lines[name]}, too; keep one"
                    )
                lines.setdefault(name, line)
            return node

    return yaml.load(text, Loader)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value


def _build(kind: Any, values: Any, prefix: str, faults: Faults) -> Any:
    if not isinstance(values, dict):
        faults.add(
            f"{prefix.rstrip('.') or 'the top level'} is {type(values).__name__}, expected a mapping of names"
        )
        return None
    already = len(faults.messages)
    hints = _hints(kind)
    known = {field.name: field for field in dataclasses.fields(kind) if field.init}
    arguments = {}
    for key, value in values.items():
        if key not in known:
            faults.add(f"unknown key {prefix}{key}; {nearest(str(key), list(known))}")
        else:
            arguments[key] = _convert(hints[key], value, f"{prefix}{key}", faults)
    missing = [
        name
        for name, field in known.items()
        if name not in values
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    for name in missing:
        faults.add(f"{prefix}{name} is missing")
    if len(faults.messages) > already:
        return None
    if not prefix:
        return kind(**arguments)  # what is wrong with the whole says so itself
    try:
        return kind(**arguments)
    except UsageError as error:
        message = str(error).replace("\n", "\n  ")
        faults.add(f"{prefix.rstrip('.')}: {message}")
        return None


# Evaluating annotations is most of the time that reading a pack's manifest takes.
_hints = functools.cache(get_type_hints)


def _convert(hint: Any, value: Any, name: str, faults: Faults) -> Any:
    origin = get_origin(hint)
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, f"{name}.", faults)
    if origin is typing.Literal:
        if value not in get_args(hint):
            faults.add(f"{name} is {value!r}, expected one of {', '.join(map(repr, get_args(hint)))}")
        return value
    if origin in (typing.Union, types.UnionType):
        nested = [option for option in get_args(hint) if dataclasses.is_dataclass(option)]
        if len(nested) == 1 and isinstance(value, dict):
            return _convert(nested[0], value, name, faults)  # its own faults say more than "is no such thing"
        for option in get_args(hint):
            trial = Faults("")
            result = _convert(option, value, name, trial)
            if not trial:
                return result
        faults.add(f"{name} is {value!r}, expected {_expected(hint)}")
        return value
    if origin in (list, tuple) and isinstance(value, list | tuple):
        inner = get_args(hint)[0] if get_args(hint) else Any
        return origin(_convert(inner, item, f"{name}[{index}]", faults) for index, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        keys, inner = get_args(hint) or (Any, Any)
        for key in value:
            if keys is str and not isinstance(key, str):
                faults.add(f"{name} has the key {key!r}, expected text; put it in quotes")
        return {key: _convert(inner, item, f"{name}.{key}", faults) for key, item in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            faults.add(f"{name} is an integer of {value.bit_length()} bits, expected a number below 1.8e308")
            return value
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is type(None) and value is None:
        return None
    if isinstance(hint, type) and isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    faults.add(f"{name} is {value!r}, expected {_expected(hint)}")
    return value


def _expected(hint: Any) -> str:
    """A type for people: ``'a', 'b' or nothing``."""
    *others, last = _alternatives(hint)
    return f"{', '.join(others)} or {last}" if others else last


def _alternatives(hint: Any) -> list[str]:
    origin = get_origin(hint)
    if origin is typing.Literal:
        return [repr(each) for each in get_args(hint)]
    if origin in (typing.Union, types.UnionType):
        return [each for option in get_args(hint) for each in _alternatives(option)]
    return ["nothing" if hint is type(None) else getattr(hint, "__name__", str(hint))]
