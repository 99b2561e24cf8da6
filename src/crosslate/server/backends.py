"""The models of a server's directions: PyTorch on one shared parent, or CTranslate2 within a memory limit."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from crosslate.engines.ctranslate2 import default_threads, num_usable_cores
from crosslate.engines.decoding import DecodingOptions, Engine, Hypothesis
from crosslate.errors import EngineError
from crosslate.files import read_optional_object
from crosslate.server.catalogue import Direction, Identity
from crosslate.server.live_models import LiveModels, Resident, stored_model

if TYPE_CHECKING:
    from crosslate.engines.shared import Member, SharedBody

log = logging.getLogger(__name__)

# Beside CTranslate2's models, the tensors of so many packs are kept in PyTorch.
_LIVE_PACK_BYTES = 512 << 20


@dataclass(frozen=True, eq=False)
class Model:
    """What translates one direction, loaded. Whoever holds one may use it, whatever the server drops.

    Attributes:
        direction: what it was loaded for.
        engine: knows the vocabularies and the longest text.
        body: translates texts, each by its own model; models with equal bodies may share a batch.
        member: what stands for it in a shared body.
    """

    direction: Direction
    engine: Engine
    body: Body
    member: Member | None = None


Body = Callable[[Sequence[tuple[Model, str]], DecodingOptions], list[list[Hypothesis]]]


class Backend:
    """Where models come from.

    Attributes:
        name: ``ctranslate2`` or ``pytorch``.
        num_workers: batches that are worth running at the same time.
        live: the models in PyTorch, loaded when something needs them.
    """

    name: str
    num_workers = 1
    live: LiveModels

    def prepare(self, direction: Direction) -> None:
        """Makes sure that a direction's model fits and can be had quickly.

        Raises:
            PackError: the pack does not fit the parent.
            EngineError: this engine cannot express the model.
        """
        raise NotImplementedError

    def model(self, direction: Direction) -> Model:
        """The model of a direction (not of a pivot), loaded now if it is not there."""
        raise NotImplementedError

    def loaded(self, direction: Direction) -> Model | None:
        """The model of a direction if it is there, at once; nobody waits for another model's loading."""
        raise NotImplementedError

    def retire(self, needed: set[Identity]) -> None:
        """Drops every model of another identity."""
        self.live.retire(needed)

    def residents(self) -> list[Resident]:
        """What is in memory now."""
        return self.live.residents()


def _own_body(engine: Engine) -> Body:
    """A body of one model."""
    return lambda items, options: engine.translate([text for _, text in items], options)


class CTranslate2Backend(Backend):
    """Loads merged models on first use and drops the least recently used ones above a limit.

    A model that is being loaded counts before it is there, so the limit holds at every moment, except that
    requests in flight may hold a dropped one to their end, and that a single larger model is loaded alone.
    What is in PyTorch, to look into, counts too, and is dropped first when another model needs the room.

    Args:
        parent: hub id or folder.
        quantization: of the weights.
        memory_bytes: of all models together; None sets no limit.
    """

    name = "ctranslate2"

    def __init__(self, parent: str, quantization: str, memory_bytes: int | None) -> None:
        # Small batches take one core each; of large ones the engine makes several.
        self.num_workers = max(2, default_threads(num_usable_cores())[0])
        self._parent, self._quantization, self._memory_bytes = parent, quantization, memory_bytes
        self.live = LiveModels(parent, _LIVE_PACK_BYTES)
        self._folders: dict[Identity, Path] = {}
        self._loaded: OrderedDict[Identity, tuple[Model, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._loading = threading.Lock()  # one at a time: each takes all cores and much memory

    def prepare(self, direction: Direction) -> None:
        """Builds the CTranslate2 model where it is not kept from before."""
        with self._loading:
            self._folder(direction)

    def model(self, direction: Direction) -> Model:
        if found := self.loaded(direction):
            return found
        with self._loading:
            if found := self.loaded(direction):  # somebody else has loaded it while we waited
                return found
            from crosslate.engines.ctranslate2 import CTranslate2Engine

            folder = self._folder(direction)
            num_bytes = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
            self._make_room(num_bytes, direction)
            engine = CTranslate2Engine(folder)
            model = Model(direction, engine, _own_body(engine))
            with self._lock:
                self._loaded[direction.identity] = (model, num_bytes)
            log.info("loaded %s, %.1f MB", direction.label, num_bytes / 1e6)
            return model

    def loaded(self, direction: Direction) -> Model | None:
        """It counts as a use."""
        with self._lock:
            if direction.identity not in self._loaded:
                return None
            self._loaded.move_to_end(direction.identity)
            return self._loaded[direction.identity][0]

    def retire(self, needed: set[Identity]) -> None:
        with self._lock:
            for known in (self._loaded, self._folders):
                for identity in set(known) - needed:
                    del known[identity]
        self.live.retire(needed)

    def residents(self) -> list[Resident]:
        """What is there in PyTorch, too, says so."""
        with self._lock:
            found = [Resident(model.direction.label, size) for model, size in self._loaded.values()]
        live = self.live.residents()
        return found + [Resident(f"{each.name} (pytorch)", each.num_bytes) for each in live]

    def _folder(self, direction: Direction) -> Path:
        known = self._folders.get(direction.identity)
        if known is None or not known.is_dir():  # a cache may be emptied at any time
            from crosslate.translation.translator import ctranslate2_folder_of

            stored = stored_model(self._parent, direction)
            known = self._folders[direction.identity] = ctranslate2_folder_of(stored, self._quantization)
        return known

    def _make_room(self, num_bytes: int, direction: Direction) -> None:
        limit = self._memory_bytes
        if limit is None:
            return
        if num_bytes > limit:
            sizes = num_bytes / 1e6, limit / 1e6
            log.warning(
                "%s, %.1f MB, is above the limit of %.1f MB and loaded alone", direction.label, *sizes
            )
        if num_bytes + self._total() > limit and self.live.residents():
            self.live.clear()  # translations come before looking into models
            log.info("dropped what was in memory in PyTorch")
        with self._lock:
            while self._loaded and num_bytes + self._total() > limit:
                _, (dropped, size) = self._loaded.popitem(last=False)
                log.info("dropped %s, %.1f MB", dropped.direction.label, size / 1e6)

    def _total(self) -> int:
        live = sum(each.num_bytes for each in self.live.residents())
        return live + sum(size for _, size in list(self._loaded.values()))


class TorchBackend(Backend):
    """One parent in memory; a pack costs its own tensors, a composition nothing but Python objects.

    Args:
        parent: hub id or folder.
    """

    name = "pytorch"

    def __init__(self, parent: str) -> None:
        self.live = LiveModels(parent)
        self._shared: SharedBody | None = None
        self._models: dict[Identity, Model] = {}
        self._lock = threading.RLock()

    def prepare(self, direction: Direction) -> None:
        """Loads the pack's tensors."""
        self.model(direction)

    def model(self, direction: Direction) -> Model:
        with self._lock:
            if direction.identity not in self._models:
                self._models[direction.identity] = self._load(direction)
            return self._models[direction.identity]

    def loaded(self, direction: Direction) -> Model | None:
        return self._models.get(direction.identity)

    def retire(self, needed: set[Identity]) -> None:
        with self._lock:
            self._models = {key: model for key, model in self._models.items() if key in needed}
        self.live.retire(needed)

    def _load(self, direction: Direction) -> Model:
        from crosslate.engines.pytorch import TorchEngine
        from crosslate.engines.shared import SharedBody

        model = self.live.model(direction)
        engine = TorchEngine(model)
        if self._shared is None:
            self._shared = SharedBody(self.live.parent(direction))
        member = self._shared.join(model)
        if member is None:
            log.info("%s changes too much to share batches with other packs", direction.label)
            return Model(direction, engine, _own_body(engine))
        return Model(direction, engine, self._translate, member)

    def _translate(
        self, items: Sequence[tuple[Model, str]], options: DecodingOptions
    ) -> list[list[Hypothesis]]:
        """The parent's body, shared by all children that can; scores are 0."""
        members = [(model.member, text) for model, text in items if model.member is not None]
        return self._shared.translate(members, options) if self._shared else []


def make_backend(
    parent: str, *, engine: str = "auto", quantization: str = "float32", memory_bytes: int | None = None
) -> Backend:
    """The backend asked for; ``auto`` is PyTorch on a GPU, else CTranslate2 where it knows the family.

    Raises:
        UsageError: the name or the quantization is unknown, or the two do not go together.
    """
    from crosslate.translation.translator import has_gpu, wanted_engine

    wanted = wanted_engine(engine, quantization)
    if wanted == "auto":
        wanted = "pytorch" if has_gpu() or not _is_exportable(parent) else "ctranslate2"
    if wanted == "pytorch":
        if memory_bytes is not None:
            log.warning("the PyTorch engine keeps one parent for all packs and has no limit of memory")
        return TorchBackend(parent)
    return CTranslate2Backend(parent, quantization, memory_bytes)


def _is_exportable(parent: str) -> bool:
    from crosslate.engines.conversion import family_of
    from crosslate.models.parent_files import local_folder

    config: Any = read_optional_object(local_folder(parent) / "config.json")
    try:
        family_of(SimpleNamespace(config=SimpleNamespace(**config)))
    except EngineError as error:
        log.info("translating with PyTorch: %s", error)
        return False
    return True
