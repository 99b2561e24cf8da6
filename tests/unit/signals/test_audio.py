"""Recordings of every kind as samples at the rate of a model."""

import sys
import wave

import numpy as np
import pytest

import signals
from crosslate.errors import InputError, MissingExtra
from crosslate.signals.audio import read_audio, resampled


def write(path, data: bytes, width: int, channels: int = 1, rate: int = 16_000):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return path


@pytest.mark.parametrize(
    ("width", "data"),
    [
        (1, bytes([128, 192, 0])),
        (2, np.array([0, 2**14, -(2**15)], "<i2").tobytes()),
        (3, bytes([0, 0, 0, 0, 0, 0x40, 0, 0, 0x80])),
        (4, np.array([0, 2**30, -(2**31)], "<i4").tobytes()),
    ],
)
def test_integers_of_any_width_are_between_minus_one_and_one(tmp_path, width, data):
    found = read_audio(write(tmp_path / "a.wav", data, width), 16_000)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [0.0, 0.5, -1.0])


def test_channels_are_averaged(tmp_path):
    data = np.array([[2**14, 0], [0, -(2**14)]], "<i2").tobytes()
    np.testing.assert_array_equal(read_audio(write(tmp_path / "a.wav", data, 2, 2), 16_000), [0.25, -0.25])


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_a_tone_stays_a_tone_at_another_rate(tmp_path, rate):
    path = signals.write_wave(tmp_path / "a.wav", signals.tone(440, 0.503, rate), rate)
    found, wanted = read_audio(path, 16_000), signals.tone(440, 0.503)
    assert abs(len(found) - len(wanted)) <= 2
    inner = slice(800, 7_000)  # at its ends a cut tone has other frequencies
    np.testing.assert_allclose(found[inner], wanted[inner], atol=2e-3)


def test_what_the_lower_rate_cannot_hold_is_left_out():
    rate = 48_000
    found = resampled(
        (signals.tone(440, 0.5, rate) + signals.tone(11_000, 0.5, rate)).astype("f4"), rate, 16_000
    )
    np.testing.assert_allclose(found[800:7_000], signals.tone(440, 0.5)[800:7_000], atol=5e-3)


def test_a_short_recording_keeps_a_sample():
    assert len(resampled(np.array([0.5], np.float32), 48_000, 16_000)) == 1


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such file; expected a recording"),
        (lambda path: path.mkdir(), "is a folder; expected a recording"),
        (lambda path: write(path, b"", 2), "has no samples"),
        (
            lambda path: path.write_bytes(write(path, bytes(2_000), 2).read_bytes()[:-1_000]),
            "has 500 of the 1000 samples in its header; the file was cut",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, make, reason):
    path = tmp_path / "a.wav"
    make(path)
    with pytest.raises(InputError, match=reason) as raised:
        read_audio(path, 16_000)
    assert str(raised.value).startswith(str(path))


def test_other_formats_need_soundfile(tmp_path, monkeypatch):
    (tmp_path / "a.mp3").write_bytes(b"ID3")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtra, match=r"a.mp3: only WAV files of integers .*'crosslate\[speech\]'"):
        read_audio(tmp_path / "a.mp3", 16_000)


def test_soundfile_reads_other_formats(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    tone = signals.tone(440, 0.25)
    soundfile.write(tmp_path / "a.flac", np.stack([tone, tone], axis=1), 16_000)
    np.testing.assert_allclose(read_audio(tmp_path / "a.flac", 16_000), tone, atol=1e-4)
    (tmp_path / "b.flac").write_bytes(b"text")
    with pytest.raises(InputError, match=r"b.flac: cannot be read as a recording: .*; convert it to WAV"):
        read_audio(tmp_path / "b.flac", 16_000)
