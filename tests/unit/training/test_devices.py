"""Precision by what the processor has, dropout where models keep it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from accelerate.utils import DistributedType
from torch import nn

import families
from crosslate.errors import TrainingError
from crosslate.training import devices
from crosslate.training.devices import resolve_precision, set_dropout

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("flags", "capability", "expected"),
    [
        ("avx2 avx512f avx512_bf16", "AVX512", "bf16"),
        ("avx512f amx_bf16 amx_tile", "AVX512", "bf16"),
        ("avx2 avx512f", "AVX512", "fp32"),
        ("avx512_bf16", "AVX2", "fp32"),
        ("", "DEFAULT", "fp32"),
    ],
)
def test_auto_takes_bf16_only_where_the_processor_has_it(
    flags: str, capability: str, expected: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(devices, "cpu_flags", lambda: flags)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert [resolve_precision(wanted, CPU) for wanted in ("auto", "fp32", "bf16")] == [
        expected,
        "fp32",
        "bf16",
    ]


@pytest.mark.parametrize(
    ("has_bf16", "capability", "expected"),
    [(True, (8, 0), "bf16"), (False, (7, 5), "fp16"), (False, (7, 0), "fp16"), (False, (6, 1), "fp32")],
)  # A100, T4, V100, P4
def test_auto_on_a_gpu_counts_native_support_only(has_bf16, capability, expected, monkeypatch):
    supported = {False: has_bf16, True: True}  # by whether emulation counts
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation: supported[including_emulation]
    )
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert resolve_precision("auto", torch.device("cuda")) == expected
    assert resolve_precision("auto", torch.device("mps")) == "fp32"


def dropouts(model: nn.Module) -> dict[str, float]:
    """Every probability by the kind of module that holds it; equal kinds have equal probabilities here."""
    found = {}
    for name, module in model.named_modules():
        kind = type(module).__name__
        if isinstance(module, nn.Dropout):
            holder, _, leaf = name.rpartition(".")
            found[f"{type(model.get_submodule(holder)).__name__}.{leaf}"] = module.p
        for attribute in ("dropout", "attention_dropout"):
            if isinstance(vars(module).get(attribute), float):
                found[f"{kind}.{attribute}"] = getattr(module, attribute)
    return found


ON_WEIGHTS = {
    "marian-separate": {"MarianAttention.dropout"},
    "t5": {"T5Attention.dropout"},
    "bert2gpt2": {"BertSelfAttention.dropout", "GPT2Attention.attn_dropout"},
    "prophetnet": {"ProphetNetAttention.attention_dropout", "ProphetNetNgramSelfAttention.attention_dropout"},
    "nllb-moe": {"NllbMoeAttention.dropout"},
    "t5gemma": {"T5GemmaSelfAttention.attention_dropout", "T5GemmaCrossAttention.attention_dropout"},
}


@pytest.mark.parametrize("family", ON_WEIGHTS)
def test_dropout_on_attention_weights_is_set_apart_from_all_other(family: str):
    model = families.build(family)
    before = dropouts(model)
    set_dropout(model, None, None)
    assert dropouts(model) == before
    set_dropout(model, 0.25, None)
    others = before.keys() - ON_WEIGHTS[family]
    assert dropouts(model) == before | dict.fromkeys(others, 0.25)
    set_dropout(model, None, 0.125)
    assert {name for name, value in dropouts(model).items() if value == 0.125} == ON_WEIGHTS[family]


@pytest.mark.parametrize("way", ["FSDP", "DEEPSPEED"])
def test_launchers_that_would_take_the_parent_apart_are_refused(way: str, monkeypatch: pytest.MonkeyPatch):
    launched = SimpleNamespace(distributed_type=DistributedType[way])
    monkeypatch.setattr(devices, "Accelerator", lambda **options: launched)
    with pytest.raises(TrainingError, match=f"requests {way}, .*--multi_gpu.* shard_frozen"):
        devices.make_accelerator()


@pytest.mark.parametrize("family", ["m2m100", "seamless-m4t", "bart", "led"])
def test_no_layer_is_skipped(family: str):
    """With all decoder layers skipped, nothing that a new source trains would get a gradient."""
    model = families.build(family, dropout=0.0, encoder_layerdrop=1.0, decoder_layerdrop=1.0).train()
    ids = torch.tensor([[5, 6, 2]])
    for expected in (True, False):
        logits = model(input_ids=ids, decoder_input_ids=ids, use_cache=False).logits
        others = model(input_ids=ids.flip(1), decoder_input_ids=ids, use_cache=False).logits
        assert torch.equal(logits, others) is expected  # whether the source matters
        set_dropout(model, 0.0, 0.0)


def test_processes_send_each_other_no_buffers():
    handler = devices.make_accelerator().ddp_handler
    assert handler is not None and handler.broadcast_buffers is False
