"""Models in PyTorch: one parent in memory, and the children that packs make of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from crosslate.engines.decoding import valid_unicode
from crosslate.errors import PackError
from crosslate.packs.manifest import Manifest
from crosslate.packs.stored_model import StoredModel
from crosslate.server.answers import Answer
from crosslate.server.catalogue import Direction, Identity, InstalledPack

if TYPE_CHECKING:
    import torch

    from crosslate.documents.placement import Links
    from crosslate.models.child import Child
    from crosslate.models.parent import Parent
    from crosslate.packs.pack import Pack
    from crosslate.translation.word_links import Words


class ResidentModel(Answer):
    """Something that takes memory."""

    name: str
    bytes: int


class LiveModels:
    """Loads the parent once; a pack then costs what it changes, whole and in the parent's type.

    A composition costs the encoder if both of its packs changed it, otherwise nothing but Python objects.

    Args:
        parent: hub id or folder.
        most_pack_bytes: when packs take more, they are dropped before another model is made; None keeps all.
    """

    def __init__(self, parent: str, most_pack_bytes: int | None = None) -> None:
        self._name, self._most_pack_bytes = parent, most_pack_bytes
        self._parent: Parent | None = None
        self._packs: dict[str, Pack] = {}  # by checksum
        self._models: dict[Identity, Parent | Child] = {}
        self._lock = threading.RLock()

    def parent(self, direction: Direction) -> Parent:
        """The parent, loaded now if it is not there; a direction names languages that its files do not."""
        with self._lock:
            if self._parent is None:
                parent = stored_model(self._name, direction).load_parent()
                import torch

                if torch.cuda.is_available():
                    parent.model.to("cuda")
                self._parent = parent
            return self._parent

    def model(self, direction: Direction) -> Parent | Child:
        """The model of a direction (not of a pivot), loaded now if it is not there."""
        from crosslate.packs.compose import apply_packs, composed_parent, expanded
        from crosslate.packs.pack import Pack

        with self._lock:
            if direction.identity not in self._models:
                most = self._most_pack_bytes
                if most is not None and sum(each.bytes for each in self._of_packs()) > most:
                    self.retire(set())
                parent = self.parent(direction)
                for installed in direction.packs:  # a pair pack comes last
                    if installed.manifest.checksum not in self._packs:
                        pack = Pack.load(installed.folder)
                        _check_unchanged(installed, pack.manifest)
                        under = parent
                        if installed.manifest.packs:
                            two = [self._packs[each.fingerprint] for each in installed.manifest.packs]
                            under = composed_parent(parent, two)
                        self._packs[installed.manifest.checksum] = expanded(under, pack)
                packs = [self._packs[checksum] for checksum in direction.identity]
                self._models[direction.identity] = apply_packs(parent, packs) if packs else parent
            return self._models[direction.identity]

    def word_links(
        self, direction: Direction, pairs: Sequence[tuple[str, str]]
    ) -> Callable[[Words, Words], Links | None]:
        """Links between the words of texts and translations; slow, but beside those who translate.

        See :func:`crosslate.translation.word_links.attention_links`.
        """
        from crosslate.models.tensors import alias_model
        from crosslate.translation.word_links import attention_links

        model = self.model(direction)
        # A module tree of its own: attention is switched over in it while others translate.
        view: Any = SimpleNamespace(model=alias_model(model.model), source=model.source, target=model.target)
        return attention_links(view, self.parent(direction).anatomy, pairs)

    def retire(self, needed: set[Identity]) -> None:
        """Drops every model of another identity; whoever holds one may use it to the end."""
        with self._lock:
            self._models = {identity: model for identity, model in self._models.items() if identity in needed}
            kept = {checksum for identity in self._models for checksum in identity}
            self._packs = {checksum: pack for checksum, pack in self._packs.items() if checksum in kept}

    def clear(self) -> None:
        """Drops everything, the parent too."""
        with self._lock:
            self.retire(set())
            self._parent = None

    def residents(self) -> list[ResidentModel]:
        """The parent and the packs that are in memory; nobody waits for a model that is being loaded."""
        found = []
        if (parent := self._parent) is not None:
            found.append(
                ResidentModel(name="parent", bytes=sum(each.nbytes for each in parent.model.parameters()))
            )
        return found + self._of_packs()

    def _of_packs(self) -> list[ResidentModel]:
        """Packs, and compositions that have tensors of their own."""
        packs, models = dict(self._packs), dict(self._models)
        names = {
            checksum: valid_unicode(pack.folder.name) if pack.folder else pack.manifest.name
            for checksum, pack in packs.items()
        }
        seen = set() if self._parent is None else set(_storages(self._parent.model.state_dict().values()))
        found: dict[str, int] = {}
        held: list[tuple[Identity, Iterable[torch.Tensor]]] = [
            ((checksum,), pack.tensors.values()) for checksum, pack in packs.items()
        ]
        held += [(identity, model.model.state_dict().values()) for identity, model in models.items()]
        for identity, tensors in held:
            own = {key: size for key, size in _storages(tensors).items() if key not in seen}
            seen |= own.keys()
            name = " + ".join(names.get(checksum, checksum[:12]) for checksum in identity)
            if own and identity:
                found[name] = found.get(name, 0) + sum(own.values())
        return [ResidentModel(name=name, bytes=size) for name, size in found.items()]


def stored_model(parent: str, direction: Direction) -> StoredModel:
    """A direction's parent and packs as they lie on disk.

    Raises:
        PackError: a pack is not the one that was installed.
    """
    languages = None if direction.packs else direction.languages
    stored = StoredModel([pack.folder for pack in direction.packs], parent, languages)
    for pack, manifest in zip(direction.packs, stored.manifests, strict=True):
        _check_unchanged(pack, manifest)
    return stored


def _check_unchanged(pack: InstalledPack, found: Manifest) -> None:
    if found.checksum != pack.manifest.checksum:
        raise PackError(f"pack {pack.folder} was changed since it was installed; it is read again soon")


def _storages(tensors: Iterable[torch.Tensor]) -> dict[tuple[str, int], int]:
    """Bytes of the memory behind some tensors, by device and address."""
    held = [(str(each.device), each.untyped_storage()) for each in tensors]
    return {(device, storage.data_ptr()): storage.nbytes() for device, storage in held}
