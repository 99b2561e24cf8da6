"""Models in memory: shared by all packs with PyTorch, within a limit with CTranslate2."""

from __future__ import annotations

import shutil

import pytest

from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import PackError, UsageError
from crosslate.server.backends import CTranslate2Backend, TorchBackend, make_backend
from crosslate.server.catalogue import Catalogue
from crosslate.translation.translator import Translator

GREEDY = DecodingOptions(beam_size=1, max_new_tokens=6)
TEXTS = ["Hund sieht Katze.", "Kind", "eine rote Katze schläft"]


@pytest.fixture
def parent(tiny):
    return str(tiny / "parents" / "fr-en")


def directions(parent, folder, backend):
    return Catalogue(parent, folder, prepare=backend.prepare).refresh().directions


def translated(backend, direction):
    model = backend.model(direction)
    found = model.body([(model, text) for text in TEXTS], GREEDY)
    return [hypotheses[0].text for hypotheses in found]


@pytest.mark.parametrize("pair", [("de", "en"), ("de", "es")])
@pytest.mark.parametrize("name", ["pytorch", "ctranslate2"])
def test_a_direction_translates_as_its_packs_do(tiny, parent, name, pair):
    backend = make_backend(parent, engine=name)
    direction = directions(parent, tiny / "packs", backend)[pair]
    packs = [tiny / "packs" / pack.name for pack in direction.packs]
    expected = Translator.open(packs, parent, engine=name, options=GREEDY).translate(TEXTS)
    assert translated(backend, direction) == expected and any(expected)


class TestPyTorch:
    def test_packs_share_the_parents_tensors(self, tiny, parent):
        backend = TorchBackend(parent)
        found = directions(parent, tiny / "packs", backend)
        models = {
            pair: backend.model(direction).engine._translation_model.model
            for pair, direction in found.items()
        }
        own = dict(models[("fr", "en")].named_parameters())
        name = "model.encoder.layers.0.fc1.weight"
        for pair, model in models.items():
            assert dict(model.named_parameters())[name] is own[name], pair
        composed = models[("de", "es")].get_encoder().get_input_embeddings().weight
        german = models[("de", "en")].get_encoder().get_input_embeddings().weight
        assert composed.data_ptr() == german.data_ptr()

    def test_a_pack_costs_its_own_tensors(self, tiny, parent):
        backend = TorchBackend(parent)
        found = directions(parent, tiny / "packs", backend)
        for direction in found.values():
            backend.model(direction)
        sizes = {each.name: each.num_bytes for each in backend.residents()}
        assert set(sizes) == {"parent", "de-en", "fr-es"}
        on_disk = (tiny / "packs" / "de-en" / "weights.safetensors").stat().st_size
        assert on_disk * 0.8 < sizes["de-en"] <= on_disk < sizes["parent"]

    def test_what_is_served_no_more_goes(self, tiny, parent):
        backend = TorchBackend(parent)
        found = directions(parent, tiny / "packs", backend)
        held = backend.model(found[("de", "en")])
        backend.retire({found[("fr", "en")].identity, found[("fr", "es")].identity})
        assert {each.name for each in backend.residents()} == {"parent", "fr-es"}
        assert held.engine.translate(TEXTS, GREEDY)  # whoever holds it may finish

    def test_a_pack_that_was_replaced_is_never_taken_for_the_old_one(self, tiny, parent, tmp_path):
        shutil.copytree(tiny / "packs", tmp_path / "packs")
        backend = TorchBackend(parent)
        old = directions(parent, tmp_path / "packs", backend)[("fr", "es")]
        backend.retire(set())
        shutil.rmtree(tmp_path / "packs" / "fr-es")
        shutil.copytree(tiny / "packs" / "de-en", tmp_path / "packs" / "fr-es")
        with pytest.raises(PackError, match="was changed since it was installed"):
            backend.model(old)


class TestCTranslate2:
    def backend(self, parent, memory_bytes=None):
        return CTranslate2Backend(parent, "float32", memory_bytes)

    def test_models_are_loaded_on_first_use(self, tiny, parent):
        backend = self.backend(parent)
        found = directions(parent, tiny / "packs", backend)
        assert backend.residents() == []
        model = backend.model(found[("de", "en")])
        assert [each.name for each in backend.residents()] == ["de-en"]
        assert backend.model(found[("de", "en")]) is model

    def test_the_least_recently_used_is_dropped(self, tiny, parent):
        sizer = self.backend(parent)
        found = directions(parent, tiny / "packs", sizer)
        pairs = [("fr", "en"), ("de", "en"), ("fr", "es")]
        for pair in pairs:
            sizer.model(found[pair])
        sizes = [each.num_bytes for each in sizer.residents()]
        backend = self.backend(parent, memory_bytes=sum(sizes) - 1)
        backend.model(found[pairs[0]])
        backend.model(found[pairs[1]])
        backend.model(found[pairs[0]])  # used again, so the other one is older now
        backend.model(found[pairs[2]])
        assert [each.name for each in backend.residents()] == ["parent", "fr-es"]

    def test_what_is_there_to_look_into_is_dropped_first(self, tiny, parent):
        sizer = self.backend(parent)
        found = directions(parent, tiny / "packs", sizer)
        first, second = found[("fr", "en")], found[("de", "en")]
        for direction in (first, second):
            sizer.model(direction)
        backend = self.backend(parent, memory_bytes=sum(each.num_bytes for each in sizer.residents()))
        backend.model(first)
        backend.live.model(second)
        assert [each.name for each in backend.residents()][1:] == ["parent (pytorch)", "de-en (pytorch)"]
        backend.model(second)
        assert [each.name for each in backend.residents()] == ["parent", "de-en"]

    def test_one_model_above_the_limit_is_loaded_alone(self, tiny, parent, caplog):
        backend = self.backend(parent, memory_bytes=1)
        found = directions(parent, tiny / "packs", backend)
        first = backend.model(found[("de", "en")])
        backend.model(found[("fr", "es")])
        assert [each.name for each in backend.residents()] == ["fr-es"]
        assert "more than the limit" in caplog.text
        assert first.engine.translate(TEXTS, GREEDY)

    def test_an_emptied_cache_is_filled_again(self, tiny, parent, tmp_path):
        shutil.copytree(tiny / "packs", tmp_path / "packs")
        backend = self.backend(parent)
        found = directions(parent, tmp_path / "packs", backend)
        for cache in (tmp_path / "packs").glob(".crosslate-cache"):
            shutil.rmtree(cache)
        assert any(translated(backend, found[("de", "en")]))


class TestChoice:
    def test_auto_without_a_gpu(self, parent, monkeypatch):
        monkeypatch.setattr("crosslate.translation.translator.has_gpu", lambda: False)
        assert make_backend(parent).name == "ctranslate2"

    def test_auto_with_one(self, parent, monkeypatch):
        monkeypatch.setattr("crosslate.translation.translator.has_gpu", lambda: True)
        assert make_backend(parent).name == "pytorch"
        assert make_backend(parent, quantization="int8").name == "ctranslate2"

    def test_auto_for_a_family_that_cannot_be_exported(self, parent, tmp_path, monkeypatch):
        monkeypatch.setattr("crosslate.translation.translator.has_gpu", lambda: False)
        shutil.copytree(parent, tmp_path / "parent")
        config = tmp_path / "parent" / "config.json"
        config.write_text(config.read_text().replace('"marian"', '"led"'))
        assert make_backend(str(tmp_path / "parent")).name == "pytorch"

    @pytest.mark.parametrize(
        ("engine", "quantization"), [("torch", "float32"), ("auto", "int3"), ("pytorch", "int8")]
    )
    def test_nonsense(self, parent, engine, quantization):
        with pytest.raises(UsageError):
            make_backend(parent, engine=engine, quantization=quantization)
