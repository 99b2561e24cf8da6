"""``crosslate evaluate``: scores with signatures and intervals, and the comparison of systems."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosslate.cli import decoding as d
from crosslate.cli import options as o
from crosslate.cli.console import console, print_line
from crosslate.cli.output import STANDARD_OUTPUT, open_output, with_bar, write_lines
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import InputError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from crosslate.evaluation.scores import Evaluation
    from crosslate.packs.stored import StoredModel
    from crosslate.text.corpora import ParallelCorpus


def evaluate(
    test: Annotated[
        list[str],
        typer.Option(
            "--test",
            metavar="FILE",
            help="Test text: a file of sources and one of references, or one TSV, JSONL, TMX or data set.",
        ),
    ],
    pack: d.Packs = None,
    parent: d.ParentPlace = None,
    parent_langs: o.ParentLangs = None,
    hypotheses: Annotated[
        list[str] | None,
        typer.Option(
            "--hypotheses",
            metavar="FILE",
            help="Score these translations, a file per system; several are compared with the first.",
        ),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            "--compare",
            metavar="SYSTEM",
            help="Another system to compare the first one with, by paired bootstrap: a pack, or a file of "
            "translations.",
        ),
    ] = None,
    langs: Annotated[
        str | None,
        typer.Option(help="Language pair of the test text, like de-en; the packs' if not given."),
    ] = None,
    metric: Annotated[str, typer.Option(help="bleu, chrf or both, with a comma between.")] = "bleu,chrf",
    tokenizer: Annotated[
        str, typer.Option(help="sacreBLEU's tokenizer for BLEU: 13a, intl, char, zh or none.")
    ] = "13a",
    samples: Annotated[
        int,
        typer.Option(metavar="N", help="Bootstrap resamples, for intervals and comparisons; 0 for none."),
    ] = 1000,
    comet: Annotated[bool, typer.Option("--comet", help="Also COMET, if it is installed.")] = False,
    save_translations: Annotated[
        Path | None,
        typer.Option(
            "--save-translations", metavar="FILE", help="Write the translations of --pack or --parent."
        ),
    ] = None,
    json_: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="FILE", help="Write the scores as JSON; - prints it instead of the table."
        ),
    ] = None,
    engine: d.EngineName = "auto",
    quantization: d.Quantization = "float32",
    beam: d.Beam = d.DEFAULTS.beam_size,
    length_penalty: d.LengthPenalty = d.DEFAULTS.length_penalty,
    no_repeat_ngram: d.NoRepeatNgram = d.DEFAULTS.no_repeat_ngram,
    repetition_penalty: d.RepetitionPenalty = d.DEFAULTS.repetition_penalty,
    max_new_tokens: d.MaxNewTokens = d.DEFAULTS.max_new_tokens,
) -> None:
    """Score translations of a test set by BLEU and chrF, and compare systems."""
    from crosslate.evaluation.scores import EvaluationSettings, check_comet, read_translations, score_systems

    options = DecodingOptions(
        beam_size=beam,
        length_penalty=length_penalty,
        no_repeat_ngram=no_repeat_ngram,
        repetition_penalty=repetition_penalty,
        max_new_tokens=max_new_tokens,
    )
    metrics = tuple(part.strip() for part in metric.split(",") if part.strip())
    settings = EvaluationSettings(metrics, tokenizer, samples, comet)
    if comet:
        check_comet()
    if save_translations and not (pack or parent):
        raise UsageError("--save-translations needs --pack or --parent: without them nothing is translated")
    systems = _systems(pack, parent, hypotheses, compare, o.parent_languages(parent_langs))
    if len(systems) > 1 and not samples:
        raise UsageError("--samples 0 leaves nothing to compare systems with; give at least 1")
    models = [system for system in systems if not isinstance(system, str)]
    corpus = _read_test(test, langs, models)
    given = read_translations([system for system in systems if isinstance(system, str)], corpus)
    translations: dict[str, list[str]] = {}
    for system in systems:
        if isinstance(system, str):
            translations[system] = given[system]
            continue
        translator = d.open_translator(system, engine=engine, quantization=quantization, options=options)
        lines = with_bar(translator.translate_lines(corpus.source), system.name, len(corpus))
        translations[system.name] = list(lines)
    if save_translations:
        write_lines(save_translations, translations[models[0].name])
    evaluation = score_systems(corpus, translations, settings)
    if json_:
        record = {"decoding": vars(options) | {"quantization": quantization}} if models else {}
        with open_output(json_) as file:
            text = json.dumps(evaluation.as_values() | record, indent=2, ensure_ascii=False)
            file.write(text.encode("utf-8") + b"\n")
    if json_ is None or str(json_) != STANDARD_OUTPUT:
        _show(console(), evaluation)


def _systems(
    packs: list[Path] | None,
    parent: str | None,
    hypotheses: list[str] | None,
    compare: list[str] | None,
    languages: tuple[str, str] | None = None,
) -> list[StoredModel | str]:
    """What is scored, the baseline first: models on disk, and names of files with translations."""
    from crosslate.packs.stored import StoredModel

    main = StoredModel(packs or [], parent, languages) if packs or parent else None
    systems: list[StoredModel | str] = [*([main] if main else []), *(hypotheses or [])]
    for name in compare or []:
        if not Path(name).is_dir():
            systems.append(name)
            continue
        other = StoredModel([name])
        if main and parent and packs:
            wanted = {manifest.parent.fingerprint for manifest in (*main.manifests, *other.manifests)}
            other = StoredModel([name], parent) if len(wanted) == 1 else other
        systems.append(other)
    if not systems:
        raise UsageError("give --pack or --parent to translate the test text, or --hypotheses to score files")
    names = [system if isinstance(system, str) else system.name for system in systems]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{', '.join(twice)} is given twice; expected different systems")
    return systems


def _read_test(paths: list[str], langs: str | None, models: list[StoredModel]) -> ParallelCorpus:
    from crosslate.languages.codes import language_pair
    from crosslate.text.corpora import read_corpus

    pairs = {model.name: (model.source_language, model.target_language) for model in models}
    if len(set(pairs.values())) > 1:
        described = ", ".join(f"{name} is {'-'.join(pair)}" for name, pair in pairs.items())
        raise InputError(f"these systems do not translate the same pair: {described}")
    languages = language_pair(langs) if langs else next(iter(pairs.values()), ("und", "und"))
    return read_corpus(paths, *languages)


def _show(out: Console, evaluation: Evaluation) -> None:
    from rich.table import Table

    test = evaluation.test
    pair = "" if test.source_language == "und" else f"{test.source_language}-{test.target_language}, "
    print_line(out, f"{pair}{len(test):,} sentences ({test.origin})")
    out.print()
    is_comparison = any(len(systems) > 1 for systems in evaluation.scores.values())
    table = Table(box=None, pad_edge=False)
    table.add_column("system", overflow="fold")
    table.add_column("metric")
    table.add_column("score", justify="right")
    table.add_column("95 % interval", justify="right")
    if is_comparison:
        table.add_column("p", justify="right")
    for metric, systems in evaluation.scores.items():
        for system in systems:
            interval = system.score.interval
            shown = "-" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"
            cells = [system.name, metric, f"{system.score.value:.2f}", shown]
            if is_comparison:
                cells.append("" if system.p_value is None else f"{system.p_value:.3f}")
            table.add_row(*cells)
    out.print(table)
    out.print()
    if is_comparison:
        out.print("p: chance of such a difference from the first system (paired bootstrap)")
    for metric, systems in evaluation.scores.items():
        print_line(out, f"{metric} signature: {systems[0].score.signature}")
