"""``crosslate demo``: the whole method on the built-in phrasebook."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosslate.cli.console import console, error_console, make_table, megabytes

if TYPE_CHECKING:
    from rich.console import Console

    from crosslate.demo import DemoResult
    from crosslate.evaluation.scores import Score


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Output folder of the demo.")] = Path("demo"),
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Do not ask for sentences at the end.")
    ] = False,
) -> None:
    """Train a French-English parent, adapt it to German and Spanish, compose the two, and check the results.

    The pair that is composed, German to Spanish, then gets a pair pack, still without any text of that pair.

    Takes minutes on two cores. After an interruption, run it again to resume.
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
    table = make_table("pair", "strategy", right=["BLEU", "95 % interval", "stored", "pack", "lexicon"])

    def add(pair: str, strategy: str, score: Score, *more: str) -> None:
        low, high = score.interval or (0.0, 0.0)
        table.add_row(pair, strategy, f"{score.value:.1f}", f"{low:.1f}-{high:.1f}", *more)

    before = result.parent_before
    add("fr-en", "parent", before, "100.0 %", "", "")
    for child in result.children:
        share, precision = f"{100 * child.share_stored:.1f} %", f"{child.lexicon.precision_at_1:.1f} %"
        add(child.pair, child.strategy, child.score, share, megabytes(child.pack_bytes), precision)
    add("de-es", "zero-shot", result.zero_shot, "0.0 %", "0.0 MB", "")
    add("de-es", "pair pack, without text of the pair", result.improved, "", "", "")
    same = "identical" if result.parent_identical else "NOT identical"
    add("fr-en", "parent afterwards", result.parent_after, "", same, "")
    show.print(table)
    show.print(
        f"BLEU: {before.signature}, {before.num_sentences} test sentences never seen in training; "
        "stored: share of a full model's parameters in the pack; lexicon: new words whose nearest parent "
        "word (cosine of the embeddings) is a translation in the gold dictionary.",
    )
    for sample in result.samples:
        show.print(
            f"de {sample['de']}\n  en {sample['en']}\n  es {sample['es composed']}  (zero-shot)\n"
            f"  es {sample['es']}  (pair pack)",
            markup=False,
        )
    show.print(f"took {result.seconds / 60:.1f} minutes")


def _ask(show: Console, out: Path) -> None:
    """Translates German input to English, and to Spanish with the pair pack."""
    from crosslate.translation.translator import Translator

    packs, parent = out / "packs", out / "parents" / "fr-en"
    english = Translator.open([packs / "de-en"], parent)
    spanish = Translator.open([packs / name for name in ("de-en", "fr-es", "de-es")], parent)
    show.print(
        "Type German sentences; an empty line ends. The demo knows a few hundred words of the phrasebook."
    )
    with suppress(EOFError):
        while line := input("de> ").strip():
            for code, translator in (("en", english), ("es", spanish)):
                show.print(f"{code}  {translator.translate([line])[0]}")
