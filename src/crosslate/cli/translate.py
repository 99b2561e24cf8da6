"""``crosslate translate``: translate lines of text or a document."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from pydantic import Field

from crosslate.cli.confidence import LineScores, write_segments
from crosslate.cli.console import error_console, print_line
from crosslate.cli.model_choice import MODEL, ModelChoice
from crosslate.cli.options import Option, Options, options_of, read_all_lines
from crosslate.cli.output import STANDARD_OUTPUT, is_file, open_output, window_lines, with_bar
from crosslate.config import AnyPath
from crosslate.documents import FORMATS, all_formats
from crosslate.errors import Faults, InputError, UsageError, nearest
from crosslate.text.reading import ending_of
from crosslate.text.streams import FileFaults
from crosslate.translation.bulk import BulkSettings, translate_in_bulk

if TYPE_CHECKING:
    from crosslate.documents.placement import Align
    from crosslate.engines.decoding import Hypothesis
    from crosslate.packs.stored_model import StoredModel
    from crosslate.translation.lines import Aligner
    from crosslate.translation.translator import Translator

log = logging.getLogger(__name__)

_LINES = "lines"
_LIST = ".txt"
"""Ending of a list of recordings or images, one name a line."""
_WINDOW_FILES = 16


class TranslateJob(ModelChoice):
    """What to translate, and the output."""

    input: list[str] = Field(
        default_factory=list,
        description="Files to translate; .gz, .bz2, .xz and .zst files are read directly. For a model that "
        "reads recordings or images: these files, or lists of their names (.txt or standard input). "
        "[default: standard input]",
    )
    output: AnyPath | None = Field(
        None,
        description="Output file, written atomically when all is done. [default: standard output]",
    )
    scores: AnyPath | None = Field(
        None,
        description="Write how sure the model is of each translation and each of its words as JSON lines: a "
        "row for each line of input; for a document its segments, the least sure first. Takes another pass "
        "over each translation. See docs/scores.md.",
    )
    format: str = Field(
        _LINES,
        description="lines: N lines in, N lines out. Other formats translate one document and keep its "
        f"markup: auto (by file extension), {', '.join(FORMATS.names)}.",
    )
    glossary: list[AnyPath] = Field(
        default_factory=list,
        description="Terms and their translations: TSV with two columns, or TBX (.tbx). Of several files, "
        "the last one that has a term counts.",
    )
    follow_words: bool = Field(
        True,
        description="Place tags, URLs, variables and emoji by the model's attention, which needs PyTorch, or "
        "by equal words and proportion.",
    )
    window_lines: int | None = Field(
        None,
        ge=1,
        description="Read at most this many lines ahead; 1 translates each line immediately. [default: 1024, "
        "with a progress bar 128, for typed text 1]",
    )
    on: Literal["here", "ray"] = Field(
        "here",
        description="ray: split --input into shards and translate them on Ray with CTranslate2. Run the same "
        "command again to resume.",
    )
    bulk: BulkSettings = Field(default_factory=BulkSettings)

    def find_faults(self, faults: Faults) -> None:
        if not self.packs and self.parent is None:
            faults.add("give --pack to translate with a pack, or --parent to translate the parent's own pair")
        output = self.output or Path(STANDARD_OUTPUT)
        if self.scores and self.scores.resolve() == output.resolve():
            faults.add(f"--scores and the translations are both {self.scores}; give --output or another file")
        if "format" not in self.model_fields_set:
            self._check_no_documents(faults)
        if self.on == "ray":
            self._check_ray(faults)
        elif self.format != _LINES:
            self._check_format(faults)

    def _check_no_documents(self, faults: Faults) -> None:
        """Documents read line by line would come out damaged, without a word."""
        named = [path for path in self.paths if ending_of(path)]
        if not named:
            return  # so a pipe does not load the formats
        endings = {suffix for each in all_formats() if each.name != "text" for suffix in each.suffixes}
        for path in named:
            if ending_of(path) in endings:
                faults.add(
                    f"{path} is a document, not lines of text; give --format auto to translate it as one, or "
                    "--format lines to translate each of its lines"
                )

    def _check_ray(self, faults: Faults) -> None:
        of_lines_here = {
            "--format": self.format != _LINES, "--n-best": self.has_n_best,
            "--window-lines": self.window_lines is not None, "--scores": self.scores is not None,
            "--glossary": bool(self.glossary),
        }  # fmt: skip
        if alone := [name for name, is_given in of_lines_here.items() if is_given]:
            faults.add(f"{', '.join(alone)} cannot go with --on ray, which translates lines; leave it out")
        if not self.input or not self.output or STANDARD_OUTPUT in (*self.input, str(self.output)):
            faults.add(
                "--on ray needs files for input and output, so that it can resume; give --input and --output"
            )

    def _check_format(self, faults: Faults) -> None:
        """Checks the format of a document and the options with it."""
        known, name = ["auto", *FORMATS.names], self.format
        if name not in known:
            faults.add(f"unknown --format {name!r}; {nearest(name, [_LINES, *known])}")
        if len(self.paths) != 1:
            faults.add(f"--format {name} translates one document, but --input names {len(self.paths)} files")
        if self.has_n_best or self.window_lines is not None:
            faults.add(f"--n-best and --window-lines work only with lines, not with --format {name}")
        if name == "auto" and self.paths[0] == STANDARD_OUTPUT:
            faults.add("--format auto needs a file extension; give the format of standard input")

    @property
    def paths(self) -> list[str]:
        """The files to read."""
        return self.input or [STANDARD_OUTPUT]

    @property
    def has_n_best(self) -> bool:
        """Whether --n-best is given."""
        return "n_best" in self.decoding.model_fields_set


_OPTIONS: Options = {
    **MODEL,
    "--input -i": Option("input", metavar="FILE"),
    "--output -o": Option("output", metavar="FILE"),
    "--scores": Option("scores", metavar="FILE"),
    "--format": Option("format", metavar="NAME"),
    "--glossary": Option("glossary", metavar="FILE"),
    "--follow-words/--in-proportion": "follow_words",
    "--n-best": Option(
        "decoding.n_best",
        metavar="N",
        help="Write the N best translations of each line, best first, each followed by its score (log "
        "probability divided by length), all separated by tabs. N is at most the beam size.",
    ),
    "--window-lines": Option("window_lines", metavar="N"),
    "--on": "on",
    "--shard-lines": Option("bulk.shard_lines", metavar="N"),
    "--worker-cpus": Option("bulk.worker_cpus", metavar="N"),
}


@options_of(_OPTIONS)
def translate(job: TranslateJob) -> None:
    """Translate text line by line, N lines in and N lines out, or a whole document (--format).

    With a model that reads recordings or images, N files in and N lines out.
    """
    model = job.stored()
    if model.signal:
        _translate_files(job, model)
    elif job.on == "ray":
        _translate_on_ray(job, model)
    elif job.format == _LINES:
        _translate_lines(job, model)
    else:
        _translate_document(job, model)


def _translate_files(job: TranslateJob, model: StoredModel) -> None:
    """Writes a line for each recording or image."""
    if job.format != _LINES or job.on != "here" or job.glossary:
        raise UsageError(
            f"this model reads {model.signal}, not text, so --format, --glossary and --on ray have no use; "
            "leave them out"
        )
    files = listed_files(job.paths)
    translator = job.open(model)
    with _outputs(job) as (file, scores):
        window = job.window_lines or _WINDOW_FILES
        rows = LineScores(translator, scores, window)
        ranked = translator.n_best_lines(rows.reading(files), job.decoding.n_best, window_lines=window)
        if file is not sys.stdout.buffer or is_file(file):
            ranked = with_bar(ranked, "translating", len(files))
        for hypotheses in ranked:
            _write(job, file, hypotheses, rows)
            file.flush()
        rows.finish()


def listed_files(paths: Sequence[str]) -> list[str]:
    """The recordings or images given, and those that are listed in text files or standard input.

    Raises:
        InputError: files that are missing, all together.
    """
    from crosslate.signals.corpora import found_in

    faults = Faults("cannot read the files")
    files = []
    for path in paths:
        is_list = path == STANDARD_OUTPUT or ending_of(path) == _LIST
        names = read_all_lines([path]) if is_list else iter([path])
        folder = Path(path).parent if is_list and path != STANDARD_OUTPUT else Path()
        of_list = FileFaults(path)
        for number, name in enumerate(names, start=1):
            found = found_in(folder, name)
            missing = f"{name!r} is no file in {folder.absolute()}"
            if found is not None:
                files.append(str(found))
            elif is_list:
                of_list.add(missing, number)
            else:
                faults.add(missing)
        of_list.report(faults)
    faults.raise_as(InputError)
    return files


def _translate_on_ray(job: TranslateJob, model: StoredModel) -> None:
    from crosslate.translation.translator import wanted_engine

    if wanted_engine(job.engine, job.quantization) not in ("auto", "ctranslate2"):
        raise UsageError(
            f"--on ray translates with CTranslate2, but --engine is {job.engine}; leave out --engine"
        )
    translate_in_bulk(
        model, job.paths, job.output or Path(), quantization=job.quantization, options=job.decoding,
        settings=job.bulk,
    )  # fmt: skip


def _translate_lines(job: TranslateJob, model: StoredModel) -> None:
    lines = read_all_lines(job.paths)
    translator = _opened(job, model)
    aligner = _aligner(translator) if job.follow_words else None
    is_typed = job.paths == [STANDARD_OUTPUT] and sys.stdin.isatty()
    if is_typed:
        _greet(translator)
    window = job.window_lines or (1 if is_typed else window_lines())
    with _outputs(job) as (file, scores):
        rows = LineScores(translator, scores)
        ranked = translator.n_best_lines(
            _flushing(rows.reading(lines), file), job.decoding.n_best, window_lines=window, aligner=aligner
        )
        if not is_typed and (file is not sys.stdout.buffer or is_file(file)):
            ranked = with_bar(ranked, "translating", None)
        for hypotheses in ranked:
            _write(job, file, hypotheses, rows)
        rows.finish()
    _report_terms(job, translator)


@contextmanager
def _outputs(job: TranslateJob) -> Iterator[tuple[IO[bytes], IO[bytes] | None]]:
    """What the translations are written to, and the confidence if it is asked for."""
    with open_output(job.output) as file, ExitStack() as stack:
        yield file, stack.enter_context(open_output(job.scores)) if job.scores else None


def _write(job: TranslateJob, file: IO[bytes], hypotheses: list[Hypothesis], rows: LineScores) -> None:
    best = hypotheses[0].text
    file.write((_row(hypotheses) if job.has_n_best else best).encode("utf-8") + b"\n")
    rows.add(best)


def _translate_document(job: TranslateJob, model: StoredModel) -> None:
    from crosslate.documents import format_of, open_document
    from crosslate.text.streams import read_blocks
    from crosslate.translation.postediting import finished

    (path,) = job.paths
    name = format_of(path).name if job.format == "auto" else job.format
    translator = _opened(job, model)
    data = b"".join(read_blocks(path))
    try:
        document = open_document(data, name, translator.source_language, translator.target_language)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    with _outputs(job) as (file, scores):
        texts = [segment.text for segment in document.segments]
        translated = translator.translate_lines(texts, window_lines=window_lines())
        language = translator.target_language
        translations = [
            finished(text, each, language)
            for text, each in zip(texts, with_bar(translated, "translating", len(texts)), strict=True)
        ]
        marked = [pair for pair, each in zip(zip(texts, translations), document.segments) if each.has_marks]
        align = _aligner(translator)(marked) if job.follow_words and marked else None
        file.write(document.rebuild(translations, align))
        if scores:
            write_segments(scores, translator, texts, translations)
    _report_terms(job, translator)


def _opened(job: TranslateJob, model: StoredModel) -> Translator:
    """The translator of text, with the glossary asked for; that is read first."""
    if not job.glossary:
        return job.open(model)
    from crosslate.text.glossaries import Glossary

    faults = Faults("--glossary")
    read = []
    for path in job.glossary:
        with faults.catch():
            read.append(Glossary.read(path, model.source_language, model.target_language))
    faults.raise_as(InputError)
    return job.open(model).with_glossary(reduce(Glossary.updated, read))


def _report_terms(job: TranslateJob, translator: Translator) -> None:
    """Says how many terms of the glossary were used, and which are missing."""
    if job.glossary:
        use = translator.term_use
        log.log(logging.WARNING if use.missed else logging.INFO, "glossary: %s", use.described())


def _aligner(translator: Translator) -> Aligner:
    """Links words by attention; without PyTorch's engine, the model is loaded when it is first needed."""

    def align(pairs: Sequence[tuple[str, str]]) -> Align | None:
        from crosslate.errors import EngineError, ParentError
        from crosslate.translation.word_links import attention_align

        try:
            return attention_align(translator.live_model(), pairs)
        except (ParentError, EngineError) as error:
            log.info("tags are placed in proportion: %s", error)
            return None

    return align


def _flushing(lines: Iterable[str], file: IO[bytes]) -> Iterator[str]:
    """Yields ``lines``, flushing the translations so far before waiting for the next one."""
    file.flush()
    for line in lines:
        yield line
        file.flush()


def _row(hypotheses: list[Hypothesis]) -> str:
    cells = ((each.text.replace("\t", " "), f"{each.score:.4f}") for each in hypotheses)
    return "\t".join(chain.from_iterable(cells))


def _greet(translator: Translator) -> None:
    from crosslate.languages.codes import language_name

    source, target = map(language_name, (translator.source_language, translator.target_language))
    print_line(error_console(), f"{source} to {target}, {translator.engine.name}; end with Ctrl-D")
