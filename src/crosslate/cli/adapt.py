"""``crosslate adapt``: the main job."""

from __future__ import annotations

from typing import Annotated

import typer

from crosslate.cli import options as o
from crosslate.cli.console import console, error_console, megabytes
from crosslate.errors import UsageError


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
    frozen = check_frozen_type(frozen_dtype)
    loaded = o.load_parent(parent, parent_langs)
    loaded.lower(frozen, keep=chosen.train - chosen.reinitialise)
    corpus, held = o.read_pairs(
        train, valid, new_source or loaded.source_language, new_target or loaded.target_language
    )
    from crosslate.jobs.adapt import adapt as run
    from crosslate.training.progress import ConsoleProgress

    pack = run(
        loaded, corpus, new_source=new_source, new_target=new_target, valid=held, strategy=strategy,
        settings=settings, data=data, out=out, name=name, licence=licence, replace=force,
        progress=ConsoleProgress(error_console()), tensorboard=tensorboard,
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
