"""A pack is trained further: from its own values, by its own strategy, with a guard against forgetting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import toy_corpora
from crosslate.adaptation.adapt import adapt
from crosslate.adaptation.settings import NewLanguages, PackOutput
from crosslate.errors import CorpusError, InputError, Interrupted, PackError, UsageError
from crosslate.models.parent import Parent
from crosslate.packs.compact import compressed
from crosslate.packs.compose import apply_packs, child_to_train, composed_parent
from crosslate.packs.pack import Pack
from crosslate.text.earlier import EarlierText
from crosslate.training.settings import TrainingChanges, TrainingSettings
from toy_training import At, interrupt

EARLIER, EARLIER_VALID = toy_corpora.corpus("de", "en"), toy_corpora.corpus("de", "en", 12, seed=1)
NEW, NEW_VALID = toy_corpora.corpus("de", "en", 40, seed=2), toy_corpora.corpus("de", "en", 8, seed=3)
BOTH = EarlierText(EARLIER, 0.5, EARLIER_VALID)


@pytest.fixture(scope="module")
def german(parent: Parent, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return toy_corpora.adapted(
        parent, tmp_path_factory.mktemp("packs") / "de-en", output={"licence": "CC0-1.0"}
    )


def gone_on(parent: Parent, pack: Pack, out: Path | None = None, **options: Any) -> Pack:
    training = toy_corpora.settings(**options.pop("training", {}))
    output = None if out is None else PackOutput(folder=out, **options.pop("output", {}))
    return adapt(
        parent,
        options.pop("corpus", NEW),
        NEW_VALID,
        start=[pack],
        training=training,
        output=output,
        **options,
    )


def distance(one: Pack, other: Pack) -> float:
    """The Euclidean distance of what two packs of the same tensors hold."""
    squares = [(one.decoded(name) - other.decoded(name)).float().pow(2).sum() for name in one.tensors]
    return float(sum(squares) ** 0.5)


@pytest.mark.parametrize(
    "new",
    [
        {"strategy": "src+xattn"},
        {"strategy": "src+xattn+low-rank(enc,dec;rank=2)"},
        {"strategy": "src+lora[attention;rank=2]"},
        {"strategy": "src+ia3"},
        {"strategy": "src+bitfit"},
        {"strategy": "src+adapters[width=4]"},
        {"strategy": "src+prefix[length=3]"},
        {"strategy": "src+xattn[heads=0:1]"},
        {"strategy": "src+randxattn"},
        {"strategy": "src+xattn", "vocabulary": "appended"},
        {"strategy": "embed+xattn"},
        {"source": None, "target": "es", "strategy": "tgt+xattn"},
        {"source": None, "target": "es", "strategy": "tgt+xattn", "vocabulary": "appended"},
    ],
    ids=lambda new: "-".join(str(each) for each in new.values() if each),
)
def test_it_starts_from_the_packs_values(parent: Parent, new: dict[str, Any]):
    pair = ("fr", "es") if "target" in new else ("de", "en")
    pack = toy_corpora.adapted(parent, None, pair=pair, training={"max_epochs": 1}, **new)
    child = child_to_train(parent, pack)
    stored = child.changed_tensors()
    assert stored.keys() == pack.tensors.keys() and child.trained
    for name, tensor in stored.items():
        assert torch.equal(tensor.to(pack.tensors[name].dtype), pack.tensors[name]), name
    assert (child.source_language, child.target_language) == pair
    ids = {"input_ids": torch.tensor([[5, 6, 7, 0]]), "decoder_input_ids": torch.tensor([[2, 5, 6]])}
    with torch.no_grad():
        logits = [each.model.eval()(**ids).logits for each in (child, apply_packs(parent, [pack]))]
    torch.testing.assert_close(*logits)


@pytest.mark.parametrize("made_smaller", [{"dtype": "int8"}, {"rank": 2}])
def test_a_compressed_pack_goes_on_whole(
    parent: Parent, german: Pack, tmp_path: Path, made_smaller: dict[str, Any]
):
    pack = toy_corpora.adapted(parent, None, strategy="src+xattn", output={"dtype": "float32"})
    small = compressed(pack, parent, **({"rank": 0, "dtype": None} | made_smaller))
    small.save(tmp_path / "small")
    applied = dict(apply_packs(parent, [small]).model.named_parameters())
    for name, tensor in child_to_train(parent, small).changed_tensors().items():
        torch.testing.assert_close(tensor, applied[name].detach())
    assert distance(gone_on(parent, small, output={"dtype": "float32"}, out=tmp_path / "on"), pack) > 0


def test_a_pack_of_another_rank_than_its_strategys_is_refused(parent: Parent):
    pack = toy_corpora.adapted(parent, None, strategy="src+low-rank(enc;rank=4)")
    other = pack.manifest.changed(strategy="src+low-rank(enc;rank=2)")
    with pytest.raises(PackError, match=r"was compressed to another rank"):
        child_to_train(parent, Pack(other, pack.tensors, pack.vocabularies))
    other = pack.manifest.changed(strategy="src")
    with pytest.raises(PackError, match=r"its strategy src and its tensors differ in model\.encoder"):
        child_to_train(parent, Pack(other, pack.tensors, pack.vocabularies))


def test_what_comes_out_takes_the_packs_place(parent: Parent, german: Pack, tmp_path: Path):
    before = parent.fingerprint()
    made = gone_on(parent, german, tmp_path / "on", earlier=BOTH)
    assert parent.fingerprint() == before
    manifest, was = Pack.load(tmp_path / "on").manifest, german.manifest
    assert manifest.start == was.identity and manifest.parent == was.parent
    assert (manifest.strategy, manifest.licence) == (was.strategy, "CC0-1.0")
    assert made.vocabularies == german.vocabularies and made.tensors.keys() == german.tensors.keys()
    new, earlier = manifest.scores
    assert new.test_set.startswith("validation: ") and earlier.test_set.startswith("earlier validation: ")
    started = manifest.training["start"]["scores"]
    assert [each["test_set"] for each in started] == [new.test_set, earlier.test_set]
    # 40 new pairs and as many of the 60 earlier ones.
    assert manifest.data["earlier"]["pairs"] == 60 and manifest.data["earlier"]["pairs_per_epoch"] == 40
    assert manifest.training["settings"].get("l2_sp") is None
    assert distance(made, german) > 0
    assert was.start is None and "start" not in was.to_values()


@pytest.mark.parametrize("earlier", [None, BOTH], ids=["new text alone", "earlier text too"])
def test_a_stopped_run_ends_in_the_same_pack(parent: Parent, german: Pack, tmp_path: Path, earlier):
    options: dict[str, Any] = {"training": {"l2_sp": 50.0}, "earlier": earlier}
    whole = gone_on(parent, german, **options)
    with pytest.raises(Interrupted):
        gone_on(parent, german, tmp_path / "pack", progress=At(2, interrupt), **options)
    again = gone_on(parent, german, tmp_path / "pack", **options)
    assert toy_corpora.are_equal(whole, again) and whole.manifest.scores == again.manifest.scores


def test_a_stronger_decay_stays_closer(parent: Parent, german: Pack):
    far, near, nearest = (
        distance(gone_on(parent, german, training={"l2_sp": each, "warmup_updates": 0}), german)
        for each in (0.0, 300.0, 2_000.0)
    )
    assert far > near > nearest


def test_the_default_guard_depends_on_the_earlier_text(
    parent: Parent, german: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen: list[TrainingSettings] = []
    monkeypatch.setattr(
        "crosslate.adaptation.adapt._Adaptation.pack", lambda self, output: seen.append(self._training)
    )
    for earlier in (None, EarlierText(valid=EARLIER_VALID), BOTH):
        adapt(
            parent, NEW, NEW_VALID, start=[german], earlier=earlier, output=PackOutput(folder=tmp_path / "on")
        )
    assert [each.l2_sp for each in seen] == [seen[0].l2_sp, seen[0].l2_sp, 0.0] and seen[0].l2_sp > 0
    assert TrainingChanges(l2_sp=0.0).going_on(has_earlier=False).l2_sp == 0.0


def test_a_pair_pack_goes_on_too(parent: Parent, german: Pack, tmp_path: Path):
    spanish = toy_corpora.adapted(parent, tmp_path / "fr-es", pair=("fr", "es"), source=None, target="es")
    corpora = toy_corpora.corpus("de", "es"), toy_corpora.corpus("de", "es", 12, seed=1)
    options: dict[str, Any] = {"training": toy_corpora.settings()}
    first = adapt(
        parent, *corpora, start=[german, spanish], output=PackOutput(folder=tmp_path / "de-es"), **options
    )
    second = adapt(parent, *corpora, start=[first, spanish, german], **options)
    assert second.manifest.start == first.manifest.identity and second.manifest.packs == first.manifest.packs
    assert distance(second, first) > 0
    again = adapt(composed_parent(parent, [german, spanish]), *corpora, start=[first], **options)
    assert toy_corpora.are_equal(second, again)
    with pytest.raises(PackError, match="works only together with"):
        adapt(parent, *corpora, start=[first], **options)


def test_what_cannot_be(parent: Parent, german: Pack):
    with pytest.raises(
        UsageError, match=r"strategy of new languages is given, but pack 'de-en .*' goes on with its own"
    ):
        gone_on(parent, german, new=NewLanguages(strategy="pair+xattn"))
    with pytest.raises(UsageError, match="new languages beside packs to start from are given"):
        gone_on(parent, german, new=NewLanguages(source="de"))
    with pytest.raises(UsageError, match="earlier text is given, but no pack goes on"):
        adapt(parent, NEW, NEW_VALID, new=NewLanguages(source="de"), earlier=BOTH)
    with pytest.raises(InputError, match="the corpus is fr-en, expected de-en: the pair of the pack"):
        gone_on(parent, german, corpus=toy_corpora.corpus("fr", "en"))
    with pytest.raises(CorpusError, match="the earlier text is de-es, the training corpus de-en"):
        gone_on(parent, german, earlier=EarlierText(toy_corpora.corpus("de", "es")))
    with pytest.raises(PackError, match="was not saved yet"):
        gone_on(parent, Pack(german.manifest.changed(checksum="0" * 64), german.tensors, german.vocabularies))
