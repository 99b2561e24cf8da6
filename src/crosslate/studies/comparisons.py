"""Which systems of a study are compared: the paired bootstrap between those that a claim is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crosslate.models.initialisers.initial_embeddings import RANDOM
from crosslate.studies.cells import Cell, find, needs
from crosslate.studies.estimate import ANALYSIS_OPERATIONS
from crosslate.studies.recipe import RIVALS

COMPARED = (
    ("xattn", "embeddings"), ("xattn", "body"), ("xattn", "randxattn"), ("xattn", "scratch"),
    ("embeddings", "scratch"), ("limited", "xattn"),
    *(("xattn", rival) for rival in RIVALS),
)  # fmt: skip
"""Parts of which every child's systems are compared, the first with the second."""

OTHER_START = "other start"
"""The part of children whose embeddings do not start at random: they have tables of their own."""


def comparisons(made: Sequence[Cell], full_size: int) -> list[Cell]:
    """Comparisons of systems with the same test set.

    Args:
        made: cells of the study.
        full_size: training pairs of the children that models from scratch are compared at.
    """
    return [*_of_children(made), *_of_denoising_children(made, full_size), *_of_zero_shot(made)]


def _of_children(made: Sequence[Cell]) -> Iterator[Cell]:
    for kind in ("child", "forgetting"):
        for first, second in COMPARED:
            for one in find(made, kind, part=first):
                same = {name: one.labels[name] for name in ("child", "seed", "size")}
                yield from (_comparison(one, other) for other in find(made, kind, part=second, **same))
    for cell in find(made, "compressed"):
        (whole,) = (each for each in made if each.key == cell.needs["child"])
        yield _comparison(cell, whole)
    for one in find(made, "child", part=OTHER_START):
        same = {name: one.labels[name] for name in ("child", "seed", "size", "strategy")}
        yield from (_comparison(one, other) for other in find(made, "child", initial=RANDOM, **same))


def _of_denoising_children(made: Sequence[Cell], full_size: int) -> Iterator[Cell]:
    for one in find(made, "denoising child"):
        same = {name: one.labels[name] for name in ("child", "seed")}
        denoiser = one.labels["denoiser"]
        for part, other_part in (("embeddings", "xattn"), ("xattn", "body"), ("xattn", "randxattn")):
            if one.labels["part"] == part:
                others = find(made, "denoising child", part=other_part, denoiser=denoiser, **same)
                yield from (_comparison(one, other) for other in others)
        others = find(made, "child", part="scratch", size=full_size, **same)
        yield from (_comparison(one, other) for other in others)


def _of_zero_shot(made: Sequence[Cell]) -> Iterator[Cell]:
    for one in find(made, "zero-shot"):
        same = {"pair": one.labels["pair"], "seed": one.labels["seed"]}
        for kind in ("supervised", "pivot"):
            yield from (_comparison(one, other) for other in find(made, kind, **same))


def _comparison(one: Cell, other: Cell) -> Cell:
    spec = {"text": one.spec["text"]["test"]}
    labels = {"first": one.title, "second": other.title}
    title = f"{one.title} against {other.title}"
    texts = {"test": one.texts["test"]}
    return Cell(
        "compare", title, spec, needs(first=one, second=other), labels, texts, ANALYSIS_OPERATIONS / 4
    )
