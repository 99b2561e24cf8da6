"""Writes the data of the phrasebook into the package, or into another folder."""

from __future__ import annotations

import argparse
import bz2
from itertools import islice
from pathlib import Path

from tools.phrasebook.corpus import sentences
from tools.phrasebook.dictionary import rows
from tools.phrasebook.lexicon import LANGUAGES

DATA = Path(__file__).parents[2] / "src" / "crosslate" / "text" / "phrasebook_data"
NUM_SENTENCES = 60_000
SEED = 1


def write(folder: Path, num_sentences: int = NUM_SENTENCES, seed: int = SEED) -> None:
    """Writes ``LANGUAGE.txt.bz2``, a sentence per line, for each language, and ``dictionary.tsv.bz2``."""
    folder.mkdir(parents=True, exist_ok=True)
    for language, column in zip(LANGUAGES, zip(*islice(sentences(seed), num_sentences))):
        _compress(folder / f"{language}.txt.bz2", column)
    _compress(folder / "dictionary.tsv.bz2", ["\t".join(LANGUAGES), *map("\t".join, rows())])


def _compress(path: Path, lines: tuple[str, ...] | list[str]) -> None:
    path.write_bytes(bz2.compress("".join(f"{line}\n" for line in lines).encode("utf-8")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tools.phrasebook", description=__doc__)
    parser.add_argument("--out", type=Path, default=DATA, help="output folder (default: the package's)")
    parser.add_argument("--sentences", type=int, default=NUM_SENTENCES, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=SEED, help="default: %(default)s")
    arguments = parser.parse_args()
    write(arguments.out, arguments.sentences, arguments.seed)
