"""Options of commands made from the fields of settings, and those that several commands share.

A command whose parameter is a settings class is decorated with :func:`options_of`, which replaces that
parameter by an option per field. Defaults, ranges and help stand with the fields and nowhere else.
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
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from crosslate.config import Settings, dump_yaml, parse_yaml, read_yaml
from crosslate.errors import CorpusError, Faults, UsageError
from crosslate.files import write_text

if TYPE_CHECKING:
    from crosslate.models.parent import Parent

ParentLangs = Annotated[
    str | None,
    typer.Option(
        "--parent-langs",
        metavar="XX-YY",
        help="Languages of the parent, where its files name none or many (mBART, NLLB): fr-en, or in its own "
        "codes fra_Latn-eng_Latn.",
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")]
Force = Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")]
PackFolders = Annotated[
    list[Path], typer.Argument(metavar="PACK...", help="Folder of the pack; two packs are composed.")
]
PackParent = Annotated[
    str | None,
    typer.Option(
        "--parent", help="Folder or hub id of the parent; the manifest says where it is if not given."
    ),
]


@dataclass(frozen=True)
class Option:
    """How a command offers a field.

    Attributes:
        fields: dotted names of the fields that it sets, separated by spaces; type, default and description
            are those of the first.
        value: what a flag sets; None for an option that takes a value, or a flag for a field that is a bool.
        help: in place of the description.
        is_text: read as text; the field makes its value of it.
        metavar: as in Typer.
        envvar: as in Typer.
    """

    fields: str
    value: Any = None
    help: str = ""
    is_text: bool = False
    metavar: str | None = None
    envvar: str | None = None


Options = dict[str, str | Option]
"""By names of options, separated by spaces (``--out -o``), the fields that they set."""


def options_of(
    kind: type[Settings], options: Options, *, name: str = "settings", set_in: str = ""
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes the options of a command from settings.

    Args:
        kind: the settings.
        options: which fields are offered under which names.
        name: the command's parameter that gets the settings.
        set_in: also offer ``--config`` and ``--save-config`` for all fields, and ``--set NAME=VALUE`` for
            those of this field. What is given beside ``--config`` wins.
    """
    made = [_Offered.of(kind, flags, each) for flags, each in options.items()]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            config, save, changes = (given.pop(each, None) for each in ("config", "save_config", "set_"))
            values = read_yaml(config) or {} if config else {}
            spoken = {} if config else {path: each.name for each in made for path in each.paths}
            for each in made:
                each.put(values, given.pop(each.parameter), spoken)
            for change in changes or []:
                _assign(values, set_in, change)
            where = f"{config} and the options" if config else "these options"
            given[name] = kind.from_values(values, where=where, names=spoken)
            if save:
                write_text(save, dump_yaml(values))
            command(**given)

        parameters = []
        for parameter in inspect.signature(command, eval_str=True).parameters.values():
            if parameter.name == name:
                parameters += [each.signature(is_required=not set_in) for each in made]
                parameters += _FILE_OPTIONS if set_in else []
            else:
                parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {}
        return run

    return decorate


def _parameter(name: str, kind: Any, option: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


_FILE_OPTIONS = [
    _parameter(
        "set_",
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other training setting, e.g. pretrained_learning_rate=1e-4.",
        ),
    ),
    _parameter(
        "config",
        Path | None,
        typer.Option("--config", metavar="FILE", help="Read settings from a YAML file; options win over it."),
    ),
    _parameter(
        "save_config",
        Path | None,
        typer.Option("--save-config", metavar="FILE", help="Write what is set to a YAML file for --config."),
    ),
]


@dataclass(frozen=True)
class _Offered:
    """An option with the field that it is made from."""

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
        """The first name, as messages have it."""
        return self.flags[0].partition("/")[0]

    @property
    def parameter(self) -> str:
        return self.name.lstrip("-").replace("-", "_") + "_"

    def put(self, values: dict[str, Any], value: Any, spoken: dict[str, str]) -> None:
        """Sets the fields if the option is given, and notes by which name their faults are reported."""
        if self.option.value is not None:
            value = self.option.value if value else None
        for path in self.paths:
            *above, last = path.split(".")
            inner = _inner(values, above)
            if value is not None and inner is not None:
                inner[last] = value
                spoken[path] = self.name

    def signature(self, *, is_required: bool) -> inspect.Parameter:
        """The parameter that Typer makes the option from; None is not given, and leaves the default."""
        option, field = self.option, self.field
        kind, choices = (str, []) if option.is_text else _option_type(field.annotation)
        is_flag = kind is bool or option.value is not None
        flags = list(self.flags)
        if kind is bool and field.default is True and option.value is None and "/" not in flags[0]:
            flags[0] += f"/--no-{flags[0][2:]}"
        default = field.get_default(call_default_factory=True) if not field.is_required() else None
        shown = f" [default: {default}]" if default not in (None, "", []) and not is_flag else ""
        must = is_required and field.is_required()
        if field.is_required() and not must:
            shown = " [required]"
        made = typer.Option(
            *flags, metavar=option.metavar or "|".join(choices) or None, envvar=option.envvar,
            show_default=False, help=(option.help or field.description or "") + shown,
            autocompletion=(lambda: choices) if choices else None,
        )  # fmt: skip
        kind = bool if is_flag else kind
        default = inspect.Parameter.empty if must else None
        return _parameter(self.parameter, kind if must else kind | None, made, default)


def _option_type(hint: Any) -> tuple[Any, list[str]]:
    """The type that Typer reads an option as, and the choices that a shell completes."""
    if get_origin(hint) in (typing.Union, types.UnionType):
        options = [each for each in get_args(hint) if each is not type(None)]
        return _option_type(options[0])
    if get_origin(hint) is Annotated:
        return _option_type(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return str, list(get_args(hint))
    if get_origin(hint) is list:
        return list[_option_type(get_args(hint)[0])[0]], []  # type: ignore[misc]
    return hint, []


def _inner(values: dict[str, Any], path: list[str]) -> dict[str, Any] | None:
    """The mapping at a path, made where it is missing; None if something else is there."""
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
        raise UsageError(f"--set {change}: {path[-1]} has no parts")
    faults = Faults(f"--set {change}")
    inner[last] = parse_yaml(text, faults)
    faults.raise_as(UsageError)


def read_all_lines(paths: list[str]) -> Iterator[str]:
    """The lines of all files, one after the other; that every file is there is checked at once."""
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


def parent_languages(pair: str | None) -> tuple[str, str] | None:
    """The two languages of ``--parent-langs``."""
    from crosslate.languages.codes import language_pair

    return None if pair is None else language_pair(pair)


def load_parent(name: str, pair: str | None) -> Parent:
    """A parent by folder or hub id; ``pair`` as in ``--parent-langs``."""
    from crosslate.models.parent import Parent

    source, target = parent_languages(pair) or (None, None)
    return Parent.load(name, source_language=source, target_language=target)
