"""The embeddings that a server can show: of each side, the parent's and those of packs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crosslate.server.catalogue import Direction, InstalledPack, Snapshot, pack_direction
from crosslate.server.refusals import Refusal

if TYPE_CHECKING:
    from crosslate.models.groups import Side


@dataclass(frozen=True)
class Space:
    """The embeddings of one side: the parent's, or those that a pack has renewed.

    Attributes:
        pack: None for the parent.
        direction: whose model has them.
    """

    pack: InstalledPack | None
    side: Side
    direction: Direction

    @property
    def name(self) -> str:
        """The pack's name; empty for the parent."""
        return self.pack.name if self.pack else ""


def spaces(snapshot: Snapshot) -> Iterator[Space]:
    """All embeddings that can be looked at: the parent's two sides, then what each pack renews."""
    known = [pack_direction(pack) for pack in snapshot.packs]
    own = next((each for each in snapshot.directions.values() if each.kind == "parent"), None)
    for direction in [own] if own else known[:1]:
        yield Space(None, "source", direction)
        yield Space(None, "target", direction)
    for direction in known:
        for side in direction.packs[0].manifest.renewed:
            yield Space(direction.packs[0], side, direction)


def find_space(snapshot: Snapshot, pack: str, side: str) -> Space:
    """The embeddings that a request names.

    Args:
        pack: its name; empty for the parent.
        side: ``source`` or ``target``; empty for the first side that there is.

    Raises:
        Refusal: there are none of that name and side.
    """
    if side not in ("", "source", "target"):
        raise Refusal(400, "Invalid request: side parameter is neither source nor target")
    for space in spaces(snapshot):
        if space.name == pack and side in ("", space.side):
            return space
    whose = f"pack {pack[:80]}" if pack else "parent"
    raise Refusal(400, f"There is no {whose} with {side or 'new'} embeddings")
