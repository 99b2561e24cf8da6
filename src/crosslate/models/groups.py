"""The two sides of a model and its five groups of tensors.

Source: Gheini, Ren & May 2021, section 3.1, for the groups.
"""

from __future__ import annotations

from typing import Literal, get_args

Side = Literal["source", "target"]
Group = Literal["src", "tgt", "enc", "dec", "xattn"]

SIDES: tuple[Side, ...] = get_args(Side)
GROUPS: tuple[Group, ...] = get_args(Group)
GROUP_OF_SIDE: dict[Side, Group] = {"source": "src", "target": "tgt"}
"""The group that holds a side's embeddings."""
SIDE_OF_GROUP: dict[str, Side] = {group: side for side, group in GROUP_OF_SIDE.items()}
EMBEDDINGS: frozenset[str] = frozenset(GROUP_OF_SIDE.values())
"""The groups of both sides' embeddings."""
BODY: frozenset[Group] = frozenset({"enc", "dec", "xattn"})
"""All other groups: encoder, decoder and cross-attention."""
ADDED = "added"
"""A further group for tensors that a method adds to the parent's; they start fresh."""
