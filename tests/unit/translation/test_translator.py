"""Translators: which engine is taken, what is kept on disk, and that all ways say the same."""

from __future__ import annotations

import logging
import shutil
from functools import partial

import pytest

from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import EngineError, UsageError
from crosslate.models.parent import Parent
from crosslate.packs.pack import Pack
from crosslate.translation import translator as module
from crosslate.translation.translator import Translator

GREEDY = DecodingOptions(beam_size=1, max_new_tokens=6)
TEXTS = ["Hund sieht Katze.", "", "Haus"]


@pytest.fixture(scope="module")
def parent(tiny):
    return Parent.load(tiny / "parents/fr-en")


@pytest.fixture(scope="module")
def pack(tiny):
    return Pack.load(tiny / "packs/de-en")


class TestEngines:
    def test_every_way_says_the_same(self, tiny, parent, pack):
        ways = [
            Translator(parent, pack, options=GREEDY),
            Translator(parent, pack, engine="pytorch", options=GREEDY),
            Translator.open(tiny / "packs/de-en", options=GREEDY),
            Translator.open([tiny / "packs/de-en"], tiny / "parents/fr-en", engine="pytorch", options=GREEDY),
            Translator.open([tiny / "packs/de-en"], engine="ctranslate2", options=GREEDY),
        ]
        assert [way.engine.name for way in ways] == [
            "ctranslate2", "pytorch", "ctranslate2", "pytorch", "ctranslate2"
        ]  # fmt: skip
        outs = {tuple(way.translate(TEXTS)) for way in ways}
        assert len(outs) == 1
        (out,) = outs
        assert len(out) == 3 and out[0] and not out[1]
        assert {(way.source_language, way.target_language) for way in ways} == {("de", "en")}

    def test_the_parents_own_pair(self, tiny, parent):
        live = Translator(parent, options=GREEDY)
        opened = Translator.open(parent=tiny / "parents/fr-en", options=GREEDY)
        assert live.translate(["chien voit"]) == opened.translate(["chien voit"])
        assert (live.source_language, opened.target_language) == ("fr", "en")

    def test_an_exported_model_is_kept_and_used_again(self, tiny, tmp_path, monkeypatch):
        for part in ("parents", "packs"):
            shutil.copytree(tiny / part, tmp_path / part, ignore=shutil.ignore_patterns(".crosslate-cache"))
        folder = tmp_path / "packs/de-en"
        before = {path.name for path in folder.iterdir()}
        first = Translator.open([folder], options=GREEDY).translate(TEXTS)
        (kept,) = (tmp_path / "packs/.crosslate-cache").iterdir()
        assert kept.name.startswith("de-en-") and kept.name.endswith("-float32")
        assert {path.name for path in folder.iterdir()} == before  # a pack may hold nothing else
        # Not even the parent is needed now.
        shutil.rmtree(tmp_path / "parents")
        monkeypatch.setattr(module.StoredModel, "load", lambda self: pytest.fail("was loaded"))
        assert Translator.open([folder], options=GREEDY).translate(TEXTS) == first

    def test_a_model_in_memory_leaves_nothing_on_disk(self, parent, pack, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        assert Translator(parent, pack, options=GREEDY).translate(["Hund"])
        assert list(tmp_path.iterdir()) == []

    def test_a_family_that_ctranslate2_cannot_express(
        self, tiny, parent, pack, tmp_path, monkeypatch, caplog
    ):
        def refuse(*_):
            raise EngineError("cannot be exported")

        monkeypatch.setattr("crosslate.engines.conversion.export_ctranslate2", refuse)
        monkeypatch.setattr("crosslate.engines.onnx_conversion.export_onnx", refuse)
        shutil.copytree(tiny / "packs/de-en", tmp_path / "de-en")
        with caplog.at_level(logging.INFO):
            live = Translator(parent, pack, options=GREEDY)
            opened = Translator.open([tmp_path / "de-en"], options=GREEDY)
        assert (live.engine.name, opened.engine.name) == ("pytorch", "pytorch")
        assert live.translate(TEXTS) == opened.translate(TEXTS)
        reasons = "not with CTranslate2: cannot be exported; not with ONNX: cannot be exported"
        assert caplog.messages.count(f"translating with PyTorch ({reasons})") == 2
        for make in (partial(Translator, parent, pack), partial(Translator.open, [tmp_path / "de-en"])):
            with pytest.raises(EngineError, match="cannot be exported"):
                make(engine="ctranslate2")

    def test_onnx_follows_ctranslate2_and_needs_the_parent_once(self, tiny, tmp_path, monkeypatch):
        def refuse(*_):
            raise EngineError("cannot be exported")

        monkeypatch.setattr("crosslate.engines.conversion.export_ctranslate2", refuse)
        shutil.copytree(tiny / "packs/de-en", tmp_path / "de-en")
        first = Translator.open([tmp_path / "de-en"], tiny / "parents/fr-en", options=GREEDY)
        assert first.engine.name == "onnx"
        monkeypatch.setattr(module.StoredModel, "load", lambda self: pytest.fail("was loaded"))
        again = Translator.open([tmp_path / "de-en"], tiny / "parents/fr-en", options=GREEDY)
        assert again.engine.name == "onnx" and again.translate(TEXTS) == first.translate(TEXTS)
        with pytest.raises(EngineError, match="cannot be exported"):
            monkeypatch.undo()
            monkeypatch.setattr("crosslate.engines.conversion.export_ctranslate2", refuse)
            Translator.open([tmp_path / "de-en"], tiny / "parents/fr-en", quantization="int16")

    def test_with_a_gpu_auto_is_pytorch_but_a_quantised_model_is_not(self, tiny, monkeypatch):
        monkeypatch.setattr(module, "has_gpu", lambda: True)
        packs = [tiny / "packs/de-en"]
        assert Translator.open(packs, options=GREEDY).engine.name == "pytorch"
        assert Translator.open(packs, quantization="int8", options=GREEDY).engine.name == "ctranslate2"


class TestTexts:
    @pytest.fixture(scope="class")
    def translator(self, tiny):
        return Translator.open([tiny / "packs/de-en"], options=GREEDY)

    def test_a_list_is_expected_and_may_be_empty(self, translator):
        for call in (translator.translate, lambda text: translator.n_best(text, 2)):
            assert call([]) == []
            with pytest.raises(UsageError, match="put a single text into a list"):
                call("Hund")

    def test_the_best_translations(self, translator):
        ranked = translator.n_best([*TEXTS, "Hund. " * 60], 3)
        assert [len(each) for each in ranked] == [3, 3, 3, 3]
        for hypotheses in ranked:
            scores = [each.score for each in hypotheses]
            assert scores == sorted(scores, reverse=True)
        assert len({each.text for each in ranked[0]}) == 3
        once = translator.n_best(["Hund."], 3)[0]
        assert [each.text for each in ranked[3]] == [" ".join([each.text] * 60) for each in once]
        assert [each.score for each in ranked[3]] == pytest.approx([each.score for each in once])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"engine": "marian"}, "unknown engine 'marian'"),
        ({"quantization": "int4"}, "unknown quantization 'int4'; did you mean 'int"),
        ({"engine": "pytorch", "quantization": "int8"}, "PyTorch engine translates in float32"),
        ({"engine": "onnx", "quantization": "int16"}, "ONNX engine translates in float32 or int8"),
    ],
)
def test_options_are_refused_before_anything_is_opened(parent, tmp_path, options, expected):
    with pytest.raises(UsageError, match=expected):
        Translator(parent, **options)
    with pytest.raises(UsageError, match=expected):
        Translator.open([tmp_path / "nothing"], **options)
