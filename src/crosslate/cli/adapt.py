"""``crosslate adapt``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from crosslate.cli import options as o
from crosslate.cli.console import console, error_console, megabytes
from crosslate.errors import UsageError, nearest
from crosslate.models.initialisers.initial_embeddings import METHODS, RANDOM

if TYPE_CHECKING:
    from crosslate.models.groups import Side
    from crosslate.models.initialisers.initial_embeddings import Method


def adapt(
    parent: Annotated[str, typer.Option(help="Folder or hub id of the parent.")],
    train: o.Corpus,
    out: o.Out,
    new_source: Annotated[str | None, typer.Option(help="Code of a new source language.")] = None,
    new_target: Annotated[str | None, typer.Option(help="Code of a new target language.")] = None,
    parent_langs: o.ParentLangs = None,
    valid: o.Valid = None,
    strategy: Annotated[
        str | None, typer.Option(help="See docs/strategies.md. [default: src+xattn or tgt+xattn]")
    ] = None,
    vocab_size: Annotated[
        int | None, typer.Option(help="Pieces of the new vocabulary; chosen from the text if not given.")
    ] = None,
    vocabulary: Annotated[
        str,
        typer.Option(
            help="separate: new rows for all pieces of the new vocabulary; appended: the parent's rows, "
            "frozen, for the pieces that it has, and new rows for the others and the language's code."
        ),
    ] = "separate",
    code: Annotated[
        str,
        typer.Option(
            help="Piece that stands for the new language, as the parent's family spells it (kab_Latn). "
            "[default: none for separate; for appended the parent's, or one by the family's rules]"
        ),
    ] = "",
    related: Annotated[
        str,
        typer.Option(
            metavar="XX",
            help="Language of the parent from whose code a new code starts. [default: the mean of all]",
        ),
    ] = "",
    initial_embeddings: Annotated[
        str | None,
        typer.Option(
            help="Where new embeddings start: random, mean, copied, dictionary or aligned. [default: mean; "
            "random for scratch, appended vocabularies and the preset paper]"
        ),
    ] = None,
    dictionary: Annotated[
        list[Path] | None,
        typer.Option(
            "--dictionary",
            metavar="FILE [FILE]",
            help="For --initial-embeddings dictionary: a word of the new language and a translation into the "
            "parent's language of that side per line, as MUSE has them; the source's first if both are new.",
        ),
    ] = None,
    preset: o.Preset = "default",
    epochs: o.Epochs = None,
    updates: o.Updates = None,
    batch_tokens: o.BatchTokens = None,
    patience: o.Patience = None,
    dropout: o.Dropout = None,
    schedule: o.Schedule = None,
    precision: o.Precision = None,
    seed: o.Seed = None,
    set_: o.Set = None,
    metric: o.Metric = "bleu",
    no_cleaning: o.NoCleaning = False,
    max_tokens: o.MaxTokens = None,
    unigram: o.Unigram = False,
    frozen_dtype: Annotated[
        str,
        typer.Option(
            help="float32, or bfloat16: half the memory for what stays frozen; see docs/large-parents.md."
        ),
    ] = "float32",
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Compute layers twice instead of keeping them.")
    ] = False,
    shard_frozen: Annotated[
        bool,
        typer.Option("--shard-frozen", help="With accelerate launch: each process holds a part."),
    ] = False,
    name: Annotated[str, typer.Option(help="Name of the pack.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the pack, as an SPDX expression.")] = "",
    tensorboard: o.TensorBoard = False,
    force: o.Force = False,
) -> None:
    """Teach a parent a new language and write the pack of what changed."""
    if new_source is None and new_target is None:
        raise UsageError("give --new-source or --new-target (or both): the language that the parent lacks")
    from crosslate.models.parent import check_frozen_type
    from crosslate.models.strategies import parse_strategy

    sides = [side for side, new in (("source", new_source), ("target", new_target)) if new]
    if initial_embeddings is None and preset == "paper":
        initial_embeddings = RANDOM
    _check_dictionaries(initial_embeddings, dictionary or [], sides)
    if strategy is None:
        strategy = "+".join([*(["src"] if new_source else []), *(["tgt"] if new_target else []), "xattn"])
    chosen = parse_strategy(strategy)
    settings = o.training_settings(
        preset, chosen, changes=set_, max_epochs=epochs, max_updates=updates,
        batch_tokens=batch_tokens, patience=patience, dropout=dropout, schedule=schedule,
        precision=precision, seed=seed,
    )  # fmt: skip
    data = o.data_settings(
        metric=metric, no_cleaning=no_cleaning, max_tokens=max_tokens, unigram=unigram,
        source_vocabulary_size=vocab_size, target_vocabulary_size=vocab_size,
    )  # fmt: skip
    from crosslate.adaptation.new_sides import NewVocabulary

    wanted = NewVocabulary(vocabulary, code, related)  # type: ignore[arg-type]
    frozen = check_frozen_type(frozen_dtype)
    loaded = o.load_parent(parent, parent_langs)
    loaded.lower(frozen, keep=chosen.precise_groups)
    corpus, held = o.read_pairs(
        train, valid, new_source or loaded.source_language, new_target or loaded.target_language
    )
    from crosslate.adaptation.adapt import adapt as run
    from crosslate.evaluation.dictionaries import read_dictionary
    from crosslate.training.progress import ConsoleProgress

    pack = run(
        loaded, corpus, new_source=new_source, new_target=new_target, valid=held, strategy=strategy,
        vocabulary=wanted, settings=settings, data=data, out=out, name=name, licence=licence, replace=force,
        progress=ConsoleProgress(error_console()), tensorboard=tensorboard,
        initial_embeddings=cast("Method | None", initial_embeddings),
        dictionaries={
            cast("Side", side): read_dictionary(file) for side, file in zip(sides, dictionary or [])
        },
        gradient_checkpointing=gradient_checkpointing, shard_frozen=shard_frozen,
    )  # fmt: skip
    manifest = pack.manifest
    counts = manifest.training["parameters"]
    score = "".join(f", {each.metric} {each.value:.2f} on validation" for each in manifest.scores)
    console().print(
        f"pack {manifest.source_language}-{manifest.target_language}: {megabytes(counts['pack_bytes'])}, "
        f"{100 * counts['share_stored']:.1f} % of a full model{score}, saved to {out}",
        soft_wrap=True,
    )


def _check_dictionaries(method: str | None, dictionaries: list[Path], sides: list[str]) -> None:
    if method is not None and method not in METHODS:
        raise UsageError(f"--initial-embeddings is {method!r}; {nearest(method, METHODS)}")
    wanted = len(sides) if method == "dictionary" else 0
    if len(dictionaries) != wanted:
        raise UsageError(
            f"--dictionary names {len(dictionaries)} files, expected {wanted}: "
            "--initial-embeddings dictionary takes one for each new side, the others take none"
        )
