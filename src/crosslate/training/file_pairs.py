"""Recordings or images with the ids of their sentences, for the training loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from crosslate.models.signals import SignalProcessor, num_positions
from crosslate.models.tensors import evaluating, is_mixed
from crosslate.training.batches import SignalInputs


class FilePairs:
    """Files and the ids of their sentences, as :class:`PairIds` and :class:`SignalPairs`.

    Features are made when a batch needs them, which costs little beside an encoder, and are not stored.

    Args:
        files: names of recordings or images.
        target: ids of each file's sentence, in their frame.
        processor: of the parent.
        model: whose encoder reads them; of any device.

    Raises:
        InputError: a file cannot be read, or is too long.
        ParentError: recordings have different lengths, and the family does not say how many positions they
            make.
    """

    def __init__(
        self, files: Sequence[str], target: Sequence[Sequence[int]], processor: SignalProcessor, model: Any
    ) -> None:
        self._files, self._processor = tuple(files), processor
        self._target = [np.asarray(ids, np.int32) for ids in target]
        self.target_lengths = np.array([len(ids) for ids in self._target], np.int32)
        self.source_lengths = self.target_lengths
        self._frames: npt.NDArray[np.int32] | None = None
        if processor.is_fixed:
            positions = _positions_of(model, processor, self._files[0]) if self._files else 0
            self.num_positions = np.full(len(self._files), positions, np.int32)
        else:
            # Along the first axis, as processors of recordings without a window have it.
            self._frames = np.array([len(processor.features(file)) for file in self._files], np.int32)
            self.num_positions = num_positions(model, self._frames)

    def __len__(self) -> int:
        return len(self._files)

    def source_ids(self, index: int) -> npt.NDArray[np.integer]:
        """A file has no ids."""
        raise NotImplementedError("recordings and images have features in place of ids")

    def target_ids(self, index: int) -> npt.NDArray[np.integer]:
        """Ids of a sentence: ``(tgt_len,)`` int32."""
        return self._target[index]

    def inputs(self, indices: Sequence[int], *, with_features: bool) -> SignalInputs:
        """What the encoder reads of some files, padded to the longest."""
        name = self._processor.input_name
        if with_features:
            made = {index: self._processor.features(self._files[index]) for index in dict.fromkeys(indices)}
            return SignalInputs(name, *self._processor.batch([made[index] for index in indices]))
        return SignalInputs(name, None, self._mask(indices))

    def _mask(self, indices: Sequence[int]) -> torch.Tensor | None:
        """The mask that the processor makes of the files' features."""
        if self._frames is None:
            return None
        frames = torch.from_numpy(self._frames[list(indices)]).long()
        if bool((frames == frames[0]).all()):
            return None
        return (torch.arange(int(frames.max())) < frames[:, None]).long()


def _positions_of(model: Any, processor: SignalProcessor, file: str) -> int:
    features, _ = processor.batch([processor.features(file)])
    encoder = model.get_encoder()
    device = next(encoder.parameters()).device
    low = torch.autocast(device.type, torch.bfloat16, enabled=is_mixed(model))
    with evaluating(encoder), torch.no_grad(), low:
        return int(encoder(**{processor.input_name: features.to(device)})[0].shape[1])
