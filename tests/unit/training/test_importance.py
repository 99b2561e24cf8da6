"""Importance of heads: against sums by hand, and heads that cannot matter do not."""

from dataclasses import replace

import numpy
import pytest
import torch

import parents
from crosslate.errors import StrategyError
from crosslate.models.tensors import named_tensors
from crosslate.training.importance import head_importance, most_important
from crosslate.training.optimiser import Trainee
from crosslate.training.settings import TrainingSettings
from toy_training import ToyPairs

WIDTH, HEADS = 16, 2
ROWS = [numpy.array(row) for row in ([7, 8, 9, 2], [10, 11, 2], [12, 7, 2], [9, 9, 13, 2])]
PAIRS = ToyPairs(ROWS, ROWS)  # of ids that both vocabularies have


def trainee():
    parent = parents.parent("marian-separate")
    child = parents.child(parent, source=43)
    return parent, Trainee.of(child, child.trained, {"src"})


def test_it_is_the_sum_of_gradient_times_weight_over_the_slices_of_a_head():
    parent, found = trainee()
    scores = head_importance(found, parent.anatomy, PAIRS, TrainingSettings(label_smoothing=0.0))
    # All pairs share one batch, so the mean over batches is its loss alone.
    model = found.model.eval()
    ids = torch.tensor([[7, 8, 9, 2], [10, 11, 2, 0], [12, 7, 2, 0], [9, 9, 13, 2]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 1]])
    start = torch.full((4, 1), found.ids.decoder_start)
    logits = model(
        input_ids=ids, attention_mask=mask, decoder_input_ids=torch.cat([start, ids[:, :-1]], 1)
    ).logits
    labels = torch.where(mask == 1, ids, -100)
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
    loss.backward()
    for layer in range(2):
        attention = model.get_decoder().layers[layer].encoder_attn
        for head in range(HEADS):
            rows = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
            expected = 0.0
            for module in (attention.q_proj, attention.k_proj, attention.v_proj):
                expected += (module.weight * module.weight.grad)[rows].abs().sum()
                expected += (module.bias * module.bias.grad)[rows].abs().sum()
            out = attention.out_proj.weight
            expected += (out * out.grad)[:, rows].abs().sum()
            assert scores[layer][head] == pytest.approx(expected.item(), rel=1e-3)


def test_a_silent_head_does_not_matter_and_the_model_stays():
    parent, found = trainee()
    attention = found.model.get_decoder().layers[1].encoder_attn
    with torch.no_grad():
        attention.v_proj.weight[8:] = 0
        attention.v_proj.bias[8:] = 0
        attention.out_proj.weight[:, 8:] = 0
    before = {name: tensor.clone() for name, tensor in named_tensors(found.model)}
    found.model.train()
    scores = head_importance(found, parent.anatomy, PAIRS, TrainingSettings())
    assert scores[1][1] == 0 and min(scores[1][0], *scores[0]) > 0
    assert found.model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in named_tensors(found.model))
    assert all(tensor.grad is None for tensor in found.trained.values())
    alone = head_importance(found, parent.anatomy, PAIRS, TrainingSettings(), roles=("k",))
    assert 0 < alone[0][0] < scores[0][0]


def test_a_family_whose_heads_have_no_slices_is_refused():
    parent, found = trainee()
    with pytest.raises(StrategyError, match="limit layers instead"):
        head_importance(found, replace(parent.anatomy, head_axis={}), PAIRS, TrainingSettings())


@pytest.mark.parametrize(
    ("percent", "expected"),
    [
        (1, {1: [1]}),
        (25, {1: [1]}),
        (50, {0: [0], 1: [1]}),
        (75, {0: [0, 1], 1: [1]}),
        (100, {0: [0, 1], 1: [0, 1]}),
    ],
)
def test_the_most_important_heads_of_all_layers_are_taken(percent, expected):
    assert most_important({0: [2.0, 2.0], 1: [0.5, 9.0]}, percent) == expected
