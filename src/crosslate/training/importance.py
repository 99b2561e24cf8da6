"""How much each head of cross-attention matters to the loss: gradient times weight, from one pass over pairs.

The importance of head h of layer l is

    I(l, h) = 1/B  sum over batches b  sum over theta in (l, h)  | theta * dL_b / d theta |

where theta runs over the head's entries of the projections (rows of q, k and v with their biases, columns
of o) and L_b is the mean loss of a label in batch b. Michel, Levy & Neubig 2019 ("Are Sixteen Heads Really
Better than One?", arXiv 1905.10650) take the gradient with respect to a gate on each head, which is the sum
of the same products over o alone, before the absolute value; here every entry counts by itself, since what
is asked for is where training would change the loss, not which head could go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import torch

from crosslate.errors import StrategyError
from crosslate.models.anatomy.anatomy import Anatomy
from crosslate.models.tensors import is_mixed, named_tensors
from crosslate.training.batches import PairIds, PlannedBatch, collate, plan_batches
from crosslate.training.devices import make_accelerator, on_device
from crosslate.training.loss import TranslationLoss
from crosslate.training.optimiser import Trainee
from crosslate.training.settings import TrainingSettings

ROLES = ("q", "k", "v", "o")


def head_importance(
    trainee: Trainee,
    anatomy: Anatomy,
    pairs: PairIds,
    settings: TrainingSettings,
    *,
    roles: Collection[str] = ROLES,
    max_batches: int = 50,
) -> dict[int, list[float]]:
    """The importance of every head, without dropout; the model stays as it is.

    In float32, or in mixed precision where the parent holds its frozen matrices in bfloat16.

    Args:
        trainee: a model whose cross-attention is trained as a whole.
        anatomy: of its parent.
        pairs: of the training text.
        settings: of batches and loss.
        roles: projections that count.
        max_batches: at most so many batches of a shuffled epoch are looked at.

    Returns:
        By decoder layer, a number for every head.

    Raises:
        StrategyError: heads have no slices of their own in this family of models.
    """
    names = [name for name in sorted(anatomy.head_axis) if anatomy.projections.get(name) in roles]
    if not names:
        raise StrategyError(
            "this family does not show which part of its cross-attention is which head's; "
            "limit layers instead"
        )
    lengths = pairs.source_lengths, pairs.target_lengths
    batches = plan_batches(*lengths, settings.batch_tokens, settings.seed, 0)[:max_batches]
    totals = [torch.zeros(anatomy.heads, dtype=torch.float64) for _ in names]
    for products in _products(trainee, pairs, batches, names, settings.label_smoothing):
        for total, name, product in zip(totals, names, products):
            by_head = product.movedim(anatomy.head_axis[name], 0).reshape(anatomy.heads, -1)
            total += by_head.sum(dim=1).cpu().double() / len(batches)
    found: dict[int, torch.Tensor] = {}
    for name, total in zip(names, totals):
        layer = anatomy.layers[name]
        found[layer] = found.get(layer, torch.zeros_like(total)) + total
    return {layer: found[layer].tolist() for layer in sorted(found)}


def _products(
    trainee: Trainee, pairs: PairIds, batches: Iterable[PlannedBatch], names: Iterable[str], smoothing: float
) -> Iterator[list[torch.Tensor]]:
    """By batch: the absolute values of parameters times their gradients, in the order of the names."""
    model = trainee.model
    tensors = dict(named_tensors(model))
    parameters: Any = [tensors[name] for name in names]
    loss = TranslationLoss(model, smoothing)
    device = make_accelerator().device
    was_training = model.training
    model.eval()
    try:
        with on_device(model, device):
            for planned in batches:
                batch = collate(pairs, planned, trainee.ids).to(device)
                with torch.autocast(device.type, torch.bfloat16, enabled=is_mixed(model)):
                    mean = loss(batch) / batch.num_labels
                gradients = torch.autograd.grad(mean, parameters)
                yield [(one.detach() * other).abs() for one, other in zip(parameters, gradients)]
    finally:
        model.train(was_training)
        loss.close()


def most_important(importance: dict[int, list[float]], percent: int) -> dict[int, list[int]]:
    """The heads of the highest importance over all layers, at least one; the lower numbers where it is equal.

    Args:
        importance: by layer, a number for every head.
        percent: share of the heads, 1-100.

    Returns:
        Heads by layer, ascending; layers without one are left out.
    """
    ranked = sorted(
        (-value, layer, head) for layer, each in importance.items() for head, value in enumerate(each)
    )
    chosen = sorted((layer, head) for _, layer, head in ranked[: max(1, round(percent / 100 * len(ranked)))])
    return {layer: [head for at, head in chosen if at == layer] for layer, _ in chosen}
