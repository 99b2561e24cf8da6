"""Consoles, tables and number formats.

Consoles print text verbatim, since strategies (``src+xattn[k,v]``), paths and words may look like markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def console() -> Console:
    """Standard output: results."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def error_console() -> Console:
    """Standard error: progress, notes and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def make_table(*columns: str, right: Sequence[str] = ()) -> Table:
    """A table without lines; the columns of ``right`` come last and are right-aligned."""
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False)
    for column in right:
        table.add_column(column, justify="right")
    return table


def megabytes(num_bytes: float) -> str:
    """Bytes in MB of 10^6, as in ``12.3 MB``."""
    return f"{num_bytes / 1e6:,.1f} MB"


def size_of(num_bytes: float) -> str:
    """Megabytes, or kilobytes for small sizes."""
    return megabytes(num_bytes) if num_bytes >= 100_000 else f"{num_bytes / 1e3:,.1f} kB"


def of_full_model(share: float, model_bytes: float) -> str:
    """A pack's share of a full model's parameters, 0–1, and the size of the full model's tensors."""
    return f"{100 * share:.1f} % of the parameters of a full model ({size_of(model_bytes)})"


def millions(count: int) -> str:
    """A count as ``1.23 M``; small counts in full."""
    return f"{count / 1e6:,.2f} M" if count >= 100_000 else f"{count:,}"


def print_line(out: Console, text: str) -> None:
    """Prints a line of prose, wrapped only at a terminal."""
    out.print(text, soft_wrap=not out.is_terminal)


def print_facts(out: Console, facts: Sequence[tuple[str, str]]) -> None:
    """Prints labels and values in two columns, wrapped only at a terminal."""
    from rich.table import Table
    from rich.text import Text

    width = max(len(label) for label, _ in facts)
    if not out.is_terminal:
        for label, value in facts:
            out.print(Text(f"{label:{width}}  {value}"), soft_wrap=True)
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, width=width, style="dim")
    table.add_column(overflow="fold")
    for label, value in facts:
        table.add_row(label, Text(value))
    out.print(table)
