"""Word-for-word corpora in the toy languages of ``tiny_models``, and a parent in memory."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch

import tiny_models
from crosslate.adaptation.adapt import adapt
from crosslate.adaptation.settings import DataSettings, NewLanguages, PackOutput
from crosslate.models.parent import Parent
from crosslate.models.sizes import Size
from crosslate.packs.pack import Pack
from crosslate.text.corpora import ParallelCorpus
from crosslate.training.progress import Progress
from crosslate.training.settings import TrainingSettings

DATA = DataSettings(source_vocabulary_size=80, target_vocabulary_size=80)


def corpus(source: str, target: str, count: int = 60, seed: int = 0) -> ParallelCorpus:
    """``count`` distinct sentences of two to six words."""
    chooser = random.Random(seed)
    rows: dict[tuple[int, ...], None] = {}
    while len(rows) < count:
        rows[tuple(chooser.choices(range(15), k=chooser.randint(2, 6)))] = None

    def sentences(language: str) -> list[str]:
        return [" ".join(tiny_models.WORDS[language][word] for word in row) + "." for row in rows]

    return ParallelCorpus(
        sentences(source), sentences(target), source, target, f"toy.{source} + toy.{target}"
    )


def parent(size: Size = tiny_models.SIZE) -> Parent:
    """An untrained French-English parent."""
    return Parent.create(
        tiny_models.vocabulary("fr"), tiny_models.vocabulary("en"), "fr", "en", size,
        max_positions=tiny_models.MAX_TOKENS,
    )  # fmt: skip


def settings(**changes: Any) -> TrainingSettings:
    """Three updates, one epoch each."""
    values = {
        "max_epochs": 3, "batch_tokens": 4096, "warmup_updates": 2, "precision": "fp32", "patience": 0,
        "checkpoint_every_seconds": 0.0,
    }  # fmt: skip
    return TrainingSettings(**(values | changes))


def adapted(
    parent: Parent, out: Path | None, *, progress: Progress | None = None, pair: tuple[str, str] = ("de", "en"),
    training: dict[str, Any] | None = None, output: dict[str, Any] | None = None, **new: Any,
) -> Pack:  # fmt: skip
    """The pack of a toy corpus; ``new`` are fields of NewLanguages, by default a German source."""
    return adapt(
        parent, corpus(*pair), corpus(*pair, 12, seed=1), new=NewLanguages(**({"source": "de"} | new)), data=DATA,
        training=settings(**(training or {})), progress=progress,
        output=None if out is None else PackOutput(folder=out, **(output or {})),
    )  # fmt: skip


def are_equal(one: Pack, other: Pack) -> bool:
    """Whether two packs hold the same tensors, to the bit."""
    same = (torch.equal(tensor, other.tensors[name]) for name, tensor in one.tensors.items())
    return one.tensors.keys() == other.tensors.keys() and all(same)


def write(corpus: ParallelCorpus, folder: Path, name: str = "train") -> list[Path]:
    """The corpus as two plain files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{corpus.source_language}", folder / f"{name}.{corpus.target_language}"]
    for path, lines in zip(paths, (corpus.source, corpus.target)):
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return paths


def options(folder: Path, source: str, target: str) -> tuple[str | Path, ...]:
    """The text of a pair in files, as options of the command line."""
    train = write(corpus(source, target), folder)
    return "--train", *train, "--valid", *write(corpus(source, target, 12, seed=1), folder, "valid")
