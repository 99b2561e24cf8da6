"""What the PyTorch engine computes in, by a stand-in for a GPU."""

from types import SimpleNamespace

import pytest
import torch

from crosslate.engines import pytorch


@pytest.mark.parametrize(
    ("device", "types", "has_bf16", "expected"),
    [
        ("cuda", [torch.float32], True, (torch.bfloat16, True)),
        ("cuda", [torch.float32], False, (torch.float16, True)),  # T4, V100
        ("cuda", [torch.float32, torch.bfloat16], False, (torch.bfloat16, True)),
        ("cpu", [torch.float32], False, (torch.bfloat16, False)),
        ("cpu", [torch.float32, torch.bfloat16], False, (torch.bfloat16, True)),
    ],
)
def test_a_gpu_without_bf16_translates_in_fp16(device, types, has_bf16, expected, monkeypatch):
    asked = []
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16 or including_emulation
    )
    monkeypatch.setattr(torch, "autocast", lambda kind, dtype, enabled: asked.append((kind, dtype, enabled)))
    tensors = [SimpleNamespace(device=SimpleNamespace(type=device), dtype=each) for each in types]
    pytorch.arithmetic(SimpleNamespace(parameters=lambda: iter(tensors)))
    assert asked == [(device, *expected)]
