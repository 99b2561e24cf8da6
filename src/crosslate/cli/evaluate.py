"""``crosslate evaluate``: scores with signatures and intervals, and comparisons of systems."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from crosslate.cli.console import console, error_console, make_table, print_line
from crosslate.cli.model_choice import MODEL, ModelChoice
from crosslate.cli.options import Option, Options, options_of
from crosslate.cli.output import STANDARD_OUTPUT, open_output, window_lines, with_bar, write_lines
from crosslate.config import AnyPath
from crosslate.errors import Faults, InputError, UsageError
from crosslate.evaluation.scores import (
    EvaluationSettings,
    SystemScore,
    as_values,
    check_installed,
    check_references,
    read_translations,
    score_systems,
)
from crosslate.packs.ways import WayScore, read_scores, record_scores
from crosslate.text.swapped import check_order
from crosslate.translation.chain import check_chain

if TYPE_CHECKING:
    from rich.console import Console

    from crosslate.evaluation.calibration import Correlation
    from crosslate.evaluation.significance import Difference
    from crosslate.packs.stored_model import StoredModel
    from crosslate.text.corpora import ParallelCorpus
    from crosslate.translation.translator import Translator


class Models:
    """A system of one model on disk, or of several in a row."""

    def __init__(self, legs: tuple[StoredModel, ...]) -> None:
        check_chain(legs)
        self.legs = legs
        self.name = ", then ".join(leg.name for leg in legs)
        self.languages = legs[0].source_language, legs[-1].target_language


class EvaluateJob(ModelChoice):
    """What to score, and how."""

    test: list[str] = Field(
        description="Test text: one source and one reference file, or a single TSV, CSV, JSONL, TMX or data "
        "set; with --testset its folder. For models that read recordings or images: a table or folder of "
        "these, as for adapt."
    )
    testset: Literal["flores+", "ntrex", "wmt24++"] | None = Field(
        None,
        description="Well-known test set that --test is the folder of, from which the pair's files are taken "
        "by language: FLORES+ (devtest, or the folder dev), NTREX-128 or WMT24++.",
    )
    hypotheses: list[str] = Field(
        default_factory=list,
        description="Translations to score, one file per system; further ones are compared with the first.",
    )
    compare: list[str] = Field(
        default_factory=list,
        description="System to compare with the first by paired bootstrap: a pack or a file of translations.",
    )
    through: list[str] = Field(
        default_factory=list,
        description="Packs or parents that translate the translations of --pack or --parent further, one "
        "after another.",
    )
    langs: str | None = Field(
        None, description="Language pair of the test text, like de-en. [default: that of the packs]"
    )
    scored: EvaluationSettings = Field(default_factory=EvaluationSettings)
    confidence: bool = Field(
        False,
        description="Also report how the confidence of models goes with the chrF of their sentences, which "
        "takes another pass over each translation.",
    )
    save_translations: AnyPath | None = Field(
        None, description="Write the translations of --pack or --parent."
    )
    json_file: AnyPath | None = Field(
        None, description="Write the scores as JSON; - prints it instead of the table."
    )
    record: AnyPath | None = Field(
        None,
        description="Folder of packs in which the scores of all models are recorded; from them, a server of "
        "this folder chooses between the ways to translate a pair.",
    )

    def find_faults(self, faults: Faults) -> None:
        for option, value in (
            ("--save-translations", self.save_translations),
            ("--through", self.through),
            ("--confidence", self.confidence),
            ("--record", self.record),
        ):
            if value and not (self.packs or self.parent):
                faults.add(f"{option} needs a model; give --pack or --parent")
        if self.testset and len(self.test) != 1:
            faults.add(f"--test names {len(self.test)} files, but --testset {self.testset} takes its folder")

    def systems(self) -> list[Models | str]:
        """Systems to score, the baseline first: models on disk, and names of files with translations."""
        from crosslate.packs.hub import names_pack
        from crosslate.packs.stored_model import StoredModel

        main = self.stored() if self.packs or self.parent else None
        further = [StoredModel.named([each]) for each in self.through]
        systems: list[Models | str] = [*([Models((main, *further))] if main else []), *self.hypotheses]
        for name in self.compare:
            if not (Path(name).is_dir() or names_pack(name)):
                systems.append(name)
                continue
            other = StoredModel([name])
            if main and self.parent and self.packs:
                wanted = {manifest.parent.fingerprint for manifest in (*main.manifests, *other.manifests)}
                other = StoredModel([name], self.parent) if len(wanted) == 1 else other
            systems.append(Models((other,)))
        if not systems:
            raise UsageError(
                "give --pack or --parent to translate the test text, or --hypotheses to score files"
            )
        names = [system if isinstance(system, str) else system.name for system in systems]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UsageError(f"{', '.join(twice)} is given twice; expected different systems")
        if len(systems) > 1 and not self.scored.num_samples:
            raise UsageError("--samples is 0, but comparing systems needs at least 1")
        return systems


_OPTIONS: Options = {
    "--test": Option("test", metavar="FILE"),
    "--testset": "testset",
    **MODEL,
    "--hypotheses": Option("hypotheses", metavar="FILE"),
    "--compare": Option("compare", metavar="SYSTEM"),
    "--through": Option("through", metavar="FOLDER"),
    "--langs": "langs",
    "--metric": "scored.metric",
    "--tokenizer": Option("scored.tokenizer", metavar="NAME"),
    "--samples": Option("scored.num_samples", metavar="N"),
    "--comet": "scored.with_comet",
    "--confidence": "confidence",
    "--save-translations": Option("save_translations", metavar="FILE"),
    "--json": Option("json_file", metavar="FILE"),
    "--record": Option("record", metavar="FOLDER"),
}


@options_of(_OPTIONS)
def evaluate(job: EvaluateJob) -> None:
    """Score translations of a test set by BLEU, chrF or chrF++, and compare systems."""
    check_installed(job.scored)
    if job.record:
        read_scores(job.record)  # a fault in the folder is found before anything is translated
    systems = job.systems()
    models = [system for system in systems if not isinstance(system, str)]
    signal = _signal_of(models)
    if signal and job.scored.with_comet:
        raise UsageError(
            f"COMET compares with the source text, but these systems read {signal}; leave it out"
        )
    corpus = _read_test(job, models)
    if not signal:
        check_order(corpus)
    check_references(corpus, "line" if len(job.test) == 2 else "pair")
    given = read_translations([system for system in systems if isinstance(system, str)], corpus)
    translations: dict[str, list[str]] = {}
    correlations: dict[str, Correlation] = {}
    for system in systems:
        if isinstance(system, str):
            translations[system] = given[system]
            continue
        lines: list[str] = list(corpus.source)
        for leg in system.legs:
            translator, read = job.open(leg), lines
            made = translator.translate_lines(read, window_lines=window_lines())
            lines = list(with_bar(made, Path(leg.name).name, len(corpus)))
        translations[system.name] = lines
        if job.confidence:
            correlations[system.name] = _correlation(translator, read, lines, corpus)
    if job.save_translations:
        write_lines(job.save_translations, translations[models[0].name])
    scores = score_systems(corpus, translations, job.scored)
    decoding = job.decoding.to_values() | {"quantization": job.quantization}
    if job.json_file:
        values = as_values(corpus, scores) | ({"decoding": decoding} if models else {})
        if job.confidence:
            values["confidence"] = [{"system": name, **asdict(each)} for name, each in correlations.items()]
        with open_output(job.json_file) as file:
            file.write(json.dumps(values, indent=2, ensure_ascii=False).encode("utf-8") + b"\n")
    if str(job.json_file) != STANDARD_OUTPUT:
        _show(console(), corpus, scores)
        for name, each in correlations.items():
            text = (
                f"confidence of {name} and chrF of {each.sentences:,} sentences: "
                f"Spearman {each.spearman:.2f}, Pearson {each.pearson:.2f}"
            )
            print_line(console(), text)
    if job.record:
        _record(job.record, corpus, models, scores, decoding)


def _correlation(
    translator: Translator, sources: list[str], translations: list[str], test: ParallelCorpus
) -> Correlation:
    """How the confidence of a model, the last of several, goes with the chrF of its sentences."""
    from crosslate.evaluation.calibration import Correlation

    found = translator.confidences(sources, translations)
    confidence = [None if each is None else each.score for each in found]
    return Correlation.of(confidence, translations, test.target)


def _signal_of(models: list[Models]) -> str:
    """What all the systems read in place of text; empty for text."""
    signals = {model.name: model.legs[0].signal for model in models}
    if len(set(signals.values())) > 1:
        described = ", ".join(f"{name} reads {signal or 'text'}" for name, signal in signals.items())
        raise InputError(f"these systems read different things: {described}; give systems of one kind")
    return next(iter(signals.values()), "")


def _record(
    folder: Path,
    test: ParallelCorpus,
    models: list[Models],
    scores: dict[str, list[SystemScore]],
    decoding: dict[str, Any],
) -> None:
    """Records the scores of models in a folder of packs."""
    by_name = {model.name: model for model in models}
    found = [
        WayScore(
            metric=metric, value=round(each.score.value, 4), signature=each.score.signature,
            interval=each.score.interval, test_set=test.origin, test_sha256=test.content_hash,
            source_language=by_name[each.name].languages[0], target_language=by_name[each.name].languages[1],
            way=tuple(leg.parts() for leg in by_name[each.name].legs), decoding=decoding,
        )
        for metric, systems in scores.items()
        for each in systems
        if each.name in by_name
    ]  # fmt: skip
    print_line(error_console(), f"recorded in {record_scores(folder, found)}")


def _read_test(job: EvaluateJob, models: list[Models]) -> ParallelCorpus:
    from crosslate.languages.codes import language_pair
    from crosslate.text.corpora import read_corpus
    from crosslate.text.test_sets import read_test_set

    pairs = {model.name: model.languages for model in models}
    if len(set(pairs.values())) > 1:
        described = ", ".join(f"{name} is {'-'.join(pair)}" for name, pair in pairs.items())
        raise InputError(f"these systems translate different pairs: {described}; give systems of one pair")
    languages = language_pair(job.langs) if job.langs else next(iter(pairs.values()), None)
    if job.testset is None:
        known = languages or ("und", "und")
        if _signal_of(models):
            from crosslate.signals.corpora import read_signals

            return read_signals(job.test, *known)
        return read_corpus(job.test, *known)
    if languages is None:
        raise UsageError(f"--testset {job.testset} needs to know the languages; give --langs, like de-en")
    return read_test_set(job.testset, Path(job.test[0]), *languages)


def _show(out: Console, test: ParallelCorpus, scores: dict[str, list[SystemScore]]) -> None:
    pair = "" if test.source_language == "und" else f"{test.source_language}-{test.target_language}, "
    print_line(out, f"{pair}{len(test):,} sentences ({test.origin})")
    out.print()
    is_comparison = any(len(systems) > 1 for systems in scores.values())
    compared = ["difference", "p"] if is_comparison else []
    table = make_table("system", "metric", right=["score", "95 % interval", *compared])
    table.columns[0].overflow = "fold"
    for metric, systems in scores.items():
        for system in systems:
            interval = system.score.interval
            shown = "-" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"
            cells = [system.name, metric, f"{system.score.value:.2f}", shown]
            if is_comparison:
                cells += _difference(system.difference)
            table.add_row(*cells)
    out.print(table)
    out.print()
    if is_comparison:
        print_line(
            out,
            "difference: from the first system, with its 95 % interval; "
            "p: of such a difference by chance (paired bootstrap, two-sided)",
        )
    for metric, systems in scores.items():
        print_line(out, f"{metric} signature: {systems[0].score.signature}")


def _difference(found: Difference | None) -> tuple[str, str]:
    """The texts of a difference with its interval, and of its p-value."""
    if found is None:
        return "", ""
    low, high = found.interval
    return f"{found.value:+.2f} ({low:+.2f} to {high:+.2f})", f"{found.p_value:.4f}"
