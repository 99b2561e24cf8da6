"""Command-line options made from fields of settings, and options that several commands share.

The decorator :func:`options_of` replaces a parameter that is a settings class by one option per field, with
defaults, ranges and help from the fields.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from crosslate.config import Settings, dump_yaml, parse_yaml, read_yaml
from crosslate.errors import CorpusError, Faults, UsageError
from crosslate.files import write_text

PackFolders = Annotated[
    list[Path],
    typer.Argument(
        metavar="PACK...",
        help="Pack: its folder, or its id on the Hugging Face Hub; two packs are composed, with their pair "
        "pack if given.",
    ),
]
PackParent = Annotated[
    str | None,
    typer.Option(
        "--parent", help="Folder or Hugging Face Hub id of the parent. [default: from the manifest]"
    ),
]


@dataclass(frozen=True)
class Option:
    """An option or argument for a field.

    Attributes:
        fields: dotted names of the fields that it sets, separated by spaces; type, default and description
            come from the first.
        value: value set by a flag; None for options with a value and flags for bool fields.
        help: replaces the description.
        metavar: as in Typer.
        envvar: as in Typer.
    """

    fields: str
    value: Any = None
    help: str = ""
    metavar: str | None = None
    envvar: str | None = None


Options = dict[str, str | Option]
"""Fields by option names, separated by spaces (``--out -o``); a name without hyphens is an argument."""


def options_of(options: Options, *, set_in: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes options from the parameter that is annotated with a settings class.

    Args:
        options: fields by option names.
        set_in: also add ``--config`` and ``--save-config`` for all fields, and ``--set NAME=VALUE`` for those
            of this field. Options override ``--config``.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters = list(inspect.signature(command, eval_str=True).parameters.values())
        (settings,) = (each for each in parameters if _is_settings(each.annotation))
        kind: type[Settings] = settings.annotation
        made = [_Offered.of(kind, flags, each) for flags, each in options.items()]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            config, save, changes = (given.pop(each, None) for each in ("config_", "save_config_", "set_"))
            values = read_yaml(config) or {} if config else {}
            spoken = {} if config else {path: each.name for each in made for path in each.paths}
            for each in made:
                each.put(values, given.pop(each.parameter), spoken)
            for change in changes or []:
                _assign(values, set_in, change)
            where = f"{config} and the options" if config else "these options"
            given[settings.name] = kind.from_values(values, where=where, names=spoken)
            if save:
                write_text(save, dump_yaml(values))
            command(**given)

        at = parameters.index(settings)
        own = [each.signature(is_required=not set_in) for each in made] + (_FILE_OPTIONS if set_in else [])
        others = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
        signature = inspect.Signature([*others[:at], *own, *others[at + 1 :]])
        run.__signature__ = signature  # type: ignore[attr-defined]
        run.__annotations__ = {}
        return run

    return decorate


def _is_settings(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Settings)


def _parameter(name: str, kind: Any, option: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


def _file_option(flag: str, kind: Any, metavar: str, text: str) -> inspect.Parameter:
    return _parameter(f"{flag[2:].replace('-', '_')}_", kind, typer.Option(flag, metavar=metavar, help=text))


_FILE_OPTIONS = [
    _file_option(
        "--set", list[str] | None, "NAME=VALUE",
        "Any other training setting, e.g. pretrained_learning_rate=1e-4.",
    ),
    _file_option("--config", Path | None, "FILE", "Read settings from a YAML file; options override it."),
    _file_option("--save-config", Path | None, "FILE", "Write the settings to a YAML file for --config."),
]  # fmt: skip


@dataclass(frozen=True)
class _Offered:
    """An option with its field."""

    flags: list[str]
    paths: list[str]
    option: Option
    field: FieldInfo

    @classmethod
    def of(cls, kind: type[Settings], flags: str, option: str | Option) -> _Offered:
        option = Option(option) if isinstance(option, str) else option
        paths = option.fields.split()
        *above, last = paths[0].split(".")
        for part in above:
            kind = kind.model_fields[part].annotation  # type: ignore[assignment]
        return cls(flags.split(), paths, option, kind.model_fields[last])

    @property
    def name(self) -> str:
        """The first name, used in messages."""
        return self.flags[0].partition("/")[0]

    @property
    def parameter(self) -> str:
        return self.name.lstrip("-").replace("-", "_") + "_"

    def put(self, values: dict[str, Any], value: Any, spoken: dict[str, str]) -> None:
        """Sets the fields if the option is given, and records its name for messages."""
        if self.option.value is not None:
            value = self.option.value if value else None
        for path in self.paths:
            *above, last = path.split(".")
            inner = _inner(values, above)
            if value is not None and inner is not None:
                inner[last] = value
                spoken[path] = self.name

    def signature(self, *, is_required: bool) -> inspect.Parameter:
        """The parameter for Typer; None means not given and keeps the default."""
        option, field = self.option, self.field
        kind, choices = _option_type(Annotated[(field.annotation, None, *field.metadata)])
        is_flag = kind is bool or option.value is not None
        first, *others = self.flags
        if kind is bool and field.default is True and option.value is None and "/" not in first:
            first += f"/--no-{first[2:]}"
        must = is_required and field.is_required()
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        described = option.help or field.description or ""
        has_default = default not in (None, "", []) and not is_flag and "[default: " not in described
        shown = f" [default: {default}]" if has_default else ""
        shown = " [required]" if field.is_required() and not must else shown
        text = described + shown
        made: Any
        if first.startswith("-"):
            made = typer.Option(
                first, *others, metavar=option.metavar or "|".join(choices) or None, envvar=option.envvar,
                show_default=False, help=text, autocompletion=(lambda: choices) if choices else None,
            )  # fmt: skip
        else:
            made = typer.Argument(metavar=option.metavar or first, help=text)
        kind = bool if is_flag else kind
        default = inspect.Parameter.empty if must else None
        return _parameter(self.parameter, kind if must else kind | None, made, default)


def _option_type(hint: Any) -> tuple[Any, list[str]]:
    """The option's type for Typer, and its choices for shell completion."""
    if get_origin(hint) in (typing.Union, types.UnionType):
        options = [each for each in get_args(hint) if each is not type(None)]
        return _option_type(options[0])
    if get_origin(hint) is Annotated:
        inner, *metadata = get_args(hint)
        is_text = any(isinstance(each, BeforeValidator) for each in metadata)  # converted from text
        return (str, []) if is_text else _option_type(inner)
    if get_origin(hint) is Literal:
        return str, list(get_args(hint))
    if get_origin(hint) is list:
        kind, choices = _option_type(get_args(hint)[0])
        return list[kind], choices  # type: ignore[valid-type]
    return hint, []


def _inner(values: dict[str, Any], path: list[str]) -> dict[str, Any] | None:
    """The mapping at a path, created if missing; None if there is something else."""
    for part in path:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            return None
        values = inner
    return values


def _assign(values: dict[str, Any], prefix: str, change: str) -> None:
    """Sets ``NAME=VALUE`` among settings; the name may be dotted."""
    name, equals, text = change.partition("=")
    if not equals:
        raise UsageError(f"--set {change}: expected NAME=VALUE, like weight_decay=0.01")
    *path, last = name.strip().split(".")
    inner = _inner(values, [prefix, *path])
    if inner is None:
        raise UsageError(f"--set {change}: {path[-1]} has no fields")
    faults = Faults(f"--set {change}")
    inner[last] = parse_yaml(text, faults)
    faults.raise_as(UsageError)


def read_all_lines(paths: list[str]) -> Iterator[str]:
    """The lines of all files in order; missing files are reported at once."""
    from crosslate.cli.output import STANDARD_OUTPUT
    from crosslate.text.streams import read_lines

    if paths.count(STANDARD_OUTPUT) > 1:
        raise UsageError("standard input can be read only once; give '-' once")
    faults = Faults("cannot read the text")
    readers = []
    for path in paths:
        with faults.catch(CorpusError):
            readers.append(read_lines(path))
    faults.raise_as(CorpusError)
    return chain.from_iterable(readers)
