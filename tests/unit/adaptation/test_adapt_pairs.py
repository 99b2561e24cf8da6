"""A pair pack is trained on what two packs compose, by the same machinery as any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import toy_corpora
from crosslate.adaptation.adapt import adapt
from crosslate.adaptation.settings import NewLanguages, PackOutput
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import InputError, Interrupted, PackError, UsageError
from crosslate.evaluation.scores import score_translations
from crosslate.models.parent import Parent
from crosslate.packs.compose import composed_parent
from crosslate.packs.pack import Pack
from crosslate.translation.translator import EngineName, Translator
from toy_training import At, interrupt

BOTH = ("de", "es")
ENGINES: tuple[EngineName, ...] = ("pytorch", "ctranslate2", "onnx")


@pytest.fixture(scope="module")
def two(parent: Parent, tmp_path_factory: pytest.TempPathFactory) -> list[Pack]:
    folder = tmp_path_factory.mktemp("packs")
    german = toy_corpora.adapted(parent, folder / "de-en")
    spanish = toy_corpora.adapted(parent, folder / "fr-es", pair=("fr", "es"), source=None, target="es")
    return [spanish, german]


def trained(parent: Parent, out: Path | None, **options: Any) -> Pack:
    corpus = options.pop("corpus", None) or toy_corpora.corpus(*BOTH)
    output = None if out is None else PackOutput(folder=out)
    return adapt(
        parent, corpus, toy_corpora.corpus(*BOTH, 12, seed=1), data=toy_corpora.DATA, output=output,
        training=toy_corpora.settings(), **options,
    )  # fmt: skip


def test_a_pair_pack_comes_out_scored_as_stored(parent: Parent, two: list[Pack], tmp_path: Path):
    before, texts = parent.fingerprint(), toy_corpora.corpus(*BOTH, 12, seed=1).source
    pack = trained(parent, tmp_path / "de-es", start=two)
    assert parent.fingerprint() == before
    manifest = Pack.load(tmp_path / "de-es").manifest
    assert (manifest.source_language, manifest.target_language) == BOTH
    assert manifest.strategy == "pair+xattn+low-rank(enc,dec;rank=32)" and manifest.renewed == ()
    assert [each.fingerprint for each in manifest.packs] == [each.manifest.checksum for each in two[::-1]]
    assert manifest.parent == two[0].manifest.parent and manifest.scores
    (composed,) = manifest.training["start"]["scores"]
    valid = toy_corpora.corpus(*BOTH, 12, seed=1)
    greedily = Translator(parent, *two, options=DecodingOptions(beam_size=1)).translate(valid.source)
    assert composed["value"] == round(score_translations(greedily, valid, "bleu", num_samples=0).value, 4)
    assert composed["test_set"] == manifest.scores[0].test_set
    assert {record.dtype for record in manifest.tensors.values()} == {"bfloat16"}
    assert set(manifest.files) == {"weights.safetensors"}
    card = (tmp_path / "de-es" / "README.md").read_text(encoding="utf-8")
    assert two[0].manifest.checksum in card and "its parent and two other packs" in card
    greedy = DecodingOptions(beam_size=1)
    pytest.importorskip("onnxruntime")
    pytorch, *others = (
        Translator(parent, pack, *two, engine=engine, options=greedy).translate(texts) for engine in ENGINES
    )
    assert others == [pytorch, pytorch] and any(pytorch)


def test_a_stopped_run_ends_in_the_same_pack(parent: Parent, two: list[Pack], tmp_path: Path):
    whole = trained(parent, None, start=two)
    with pytest.raises(Interrupted):
        trained(parent, tmp_path / "pack", start=two, progress=At(2, interrupt))
    again = trained(composed_parent(parent, two), tmp_path / "pack")
    assert toy_corpora.are_equal(whole, again)
    assert toy_corpora.are_equal(whole, Pack.load(tmp_path / "pack"))


def test_what_cannot_be(parent: Parent, two: list[Pack]):
    for options in ({}, {"start": two, "new": NewLanguages(source="de")}):
        with pytest.raises(UsageError, match="to start from are given; expected one of them"):
            trained(parent, None, **options)
    with pytest.raises(InputError, match="expected de-es: the pair that the two packs compose"):
        trained(parent, None, start=two, corpus=toy_corpora.corpus("de", "en"))
    with pytest.raises(InputError, match="the corpus is de-es, expected fr-es: the pair of the pack"):
        trained(parent, None, start=two[:1])
    with pytest.raises(PackError, match="these packs do not compose"):
        trained(parent, None, start=[two[0], two[0]])
