"""The models of a server's directions: PyTorch on one shared parent, or CTranslate2 within a memory limit."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from crosslate.documents.placement import or_in_proportion
from crosslate.engines.ctranslate2 import default_threads, num_usable_cores
from crosslate.engines.decoding import DecodingOptions, Engine, Hypothesis
from crosslate.engines.model_cache import is_intact
from crosslate.errors import CrosslateError, EngineError, ParentError, UsageError
from crosslate.files import read_optional_object
from crosslate.server.catalogue import Direction, Identity, folder_signature
from crosslate.server.live_models import LiveModels, ResidentModel, stored_model
from crosslate.server.settings import ServerSettings
from crosslate.translation.translator import reason_of

if TYPE_CHECKING:
    from crosslate.documents.placement import Align
    from crosslate.engines.shared import Member, SharedBody

log = logging.getLogger(__name__)

# Beside CTranslate2's models, the tensors of so many packs are kept in PyTorch.
_LIVE_PACK_BYTES = 512 << 20
# A model whose files are damaged is built again, and once more if that happens meanwhile.
_MOST_BUILDS = 3


@dataclass(eq=False)
class Model:
    """What translates one direction, loaded. Whoever holds one may use it, whatever the server drops.

    Attributes:
        direction: what it was loaded for.
        engine: knows the vocabularies and the longest text.
        body: translates texts, each by its own model; models with equal bodies may share a batch.
        member: what stands for it in a shared body.
        num_bytes: of its files; 0 where its tensors are counted as PyTorch's.
        last_use: monotonic time in seconds.
    """

    direction: Direction
    engine: Engine
    body: Body
    member: Member | None = None
    num_bytes: int = 0
    last_use: float = field(default_factory=time.monotonic)


Body = Callable[[Sequence[tuple[Model, str]], DecodingOptions], list[list[Hypothesis]]]


class Backend(ABC):
    """Where models come from.

    Attributes:
        name: ``ctranslate2`` or ``pytorch``.
        num_workers: batches that are worth running at the same time.
        live: the models in PyTorch, loaded when something needs them.
    """

    name: str
    num_workers = 1

    def __init__(self, parent: str, live: LiveModels) -> None:
        self.live, self._parent = live, parent
        self._models: dict[Identity, Model] = {}
        self._loading = threading.Lock()  # one at a time: each takes all cores and much memory

    @abstractmethod
    def prepare(self, direction: Direction) -> None:
        """Makes sure that a direction's model fits and can be had quickly.

        Raises:
            PackError: the pack does not fit the parent.
            EngineError: this engine cannot express the model.
        """

    def model(self, direction: Direction) -> Model:
        """The model of a direction (not of a pivot), loaded now if it is not there."""
        with self._loading:
            found = self.loaded(direction)
            if found is None:
                found = self._models[direction.identity] = self._load(direction)
            return found

    def loaded(self, direction: Direction) -> Model | None:
        """The model of a direction if it is there, at once; nobody waits for another model's loading."""
        found = self._models.get(direction.identity)
        if found:
            found.last_use = time.monotonic()
        return found

    def align(self, direction: Direction, pairs: Sequence[tuple[str, str]]) -> Align | None:
        """Links the words of texts and translations, for tags to follow; None for no links. Slow."""
        return None

    def retire(self, needed: set[Identity]) -> None:
        """Drops every model of another identity."""
        for identity in set(self._models) - needed:
            self._models.pop(identity, None)
        self.live.retire(needed)

    def residents(self) -> list[ResidentModel]:
        """What is in memory now."""
        return self.live.residents()

    @abstractmethod
    def _load(self, direction: Direction) -> Model: ...


def own_body(engine: Engine) -> Body:
    """A body of one model."""
    return lambda items, options: engine.translate([text for _, text in items], options)


class CTranslate2Backend(Backend):
    """Loads merged models on first use and drops the least recently used ones above a limit of memory.

    A model that is being loaded counts before it is there, so the limit holds at every moment, except that
    requests in flight may hold a dropped one to their end, and that a single larger model is loaded alone.
    What is in PyTorch, to look into, counts too, and is dropped first when another model needs the room.
    """

    name = "ctranslate2"

    def __init__(self, parent: str, quantization: str, memory_bytes: int | None) -> None:
        super().__init__(parent, LiveModels(parent, _LIVE_PACK_BYTES))
        # Small batches take one core each; of large ones the engine makes several.
        self.num_workers = max(2, default_threads(num_usable_cores())[0])
        self._quantization, self._memory_bytes = quantization, memory_bytes
        self._folders: dict[Identity, Path] = {}

    def prepare(self, direction: Direction) -> None:
        """Builds the CTranslate2 model where it is not kept from before."""
        with self._loading:
            self._folder(direction)

    def retire(self, needed: set[Identity]) -> None:
        super().retire(needed)
        for identity in set(self._folders) - needed:
            self._folders.pop(identity, None)

    def residents(self) -> list[ResidentModel]:
        """What is there in PyTorch, too, says so."""
        models = sorted(self._models.values(), key=lambda model: model.last_use)
        live = [(f"{each.name} (pytorch)", each.bytes) for each in super().residents()]
        found = [(model.direction.label, model.num_bytes) for model in models] + live
        return [ResidentModel(name=name, bytes=size) for name, size in found]

    def _load(self, direction: Direction) -> Model:
        """Loads a model whose files are those that were built, also at the end of loading."""
        from crosslate.engines.ctranslate2 import CTranslate2Engine

        reason: str | Exception = ""
        for _ in range(_MOST_BUILDS):
            folder = self._folder(direction)
            before = folder_signature(folder)
            reason = "its files are not those that were built"
            try:
                if is_intact(folder):
                    num_bytes = sum(size for _, size, _ in before)
                    self._make_room(num_bytes, direction)
                    engine = CTranslate2Engine(folder)
                    if folder_signature(folder) == before:
                        log.info("loaded %s, %.1f MB", direction.label, num_bytes / 1e6)
                        return Model(direction, engine, own_body(engine), num_bytes=num_bytes)
            except (CrosslateError, OSError) as error:
                reason = error
            log.warning("building %s again: %s", direction.label, reason)
            self._folders.pop(direction.identity, None)
        raise EngineError(f"{direction.label} cannot be loaded: {reason}")

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
            sizes = direction.label, num_bytes / 1e6, limit / 1e6
            log.warning("%s, %.1f MB, is above the limit of %.1f MB and loaded alone", *sizes)
        if num_bytes + self._total() > limit and self.live.residents():
            self.live.clear()  # translations come before looking into models
            log.info("dropped what was in memory in PyTorch")
        while self._models and num_bytes + self._total() > limit:
            identity, oldest = min(list(self._models.items()), key=lambda item: item[1].last_use)
            self._models.pop(identity, None)
            log.info("dropped %s, %.1f MB", oldest.direction.label, oldest.num_bytes / 1e6)

    def _total(self) -> int:
        return sum(each.bytes for each in self.residents())


class TorchBackend(Backend):
    """One parent in memory, and what packs change of it."""

    name = "pytorch"

    def __init__(self, parent: str) -> None:
        super().__init__(parent, LiveModels(parent))
        self._shared: SharedBody | None = None

    def prepare(self, direction: Direction) -> None:
        """Loads the pack's tensors."""
        self.model(direction)

    def align(self, direction: Direction, pairs: Sequence[tuple[str, str]]) -> Align | None:
        """By cross-attention; nothing links the ends of two models in a row."""
        if direction.legs:
            return None
        try:
            return or_in_proportion(self.live.word_links(direction, pairs))
        except (ParentError, EngineError) as error:
            log.info("tags are placed in proportion: %s", error)
            return None

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
            return Model(direction, engine, own_body(engine))
        return Model(direction, engine, self._translate, member)

    def _translate(
        self, items: Sequence[tuple[Model, str]], options: DecodingOptions
    ) -> list[list[Hypothesis]]:
        """The parent's body, shared by all children that can; scores are 0."""
        members = [(model.member, text) for model, text in items if model.member is not None]
        return self._shared.translate(members, options) if self._shared else []


def make_backend(settings: ServerSettings) -> Backend:
    """The backend asked for; ``auto`` is PyTorch on a GPU, else CTranslate2 where it knows the family.

    Raises:
        UsageError: the name or the quantization is unknown, the two do not go together, or the engine is ONNX
            Runtime's, which no backend uses.
    """
    from crosslate.translation.translator import UNQUANTIZED, has_gpu, wanted_engine

    parent, memory_bytes = settings.parent, settings.memory_bytes
    wanted = wanted_engine(settings.engine, settings.quantization)
    if wanted == "onnx":
        raise UsageError("the server translates with ctranslate2 or pytorch, but the engine is 'onnx'")
    if wanted == "auto" and settings.quantization != UNQUANTIZED:
        wanted = "ctranslate2"
    if wanted == "auto":
        wanted = "pytorch" if has_gpu() or not _is_exportable(parent) else "ctranslate2"
    if wanted == "ctranslate2":
        return CTranslate2Backend(parent, settings.quantization, memory_bytes)
    if memory_bytes is not None:
        log.warning("the PyTorch engine keeps one parent for all packs and has no limit of memory")
    return TorchBackend(parent)


def _is_exportable(parent: str) -> bool:
    from crosslate.engines.conversion import family_of
    from crosslate.models.parent_files import local_folder

    config: Any = read_optional_object(local_folder(parent) / "config.json")
    try:
        family_of(SimpleNamespace(config=SimpleNamespace(**config)))
    except EngineError as error:
        log.info("translating with PyTorch: %s", reason_of(error))
        return False
    return True
