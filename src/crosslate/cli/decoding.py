"""Options of commands that translate: which model, which engine, how it searches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosslate.engines.decoding import DecodingOptions

if TYPE_CHECKING:
    from crosslate.packs.stored import StoredModel
    from crosslate.translation.translator import Translator

DEFAULTS = DecodingOptions()

Packs = Annotated[
    list[Path] | None,
    typer.Option(
        "--pack",
        metavar="FOLDER",
        help="Folder of a pack; two of them, one with a new source and one with a new target, are composed.",
    ),
]
ParentPlace = Annotated[
    str | None,
    typer.Option(
        "--parent",
        metavar="NAME",
        help="Folder or hub id of the parent; the pack's manifest says where it is if not given. Without a "
        "pack, the parent's own pair is translated.",
    ),
]
EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="auto, ctranslate2 or pytorch; auto is PyTorch on a GPU, else CTranslate2.",
    ),
]
Quantization = Annotated[
    str,
    typer.Option(
        "--quantization",
        metavar="TYPE",
        help="Type of CTranslate2's weights: float32, int8, int16, float16, bfloat16, …",
    ),
]
Beam = Annotated[
    int, typer.Option("--beam", metavar="N", help="Hypotheses kept at each step; 1 is greedy search.")
]
LengthPenalty = Annotated[
    float, typer.Option("--length-penalty", metavar="X", help="0 disables; above 1 favours long ones.")
]
NoRepeatNgram = Annotated[
    int,
    typer.Option(
        "--no-repeat-ngram",
        metavar="N",
        help="No sequence of N tokens occurs twice in a translation; 0 disables.",
    ),
]
RepetitionPenalty = Annotated[
    float,
    typer.Option(
        "--repetition-penalty", metavar="X", help="Above 1, tokens already generated are less likely."
    ),
]
MaxNewTokens = Annotated[
    int,
    typer.Option("--max-new-tokens", metavar="N", help="No translation of a sentence is longer, in tokens."),
]


def open_translator(
    model: StoredModel, *, engine: str, quantization: str, options: DecodingOptions
) -> Translator:
    """A translator for a model on disk, from what the options say."""
    from crosslate.translation.translator import Translator

    return Translator.of_stored(model, engine=engine, quantization=quantization, options=options)  # type: ignore[arg-type]
