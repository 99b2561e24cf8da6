"""Cells that train: parents, denoising parents, children, models from scratch; each scores its test set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from crosslate.adaptation.adapt import adapt
from crosslate.adaptation.parents import train_denoiser, train_parent
from crosslate.adaptation.settings import DataSettings, NewLanguages, OutputSettings, PackOutput
from crosslate.evaluation.lexicon import (
    LEXICON,
    measure_against_parent,
    measure_between_languages,
)
from crosslate.evaluation.scores import bleu, chrf
from crosslate.languages.words import count_words
from crosslate.models.groups import SIDES
from crosslate.models.initialisers.initial_embeddings import RANDOM
from crosslate.models.parent import RECORD, Parent, parse_size
from crosslate.models.vocabularies.trimming import trim_parent
from crosslate.packs.manifest import MANIFEST_NAME
from crosslate.packs.pack import Pack
from crosslate.studies.bench import PACK, PARENT, Bench
from crosslate.studies.store import Output
from crosslate.text.corpora import ParallelCorpus
from crosslate.training.progress import Progress
from crosslate.translation.translator import Translator

if TYPE_CHECKING:
    from crosslate.models.child import Child
    from crosslate.models.groups import Side
    from crosslate.training.denoising import NoiseSettings

NUM_SAMPLES = 1_000
_NUM_SAMPLES_SHOWN = 3


def parent_work(bench: Bench) -> Output:
    """Trains a translation parent (or loads one) and scores it."""
    from crosslate.files import read_json

    spec = bench.spec
    values: dict[str, Any] = {}
    if load := spec.get("load"):
        values = {"load": load, "languages": spec["languages"]}
        parent = Parent.load(load, source_language=spec["languages"][0], target_language=spec["languages"][1])
    else:
        folder = bench.folder / PARENT
        if not (folder / RECORD).is_file():
            source, target = spec["vocabularies"]
            train_parent(
                bench.training_text(), bench.text("valid"), output=OutputSettings(folder=folder),
                size=parse_size(spec["size"]), training=bench.settings,
                data=DataSettings(source_vocabulary_size=source, target_vocabulary_size=target),
                progress=bench.progress,
            )  # fmt: skip
        parent = Parent.load(folder)
        values = _training(read_json(folder / RECORD))
    test = bench.text("test")
    translations = Translator(parent, options=bench.decoding).translate(test.source)
    values |= {"parameters": parent.num_parameters, "fingerprint": parent.fingerprint()}
    return Output(values | scored(translations, test), translations)


def denoiser_work(bench: Bench) -> Output:
    """Trains a denoising parent; its loss on validation text is its score."""
    from crosslate.files import read_json
    from crosslate.training.denoising import NoiseSettings

    spec, folder = bench.spec, bench.folder / PARENT
    if not (folder / RECORD).is_file():
        noise: NoiseSettings = NoiseSettings(spec["mask_share"], spec["mean_span_words"])
        text = {
            role: {language: bench.monolingual(f"{role} {language}") for language in spec["languages"]}
            for role in ("train", "valid")
        }
        train_denoiser(
            text["train"], text["valid"], output=OutputSettings(folder=folder), size=parse_size(spec["size"]),
            vocabulary_size=spec["vocabulary"], noise=noise, training=bench.settings, progress=bench.progress,
        )  # fmt: skip
    record = read_json(folder / RECORD)
    losses = [-entry["score"] for entry in record["training"]["validations"]]
    return Output(_training(record) | {"validation_loss": min(losses, default=None)})


def trimmed_work(bench: Bench) -> Output:
    """Cuts a denoising parent's vocabulary to what a child's training text uses."""
    folder = bench.folder / PARENT
    if not (folder / RECORD).is_file():
        whole = bench.parent("denoiser")
        text = bench.text("train")
        trimmed = trim_parent(whole, (line for pair in text for line in pair))
        trimmed.save(folder, {"trimmed_from": whole.fingerprint()})
    made = Parent.load(folder)
    return Output(
        {"pieces": len(made.source), "parameters": made.num_parameters, "fingerprint": made.fingerprint()}
    )


def child_work(bench: Bench) -> Output:
    """Adapts a parent by a strategy and scores the child."""
    spec, folder = bench.spec, bench.folder / PACK
    parent = bench.parent()
    if not (folder / MANIFEST_NAME).is_file():
        size, progress = spec["vocabulary"], bench.progress or Progress()
        progress.measure = lexicon_measure(bench, parent)
        adapt(
            parent, bench.training_text(), bench.text("valid"), new=_new_languages(bench),
            data=DataSettings(source_vocabulary_size=size, target_vocabulary_size=size),
            training=bench.settings, output=PackOutput(folder=folder), progress=progress,
        )  # fmt: skip
    pack = Pack.load(folder)
    test = bench.text("test")
    translations = Translator(parent, pack, options=bench.decoding).translate(test.source)
    training = pack.manifest.training
    values = _training({"training": training, "data": pack.manifest.data}) | {"watched": bench.cell.watched}
    values |= {
        "strategy": pack.manifest.strategy,
        "initial_embeddings": training.get("initial_embeddings"),
        "heads": training.get("heads"),
        "stored": training["parameters"],
        "memory": {name: training.get(f"{name}_bytes", 0) for name in ("memory_before", "peak_memory")},
        "bytes_on_disk": sum(file.stat().st_size for file in folder.iterdir() if file.is_file()),
    }
    return Output(values | scored(translations, test), translations)


def _new_languages(bench: Bench) -> NewLanguages:
    """What a child's cell says is new, and where its embeddings start."""
    new, start = bench.spec["new"], bench.spec.get("initial_embeddings", {})
    dictionaries: list[Any] = []
    if "dictionaries" in start:
        dictionary = {word: sorted(found) for word, found in bench.dictionary(start).items()}
        dictionaries = [dictionary for language in new.values() if language]
    return NewLanguages(
        source=new["source"], target=new["target"], strategy=bench.spec["strategy"],
        initial_embeddings=start.get("method", RANDOM), dictionaries=dictionaries,
    )  # fmt: skip


def lexicon_measure(bench: Bench, parent: Parent) -> Callable[[Child], dict[str, float]] | None:
    """What a child's words are measured with at every validation; None where its cell does not ask for it."""
    watched = bench.cell.watched.get(LEXICON)
    if not watched:
        return None
    side = cast("Side", watched["side"])
    dictionary = bench.dictionary(watched)
    if bench.cell.kind == "denoising child":
        return measure_between_languages(words_of_sides(bench.text("train")), side, dictionary)
    return measure_against_parent(parent, side, dictionary)


def words_of_sides(text: ParallelCorpus) -> dict[Side, Counter[str]]:
    """How often the words of each side of a text occur, in lower case."""
    return {side: count_words(map(str.lower, text.lines(side)), with_digits=True) for side in SIDES}


def scored(translations: list[str], test: ParallelCorpus) -> dict[str, Any]:
    """BLEU and chrF with intervals and signatures, and the hash of the test set."""
    scores: dict[str, Any] = {}
    for name, scorer in (("bleu", bleu), ("chrf", chrf)):
        found = scorer(translations, test.target, num_samples=NUM_SAMPLES)
        scores[name] = {
            "value": found.value, "interval": list(found.interval or ()), "signature": found.signature,
        }  # fmt: skip
    return {
        "scores": scores,
        "test": {
            "origin": test.origin,
            "sentences": len(test),
            "sha256": test.content_hash,
            "samples": [
                {"source": one, "reference": other} for one, other in islice(test, _NUM_SAMPLES_SHOWN)
            ],
        },
    }


def _training(record: dict[str, Any]) -> dict[str, Any]:
    """What the report says of a training run: how long, how it went, on what."""
    training, data = record["training"], record["data"]
    kept = ("updates", "best_updates", "epochs", "training_seconds", "tokens", "tokens_per_second",
            "finished", "precision")  # fmt: skip
    # The lexicon's precision stands behind the score, where it was measured.
    curve = [
        [entry["epoch"], entry["updates"], entry["score"], *([entry[LEXICON]] if LEXICON in entry else [])]
        for entry in training["validations"]
    ]
    metric = training["validations"][-1]["metric"] if training["validations"] else ""
    return {
        "training": {name: training[name] for name in kept} | {"curve": curve, "metric": metric},
        "data": {role: data[role] for role in ("train", "valid") if role in data},
    }
