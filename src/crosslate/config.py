"""One base class for all settings, and settings to and from plain values and YAML.

A settings class lives beside what it configures. Its fields carry their default, their range and a
description; from these come validation, the documentation and the options of the command line.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from crosslate.errors import CrosslateError, Faults, SettingsError, nearest

if TYPE_CHECKING:
    from typing_extensions import Self

AnyPath = Annotated[Path, Field(strict=False)]
"""A path, which may also be given as text."""

T = TypeVar("T")
S = TypeVar("S", bound="Settings")

_WORDS = {
    bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path",
    type(None): "nothing", list: "a list", tuple: "a list", dict: "a mapping of names",
}  # fmt: skip


class Settings(BaseModel):
    """Base of all settings: immutable, every key known, every value of exactly its type and in its range.

    Give each field a default and ``Field(ge=..., description=...)``; put rules that concern several fields
    into :meth:`find_faults`. Whatever is wrong raises one SettingsError that lists all faults.
    """

    spoken_name: ClassVar[str] = ""
    """In messages; empty takes it from the name of the class."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=(),
         ser_json_inf_nan="constants",
    )  # fmt: skip

    if not TYPE_CHECKING:  # a type checker knows the arguments from the fields

        def __init__(self, /, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                _raise(type(self), values, error, _spoken_name(type(self)), {})

        # Nested settings are then built by pydantic, not by this method, so that a fault keeps its place.
        __init__.__pydantic_base_init__ = True

    @classmethod
    def from_values(cls, values: Any, *, where: str = "", names: Mapping[str, str] | None = None) -> Self:
        """Builds settings from plain values, such as those of a YAML or JSON file.

        Args:
            where: what the values are, for the error message ("recipe.yaml", "the training settings").
            names: how messages name fields (dotted) that the user knows by another name.

        Raises:
            SettingsError: lists every unknown key (with the nearest known one), every missing one and every
                value of a wrong type or out of range.
        """
        return from_values(cls, values, where=where or _spoken_name(cls), names=names)

    def to_values(self) -> dict[str, Any]:
        """Plain values (dicts, lists, strings, numbers), ready for JSON or YAML."""
        return self.model_dump(mode="json")

    def changed(self, **changes: Any) -> Self:
        """A copy with other values for some fields, checked like new settings."""
        return type(self)(**{name: getattr(self, name) for name in self.model_fields_set} | changes)

    def find_faults(self, faults: Faults) -> None:
        """Adds what is wrong with values that are each valid by themselves; nothing by default."""

    @model_validator(mode="after")
    def _find_faults(self) -> Self:
        faults = Faults("")
        self.find_faults(faults)
        if faults:
            raise PydanticCustomError("faults", "{messages}", {"messages": faults.messages})
        return self


def to_values(settings: Any) -> dict[str, Any]:
    """Settings, or a dataclass of them, as plain values."""
    return cast("dict[str, Any]", _plain(settings))


def from_values(
    kind: type[T], values: Any, *, where: str = "settings", names: Mapping[str, str] | None = None
) -> T:
    """Builds settings, or a dataclass of them, from plain values; see :meth:`Settings.from_values`."""
    faults = Faults(f"cannot use {where}")
    _check_keys(values, "", faults)
    faults.raise_as(SettingsError)
    try:
        # As JSON, since there a list may stand for a tuple and text for a path, but not "1" for 1.
        text = json.dumps(values, default=str)
        return cast(T, _adapter(cast(Any, kind)).validate_json(text, strict=True, extra="forbid"))
    except ValidationError as error:
        _raise(kind, values, error, where, names or {})


def load_yaml(kind: type[T], path: Path) -> T:
    """Reads a YAML file; see :meth:`Settings.from_values`.

    Raises:
        SettingsError: no such file, no YAML, a key that stands twice, or as :meth:`Settings.from_values`.
    """
    values = read_yaml(path)
    return from_values(kind, {} if values is None else values, where=str(path))


def read_yaml(path: Path) -> Any:
    """The plain values of a YAML file.

    Raises:
        SettingsError: no such file, no YAML, or a key that stands twice.
    """
    import yaml

    faults = Faults(f"{path} cannot be read")
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"), faults)
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8
        raise SettingsError(f"{path}: not YAML: {error}") from None
    faults.raise_as(SettingsError)
    return values


def parse_yaml(text: str, faults: Faults) -> Any:
    """The values of a YAML text; keys that stand twice are faults, where YAML's own reader takes the last.

    As in YAML 1.2, ``1e-4`` is a number, ``no`` is text (the code of a language), and a date is text.
    """
    import yaml

    loader = _loader()(text)
    loader.faults = faults
    try:
        return loader.get_single_data()
    except RecursionError:
        raise yaml.YAMLError("too many levels of lists or mappings") from None
    finally:
        loader.dispose()


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


@functools.cache
def _loader() -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        faults: Faults

        # Not later: merged keys (<<) then lie among a mapping's own, which may repeat them.
        def compose_mapping_node(self, anchor: Any) -> Any:
            node = super().compose_mapping_node(anchor)
            lines: dict[tuple[str, str], int] = {}
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                    continue
                line, name = key.start_mark.line + 1, (key.tag, key.value)
                if name in lines:
                    self.faults.add(
                        f"the key {key.value} of line {line} stands in line {lines[name]}, too; keep one"
                    )
                lines.setdefault(name, line)
            return node

    replaced = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "timestamp")}
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in replaced]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:bool", re.compile("(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
    )
    number = r"[-+]?(\.\d+|\d+\.\d*|\d+(?=[eE]))([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(f"(?:{number})$"), list("-+.0123456789")
    )
    return Loader


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _plain(value: Any) -> Any:
    if isinstance(value, Settings):
        return value.to_values()
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _spoken_name(kind: type[Settings]) -> str:
    """``the training settings`` for ``TrainingSettings``."""
    return kind.spoken_name or "the " + re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__).lower()


def _check_keys(values: Any, name: str, faults: Faults) -> None:
    """Keys must be text: JSON would make text of the others."""
    if isinstance(values, dict):
        for key, value in values.items():
            if not isinstance(key, str):
                faults.add(f"{name or 'the top level'} has the key {key!r}, expected text; put it in quotes")
            _check_keys(value, f"{name}.{key}" if name else str(key), faults)
    elif isinstance(values, list):
        for index, value in enumerate(values):
            _check_keys(value, f"{name}[{index}]", faults)


def _raise(
    kind: type, values: Any, error: ValidationError, where: str, names: Mapping[str, str]
) -> typing.NoReturn:
    """Raises pydantic's faults in our words."""
    faults = Faults(f"cannot use {where}")
    for fault in error.errors(include_url=False):
        cause = fault.get("ctx", {}).get("error")
        if not fault["loc"] and isinstance(cause, CrosslateError):
            raise cause from None  # what is wrong with the whole says so itself
        place = _Place.find(kind, values, fault["loc"])
        for message in place.messages(fault, names) if place else []:
            if message not in faults.messages:  # each type of a union says the same
                faults.add(message)
    faults.raise_as(SettingsError)
    raise error


@dataclasses.dataclass
class _Place:
    """Where in settings a fault lies.

    Attributes:
        name: dotted, as in ``parts[0].speed``; empty for the whole.
        hint: the annotation of what should be there.
        limits: metadata of that annotation.
        owner: the settings class or dataclass whose field it is.
        value: what is there.
    """

    name: str
    hint: Any
    limits: list[Any]
    owner: Any
    value: Any

    @classmethod
    def find(cls, kind: type, values: Any, location: tuple[int | str, ...]) -> _Place | None:
        """The place of a pydantic location; None where another type of a union fits the value better."""
        place = cls("", kind, [], None, values)
        for part in location:
            options = [each for each in _options(place.hint) if each is not type(None)]
            if len(options) > 1:
                nested = [each for each in options if _is_structure(each)]
                if len(nested) != 1 or not isinstance(place.value, dict):
                    return place
                if nested[0].__name__ not in re.findall(r"\w+", str(part)):
                    return None
                place.hint = nested[0]
                continue
            place.step(options[0], part)
        return place

    def step(self, hint: Any, part: int | str) -> None:
        """Goes to a field, an item or a key of what has the type ``hint``."""
        self.limits, self.owner = [], None
        arguments = get_args(hint)
        if _is_structure(hint):
            self.name, self.owner = f"{self.name}.{part}" if self.name else str(part), hint
            if issubclass(hint, BaseModel) and part in hint.model_fields:
                self.limits = hint.model_fields[str(part)].metadata
            self.hint = _fields(hint).get(str(part), Any)
        elif isinstance(part, int):
            self.name += f"[{part}]"
            self.hint = arguments[min(part, len(arguments) - 1)] if arguments else Any
            self.hint = arguments[0] if self.hint is Ellipsis else self.hint
        elif part != "[key]":
            self.name += f".{part}"
            self.hint = arguments[1] if len(arguments) > 1 else Any
        if get_origin(self.hint) is Annotated:
            self.hint, *metadata = get_args(self.hint)
            for each in metadata:
                self.limits += each.metadata if isinstance(each, FieldInfo) else [each]
        if isinstance(self.value, dict):
            self.value = self.value.get(part)
        elif isinstance(self.value, list | tuple) and isinstance(part, int) and part < len(self.value):
            self.value = self.value[part]

    def messages(self, fault: Any, names: Mapping[str, str]) -> list[str]:
        """What one fault of pydantic's says, in our words."""
        kind, context = fault["type"], fault.get("ctx", {})
        name = names.get(self.name, self.name) or "the top level"
        prefix = f"{name}: " if self.name else ""
        if kind in ("extra_forbidden", "unexpected_keyword_argument"):
            known = list(_fields(self.owner))
            return [f"unknown key {name}; {nearest(name.rpartition('.')[2], known)}"]
        if kind in ("missing", "missing_argument"):
            return [f"{name} is missing"]
        if kind == "faults":
            return [f"{prefix}{message}" for message in context["messages"]]
        if kind in ("value_error", "assertion_error"):
            return [prefix + str(context["error"]).replace("\n", "\n  ")]
        value = fault["input"]
        if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number"):
            if isinstance(value, int) and value.bit_length() > 1024:
                return [f"{name} is an integer of {value.bit_length()} bits, expected a number below 1.8e308"]
            return [f"{name} is {value!r}, expected {self.range(context, kind == 'finite_number')}"]
        if kind in ("too_short", "string_too_short"):
            return [f"{name} is {value!r}, expected at least {context['min_length']}"]
        if self.hint is Any or self.hint is None:
            return [f"{name} is {value!r}: {fault['msg']}"]
        close = ""
        if isinstance(value, str) and (known := [str(each) for each in _literals(self.hint)]):
            hint = nearest(value, known)
            close = f"; {hint}" if hint.startswith("did") else ""
        expected = _expected(self.hint)
        if name != self.name:  # an option, which is simply left out
            expected = expected.removesuffix(" or nothing")
        return [f"{name} is {value!r}, expected {expected}{close}"]

    def range(self, context: dict[str, Any], is_infinite: bool) -> str:
        """The range of a number: ``0 or more and below 1``."""
        words = {"ge": "{} or more", "gt": "above {}", "lt": "below {}", "le": "at most {}"}
        found = []
        for sign, text in words.items():
            limits = [getattr(limit, sign, None) for limit in self.limits] + [context.get(sign)]
            limit = next((each for each in limits if each is not None), None)
            if limit is not None:
                found.append(text.format(int(limit) if limit == int(limit) else limit))
        if is_infinite:
            return " and ".join([*found, "finite"]) if found else "a finite number"
        return " and ".join(found)


def _is_structure(hint: Any) -> bool:
    return isinstance(hint, type) and (dataclasses.is_dataclass(hint) or issubclass(hint, BaseModel))


@functools.cache
def _fields(kind: Any) -> dict[str, Any]:
    """Names and annotations of the fields of settings or of a dataclass."""
    if issubclass(kind, BaseModel):
        return {name: field.annotation for name, field in kind.model_fields.items()}
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.init}


def _options(hint: Any) -> tuple[Any, ...]:
    """The types of a union; of another type, that type."""
    return get_args(hint) if get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def _literals(hint: Any) -> list[Any]:
    return [each for option in _options(hint) if get_origin(option) is Literal for each in get_args(option)]


def _expected(hint: Any) -> str:
    """A type for people: ``'a', 'b' or nothing``."""
    words: list[str] = []
    for option in _options(hint):
        if get_origin(option) is Literal:
            words += map(repr, get_args(option))
        else:
            kind, items = get_origin(option) or option, get_args(option)
            if kind is tuple and items and items[-1] is not Ellipsis:
                words.append(f"a list of {len(items)}")
                continue
            words.append(_WORDS.get(kind) or ("a mapping of names" if _is_structure(kind) else str(kind)))
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last
