"""Why a composed child is weaker than a supervised one: states of its encoder, and exchanged parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crosslate.errors import SettingsError
from crosslate.studies.adapted import scored
from crosslate.studies.analyses.pair_packs import SUPERVISED, systems_of
from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.inputs import Inputs
from crosslate.studies.plan import Plan
from crosslate.studies.report.tables import Row, Table
from crosslate.studies.store import Output, Results
from crosslate.studies.texts import PlacedText

if TYPE_CHECKING:
    from crosslate.engines.decoding import DecodingOptions
    from crosslate.models.groups import Group
    from crosslate.models.parent import Parent
    from crosslate.packs.pack import Pack
    from crosslate.text.corpora import ParallelCorpus

MARGIN_CHRF = 1.0
"""Smaller differences in chrF2 are not read as effects."""
MEETING = 75.0
"""Per cent of sentences found by their states from which on two encoders are said to agree."""

COMPOSED, ORACLE, REVERSED = "composed", "supervised encoder and embeddings", "supervised decoder"
_GROUPS: tuple[Group, ...] = ("src", "enc", "xattn", "dec", "tgt")
EXCHANGES: dict[str, tuple[str, str, str, str, str]] = {
    COMPOSED: ("source", "composed", "target", "target", "target"),
    "embeddings of the packs alone": ("source", "parent", "parent", "parent", "target"),
    "encoder of the parent": ("source", "parent", "target", "target", "target"),
    "encoder of the source pack": ("source", "source", "target", "target", "target"),
    "encoder of the target pack": ("source", "target", "target", "target", "target"),
    "cross-attention of the parent": ("source", "composed", "parent", "target", "target"),
    "cross-attention of the source pack": ("source", "composed", "source", "target", "target"),
    "decoder of the parent": ("source", "composed", "target", "parent", "target"),
    "decoder of the source pack": ("source", "composed", "target", "source", "target"),
    "supervised source embeddings": ("supervised", "composed", "target", "target", "target"),
    ORACLE: ("supervised", "supervised", "target", "target", "target"),
    REVERSED: ("source", "composed", "supervised", "supervised", "supervised"),
    SUPERVISED: ("supervised", "supervised", "supervised", "supervised", "supervised"),
}
"""Which child gives each group, in the order of ``_GROUPS``: the first is what composition does."""


class CompositionGap(Analysis):
    def cells(self, plan: Plan) -> Iterator[Cell]:
        for pair in plan.recipe.pair_packs:
            if pair.aligned is None:
                continue
            systems = systems_of(plan, pair, plan.recipe.seeds[0])
            if "composed" not in systems:
                raise SettingsError(
                    "the analysis composition-gap needs pair-packs; add it to the recipe's analyses"
                )
            composed, supervised = systems["composed"], systems.get(SUPERVISED)
            known = plan.recipe.parent(composed.labels["parent"]).source
            aligned = PlacedText(pair.aligned, composed.labels["source"], known)
            texts = {"test": composed.texts["test"], "aligned": aligned}
            needs = dict(composed.needs) | ({SUPERVISED: supervised.key} if supervised else {})
            title = f"composition gap of {composed.title}"
            labels = {name: composed.labels[name] for name in ("pair", "parent", "seed")}
            yield Cell(self.name, title, plan.scored(texts), needs, labels, texts)

    def work(self, inputs: Inputs) -> Output:
        supervised = inputs.pack(SUPERVISED) if SUPERVISED in inputs.cell.needs else None
        return Output(
            measured(
                inputs.parent(), inputs.pack("source"), inputs.pack("target"), supervised,
                inputs.text("aligned"), inputs.text("test"), inputs.decoding,
            )
        )  # fmt: skip

    def tables(self, results: Results) -> Iterator[Table]:
        for cell, values in results.found(self.name):
            where = f"{cell.labels['pair']} on {cell.labels['parent']}"
            note = (
                "Means of a sentence's states, in the new source language by the encoder in the head and in "
                "the parent's source language by the target pack's encoder: linear CKA (0 to 1), and per "
                "cent of sentences whose translation is the nearest by cosine. `parent` reads the parent's "
                "language, too. Layer 0 are the embeddings."
            )
            yield Table(f"Encoder states, {where}", note, *layer_rows(values))
            yield Table(
                f"Exchanged parts, {where}", reading(values), ("child", *_GROUPS, "BLEU", "chrF2"),
                [
                    (each["name"], *each["parts"], round(each["bleu"], 1), round(each["chrf"], 1))
                    for each in values["exchanges"]
                ],
            )  # fmt: skip


def layer_rows(values: Mapping[str, Any]) -> tuple[Sequence[str], list[Row]]:
    """Head and rows of the table of layers."""
    names = list(values["layers"])
    columns = ("layer", *(f"{name}: {what}" for name in names for what in ("CKA", "found, %")))
    rows = [
        (str(layer), *(value for each in both for value in (round(each["cka"], 2), round(each["found"], 1))))
        for layer, both in enumerate(zip(*(values["layers"][name] for name in names), strict=True))
    ]
    return columns, rows


def measured(
    parent: Parent,
    source: Pack,
    target: Pack,
    supervised: Pack | None,
    aligned: ParallelCorpus,
    test: ParallelCorpus,
    decoding: DecodingOptions,
) -> dict[str, Any]:
    """The values of a cell: similarity of states by encoder and layer, and scores of exchanged parts.

    Args:
        supervised: a pack of the same pair for both sides, trained on its text; None leaves out its rows.
        aligned: sentences in the new source language with their translations into the parent's.
        test: of the composed pair.
    """
    from crosslate.evaluation.encoder_layers import layer_states, linear_cka, retrieval
    from crosslate.packs.compose import apply_packs, exchanged
    from crosslate.translation.translator import Translator

    packs: dict[str, Sequence[Pack]] = {
        "parent": (), "source": (source,), "target": (target,), "composed": (source, target),
    }  # fmt: skip
    if supervised is not None:
        packs["supervised"] = (supervised,)
    reference = layer_states(apply_packs(parent, [target]), aligned.target)
    layers = {}
    for name in ("parent", "source", "composed", "supervised"):
        if name in packs:
            model = apply_packs(parent, packs[name]) if packs[name] else parent
            states = layer_states(model, aligned.target if name == "parent" else aligned.source)
            layers[name] = [
                {"cka": linear_cka(one, other), "found": retrieval(one, other)}
                for one, other in zip(states, reference, strict=True)
            ]
    exchanges = []
    for name, parts in EXCHANGES.items():
        if not set(parts) <= set(packs):
            continue
        child = exchanged(parent, {group: packs[part] for group, part in zip(_GROUPS, parts, strict=True)})
        scores = scored(Translator(child, options=decoding).translate(test.source), test)["scores"]
        bleu, chrf = (scores[metric]["value"] for metric in ("bleu", "chrf"))
        exchanges.append({"name": name, "parts": list(parts), "bleu": bleu, "chrf": chrf})
    return {"layers": layers, "exchanges": exchanges}


def reading(values: Mapping[str, Any]) -> str:
    """What the numbers of a cell say about the gap, in a paragraph; by chrF2, one seed, without a test.

    Its last sentence says that.
    """
    chrf = {each["name"]: each["chrf"] for each in values["exchanges"]}
    return " ".join(
        [
            _on_states(values["layers"]),
            _on_exchanges(chrf),
            *([_on_halves(chrf)] if SUPERVISED in chrf else []),
            f"All by chrF2 of one seed, without intervals; differences within {MARGIN_CHRF:g} are not read.",
        ]
    )


def _on_states(layers: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    last = layers["composed"][-1]
    found = f"{last['found']:.1f} % of the sentences (CKA {last['cka']:.2f})"
    if last["found"] >= MEETING:
        return (
            "The composed encoder puts a sentence where the target pack's decoder expects it: the "
            f"translation's states are the nearest for {found}."
        )
    return (
        "The composed encoder puts many sentences where the target pack's decoder does not expect them: the "
        f"translation's states are the nearest for only {found}."
    )


def _on_exchanges(chrf: Mapping[str, float]) -> str:
    base = chrf[COMPOSED]
    of_packs = {
        name: value - base
        for name, value in chrf.items()
        if name != COMPOSED and "supervised" not in EXCHANGES[name]
    }
    better = {name: value for name, value in of_packs.items() if value > MARGIN_CHRF}
    worst = min(of_packs, key=lambda name: of_packs[name])
    if better:
        named = ", ".join(
            f"{name} ({value:+.1f})" for name, value in sorted(better.items(), key=lambda e: -e[1])
        )
        first = f"Composition takes the wrong parts: better in chrF2 is {named}."
    else:
        first = "No other choice of parts from the two packs and their parent is better than composition's."
    if of_packs[worst] < -MARGIN_CHRF:
        return f"{first} The choice that costs most is {worst} ({of_packs[worst]:+.1f})."
    return f"{first} None costs much either."


def _on_halves(chrf: Mapping[str, float]) -> str:
    base, gap = chrf[COMPOSED], chrf[SUPERVISED] - chrf[COMPOSED]
    encoder, decoder = chrf[ORACLE] - base, chrf[REVERSED] - base
    numbers = (
        f"{encoder:+.1f} by its encoder and embeddings, {decoder:+.1f} by its decoder, of a gap of {gap:.1f}"
    )
    if gap <= MARGIN_CHRF:
        return f"The supervised child is not better ({gap:+.1f}), so there is no gap to explain."
    if max(encoder, decoder) <= MARGIN_CHRF:
        return (
            "Neither half of the supervised child helps the other half of the composed one "
            f"({numbers}): each half has states of its own kind, so this does not say which of them the gap "
            "is in."
        )
    if abs(encoder - decoder) <= MARGIN_CHRF:
        return f"Either half of the supervised child helps the composed one ({numbers})."
    half = "encoder" if encoder > decoder else "decoder"
    return f"More of the gap is in the {half} ({numbers})."
