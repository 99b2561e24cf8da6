"""A pack that is trained further keeps its parent, strategy and vocabularies, and starts from its values."""

from __future__ import annotations

from typing import Any

from crosslate.models.child import Child
from crosslate.models.parent import Parent
from crosslate.models.strategies import Strategy, parse_strategy
from crosslate.packs.compose import child_to_train
from crosslate.packs.pack import Pack


class GoingOn:
    """Takes the place of :class:`~crosslate.adaptation.new_vocabularies.NewVocabularies`.

    Attributes:
        strategy: the pack's.
        identity: what a resumed run must match.
    """

    def __init__(self, parent: Parent, pack: Pack) -> None:
        self._parent, self._pack = parent, pack
        self.strategy = parse_strategy(pack.manifest.strategy)
        self.identity = {"start": pack.manifest.identity.fingerprint}

    def child(self, strategy: Strategy, seed: int) -> Child:
        """A child with the pack's values; its strategy is the pack's."""
        return child_to_train(self._parent, self._pack, seed=seed)

    def record(self, child: Child) -> dict[str, Any]:
        """Nothing starts from other values than the pack's."""
        return {}
