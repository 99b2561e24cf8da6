"""The objective: Hugging Face's own label-smoothed loss, whatever else is in the batch; and what it leaves out."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers.trainer_pt_utils import LabelSmoother

import families
from crosslate.training.batches import IGNORED
from crosslate.training.cpu import SeededRandom
from crosslate.training.devices import set_dropout
from crosslate.training.loss import TranslationLoss, labelled_positions
from toy_training import ToyModel, ToyPairs, toy_batch

LENGTHS = [(5, 9), (2, 3), (7, 1)]
PAIRS = ToyPairs(
    [np.arange(3, 3 + length) + index for index, (length, _) in enumerate(LENGTHS)],
    [np.arange(4, 4 + length) * (index + 1) % 30 for index, (_, length) in enumerate(LENGTHS)],
)


def batch_of(*indices: int, rows: int, length: int = 16):
    return toy_batch(*indices, rows=rows, length=length, start=0, pairs=PAIRS)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_hugging_faces(smoothing: float):
    model = families.build("marian-separate")
    batch = batch_of(0, 1, 2, rows=4)
    output = model(
        input_ids=batch.source, attention_mask=batch.source_mask, decoder_input_ids=batch.decoder_input
    )
    theirs = LabelSmoother(epsilon=smoothing, ignore_index=IGNORED)(output, batch.labels)
    ours = TranslationLoss(model, smoothing)(batch)
    assert ours.dtype == torch.float32 and ours.shape == ()
    torch.testing.assert_close(ours / batch.num_labels, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("family", families.text_names())
def test_leaving_positions_out_early_changes_no_familys_loss(family: str):
    model = families.build(family)
    batch = batch_of(0, 1, 2, rows=4)
    with torch.no_grad():
        logits = model(
            input_ids=batch.source, attention_mask=batch.source_mask, decoder_input_ids=batch.decoder_input,
            use_cache=False,
        ).logits  # fmt: skip
        whole = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), batch.labels.flatten(), label_smoothing=0.1, ignore_index=IGNORED,
            reduction="sum",
        )  # fmt: skip
        ours = TranslationLoss(model, 0.1)(batch)
    torch.testing.assert_close(ours, whole, rtol=1e-5, atol=1e-5)


def test_the_output_layer_computes_few_positions_besides_labelled_ones():
    model = families.build("marian-separate")
    shapes = []
    model.lm_head.register_forward_hook(lambda layer, inputs, output: shapes.append(tuple(output.shape)))
    batch = batch_of(0, 1, 2, rows=8)
    TranslationLoss(model, 0.1)(batch)
    assert shapes == [(64, families.TARGET_VOCABULARY)]
    copied = copy.deepcopy(model)
    for each in (model, copied):
        each(input_ids=batch.source, decoder_input_ids=batch.decoder_input)
    assert shapes[1:] == [(8, 16, families.TARGET_VOCABULARY)] * 2


@pytest.mark.parametrize(("num_labelled", "expected"), [(0, 0), (1, 64), (64, 64), (65, 100), (100, 100)])
def test_the_number_of_positions_with_loss_is_rounded_up(num_labelled: int, expected: int):
    labels = torch.full((4, 25), IGNORED)
    chosen = torch.randperm(100, generator=torch.Generator().manual_seed(1))[:num_labelled]
    labels.view(-1)[chosen] = 7
    positions = labelled_positions(labels)
    assert len(positions) == len(set(positions.tolist())) == expected
    assert positions[:num_labelled].tolist() == sorted(chosen.tolist())


@pytest.mark.parametrize("family", ["marian-separate", "t5", "bart"])
def test_a_pair_has_the_same_loss_in_any_company(family: str):
    objective = TranslationLoss(families.build(family), 0.1)
    with torch.no_grad():
        alone = [objective(batch_of(index, rows=1, length=max(each))) for index, each in enumerate(LENGTHS)]
        together = objective(batch_of(2, 0, 1, rows=8, length=24))
    torch.testing.assert_close(together, torch.stack(alone).sum(), rtol=1e-5, atol=1e-5)


def test_a_batch_without_pairs_has_no_loss_and_no_gradient():
    model = ToyModel()
    loss = TranslationLoss(model, 0.1)(batch_of(rows=4, length=8))
    loss.backward()
    assert loss.item() == 0.0
    assert not any(each.grad.any() for each in model.parameters() if each.requires_grad)


def backward_operations(loss: torch.Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        loss.backward()
    return counter.get_total_flops()


def test_no_weight_gradient_is_computed_for_frozen_tensors():
    model = families.build("marian-separate")
    batch = batch_of(0, 1, 2, rows=8)
    everything = backward_operations(TranslationLoss(model, 0.1)(batch))
    model.requires_grad_(False).zero_grad(set_to_none=True)
    for name, each in model.named_parameters():
        each.requires_grad_("encoder_attn" in name)
    assert backward_operations(TranslationLoss(model, 0.1)(batch)) < 0.5 * everything
    for name, each in model.named_parameters():
        assert (each.grad is not None) == ("encoder_attn" in name), name


FEW_PIECES = torch.tensor(sorted({int(each) for row in range(len(PAIRS)) for each in PAIRS.target_ids(row)}))


@pytest.mark.parametrize("family", families.text_names())
def test_a_softmax_over_the_pieces_of_the_text_has_the_models_logits(family: str):
    model, batch = families.build(family), batch_of(0, 1, 2, rows=4)
    loss = TranslationLoss(model, 0.0)
    # FSMT's output layer is a lookup; ProphetNet's sees several predictions a position.
    is_plain = family not in ("fsmt", "prophetnet")
    if (bias := getattr(model, "final_logits_bias", None)) is not None:
        bias.normal_()
    in_bf16 = TranslationLoss(model, 0.0)
    with torch.autocast("cpu", torch.bfloat16):  # families differ in where logits get back to float32
        assert in_bf16.restrict(FEW_PIECES, batch) == is_plain
    in_bf16.close()
    assert loss.restrict(FEW_PIECES, batch) == is_plain
    if not is_plain:
        return
    with torch.no_grad():
        logits = model(
            input_ids=batch.source, attention_mask=batch.source_mask, decoder_input_ids=batch.decoder_input,
            use_cache=False,
        ).logits.flatten(0, 1)[:, FEW_PIECES]  # fmt: skip
        labels = batch.labels.flatten()
        places = torch.tensor(
            [IGNORED if label == IGNORED else FEW_PIECES.tolist().index(label) for label in labels.tolist()]
        )
        expected = torch.nn.functional.cross_entropy(logits, places, ignore_index=IGNORED, reduction="sum")
        found = loss(batch)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_trained_output_layer_gets_gradients_for_these_pieces_alone():
    model, batch = families.build("marian-separate"), batch_of(0, 1, 2, rows=4)
    loss = TranslationLoss(model, 0.1)
    assert loss.restrict(FEW_PIECES, batch)
    model.lm_head.weight.requires_grad_(True)
    loss(batch).backward()
    moved = model.lm_head.weight.grad.abs().sum(1).nonzero().flatten()
    assert set(FEW_PIECES.tolist()) <= set(moved.tolist()) <= {*FEW_PIECES.tolist(), 0}  # 0 is an input


def test_a_model_with_other_logits_is_not_restricted():
    model, batch = families.build("marian-separate"), batch_of(0, 1, 2, rows=4)

    class Capped(type(model)):
        def forward(self, *args, **kwargs):
            output = super().forward(*args, **kwargs)
            output.logits = torch.tanh(output.logits)
            return output

    model.__class__ = Capped
    loss = TranslationLoss(model, 0.1)
    expected = loss(batch)
    assert not loss.restrict(FEW_PIECES, batch)
    torch.testing.assert_close(loss(batch), expected)


class TestEncoderNoise:
    def states_of(self, share, batch, *, training=True, seed=1):
        """What the decoder gets from the encoder, with and without noise."""
        model = families.build("marian-separate").train(training)
        found = []
        model.get_decoder().register_forward_pre_hook(
            lambda module, args, kwargs: found.append(kwargs["encoder_hidden_states"]), with_kwargs=True
        )
        for noise in (0.0, share):
            loss = TranslationLoss(model, 0.1, noise).train(training)
            with SeededRandom(seed):
                loss(batch)
            loss.close()
        return found

    def test_its_deviation_is_a_share_of_the_states(self):
        batch = batch_of(*range(len(PAIRS)), rows=64)
        plain, noisy = self.states_of(0.1, batch)
        mask = batch.source_mask.bool()
        share = (noisy - plain)[mask].std(0) / plain[mask].std(0)
        assert float(share.detach().mean()) == pytest.approx(0.1, rel=0.15)

    def test_it_depends_on_the_seed_alone_and_is_for_training(self):
        batch = batch_of(0, 1, 2, rows=4)
        (_, one), (_, same), (_, other) = (self.states_of(0.1, batch, seed=seed) for seed in (1, 1, 2))
        assert torch.equal(one, same) and not torch.equal(one, other)
        plain, still = self.states_of(0.1, batch, training=False)
        assert torch.equal(plain, still)

    def test_stored_states_get_it_too(self):
        model, batch = families.build("marian-separate").train(), batch_of(0, 1, 2, rows=4)
        set_dropout(model, 0.0, 0.0)
        with torch.no_grad():
            states = model.get_encoder()(batch.source, attention_mask=batch.source_mask).last_hidden_state
        stored = replace(batch, states=states)
        losses = []
        for noise, each in ((100.0, batch), (100.0, stored), (0.0, stored)):  # a tiny model hardly listens
            loss = TranslationLoss(model, 0.1, noise)
            with SeededRandom(1):
                losses.append(loss(each).detach())
            loss.close()
        torch.testing.assert_close(losses[0], losses[1])
        assert (losses[1] - losses[2]).abs() > 1e-3
