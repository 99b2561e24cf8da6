"""Scale a recipe down to minutes: the same grid on little text with small models."""

from __future__ import annotations

from typing import Any

from crosslate.models.sizes import PAPER, parse_size
from crosslate.models.strategies import parse_strategy
from crosslate.studies.recipe import ALL, PairText, Recipe

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
    """Arguments of ``crosslate study run`` that reproduce a study of this name."""
    shipped = name.removesuffix(_SUFFIX)
    return f"{shipped} --quick" if name != shipped else name


def quick(recipe: Recipe) -> Recipe:
    """The same study in minutes: one epoch, one seed, small models and vocabularies, little text.

    The results are meaningless, but a successful run shows that the full study will run. The name ends in
    ``-quick``, so that the study has a separate folder.
    """
    size = _size(recipe)
    sizes = sorted({min(each or TRAIN_PAIRS, TRAIN_PAIRS) for each in recipe.sizes})
    training = {
        name: {key: value for key, value in changes.items() if key not in _TRAINING}
        for name, changes in recipe.training.items()
    }
    return recipe.changed(
        name=f"{recipe.name}{_SUFFIX}",
        about=f"Scaled down to minutes; the numbers are meaningless. {recipe.about}".strip(),
        parents=[
            parent
            if parent.load
            else parent.changed(
                text=_short(parent.text), size=_like(parent.size, size), training=parent.training | _TRAINING,
                source_vocabulary=min(parent.source_vocabulary, VOCABULARY),
                target_vocabulary=min(parent.target_vocabulary, VOCABULARY),
            )
            for parent in recipe.parents
        ],
        denoisers=[
            denoiser
            if denoiser.train is None or denoiser.valid is None
            else denoiser.changed(
                train=denoiser.train.cut(TRAIN_PAIRS), valid=denoiser.valid.cut(VALID_PAIRS),
                size=_like(denoiser.size, size), vocabulary=min(denoiser.vocabulary, VOCABULARY),
                training=denoiser.training | _TRAINING,
            )
            for denoiser in recipe.denoisers
        ],
        children=[
            child.changed(text=_short(child.text), vocabulary=min(child.vocabulary, VOCABULARY))
            for child in recipe.children
        ],
        zero_shot=[
            pair.changed(
                text=_short(pair.text),
                supervised_sizes=sorted({min(size, TRAIN_PAIRS) for size in pair.supervised_sizes}),
            )
            for pair in recipe.zero_shot
        ],
        pair_packs=[
            pair.changed(
                text=_short(pair.text), real_training=pair.real_training | _TRAINING,
                real_sizes=sorted({min(size or TRAIN_PAIRS, TRAIN_PAIRS) for size in pair.real_sizes}),
                aligned=pair.aligned and pair.aligned.cut(TEST_PAIRS),
            )
            for pair in recipe.pair_packs
        ],
        seeds=recipe.seeds[:1],
        sizes=[0] if recipe.sizes == [0] else sizes,
        training=training | {ALL: recipe.training.get(ALL, {}) | _TRAINING},
        decoding=recipe.decoding.changed(beam_size=min(2, recipe.decoding.beam_size)),
    )  # fmt: skip


def _size(recipe: Recipe) -> str:
    """A small model with every layer and head that the recipe's strategies name."""
    smallest = parse_size(SIZE)
    layers, heads = smallest.layers, smallest.heads
    for name in (*recipe.strategies, *(each for child in recipe.children for each in child.strategies)):
        limits = parse_strategy(name).limits
        by_layer = dict(limits.heads or ())
        layers = max([layers, *(1 + layer for layer in (*(limits.layers or ()), *by_layer))])
        heads = max([heads, *(1 + head for each in by_layer.values() for head in each)])
    width = heads * -(-smallest.width // heads)
    return f"{layers},{width},{heads},{smallest.feed_forward}"


def _like(whole: str, small: str) -> str:
    """A small size with the architecture of a whole one."""
    return small + (PAPER if parse_size(whole).architecture == "paper" else "")


def _short(text: PairText) -> PairText:
    return PairText(
        train=text.train.cut(TRAIN_PAIRS), valid=text.valid.cut(VALID_PAIRS), test=text.test.cut(TEST_PAIRS)
    )
