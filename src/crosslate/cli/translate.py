"""``crosslate translate``: lines in, as many lines out; or a document in, and the document out."""

from __future__ import annotations

import logging
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
from crosslate.documents import FORMATS
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import UsageError
from crosslate.translation.bulk import BulkSettings, translate_in_bulk

if TYPE_CHECKING:
    from crosslate.documents.placement import Align
    from crosslate.engines.decoding import Hypothesis
    from crosslate.packs.stored import StoredModel
    from crosslate.translation.translator import Translator

log = logging.getLogger(__name__)

_WINDOW_LINES = 1024
_LINES = "lines"
_HERE = "here"
_BULK = BulkSettings()


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
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            help="lines: N lines in, N lines out. Otherwise one whole document, which keeps its markup: auto "
            f"(by the file's ending), {', '.join(FORMATS.names)}.",
        ),
    ] = _LINES,
    follow_words: Annotated[
        bool,
        typer.Option(
            "--follow-words/--in-proportion",
            help="In a document, tags and placeholders follow their words by the model's attention, which "
            "needs PyTorch; or their places are found by equal words and proportion.",
        ),
    ] = True,
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
    on: Annotated[
        str,
        typer.Option(
            metavar="PLACE",
            help="here, or ray: --input is cut into shards that workers on Ray translate with CTranslate2; "
            "the same command again goes on where it was stopped.",
        ),
    ] = _HERE,
    shard_lines: Annotated[
        int, typer.Option("--shard-lines", metavar="N", help="With ray: lines of a shard.")
    ] = _BULK.shard_lines,
    worker_cpus: Annotated[
        int,
        typer.Option("--worker-cpus", metavar="N", help="With ray: CPUs that a worker asks for and uses."),
    ] = _BULK.worker_cpus,
) -> None:
    """Translate text line by line, N lines in and N lines out, or a whole document (--format)."""
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
    if on != _HERE:
        alone = {"--format": format_ != _LINES, "--n-best": n_best, "--window-lines": window_lines}
        files = _files_for_ray(on, paths, output, [name for name, is_given in alone.items() if is_given])
        from crosslate.packs.stored import StoredModel
        from crosslate.translation.translator import wanted_engine

        if wanted_engine(engine, quantization) == "pytorch":
            raise UsageError("--on ray translates with CTranslate2, but --engine is pytorch; leave it out")
        model = StoredModel(pack or [], parent, o.parent_languages(parent_langs))
        translate_in_bulk(
            model, paths, files, quantization=quantization, options=options,
            settings=BulkSettings(shard_lines=shard_lines, worker_cpus=worker_cpus),
        )  # fmt: skip
        return
    kind = None if format_ == _LINES else _document_kind(format_, paths, n_best, window_lines)
    lines = o.read_all_lines(paths) if kind is None else iter(())
    from crosslate.packs.stored import StoredModel

    model = StoredModel(pack or [], parent, o.parent_languages(parent_langs))
    translator = d.open_translator(model, engine=engine, quantization=quantization, options=options)
    if kind is not None:
        _translate_document(translator, kind, paths[0], output, model if follow_words else None)
        return
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


def _files_for_ray(on: str, paths: list[str], output: Path | None, alone: list[str]) -> Path:
    """The file to write, after checks of what goes with --on ray."""
    if on != "ray":
        raise UsageError(f"--on is {on!r}, expected {_HERE} or ray")
    if alone:
        raise UsageError(f"{', '.join(alone)} cannot go with --on ray, which translates lines; leave it out")
    if STANDARD_OUTPUT in paths or output is None or str(output) == STANDARD_OUTPUT:
        raise UsageError(
            "--on ray goes from files to a file, so that it can go on where it was stopped; "
            "give --input and --output"
        )
    return output


def _document_kind(format_: str, paths: list[str], n_best: int | None, window_lines: int | None) -> str:
    """The kind of document that is asked for; whether the other options go with it is checked too."""
    from crosslate.documents import format_of
    from crosslate.errors import nearest

    known = ["auto", *FORMATS.names]
    if format_ not in known:
        raise UsageError(f"unknown --format {format_!r}; {nearest(format_, [_LINES, *known])}")
    if len(paths) != 1:
        raise UsageError(f"--format {format_} translates one document, but --input names {len(paths)} files")
    if n_best is not None or window_lines is not None:
        raise UsageError(f"--n-best and --window-lines go with lines, not with --format {format_}")
    if format_ == "auto" and paths[0] == STANDARD_OUTPUT:
        raise UsageError("--format auto goes by the ending of a file; name the format of standard input")
    return format_of(paths[0]).name if format_ == "auto" else format_


def _translate_document(
    translator: Translator, kind: str, path: str, output: Path | None, model: StoredModel | None
) -> None:
    from crosslate.documents import open_document
    from crosslate.errors import InputError
    from crosslate.text.streams import read_blocks

    data = b"".join(read_blocks(path))
    try:
        document = open_document(data, kind, translator.source_language, translator.target_language)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    with open_output(output) as file:
        texts = [segment.text for segment in document.segments]
        translations = list(with_bar(translator.translate_lines(texts), "translating", len(texts)))
        marked = [pair for pair, each in zip(zip(texts, translations), document.segments) if each.has_marks]
        align = _align(model, marked) if model and marked else None
        file.write(document.rebuild(translations, align))


def _align(model: StoredModel, pairs: list[tuple[str, str]]) -> Align | None:
    """Links of words by attention; None where the model gives none."""
    from crosslate.errors import EngineError, ParentError
    from crosslate.translation.word_links import attention_align

    try:
        return attention_align(model.load(), pairs)
    except (ParentError, EngineError) as error:
        log.info("tags are placed in proportion: %s", error)
        return None


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
    from crosslate.languages.codes import language_name

    source, target = (
        language_name(code) for code in (translator.source_language, translator.target_language)
    )
    print_line(error_console(), f"{source} to {target}, {translator.engine.name}; end with Ctrl-D")
