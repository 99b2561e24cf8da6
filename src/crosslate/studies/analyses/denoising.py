"""Denoising parents, which cannot translate, and their children (the paper's Figure 2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crosslate.studies.adapted import (
    Adaptation,
    adapt_and_score,
    is_watched,
    training_record,
    words_of_sides,
)
from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.estimate import training_operations
from crosslate.studies.inputs import PARENT, Inputs
from crosslate.studies.plan import Plan
from crosslate.studies.recipe import ChildRecipe, DenoiserRecipe
from crosslate.studies.report.claims import Evidence, Finding, compared, judge
from crosslate.studies.report.tables import Table, over_seeds, rows_by_part
from crosslate.studies.store import Output, Results
from crosslate.studies.texts import PlacedText
from crosslate.training.settings import TrainingChanges

_FIGURE_2 = "section 4.1, Figure 2"


class Denoising(Analysis):
    is_optional = False
    kinds = ("denoiser", "trimmed", "denoising child")

    def cells(self, plan: Plan) -> Iterator[Cell]:
        for denoiser in plan.recipe.denoisers:
            cell = _denoiser(plan, denoiser)
            yield cell
            for child in plan.recipe.children:
                if not child.is_target_of_denoisers:
                    continue
                if unknown := {child.source, child.target} - set(denoiser.languages):
                    plan.notes.append(
                        f"{child.name} is not adapted from {denoiser.name}, which lacks {', '.join(unknown)}"
                    )
                else:
                    yield from _children(plan, denoiser, cell, child)

    def comparisons(self, plan: Plan) -> Iterator[tuple[Cell, Cell]]:
        for one in plan.find("denoising child"):
            same = {name: one.labels[name] for name in ("child", "seed")}
            for part, other in (("embeddings", "xattn"), ("xattn", "body"), ("xattn", "randxattn")):
                if one.labels["part"] == part:
                    beside = {"part": other, "denoiser": one.labels["denoiser"]}
                    yield from ((one, each) for each in plan.find("denoising child", **beside, **same))
            for part in ("scratch", "embeddings") if one.labels["part"] == "embeddings" else ("scratch",):
                others = plan.find("child", part=part, size=plan.full_size, **same)
                yield from ((one, other) for other in others)

    def work(self, inputs: Inputs) -> Output:
        if inputs.cell.kind == "denoiser":
            return _load(inputs) if "load" in inputs.spec else _train(inputs)
        if inputs.cell.kind == "trimmed":
            return _trim(inputs)

        lexicon, measure = inputs.cell.watched.get("lexicon"), None
        if lexicon:
            from crosslate.evaluation.lexicon import measure_between_languages

            words = words_of_sides(inputs.text("train"))
            measure = measure_between_languages(words, lexicon["side"], inputs.dictionary(lexicon))
        return adapt_and_score(inputs, measure)

    def tables(self, results: Results) -> Iterator[Table]:
        children = results.names("denoising child", "child")
        size = results.full_size
        scratch = [
            over_seeds(results.scores("child", child=child, part="scratch", size=size)) for child in children
        ]
        rows = rows_by_part(results, "denoising child", children)
        if any(scratch):
            rows.insert(0, ("scratch", *scratch))
        losses = [
            f"{cell.title}: {values['validation_loss']:.3f} nats per token"
            for cell, values in results.found("denoiser")
            if values.get("validation_loss") is not None
        ]
        note = "BLEU of children whose parent has learnt denoising and no translation. " + "; ".join(losses)
        yield Table("Denoising parent", note.strip(), ("trained", *children), rows)

    def findings(self, results: Results) -> Iterator[Finding]:
        def between(first: str, second: str, kind: str = "denoising child") -> list[Evidence | None]:
            size = {"size": 0} if kind == "denoising child" else {}
            one, other = (
                {"kind": each, "part": part} for each, part in ((kind, first), ("denoising child", second))
            )
            return compared(results, one | size, other)

        yield judge(
            "New embeddings alone on a translation parent beat all embeddings alone on a denoising parent, "
            "which knows no translation, for every child.",
            _FIGURE_2, between("embeddings", "embeddings", "child"),
        )  # fmt: skip
        yield judge(
            "On a denoising parent, training embeddings alone stays below a model from scratch.",
            _FIGURE_2, between("scratch", "embeddings", "child"),
        )  # fmt: skip
        yield judge(
            "On a denoising parent the order is the same: the whole body is above cross-attention, which is "
            "above cross-attention from random values.",
            _FIGURE_2, between("body", "xattn") + between("xattn", "randxattn"),
        )  # fmt: skip


def _denoiser(plan: Plan, denoiser: DenoiserRecipe) -> Cell:
    labels, title = {"denoiser": denoiser.name}, f"denoiser {denoiser.name}"
    if denoiser.train is None:
        spec: dict[str, Any] = {"languages": denoiser.languages}
        spec |= plan.library.model_identity(denoiser.load)
        return Cell("denoiser", title, spec, labels=labels, published=denoiser.published)
    settings = TrainingChanges.from_values(denoiser.training).resolved()
    texts = {
        f"{role} {language}": PlacedText(getattr(denoiser, role), language, language)
        for role in ("train", "valid")
        for language in denoiser.languages
    }
    names = ("languages", "size", "vocabulary", "mask_share", "mean_span_words")
    spec = {name: getattr(denoiser, name) for name in names} | {
        "training": settings.to_values(), "text": plan.identities(texts),
    }  # fmt: skip
    lines = denoiser.train.estimated_pairs * len(denoiser.languages)
    operations = training_operations(denoiser.size, lines, settings)
    return Cell("denoiser", title, spec, {}, labels, texts, operations)


def _children(plan: Plan, denoiser: DenoiserRecipe, cell: Cell, child: ChildRecipe) -> Iterator[Cell]:
    """A copy of the parent trimmed to a pair, and its children."""
    texts = plan.texts(child.text, child.source, child.target, "train")
    labels = {"denoiser": denoiser.name, "child": child.name}
    spec: dict[str, Any] = {"text": plan.identities(texts)}
    if denoiser.load:
        spec["languages"] = [child.source, child.target]
    title = f"{denoiser.name} trimmed to {child.name}"
    trimmed = Cell("trimmed", title, spec, {"denoiser": cell.key}, labels, texts)
    yield trimmed
    lexicon = plan.lexicon_between(child.source, child.target)
    for strategy in plan.recipe.denoising_strategies:
        for seed in plan.recipe.seeds:
            yield Adaptation(
                "denoising child", f"{child.name} {strategy} on {denoiser.name}", trimmed,
                denoiser.size, child.text, (child.source, child.target),
                {"source": child.source, "target": child.target}, strategy, 0, seed, labels=labels,
                lexicon=lexicon if is_watched(plan, strategy, seed, plan.full_size) else {},
            ).cell(plan)  # fmt: skip


def _train(inputs: Inputs) -> Output:
    """Trains a denoising parent, scored by its loss on validation text."""
    from crosslate.adaptation.parents import train_denoiser
    from crosslate.adaptation.settings import OutputSettings
    from crosslate.files import read_json
    from crosslate.models.parent import RECORD
    from crosslate.models.sizes import parse_size
    from crosslate.training.denoising import NoiseSettings

    spec, folder = inputs.spec, inputs.folder / PARENT
    if not (folder / RECORD).is_file():
        text = {
            role: {
                language: inputs.library.monolingual(inputs.cell.texts[f"{role} {language}"])
                for language in spec["languages"]
            }
            for role in ("train", "valid")
        }
        train_denoiser(
            text["train"], text["valid"], output=OutputSettings(folder=folder), size=parse_size(spec["size"]),
            vocabulary_size=spec["vocabulary"], training=inputs.settings, progress=inputs.progress,
            noise=NoiseSettings(mask_share=spec["mask_share"], mean_span_words=spec["mean_span_words"]),
        )  # fmt: skip
    record = read_json(folder / RECORD)
    losses = [-entry["score"] for entry in record["training"]["validations"]]
    return Output(training_record(record) | {"validation_loss": min(losses, default=None)})


def _load(inputs: Inputs) -> Output:
    """Checks that an existing parent can be loaded."""
    from crosslate.models.parent import Parent

    load, (source, target, *_) = inputs.spec["load"], inputs.spec["languages"]
    parent = Parent.load(inputs.library.model(load), source_language=source, target_language=target)
    return Output({"load": load, "parameters": parent.num_parameters, "fingerprint": parent.fingerprint()})


def _trim(inputs: Inputs) -> Output:
    """Cuts a denoising parent's vocabulary to what a child's training text uses."""
    from crosslate.adaptation.trimming import trim
    from crosslate.models.parent import RECORD, Parent
    from crosslate.models.vocabularies.trimming import trim_parent

    folder = inputs.folder / PARENT
    languages = inputs.spec.get("languages")
    source, target = languages or (None, None)
    if not (folder / RECORD).is_file():
        whole = inputs.parent("denoiser", languages)
        lines = (line for pair in inputs.text("train") for line in pair)
        if languages:
            trim(whole, lines, folder)
        else:
            trimmed = trim_parent(whole, lines)
            trimmed.save(folder, {"trimmed_from": whole.fingerprint()})
    made = Parent.load(folder, source_language=source, target_language=target)
    values = {
        "pieces": len(made.source),
        "parameters": made.num_parameters,
        "fingerprint": made.fingerprint(),
    }
    return Output(values | ({"languages": languages} if languages else {}))
