"""Importance of each cross-attention head to the loss: gradient times weight, in one pass over pairs.

The importance of head h of layer l is

    I(l, h) = 1/B  sum over batches b  sum over theta in (l, h)  | theta * dL_b / d theta |

where theta runs over the head's entries of the projections (rows of q, k and v with their biases, columns
of o) and L_b is the mean loss per label in batch b.

Source: Michel, Levy & Neubig 2019 ("Are Sixteen Heads Really Better than One?", arXiv 1905.10650). Deviation:
they use the gradient of a gate on each head, which sums the same products over o before the absolute value.
Here each entry counts separately, since we ask where training would change the loss, not which heads can be
pruned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from typing import Any

import torch

from crosslate.errors import StrategyError
from crosslate.models.anatomy.anatomy import Anatomy
from crosslate.models.tensors import evaluating, is_mixed, named_tensors
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
    """The importance of every head, computed without dropout; the model is not changed.

    Uses float32, or mixed precision if the parent holds its frozen matrices in bfloat16.

    Args:
        trainee: a model that trains all of cross-attention.
        anatomy: of its parent.
        pairs: training pairs.
        settings: of batches and loss.
        roles: projections to count.
        max_batches: maximum number of batches, from a shuffled epoch.

    Returns:
        For each decoder layer, one value per head.

    Raises:
        StrategyError: the model family does not expose the slices of its heads.
    """
    names = [name for name in sorted(anatomy.head_axis) if anatomy.projections.get(name) in roles]
    if not names:
        raise StrategyError(
            "cannot tell the cross-attention heads of this model family apart; limit layers instead"
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
    """For each batch, absolute values of parameters times gradients, in the order of the names."""
    model = trainee.model
    tensors = dict(named_tensors(model))
    parameters: Any = [tensors[name] for name in names]
    loss = TranslationLoss(model, smoothing)
    device = make_accelerator().device
    with closing(loss), evaluating(model), on_device(model, device):
        for planned in batches:
            batch = collate(pairs, planned, trainee.ids).to(device)
            gradients = [torch.zeros_like(each) for each in parameters]
            for part in batch.parts():
                with torch.autocast(device.type, torch.bfloat16, enabled=is_mixed(model)):
                    mean = loss(part) / batch.num_labels
                for total, each in zip(gradients, torch.autograd.grad(mean, parameters)):
                    total += each
            yield [(one.detach() * other).abs() for one, other in zip(parameters, gradients)]


def most_important(importance: dict[int, list[float]], percent: int) -> dict[int, list[int]]:
    """The most important heads over all layers, at least one; ties go to the lower layer and head.

    Args:
        importance: for each layer, one value per head.
        percent: share of the heads, 1-100.

    Returns:
        Heads by layer, ascending; layers without one are left out.
    """
    ranked = sorted(
        (-value, layer, head) for layer, each in importance.items() for head, value in enumerate(each)
    )
    chosen = sorted((layer, head) for _, layer, head in ranked[: max(1, round(percent / 100 * len(ranked)))])
    return {layer: [head for at, head in chosen if at == layer] for layer, _ in chosen}
