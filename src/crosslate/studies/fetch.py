"""Fetching public text: parallel corpora by mtdata's ids, test sets by sacreBLEU's names."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from crosslate.errors import InputError, MissingExtra, nearest
from crosslate.files import atomic_folder, sha256_text

log = logging.getLogger(__name__)

FETCHED = "fetched"
"""Folder inside that of the data."""

_PIVOT = "en"
_THREE_LETTERS = {"cs": "ces", "de": "deu", "en": "eng", "es": "spa", "fr": "fra", "ha": "hau", "ja": "jpn",
                  "ro": "ron"}  # fmt: skip


def fetch_mtdata(ids: Sequence[str], source: str, target: str, data: Path) -> list[Path]:
    """The two files of some data sets joined; fetched when first asked for.

    Raises:
        MissingExtra: mtdata is not installed.
        InputError: mtdata cannot fetch them.
    """
    folder = data / FETCHED / f"mtdata-{source}-{target}-{sha256_text(' '.join(ids))[:16]}"
    paths = [folder / f"train.{language}" for language in (source, target)]
    if folder.is_dir():
        return paths
    if find_spec("mtdata") is None:
        raise MissingExtra(
            f"{', '.join(ids)} would be fetched with mtdata, which is not installed; "
            "install it with: pip install 'crosslate[data]'"
        )
    codes = [_THREE_LETTERS.get(language, language) for language in (source, target)]
    log.info("fetching %s", ", ".join(ids))
    with atomic_folder(folder) as temporary:
        command = [sys.executable, "-m", "mtdata", "get", "-l", "-".join(codes), "-tr", *ids, "--merge",
                   "-o", str(temporary)]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        for code, path in zip(codes, paths):
            found = _merged(temporary, code)
            if done.returncode or found is None:
                raise InputError(f"mtdata could not fetch {', '.join(ids)}: {done.stderr.strip()[-400:]}")
            found.replace(temporary / path.name)
    return paths


def fetch_test_set(name: str, source: str, target: str, data: Path) -> list[Path]:
    """The two files of a test set, fetched by sacreBLEU into its own cache when first asked for.

    Raises:
        InputError: sacreBLEU has no such test set, or not this pair, also not through English.
    """
    from sacrebleu.dataset import DATASETS

    if name not in DATASETS:
        raise InputError(f"sacreBLEU has no test set {name!r}; {nearest(name, list(DATASETS))}")
    test_set = DATASETS[name]
    if f"{source}-{target}" in test_set.langpairs:
        return _sides(test_set, source, target)
    first, second = f"{_PIVOT}-{source}", f"{_PIVOT}-{target}"
    if first not in test_set.langpairs or second not in test_set.langpairs:
        raise InputError(
            f"sacreBLEU's {name} has no {source}-{target}, and not both {first} and {second}; "
            f"it has {', '.join(sorted(test_set.langpairs))}"
        )
    one, other = _sides(test_set, _PIVOT, source), _sides(test_set, _PIVOT, target)
    if one[0].read_text(encoding="utf-8") != other[0].read_text(encoding="utf-8"):
        raise InputError(f"sacreBLEU's {name}: the English of {first} and {second} differs, so no line fits")
    return [one[1], other[1]]


def _sides(test_set: Any, source: str, target: str) -> list[Path]:
    pair = f"{source}-{target}"
    return [Path(test_set.get_source_file(pair)), Path(test_set.get_reference_files(pair)[0])]


def _merged(folder: Path, code: str) -> Path | None:
    return next((path for path in sorted(folder.rglob(f"train.{code}*")) if path.is_file()), None)
