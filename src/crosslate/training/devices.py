"""Device-dependent settings: precision, dropout, and the record of the machine."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import (
    DistributedDataParallelKwargs,
    DistributedType,
    GradientAccumulationPlugin,
)
from torch import nn

from crosslate.errors import TrainingError

_UNKNOWN_WAYS = (DistributedType.FSDP, DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM)


def make_accelerator() -> Accelerator:
    """Device and number of processes; all other options come from our settings, not the launcher's.

    Raises:
        TrainingError: the launcher requests FSDP, DeepSpeed or Megatron-LM.
    """
    # Buffers are constants, among them the frozen matrices below low-rank deltas: the whole body would be
    # sent at every pass.
    accelerator = Accelerator(
        mixed_precision="no",
        gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
    )
    if accelerator.distributed_type in _UNKNOWN_WAYS:
        raise TrainingError(
            f"the launcher requests {accelerator.distributed_type.value}, which would split the parent's "
            "tensors; launch plain processes (accelerate launch --multi_gpu) and turn on shard_frozen"
        )
    return accelerator


_TENSOR_CORES = (7, 0)
"""From this capability on (V100, T4), products in fp16 are several times faster than in fp32."""


def resolve_precision(wanted: str, device: torch.device) -> str:
    """``"bf16"``, ``"fp16"`` or ``"fp32"`` for a device; ``auto`` takes what the processor has natively."""
    if wanted != "auto":
        return wanted
    is_native = False
    if device.type == "cuda":
        is_native = torch.cuda.is_bf16_supported(including_emulation=False)
        if not is_native and torch.cuda.get_device_capability(device) >= _TENSOR_CORES:
            return "fp16"
    elif device.type == "cpu" and torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        flags = cpu_flags()
        is_native = "avx512_bf16" in flags or "amx_bf16" in flags
    return "bf16" if is_native else "fp32"


_ATTENTION_SIGNS = ("num_heads", "n_heads", "num_attention_heads", "attention_dropout")
_ON_WEIGHTS = ("attention_dropout", "attn_dropout", "dropout")


@contextmanager
def on_device(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Moves a model to a device, and back on exit.

    A child shares parameters with its parent. Leaving it on the device would leave the parent there too, but
    without its buffers, which are replaced when a model is moved.
    """
    before = next((parameter.device for parameter in model.parameters()), device)
    model.to(device)
    try:
        yield
    finally:
        model.to(before)


def set_dropout(model: nn.Module, dropout: float | None, attention_dropout: float | None) -> None:
    """Sets dropout probabilities in a model's modules and plain attributes; no layer is skipped any more.

    Models that were trained with layers skipped at random (M2M100, NLLB, SeamlessM4T) say so in their
    configuration. Here most of a layer is frozen, and an update whose decoder layers are all skipped trains
    nothing.

    Args:
        dropout: all dropout except on attention weights; None keeps the model's own.
        attention_dropout: dropout on attention weights; None keeps the model's own.
    """
    for holder, name, is_on_weights in _dropouts(model):
        wanted = attention_dropout if is_on_weights else dropout
        if wanted is not None:
            setattr(holder, name, wanted)
    for module in model.modules():
        if hasattr(module, "layerdrop"):
            module.layerdrop = 0.0


def dropout_of(model: nn.Module) -> tuple[float, float]:
    """The largest dropout probability in a model, and the largest on attention weights; 0 without any."""
    found = [
        (float(getattr(holder, name)), is_on_weights) for holder, name, is_on_weights in _dropouts(model)
    ]
    return tuple(max((value for value, on in found if on == each), default=0.0) for each in (False, True))  # type: ignore[return-value]


def _dropouts(model: nn.Module) -> Iterator[tuple[nn.Module, str, bool]]:
    """Every dropout probability: its module, its attribute, and whether it is for attention weights."""
    for module in model.modules():
        on_weights = ""
        if any(hasattr(module, name) for name in _ATTENTION_SIGNS):
            # If there are several, "dropout" applies to the output.
            on_weights = next((name for name in _ON_WEIGHTS if hasattr(module, name)), "")
        for name, child in module.named_children():
            if isinstance(child, nn.Dropout):
                yield child, "p", name == on_weights
        for name in ("dropout", "attention_dropout"):
            if isinstance(vars(module).get(name), float):
                yield module, name, name == on_weights


def machine(device: torch.device) -> dict[str, Any]:
    """Description of the machine for records."""
    described = {"processor": platform.processor() or platform.machine(), "threads": torch.get_num_threads()}
    if device.type == "cuda":
        described["accelerator"] = torch.cuda.get_device_name(device)
    return described


def versions() -> dict[str, str]:
    """Versions of the packages that affect a run's results."""
    from importlib.metadata import version

    names = ["crosslate", "torch", "transformers", "accelerate", "sentencepiece", "sacrebleu", "ctranslate2"]
    names += ["peft"] if "peft" in sys.modules else []
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def cpu_flags() -> str:
    """The text of ``/proc/cpuinfo``; empty on other systems than Linux."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
