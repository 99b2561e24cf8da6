"""Recordings as samples: WAV by the standard library, other formats by soundfile if it is installed."""

from __future__ import annotations

import math
import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crosslate.errors import InputError, MissingExtra

Samples = npt.NDArray[np.float32]


def read_audio(path: str | Path, rate: int) -> Samples:
    """The samples of a recording, ``(num_samples,)`` float32 between -1 and 1.

    Channels are averaged, and another sampling rate is converted to ``rate``, in Hz.

    Raises:
        InputError: the file is missing, damaged or empty.
        MissingExtra: it is no WAV file of integers, and soundfile is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"{path}: {'is a folder' if path.is_dir() else 'no such file'}; expected a recording"
        )
    if not path.stat().st_size:
        raise InputError(f"{path}: is empty; expected a recording")
    channels, found = _read_wave(path) or _read_other(path)
    if not len(channels):
        raise InputError(f"{path}: has no samples; expected a recording")
    if not np.isfinite(channels).all():
        raise InputError(f"{path}: has samples that are not numbers; write the recording again")
    return resampled(channels.mean(axis=1, dtype=np.float32), found, rate)


def _read_wave(path: Path) -> tuple[Samples, int] | None:
    """Samples ``(num_samples, channels)`` and rate of a WAV file of integers; None for another file."""
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            expected, data = file.getnframes(), file.readframes(file.getnframes())
    except (wave.Error, EOFError):
        return None
    if len(data) < expected * channels * width and expected < _UNKNOWN_FRAMES:
        raise InputError(
            f"{path}: has {len(data) // (channels * width)} of the {expected} samples in its header; "
            "the file was cut, get it again"
        )
    data = data[: len(data) // (channels * width) * channels * width]
    if width == 3:  # numpy has no such type: the three bytes become the upper ones of four
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data, width = wide.tobytes(), 4
    types: dict[int, Any] = {1: "u1", 2: "<i2", 4: "<i4"}
    values = np.frombuffer(data, types[width])
    scaled = (values.astype(np.float32) - (128 if width == 1 else 0)) / np.float32(2.0 ** (8 * width - 1))
    return scaled.reshape(-1, channels), rate


_UNKNOWN_FRAMES = 2**30 - 64
"""Programs that write to a pipe put about the largest number into the header."""


def _read_other(path: Path) -> tuple[Samples, int]:
    try:
        import soundfile
    except ImportError:
        raise MissingExtra(
            f"{path}: only WAV files of integers are read without soundfile; install it with: "
            "pip install 'crosslate[speech]', or convert the recording"
        ) from None
    try:
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (RuntimeError, OSError) as error:  # soundfile's own errors are RuntimeErrors
        text = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise InputError(f"{path}: cannot be read as a recording: {text}; convert it to WAV") from None
    return samples, rate


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """The samples at another rate, with all frequencies that both rates can hold.

    The spectrum of the whole recording is cut or extended. The recording is mirrored at its end before, so
    that its end does not jump to its beginning.

    Args:
        samples: ``(num_samples,)`` float32.
        rate: their rate in Hz.
        wanted: rate of the result in Hz.

    Raises:
        InputError: the rate is not positive.
    """
    if rate <= 0:
        raise InputError(f"the sampling rate is {rate} Hz, expected a positive one")
    if rate == wanted:
        return samples
    common = math.gcd(rate, wanted)
    step, new_step = rate // common, wanted // common
    num_steps = -(-len(samples) // step)
    padded = np.pad(samples, (0, num_steps * step - len(samples)), "edge")
    spectrum = np.fft.rfft(np.concatenate([padded, padded[::-1]]))
    length = 2 * num_steps * new_step
    converted = np.fft.irfft(spectrum[: length // 2 + 1], length) * (wanted / rate)
    count = max(1, len(samples) * wanted // rate)
    return np.clip(converted[:count], -1.0, 1.0).astype(np.float32)
