"""``crosslate align``: whether a pack's new embeddings lie where their translations lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosslate.cli.console import console, print_line
from crosslate.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from crosslate.evaluation.embeddings import Embeddings, Neighbours
    from crosslate.evaluation.lexicon import LexiconScore


def align(
    pack: Annotated[
        list[Path],
        typer.Option("--pack", metavar="FOLDER", help="Folder of the pack whose new words are looked up."),
    ],
    parent: Annotated[
        str | None,
        typer.Option(help="Folder or hub id of the parent; the manifest says where it is if not given."),
    ] = None,
    dictionary: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Dictionary from the pack's new language to the other one: a word and a translation per "
            "line, as MUSE has them; .gz is read directly.",
        ),
    ] = None,
    other_pack: Annotated[
        Path | None,
        typer.Option(
            "--other-pack", metavar="FOLDER", help="Look words up among this pack's, not among the parent's."
        ),
    ] = None,
    word: Annotated[
        list[str] | None,
        typer.Option("--word", metavar="WORD", help="Show the nearest words of this word."),
    ] = None,
    side: Annotated[
        str | None, typer.Option(help="For a pack that renews both sides: source or target.")
    ] = None,
    k: Annotated[int, typer.Option("-k", metavar="N", help="Nearest words to show.")] = 5,
    examples: Annotated[int, typer.Option(metavar="N", help="Words of the dictionary to show.")] = 10,
) -> None:
    """Look up a pack's new words among the parent's by their embeddings (bilingual lexicon induction)."""
    if dictionary is None and not word:
        raise UsageError("give --dictionary to measure the alignment, or --word to see a word's neighbours")
    if len(pack) != 1:
        raise UsageError(f"--pack names {len(pack)} packs, expected one; the second goes with --other-pack")
    if k < 1:
        raise UsageError(f"-k is {k}, expected 1 or more")
    from crosslate.evaluation.dictionaries import read_dictionary
    from crosslate.evaluation.embeddings import embeddings, neighbours, renewed_side
    from crosslate.evaluation.lexicon import induce
    from crosslate.packs.stored_model import StoredModel

    packs = pack if other_pack is None else [*pack, other_pack]
    models = [StoredModel([each], parent) for each in packs]
    gold = None if dictionary is None else read_dictionary(dictionary)
    loaded = [model.load_packs()[0] for model in models]
    chosen = renewed_side(loaded, side)
    base = models[0].load_parent()
    from crosslate.packs.compose import apply_packs

    one = embeddings(apply_packs(base, loaded[:1]), chosen, str(pack[0]))
    if other_pack is None:
        other = embeddings(base, chosen, base.name)
    else:
        other = embeddings(apply_packs(base, loaded[1:]), chosen, str(other_pack))
    score = None if gold is None else induce(one, other, gold, num_examples=examples)
    near = neighbours(one, other, word or [], k)
    out = console()
    _introduce(out, one, other, chosen)
    if score is not None:
        _show_score(out, score, str(dictionary), len(gold or ()))
    if near:
        _show_neighbours(out, near)


def _introduce(out: Console, one: Embeddings, other: Embeddings, side: str) -> None:
    from crosslate.languages.codes import language_name

    looked_up, among = (f"{language_name(each.language)} ({each.name})" for each in (one, other))
    print_line(out, f"{looked_up} looked up among {among}, {side} embeddings, by cosine")


def _show_score(out: Console, score: LexiconScore, name: str, num_words: int) -> None:
    from rich.table import Table

    print_line(
        out,
        f"{name}: {num_words:,} words, {score.coverage:.1f} % tested; {score.num_words:,} of "
        f"{score.num_pieces:,} pieces tested, {score.num_candidates:,} candidates",
    )
    out.print()
    for rank in (1, 5, 10):
        out.print(f"precision@{rank:<3}{getattr(score, f'precision_at_{rank}'):6.1f} %")
    if not score.examples:
        return
    out.print()
    table = Table("word", "rank", "nearest", "in the dictionary", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for example in score.examples:
        rank_shown = "-" if example.rank is None else str(example.rank)
        table.add_row(example.word, rank_shown, ", ".join(example.found), ", ".join(example.expected))
    out.print(table)


def _show_neighbours(out: Console, found: list[Neighbours]) -> None:
    from rich.table import Table

    out.print()
    table = Table("word", "nearest (cosine)", box=None, pad_edge=False)
    for each in found:
        near = (f"{word} {cosine:.2f}" for word, cosine in zip(each.words, each.cosines))
        table.add_row(each.word, ", ".join(near))
    out.print(table)
