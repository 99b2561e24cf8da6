"""What a parent and a folder of packs offer: the directions, and which packs make each.

A :class:`Snapshot` never changes. When :class:`PackWatcher` has seen the folder change, :class:`Catalogue`
makes a new one and puts it in the place of the old one in a single step, so a request works with the snapshot
it began with.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from crosslate.errors import CrosslateError, ParentError, UsageError
from crosslate.files import RUN_SUFFIX
from crosslate.languages.codes import normalised, public_code, public_name, resolve_code
from crosslate.packs.manifest import MANIFEST_NAME, Manifest
from crosslate.packs.stored_model import StoredModel
from crosslate.server.answers import Refusal

log = logging.getLogger(__name__)

Kind = Literal["parent", "pack", "zero-shot", "pivot"]
_RANK: dict[Kind, int] = {"pack": 0, "parent": 1, "zero-shot": 2, "pivot": 3}
# Size and time of change of every file of a folder: the same signature, the same pack.
Signature = tuple[tuple[str, int, int], ...]
# Hashes of a direction's packs: the same identity, the same model.
Identity = tuple[str, ...]


@dataclass(frozen=True)
class InstalledPack:
    """A pack that was verified.

    Attributes:
        folder: where it lies; its last part is the pack's name for people.
        signature: of the folder when it was verified.
    """

    folder: Path
    manifest: Manifest
    signature: Signature = ()

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def num_bytes(self) -> int:
        """Bytes of its files."""
        return sum(each.bytes for each in self.manifest.files.values())


@dataclass(frozen=True)
class Direction:
    """A pair of languages and what translates it.

    Attributes:
        source: public code of the language that is read.
        target: public code of the language that is written.
        kind: the parent's own pair, a pack's, a composition nobody trained, or two directions in a row.
        packs: none, one, or a source pack and a target pack.
        legs: the two directions of a pivot, else empty.
        languages: the model's own codes, of the parent's pair where its files name none or many.
    """

    source: str
    target: str
    kind: Kind
    packs: tuple[InstalledPack, ...] = ()
    legs: tuple[Direction, ...] = ()
    languages: tuple[str, str] | None = None

    @property
    def identity(self) -> Identity:
        """Hashes of the packs."""
        return tuple(pack.manifest.checksum for pack in self.packs)

    @property
    def label(self) -> str:
        """For people: ``de-en``, ``de-en + fr-es``, ``parent`` or the legs of a pivot."""
        if self.legs:
            return ", then ".join(leg.label for leg in self.legs)
        return " + ".join(pack.name for pack in self.packs) or "parent"

    @property
    def models(self) -> tuple[Direction, ...]:
        """The directions whose models translate this one, in order."""
        return self.legs or (self,)


@dataclass(frozen=True)
class Snapshot:
    """What is served at one moment.

    Attributes:
        directions: by source and target.
        packs: every pack that is served.
        refused: why a folder is not served, by its name.
    """

    directions: Mapping[tuple[str, str], Direction] = field(default_factory=dict)
    packs: tuple[InstalledPack, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def languages(self) -> tuple[str, ...]:
        """Every language that is read or written, in order."""
        return tuple(sorted({code for pair in self.directions for code in pair}))

    def targets(self, source: str) -> tuple[str, ...]:
        """What a language can be translated into, in order, itself included."""
        return tuple(sorted({source, *(to for origin, to in self.directions if origin == source)}))

    def code(self, given: str) -> str:
        """The public code of a language that is served, from any spelling.

        Raises:
            Refusal: it is not served.
        """
        found = resolve_code(given, self.languages)
        if found is None:
            raise Refusal(400, f"{normalised(given)[:40]} is not supported")
        return found

    def direction(self, source: str, target: str) -> Direction | None:
        """The direction of a pair; None for a language and itself.

        Raises:
            Refusal: nothing translates this pair.
        """
        if source == target:
            return None
        found = self.directions.get((source, target))
        if found is None:
            names = [f"{public_name(code)} ({code})" for code in (target, source)]
            raise Refusal(400, f"{names[0]} is not available as a target language from {names[1]}")
        return found

    @property
    def identities(self) -> set[Identity]:
        """Of all models that may be needed."""
        return {leg.identity for each in self.directions.values() for leg in each.models}


class Catalogue:
    """Keeps the snapshot of a folder of packs up to date.

    Args:
        parent: hub id or folder.
        packs: folder of packs; None for the parent alone.
        prepare: called with each new direction of the parent or of one pack before it is served; raises
            where the pack does not work with the parent.
        parent_languages: of a parent whose files name none, or many.
        pivot: also offer pairs through a third language.

    Attributes:
        snapshot: what is served now.
    """

    def __init__(
        self,
        parent: str,
        packs: Path | None,
        *,
        prepare: Callable[[Direction], None],
        parent_languages: tuple[str, str] | None = None,
        pivot: bool = False,
    ) -> None:
        if packs is not None and (packs / MANIFEST_NAME).exists():
            raise UsageError(f"{packs} is a pack; give the folder that it lies in, {packs.parent}")
        self.parent, self.folder = parent, packs
        self.snapshot = Snapshot()
        self._parent_languages, self._pivot, self._prepare = parent_languages, pivot, prepare
        self._lock = threading.Lock()
        self._own: Direction | None = None
        # By name: what became of a folder, and its signature at that time.
        self._installed: dict[str, InstalledPack] = {}
        self._refused: dict[str, tuple[Signature, str]] = {}

    def signatures(self) -> dict[str, Signature]:
        """What lies in the folder of packs now, by name; other files and hidden folders are left out.

        So are the folders that runs keep beside their packs, like ``de-en.run``: they are no faulty packs.
        """
        if self.folder is None:
            return {}
        found = {}
        try:
            for entry in sorted(self.folder.iterdir()):
                if entry.is_dir() and not entry.name.startswith(".") and not _is_of_a_run(entry):
                    found[entry.name] = _signature(entry)
        except OSError as error:
            # A folder that cannot be read for a moment (a network drive) takes nothing out of service.
            log.warning("cannot look into %s: %s", self.folder, error)
            return {name: pack.signature for name, pack in self._installed.items()}
        return found

    def refresh(self, signatures: Mapping[str, Signature] | None = None) -> Snapshot:
        """Reads what has changed, and serves it.

        Raises:
            ParentError: the parent cannot be read, so nothing can be served.
        """
        with self._lock:
            found = self.signatures() if signatures is None else signatures
            for name in sorted({*self._installed, *self._refused} - set(found)):
                self._remove(name)
            for name, signature in found.items():
                self._install(name, signature)
            if self._own is None:
                self._own = self._parents_direction()
            refused = {name: reason for name, (_, reason) in self._refused.items()}
            packs = tuple(self._installed.values())
            self.snapshot = Snapshot(
                all_directions(self._own, packs, pivot=self._pivot), packs, dict(sorted(refused.items()))
            )
            return self.snapshot

    def _install(self, name: str, signature: Signature) -> None:
        installed, refused = self._installed.get(name), self._refused.get(name)
        if (installed and installed.signature == signature) or (refused and refused[0] == signature):
            return
        folder = Path(self.folder or "") / name
        try:
            stored = StoredModel([folder], self.parent)
            pack = InstalledPack(folder, stored.manifests[0], signature)
            if installed is None or installed.manifest.checksum != pack.manifest.checksum:
                self._prepare(pack_direction(pack))
        except ParentError:
            raise
        except (CrosslateError, OSError) as error:
            self._refused[name] = (signature, str(error))
            kept = "; what was installed before is served on" if installed else ""
            log.error("not served: %s%s", error, kept)
            return
        self._refused.pop(name, None)
        self._installed[name] = pack
        log.info(
            "%s pack %s: %s to %s (%s)",
            "updated" if installed else "installed",
            name,
            pack.manifest.source_language,
            pack.manifest.target_language,
            pack.manifest.strategy,
        )

    def _remove(self, name: str) -> None:
        self._refused.pop(name, None)
        if self._installed.pop(name, None):
            log.info("removed pack %s", name)

    def _parents_direction(self) -> Direction | None:
        """The parent's own pair, if its files or a pack say what it is."""
        languages = self._parent_languages
        try:
            stored = StoredModel((), self.parent, languages)
            source, target = stored.source_language, stored.target_language
        except ParentError as error:
            known = next(iter(self._installed.values()), None)
            if known is None:
                if self.folder is None:
                    raise
                log.warning("the parent's own pair is not served: %s", error)
                return None
            source = known.manifest.parent.source_language
            target = known.manifest.parent.target_language
            languages = (source, target)
        own = Direction(public_code(source), public_code(target), "parent", languages=languages)
        self._prepare(own)
        return own


class PackWatcher:
    """Looks at the folder again and again; a change counts once it has stayed the same for one interval.

    Args:
        retire: told of all models that are needed, whenever others have left.
        interval_seconds: between two looks.
        grace_seconds: how long models that were served before stay, for requests that began with them.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        retire: Callable[[set[Identity]], None],
        *,
        interval_seconds: float = 1.0,
        grace_seconds: float = 60.0,
    ) -> None:
        self._catalogue, self._retire = catalogue, retire
        self._interval, self._grace = interval_seconds, grace_seconds
        self._seen = self._applied = catalogue.signatures()
        # Until when which models are still needed, although they are served no more.
        self._leaving: deque[tuple[float, set[Identity]]] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="pack-watcher", daemon=True)

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stops watching."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def look(self) -> bool:
        """Looks once; returns whether something else is served now."""
        found = self._catalogue.signatures()
        is_settled = found == self._seen
        self._seen = found
        if not is_settled or found == self._applied:
            self._drop_old()
            return False
        before = self._catalogue.snapshot.identities
        self._leaving.append((time.monotonic() + self._grace, before))
        try:
            self._catalogue.refresh(found)
        except (CrosslateError, OSError) as error:
            log.error("the folder of packs has changed, but cannot be read: %s", error)
            return False
        finally:
            self._applied = found
        self._drop_old()
        return True

    def _drop_old(self) -> None:
        if not self._leaving:
            return
        now = time.monotonic()
        while self._leaving and self._leaving[0][0] <= now:
            self._leaving.popleft()
        needed = set(self._catalogue.snapshot.identities)
        for _, identities in self._leaving:
            needed |= identities
        self._retire(needed)

    def _watch(self) -> None:
        while not self._stopping.wait(self._interval):
            try:
                self.look()
            except Exception:  # whatever it is, watching must go on
                log.exception("looking at the folder of packs failed")


def _is_of_a_run(folder: Path) -> bool:
    return folder.name.endswith(RUN_SUFFIX) and not (folder / MANIFEST_NAME).exists()


def pack_direction(pack: InstalledPack) -> Direction:
    """The pair that a pack was trained for."""
    manifest = pack.manifest
    return Direction(
        public_code(manifest.source_language), public_code(manifest.target_language), "pack", (pack,)
    )


def all_directions(
    own: Direction | None, packs: Iterable[InstalledPack], *, pivot: bool = False
) -> dict[tuple[str, str], Direction]:
    """Every pair that a parent and its packs can translate, each by the best there is.

    What was trained goes before what was composed; of several packs for one pair the newest is taken.

    Args:
        own: the parent's own pair; None leaves it out.
        pivot: add pairs that take two directions in a row.
    """
    # The newest first; names decide between packs of one second, so that the choice is always the same.
    ordered = sorted(packs, key=lambda pack: pack.name)
    ordered.sort(key=lambda pack: pack.manifest.created, reverse=True)
    candidates = [pack_direction(pack) for pack in ordered]
    if own is not None:
        candidates.append(own)
    sources = [pack for pack in ordered if pack.manifest.renewed == ("source",)]
    targets = [pack for pack in ordered if pack.manifest.renewed == ("target",)]
    for first in sources:
        for second in targets:
            source = public_code(first.manifest.source_language)
            target = public_code(second.manifest.target_language)
            candidates.append(Direction(source, target, "zero-shot", (first, second)))
    found: dict[tuple[str, str], Direction] = {}
    for each in candidates:
        if each.source != each.target:
            found.setdefault((each.source, each.target), each)
    if pivot:
        found |= _pivots(found)
    return dict(sorted(found.items()))


def _pivots(direct: Mapping[tuple[str, str], Direction]) -> dict[tuple[str, str], Direction]:
    """Pairs that two directions in a row translate; trained ones go before composed ones."""
    best: dict[tuple[str, str], tuple[int, str]] = {}
    for source, through in direct:
        for other, target in direct:
            pair = (source, target)
            if other != through or source == target or pair in direct:
                continue
            rank = _RANK[direct[(source, through)].kind] + _RANK[direct[(through, target)].kind]
            best[pair] = min(best.get(pair, (99, "")), (rank, through))
    return {
        (source, target): Direction(
            source, target, "pivot", legs=(direct[(source, through)], direct[(through, target)])
        )
        for (source, target), (_, through) in best.items()
    }


def _signature(folder: Path) -> Signature:
    files = []
    for path in sorted(folder.iterdir()):
        try:
            found = path.lstat()
        except OSError:
            continue  # it went away while we looked; the next look will see that
        files.append((path.name, found.st_size, found.st_mtime_ns))
    return tuple(files)
