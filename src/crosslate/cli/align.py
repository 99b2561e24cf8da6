"""``crosslate align``: check whether new embeddings are close to their translations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from crosslate.cli.console import console, make_table, print_line
from crosslate.cli.options import Option, Options, options_of
from crosslate.config import AnyPath, Settings
from crosslate.errors import Faults

if TYPE_CHECKING:
    from rich.console import Console

    from crosslate.evaluation.embeddings import Neighbours
    from crosslate.evaluation.lexicon import LexiconScore


class AlignJob(Settings):
    """Which words to look up among which others."""

    packs: list[AnyPath] = Field(description="Pack, as a folder or hub id; its new words are looked up.")
    parent: str | None = Field(
        None, description="Folder or Hugging Face Hub id of the parent. [default: from the manifest]"
    )
    dictionary: AnyPath | None = Field(
        None,
        description="Dictionary from the pack's new language to the other one: one word and its translation "
        "per line, as in MUSE; .gz files are read directly.",
    )
    other_pack: AnyPath | None = Field(
        None, description="Look up words among those of this pack instead of the parent's."
    )
    words: list[str] = Field(default_factory=list, description="Show the nearest words of this word.")
    side: str | None = Field(None, description="For a pack that replaces both sides: source or target.")
    neighbours: int = Field(5, ge=1, description="Number of nearest words to show.")
    examples: int = Field(10, description="Number of dictionary words to show.")

    def find_faults(self, faults: Faults) -> None:
        if self.dictionary is None and not self.words:
            faults.add("give --dictionary to measure the alignment, or --word to see a word's neighbours")
        if len(self.packs) != 1:
            faults.add(
                f"--pack names {len(self.packs)} packs, expected one; give the second with --other-pack"
            )


_OPTIONS: Options = {
    "--pack": Option("packs", metavar="PACK"),
    "--parent": "parent",
    "--dictionary": Option("dictionary", metavar="FILE"),
    "--other-pack": Option("other_pack", metavar="PACK"),
    "--word": Option("words", metavar="WORD"),
    "--side": "side",
    "-k": Option("neighbours", metavar="N"),
    "--examples": Option("examples", metavar="N"),
}


@options_of(_OPTIONS)
def align(job: AlignJob) -> None:
    """Look up a pack's new words among the parent's by their embeddings (bilingual lexicon induction)."""
    from crosslate.evaluation.dictionaries import read_dictionary
    from crosslate.evaluation.embeddings import embeddings, neighbours, renewed_side
    from crosslate.evaluation.lexicon import induce
    from crosslate.languages.codes import language_name
    from crosslate.packs.compose import apply_packs
    from crosslate.packs.stored_model import StoredModel

    packs = [*job.packs, *([job.other_pack] if job.other_pack else [])]
    models = [StoredModel([each], job.parent) for each in packs]
    gold = None if job.dictionary is None else read_dictionary(job.dictionary)
    loaded = [model.load_packs()[0] for model in models]
    chosen = renewed_side(loaded, job.side)
    base = models[0].load_parent()
    one = embeddings(apply_packs(base, loaded[:1]), chosen, str(packs[0]))
    name = str(job.other_pack) if job.other_pack else base.name
    other = embeddings(apply_packs(base, loaded[1:]) if job.other_pack else base, chosen, name)
    score = None if gold is None else induce(one, other, gold, num_examples=job.examples)
    near = neighbours(one, other, job.words, job.neighbours)
    out = console()
    looked_up, among = (f"{language_name(each.language)} ({each.name})" for each in (one, other))
    print_line(out, f"{looked_up} looked up among {among}, {chosen} embeddings, by cosine")
    if score is not None:
        _show_score(out, score, str(job.dictionary), len(gold or ()))
    if near:
        _show_neighbours(out, near)


def _show_score(out: Console, score: LexiconScore, name: str, num_words: int) -> None:
    print_line(
        out,
        f"{name}: {num_words:,} words, {score.coverage:.1f} % tested; {score.num_words:,} of "
        f"{score.num_pieces:,} pieces tested, {score.num_candidates:,} candidates",
    )
    out.print()
    for rank in (1, 5, 10):
        out.print(f"precision@{rank:<3}{score.precisions[f'precision_at_{rank}']:6.1f} %")
    if not score.examples:
        return
    out.print()
    table = make_table("word", "rank", "nearest", "in the dictionary")
    table.columns[1].justify = "right"
    for example in score.examples:
        rank_shown = "-" if example.rank is None else str(example.rank)
        table.add_row(example.word, rank_shown, ", ".join(example.found), ", ".join(example.expected))
    out.print(table)


def _show_neighbours(out: Console, found: list[Neighbours]) -> None:
    out.print()
    table = make_table("word", "nearest (cosine)")
    for each in found:
        near = (f"{word} {cosine:.2f}" for word, cosine in zip(each.words, each.cosines))
        table.add_row(each.word, ", ".join(near))
    out.print(table)
