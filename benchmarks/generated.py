"""Synthetic task for speed comparisons: random ids with the lengths of captions, and models to train on them.

Speed does not depend on what sentences say. Everything else that costs time is as in practice: lengths
vary, vocabularies have thousands of pieces, and a child shares its frozen tensors with its parent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crosslate.text.vocabularies import Frame, SpecialIds

if TYPE_CHECKING:
    from crosslate.training.optimiser import Trainee

VOCABULARY = 4_000
PAD = 2


class Captions:
    """Pairs of random ids, 6 to 40 tokens a side, 15 in the mean, ended by id 0; the same for a seed."""

    def __init__(self, count: int, seed: int = 1) -> None:
        random = np.random.default_rng(seed)
        # Two sides of a pair are about equally long.
        common = random.normal(2.65, 0.33, count)
        lengths = np.exp(common + random.normal(0, 0.12, (2, count)))
        self.source_lengths, self.target_lengths = np.clip(lengths, 6, 40).astype(np.int64)
        self._starts = random.integers(0, 50_000, (2, count))
        self._ids = random.integers(3, VOCABULARY, 50_100).astype(np.int64)

    def __len__(self) -> int:
        return len(self.source_lengths)

    def source_ids(self, index: int) -> np.ndarray:
        return self._sentence(self._starts[0, index], self.source_lengths[index])

    def target_ids(self, index: int) -> np.ndarray:
        return self._sentence(self._starts[1, index], self.target_lengths[index])

    def _sentence(self, start: int, length: int) -> np.ndarray:
        return np.append(self._ids[start : start + length - 1], 0)


@dataclass(frozen=True)
class Pieces:
    """A vocabulary's size, special ids and frame; nothing is tokenised here."""

    special: SpecialIds = field(default_factory=SpecialIds)
    frame: Frame = field(default_factory=Frame)

    def __len__(self) -> int:
        return VOCABULARY


def make_parent(size: str) -> Any:
    from crosslate.models.parent import Parent
    from crosslate.models.sizes import parse_size

    return Parent.create(Pieces(), Pieces(), "fr", "en", parse_size(size))


def make_trainee(mode: str, size: str) -> Trainee:
    """``all`` trains every parameter of a fresh parent; any other mode is a strategy for a child."""
    from crosslate.models.child import make_child
    from crosslate.models.strategies import parse_strategy
    from crosslate.models.vocabularies.new_language import NewSide
    from crosslate.training.optimiser import Trainee

    parent = make_parent(size)
    if mode == "all":
        model, constant = parent.model, parent.anatomy.constant
        named = {name: each for name, each in model.named_parameters() if name not in constant}
        for each in named.values():
            each.requires_grad_(True)
        return Trainee.of(parent, {"enc": named}, {"enc"})
    strategy = parse_strategy(mode)
    child = make_child(parent, strategy, {side: NewSide("de", Pieces()) for side in strategy.renews})
    return Trainee.of(child, child.trained, strategy.reinitialise)


def save_task(folder: Path, size: str, pairs: Captions) -> None:
    """The task for programs that know nothing of Crosslate: a Marian checkpoint and the pairs' ids."""
    make_parent(size).model.save_pretrained(folder / "model")
    sides = {
        "source": [pairs.source_ids(index) for index in range(len(pairs))],
        "target": [pairs.target_ids(index) for index in range(len(pairs))],
    }
    np.savez(
        folder / "pairs.npz",
        source_lengths=pairs.source_lengths,
        target_lengths=pairs.target_lengths,
        **{side: np.concatenate(sentences) for side, sentences in sides.items()},
    )
