"""Recordings in batches: every row has the features, the states and the sentence of its own file."""

import pytest
import torch

import signals
from crosslate.models.signals import processor_of
from crosslate.training.batches import IGNORED, BatchIds, PlannedBatch, collate, shard
from crosslate.training.encoder_states import EncoderStates, compute_states, states_size
from crosslate.training.file_pairs import FilePairs

TARGET = [[5, 6, 2], [7, 2], [8, 9, 10, 2]]
IDS = BatchIds(source_pad=2, target_pad=1, decoder_start=2)
PLANNED = PlannedBatch((2, 0), rows=4, src_len=4, tgt_len=4)


@pytest.fixture(scope="module", params=["whisper", "speech2text"])
def made(request, tmp_path_factory):
    """A parent, three recordings of two lengths, and their pairs."""
    folder = tmp_path_factory.mktemp("pairs")
    parent = signals.load(signals.write(request.param, folder / request.param))
    files = signals.recordings(folder / "corpus", 3).source
    return parent, files, FilePairs(files, TARGET, processor_of(parent.source), parent.model)


def test_a_row_has_the_features_of_its_file(made):
    parent, files, pairs = made
    batch = collate(pairs, PLANNED, IDS)
    processor = processor_of(parent.source)
    assert batch.source_name == "input_features" and len(batch.source) == 4
    for row, index in enumerate((2, 0, 2, 2)):  # dummy rows repeat a file
        features = torch.from_numpy(processor.features(files[index]))
        assert torch.equal(batch.source[row, : len(features)], features)
        if batch.source_mask is not None:
            assert batch.source_mask[row].sum() == len(features)
    assert batch.labels.tolist() == [TARGET[2], [*TARGET[0], IGNORED], [IGNORED] * 4, [IGNORED] * 4]
    assert batch.decoder_input[0].tolist() == [2, 8, 9, 10]
    assert (batch.num_labels, batch.num_tokens) == (7, 14)


def test_stored_states_are_those_of_each_file_alone(made, tmp_path):
    parent, files, pairs = made
    encoder, processor = parent.model.get_encoder(), processor_of(parent.source)
    device = torch.device("cpu")
    path = tmp_path / "states"
    compute_states(encoder, pairs, path, dtype=torch.float32, source_pad=2, batch_tokens=64, device=device)
    assert path.stat().st_size == states_size(encoder, pairs, torch.float32, device)
    states = EncoderStates(path, pairs, torch.float32).gather(PLANNED)
    lengths = []
    for row, index in enumerate((2, 0, 2, 2)):
        features, _ = processor.batch([processor.features(files[index])])
        with torch.no_grad():
            expected = encoder(features)[0][0]
        lengths.append(len(expected))
        torch.testing.assert_close(states[row, : len(expected)], expected, atol=1e-4, rtol=1e-4)
    assert lengths == pairs.num_positions[[2, 0, 2, 2]].tolist()
    assert states.shape[1] == max(lengths)  # nothing is padded that the decoder would attend to


def test_features_are_left_out_but_not_their_mask(made):
    _, _, pairs = made
    batch, whole = collate(pairs, PLANNED, IDS, with_features=False), collate(pairs, PLANNED, IDS)
    assert batch.source is None and "input_features" not in batch.inputs
    assert (batch.source_mask is None) == (whole.source_mask is None)
    if whole.source_mask is not None:
        assert torch.equal(batch.source_mask, whole.source_mask)


def test_a_batch_is_cut_by_the_positions_of_the_encoder(made, monkeypatch):
    _, _, pairs = made
    batch = collate(pairs, PLANNED, IDS)
    assert len(batch.parts()) == 1
    monkeypatch.setattr("crosslate.training.batches._MOST_POSITIONS", 3 * batch.num_positions)
    parts = batch.parts()
    assert [len(part.labels) for part in parts] == [3, 1]
    assert torch.equal(torch.cat([part.source for part in parts]), batch.source)


def test_a_process_without_pairs_gets_a_batch_without_loss(made):
    _, _, pairs = made
    *_, empty = shard([PLANNED], 1, 2)
    batch = collate(pairs, empty, IDS)
    assert batch.num_labels == 0 and len(batch.source) == 4 and (batch.labels == IGNORED).all()
