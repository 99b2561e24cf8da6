"""What an encoder makes of sentences, layer by layer, and how similar that is to what another one makes.

Rows are sentences; both sides have the same sentences, in the same or in another language.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy
import torch

from crosslate.evaluation.similarity import nearest_neighbours
from crosslate.models.tensors import evaluating

if TYPE_CHECKING:
    from crosslate.models.child import Child
    from crosslate.models.parent import Parent

_BATCH = 64


@torch.no_grad()
def layer_states(model: Parent | Child, texts: Sequence[str]) -> numpy.ndarray:
    """The mean of each sentence's states: of the embeddings, then after each layer of the encoder.

    Args:
        texts: in the model's source language; none may be longer than the model can take.

    Returns:
        ``(layers + 1, sentences, width)`` float32. The last are the states that the decoder gets.
    """
    network = model.model
    encoder, encoded = network.get_encoder(), model.source.encode_batch(list(texts))
    pad, found = model.source.special.pad, []
    with evaluating(network):
        for start in range(0, len(encoded), _BATCH):
            rows = encoded[start : start + _BATCH]
            lengths = torch.tensor([len(row) for row in rows])
            ids = torch.full((len(rows), int(lengths.max())), pad)
            for row, each in zip(ids, rows):
                row[: len(each)] = torch.tensor(each)
            mask = (torch.arange(ids.shape[1])[None] < lengths[:, None]).to(network.device)
            output = encoder(
                input_ids=ids.to(network.device), attention_mask=mask.long(), output_hidden_states=True
            )
            # Some encoders normalise their last states after the last layer.
            layers = torch.stack([*output.hidden_states[:-1], output.last_hidden_state]).float()
            sums = (layers * mask[None, :, :, None]).sum(2)
            found.append((sums / lengths[None, :, None].to(sums.device)).cpu())
    return torch.cat(found, dim=1).numpy()


def linear_cka(one: numpy.ndarray, other: numpy.ndarray) -> float:
    """Linear centred kernel alignment: how similarly two encoders arrange the same sentences, 0 to 1.

    It is blind to rotation and scale, so states may be arranged alike and still lie elsewhere.

    Args:
        one: ``(sentences, width)`` floating point.
        other: the same sentences; the width may differ.

    Source: Kornblith et al. 2019, "Similarity of Neural Network Representations Revisited", section 3.
    """
    first, second = (each - each.mean(0) for each in (one.astype(numpy.float64), other.astype(numpy.float64)))
    norms = numpy.linalg.norm(first.T @ first) * numpy.linalg.norm(second.T @ second)
    return float(numpy.linalg.norm(second.T @ first) ** 2 / norms) if norms else 0.0


def retrieval(queries: numpy.ndarray, candidates: numpy.ndarray) -> float:
    """Per cent of rows whose nearest row of the other matrix, by cosine, is the one of the same sentence.

    The rows are compared as they are, as a decoder would read them.

    Args:
        queries: ``(sentences, width)`` floating point.
        candidates: ``(sentences, width)``.
    """
    indices, _ = nearest_neighbours(queries, candidates, 1)
    return float(100 * (indices[:, 0] == numpy.arange(len(queries))).mean())
