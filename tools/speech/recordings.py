"""Speak the source side of sentence pairs by espeak-ng, as recordings with their sentences.

Run ``python -m tools.speech.recordings --text FOLDER --pair en-eo --out FOLDER``; the text is that of
``tools.published``. Recordings to train and validate on have two voices. The test sentences are spoken by
these and, in a folder of its own, by a third one. All have some noise. Each folder has a ``metadata.tsv``
with the file and both sentences.
"""

from __future__ import annotations

import argparse
import io
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from crosslate.files import atomic_folder
from crosslate.signals.audio import read_audio

VOICES = ("en-us", "en-gb-x-rp")
OTHER_VOICE = "en-gb-scotland+f2"
RATE_HZ = 16_000
WORDS_PER_MINUTE = (140, 190)
SIGNAL_TO_NOISE_DB = (15.0, 35.0)


def speak(sentence: str, voice: str, path: Path, seed: int) -> float:
    """Writes a recording and returns its seconds; the seed chooses the speed and the noise."""
    chooser = random.Random(seed)
    speed = chooser.randint(*WORDS_PER_MINUTE)
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(path), "--", sentence]
    subprocess.run(command, check=True, capture_output=True)
    samples = read_audio(path, RATE_HZ)
    level = float(np.sqrt(np.mean(samples**2))) / 10 ** (chooser.uniform(*SIGNAL_TO_NOISE_DB) / 20)
    noise = np.random.default_rng(seed).normal(0.0, level, len(samples))
    write_wave(path, np.clip(samples + noise, -1.0, 1.0))
    return len(samples) / RATE_HZ


def write_wave(path: Path, samples: np.ndarray) -> None:
    """Writes samples between -1 and 1 as 16-bit WAV."""
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((samples * 32_767).astype("<i2").tobytes())


def record(
    pairs: Sequence[tuple[str, str]],
    languages: Sequence[str],
    voices: Sequence[str],
    out: Path,
    *,
    most_seconds: float,
    seed: int,
) -> int:
    """Writes a folder of recordings; returns how many were left out because they are too long."""
    rows = io.StringIO()
    rows.write("\t".join(("file", *languages)) + "\n")
    left_out = 0
    with atomic_folder(out) as folder:
        for number, (source, target) in enumerate(pairs):
            name = f"{number:05}.wav"
            seconds = speak(source, voices[number % len(voices)], folder / name, seed * 1_000_003 + number)
            if seconds > most_seconds:
                (folder / name).unlink()
                left_out += 1
            else:
                rows.write("\t".join((name, source, target)) + "\n")
        (folder / "metadata.tsv").write_text(rows.getvalue(), encoding="utf-8")
    return left_out


def read_pairs(text: Path, pair: str, part: str, count: int) -> list[tuple[str, str]]:
    """The first pairs of a part of the text."""
    sides = [
        (text / f"{pair}.{part}.{code}").read_text(encoding="utf-8").splitlines() for code in pair.split("-")
    ]
    return list(zip(*sides, strict=True))[:count]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--text", type=Path, required=True, help="folder with en-eo.train.en and so on")
    parser.add_argument("--pair", default="en-eo", help="languages, the spoken one first")
    parser.add_argument("--out", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--train", type=int, default=2_000, help="sentences to train on")
    parser.add_argument("--valid", type=int, default=100, help="sentences to validate on")
    parser.add_argument("--test", type=int, default=300, help="sentences to test on")
    parser.add_argument("--seconds", type=float, default=30.0, help="leave out longer recordings")
    given = parser.parse_args()
    parts = {
        "train": ("train", given.train, VOICES), "valid": ("val", given.valid, VOICES),
        "test": ("test", given.test, VOICES), "test-other-voice": ("test", given.test, (OTHER_VOICE,)),
    }  # fmt: skip
    given.out.mkdir(parents=True, exist_ok=True)
    for seed, (name, (part, count, voices)) in enumerate(parts.items(), start=1):
        if (given.out / name).is_dir():
            continue
        pairs = read_pairs(given.text, given.pair, part, count)
        languages = given.pair.split("-")
        left_out = record(
            pairs, languages, voices, given.out / name, most_seconds=given.seconds, seed=seed
        )  # fmt: skip
        print(f"{name}: {len(pairs) - left_out} recordings, {left_out} left out as too long")  # noqa: T201


if __name__ == "__main__":
    main()
