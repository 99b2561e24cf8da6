"""Options that several commands share, and how they become settings. Defaults live with the settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crosslate.errors import UsageError
from crosslate.models.groups import GROUPS
from crosslate.training.settings import TrainingChanges, TrainingSettings

if TYPE_CHECKING:
    from crosslate.adaptation.data import DataSettings
    from crosslate.models.parent import Parent
    from crosslate.models.strategies import Strategy
    from crosslate.text.corpora import ParallelCorpus

_DEFAULTS = TrainingSettings()

Corpus = Annotated[
    list[str],
    typer.Option(
        "--train",
        metavar="FILE [FILE]",
        help="Training text: a file of the source side and one of the target side, or one TSV, JSONL, TMX or "
        "data set folder; .gz .bz2 .xz .zst are read directly, - is standard input.",
    ),
]
Valid = Annotated[
    list[str] | None,
    typer.Option(
        "--valid",
        metavar="FILE [FILE]",
        help="Validation text, likewise; without it part of the training text is held out.",
    ),
]
ParentLangs = Annotated[
    str | None,
    typer.Option(
        "--parent-langs",
        metavar="XX-YY",
        help="Languages of the parent, where its files name none or many (mBART, NLLB): fr-en, or in its own "
        "codes fra_Latn-eng_Latn.",
    ),
]
Out = Annotated[
    Path, typer.Option("--out", "-o", help="Folder to write; the state of the run is kept in OUT.run.")
]
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
Preset = Annotated[
    str,
    typer.Option(
        "--preset",
        help="default: for tens of thousands of pairs, about ten epochs; paper: the paper's settings.",
    ),
]
Epochs = Annotated[
    int | None, typer.Option(help=f"Passes over the data at most. [default: {_DEFAULTS.max_epochs}]")
]
Updates = Annotated[int | None, typer.Option(help="Optimiser steps at most; 0 sets no limit.")]
BatchTokens = Annotated[
    int | None,
    typer.Option(help=f"Source plus target tokens per batch. [default: {_DEFAULTS.batch_tokens}]"),
]
Patience = Annotated[
    int | None,
    typer.Option(
        help=f"Stop after N validations without a better score; 0 never. [default: {_DEFAULTS.patience}]"
    ),
]
Dropout = Annotated[float | None, typer.Option(help="Dropout probability; the model's own if not given.")]
Schedule = Annotated[
    str | None,
    typer.Option(help=f"inverse_sqrt, linear, cosine or constant. [default: {_DEFAULTS.schedule}]"),
]
Precision = Annotated[str | None, typer.Option(help="auto, fp32 or bf16. [default: auto]")]
Seed = Annotated[int | None, typer.Option(help=f"Seed of everything random. [default: {_DEFAULTS.seed}]")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any other training setting, e.g. pretrained_learning_rate=1e-4.",
    ),
]
Metric = Annotated[str, typer.Option(help="What validation measures: bleu or chrf.")]
NoCleaning = Annotated[bool, typer.Option("--no-cleaning", help="Keep every pair.")]
MaxTokens = Annotated[int | None, typer.Option(help="Drop pairs with a side of more tokens.")]
TensorBoard = Annotated[bool, typer.Option("--tensorboard", help="Also log for TensorBoard.")]
Unigram = Annotated[bool, typer.Option("--unigram", help="Unigram instead of BPE vocabularies.")]

_SEVERAL_VALUES = frozenset(
    {"--train", "--valid", "--test", "--pack", "--input", "-i", "--hypotheses", "--compare", "--word",
     "--text", "--dictionary"}
)  # fmt: skip


def expand_values(arguments: list[str]) -> list[str]:
    """Lets an option take several values: ``--train a b`` becomes ``--train a --train b``."""
    expanded: list[str] = []
    option = ""
    for argument in arguments:
        is_value = not argument.startswith("-") or argument == "-"
        if is_value and option and expanded[-1] != option:
            expanded.append(option)
        expanded.append(argument)
        if not is_value:
            option = argument if argument in _SEVERAL_VALUES else ""
    return expanded


def training_settings(
    preset_name: str,
    strategy: Strategy | None,
    *,
    changes: list[str] | None,
    **flags: Any,
) -> TrainingSettings:
    """Settings from a preset, flags (None: not given) and ``--set`` assignments, checked as a whole.

    Args:
        strategy: of an adaptation; None trains a whole model from random values.
    """
    trained, fresh = (strategy.train, strategy.reinitialise) if strategy else (frozenset(GROUPS),) * 2
    values = {name: value for name, value in flags.items() if value is not None} | {"preset": preset_name}
    if flags.get("max_updates") and flags.get("max_epochs") is None:
        values["max_epochs"] = 0
    for change in changes or []:
        _assign(values, change)
    made = TrainingChanges.from_values(values)
    return made.resolved(trained_groups=trained, fresh_groups=fresh)


def _assign(values: dict[str, Any], change: str) -> None:
    import yaml

    name, equals, text = change.partition("=")
    if not equals:
        raise UsageError(f"--set {change}: expected NAME=VALUE, like weight_decay=0.01")
    *path, last = name.strip().split(".")
    for part in path:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise UsageError(f"--set {change}: {part} has no parts")
    value = yaml.safe_load(text)
    # YAML 1.1 reads 1e-4 as text.
    if isinstance(value, str):
        with suppress(ValueError):
            value = float(value)
    values[last] = value


def data_settings(
    *, metric: str, no_cleaning: bool, max_tokens: int | None, unigram: bool, **sizes: int | None
) -> DataSettings:
    """How the text is prepared, from flags."""
    from crosslate.adaptation.data import DataSettings

    if metric not in ("bleu", "chrf"):
        raise UsageError(f"unknown metric {metric!r}; known: bleu, chrf")
    settings = DataSettings(metric=metric, vocabulary_kind="unigram" if unigram else "bpe")  # type: ignore[arg-type]
    given: dict[str, Any] = {name: size for name, size in sizes.items() if size is not None}
    settings = replace(settings, **given)
    if no_cleaning:
        settings = replace(settings, cleaning=replace(settings.cleaning, enabled=False))
    return settings if max_tokens is None else replace(settings, max_tokens=max_tokens)


def read_pairs(
    train: list[str], valid: list[str] | None, source_language: str, target_language: str
) -> tuple[ParallelCorpus, ParallelCorpus | None]:
    """Reads the training and the validation corpus; the faults of both are reported together."""
    from crosslate.errors import CorpusError, Faults
    from crosslate.text.corpora import read_corpus

    faults = Faults("cannot read the text")
    found: list[ParallelCorpus] = []
    for paths in (train, valid or []):
        if paths:
            with faults.catch(CorpusError):
                found.append(read_corpus(paths, source_language, target_language))
    faults.raise_as(CorpusError)
    return found[0], found[1] if valid else None


def read_all_lines(paths: list[str]) -> Iterator[str]:
    """The lines of all files, one after the other; that every file is there is checked at once."""
    from crosslate.cli.output import STANDARD_OUTPUT
    from crosslate.errors import CorpusError, Faults
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
