"""``crosslate pack diff``: what differs between two packs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crosslate.cli.console import console, make_table, print_line

if TYPE_CHECKING:
    from rich.console import Console

    from crosslate.packs.difference import ChangedTensor, ChangedVocabulary, PackDifference

_EXAMPLES = 12

_Pack = Annotated[Path, typer.Argument(metavar="PACK", help="A pack: its folder or hub id.")]


def diff(
    first: _Pack,
    second: _Pack,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show what differs between two packs: parent, strategy, vocabularies, tensors, scores and data."""
    from crosslate.packs.difference import pack_difference
    from crosslate.packs.pack import Pack

    found = pack_difference(Pack.from_pretrained(first), Pack.from_pretrained(second))
    out = console()
    if as_json:
        print_line(out, json.dumps(found.to_values(), indent=2, ensure_ascii=False))
        return
    print_line(out, f"first:  {first}")
    print_line(out, f"second: {second}")
    if found.is_identical:
        print_line(out, "the same pack, to the bit")
        return
    if found.relation:
        print_line(out, found.relation)
    _show(out, found)


def _show(out: Console, found: PackDifference) -> None:
    for title, facts in (("", found.facts), ("data", found.data)):
        if facts:
            _table(out, title, ["first", "second"], [(each.name, each.first, each.second) for each in facts])
    if found.scores:
        rows = [
            (f"{each.metric} on {each.test_set}", each.first, each.second, _gain(each))
            for each in found.scores
        ]
        _table(out, "scores", ["first", "second", "difference"], rows)
    out.print()
    for vocabulary in found.vocabularies:
        print_line(out, _vocabulary(vocabulary))
    alone = (found.removed_tensors, "only in the first"), (found.added_tensors, "only in the second")
    counts = f"tensors: {found.num_equal_tensors:,} equal, {len(found.changed_tensors):,} changed"
    print_line(out, counts + "".join(f", {len(names):,} {words}" for names, words in alone if names))
    if found.changed_tensors:
        table = make_table("tensor", right=["change"])
        for each in sorted(found.changed_tensors, key=lambda each: -(each.relative_norm or 0)):
            table.add_row(each.name, _change(each))
        out.print(table)
    for names, words in alone:
        for name in names:
            print_line(out, f"{name}  {words}")


def _table(out: Console, title: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    out.print()
    table = make_table(title, *columns)
    for row in rows:
        table.add_row(*map(_shown, row))
    out.print(table)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, dict):
        return f"{value.get('origin', '?')}, {value.get('pairs', '?')} pairs"
    if isinstance(value, list):
        return " and ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)


def _gain(score: Any) -> str:
    if score.is_comparable:
        return f"{score.second - score.first:+.2f}"
    return "-" if None in (score.first, score.second) else "other signature"


def _vocabulary(found: ChangedVocabulary) -> str:
    given = found.first_size, found.second_size
    sizes = ["the parent's" if size is None else f"{size:,} pieces" for size in given]
    text = f"{found.side} vocabulary: {sizes[0]}, then {sizes[1]}"
    for pieces, words in ((found.added, "added"), (found.removed, "removed")):
        if pieces:
            more = " …" if len(pieces) > _EXAMPLES else ""
            text += f"; {len(pieces):,} {words}: {' '.join(pieces[:_EXAMPLES])}{more}"
    return text


def _change(tensor: ChangedTensor) -> str:
    return tensor.reason if tensor.relative_norm is None else f"{100 * tensor.relative_norm:.2f} %"
