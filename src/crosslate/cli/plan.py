"""``crosslate plan``: what a strategy would change, in parameters and bytes, without training."""

from __future__ import annotations

from typing import Annotated

import typer

from crosslate.cli import options as o
from crosslate.cli.console import console, megabytes
from crosslate.errors import UsageError


def plan(
    parent: Annotated[str, typer.Option(help="Folder or hub id of the parent.")],
    strategy: Annotated[str, typer.Option(help="See docs/strategies.md.")] = "src+xattn",
    vocab_size: Annotated[int, typer.Option(help="Pieces of a new vocabulary.")] = 8_000,
    side: Annotated[str | None, typer.Option(help="For scratch: source or target, whichever is new.")] = None,
    parent_langs: o.ParentLangs = None,
    tensors: Annotated[bool, typer.Option("--tensors", help="List every tensor with its fate.")] = False,
) -> None:
    """Show what a strategy would re-initialise, train, freeze and store."""
    from rich.table import Table

    from crosslate.models.groups import SIDES
    from crosslate.models.strategies import parse_strategy

    parsed = parse_strategy(strategy)
    if side is not None and side not in SIDES:
        raise UsageError(f"--side is {side!r}, expected source or target")
    renewed = parsed.renews if parsed.renews is not None else {side or "source"}
    from crosslate.models.plan import make_plan

    loaded = o.load_parent(parent, parent_langs)
    made = make_plan(
        loaded.model, loaded.anatomy, parsed, {each: vocab_size for each in SIDES if each in renewed}
    )
    out = console()
    table = Table(
        "group", "parameters", "from random", "trained", "frozen", "stored", box=None, pad_edge=False
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for row in made.account():
        numbers = (row.num_elements, row.num_reinitialised, row.num_trained,
                   row.num_elements - row.num_trained, row.num_stored)  # fmt: skip
        table.add_row(row.group, *(f"{number:,}" for number in numbers))
    out.print(
        f"{parsed} on {loaded.name}" + (f", new vocabulary of {vocab_size:,} pieces" if renewed else "")
    )
    out.print(table)
    if tensors:
        for tensor in made.tensors:
            shape = "x".join(map(str, tensor.shape))
            out.print(f"{tensor.group:6}{tensor.fate:28}{shape:14}{' = '.join(tensor.names)}", soft_wrap=True)
    out.print(
        f"pack: {megabytes(made.pack_bytes)}, {100 * made.share:.1f} % of the parameters of a full model "
        f"({megabytes(made.model_bytes)})"
    )
