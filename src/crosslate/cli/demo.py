"""``crosslate demo``: the whole method on the built-in phrasebook."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosslate.cli.console import console, error_console, megabytes

if TYPE_CHECKING:
    from rich.console import Console

    from crosslate.demo import DemoResult


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for everything the demo makes.")] = Path(
        "demo"
    ),
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Do not ask for sentences at the end.")
    ] = False,
) -> None:
    """Train a French-English parent, adapt it to German and Spanish, compose the two, and check the results.

    Takes minutes on two cores; run again after an interruption, it goes on where it was.
    """
    notes = error_console()
    notes.print("loading PyTorch")
    from crosslate.demo import run_demo
    from crosslate.training.progress import ConsoleProgress

    result = run_demo(
        out, progress=ConsoleProgress(notes), say=lambda text: notes.print(text, soft_wrap=True)
    )
    show = console()
    _print_result(show, result)
    show.print(f"everything is in {out}, the numbers in {out / 'report.json'}", soft_wrap=True)
    if not no_input and sys.stdin.isatty() and sys.stdout.isatty():
        _ask(show, out)


def _print_result(show: Console, result: DemoResult) -> None:
    from rich.table import Table

    table = Table(
        "pair", "strategy", "BLEU", "95 % interval", "stored", "pack", "lexicon", box=None, pad_edge=False
    )
    for column in table.columns[2:]:
        column.justify = "right"

    def interval(score: object) -> str:
        low, high = score.interval or (0.0, 0.0)  # type: ignore[attr-defined]
        return f"{low:.1f}-{high:.1f}"

    before, after, zero = result.parent_before, result.parent_after, result.zero_shot
    table.add_row("fr-en", "parent", f"{before.value:.1f}", interval(before), "100.0 %", "", "")
    for child in result.children:
        table.add_row(
            child.pair, child.strategy, f"{child.score.value:.1f}", interval(child.score),
            f"{100 * child.share_stored:.1f} %", megabytes(child.pack_bytes),
            f"{child.lexicon.precision_at_1:.1f} %",
        )  # fmt: skip
    table.add_row("de-es", "zero-shot", f"{zero.value:.1f}", interval(zero), "0.0 %", "0.0 MB", "")
    same = "identical" if result.parent_identical else "NOT identical"
    table.add_row("fr-en", "parent afterwards", f"{after.value:.1f}", interval(after), "", same, "")
    show.print(table)
    show.print(
        f"BLEU: {before.signature}, {before.num_sentences} test sentences never seen in training; "
        "stored: share of a full model's parameters in the pack; lexicon: new words whose nearest parent "
        "word (cosine of the embeddings) is a translation in the gold dictionary.",
    )
    for sample in result.samples:
        show.print(f"de {sample['de']}\n  en {sample['en']}\n  es {sample['es']}  (zero-shot)", markup=False)
    show.print(f"took {result.seconds / 60:.1f} minutes")


def _ask(show: Console, out: Path) -> None:
    """Translates German sentences that the user types, to English and (zero-shot) to Spanish."""
    from crosslate.translation.translator import Translator

    packs = out / "packs"
    parent = out / "parents" / "fr-en"
    english = Translator.open([packs / "de-en"], parent)
    spanish = Translator.open([packs / "de-en", packs / "fr-es"], parent)
    show.print(
        "Type German sentences, an empty line ends. The demo knows the phrasebook's few hundred words."
    )
    while True:
        try:
            line = input("de> ").strip()
        except EOFError:
            break
        if not line:
            break
        show.print(f"en  {english.translate([line])[0]}\nes  {spanish.translate([line])[0]}", markup=False)
