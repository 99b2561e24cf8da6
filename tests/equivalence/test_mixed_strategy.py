"""A strategy of several methods, from training to the programs that use what came out: always the same translations."""

from __future__ import annotations

from pathlib import Path

import families
import plain_program
import toy_corpora
from crosslate.engines.ctranslate2 import CTranslate2Engine
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.pytorch import TorchEngine
from crosslate.export.exporter import export
from crosslate.models.parent import Parent
from crosslate.packs.compose import apply_packs
from crosslate.packs.pack import Pack
from crosslate.packs.stored_model import StoredModel

STRATEGY = "src+xattn+lora(enc,dec;rank=4)"
OPTIONS = DecodingOptions(max_new_tokens=10)


def test_merged_and_exported_it_translates_as_it_was_adapted(tmp_path: Path):
    texts = toy_corpora.corpus("de", "en", 12, seed=2).source
    with families.one_thread():
        parent = toy_corpora.parent()
        parent.save(tmp_path / "parent")
        toy_corpora.adapted(
            parent, tmp_path / "pack", strategy=STRATEGY,
            training={"max_epochs": 0, "max_updates": 120, "validate_every_updates": 120, "batch_tokens": 512,
                      "schedule": "constant", "fresh_learning_rate": 0.01, "pretrained_learning_rate": 0.01,
                      "dropout": 0.0},
        )  # fmt: skip
        pack = Pack.load(tmp_path / "pack")
        assert pack.manifest.strategy == STRATEGY
        adapted = apply_packs(parent, [pack])
        before, after = parent.model.state_dict(), adapted.model.state_dict()
        for part in (
            "encoder.layers.0.self_attn",
            "decoder.layers.0.self_attn",
            "decoder.layers.0.encoder_attn",
        ):
            name = f"model.{part}.v_proj.weight"
            assert not after[name].equal(before[name])
        plain_program.merge(parent, [pack], tmp_path / "merged")
        export(StoredModel([tmp_path / "pack"], str(tmp_path / "parent")), tmp_path / "fast", "ctranslate2")
        engines = [
            TorchEngine(adapted),
            TorchEngine(Parent.load(tmp_path / "merged", source_language="de", target_language="en")),
            CTranslate2Engine(tmp_path / "fast"),
        ]
        first, *others = [[best.text for (best,) in engine.translate(texts, OPTIONS)] for engine in engines]
    assert len(set(first)) > 4 and others == [first, first]
