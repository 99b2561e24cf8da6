"""Export packs with their parent to a page that translates in a browser, without a server of ours.

A folder of static files: the page, bergamot's engine from the user's own copy, models and vocabularies named
by the hash of their content, and ``packs.json``, which lists the language pairs. A further export into the
folder adds a pair; what is identical is there once.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crosslate.errors import Faults, InputError
from crosslate.export.exporter import Exporter
from crosslate.export.marian_folder import (
    BERGAMOT_OPTIONS,
    MODEL,
    VOCABULARIES,
    check_marian_folder,
    write_marian_folder,
)
from crosslate.export.marian_model import marian_export
from crosslate.files import (
    atomic_file,
    atomic_folder,
    described,
    read_json,
    read_optional_object,
    sha256_file,
    write_json,
)
from crosslate.languages.codes import language_name
from crosslate.models.vocabularies.vocabulary_files import RECORD
from crosslate.packs.cards import shown_name
from crosslate.packs.manifest import Manifest

if TYPE_CHECKING:
    from crosslate.models.child import Child
    from crosslate.models.parent import Parent

INDEX = "packs.json"
PACKAGE = "@browsermt/bergamot-translator"
_PINNED = f"{PACKAGE}@0.4.9"
_PAGE = Path(__file__).parents[1] / "web_page"
_DESCRIPTION = "package.json"
_WORKER = "worker/bergamot-translator-worker"
_ENGINE_FILES = ("translator.js", "worker/translator-worker.js", f"{_WORKER}.js", f"{_WORKER}.wasm")
_WASM_START = b"\0asm"
# The engine has 5 MB. A folder that holds something else is not copied to where everybody can read it.
_MAX_ENGINE_BYTES = 64 << 20
_FILES = "files"
_ENGINE_NAME = re.compile(r"engine-[0-9a-f]{16}")
_FILE_NAME = re.compile(r"[0-9a-f]{64}\.(?:bin|spm)")
_FilePath = Field(pattern=rf"^{_FILES}/{_FILE_NAME.pattern}$")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Engine(_Entry):
    """The engine's folder, and the package that it comes from."""

    folder: str = Field(pattern=f"^{_ENGINE_NAME.pattern}$")
    version: str
    licence: str


class UsedPack(_Entry):
    """A pack that a model was made of."""

    name: str
    licence: str


class Pair(_Entry):
    """A language pair; paths are relative to the folder.

    Attributes:
        num_bytes: of model and vocabularies.
        parent: name of the model that the packs change.
        imported_from: name of the other program's model that the parent was, or empty.
        options: of the engine.
    """

    source: str
    target: str
    source_name: str
    target_name: str
    model: str = _FilePath
    source_vocabulary: str = _FilePath
    target_vocabulary: str = _FilePath
    num_bytes: int
    parent: str
    imported_from: str
    packs: list[UsedPack]
    options: dict[str, str]

    @property
    def files(self) -> set[str]:
        return {self.model, self.source_vocabulary, self.target_vocabulary}


class Index(_Entry):
    """The content of ``packs.json``."""

    format: Literal[1] = 1
    engine: Engine
    pairs: list[Pair]


class Web(Exporter):
    """A folder for any host of static files, which translates in the reader's browser."""

    precisions = ("int8",)
    runtime_package = _PINNED

    def check(self, out: Path, precision: str) -> None:
        """See :meth:`Exporter.check`; ``out`` may be a folder of earlier exports."""
        super().check(out, precision)
        _find_engine(self.runtime or Path())

    def _check_output(self, out: Path) -> None:
        if out.exists():
            _read_index(out)

    def write(self, child: Child, manifests: Sequence[Manifest], out: Path, precision: str = "int8") -> str:
        """See :meth:`Exporter.write`. A pair that the folder has already is replaced.

        Raises:
            PackError: Marian cannot express the model; nothing is written.
            InputError: the runtime's files or those in ``out`` cannot be used.
        """
        self.check(out, precision)
        engine = _find_engine(self.runtime or Path())
        export = marian_export(child, "int8")
        with tempfile.TemporaryDirectory() as made, _opened(out) as folder:
            model = Path(made)
            write_marian_folder(export, model, "int8")
            note = check_marian_folder(model, child, export, "int8")
            pairs = _read_index(folder).pairs if (folder / INDEX).exists() else []
            pair = _add_pair(model, folder, child, manifests)
            others = [each for each in pairs if (each.source, each.target) != (pair.source, pair.target)]
            index = Index(engine=_add_engine(engine, folder), pairs=[*others, pair])
            for file in sorted(_PAGE.iterdir()):
                _copy(file, folder / file.name)
            write_json(folder / INDEX, index.model_dump())
            _remove_unused(folder, index)
        listed = ", ".join(f"{each.source}-{each.target}" for each in index.pairs)
        return (
            f"{note}\npairs in the folder: {listed}; try it: python -m http.server "
            f"--directory {out}, and open http://localhost:8000"
        )


@contextmanager
def _opened(out: Path) -> Iterator[Path]:
    """The folder to write into: a new one appears when complete, an existing one changes with its index."""
    if out.exists():
        yield out
    else:
        with atomic_folder(out) as folder:
            yield folder


def _read_index(folder: Path) -> Index:
    try:
        return Index.model_validate(read_json(folder / INDEX))
    except (InputError, NotADirectoryError, ValidationError) as error:
        reason = str(error)
        if isinstance(error, ValidationError):
            fault = error.errors()[0]
            reason = f"{INDEX}: {'.'.join(map(str, fault['loc'])) or 'all of it'}: {fault['msg']}"
        raise InputError(
            f"{folder} already exists, {described(folder)}, and is not a folder of this format ({reason}); "
            "give another name or remove it first"
        ) from None


def _find_engine(runtime: Path) -> Path:
    """The package's folder: ``runtime`` itself, or where npm installed the package in it.

    Raises:
        InputError: lists all files that are missing or not what they should be.
    """
    installed = runtime / "node_modules" / PACKAGE
    folder = (installed if installed.is_dir() else runtime).resolve()
    get_it = f"get it with: npm install --prefix {runtime} {_PINNED}"
    if not folder.is_dir():
        raise InputError(f"cannot take the engine from {runtime}, there is no such folder; {get_it}")
    faults = Faults(f"cannot take the engine from {runtime} ({get_it})")
    if read_optional_object(folder / _DESCRIPTION).get("name") != PACKAGE:
        faults.add(f"{folder / _DESCRIPTION} does not say that this is {PACKAGE}")
    for name in _ENGINE_FILES:
        file = folder / name
        if not file.is_file():
            faults.add(f"{name} is missing")
        elif not file.resolve().is_relative_to(folder):
            faults.add(f"{name} is a link to {file.resolve()}, outside the package")
        elif not 0 < file.stat().st_size <= _MAX_ENGINE_BYTES:
            faults.add(f"{name} has {file.stat().st_size:,} bytes, expected 1 to {_MAX_ENGINE_BYTES:,}")
        elif name.endswith(".wasm") and not _starts_with(file, _WASM_START):
            faults.add(f"{name} is not WebAssembly")
    faults.raise_as(InputError)
    return folder


def _starts_with(file: Path, start: bytes) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(start)) == start


def _add_engine(package: Path, folder: Path) -> Engine:
    hashes = "".join(sha256_file(package / name) for name in _ENGINE_FILES)
    name = f"engine-{hashlib.sha256(hashes.encode()).hexdigest()[:16]}"
    for file in _ENGINE_FILES:
        _copy(package / file, folder / name / file)
    described = read_optional_object(package / _DESCRIPTION)
    return Engine(
        folder=name, version=str(described.get("version", "")), licence=str(described.get("license", ""))
    )


def _add_pair(model: Path, folder: Path, child: Child, manifests: Sequence[Manifest]) -> Pair:
    added = [_add_file(model / name, folder) for name in (MODEL["int8"], *VOCABULARIES)]
    return Pair(
        source=child.source_language,
        target=child.target_language,
        source_name=language_name(child.source_language),
        target_name=language_name(child.target_language),
        model=added[0],
        source_vocabulary=added[1],
        target_vocabulary=added[2],
        num_bytes=sum((folder / name).stat().st_size for name in set(added)),
        parent=shown_name(child.parent.name),
        imported_from=_imported_from(child.parent),
        packs=[UsedPack(name=each.name, licence=each.licence) for each in manifests],
        # The page cuts the text into sentences, by rules for every script.
        options={**{name: str(value) for name, value in BERGAMOT_OPTIONS.items()}, "ssplit-mode": "sentence"},
    )


def _imported_from(parent: Parent) -> str:
    if parent.folder is None:
        return ""
    return Path(read_optional_object(parent.folder / RECORD).get("imported", {}).get("from", "")).name


def _add_file(file: Path, folder: Path) -> str:
    name = f"{_FILES}/{sha256_file(file)}{file.suffix}"
    if not (folder / name).exists():
        _copy(file, folder / name)
    return name


def _copy(file: Path, out: Path) -> None:
    with atomic_file(out) as temporary:
        shutil.copyfile(file, temporary)


def _remove_unused(folder: Path, index: Index) -> None:
    """Removes models, vocabularies and engines that no pair uses any more, and nothing else."""
    used = set[str]().union(*(pair.files for pair in index.pairs))
    for file in (folder / _FILES).iterdir():
        if _FILE_NAME.fullmatch(file.name) and f"{_FILES}/{file.name}" not in used:
            file.unlink()
    for engine in folder.iterdir():
        if _ENGINE_NAME.fullmatch(engine.name) and engine.name != index.engine.folder:
            shutil.rmtree(engine)
