"""A toy encoder-decoder and its data, for tests of the training loop that need no real model.

Run as a program it trains in a folder (the first argument), to be interrupted from outside; further
arguments are training settings as NAME=VALUE. It imports no more than it needs, so that it starts fast.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from crosslate.training.batches import Batch, BatchIds, PairsInMemory, PlannedBatch, collate
from crosslate.training.loop import Validation, train
from crosslate.training.loss import TranslationLoss
from crosslate.training.optimiser import Trainee
from crosslate.training.progress import Progress
from crosslate.training.settings import TrainingSettings

VOCABULARY = 24
PAD = 2


class ToyModel(nn.Module):
    """Mean of the source plus the previous target, through a frozen and a trained matrix."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)

        def tensor(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator) / shape[-1] ** 0.5)

        self.source = tensor(VOCABULARY, 16)
        self.target = tensor(VOCABULARY, 16)
        self.body = nn.Parameter(tensor(16, 16).detach(), requires_grad=False)
        self.output = tensor(16, VOCABULARY)
        self.dropout = nn.Dropout(0.1)

    def forward(
        self, input_ids: Any, attention_mask: Any, decoder_input_ids: Any, use_cache: bool
    ) -> SimpleNamespace:
        mask = attention_mask.unsqueeze(-1)
        source = (self.dropout(self.source[input_ids]) * mask).sum(1, keepdim=True) / mask.sum(
            1, keepdim=True
        )
        states = torch.relu((source + self.dropout(self.target[decoder_input_ids])) @ self.body)
        return SimpleNamespace(logits=states @ self.output)


class ToyPairs(PairsInMemory):
    """Aligned ids; the target repeats the source with every id moved by one, unless it is given."""

    def __init__(self, sources: list[np.ndarray], targets: list[np.ndarray] | None = None) -> None:
        super().__init__(sources, targets or [np.where(ids > 0, ids + 1, 0) for ids in sources])

    @classmethod
    def random(cls, count: int = 60, seed: int = 0, longest: int = 9) -> ToyPairs:
        generator = np.random.default_rng(seed)
        lengths = generator.integers(1, longest, count)
        return cls([np.r_[generator.integers(3, VOCABULARY - 1, length), 0] for length in lengths])


def toy_batch(*indices: int, rows: int = 4, length: int = 12, start: int = 2, pairs: Any = None) -> Batch:
    """A square batch of :meth:`ToyPairs.random`, padded with 0, for the models of ``families``."""
    return collate(
        pairs or ToyPairs.random(), PlannedBatch(indices, rows, length, length), BatchIds(0, 0, start)
    )


class At(Progress):
    """Does something, such as :func:`interrupt`, at the n-th update that it sees."""

    def __init__(self, at: int, action: Callable[[], object], measure: Any = None) -> None:
        super().__init__(measure)
        self.left, self.action = at, action

    def update(self, updates: int, values: dict[str, float]) -> None:
        self.left -= 1
        if not self.left:
            self.action()


def interrupt(number: int = signal.SIGINT) -> None:
    """Sends this process a signal."""
    os.kill(os.getpid(), number)


def toy_trainee(seed: int = 0) -> Trainee:
    """The toy with everything but its body trained."""
    model = ToyModel(seed)
    parameters = {
        "src": {"source": model.source},
        "tgt": {"target": model.target, "output": model.output},
    }
    return Trainee(model, parameters, frozenset({"src"}), BatchIds(PAD, PAD, PAD))


def toy_settings(**changes: Any) -> TrainingSettings:
    """Five updates per epoch on :meth:`ToyPairs.random`, four epochs."""
    values = {
        "max_epochs": 4, "batch_tokens": 256, "warmup_updates": 4, "fresh_learning_rate": 1e-2,
        "pretrained_learning_rate": 1e-2, "precision": "fp32", "patience": 0, "checkpoint_every_seconds": 0.0,
    }  # fmt: skip
    return TrainingSettings(**(values | changes))


def toy_validate(trainee: Trainee) -> Validation:
    """The mean loss of the training pairs with its sign changed: higher is better, and it improves."""
    pairs = ToyPairs.random()
    whole = PlannedBatch(tuple(range(len(pairs))), len(pairs), 9, 9)
    batch = collate(pairs, whole, BatchIds(PAD, PAD, PAD))
    loss = TranslationLoss(trainee.model, 0.0)(batch)
    return Validation("negative loss", -loss.item() / batch.num_labels, "mean over labels, nats")


def train_toy(
    folder: Path, settings: TrainingSettings | None = None, **options: Any
) -> dict[str, torch.Tensor]:
    """Trains a new toy in ``folder`` and returns its trained tensors."""
    trainee = options.pop("trainee", None) or toy_trainee()
    options = {"validate": lambda: toy_validate(trainee), "pairs": ToyPairs.random()} | options
    record = train(trainee, settings=settings or toy_settings(), folder=folder, **options)
    tensors = {name: each.detach().clone() for name, each in trainee.trained.items()}
    train_toy.record = record  # type: ignore[attr-defined]
    return tensors


if __name__ == "__main__":
    import yaml

    torch.set_num_threads(1)
    assignments = (argument.split("=", 1) for argument in sys.argv[2:])
    train_toy(Path(sys.argv[1]), toy_settings(**{name: yaml.safe_load(value) for name, value in assignments}))
