"""The files of a published Marian model: a folder or an archive with model, vocabularies and options."""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from crosslate.errors import Faults, ParentError, VocabularyError
from crosslate.files import atomic_file
from crosslate.languages.codes import NAMES
from crosslate.models.groups import SIDES, Side
from crosslate.models.marian_files import MarianModel, max_unpacked_bytes, read_content
from crosslate.text.segmenters import SentencePieceSegmenter, by_id
from crosslate.text.vocabularies import SpecialIds, Vocabulary

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MODELS = (".npz", ".bin")
_SEGMENTER = ".spm"
_LISTS = (".yml", ".yaml", ".json")
_FACTORS = ".fsv"
_WANTED = (*MODELS, _SEGMENTER, *_LISTS, _FACTORS)
_BIN_START = (1).to_bytes(8, "little")
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
)
# A word of a file's name that tells its side.
_SIDE_WORDS = {"source": r"src|source", "target": r"trg|tgt|target"}
# Firefox's files are called model.pten.….bin; whole names of folders and archives are opus-mt-pt-en or pt-en.
_FILE_PAIR = re.compile(r"(?:model|vocab|srcvocab|trgvocab)\.([a-z]{2})([a-z]{2})\.")
_FOLDER_PAIR = re.compile(r"(?:opus-mt-)?([a-z]{2,3})-([a-z]{2,3})")
_EOS, _UNKNOWN, _PAD, _BOS = "</s>", "<unk>", "<pad>", "<s>"


@dataclass(frozen=True)
class VocabularyFiles:
    """What a side's vocabulary is made of: a SentencePiece model, and a list of ids if they are others."""

    model: Path | None = None
    ids: Path | None = None


NOT_GIVEN = VocabularyFiles()


@dataclass(frozen=True)
class Release:
    """A published model, read.

    Attributes:
        vocabularies: source and target with one set of special ids.
        pad_is_new: whether the padding piece is ours, so that the model has no row for it.
        languages: as the files' names tell them; None if they do not, or contradict each other.
    """

    model: MarianModel
    vocabularies: tuple[Vocabulary, Vocabulary]
    pad_is_new: bool
    languages: tuple[str, str] | None


def is_release(path: Path) -> bool:
    """Whether a path is a folder, an archive or a model file of Marian, by its name."""
    name = _plain(path.name)
    return path.is_dir() or path.name.endswith(ARCHIVES) or name.endswith(MODELS)


def read_release(path: Path, given: Sequence[VocabularyFiles] = (NOT_GIVEN, NOT_GIVEN)) -> Release:
    """Reads a published model.

    Args:
        path: a folder, an archive, or the model file with the others beside it.
        given: files of the source's and the target's vocabulary that are not to be looked for.

    Raises:
        ParentError: lists what is missing, ambiguous or damaged.
    """
    with _folder_of(path) as folder:
        files = _Files(folder, None if path.is_dir() or folder != path.parent else path)
        faults = Faults(f"cannot import {path}")
        with faults.catch(ParentError):
            model = files.read_model()
        with faults.catch(ParentError):
            vocabularies, pad_is_new = _vocabularies(files.vocabulary_files(given))
        faults.raise_as(ParentError)
        return Release(model, vocabularies, pad_is_new, _languages(path, files))


def _plain(name: str) -> str:
    return name.removesuffix(".gz")


@contextmanager
def _folder_of(path: Path) -> Iterator[Path]:
    """The folder with the files; that of an archive exists only inside the block."""
    if not path.exists():
        raise ParentError(f"{path}: no such file or folder")
    if not path.name.endswith(ARCHIVES) or path.is_dir():
        yield path if path.is_dir() else path.parent
        return
    with tempfile.TemporaryDirectory() as made:
        try:
            _extract(path, Path(made))
        except _DAMAGE as error:
            raise ParentError(f"cannot unpack {path} ({error}); get it again") from None
        yield Path(made)


def _extract(archive: Path, folder: Path) -> None:
    """Unpacks the files that a model may need, all into one folder: no path in an archive leads anywhere."""
    left = max_unpacked_bytes(archive.stat().st_size)
    for name, size, content in _members(archive):
        left -= size
        if left < 0:
            raise ParentError(
                f"{archive} unpacks to more than {max_unpacked_bytes(archive.stat().st_size):,} bytes; "
                "get it again from where it was published"
            )
        out = folder / PurePosixPath(name).name
        if not _plain(out.name).endswith(_WANTED):
            continue
        if out.exists():
            raise ParentError(
                f"{archive} has two files called {out.name}; unpack it and give one model's folder"
            )
        with atomic_file(out) as temporary, temporary.open("wb") as file:
            shutil.copyfileobj(content(), file)


def _members(archive: Path) -> Iterator[tuple[str, int, Any]]:
    """Name, size and opener of every plain file."""
    if archive.name.endswith(".zip"):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                if not info.is_dir():
                    yield info.filename, info.file_size, lambda info=info: zipped.open(info)
    else:
        with tarfile.open(archive) as tarred:
            for member in tarred:
                if member.isfile():
                    yield member.name, member.size, lambda member=member: tarred.extractfile(member)


class _Files:
    """The files of one folder, by what they are."""

    def __init__(self, folder: Path, model: Path | None) -> None:
        self.folder, self._given = folder, model
        self.paths = {_plain(path.name): path for path in sorted(folder.iterdir()) if path.is_file()}
        self._options = [options for path in self._named(*_LISTS) if (options := _options_in(path))]

    def _named(self, *endings: str) -> list[Path]:
        return [path for name, path in self.paths.items() if name.endswith(endings)]

    def read_model(self) -> MarianModel:
        """The model, with options from a file beside it if it holds none."""
        path = self.model_path()
        model = MarianModel.read(path)
        if not model.configuration:
            beside = [options for options in self._options if "dec-depth" in options]
            if len(beside) != 1:
                raise ParentError(
                    f"{path.name} holds no options ({len(beside)} files beside it do); put one .yml with "
                    "those of its training there"
                )
            model.configuration = beside[0]
        return model

    def model_path(self) -> Path:
        if self._given:
            return self._given
        named = {Path(each).name for options in self._options for each in _texts(options.get("models"))}
        found = [path for path in self._named(*MODELS) if _is_model(path)]
        chosen = [path for path in found if _plain(path.name) in named] or found
        if len(chosen) != 1:
            listed = ", ".join(path.name for path in chosen) or "none"
            raise ParentError(
                f"{self.folder} has {len(chosen)} models ({listed}); expected one in the folder itself; "
                "give the folder that holds one, or its file"
            )
        return chosen[0]

    def vocabulary_files(self, given: Sequence[VocabularyFiles]) -> list[VocabularyFiles]:
        """Files of source and target: as given, as an options file names them, or as their names tell."""
        if factored := self._named(_FACTORS):
            raise ParentError(
                f"{factored[0].name} is a factored vocabulary, whose factors cannot be expressed"
            )
        named = [self.paths.get(_plain(Path(each).name)) for each in self._vocabularies_in_options()]
        known = [path for path in named if path]
        models = _in_order([path for path in known if _plain(path.name).endswith(_SEGMENTER)])
        models = models or _by_name(self._named(_SEGMENTER))
        lists = _in_order([path for path in known if _plain(path.name).endswith(_LISTS)])
        if not known:
            lists = _by_name([path for path in self._named(*_LISTS) if "vocab" in path.name])
        found = []
        for number, each in enumerate(given):
            model = each.model or (models[number] if models else None)
            if model is None:
                seen = ", ".join(path.name for path in self._named(_SEGMENTER)) or "none"
                raise ParentError(
                    f"{self.folder}: no SentencePiece model of the {SIDES[number]} can be told from its "
                    f"files (with {_SEGMENTER} there: {seen}); expected one for both sides, or one for each, "
                    "named source.spm and target.spm; or give it"
                )
            found.append(VocabularyFiles(model, each.ids or (lists[number] if lists else None)))
        return found

    def _vocabularies_in_options(self) -> list[str]:
        lists = [_texts(options.get("vocabs")) for options in self._options]
        return next((each for each in lists if len(each) == len(SIDES)), [])


def _options_in(path: Path) -> dict[str, Any]:
    """Options in a YAML file; a list of a vocabulary's ids, which takes long to read, is none."""
    from crosslate.config import parse_yaml

    try:
        text = read_content(path).decode("utf-8")
        if not re.search(r"^(models|dec-depth):", text, re.MULTILINE):
            return {}
        values = parse_yaml(text, Faults(""))
    except Exception:  # a file beside the model that is something else
        return {}
    return values if isinstance(values, dict) else {}


def _texts(values: Any) -> list[str]:
    return [each for each in values if isinstance(each, str)] if isinstance(values, list) else []


def _is_model(path: Path) -> bool:
    """Whether a file is a model, not a shortlist or another network beside it, or an optimiser's state."""
    if _plain(path.name).endswith(".npz"):
        return ".optimizer." not in path.name
    return read_content(path, len(_BIN_START)) == _BIN_START


def _in_order(paths: list[Path]) -> tuple[Path, Path] | None:
    """The files of source and target as an options file lists them."""
    return (paths[0], paths[1]) if len(paths) == len(SIDES) else None


def _by_name(paths: list[Path]) -> tuple[Path, Path] | None:
    """One file for both sides, or one for each by a word in its name."""
    if len(paths) == 1:
        return paths[0], paths[0]
    found: dict[Side, list[Path]] = {
        side: [path for path in paths if re.search(_SIDE_WORDS[side], path.name)] for side in SIDES
    }
    if len(paths) == len(SIDES) and all(len(each) == 1 for each in found.values()):
        return found["source"][0], found["target"][0]
    return None


def _languages(path: Path, files: _Files) -> tuple[str, str] | None:
    names = [path.name, *([path.resolve().parent.name] if path.is_file() else []), *files.paths]
    names = [name.removesuffix(ending) for name in names for ending in ("", *ARCHIVES)]
    matches = [match for name in names if (match := _FILE_PAIR.match(name) or _FOLDER_PAIR.fullmatch(name))]
    pairs = {(match[1], match[2]) for match in matches if match[1] in NAMES and match[2] in NAMES}
    return pairs.pop() if len(pairs) == 1 else None


def _vocabularies(files: Sequence[VocabularyFiles]) -> tuple[tuple[Vocabulary, Vocabulary], bool]:
    """Both vocabularies, and whether they were given a padding piece, which Marian's lack.

    It gets the same id on both sides: the first that is free on one of them. Pieces of the other side that
    have it or a higher one move up by one.
    """
    segmenters = [_segmenter(each.model) for each in files if each.model]
    pieces = [
        _listed(each.ids) if each.ids else list(segmenter.pieces)
        for each, segmenter in zip(files, segmenters)
    ]
    for side, listed, each in zip(SIDES, pieces, files):
        if missing := [piece for piece in (_EOS, _UNKNOWN) if piece not in listed]:
            raise ParentError(
                f"the {side} vocabulary {each.ids or each.model} has no piece {', '.join(missing)}"
            )
    for piece in (_EOS, _UNKNOWN, _PAD):
        ids = [listed.index(piece) if piece in listed else None for listed in pieces]
        if ids[0] != ids[1]:
            raise ParentError(
                f"{piece} has the id {ids[0]} in the source vocabulary and {ids[1]} in the target's"
            )
    pad_is_new = _PAD not in pieces[0]
    if pad_is_new:
        place = min(map(len, pieces))
        pieces = [[*listed[:place], _PAD, *listed[place:]] for listed in pieces]
    if len(set(files)) == 1:
        segmenters[1] = segmenters[0]
    source, target = (
        Vocabulary(segmenter, listed, _special_ids(listed)) for segmenter, listed in zip(segmenters, pieces)
    )
    return (source, target), pad_is_new


def _segmenter(path: Path) -> SentencePieceSegmenter:
    try:
        return SentencePieceSegmenter(read_content(path))
    except VocabularyError as error:
        raise ParentError(f"{path}: {error}") from None


def _special_ids(pieces: list[str]) -> SpecialIds:
    bos = pieces.index(_BOS) if _BOS in pieces else None
    return SpecialIds(pieces.index(_EOS), pieces.index(_UNKNOWN), pieces.index(_PAD), bos)


def _listed(path: Path) -> list[str]:
    """The piece of every id of a ``vocab.yml``; ids without a piece get names that no text leads to."""
    import yaml

    try:
        # All keys are text there: "no", "1" and "~" are pieces.
        values = yaml.load(read_content(path), getattr(yaml, "CBaseLoader", yaml.BaseLoader))
        ids = {piece: int(index) for piece, index in values.items()}
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, TypeError, ValueError) as error:
        raise ParentError(
            f"{path} is no list of pieces with their ids: {' '.join(str(error).split())}"
        ) from None
    if (
        len(set(ids.values())) < len(ids)
        or min(ids.values(), default=-1) < 0
        or max(ids.values()) > 2 * len(ids)
    ):
        raise ParentError(
            f"{path}: expected a different id from 0 upwards for each of its {len(ids):,} pieces"
        )
    return list(by_id(ids))
