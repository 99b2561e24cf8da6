"""Scaling a recipe down to minutes: the same grid on little text with small models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from crosslate.models.parent import parse_size
from crosslate.models.strategies import parse_strategy
from crosslate.studies.recipe import PairText, Recipe
from crosslate.studies.texts import Text

TRAIN_PAIRS = 1_500
VALID_PAIRS = 40
TEST_PAIRS = 60
VOCABULARY = 1_200
SIZE = "1,64,2,128"
_TRAINING: dict[str, Any] = {
    "max_epochs": 1, "max_updates": 0, "accumulate_batches": 1, "batch_tokens": 2048, "warmup_updates": 20,
    "validate_every_updates": 0, "patience": 0, "schedule_updates": 0,
}  # fmt: skip

_SUFFIX = "-quick"


def command_of(name: str) -> str:
    """What a reader types behind ``crosslate study run`` to have a study of this name again."""
    shipped = name.removesuffix(_SUFFIX)
    return f"{shipped} --quick" if name != shipped else name


def quick(recipe: Recipe) -> Recipe:
    """The same study in minutes: one epoch, one seed, small models and vocabularies, little text.

    What it finds means nothing; that it runs through means that the study will. Its name ends in ``-quick``,
    so that its folder is another.
    """
    sizes = sorted({min(size or TRAIN_PAIRS, TRAIN_PAIRS) for size in recipe.sizes})
    return replace(
        recipe,
        name=f"{recipe.name}{_SUFFIX}",
        about=f"Scaled down to minutes: its numbers mean nothing. {recipe.about}".strip(),
        parents=[
            parent
            if parent.load
            else replace(
                parent,
                text=_short(parent.text),
                size=_size(recipe),
                source_vocabulary=_small(parent.source_vocabulary),
                target_vocabulary=_small(parent.target_vocabulary),
                training=parent.training | _TRAINING,
            )
            for parent in recipe.parents
        ],
        denoisers=[
            replace(
                denoiser,
                train=_cut(denoiser.train, TRAIN_PAIRS),
                valid=_cut(denoiser.valid, VALID_PAIRS),
                size=_size(recipe),
                vocabulary=_small(denoiser.vocabulary),
                training=denoiser.training | _TRAINING,
            )
            for denoiser in recipe.denoisers
        ],
        children=[
            replace(child, text=_short(child.text), vocabulary=_small(child.vocabulary))
            for child in recipe.children
        ],
        zero_shot=[
            replace(
                pair,
                text=_short(pair.text),
                supervised_sizes=sorted({min(size, TRAIN_PAIRS) for size in pair.supervised_sizes}),
            )
            for pair in recipe.zero_shot
        ],
        seeds=recipe.seeds[:1],
        sizes=[0] if recipe.sizes == [0] else sizes,
        training={
            name: {key: value for key, value in changes.items() if key not in _TRAINING}
            for name, changes in recipe.training.items()
        }
        | {"all": recipe.training.get("all", {}) | _TRAINING},
        decoding=recipe.decoding.changed(beam_size=min(2, recipe.decoding.beam_size)),
    )


def _size(recipe: Recipe) -> str:
    """A small model that has every layer and head that the recipe's strategies name."""
    smallest = parse_size(SIZE)
    layers, heads = smallest.layers, smallest.heads
    for name in (*recipe.strategies, *(each for child in recipe.children for each in child.strategies)):
        limits = parse_strategy(name).limits
        by_layer = dict(limits.heads or ())
        layers = max([layers, *(1 + layer for layer in (*(limits.layers or ()), *by_layer))])
        heads = max([heads, *(1 + head for each in by_layer.values() for head in each)])
    width = heads * -(-smallest.width // heads)
    return f"{layers},{width},{heads},{smallest.feed_forward}"


def _short(text: PairText) -> PairText:
    return PairText(_cut(text.train, TRAIN_PAIRS), _cut(text.valid, VALID_PAIRS), _cut(text.test, TEST_PAIRS))


def _cut(text: Text, count: int) -> Text:
    last = text.first_line + count - 1
    return replace(text, last_line=min(last, text.last_line) if text.last_line else last, num_pairs=0)


def _small(vocabulary: int) -> int:
    return min(vocabulary, VOCABULARY) if vocabulary else 0
