"""Recordings and images as a parent reads them: made by its own processor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from crosslate.errors import InputError, ParentError, UsageError
from crosslate.models.parent_files import refused, silenced
from crosslate.models.sides import effective_setting
from crosslate.signals.audio import read_audio
from crosslate.signals.images import read_image, require_pillow
from crosslate.text.vocabularies import AUDIO, NoVocabulary, Vocabulary

Features = npt.NDArray[np.float32]


def processor_of(source: Vocabulary) -> SignalProcessor:
    """The processor of a source that is a signal; loaded once.

    Raises:
        UsageError: the source is text.
        ParentError: the model's folder has no processor, or one that cannot be loaded.
        MissingExtra: the source is images, and Pillow is not installed.
    """
    if not isinstance(source, NoVocabulary):
        raise UsageError("the source of this model is text, not files")
    if source.folder is None:
        raise ParentError("this model was not loaded from a folder, so it has no processor of its input")
    return _processor(source.signal, source.folder)


@cache
def _processor(signal: str, folder: Path) -> SignalProcessor:
    return SignalProcessor(signal, folder)


class SignalProcessor:
    """Turns files into the input of an encoder, with the feature extractor or image processor of a model.

    Attributes:
        signal: ``audio`` or ``images``.
        input_name: the encoder's argument: ``input_features``, ``input_values`` or ``pixel_values``.
        is_fixed: whether all inputs have one shape, as images and Whisper's windows have.
        max_seconds: the longest recording that the model reads; None without a limit, and for images.
    """

    def __init__(self, signal: str, folder: Path) -> None:
        import transformers

        self.signal, self._is_audio = signal, signal == AUDIO
        if not self._is_audio:
            require_pillow()
        kind: Any = transformers.AutoFeatureExtractor if self._is_audio else transformers.AutoImageProcessor
        # Pillow's arithmetic is the same on every machine.
        options = {} if self._is_audio else {"backend": "pil"}
        what = (
            f"cannot load the processor of {signal} in {folder}; get the model with preprocessor_config.json"
        )
        with refused(what), silenced():
            self._processor = kind.from_pretrained(folder, trust_remote_code=False, **options)
        self.input_name: str = self._processor.model_input_names[0]
        self._rate: int = getattr(self._processor, "sampling_rate", 0)
        # Whisper's processor pads to this window, and would cut without a word.
        window = getattr(self._processor, "n_samples", None)
        self.max_seconds = window / self._rate if window and self._rate else None
        self.is_fixed = not self._is_audio or window is not None

    def read(self, file: str | Path) -> Any:
        """A recording's samples at the model's rate, or an image.

        Raises:
            InputError: it cannot be read, or is too long.
            MissingExtra: its format needs a library that is not installed.
        """
        if not self._is_audio:
            return read_image(file)
        samples = read_audio(file, self._rate)
        if self.is_too_long(samples):
            raise InputError(
                f"{file}: is {len(samples) / self._rate:.1f} seconds long, but the model reads at most "
                f"{self.max_seconds:g}; cut the recording at a pause"
            )
        return samples

    def is_too_long(self, samples: npt.NDArray[np.float32]) -> bool:
        """Whether the model cannot read a recording to its end."""
        return self.max_seconds is not None and len(samples) > self.max_seconds * self._rate

    def seconds(self, file: str | Path) -> float:
        """The length of a recording of any length; 0 for an image, which is read as well.

        Raises:
            InputError: the file cannot be read.
            MissingExtra: its format needs a library that is not installed.
        """
        if not self._is_audio:
            read_image(file)
            return 0.0
        return len(read_audio(file, self._rate)) / self._rate

    def features(self, file: str | Path) -> Features:
        """The encoder's input of one file, float32, without an axis for the batch; see :meth:`read`."""
        signal = self.read(file)
        try:
            with np.errstate(divide="ignore", invalid="ignore"):
                found = self._features(signal)
        except (ValueError, RuntimeError, IndexError) as error:
            raise InputError(f"{file}: the model's processor refuses it: {error}") from None
        if not np.isfinite(found).all():
            raise InputError(
                f"{file}: the model's processor makes no numbers of it, as of a recording without any noise; "
                "leave it out"
            )
        return found

    def _features(self, signal: Any) -> Features:
        options = {"sampling_rate": self._rate} if self._is_audio else {}
        found = self._processor(signal, return_tensors="np", **options)[self.input_name][0]
        return np.asarray(found, np.float32)

    def made_up(self) -> Features:
        """The input of a file that does not exist: a second of noise, or a grey image."""
        if self._is_audio:
            seconds = min(1.0, self.max_seconds or 1.0)
            noise = np.random.default_rng(0).normal(0.0, 0.1, int(seconds * self._rate)).astype(np.float32)
            return self._features(noise)
        from PIL import Image

        return self._features(Image.new("RGB", (64, 32), (128, 128, 128)))

    def batch(self, features: Sequence[Features]) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Inputs of several files, ``(rows, …)`` float32, padded as the processor pads.

        Returns:
            The inputs; and if they were padded, the mask of what is not padding, ``(rows, length)`` int64.
        """
        if len({each.shape for each in features}) == 1:
            return torch.from_numpy(np.stack(features)), None
        padded = self._processor.pad(
            {self.input_name: list(features)}, padding=True, return_attention_mask=True, return_tensors="np"
        )
        mask = np.asarray(padded["attention_mask"], np.int64)
        return torch.from_numpy(np.asarray(padded[self.input_name], np.float32)), torch.from_numpy(mask)


def num_positions(model: Any, frames: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """The positions of the encoder's states, by the length of its input.

    Args:
        frames: ``(num_files,)`` lengths along the axis that is padded.

    Raises:
        ParentError: the family does not say how it shortens its input.
    """
    for module in (model.get_encoder(), model):
        shortened = getattr(module, "_get_feat_extract_output_lengths", None)
        if shortened is not None:
            return np.asarray(shortened(torch.from_numpy(frames).long()), np.int32)
    raise ParentError(
        f"{type(model).__name__} does not say how many positions its encoder makes of recordings of "
        "different lengths; expected Whisper, Speech2Text, Moonshine or a SpeechEncoderDecoderModel"
    )


def prompt_of(model: Any, target: Vocabulary, source_language: str, target_language: str) -> list[int]:
    """The ids that an output starts with, the decoder's start first.

    A Whisper model's own vocabulary has tokens for the spoken language, the task and the lack of timestamps.
    A child with a new vocabulary has none of them.

    Raises:
        ParentError: the decoder has no start; or the model writes only the language spoken, and English.
    """
    from crosslate.models.sides import decoder_start

    start = decoder_start(model)
    if start is None:
        raise ParentError("the model does not specify the start token of its decoder")
    known = {piece: index for index, piece in enumerate(target.pieces)}
    prompt = [start]
    if _NO_TIMESTAMPS not in known:
        return prompt
    if getattr(model.generation_config, "is_multilingual", False):
        spoken = known.get(f"<|{source_language}|>")
        is_same = source_language.split("-")[0] == target_language.split("-")[0]
        if spoken is None or not (is_same or target_language == "en"):
            raise ParentError(
                f"this model does not write {target_language} for {source_language} speech; it writes the "
                "language spoken or English, in the languages of its tokens"
            )
        prompt += [spoken, known["<|transcribe|>" if is_same else "<|translate|>"]]
    return [*prompt, known[_NO_TIMESTAMPS]]


_NO_TIMESTAMPS = "<|notimestamps|>"


def never_written(model: Any) -> list[int]:
    """Ids that the model's own configuration leaves out of every output: signs that are not spoken."""
    found: Any = effective_setting(model, "suppress_tokens")
    return list(found or [])
