"""``crosslate compose``: work on the pair that two packs compose."""

from __future__ import annotations

import shlex
from typing import Any

import typer

from crosslate.adaptation.composition import ImproveJob
from crosslate.cli.adapt import OUTPUT, PACK, TERMS, TEXT, TRAINING, print_pack
from crosslate.cli.console import console, error_console, print_line
from crosslate.cli.model_choice import ENGINE
from crosslate.cli.options import Option, Options, options_of

compose_app = typer.Typer(
    help="Improve the pair that two packs compose.", no_args_is_help=True, rich_markup_mode=None
)


def _text(side: str, other: str, does: str) -> Options:
    """The options of one pack's text."""
    fields = f"{side}_text"
    return {
        f"--{side}-text": Option(
            f"{fields}.files",
            metavar="FILE [FILE]",
            help=f"Sentence pairs of the {side} pack, in its direction. Its new language stays, and the side "
            f"beside it is translated to the new {other} language.",
        ),
        f"--{side}-text-lang": Option(
            f"{fields}.language",
            metavar="XX",
            help=f"Language beside the new one in that text. [default: the one that the {side} pack {does}]",
        ),
        f"--{side}-through": Option(
            f"{fields}.through",
            metavar="FOLDER",
            help=f"Packs or parents that lead from there to the new {other} language, one after another. "
            + (
                "[default: the target pack if it reads that language, else a bridge trained on --target-text]"
                if side == "source"
                else "[default: the text trains a bridge for --source-text]"
            ),
        ),
        f"--{side}-round-trip": Option(
            f"{fields}.round_trip",
            metavar="FOLDER",
            help="Packs, or a parent, that translate back; pairs that differ much from the text are dropped.",
        ),
    }


_OPTIONS: Options = {
    "PACK": Option(
        "start",
        metavar="PACK PACK",
        help="A pack with a new source and one with a new target, on one parent.",
    ),
    "--parent": Option(
        "parent", help="Folder or Hugging Face Hub id of their parent. [default: from the manifests]"
    ),
    **_text("source", "target", "translates to"),
    **_text("target", "source", "reads"),
    "--min-round-trip": Option("synthesis.min_round_trip", metavar="X"),
    **TEXT,
    "--synthetic-share": Option("synthetic_share", metavar="X"),
    **TERMS,
    **OUTPUT,
    **ENGINE,
    "--effort": "training.effort",
    "--strategy": "new.strategy",
    **TRAINING,
    **PACK,
}


@compose_app.command()
@options_of(_OPTIONS, set_in="training")
def improve(job: ImproveJob) -> None:
    """Train a pair pack for two packs on synthetic text of the pair, made of the packs' own text.

    With both texts and no models, a bridge is trained first, which needs nothing but the two packs and their
    parent. Run the same command again to resume. The synthetic text is kept in OUT.run/synthetic.
    """
    from crosslate.training.progress import ConsoleProgress

    manifest = job.run(ConsoleProgress(error_console())).manifest
    out, data = console(), manifest.data
    for each in data["synthetic" if job.train else "train"]["made"]["texts"]:
        print_line(out, _described(each))
    print_pack(manifest, job.output.folder)
    if not job.train and not job.valid:
        print_line(
            out,
            f"validated on {data['valid']['pairs']:,} synthetic pairs that were held out; "
            "real ones (--valid) would say more",
        )
    packs = [*map(str, job.start), str(job.output.folder)]
    parent = ["--parent", job.parent] if job.parent else []
    pair = manifest.source_language, manifest.target_language
    command = shlex.join(["crosslate", "translate", "--pack", *packs, *parent])
    out.print(f"next: {command} < in.{pair[0]} > out.{pair[1]}", soft_wrap=True)


def _described(text: dict[str, Any]) -> str:
    """Synthetic text in one line: how many pairs, of what, and what translated them."""
    made = text["made"]
    steps = [made["translator"], *made.get("through", [])]
    names = " and ".join(each["name"] for each in steps)
    start, end = steps[0]["languages"][0], steps[-1]["languages"][1]
    return (
        f"{made['cleaning']['kept']:,} synthetic pairs of {text['cleaning']['total']:,} in {text['text']}: "
        f"{start} translated to {end} by {names}"
    )
