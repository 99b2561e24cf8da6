"""Groups strategies by what they train beside embeddings, for comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crosslate.models.groups import EMBEDDINGS
from crosslate.models.strategies import DEFAULT_BODY, Strategy, parse_strategy
from crosslate.studies.cells import Cell, find

PAPER_PARTS = {
    "scratch": "scratch", "embeddings": "embeddings", "body": "embeddings + body",
    "xattn": "embeddings + cross-attention", "randxattn": "embeddings + random cross-attention",
}  # fmt: skip
"""Rows of the paper's tables, with their names there."""
LIMITED = "limited"
"""Cross-attention trained in part, shown in separate tables."""
OTHER_START = "other start"
"""Children with other initial embeddings than the first that their recipe names, shown in separate tables."""

DEFAULT = parse_strategy(f"src+{DEFAULT_BODY}").label
"""The default strategy."""

_COMPARED = (
    ("xattn", "embeddings"), ("xattn", "body"), ("xattn", "randxattn"), ("xattn", "scratch"),
    ("body", "scratch"), ("embeddings", "scratch"), (LIMITED, "xattn"),
    (DEFAULT, "all"), (DEFAULT, "body"), (DEFAULT, "embeddings"),
)  # fmt: skip
_RIVALS = ("all", "bitfit", "lora-xattn", "lora-attention", "ia3", "adapters", "prefix")
"""Order of comparisons with rival methods; others follow."""


def part_of(strategy: Strategy) -> str:
    """What a strategy trains: a row of the paper's tables, ``limited``, or a method's label."""
    if strategy.renews is None:
        return "scratch"
    if strategy.label:
        return strategy.label
    if strategy.limits:
        return LIMITED
    if strategy.renews and not strategy.train & EMBEDDINGS <= strategy.reinitialise:
        return "all"
    body = strategy.train - EMBEDDINGS
    if not body:
        return "embeddings"
    if body != {"xattn"}:
        return "body"
    return "randxattn" if "xattn" in strategy.reinitialise else "xattn"


def is_rival(part: str) -> bool:
    """Whether a part is not in the paper."""
    return part not in (*PAPER_PARTS, LIMITED, OTHER_START)


def compared_parts(cells: Sequence[Cell], kind: str) -> Iterator[tuple[Cell, Cell]]:
    """Pairs of systems of one child that differ only in what they train."""
    rivals = dict.fromkeys(
        (*_RIVALS, *(part for cell in find(cells, kind) if is_rival(part := cell.labels["part"])))
    )
    for first, second in (*_COMPARED, *(("xattn", rival) for rival in rivals)):
        for one in find(cells, kind, part=first):
            same = {name: one.labels[name] for name in ("child", "parent", "seed", "size")}
            yield from ((one, other) for other in find(cells, kind, part=second, **same))
