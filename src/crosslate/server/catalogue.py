"""What a parent and a folder of packs offer: the directions, and which packs make each.

A :class:`Snapshot` never changes. When :class:`Catalogue` has seen the folder change, it makes a new one and
puts it in the place of the old one in a single step, so a request works with the snapshot it began with.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from crosslate.engines.decoding import valid_unicode
from crosslate.errors import CrosslateError, EngineError, ParentError, StrategyError, UsageError
from crosslate.files import RUN_SUFFIX
from crosslate.languages.codes import normalised, public_code, public_name, resolve_code
from crosslate.models.strategies import parse_strategy
from crosslate.packs.manifest import MANIFEST_NAME, Manifest, term_markers_of
from crosslate.packs.stored_model import StoredModel, verified_pack
from crosslate.packs.ways import SCORES_NAME, WayScore, best_way, read_scores
from crosslate.server.answers import Refusal, without_texts
from crosslate.server.pack_glossaries import PackGlossaries
from crosslate.server.settings import ServerSettings
from crosslate.text.glossaries import Glossary
from crosslate.text.term_annotations import TermMarkers

log = logging.getLogger(__name__)

Kind = Literal["parent", "pack", "zero-shot", "pivot"]
_RANK = {"pack": 0, "parent": 1, "zero-shot": 2}
# Between two looks at the folder; and how long models stay that were served before, for requests that began
# with them; and until a pack is tried again that found no room for its model.
_LOOK_SECONDS, _GRACE_SECONDS, _RETRY_SECONDS = 1.0, 60.0, 60.0
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
        companions: of a pair pack, its source pack and its target pack.
        glossary: for its pair.
    """

    folder: Path
    manifest: Manifest
    signature: Signature = ()
    companions: tuple[InstalledPack, ...] = ()
    glossary: Glossary | None = None

    @property
    def name(self) -> str:
        return valid_unicode(self.folder.name)  # file systems allow names that are no text

    @property
    def direction(self) -> Direction:
        """The pair that it was trained for."""
        described = self.manifest
        source, target = public_code(described.source_language), public_code(described.target_language)
        return Direction(source, target, "pack", (*self.companions, self))


@dataclass(frozen=True)
class Direction:
    """A pair of languages and what translates it.

    Attributes:
        source: public code of the language that is read.
        target: public code of the language that is written.
        kind: the parent's own pair, a pack's, a composition nobody trained, or two directions in a row.
        packs: none, one, a source pack and a target pack, or these two and their pair pack.
        legs: the two directions of a pivot, else empty.
        languages: the model's own codes, of the parent's pair where its files name none or many.
        scores: by which this way was taken, of all ways that were compared by their labels; empty if no
            comparable scores are recorded.
    """

    source: str
    target: str
    kind: Kind
    packs: tuple[InstalledPack, ...] = ()
    legs: tuple[Direction, ...] = ()
    languages: tuple[str, str] | None = None
    scores: Mapping[str, WayScore] = field(default_factory=dict)

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
    def glossary(self) -> Glossary | None:
        """That of the pack which was trained for the pair."""
        return self.packs[-1].glossary if self.kind == "pack" else None

    @property
    def term_markers(self) -> TermMarkers | None:
        """The markers of terms that its model has learnt."""
        return term_markers_of([pack.manifest for pack in self.packs])

    @property
    def way(self) -> str:
        """For people: how it is translated, as far as that is not by one model for the pair."""
        if self.kind == "pack" and len(self.packs) > 1:
            return f"pair pack: {self.label}"
        names = {"zero-shot": "composed", "pivot": "pivot"}
        return f"{names[self.kind]}: {self.label}" if self.kind in names else ""

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

    def code(self, given: str) -> str:
        """The public code of a language, from any spelling; refused if it is not served."""
        found = resolve_code(given, self.languages)
        if found is None:
            raise Refusal(400, f"{normalised(given)[:40]} is not supported")
        return found

    def direction(self, source: str, target: str) -> Direction | None:
        """The direction of a pair; None for a language and itself; refused if nothing translates it."""
        if source == target:
            return None
        found = self.directions.get((source, target))
        if found is None:
            names = [f"{public_name(code)} ({code})" for code in (target, source)]
            raise Refusal(400, f"{names[0]} is not available as a target language from {names[1]}")
        return found

    def preferring(self, names: Collection[str]) -> Snapshot:
        """The same, but each pack of these names translates its pair, whichever would by default."""
        unknown = set(names) - {pack.name for pack in self.packs}
        if unknown:
            raise Refusal(400, f"There is no pack {min(unknown)[:80]}")
        chosen = [pack.direction for pack in self.packs if pack.name in names]
        directions = {(each.source, each.target): each for each in chosen}
        return replace(self, directions={**self.directions, **directions}) if chosen else self

    @property
    def identities(self) -> set[Identity]:
        """Of all models that may be needed, also of packs that are only used when preferred."""
        used = [leg.identity for each in self.directions.values() for leg in each.models]
        return {*used, *(pack.direction.identity for pack in self.packs)}


class Catalogue:
    """Keeps the snapshot of a folder of packs up to date: reads it, and looks at it again and again.

    Args:
        settings: name the parent, its languages and the folder, and say whether there are pivots.
        prepare: called with each new direction of the parent or of one pack (of a pair pack, with its two)
            before it is served; raises where the pack does not work with the parent.
        retire: told of all models that are needed, whenever others have left.

    Attributes:
        snapshot: what is served now.
    """

    def __init__(
        self,
        settings: ServerSettings,
        prepare: Callable[[Direction], None],
        retire: Callable[[set[Identity]], None],
    ) -> None:
        folder = settings.packs
        if folder is not None and (folder / MANIFEST_NAME).exists():
            raise UsageError(f"{folder} is a pack; give the folder that it lies in, {folder.parent}")
        self.snapshot = Snapshot()
        self._settings, self._parent, self._folder = settings, settings.parent, folder
        self._prepare, self._retire = prepare, retire
        self._own: Direction | None = None
        # By name: what became of a folder, and its signature at that time.
        self._installed: dict[str, InstalledPack] = {}
        self._refused: dict[str, tuple[Signature, str]] = {}
        # By name of a pair pack: the packs that it was tried with, and why it is not served; "" if it is.
        self._pairs: dict[str, tuple[tuple[Identity, tuple[Signature, ...]], str]] = {}
        self._glossaries = PackGlossaries()
        # What lay in the folder at the last look, and when it was last read.
        self._seen: dict[str, Signature] = {}
        self._applied: dict[str, Signature] = {}
        self._is_unreadable = False
        self._retry_time = math.inf
        # Until when which models are still needed, although they are served no more.
        self._leaving: list[tuple[float, set[Identity]]] = []
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="pack-watcher", daemon=True)

    def start(self) -> None:
        """Begins to watch."""
        self._watcher.start()

    def stop(self) -> None:
        """Stops watching."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join(timeout=10)

    def look(self) -> bool:
        """Looks once; returns whether something else is served now.

        A change counts once it has stayed the same for one interval. A pack that was refused because of the
        place (a full disk) and not of its files is tried again after a minute.
        """
        before, self._seen = self._seen, self._signatures()
        is_due = time.monotonic() >= self._retry_time
        is_news = self._seen == before and (self._seen != self._applied or is_due)
        if is_news:
            self._leaving.append((time.monotonic() + _GRACE_SECONDS, self.snapshot.identities))
            self._read(self._seen)
        if self._leaving:
            self._leaving = [each for each in self._leaving if each[0] > time.monotonic()]
            still_used = [identities for _, identities in self._leaving]
            self._retire(self.snapshot.identities.union(*still_used))
        return is_news

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self.look()
            except Exception:  # whatever it is, watching must go on
                log.exception("looking at the folder of packs failed")

    def _signatures(self) -> dict[str, Signature]:
        """What lies in the folder of packs now, by name: packs, their glossaries and recorded scores.

        Other files and hidden folders are left out.

        So are the folders that runs keep beside their packs, like ``de-en.run``: they are no faulty packs.
        """
        found: dict[str, Signature] = {}
        try:
            for entry in sorted(self._folder.iterdir()) if self._folder else ():
                is_of_a_run = entry.name.endswith(RUN_SUFFIX) and not (entry / MANIFEST_NAME).exists()
                is_known_file = entry.name == SCORES_NAME or PackGlossaries.is_one(entry.name)
                if is_known_file and not entry.is_dir():
                    found[entry.name] = _signature_of([entry])
                elif entry.is_dir() and not entry.name.startswith(".") and not is_of_a_run:
                    found[entry.name] = folder_signature(entry)
        except OSError as error:
            # A folder that cannot be read for a moment (a network drive) takes nothing out of service.
            if not self._is_unreadable:  # said once, not every second
                log.warning("cannot look into %s: %s; looking on", self._folder, error)
            self._is_unreadable = True
            return self._applied
        if self._is_unreadable:
            log.info("%s can be read again", self._folder)
        self._is_unreadable = False
        return found

    def refresh(self) -> Snapshot:
        """Reads what has changed since it was last read, and serves it.

        Raises:
            ParentError: the parent cannot be read, so nothing can be served.
        """
        return self._read(self._signatures())

    def _read(self, found: dict[str, Signature]) -> Snapshot:
        self._seen = self._applied = found
        self._retry_time = math.inf
        for name in sorted({*self._installed, *self._refused} - set(found)):
            self._refused.pop(name, None)
            if self._installed.pop(name, None):
                log.info("removed pack %s", valid_unicode(name))
        for name, signature in found.items():
            if name != SCORES_NAME and not PackGlossaries.is_one(name):
                self._install(name, signature)
        if self._own is None:
            self._own = self._parents_direction()
        self._read_glossaries(found)
        packs = tuple(
            replace(pack, glossary=self._glossaries.of(pack.folder.name)) for pack in self._with_companions()
        )
        directions = all_directions(
            self._own, packs, pivot=self._settings.pivot, scores=self._recorded_scores()
        )
        _log_ways(self.snapshot.directions, directions)
        reasons = {name: reason for name, (_, reason) in (self._pairs | self._refused).items() if reason}
        reasons |= self._glossaries.refused
        refused = {valid_unicode(name): reason for name, reason in sorted(reasons.items())}
        self.snapshot = Snapshot(directions, packs, refused)
        return self.snapshot

    def _recorded_scores(self) -> tuple[WayScore, ...]:
        """The scores in the folder; none if they cannot be read, which the log says."""
        try:
            return read_scores(self._folder) if self._folder else ()
        except (CrosslateError, OSError) as error:
            log.error("recorded scores are not used: %s", error)
            return ()

    def _read_glossaries(self, found: dict[str, Signature]) -> None:
        """Reads the glossaries that have changed, or whose packs have other languages."""
        states = {name: found[name] for name in found if PackGlossaries.is_one(name)}
        languages = {
            name: (pack.manifest.source_language, pack.manifest.target_language)
            for name, pack in self._installed.items()
        }
        self._glossaries.read(Path(self._folder or ""), states, languages)

    def _install(self, name: str, signature: Signature) -> None:
        installed, refused = self._installed.get(name), self._refused.get(name)
        if installed and installed.signature == signature:
            self._refused.pop(name, None)  # what was refused was put back as it had been
            return
        if refused and refused[0] == signature:
            return
        folder = Path(self._folder or "") / name
        try:
            manifest = verified_pack(folder, self._parent)
            pack = InstalledPack(folder, manifest, signature)
            is_new = installed is None or installed.manifest.checksum != manifest.checksum
            if is_new and not manifest.packs:  # pair packs are tried when all others are there
                self._prepare(pack.direction)
        except ParentError:
            raise
        except Exception as error:  # whatever it is, it must not keep out the other packs
            reason = _reason(name, error)
            self._refused[name] = (() if self._may_pass(error) else signature, reason)
            kept = "; what was installed before is served on" if installed else ""
            if refused is None or refused[1] != reason:  # said once
                log.error("not served: %s%s", reason, kept)
            return
        self._refused.pop(name, None)
        self._installed[name] = pack
        pair = f"{manifest.source_language} to {manifest.target_language}"
        done = "updated" if installed else "installed"
        log.info("%s pack %s: %s (%s)", done, valid_unicode(name), pair, manifest.strategy)

    def _with_companions(self) -> tuple[InstalledPack, ...]:
        """The packs to serve: all installed ones, but pair packs only with both their packs."""
        known = {pack.manifest.checksum: pack for pack in self._installed.values()}
        served, pairs = [], {}
        for name, pack in self._installed.items():
            if not pack.manifest.packs:
                served.append(pack)
                continue
            found = [known[each.fingerprint] for each in pack.manifest.packs if each.fingerprint in known]
            pack = replace(pack, companions=tuple(found))
            # What is refused is tried again when a folder changes; it may have been put right.
            identity = pack.direction.identity, tuple(each.signature for each in (*found, pack))
            before = self._pairs.get(name)
            if before and (before[0] == identity or (before[0][0] == identity[0] and not before[1])):
                reason = before[1]
            else:
                reason, may_pass = self._refuse_pair(name, pack)
                if reason and (before is None or before[1] != reason):
                    log.error("not served: %s", reason)
                identity = ((), ()) if may_pass else identity
            pairs[name] = identity, reason
            served += [] if reason else [pack]
        self._pairs = pairs
        return tuple(served)

    def _refuse_pair(self, name: str, pack: InstalledPack) -> tuple[str, bool]:
        """Why a pair pack cannot be served with the packs here, empty if it can; whether that may pass."""
        here = {each.manifest.checksum for each in pack.companions}
        missing = [str(each) for each in pack.manifest.packs if each.fingerprint not in here]
        if missing:
            needs = " and ".join(missing)
            reason = f"pair pack {name} needs {needs} beside it; install what it was trained with"
            return valid_unicode(reason), False
        try:
            self._prepare(pack.direction)
        except ParentError:
            raise
        except Exception as error:  # as for other packs
            return _reason(name, error), self._may_pass(error)
        return "", False

    def _may_pass(self, error: Exception) -> bool:
        """Whether the place failed and not the pack, which is then tried again."""
        is_of_place = isinstance(error.__cause__ if isinstance(error, EngineError) else error, OSError)
        if is_of_place:
            self._retry_time = time.monotonic() + _RETRY_SECONDS
        return is_of_place

    def _parents_direction(self) -> Direction | None:
        """The parent's own pair, if its files or a pack say what it is."""
        languages = self._settings.parent_languages
        try:
            stored = StoredModel((), self._parent, languages)
            pair = stored.source_language, stored.target_language
        except ParentError as error:
            if self._folder is None:
                raise
            if not self._installed:
                log.warning("the parent's own pair is not served: %s", error)
                return None
            known = next(iter(self._installed.values())).manifest.parent
            pair = languages = known.source_language, known.target_language
        source, target = map(public_code, pair)
        own = Direction(source, target, "parent", languages=languages)
        self._prepare(own)
        return own


def all_directions(
    own: Direction | None,
    packs: Sequence[InstalledPack],
    *,
    pivot: bool = False,
    scores: Sequence[WayScore] = (),
) -> dict[tuple[str, str], Direction]:
    """Every pair that a parent and its packs can translate, each by the best way there is.

    Where comparable scores are recorded, they decide (:func:`crosslate.packs.ways.best_way`). Otherwise, what
    was trained, a pair pack with its two packs included, goes before what takes two trained directions in a
    row, and this before what was composed, as far as they were measured (docs/results.md). Of several packs
    for one pair the newest is taken. In a composition, a source pack that leaves the parent's decoder as it
    is goes before one that changed it: the decoder is the target pack's there, and a source pack fits the
    decoder that it was trained with.

    Args:
        own: the parent's own pair; None leaves it out.
        pivot: add ways that take two directions in a row.
    """
    # The newest first; names decide between packs of one second, so that the choice is always the same.
    ordered = sorted(packs, key=lambda pack: pack.name)
    ordered.sort(key=lambda pack: pack.manifest.created, reverse=True)
    candidates = [pack.direction for pack in ordered]
    if own is not None:
        candidates.append(own)
    candidates += [
        Direction(first.direction.source, second.direction.target, "zero-shot", (first, second))
        for first in sorted(ordered, key=_changes_decoder)
        for second in ordered
        if first.manifest.renewed == ("source",) and second.manifest.renewed == ("target",)
    ]
    fingerprint = ordered[0].manifest.parent.fingerprint if ordered else ""
    found = _chosen(candidates, scores, fingerprint)
    if pivot:
        pivots = _pivots(found)
        candidates = sorted([*candidates, *pivots], key=_preference)
        found = _chosen(candidates, scores, fingerprint)
    return dict(sorted(found.items()))


def _chosen(
    candidates: Iterable[Direction], scores: Sequence[WayScore], fingerprint: str
) -> dict[tuple[str, str], Direction]:
    """The best of the candidates for each pair, which come in the order of preference without scores.

    Args:
        fingerprint: of the parent.
    """
    by_pair: dict[tuple[str, str], list[Direction]] = {}
    for each in candidates:
        if each.source != each.target:
            by_pair.setdefault((each.source, each.target), []).append(each)
    found = {}
    for pair, ways in by_pair.items():
        named = [tuple(tuple(sorted(leg.identity)) or (fingerprint,) for leg in each.models) for each in ways]
        place, decisive = best_way(pair, named, scores)
        compared = {ways[position].label: score for position, score in decisive.items()}
        found[pair] = replace(ways[place], scores=compared)
    return found


def _reason(name: str, error: Exception) -> str:
    """Why a pack is not served, without texts of users."""
    is_expected = isinstance(error, (CrosslateError, OSError))
    reason = str(error) if is_expected else f"pack {name} fails with {without_texts(error)}"
    return valid_unicode(reason)  # it may name the folder


def _changes_decoder(pack: InstalledPack) -> bool:
    """Whether a pack changed the decoder, as far as its strategy says."""
    try:
        return "dec" in parse_strategy(pack.manifest.strategy).methods
    except StrategyError:
        return True


def _pivots(direct: Mapping[tuple[str, str], Direction]) -> list[Direction]:
    """Ways of two directions in a row; those of trained directions come first."""
    candidates = [
        Direction(first.source, second.target, "pivot", legs=(first, second))
        for first in direct.values()
        for second in direct.values()
        if first.target == second.source and first.source != second.target
    ]
    candidates.sort(key=lambda each: (sum(_RANK[leg.kind] for leg in each.legs), each.legs[0].target))
    return candidates


def _preference(direction: Direction) -> int:
    """Rank of a way as long as no scores decide: trained, two trained in a row, composed, others in a row."""
    if direction.kind == "pivot":
        return 3 if any(leg.kind == "zero-shot" for leg in direction.legs) else 1
    return 2 if direction.kind == "zero-shot" else 0


def _log_ways(before: Mapping[tuple[str, str], Direction], now: Mapping[tuple[str, str], Direction]) -> None:
    """Says which way is taken, where that has changed, for each pair that scores or no single model decide.

    Many packs have very many compositions; where no scores were compared, this is for debugging only.
    """
    for pair, each in now.items():
        old = before.get(pair)
        if old is not None and (old.label, old.scores) == (each.label, each.scores):
            continue
        name = "-".join(pair)
        if each.scores:
            compared = (f"{label} {score.metric} {score.value:.1f}" for label, score in each.scores.items())
            log.info("%s: %s (by recorded scores: %s)", name, each.way or each.label, ", ".join(compared))
        elif each.way:
            log.debug("%s: %s", name, each.way)


def folder_signature(folder: Path) -> Signature:
    """Names, sizes and times of change of what is in a folder; why it cannot be read, if so."""
    try:
        return _signature_of(sorted(folder.iterdir()))
    except OSError as error:  # this one cannot be read, which concerns no other
        return ((str(error), -1, 0),)


def _signature_of(paths: Iterable[Path]) -> Signature:
    files = []
    for path in paths:
        with suppress(OSError):  # it went away while we looked; the next look will see that
            found = path.lstat()
            files.append((path.name, found.st_size, found.st_mtime_ns))
    return tuple(files)
