"""Models on disk: packs and their parent, found and described without loading tensors."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from crosslate.errors import Faults, InputError, LanguagesNotNamed, PackError, ParentError, UsageError
from crosslate.files import atomic_folder, read_optional_object, sha256_file
from crosslate.packs.hub import names_pack, pack_folder
from crosslate.packs.manifest import (
    CARD_NAME,
    MANIFEST_NAME,
    Calibration,
    Manifest,
    calibration_of,
    term_markers_of,
)
from crosslate.packs.pack import check_composition, check_parent, check_replaceable, verify
from crosslate.text.term_annotations import TermMarkers
from crosslate.text.vocabularies import AUDIO, IMAGES, NoVocabulary

if TYPE_CHECKING:
    from crosslate.models.child import Child
    from crosslate.models.parent import Parent
    from crosslate.packs.pack import Pack

log = logging.getLogger(__name__)

_CONFIG = "config.json"
_MODEL_FILES = (".json", ".safetensors", ".spm", ".model", ".bin", ".txt")


class StoredModel:
    """A parent with packs, as named by the user; creating one loads no tensors.

    Args:
        packs: folders of packs, or their ids on the hub (``ann/de-en@REVISION``); every one is verified.
        parent: hub id or folder; None finds it by the packs' manifests.
        languages: of a parent without packs whose files name none, or many (mBART, NLLB).
        prefix: text before every source text of a parent without packs; see :meth:`Parent.load`.

    Raises:
        UsageError: neither packs nor a parent; or languages beside packs, which name them.
        PackError: lists what is wrong with every pack; or the packs do not compose, or the parent is known
            to be another one.
        LanguagesNotNamed: the parent's folder does not say which languages it translates.
    """

    def __init__(
        self,
        packs: Sequence[str | Path] = (),
        parent: str | Path | None = None,
        languages: tuple[str, str] | None = None,
        prefix: str | None = None,
    ) -> None:
        if not packs and parent is None:
            raise UsageError("give at least one pack, or a parent to translate its own pair")
        if packs and languages is not None:
            raise UsageError("the parent's languages are given beside packs, which name them; leave them out")
        if packs and prefix is not None:
            raise UsageError("the parent's prefix is given beside packs, which name it; leave it out")
        self._given_languages, self._prefix = languages, prefix
        self._names = tuple(map(str, packs))
        self.parent = None if parent is None else str(parent)
        self.packs, self.manifests = _verified(packs)
        if not self.manifests:
            self.source_language, self.target_language = languages or _parent_languages(str(parent))
            return
        check_composition(self.manifests)
        ordered = sorted(self.manifests, key=lambda each: each.place)
        self.source_language, self.target_language = ordered[0].source_language, ordered[-1].target_language
        _check_recorded(self.manifests, self.parent)

    @classmethod
    def named(cls, names: Sequence[str]) -> StoredModel:
        """Packs, or a single parent, whichever it is that is named."""
        first, *others = names
        is_parent = not others and not names_pack(first)
        return cls(parent=first) if is_parent else cls(names)

    @property
    def name(self) -> str:
        """Display name: the packs' folders or ids, or the parent."""
        return " + ".join(self._names) or str(self.parent)

    @property
    def origin(self) -> Path:
        """The folder beside which files built from the model are cached."""
        return self.packs[0] if self.packs else _local_folder(str(self.parent))

    @property
    def calibration(self) -> Calibration | None:
        """What the confidence of its translations is worth; see :func:`calibration_of`."""
        return calibration_of(self.manifests)

    @property
    def term_markers(self) -> TermMarkers | None:
        """The markers of terms that it has learnt; see :func:`term_markers_of`."""
        return term_markers_of(self.manifests)

    @cached_property
    def signal(self) -> str:
        """What the model reads in place of text: ``audio`` or ``images``; empty for text."""
        if self.manifests:
            found = self.manifests[0].parent.source_vocabulary_fingerprint
            return next((each for each in (AUDIO, IMAGES) if NoVocabulary(each).fingerprint == found), "")
        from crosslate.models.parent_files import PROCESSOR_FILES, read_configuration, signal_of

        folder = _local_folder(str(self.parent))
        # Only these have a processor, and asking transformers takes seconds.
        has_processor = any((folder / name).is_file() for name in PROCESSOR_FILES)
        return signal_of(read_configuration(folder)) if has_processor else ""

    def key(self) -> str:
        """Hex sha256 of everything the model is made of, independent of the order of packs.

        Manifests contain the parent's fingerprint, so hashing packs is enough. A parent that the user names
        and that does not record its fingerprint is hashed by its files.
        """
        described = sorted(manifest.checksum for manifest in self.manifests)
        described += ["-".join(self._given_languages)] if self._given_languages else []
        described += [f"prefix {self._prefix}"] if self._prefix is not None else []
        if self.parent is not None:
            folder = _local_folder(self.parent)
            if not self.manifests or recorded_fingerprint(folder) is None:
                files = [path for path in sorted(folder.iterdir()) if path.suffix in _MODEL_FILES]
                described += [f"{path.name} {sha256_file(path)}" for path in files if path.is_file()]
        return hashlib.sha256("\n".join(described).encode()).hexdigest()

    def parts(self) -> tuple[str, ...]:
        """The packs' checksums in alphabetical order, or the fingerprint of a parent without packs.

        A parent that does not record its fingerprint is loaded for it.
        """
        if self.manifests:
            return tuple(sorted(manifest.checksum for manifest in self.manifests))
        found = recorded_fingerprint(_local_folder(str(self.parent)))
        return (found or self.load_parent().fingerprint(),)

    def load_parent(self) -> Parent:
        """Loads the parent.

        Raises:
            ParentError: the given parent cannot be loaded.
            PackError: the parent named by the first pack cannot be found or loaded.
        """
        from crosslate.models.parent import Parent

        if not self.manifests:
            source, target = self._given_languages or (None, None)
            return Parent.load(
                str(self.parent), source_language=source, target_language=target, prefix=self._prefix
            )
        with self._finding_parent():
            return self.without_packs().load_parent()

    def without_packs(self) -> StoredModel:
        """The parent alone, where it was given or is found by the packs' manifests.

        Raises:
            ParentError: the given parent cannot be found.
            PackError: the parent named by the first pack cannot be found.
        """
        wanted = self.manifests[0].parent
        place = self.parent or find_parent(wanted.name, self.packs[0], wanted.fingerprint)
        if place not in (self.parent, wanted.name):
            log.info("found the parent %s at %s", wanted.name, place)
        with self._finding_parent():
            _local_folder(place)
        return StoredModel(
            parent=place, languages=(wanted.source_language, wanted.target_language), prefix=wanted.prefix
        )

    @contextmanager
    def _finding_parent(self) -> Iterator[None]:
        """Says which pack names a parent that is not there, unless it was given."""
        try:
            yield
        except ParentError as error:
            if self.parent is not None:
                raise
            raise PackError(
                f"cannot load the parent {self.manifests[0].parent.name} of pack {self._names[0]}: {error}; "
                "give the parent's folder or hub id"
            ) from error

    def load_packs(self) -> list[Pack]:
        """Loads the packs and verifies them again."""
        from crosslate.packs.pack import Pack

        return [Pack.load(path) for path in self.packs]

    def load(self) -> Parent | Child:
        """The parent, or its child with the packs.

        Raises:
            PackError: a pack does not fit the parent, or the packs do not compose.
        """
        parent = self.load_parent()
        if not self.packs:
            return parent
        from crosslate.packs.compose import apply_packs

        return apply_packs(parent, self.load_packs())


def verified_pack(pack: str | Path, parent: str | None = None) -> Manifest:
    """Verifies a single pack, which may be a pair pack without its two packs, and returns its manifest.

    Args:
        pack: folder, or id on the hub.
        parent: Hugging Face Hub id or folder; if it records its fingerprint, the pack must be made for it.

    Raises:
        PackError: lists what is wrong with the pack, or it is for another parent.
        ParentError: the parent cannot be found.
    """
    _, manifests = _verified([pack])
    _check_recorded(manifests, parent)
    return manifests[0]


def install_pack(pack: str | Path, folder: Path, *, parent: str | None = None, replace: bool = False) -> Path:
    """Copies a pack into a folder of packs that a server watches, under its own name.

    The copy is verified and then moved into place atomically, so the server sees either the old or the new
    pack.

    Args:
        pack: folder, or id on the hub, whose last part is then the name.
        folder: created if missing.
        parent: Hugging Face Hub id or folder; if it records its fingerprint, the pack must be made for it.
        replace: replace a pack of the same name.

    Returns:
        The installed pack's folder.

    Raises:
        PackError: the pack is invalid, or a folder of this name is not a pack.
        InputError: a pack of this name exists and ``replace`` is False.
        UsageError: ``folder`` is itself a pack.
    """
    if (folder / MANIFEST_NAME).exists():
        raise UsageError(f"{folder} is a pack; give the folder that contains packs, such as {folder.parent}")
    found = pack_folder(pack)
    verified_pack(found, parent)
    place = folder / found.resolve().name
    if place.resolve() == found.resolve():
        raise InputError(f"{pack} is already in {folder}")
    copy_pack(found, place, replace=replace)
    return place


def copy_pack(pack: str | Path, place: Path, *, replace: bool = False) -> Manifest:
    """Copies a pack, as it is, into a folder of its own, and verifies the copy.

    Args:
        pack: folder, or id on the hub.
        replace: replace a pack that is there.

    Raises:
        PackError: the pack is invalid, or the folder to replace is not a pack.
        InputError: ``place`` exists and ``replace`` is False.
    """
    found = pack_folder(pack)
    manifest = verify(found)
    if replace:
        check_replaceable(place)
    with atomic_folder(place, replace=replace) as temporary:
        for name in (MANIFEST_NAME, CARD_NAME, *manifest.file_names):
            if (found / name).exists():  # a pack may have no card
                shutil.copyfile(found / name, temporary / name)
        return verify(temporary)


def find_parent(name: str, pack_folder: Path, fingerprint: str = "") -> str:
    """Finds the parent of a pack: at its recorded path, near the pack, or on the hub.

    Packs and parents often move together, so every folder above the pack is searched for the last parts of
    the name, for example ``parents/fr-en`` of ``/home/ann/models/parents/fr-en``.

    Args:
        name: Hugging Face Hub id or folder, from the manifest.
        pack_folder: where the pack is now.
        fingerprint: of the parent; a folder that records it is preferred.

    Returns:
        A folder, or ``name`` if none was found.
    """
    given = Path(name)
    parts = [part for part in given.parts if part != given.anchor]
    places = [given]
    for folder in dict.fromkeys((pack_folder.parent, *pack_folder.resolve().parents)):
        places += [folder.joinpath(*parts[start:]) for start in range(len(parts))]
    found = [place for place in places if (place / _CONFIG).is_file()]
    matching = [place for place in found if recorded_fingerprint(place) == fingerprint]
    return str(next(iter([*matching, *found]), name))


def recorded_fingerprint(folder: Path) -> str | None:
    """The fingerprint recorded in a parent's folder by Crosslate; None for other parents."""
    from crosslate.models.parent import RECORD

    found = read_optional_object(folder / RECORD).get("fingerprint")
    return found if isinstance(found, str) else None


def _verified(packs: Sequence[str | Path]) -> tuple[tuple[Path, ...], tuple[Manifest, ...]]:
    """The folders of packs, fetched if need be, and their manifests."""
    faults = Faults("cannot use the packs")
    folders, manifests = [], []
    for name in packs:
        with faults.catch(PackError):
            folders.append(pack_folder(name))
            manifests.append(verify(folders[-1]))
    if len(faults.messages) == 1:
        raise PackError(faults.messages[0])  # already names the pack
    faults.raise_as(PackError)
    return tuple(folders), tuple(manifests)


def _check_recorded(manifests: Sequence[Manifest], parent: str | None) -> None:
    """Checks packs against the fingerprint that a given parent's folder records, if it does."""
    if parent is not None and (found := recorded_fingerprint(_local_folder(parent))):
        for manifest in manifests:
            check_parent(manifest, found)


def _parent_languages(name: str) -> tuple[str, str]:
    from crosslate.models.vocabularies.vocabulary_files import named_languages

    source, target = named_languages(_local_folder(name))
    if not source or not target:
        raise LanguagesNotNamed(
            f"{name} does not say which languages it translates; give both language codes"
        )
    return source, target


def _local_folder(name: str) -> Path:
    from crosslate.models.parent_files import local_folder

    folder = local_folder(name)
    if not (folder / _CONFIG).is_file():
        raise ParentError(f"{folder} has no {_CONFIG}; expected a model in Hugging Face format")
    return folder
