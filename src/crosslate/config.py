"""Base class of all settings, with conversion to and from plain values and YAML.

A settings class lives beside what it configures. Its fields have a default, a range and a description, from
which we derive validation, documentation and command-line options.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NoReturn, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError, to_jsonable_python

from crosslate.errors import CrosslateError, Faults, SettingsError, nearest

if TYPE_CHECKING:
    from typing_extensions import Self

AnyPath = Annotated[Path, Field(strict=False)]
"""A path, which may also be given as text."""

S = TypeVar("S", bound="Settings")


class Settings(BaseModel):
    """Base of all settings: immutable, without unknown keys, every value of its exact type and in range.

    Give each field a default and ``Field(ge=..., description=...)``; put rules on several fields into
    :meth:`find_faults`. All faults are reported in one SettingsError.
    """

    spoken_name: ClassVar[str] = ""
    """Name in messages; empty derives it from the class name."""

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

        # Lets pydantic build nested settings without this method, so that faults keep their location.
        __init__.__pydantic_base_init__ = True

    @classmethod
    def from_values(cls, values: Any, *, where: str = "", names: Mapping[str, str] | None = None) -> Self:
        """Builds settings from plain values, such as those of a YAML or JSON file.

        Args:
            where: name of the values in the error message ("recipe.yaml", "the training settings").
            names: names of (dotted) fields in messages, if the user knows them by other names.

        Raises:
            SettingsError: lists every unknown key (with the nearest known one), every missing one and every
                value of a wrong type or out of range.
        """
        where = where or _spoken_name(cls)
        try:
            # As JSON, which allows lists for tuples and text for paths, but not "1" for 1.
            return cls.model_validate_json(_json(values, where))
        except ValidationError as error:
            _raise(cls, values, error, where, names or {})

    def to_values(self) -> dict[str, Any]:
        """Plain values (dicts, lists, strings, numbers), ready for JSON or YAML."""
        return self.model_dump(mode="json")

    def changed(self, **changes: Any) -> Self:
        """A copy with some fields changed, validated like new settings."""
        return type(self)(**{name: getattr(self, name) for name in self.model_fields_set} | changes)

    def find_faults(self, faults: Faults) -> None:
        """Adds faults in combinations of valid values; none by default."""

    @model_validator(mode="after")
    def _find_faults(self) -> Self:
        faults = Faults("")
        self.find_faults(faults)
        if faults:
            raise PydanticCustomError("faults", "{messages}", {"messages": faults.messages})
        return self


def load_yaml(kind: type[S], path: Path) -> S:
    """Reads settings from a YAML file; see :meth:`Settings.from_values`.

    Raises:
        SettingsError: the file is missing or not YAML, has a duplicate key, or has invalid values.
    """
    values = read_yaml(path)
    return kind.from_values({} if values is None else values, where=str(path))


def read_yaml(path: Path) -> Any:
    """The plain values of a YAML file.

    Raises:
        SettingsError: the file is missing or not YAML, or has a duplicate key.
    """
    import yaml

    faults = Faults(f"cannot read {path}")
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"), faults)
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file") from None
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8
        raise SettingsError(f"{path}: not YAML: {error}") from None
    faults.raise_as(SettingsError)
    return values


def parse_yaml(text: str, faults: Faults) -> Any:
    """The values of a YAML text; keys that are duplicate or not text are faults.

    As in YAML 1.2, ``1e-4`` is a number, and ``no`` (a language code) and dates are text.
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
    """Settings or plain values (with paths) as YAML text; keys keep their order."""
    import yaml

    return yaml.safe_dump(to_jsonable_python(settings), sort_keys=False, allow_unicode=True)


def differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """Dotted names at which two trees of plain values differ, with both values."""
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

        # Check here, before merge keys (<<) add entries that a mapping may override.
        def compose_mapping_node(self, anchor: Any) -> Any:
            node = super().compose_mapping_node(anchor)
            lines: dict[tuple[str, str], int] = {}
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                    continue
                line, name = key.start_mark.line + 1, (key.tag, key.value)
                if key.tag != "tag:yaml.org,2002:str":
                    self.faults.add(f"the key {key.value} in line {line} is not text; put it in quotes")
                if name in lines:
                    self.faults.add(
                        f"the key {key.value} in line {line} is also in line {lines[name]}; keep one"
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


def _spoken_name(kind: type[Settings]) -> str:
    """``the training settings`` for ``TrainingSettings``."""
    return kind.spoken_name or "the " + re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__).lower()


def _json(values: Any, where: str) -> str:
    text = json.dumps(values, default=str, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        name = re.sub('[^"]*$', "", text[: error.start])
        raise SettingsError(
            f"cannot use {where}: a name in them is not UTF-8 text, "
            f"{text[len(name) : text.find(chr(34), error.end)]!r}; rename the file or folder"
        ) from None
    return text


def _raise(
    kind: type[Settings], values: Any, error: ValidationError, where: str, names: Mapping[str, str]
) -> NoReturn:
    """Raises pydantic's faults as one SettingsError."""
    by_place: dict[str, list[Any]] = {}
    for fault in error.errors(include_url=False):
        cause = fault.get("ctx", {}).get("error")
        if not fault["loc"] and isinstance(cause, CrosslateError):
            raise cause from None  # already describes the whole
        by_place.setdefault(_place(values, fault), []).append(fault)
    faults = Faults(f"cannot use {where}")
    for place, found in by_place.items():
        # In a union, report the type that matches down to an inner fault.
        if not any(other.startswith((f"{place}.", f"{place}[")) for other in by_place):
            faults.messages += _messages(kind, names.get(place, place), found)
    faults.raise_as(SettingsError)
    raise error


def _place(values: Any, fault: Any) -> str:
    """Location of a fault, as in ``parts[0].speed``; empty for the whole."""
    name = ""
    for part in fault["loc"]:
        if isinstance(values, dict) and part in values:
            name, values = f"{name}.{part}", values[part]
        elif isinstance(values, list | tuple) and isinstance(part, int):
            name, values = f"{name}[{part}]", values[part] if part < len(values) else None
        elif fault["type"] in ("missing", "missing_argument") and part == fault["loc"][-1]:
            name += f".{part}"
        # Other parts are types of a union, or "[key]".
    return name.removeprefix(".")


_WORDS = {
    "bool_type": "true or false", "int_type": "a whole number", "float_type": "a number",
    "finite_number": "a finite number", "string_type": "text", "path_type": "a path",
    "list_type": "a list", "tuple_type": "a list", "dict_type": "a mapping of names",
    "model_type": "a mapping of names", "dataclass_type": "a mapping of names",
    "string_pattern_mismatch": "text like {pattern}", "literal_error": "{expected}",
    "too_short": "at least {min_length}", "string_too_short": "at least {min_length}",
    "greater_than_equal": "{ge} or more", "greater_than": "above {gt}",
    "less_than_equal": "at most {le}", "less_than": "below {lt}",
}  # fmt: skip
"""What was expected, by pydantic's error type; fields in braces come from the error's context."""


def _messages(kind: type[Settings], name: str, found: Sequence[Any]) -> list[str]:
    """Our messages for pydantic's faults at one location."""
    messages, expected, close = [], [], ""
    prefix, name = f"{name}: " if name else "", name or "the top level"
    for fault in found:
        context: dict[str, Any] = {
            key: int(value) if isinstance(value, float) and value.is_integer() else value
            for key, value in fault.get("ctx", {}).items()
        }
        match fault["type"]:
            case "unexpected_keyword_argument":  # of a dataclass
                messages.append(f"unknown key {name}")
            case "extra_forbidden":
                messages.append(f"unknown key {name}{_nearest_key(kind, fault['loc'])}")
            case "missing" | "missing_argument":
                messages.append(f"{name} is missing")
            case "faults":
                messages += [prefix + message for message in context["messages"]]
            case "value_error" | "assertion_error":
                messages.append(prefix + str(context["error"]).replace("\n", "\n  "))
            case known if known in _WORDS:
                expected.append(_WORDS[known].format(**context))
            case _:
                messages.append(f"{name} is {fault['input']!r}: {fault['msg']}")
        if "expected" in context and isinstance(fault["input"], str):
            hint = nearest(fault["input"], re.findall(r"'(.*?)'", context["expected"]))
            close = f"; {hint}" if hint.startswith("did") else ""
    if messages:
        return list(dict.fromkeys(messages))
    *others, last = dict.fromkeys(expected)
    words = f"{', '.join(others)} or {last}" if others else last
    return [f"{name} is {found[0]['input']!r}, expected {words}{close}"]


def _nearest_key(kind: type[Settings], location: Sequence[int | str]) -> str:
    """A hint at the key that was probably meant."""
    kinds: list[type[BaseModel]] = [kind]
    for part in location[:-1]:
        fields = [each.model_fields[part] for each in kinds if part in each.model_fields]
        kinds = [inner for field in fields for inner in _models_in(field.annotation)] or kinds
    known = [name for each in kinds for name in each.model_fields]
    return f"; {nearest(str(location[-1]), known)}"


def _models_in(hint: Any) -> list[type[BaseModel]]:
    """All settings classes in an annotation, including those in lists, mappings and unions."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return [hint]
    return [found for inner in get_args(hint) for found in _models_in(inner)]
