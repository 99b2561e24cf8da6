"""Toy parents that read recordings or images, with their processors, and files for them."""

from __future__ import annotations

import json
import wave
from functools import partial
from pathlib import Path

import numpy as np
import transformers

import families
import hub_folders
from crosslate.models.parent import Parent
from crosslate.signals.corpora import SignalCorpus

RATE_HZ = 16_000
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
IDS = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
NAMES = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
TOKENIZERS = {
    "whisper": partial(hub_folders.byte_level, special=SPECIAL, tokenizer_class="WhisperTokenizer", **NAMES),
    "speech2text": partial(hub_folders.listed_pieces, tokenizer_class="Speech2TextTokenizer"),
    "trocr": partial(hub_folders.byte_level, special=SPECIAL, tokenizer_class="RobertaTokenizer", **NAMES),
}
SIZES = {"whisper": {"max_source_positions": 50}, "speech2text": {}, "trocr": {}}
WORDS = {"uno": 400, "dos": 800, "tres": 1_600, "cuatro": 3_000}
"""Frequency in Hz at which a word is spoken."""


def write(family: str, folder: Path, seed: int = 0) -> Path:
    """Writes a tiny checkpoint with tokenizer and processor; Whisper's window is one second."""
    folder.mkdir(parents=True)
    rows = TOKENIZERS[family](folder)["vocab_size"] + 60
    families.build(family, seed=seed, vocab_size=rows, **SIZES[family], **IDS).save_pretrained(folder)
    if family == "whisper":
        transformers.WhisperFeatureExtractor(feature_size=8, chunk_length=1).save_pretrained(folder)
    elif family == "speech2text":
        extractor = transformers.Speech2TextFeatureExtractor(feature_size=8, num_mel_bins=8)
        extractor.save_pretrained(folder)
    else:
        settings = {"image_processor_type": "ViTImageProcessor", "size": {"height": 8, "width": 8}}
        (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


def load(folder: Path) -> Parent:
    return Parent.load(folder, source_language="fr", target_language="en")


def write_wave(path: Path, samples: np.ndarray, rate: int = RATE_HZ) -> Path:
    """Writes samples between -1 and 1, ``(num_samples,)`` or ``(num_samples, channels)``, with 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(samples * 32_767).astype("<i2").tobytes())
    return path


def tone(frequency_hz: float, seconds: float, rate: int = RATE_HZ) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate)) / rate)


def recordings(folder: Path, count: int = 12, *, seconds: float = 0.2) -> SignalCorpus:
    """Sentences of two or three words, each spoken as tones, with one length a word."""
    names = list(WORDS)
    files, sentences = [], []
    for number in range(count):
        words = [names[(number // len(names) ** place) % len(names)] for place in range(2 + number % 2)]
        spoken = np.concatenate([tone(WORDS[word], seconds) for word in words])
        spoken += np.random.default_rng(number).normal(0.0, 0.01, len(spoken))
        files.append(str(write_wave(folder / f"{number}.wav", spoken)))
        sentences.append(" ".join(words) + ".")
    return SignalCorpus(files, sentences, "fr", "es", "tones")


def images(folder: Path, count: int = 12) -> SignalCorpus:
    """Sentences of two words, each a half of one colour in an image. Needs Pillow."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    names = list(WORDS)
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
    files, sentences = [], []
    for number in range(count):
        halves = number % 4, number // 4 % 4
        image = Image.new("RGB", (16, 8))
        for place, half in enumerate(halves):
            image.paste(colours[half], (8 * place, 0, 8 * place + 8, 8))
        image.save(folder / f"{number}.png")
        files.append(str(folder / f"{number}.png"))
        sentences.append(" ".join(names[half] for half in halves) + ".")
    return SignalCorpus(files, sentences, "fr", "es", "colours")


def write_table(corpus: SignalCorpus, folder: Path) -> Path:
    """Writes ``metadata.tsv`` for files in the same folder."""
    rows = "".join(f"{Path(file).name}\t{sentence}\n" for file, sentence in corpus)
    (folder / "metadata.tsv").write_text(f"file\tes\n{rows}", encoding="utf-8")
    return folder
