"""Stand-ins for the data of the recipe ``paper``: every file that it needs, in made-up languages."""

import functools
import json
import random
from collections.abc import Collection
from pathlib import Path

import transformers

import families
import parents
from crosslate.studies import texts
from crosslate.studies.analyses import plan_study
from crosslate.studies.recipe import load_recipe

DICTIONARIES = ("de-fr", "de-en", "es-en", "de-es")
_LINES = {"train": 1_600, "valid": 50, "test": 70}
_NUM_WORDS = 500
_MBART_PIECES = 5_000
_SYLLABLES = [first + second for first in "bdfgklmnprstv" for second in "aeiou"]
_KANA = [chr(code) for code in range(0x304B, 0x3083)]


@functools.cache
def word(number: int, language: str) -> str:
    """The word of a language for a thing: of two or three syllables, in Japanese of kana."""
    chance = random.Random(f"{language} {number}")
    syllables = _KANA if language == "ja" else _SYLLABLES
    return "".join(chance.choices(syllables, k=chance.randint(2, 3)))


def sentences(count: int, source: str, target: str, seed: str) -> list[list[str]]:
    """Sentences of two languages that translate each other word for word."""
    chance = random.Random(seed)
    lines = [chance.choices(range(_NUM_WORDS), k=chance.randint(3, 8)) for _ in range(count)]
    return [
        [("" if language == "ja" else " ").join(word(each, language) for each in line) for line in lines]
        for language in (source, target)
    ]


def write(folder: Path, dictionaries: Collection[str] = DICTIONARIES) -> None:
    """Writes all texts that the recipe names, a tiny mBART, and dictionaries."""
    library = texts.Library(folder)
    everything: list[str] = []
    for cell in plan_study(load_recipe("paper"), library):
        for role, placed in cell.texts.items():
            text, pair = placed.text, (placed.source, placed.target)
            paths = library.paths(placed)
            if text.mtdata:
                paths = [texts._mtdata_folder(text.mtdata, *pair, folder) / f"train.{each}" for each in pair]
            elif text.sacrebleu:
                at = texts._test_set_folder(text.sacrebleu, *pair, folder)
                paths = [at / f"test.{language}" for language in pair]
            if role not in _LINES or paths[0].is_file():
                continue
            for path, lines in zip(paths, sentences(_LINES[role], *pair, f"{role} {pair}"), strict=True):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
                everything += lines
    _write_mbart(folder / "mbart-large-cc25", everything)
    (folder / "muse").mkdir()
    for name in dictionaries:
        entries = [" ".join(word(number, each) for each in name.split("-")) for number in range(_NUM_WORDS)]
        (folder / "muse" / f"{name}.txt").write_text("\n".join(entries), encoding="utf-8")


def _write_mbart(folder: Path, lines: list[str]) -> None:
    """An untrained mBART in the layout of the Hugging Face Hub, with a vocabulary of ``lines``."""
    folder.mkdir()
    model = parents.sentencepiece_model(lines, _MBART_PIECES, "unigram", hard_vocab_limit=False)
    (folder / "sentencepiece.bpe.model").write_bytes(model)
    for name, values in (
        ("tokenizer_config.json", {"tokenizer_class": "MBartTokenizer"}), ("config.json", {"model_type": "mbart"}),
    ):  # fmt: skip
        (folder / name).write_text(json.dumps(values), encoding="utf-8")
    pieces = len(transformers.AutoTokenizer.from_pretrained(folder))
    ids = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": None}
    families.build("mbart", seed=3, vocab_size=pieces, **ids).save_pretrained(folder)
