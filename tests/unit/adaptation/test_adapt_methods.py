"""Methods other than training whole tensors, through the main job: trained, validated by the fast engine, resumed, packed."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch

import toy_corpora
from crosslate.engines import ctranslate2
from crosslate.errors import EngineError, Interrupted
from crosslate.models.parent import Parent
from crosslate.packs.pack import Pack
from crosslate.training.cpu import kept_memory
from crosslate.training.memory import PeakMemory
from crosslate.training.progress import Progress
from crosslate.translation.translator import Translator
from toy_training import At, interrupt

LORA, ADAPTERS, PREFIX = "src+lora[attention;rank=2]", "src+adapters[width=4]", "src+prefix[length=3]"


def adapted(parent: Parent, out: Path, strategy: str, progress: Progress | None = None, **training) -> Pack:
    return toy_corpora.adapted(parent, out, progress=progress, training=training, strategy=strategy)


OTHERS = [pytest.param(each, marks=pytest.mark.full) for each in (PREFIX, "src+ia3")]


@pytest.mark.parametrize("strategy", ["src+xattn", LORA, ADAPTERS, *OTHERS])
def test_resumed_is_uninterrupted_to_the_byte(parent: Parent, tmp_path: Path, strategy: str):
    before = parent.fingerprint()
    adapted(parent, tmp_path / "reference", strategy)
    with pytest.raises(Interrupted):
        adapted(parent, tmp_path / "pack", strategy, At(2, lambda: interrupt(signal.SIGTERM)))
    assert not (tmp_path / "pack").exists()
    assert adapted(parent, tmp_path / "pack", strategy).manifest.strategy == strategy
    for name in ("weights.safetensors", "source.spm"):
        one, other = ((tmp_path / folder / name).read_bytes() for folder in ("reference", "pack"))
        assert one == other
    assert parent.fingerprint() == before
    assert not any(each.requires_grad for each in parent.model.parameters())


def test_two_threads_and_bf16(parent: Parent, tmp_path: Path):
    torch.set_num_threads(2)
    for number, strategy in enumerate((LORA, ADAPTERS, PREFIX, "src+ia3", "src+bitfit")):
        pack = adapted(parent, tmp_path / str(number), strategy, precision="bf16", max_epochs=1)
        assert all(each.isfinite().all() for each in pack.tensors.values())


@pytest.mark.parametrize(("strategy", "is_fast"), [(LORA, True), ("src+bitfit", True), (ADAPTERS, False)])
def test_what_folds_is_validated_and_translated_by_the_fast_engine(
    parent: Parent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str, is_fast: bool
):
    opened = []
    plain = ctranslate2.CTranslate2Engine.__init__
    monkeypatch.setattr(
        ctranslate2.CTranslate2Engine, "__init__",
        lambda self, *args, **options: (opened.append(1), plain(self, *args, **options))[1],
    )  # fmt: skip
    pack = adapted(parent, tmp_path / "pack", strategy, fresh_learning_rate=0.05)
    assert len(opened) == (4 if is_fast else 0)  # three validations, and the pack as stored
    texts = toy_corpora.corpus("de", "en", 12, seed=2).source
    slow = Translator(parent, pack, engine="pytorch").translate(texts)
    if is_fast:
        assert Translator(parent, pack, engine="ctranslate2").translate(texts) == slow
    else:
        with pytest.raises(EngineError, match="the model has adapters"):
            Translator(parent, pack, engine="ctranslate2")
        assert Translator(parent, pack).translate(texts) == slow


def test_the_record_counts_and_measures(parent: Parent, tmp_path: Path):
    training = adapted(parent, tmp_path / "pack", LORA).manifest.training
    width, layers = 32, 1
    trained = sum(group["num_trained"] for group in training["parameters"]["groups"].values())
    assert trained == 80 * width + 3 * layers * 4 * 2 * 2 * width
    assert training["peak_memory_bytes"] > training["memory_before_bytes"] > 50e6
    assert training["versions"]["peft"]


def test_what_is_added_has_a_rate_of_its_own(parent: Parent, tmp_path: Path):
    """At a tiny rate the factors stay, and the embeddings move all the same."""
    packs = [
        adapted(parent, tmp_path / str(rate), LORA, learning_rates={"added": rate}) for rate in (1e-12, 1e-2)
    ]
    keys = "model.decoder.layers.0.encoder_attn.k_proj.weight"
    left = [pack.tensors[keys][:, :32].abs().max() for pack in packs]
    assert left[0] < 1e-9 < 1e-3 < left[1]


def test_peak_memory_forgets_what_is_left_out():
    def work() -> int:
        blocks = [bytearray(b"x" * 1_000_000) for _ in range(150)]  # small enough to be kept when freed
        return len(blocks)

    with kept_memory():
        memory = PeakMemory()
        start = memory.bytes()
        assert start >= memory.before > 0
        assert memory.leaving_out(work)() == 150
        assert memory.bytes() < start + 100e6
        work()
        assert memory.bytes() > start + 100e6
