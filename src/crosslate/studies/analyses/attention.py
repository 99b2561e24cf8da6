"""Cross-attention: entropy, change from the parent's, and word alignment."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from statistics import mean
from typing import TYPE_CHECKING, Any

from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.inputs import Inputs
from crosslate.studies.plan import Plan
from crosslate.studies.report.charts import heat_map
from crosslate.studies.report.page import Figures
from crosslate.studies.report.tables import Row, Table
from crosslate.studies.store import Found, Output, Results

if TYPE_CHECKING:
    import numpy

    from crosslate.evaluation.attention import SentenceAttention
    from crosslate.models.child import Child
    from crosslate.models.parent import Parent

NUM_PAIRS = 200
"""Number of pairs, from the start of a test set, for which attention is analysed."""
FEWEST_WORDS, MOST_WORDS = 5, 10
"""Length of the sentence shown, on both sides."""
PARTS_SHOWN = ("parent", "xattn", "body", "randxattn")
"""Parts with an attention map: the first of each for source children; only ``xattn`` for target children."""


class Attention(Analysis):
    def cells(self, plan: Plan) -> Iterator[Cell]:
        seed = plan.recipe.seeds[0]
        first = plan.find("child", size=plan.full_size, seed=seed) + plan.find("denoising child", seed=seed)
        for cell in [*plan.find("parent"), *first]:
            texts = {"test": cell.texts["test"]}
            lexicon = plan.lexicon_between(cell.labels["source"], cell.labels["target"])
            if cell.kind == "parent":
                needs, labels = {"parent": cell.key}, cell.labels | {"part": "parent"}
            else:
                needs, labels = {"child": cell.key, "parent": cell.needs["parent"]}, cell.labels
            spec = {"text": plan.identities(texts), "pairs": NUM_PAIRS, "lexicon": lexicon}
            texts |= plan.dictionary_texts(lexicon)
            yield Cell("attention", f"attention of {cell.title}", spec, needs, labels, texts)

    def work(self, inputs: Inputs) -> Output:
        """A parent's cross-attention on its pair, or a child's on its own, also against its parent's."""
        from crosslate.evaluation.attention import attend, head_changes
        from crosslate.packs.compose import apply_packs

        parent = inputs.parent()
        model = apply_packs(parent, [inputs.pack("child")]) if "child" in inputs.cell.needs else parent
        pairs = list(inputs.text("test"))[: inputs.spec["pairs"]]
        sentences = attend(model, parent.anatomy, pairs)
        entropy = _mean_entropy(sentences)
        values: dict[str, Any] = {
            "sentences": len(sentences),
            "entropy": _rounded(entropy),
            "normalised entropy": _rounded(_mean_entropy(sentences, is_normalised=True)),
            "on no word": _rounded(_on_no_word(sentences, model)),
            "map": _map(sentences, pairs, model, entropy),
        }
        if model is not parent:
            values["change"] = head_changes(model, parent)
        if inputs.spec["lexicon"]:
            values["alignment"] = _alignment(sentences, model, _translations(inputs))
        return Output(values)

    def tables(self, results: Results) -> Iterator[Table]:
        """Entropy by layer, change against the parent by layer, and word alignment by strategy."""
        if found := results.found("attention"):
            num_layers = max(len(values["entropy"]) for _, values in found)
            layers = tuple(f"layer {layer}" for layer in range(1, num_layers + 1))
            yield _entropy_table(found, layers)
            yield _change_table(found, layers)
            yield _alignment_table(found)

    def data(self, results: Results) -> dict[str, Any]:
        """``attention``: maps of one test sentence: the mean over heads of one layer, and its sharpest head.

        Each has ``title``, ``layer`` and ``head`` (from 1; None for the mean), ``source`` and ``target``
        pieces, ``weights`` ``[target][source]`` and ``alignment`` ``[[target_index, source_index], …]``,
        where a word stands at its first piece.
        """
        shown = []
        sides: set[tuple[str, str]] = set()
        for cell, values in results.found("attention"):
            side, part = str(cell.labels.get("side", "")), cell.labels["part"]
            is_wanted = part == "xattn" if side == "target" else part in PARTS_SHOWN
            if not is_wanted or (side, part) in sides or "denoiser" in cell.labels:
                continue
            sides.add((side, part))
            drawn, head = values["map"], values["map"]["head"]
            same = {name: drawn[name] for name in ("source", "target", "alignment")}
            of_mean = drawn["layers"][head["layer"] - 1]
            for number, weights in ((None, of_mean), (head["head"], head["weights"])):
                place = {"title": _title(cell), "layer": head["layer"], "head": number}
                shown.append(place | {"weights": weights} | same)
        return {"attention": shown}

    def figures(self, report: Mapping[str, Any]) -> Iterator[Figures]:
        figures = []
        for number, found in enumerate(report.get("attention") or (), start=1):
            head = "mean of all heads" if found["head"] is None else f"head {found['head']}"
            place = f"layer {found['layer']}, {head}"
            chart = heat_map(f"attention-{number}", f"{found['title']}: {place}", found)
            figures.append((f"{found['title']}, {place}", chart))
        yield Figures(
            "attention", "Attention maps",
            "Cross-attention from each piece of the translation (down) to the pieces of the source "
            "(across): the fuller the colour, the more weight. Outlines are the word alignment, "
            "read from the mean of all heads of the layer.", "natural", figures,
        )  # fmt: skip


def _mean_entropy(sentences: Sequence[SentenceAttention], *, is_normalised: bool = False) -> numpy.ndarray:
    """Mean over all predicted pieces, ``(layers, heads)``: in nats, or as a share of the largest possible."""
    import numpy

    from crosslate.evaluation.attention import entropies

    scales = [numpy.log(len(each.source)) if is_normalised else 1.0 for each in sentences]
    found = [entropies(each.weights) / scale for each, scale in zip(sentences, scales)]
    return numpy.concatenate(found, axis=-1).mean(axis=-1)


def _on_no_word(sentences: Sequence[SentenceAttention], model: Parent | Child) -> numpy.ndarray:
    """The share of attention that rests on pieces of no word, such as the end of the sentence."""
    import numpy

    from crosslate.evaluation.attention import silent_pieces

    silent = silent_pieces(model.source)
    found = [each.weights[..., [piece in silent for piece in each.source]].sum(axis=-1) for each in sentences]
    return numpy.concatenate(found, axis=-1).mean(axis=-1)


def _alignment(
    sentences: Sequence[SentenceAttention], model: Parent | Child, dictionary: Mapping[str, Collection[str]]
) -> dict[str, Any]:
    """Precision by dictionary of the links of every layer's mean over heads; one layer is read by rule."""
    import numpy

    from crosslate.evaluation.attention import alignment_layer, linked_words, score_alignment

    num_layers = sentences[0].weights.shape[0]
    scores = numpy.zeros((num_layers, 3))
    for each in sentences:
        for layer in range(num_layers):
            scores[layer] += score_alignment(*linked_words(each, model, layer), dictionary)
    _, tested, chance = scores[0].tolist()
    by_layer = [round(100 * right / tested, 2) if tested else None for right, _, _ in scores.tolist()]
    return {
        "layer": alignment_layer(num_layers) + 1,
        "precision": by_layer[alignment_layer(num_layers)],
        "chance": round(100 * chance / tested, 2) if tested else None,
        "words": int(tested),
        "by layer": by_layer,
    }


def _translations(inputs: Inputs) -> dict[str, set[str]]:
    """Source words by target word, in lower case, whichever way the cell's dictionary leads."""
    lexicon = inputs.spec["lexicon"]
    found: dict[str, set[str]] = {}
    for word, translations in inputs.dictionary(lexicon).items():
        for each in translations:
            source, target = (word, each) if lexicon["side"] == "source" else (each, word)
            found.setdefault(target.lower(), set()).add(source.lower())
    return found


def _map(
    sentences: Sequence[SentenceAttention],
    pairs: Sequence[tuple[str, str]],
    model: Parent | Child,
    entropy: numpy.ndarray,
) -> dict[str, Any]:
    """One short sentence: every layer's mean over heads, and the sharpest head of the layer for alignment."""
    from crosslate.evaluation.attention import alignment_layer, linked_words

    def is_short(each: SentenceAttention) -> bool:
        return all(FEWEST_WORDS <= len(text.split()) <= MOST_WORDS for text in pairs[each.index])

    by_length = sorted(sentences, key=lambda each: len(each.source) + len(each.target))
    shown = next(filter(is_short, sentences), by_length[0])
    layer = alignment_layer(len(entropy))
    head = int(entropy[layer].argmin())
    links, target, source = linked_words(shown, model, layer)
    return {
        "pair": list(pairs[shown.index]),
        "source": list(shown.source), "target": list(shown.target),
        "layers": _rounded(shown.weights.mean(axis=1)),
        "head": {"layer": layer + 1, "head": head + 1, "weights": _rounded(shown.weights[layer, head])},
        # A word is shown at its first piece.
        "alignment": [[target[one].rows[0], source[other].rows[0]] for one, other in links],
    }  # fmt: skip


def _rounded(values: numpy.ndarray) -> Any:
    return values.astype("float64").round(4).tolist()


def _title(cell: Cell) -> str:
    return cell.title.removeprefix("attention of ")


def _entropy_table(found: Sequence[Found], layers: Sequence[str]) -> Table:
    rows: list[Row] = [
        (
            _title(cell), values["sentences"], *_by_layer(values["entropy"], len(layers)),
            round(100 * _mean(values["normalised entropy"]), 1), round(100 * _mean(values["on no word"]), 1),
        )
        for cell, values in found
    ]  # fmt: skip
    note = (
        "Nats, mean over the heads (least to most of one head), over those of the first "
        f"{found[0][0].spec['pairs']} pairs of the test set that fit into the model, with the reference "
        "forced; all heads as percent of the largest possible; and the percent of attention that rests on "
        "the end of the sentence."
    )
    columns = ("model", "pairs", *layers, "% of largest", "% on the end")
    return Table("Cross-attention: entropy", note, columns, rows)


def _change_table(found: Sequence[Found], layers: Sequence[str]) -> Table:
    rows: list[Row] = []
    roles = tuple(dict.fromkeys(role for _, values in found for role in values.get("change") or ()))
    for cell, values in found:
        if changes := values.get("change"):
            heads = [[mean(head) for head in zip(*of_layer)] for of_layer in zip(*changes.values())]
            by_role = (round(_mean(changes[role]), 3) if role in changes else None for role in roles)
            rows.append((_title(cell), *_by_layer(heads, len(layers)), *by_role))
    note = (
        "Frobenius norm of the change over that of the parent's weights, mean over the heads (least to most "
        "of one head), for each head the mean of its rows of q, k, v and columns of o; then each projection "
        "alone over all heads. 0: not trained; about 1.4: unrelated and equally large."
    )
    return Table("Cross-attention: change against the parent", note, ("model", *layers, *roles), rows)


def _alignment_table(found: Sequence[Found]) -> Table:
    rows: list[Row] = []
    for cell, values in found:
        scored = values.get("alignment")
        if scored and scored["words"]:
            by_layer = " / ".join(f"{each:.1f}" for each in scored["by layer"])
            pair = f"{cell.labels['source']}-{cell.labels['target']}"
            percents = (round(scored[name], 1) for name in ("precision", "chance"))
            rows.append((_title(cell), pair, scored["words"], *percents, by_layer))
    note = (
        "Percent of target words linked to a source word that a dictionary calls a translation, among those "
        "that have one in the source sentence. The link is the source word with most attention in the mean "
        "over the heads of one layer, the end of the sentence left out: of the last but one of three or more "
        "layers (Garg et al. 2019), else of the last. By chance: any source word."
    )
    columns = ("model", "languages", "words", "precision", "by chance", "precision of each layer")
    return Table("Word alignment from cross-attention", note, columns, rows)


def _by_layer(heads: Sequence[Sequence[float]], num_layers: int) -> list[str | None]:
    """``mean (least–most)`` over the heads of each layer; None for layers that a model does not have."""
    shown: list[str | None] = [f"{mean(each):.2f} ({min(each):.2f}–{max(each):.2f})" for each in heads]
    return shown + [None] * (num_layers - len(shown))


def _mean(heads: Sequence[Sequence[float]]) -> float:
    return mean(value for layer in heads for value in layer)
