"""``crosslate translate``: lines in, as many lines out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from crosslate.cli import decoding as d
from crosslate.cli import options as o
from crosslate.cli.console import error_console, print_line
from crosslate.cli.output import STANDARD_OUTPUT, open_output, with_bar
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import UsageError

if TYPE_CHECKING:
    from crosslate.engines.decoding import Hypothesis
    from crosslate.jobs.translator import Translator

_WINDOW_LINES = 1024


def translate(
    pack: d.Packs = None,
    parent: d.ParentPlace = None,
    parent_langs: o.ParentLangs = None,
    input_: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="FILE",
            help="Text to translate, one or several files; .gz .bz2 .xz .zst are read directly. "
            "[default: standard input]",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File for the translations; it appears when all are done. [default: standard output]",
        ),
    ] = None,
    engine: d.EngineName = "auto",
    quantization: d.Quantization = "float32",
    beam: d.Beam = d.DEFAULTS.beam_size,
    length_penalty: d.LengthPenalty = d.DEFAULTS.length_penalty,
    n_best: Annotated[
        int | None,
        typer.Option(
            "--n-best",
            metavar="N",
            help="Write the N best translations of a line on its line, the best first, each followed by its "
            "score (logarithm of the probability, divided by the length), all separated by tabs. "
            "N may be up to the beam.",
        ),
    ] = None,
    no_repeat_ngram: d.NoRepeatNgram = d.DEFAULTS.no_repeat_ngram,
    repetition_penalty: d.RepetitionPenalty = d.DEFAULTS.repetition_penalty,
    max_new_tokens: d.MaxNewTokens = d.DEFAULTS.max_new_tokens,
    window_lines: Annotated[
        int | None,
        typer.Option(
            "--window-lines",
            metavar="N",
            help=f"Read at most N lines ahead; 1 answers each line at once. [default: {_WINDOW_LINES}, at a "
            "terminal 1]",
        ),
    ] = None,
) -> None:
    """Translate text line by line: N lines in, N lines out, in order."""
    options = DecodingOptions(
        beam_size=beam,
        length_penalty=length_penalty,
        n_best=1 if n_best is None else n_best,
        no_repeat_ngram=no_repeat_ngram,
        repetition_penalty=repetition_penalty,
        max_new_tokens=max_new_tokens,
    )
    if not pack and parent is None:
        raise UsageError(
            "give --pack to translate with a pack, or --parent to translate the parent's own pair"
        )
    if window_lines is not None and window_lines < 1:
        raise UsageError(f"--window-lines is {window_lines}, expected 1 or more")
    paths = input_ or [STANDARD_OUTPUT]
    lines = o.read_all_lines(paths)
    from crosslate.jobs.stored import StoredModel

    model = StoredModel(pack or [], parent, o.parent_languages(parent_langs))
    translator = d.open_translator(model, engine=engine, quantization=quantization, options=options)
    is_typed = paths == [STANDARD_OUTPUT] and sys.stdin.isatty()
    if is_typed:
        _greet(translator)
    window = (1 if is_typed else _WINDOW_LINES) if window_lines is None else window_lines
    with open_output(output) as file:
        translated = _translated(translator, _flushing(lines, file), window, n_best)
        if file is not sys.stdout.buffer and not is_typed:
            translated = with_bar(translated, "translating", None)
        for line in translated:
            file.write(line.encode("utf-8") + b"\n")


def _flushing(lines: Iterable[str], file: IO[bytes]) -> Iterator[str]:
    """``lines``; before the next one is waited for, everything translated so far is let out."""
    iterator = iter(lines)
    while True:
        file.flush()
        try:
            line = next(iterator)
        except StopIteration:
            return
        yield line


def _translated(
    translator: Translator, lines: Iterable[str], window: int, n_best: int | None
) -> Iterator[str]:
    if n_best is None:
        return translator.translate_lines(lines, window_lines=window)
    return map(_row, translator.n_best_lines(lines, n_best, window_lines=window))


def _row(hypotheses: list[Hypothesis]) -> str:
    cells = ((each.text.replace("\t", " "), f"{each.score:.4f}") for each in hypotheses)
    return "\t".join(chain.from_iterable(cells))


def _greet(translator: Translator) -> None:
    from crosslate.languages import language_name

    source, target = (
        language_name(code) for code in (translator.source_language, translator.target_language)
    )
    print_line(error_console(), f"{source} to {target}, {translator.engine.name}; end with Ctrl-D")
