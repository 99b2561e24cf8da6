"""Cells that look into cross-attention: how spread, how changed, which words it aligns, with maps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from crosslate.evaluation.attention import (
    AlignmentScore,
    SentenceAttention,
    alignment_layer,
    attend,
    entropies,
    head_changes,
    linked_words,
    score_alignment,
    silent_pieces,
)
from crosslate.packs.compose import apply_packs
from crosslate.studies.bench import Bench
from crosslate.studies.store import Output

if TYPE_CHECKING:
    from crosslate.models.child import Child
    from crosslate.models.parent import Parent

FEWEST_WORDS, MOST_WORDS = 5, 10
"""Of the sentence that is shown, on both sides."""


def attention_work(bench: Bench) -> Output:
    """The cross-attention of a parent on its pair, or of a child on its own, also against its parent's."""
    parent = bench.parent()
    model = apply_packs(parent, [bench.pack("child")]) if "child" in bench.cell.needs else parent
    pairs = list(bench.text("test"))[: bench.spec["pairs"]]
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
    if bench.spec["lexicon"]:
        values["alignment"] = _alignment(sentences, model, _translations(bench))
    return Output(values)


def _mean_entropy(sentences: Sequence[SentenceAttention], *, is_normalised: bool = False) -> numpy.ndarray:
    """Mean over all predicted pieces, ``(layers, heads)``: in nats, or as a share of the largest possible."""
    scales = [numpy.log(len(each.source)) if is_normalised else 1.0 for each in sentences]
    found = [entropies(each.weights) / scale for each, scale in zip(sentences, scales)]
    return numpy.concatenate(found, axis=-1).mean(axis=-1)


def _on_no_word(sentences: Sequence[SentenceAttention], model: Parent | Child) -> numpy.ndarray:
    """The share of attention that rests on pieces of no word, such as the end of the sentence."""
    special = silent_pieces(model.source)
    found = [
        each.weights[..., [piece in special for piece in each.source]].sum(axis=-1) for each in sentences
    ]
    return numpy.concatenate(found, axis=-1).mean(axis=-1)


def _alignment(
    sentences: Sequence[SentenceAttention],
    model: Parent | Child,
    dictionary: Mapping[str, Collection[str]],
) -> dict[str, Any]:
    """Precision by dictionary of the links of every layer's mean over heads; one layer is read by rule."""
    num_layers = sentences[0].weights.shape[0]
    scores = [AlignmentScore()] * num_layers
    for each in sentences:
        for layer in range(num_layers):
            links, target, source = linked_words(each, model, layer)
            scores[layer] += score_alignment(links, target, source, dictionary)
    tested = scores[0].tested
    by_layer = [round(100 * score.right / tested, 2) if tested else None for score in scores]
    return {
        "layer": alignment_layer(num_layers) + 1,
        "precision": by_layer[alignment_layer(num_layers)],
        "chance": round(100 * scores[0].chance / tested, 2) if tested else None,
        "words": tested,
        "by layer": by_layer,
    }


def _translations(bench: Bench) -> dict[str, set[str]]:
    """Source words by target word, in lower case, whichever way the cell's dictionary leads."""
    dictionary = bench.dictionary(bench.spec["lexicon"])
    found: dict[str, set[str]] = {}
    for word, translations in dictionary.items():
        for translation in translations:
            source, target = (
                (word, translation) if bench.spec["lexicon"]["side"] == "source" else (translation, word)
            )
            found.setdefault(target.lower(), set()).add(source.lower())
    return found


def _map(
    sentences: Sequence[SentenceAttention],
    pairs: Sequence[tuple[str, str]],
    model: Parent | Child,
    entropy: numpy.ndarray,
) -> dict[str, Any]:
    """One short sentence: every layer's mean over heads, and the sharpest head of the layer for alignment."""
    short = [each for each in sentences if _is_short(pairs[each.index])]
    shown = (short or sorted(sentences, key=lambda each: len(each.source) + len(each.target)))[0]
    layer = alignment_layer(len(entropy))
    head = int(numpy.argmin(entropy[layer]))
    links, target, source = linked_words(shown, model, layer)
    return {
        "pair": list(pairs[shown.index]),
        "source": list(shown.source), "target": list(shown.target),
        "layers": _rounded(shown.weights.mean(axis=1)),
        "head": {"layer": layer + 1, "head": head + 1, "weights": _rounded(shown.weights[layer, head])},
        # A word is shown at its first piece.
        "alignment": [[target[one].rows[0], source[other].rows[0]] for one, other in links],
    }  # fmt: skip


def _is_short(pair: tuple[str, str]) -> bool:
    return all(FEWEST_WORDS <= len(text.split()) <= MOST_WORDS for text in pair)


def _rounded(values: numpy.ndarray) -> Any:
    return numpy.asarray(values, dtype=numpy.float64).round(4).tolist()
