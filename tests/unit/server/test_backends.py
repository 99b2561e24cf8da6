"""Models in memory: shared by all packs with PyTorch, within a limit with CTranslate2."""

from __future__ import annotations

import os
import shutil

import pytest

import parents
from crosslate.engines import ctranslate2
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import PackError
from crosslate.models.parent import Parent
from crosslate.packs.compact import stored_as
from crosslate.packs.compose import composed_parent, pack_child
from crosslate.packs.pack import Pack
from crosslate.server.backends import CTranslate2Backend, TorchBackend, make_backend
from crosslate.server.catalogue import Catalogue, Direction
from crosslate.server.settings import ServerSettings
from crosslate.translation.translator import Translator
from tiny_models import vocabulary

GREEDY = DecodingOptions(beam_size=1, max_new_tokens=6)
TEXTS = ["Hund sieht Katze.", "Kind", "eine rote Katze schläft"]


@pytest.fixture
def parent(tiny):
    return str(tiny / "parents" / "fr-en")


def directions(parent, folder, backend):
    settings = ServerSettings(parent=parent, packs=folder)
    return Catalogue(settings, backend.prepare, backend.retire).refresh().directions


def names(backend):
    return [each.name for each in backend.residents()]


def translated(backend, direction):
    model = backend.model(direction)
    return [ranks[0].text for ranks in model.body([(model, text) for text in TEXTS], GREEDY)]


@pytest.mark.parametrize("pair", [("de", "en"), ("de", "es")])
@pytest.mark.parametrize("name", ["pytorch", "ctranslate2"])
def test_a_direction_translates_as_its_packs_do(tiny, parent, name, pair):
    backend = make_backend(ServerSettings(parent=parent, engine=name))
    direction = directions(parent, tiny / "packs", backend)[pair]
    packs = [tiny / "packs" / pack.name for pack in direction.packs]
    expected = Translator.open(packs, parent, engine=name, options=GREEDY).translate(TEXTS)
    assert translated(backend, direction) == expected and any(expected)


class TestPyTorch:
    @pytest.fixture
    def backend(self, parent):
        return TorchBackend(parent)

    def test_a_pack_costs_its_own_tensors_and_shares_the_parents(self, tiny, parent, backend):
        models = {
            pair: backend.model(direction).engine.translation_model.model
            for pair, direction in directions(parent, tiny / "packs", backend).items()
        }
        name = "model.encoder.layers.0.fc1.weight"
        own = dict(models[("fr", "en")].named_parameters())[name]
        assert all(dict(model.named_parameters())[name] is own for model in models.values())
        composed, german = (
            models[pair].get_encoder().get_input_embeddings().weight for pair in (("de", "es"), ("de", "en"))
        )
        assert composed.data_ptr() == german.data_ptr()
        sizes = {each.name: each.bytes for each in backend.residents()}
        assert set(sizes) == {"parent", "de-en", "fr-es"}
        on_disk = (tiny / "packs" / "de-en" / "weights.safetensors").stat().st_size
        assert on_disk * 0.8 < sizes["de-en"] <= on_disk < sizes["parent"]

    def test_a_composition_of_packs_that_changed_the_encoder_costs_an_encoder(
        self, tiny, parent, backend, tmp_path
    ):
        text = "low-rank(enc,dec;rank=2)"
        loaded = Parent.load(tiny / "parents" / "fr-en")
        new = {"src": {"source": vocabulary("de")}, "tgt": {"target": vocabulary("es")}}
        for side, vocabularies in new.items():
            child = parents.child(loaded, f"{side}+xattn+{text}", **vocabularies)
            stored_as(pack_child(child), "bfloat16").save(tmp_path / side)
        for direction in directions(parent, tmp_path, backend).values():
            backend.model(direction)
        sizes = {each.name: each.bytes for each in backend.residents()}
        # Per layer: query, key, value and output (32 x 32), and both feed-forward matrices (48 x 32).
        encoder = decoder = 4 * (4 * 32 * 32 + 2 * 48 * 32)
        cross_attention = 4 * (4 * (32 * 32 + 32) + 2 * 32)
        assert sizes["src"] == encoder + decoder + cross_attention + 4 * 80 * 32
        assert sizes["src + tgt"] == encoder  # what is expanded is shared
        backend.retire(set())
        assert names(backend) == ["parent"]

    def test_what_is_served_no_more_goes(self, tiny, parent, backend):
        found = directions(parent, tiny / "packs", backend)
        held = backend.model(found[("de", "en")])
        backend.retire({found[("fr", "en")].identity, found[("fr", "es")].identity})
        assert names(backend) == ["parent", "fr-es"]
        assert held.engine.translate(TEXTS, GREEDY)  # whoever holds it may finish

    def test_a_pack_that_was_replaced_is_never_taken_for_the_old_one(self, tiny, parent, backend, tmp_path):
        shutil.copytree(tiny / "packs", tmp_path / "packs")
        old = directions(parent, tmp_path / "packs", backend)[("fr", "es")]
        backend.retire(set())
        shutil.rmtree(tmp_path / "packs" / "fr-es")
        shutil.copytree(tiny / "packs" / "de-en", tmp_path / "packs" / "fr-es")
        with pytest.raises(PackError, match="was changed since it was installed"):
            backend.model(old)


class TestCTranslate2:
    PAIRS = (("fr", "en"), ("de", "en"), ("fr", "es"))

    @pytest.fixture
    def sized(self, tiny, parent):
        """Three directions, and what their models take together."""
        backend = CTranslate2Backend(parent, "float32", None)
        found = directions(parent, tiny / "packs", backend)
        assert names(backend) == []  # models are loaded on first use
        models = [backend.model(found[pair]) for pair in self.PAIRS]
        assert names(backend) == ["parent", "de-en", "fr-es"]
        sizes = [each.bytes for each in backend.residents()]
        assert backend.model(found[("de", "en")]) is models[1]
        return [found[pair] for pair in self.PAIRS], sizes

    def test_the_least_recently_used_is_dropped(self, parent, sized):
        (first, second, third), sizes = sized
        backend = CTranslate2Backend(parent, "float32", sum(sizes) - 1)
        for direction in (first, second, first, third):
            backend.model(direction)
        assert names(backend) == ["parent", "fr-es"]

    def test_what_is_there_to_look_into_is_dropped_first(self, parent, sized):
        (first, second, _), sizes = sized
        backend = CTranslate2Backend(parent, "float32", sum(sizes[:2]))
        backend.model(first)
        backend.live.model(second)
        assert names(backend) == ["parent", "parent (pytorch)", "de-en (pytorch)"]
        backend.model(second)
        assert names(backend) == ["parent", "de-en"]

    def test_one_model_above_the_limit_is_loaded_alone(self, parent, sized, caplog):
        (_, second, third), _ = sized
        backend = CTranslate2Backend(parent, "float32", 1)
        first = backend.model(second)
        backend.model(third)
        assert names(backend) == ["fr-es"] and "above the limit" in caplog.text
        assert first.engine.translate(TEXTS, GREEDY)

    def test_an_emptied_cache_is_filled_again(self, tiny, parent, tmp_path):
        shutil.copytree(tiny / "packs" / "de-en", tmp_path / "packs" / "de-en")
        backend = CTranslate2Backend(parent, "float32", None)
        found = directions(parent, tmp_path / "packs", backend)
        for cache in (tmp_path / "packs").glob(".crosslate-cache"):
            shutil.rmtree(cache)
        assert any(translated(backend, found[("de", "en")]))

    def test_a_model_damaged_after_it_was_built_is_never_used(self, tiny, parent, tmp_path, monkeypatch):
        """A model that was dropped for want of memory is loaded again, and would translate wrongly."""
        shutil.copytree(tiny / "packs" / "de-en", tmp_path / "packs" / "de-en")
        backend = CTranslate2Backend(parent, "float32", None)
        direction = directions(parent, tmp_path / "packs", backend)[("de", "en")]
        expected = translated(backend, direction)
        (model,) = (tmp_path / "packs").glob(".crosslate-cache/*/model.bin")
        intact = model.read_bytes()
        half = len(intact) // 2
        damaged = intact[:half] + bytes(64) + intact[half + 64 :]  # CTranslate2 loads that
        model.write_bytes(damaged)
        backend._models.clear()
        assert translated(backend, direction) == expected and model.read_bytes() == intact

        def load_while_it_is_damaged(*arguments, **options):
            monkeypatch.undo()
            model.write_bytes(damaged)
            return load(*arguments, **options)

        load = ctranslate2.CTranslate2Engine.__init__
        monkeypatch.setattr(ctranslate2.CTranslate2Engine, "__init__", load_while_it_is_damaged)
        backend._models.clear()
        assert translated(backend, direction) == expected and model.read_bytes() == intact


@pytest.mark.parametrize(
    ("has_gpu", "family", "quantization", "expected"),
    [
        (False, "marian", "float32", "ctranslate2"),
        (True, "marian", "float32", "pytorch"),
        (True, "marian", "int8", "ctranslate2"),
        (False, "led", "float32", "pytorch"),  # which CTranslate2 does not know
    ],
)
def test_the_engine_that_is_chosen(parent, tmp_path, monkeypatch, has_gpu, family, quantization, expected):
    monkeypatch.setattr("crosslate.translation.translator.has_gpu", lambda: has_gpu)
    shutil.copytree(parent, tmp_path / "parent")
    config = tmp_path / "parent" / "config.json"
    config.write_text(config.read_text().replace('"marian"', f'"{family}"'))
    settings = ServerSettings(parent=str(tmp_path / "parent"), quantization=quantization)
    assert make_backend(settings).name == expected


@pytest.mark.parametrize("name", ["pytorch", "ctranslate2"])
def test_a_pair_pack_is_served_with_its_two_packs(tiny, parent, name, tmp_path):
    folder = tmp_path / "packs"
    shutil.copytree(tiny / "packs", folder)
    backend = make_backend(ServerSettings(parent=parent, engine=name))
    settings = ServerSettings(parent=parent, packs=folder)
    catalogue = Catalogue(settings, backend.prepare, backend.retire)
    assert catalogue.refresh().direction("de", "es").kind == "zero-shot"
    two = [Pack.load(folder / each) for each in ("de-en", "fr-es")]
    child = parents.child(composed_parent(Parent.load(parent), two), "pair+xattn+low-rank(enc,dec;rank=2)")
    for seed in range(40):  # far enough for other translations
        parents.shake(child, seed)
    pack_child(child).save(folder / "de-es")
    snapshot = catalogue.refresh()
    direction = snapshot.direction("de", "es")
    assert (direction.kind, direction.label, snapshot.refused) == ("pack", "de-en + fr-es + de-es", {})
    paths = [folder / each for each in ("de-es", "fr-es", "de-en")]
    expected = Translator.open(paths, parent, engine=name, options=GREEDY).translate(TEXTS)
    assert translated(backend, direction) == expected
    assert expected != Translator.open(paths[1:], parent, engine=name, options=GREEDY).translate(TEXTS)
    assert snapshot.preferring(["de-es"]).direction("de", "es") == direction
    shutil.rmtree(folder / "fr-es")
    snapshot = catalogue.refresh()
    assert ("de", "es") not in snapshot.directions
    assert "needs 'fr-es tgt+xattn[k,v]' (fingerprint " in snapshot.refused["de-es"]
    shutil.copytree(tiny / "packs" / "fr-es", folder / "fr-es")
    assert catalogue.refresh().direction("de", "es") and not catalogue.snapshot.refused


def test_a_refused_pair_pack_is_tried_again_when_a_folder_changes(tiny, parent, tmp_path):
    folder, fails = tmp_path / "packs", [True]
    shutil.copytree(tiny / "packs", folder)

    def prepare(direction: Direction) -> None:
        if fails and direction.kind == "pack" and len(direction.packs) == 3:
            raise PackError("it does not fit")

    catalogue = Catalogue(ServerSettings(parent=parent, packs=folder), prepare, lambda _: None)
    two = [Pack.load(folder / each) for each in ("de-en", "fr-es")]
    child = parents.child(composed_parent(Parent.load(parent), two), "pair+xattn")
    pack_child(child).save(folder / "de-es")
    assert "does not fit" in catalogue.refresh().refused["de-es"]
    fails.clear()
    assert catalogue.refresh().refused
    os.utime(folder / "de-es" / "pack.json", (1, 1))  # installed again
    assert catalogue.refresh().refused == {}
    assert catalogue.snapshot.direction("de", "es").kind == "pack"
