"""Cells that look at trained models: forgetting, lexicon induction, zero-shot pairs, comparisons."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any, cast

from crosslate.evaluation.embeddings import Embeddings, embeddings, neighbours, through, words_of_languages
from crosslate.evaluation.lexicon import WAYS, frequency_bands, induce
from crosslate.evaluation.lexicon_map import lexicon_map
from crosslate.evaluation.scores import compare
from crosslate.languages.words import count_words
from crosslate.models.groups import Side
from crosslate.packs.compact import StoredType, compressed
from crosslate.packs.compose import apply_packs
from crosslate.studies.bench import Bench
from crosslate.studies.forgetting import measure_forgetting
from crosslate.studies.store import Output
from crosslate.studies.training_work import NUM_SAMPLES, scored, words_of_sides
from crosslate.translation.translator import Translator

_ALL = 1_000_000
_NUM_NEIGHBOURS = 5
_NUM_EXAMPLES = 12


def forgetting_work(bench: Bench) -> Output:
    """The paper's measure of forgetting beside the guarantee that the parent stays what it was."""
    test = bench.text("test")
    found = measure_forgetting(bench.parent(), bench.pack("child"), test, bench.decoding, num_samples=0)
    values = scored(found.translations, test)
    values |= {"parent_is_identical": found.parent_is_identical, "fingerprint": found.fingerprint}
    return Output(values, found.translations)


def compressed_work(bench: Bench) -> Output:
    """A pack in fewer bytes: how many, and what they cost."""
    parent, whole = bench.parent(), bench.pack("child")
    made = compressed(
        whole, parent, rank=bench.spec["rank"], dtype=cast(StoredType, bench.spec["dtype"] or None)
    )
    test = bench.text("test")
    translations = Translator(parent, made, options=bench.decoding).translate(test.source)
    values = scored(translations, test) | {
        "whole_bytes": sum(tensor.nbytes for tensor in whole.tensors.values()),
        "tensor_bytes": sum(tensor.nbytes for tensor in made.tensors.values()),
    }
    return Output(values, translations)


def zero_shot_work(bench: Bench) -> Output:
    """A source pack and a target pack composed, in one pass."""
    test = bench.text("test")
    translator = Translator(
        bench.parent(), bench.pack("source"), bench.pack("target"), options=bench.decoding
    )
    translations = translator.translate(test.source)
    return Output(scored(translations, test), translations)


def pivot_work(bench: Bench) -> Output:
    """Two passes: into the language in the middle, and out of it."""
    test, parent = bench.text("test"), bench.parent()
    middle = Translator(parent, bench.pack("first"), options=bench.decoding).translate(test.source)
    translations = Translator(parent, bench.pack("second"), options=bench.decoding).translate(middle)
    return Output(scored(translations, test), translations)


def compare_work(bench: Bench) -> Output:
    """Paired bootstrap of two systems on one test set."""
    test = bench.text("test")
    second, first = bench.translations("second"), bench.translations("first")
    values: dict[str, Any] = {}
    for metric in ("bleu", "chrf"):
        base, other = compare(
            test.target, {"second": second, "first": first}, cast(Any, metric), num_samples=NUM_SAMPLES
        )
        values[metric] = {
            "first": other.score.value, "second": base.score.value,
            "difference": other.score.value - base.score.value, "p_value": other.p_value,
            "signature": other.score.signature,
        }  # fmt: skip
    return Output(values)


def lexicon_work(bench: Bench) -> Output:
    """A child's new words looked up among its parent's."""
    side = cast(Side, bench.spec["side"])
    parent = bench.parent()
    one = embeddings(apply_packs(parent, [bench.pack("child")]), side, "child")
    other = embeddings(parent, side, "parent")
    values = _lexicon(bench, one, other, side)
    if num_pairs := bench.spec.get("map_pairs"):
        theirs = _words(bench, "other", side) if "other" in bench.cell.texts else Counter[str]()
        pairs, share = lexicon_map(
            one, other, bench.dictionary(bench.spec), _words(bench, "train", side),
            theirs, num_pairs,
        )  # fmt: skip
        values["map"] = {"points": [asdict(each) for each in pairs], "variance %": round(100 * share, 1)}
    return Output(values)


def lexicon_of_languages_work(bench: Bench) -> Output:
    """The words of one language looked up among the other's, in a table that both share; before and after."""
    side = cast(Side, bench.spec["side"])
    parent = bench.parent()
    words = words_of_sides(bench.text("train"))
    one, other = words_of_languages(apply_packs(parent, [bench.pack("child")]), side, words)
    values = _lexicon(bench, one, other, side)
    pair = words_of_languages(parent, side, words)
    found = induce(*pair, bench.dictionary(bench.spec), num_examples=0)
    return Output(values | {"before training": found.precisions})


def lexicon_between_work(bench: Bench) -> Output:
    """A child's new words looked up among another child's: directly, and through the parent's words."""
    side = cast(Side, bench.spec["side"])
    parent = bench.parent()
    one, other = (
        embeddings(apply_packs(parent, [bench.pack(role)]), side, role) for role in ("child", "other")
    )
    values = _lexicon(bench, one, other, side)
    middle = through(one, embeddings(parent, side, "parent"))
    found = induce(middle, other, bench.dictionary(bench.spec), num_examples=0)
    values["through the parent"] = found.precisions
    return Output(values)


def _lexicon(bench: Bench, one: Embeddings, other: Embeddings, side: Side) -> dict[str, Any]:
    dictionary = bench.dictionary(bench.spec)
    counts = _words(bench, "train", side)
    others = set(_words(bench, "other", side)) if "other" in bench.cell.texts else None
    values: dict[str, Any] = {}
    for way in WAYS:
        limits = {"child_words": set(counts), "parent_words": others} if way == "authors" else {}
        found = induce(one, other, dictionary, num_examples=_ALL, way=way, **limits)
        values[way] = found.precisions
        if way == "cosine":
            bands = [asdict(band) for band in frequency_bands(found.examples, counts)]
            step = max(1, len(found.examples) // _NUM_EXAMPLES)
            values |= {
                "bands": bands,
                "examples": [asdict(each) for each in found.examples[::step][:_NUM_EXAMPLES]],
                "coverage": found.coverage, "words": found.num_words, "pieces": found.num_pieces,
                "candidates": found.num_candidates,
            }  # fmt: skip
    known = {piece.removeprefix("▁") for piece in one.vocabulary.marked_pieces if piece.startswith("▁")}
    asked = [word for word in bench.spec.get("words", ()) if word in known]
    near = neighbours(one, other, asked, _NUM_NEIGHBOURS)
    return values | {"neighbours": [asdict(each) for each in near]}


def _words(bench: Bench, role: str, side: Side) -> Counter[str]:
    """How often the words of one side of a training text occur."""
    return count_words(map(str.lower, bench.text(role).lines(side)), with_digits=True)
