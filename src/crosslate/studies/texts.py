"""Texts of a study: files, the phrasebook, mtdata data sets or sacreBLEU's test sets."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field

from crosslate.config import Settings
from crosslate.errors import CrosslateError, Faults, InputError, MissingExtra, nearest
from crosslate.files import atomic_folder, sha256_file, sha256_text
from crosslate.languages.codes import three_letter_code

if TYPE_CHECKING:
    from crosslate.text.corpora import Corpus, ParallelCorpus

FETCHED = "fetched"
"""Folder of downloaded text in the folder of the data."""

_KINDS = ("files", "phrasebook", "mtdata", "sacrebleu")
_FILLED = re.compile(r"\{\{|\}\}|\{(source|target|language)\}")
"""Allowed braces in file names."""
_TYPICAL_PAIRS = {"phrasebook": 16_000, "mtdata": 300_000, "sacrebleu": 2_000}
_PIVOT = "en"

log = logging.getLogger(__name__)


class Text(Settings):
    """One text. Exactly one of ``files``, ``phrasebook``, ``mtdata`` and ``sacrebleu`` is given."""

    files: list[str] = Field(
        default_factory=list,
        description="one or two paths in the folder of the data, with `{source}` and `{target}` for the "
        "codes of a pair, or `{language}` for monolingual text. Compressed files are read directly.",
    )
    phrasebook: Literal["parent", "child", "valid", "test"] | None = Field(
        None, description="a part of the built-in phrasebook: `parent`, `child`, `valid` or `test`."
    )
    mtdata: list[str] = Field(
        default_factory=list,
        description="mtdata ids of data sets, concatenated in this order; downloaded once to the folder of "
        "the data.",
    )
    sacrebleu: str = Field(
        "",
        description="name of a sacreBLEU test set; downloaded once to the folder of the data. If it lacks "
        "the pair, two pairs with identical English sides are combined.",
    )
    published: str = Field(
        "", description="name of the data set and where it is published, shown if its files are missing."
    )
    first_line: int = Field(1, ge=1, description="first pair to use, counted from 1.")
    last_line: int = Field(0, description="last pair to use; 0 uses all to the end.")
    num_pairs: int = Field(0, description="approximate number of pairs, for time estimates only.")

    def find_faults(self, faults: Faults) -> None:
        given = [name for name in _KINDS if getattr(self, name)]
        if len(given) != 1:
            faults.add(
                f"{' and '.join(given) or 'nothing'} is given, "
                "expected exactly one of files, phrasebook, mtdata and sacrebleu"
            )
        if len(self.files) > 2:
            faults.add(f"files names {len(self.files)} files, expected one or two")
        for name in self.files:
            if set(_FILLED.sub("", name)) & set("{}"):
                faults.add(
                    f"files names {name!r}, expected only {{source}}, {{target}} or {{language}} in braces "
                    "(double the braces of a path that contains them)"
                )
        if self.last_line and self.last_line < self.first_line:
            faults.add(f"last_line is {self.last_line}, expected 0 or at least first_line, {self.first_line}")

    @property
    def kind(self) -> str:
        """``files``, ``phrasebook``, ``mtdata`` or ``sacrebleu``."""
        return next(name for name in _KINDS if getattr(self, name))

    @property
    def estimated_pairs(self) -> int:
        """Estimated number of pairs, from the recipe alone."""
        if self.num_pairs:
            return self.num_pairs
        if self.last_line:
            return self.last_line - self.first_line + 1
        return _TYPICAL_PAIRS.get(self.kind, 20_000)

    def cut(self, count: int) -> Text:
        """The text limited to its first ``count`` pairs."""
        last = self.first_line + count - 1
        return self.changed(last_line=min(last, self.last_line or last), num_pairs=0)


@dataclass(frozen=True)
class PlacedText:
    """A text with its language pair. For monolingual text both languages are the same."""

    text: Text
    source: str
    target: str


@dataclass(frozen=True)
class Library:
    """Reads the texts of a study, from the folder of the data and the phrasebook."""

    data: Path
    seed: int = 1

    def paths(self, placed: PlacedText) -> list[Path]:
        """The files of a text, which may not exist."""
        source, target = placed.source, placed.target
        names = (name.format(source=source, target=target, language=source) for name in placed.text.files)
        return [self.data / name for name in names]

    def identity(self, placed: PlacedText) -> dict[str, Any]:
        """Everything that determines the text, as plain values; files by hash, not by path."""
        text = placed.text
        lines = {"lines": [text.first_line, text.last_line], "pair": [placed.source, placed.target]}
        if text.files:
            return {"files": [_hash(path) for path in self.paths(placed)]} | lines
        if text.phrasebook:
            return {"phrasebook": text.phrasebook, "seed": self.seed} | lines
        return {text.kind: getattr(text, text.kind)} | lines

    def model(self, name: str) -> str:
        """A model to load: a folder in the folder of the data, another folder, or a hub id."""
        folder = self.data / name
        return str(folder) if folder.is_dir() else name

    def model_identity(self, name: str) -> dict[str, Any]:
        """The name of a model, with the hashes of its weights if they are in a folder."""
        folder = Path(self.model(name))
        weights = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
        return {"load": name} | ({"weights": [_hash(path) for path in weights]} if weights else {})

    def is_missing(self, name: str) -> bool:
        """Whether a model can only be a folder (a hub id has a slash), and there is none."""
        return "/" not in name and not Path(self.model(name)).is_dir()

    def must_fetch(self, placed: PlacedText) -> bool:
        """Whether a text must be downloaded, as it is of that kind and not in the folder of the data."""
        text, pair = placed.text, (placed.source, placed.target)
        if text.mtdata:
            return not _mtdata_folder(text.mtdata, *pair, self.data).is_dir()
        return bool(text.sacrebleu) and not _test_set_folder(text.sacrebleu, *pair, self.data).is_dir()

    def check(self, placed: PlacedText) -> None:
        """Checks that a text that is downloaded can be; fetches nothing.

        Raises:
            MissingExtra: mtdata is needed and not installed.
            InputError: sacreBLEU has no such test set, or not this pair.
        """
        if self.must_fetch(placed) and placed.text.mtdata:
            _check_mtdata(placed.text.mtdata)
        elif self.must_fetch(placed):
            _pairs_of_test_set(placed.text.sacrebleu, placed.source, placed.target)

    def fetch(self, placed: PlacedText) -> None:
        """Downloads a text, if it must be.

        Raises:
            InputError: it cannot be downloaded.
        """
        if not self.must_fetch(placed):
            return
        try:
            self._fetched(placed)
        except (OSError, SystemExit) as error:  # sacreBLEU ends the program on some faults
            name = placed.text.sacrebleu or ", ".join(placed.text.mtdata)
            raise InputError(
                f"cannot download {name}: {error}; without a network, copy {self.data / FETCHED} from a "
                "machine that has one"
            ) from error

    def load(self, placed: PlacedText) -> ParallelCorpus:
        """A text in memory."""
        return self.training(placed).in_memory()

    def lines_at_hand(self, placed: PlacedText) -> Sequence[str]:
        """The target's lines, if nothing must be fetched for them; none of files that cannot be read."""
        text = placed.text
        if not text.phrasebook and not (text.files and all(path.is_file() for path in self.paths(placed))):
            return ()
        with suppress(CrosslateError):  # said when texts are checked
            return self.load(placed).target
        return ()

    def training(self, placed: PlacedText) -> Corpus:
        """A training text; files are streamed."""
        from crosslate.text.corpora import TextFiles

        text = placed.text
        if text.phrasebook:
            return self._phrasebook(placed)
        name = ", ".join(text.mtdata) or text.sacrebleu
        files = self._fetched(placed)
        return TextFiles(files, placed.source, placed.target, text.first_line, text.last_line, name)

    def monolingual(self, placed: PlacedText) -> list[str]:
        """The lines of one language, from files or the phrasebook."""
        from crosslate.text.streams import read_lines

        text, language = placed.text, placed.source
        if text.phrasebook:
            other = "en" if language != "en" else "fr"
            return list(self._phrasebook(PlacedText(text, language, other)).source)
        (path,) = self._fetched(placed)
        return list(islice(read_lines(path), text.first_line - 1, text.last_line or None))

    def _phrasebook(self, placed: PlacedText) -> ParallelCorpus:
        from crosslate.text.corpora import ParallelCorpus
        from crosslate.text.phrasebook import Phrasebook

        text, share = placed.text, placed.text.phrasebook
        last = text.last_line or _TYPICAL_PAIRS["phrasebook"]
        role = "train" if share in ("parent", "child") else str(share)
        wanted = {"train": 0, "valid": 0, "test": 0} | {role: last}
        part = cast(Any, "parent" if share == "parent" else "child")
        made = Phrasebook(self.seed).corpora(placed.source, placed.target, part=part, **wanted)
        chosen = made[("train", "valid", "test").index(role)]
        rows = slice(text.first_line - 1, last)
        return ParallelCorpus(
            chosen.source[rows], chosen.target[rows], placed.source, placed.target, chosen.origin
        )

    def _fetched(self, placed: PlacedText) -> list[Path]:
        if placed.text.files:
            return self.paths(placed)
        if placed.text.mtdata:
            return _fetch_mtdata(placed.text.mtdata, placed.source, placed.target, self.data)
        return _fetch_test_set(placed.text.sacrebleu, placed.source, placed.target, self.data)


def dictionary_role(languages: str) -> str:
    """The role of a dictionary file in a cell's texts, by its languages, like ``de-fr``."""
    return f"dictionary {languages}"


def _hash(path: Path) -> str:
    if not path.is_file():
        return f"missing {path.name}"
    status = path.stat()
    return _hash_once(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1024)
def _hash_once(path: Path, num_bytes: int, changed: int) -> str:
    return sha256_file(path)


def _mtdata_folder(ids: Sequence[str], source: str, target: str, data: Path) -> Path:
    return data / FETCHED / f"mtdata-{source}-{target}-{sha256_text(' '.join(ids))[:16]}"


def _check_mtdata(ids: Sequence[str]) -> None:
    if find_spec("mtdata") is None:
        raise MissingExtra(
            f"downloading {', '.join(ids)} needs mtdata, which is not installed; "
            "install it with: pip install 'crosslate[data]'"
        )


def _fetch_mtdata(ids: Sequence[str], source: str, target: str, data: Path) -> list[Path]:
    """The two files of concatenated data sets; downloaded on first use."""
    folder = _mtdata_folder(ids, source, target, data)
    paths = [folder / f"train.{language}" for language in (source, target)]
    if folder.is_dir():
        return paths
    _check_mtdata(ids)
    codes = [three_letter_code(language) for language in (source, target)]
    log.info("downloading %s", ", ".join(ids))
    with atomic_folder(folder) as temporary:
        command = [sys.executable, "-m", "mtdata", "get", "-l", "-".join(codes), "-tr", *ids, "--merge",
                   "-o", str(temporary)]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        for code, path in zip(codes, paths):
            merged = (each for each in sorted(temporary.rglob(f"train.{code}*")) if each.is_file())
            found = next(merged, None)
            if done.returncode or found is None:
                raise InputError(f"mtdata could not download {', '.join(ids)}: {done.stderr.strip()[-400:]}")
            found.replace(temporary / path.name)
    return paths


def _pairs_of_test_set(name: str, source: str, target: str) -> list[tuple[str, str]]:
    """The pair of a test set, or two with English that give it; nothing is downloaded."""
    from sacrebleu.dataset import DATASETS

    if name not in DATASETS:
        raise InputError(f"sacreBLEU has no test set {name!r}; {nearest(name, list(DATASETS))}")
    pairs = DATASETS[name].langpairs
    if f"{source}-{target}" in pairs:
        return [(source, target)]
    first, second = f"{_PIVOT}-{source}", f"{_PIVOT}-{target}"
    if first not in pairs or second not in pairs:
        raise InputError(
            f"sacreBLEU's {name} has neither {source}-{target} nor both {first} and {second}; "
            f"it has {', '.join(sorted(pairs))}"
        )
    return [(_PIVOT, source), (_PIVOT, target)]


def _test_set_folder(name: str, source: str, target: str, data: Path) -> Path:
    return data / FETCHED / f"sacrebleu-{name.replace('/', '-')}-{source}-{target}"


def _fetch_test_set(name: str, source: str, target: str, data: Path) -> list[Path]:
    """The two files of a test set; downloaded by sacreBLEU on first use."""
    from sacrebleu.dataset import DATASETS

    folder = _test_set_folder(name, source, target, data)
    paths = [folder / f"test.{language}" for language in (source, target)]
    if folder.is_dir():
        return paths
    pairs = _pairs_of_test_set(name, source, target)
    found, *others = (_sides(DATASETS[name], *pair) for pair in pairs)
    for other in others:
        if found[0].read_text(encoding="utf-8") != other[0].read_text(encoding="utf-8"):
            combined = " and ".join(map("-".join, pairs))
            raise InputError(f"cannot combine {combined} of sacreBLEU's {name}: the English differs")
        found = [found[1], other[1]]
    with atomic_folder(folder) as temporary:
        for file, path in zip(found, paths, strict=True):
            shutil.copyfile(file, temporary / path.name)
    return paths


def _sides(test_set: Any, source: str, target: str) -> list[Path]:
    pair = f"{source}-{target}"
    return [Path(test_set.get_source_file(pair)), Path(test_set.get_reference_files(pair)[0])]
