"""States of encoders by layer, and their similarity on states made by hand."""

from __future__ import annotations

import numpy
import pytest
import torch

import parents
from crosslate.evaluation.encoder_layers import layer_states, linear_cka, retrieval

RANDOM = numpy.random.default_rng(1)
STATES = RANDOM.normal(size=(200, 16)).astype(numpy.float32)
ROTATION = numpy.linalg.qr(RANDOM.normal(size=(16, 16)))[0].astype(numpy.float32)
OTHER = RANDOM.normal(size=(200, 16)).astype(numpy.float32)


@pytest.mark.parametrize(
    ("other", "cka", "found"),
    [
        (STATES, (0.999, 1.001), (100, 100)),
        (3 * STATES, (0.999, 1.001), (100, 100)),
        # Arranged alike, but elsewhere: a decoder would not find its way.
        (STATES @ ROTATION, (0.999, 1.001), (0, 10)),
        (OTHER, (0.0, 0.3), (0, 5)),
        (STATES + 0.3 * OTHER, (0.7, 0.99), (95, 100)),
        (STATES[::-1], (0.0, 0.3), (0, 5)),
    ],
    ids=["the same", "scaled", "rotated", "unrelated", "with noise", "other sentences"],
)
def test_similarity(other, cka, found):
    assert cka[0] <= linear_cka(STATES, other) <= cka[1]
    assert found[0] <= retrieval(STATES, other) <= found[1]


def test_cka_by_hand():
    """Centred columns (1, 0, -1) and (1, -2, 1) are orthogonal; (1, 0, -1) and (1, 1, -2) have a cosine of 3 / sqrt(12)."""
    one, orthogonal, other = (numpy.array([each]).T for each in ((1.0, 0, -1), (1.0, -2, 1), (1.0, 1, -2)))
    assert linear_cka(one, orthogonal) == pytest.approx(0)
    assert linear_cka(one, other) == pytest.approx(9 / 12)
    assert linear_cka(one, numpy.ones((3, 1))) == 0.0


@pytest.mark.parametrize("family", ["marian-separate", "mbart", "t5"])
def test_states_are_means_over_a_sentence_s_own_tokens(family):
    parent = parents.parent(family)
    texts = [f"{piece} " * count for piece, count in (("a", 1), ("b", 7), ("c", 3))]
    found = layer_states(parent, texts)
    alone = numpy.concatenate([layer_states(parent, [text]) for text in texts], axis=1)
    assert found.shape == alone.shape and found.shape[1] == 3
    numpy.testing.assert_allclose(found, alone, atol=1e-5)
    ids = torch.tensor([parent.source.encode_batch([texts[1]])[0]])
    with torch.no_grad():
        expected = parent.model.eval().get_encoder()(input_ids=ids).last_hidden_state.mean(1)
    numpy.testing.assert_allclose(found[-1, 1], expected[0], atol=1e-5)
