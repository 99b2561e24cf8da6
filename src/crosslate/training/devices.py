"""What depends on device and family: precision, attention kernels, dropout, the record of the machine."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, GradientAccumulationPlugin
from torch import nn

from crosslate.errors import TrainingError

_UNKNOWN_WAYS = (DistributedType.FSDP, DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM)


def make_accelerator() -> Accelerator:
    """Which device and how many processes. Other options come from our settings, not from a launcher's.

    Raises:
        TrainingError: the launcher asks for another way to spread a model than plain processes.
    """
    accelerator = Accelerator(
        mixed_precision="no", gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1)
    )
    if accelerator.distributed_type in _UNKNOWN_WAYS:
        raise TrainingError(
            f"the launcher asks for {accelerator.distributed_type.value}, which would take the parent's "
            "tensors apart; launch plain processes (accelerate launch --multi_gpu), and ask to shard what is "
            "frozen"
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
    """Moves a model to a device inside and back afterwards.

    A child shares its parameters with its parent: left on the device, it would leave the parent there too,
    yet without the parent's buffers, which moving replaces.
    """
    before = next((parameter.device for parameter in model.parameters()), device)
    model.to(device)
    try:
        yield
    finally:
        model.to(before)


def set_dropout(model: nn.Module, dropout: float | None, attention_dropout: float | None) -> None:
    """Sets dropout probabilities where a model keeps them: in modules and in plain attributes.

    Args:
        dropout: for every dropout but that on attention weights; None leaves the model's own.
        attention_dropout: for attention weights; None leaves the model's own.
    """
    for holder, name, is_on_weights in _dropouts(model):
        wanted = attention_dropout if is_on_weights else dropout
        if wanted is not None:
            setattr(holder, name, wanted)


def _dropouts(model: nn.Module) -> Iterator[tuple[nn.Module, str, bool]]:
    """Every dropout probability: its holder, the attribute, whether it is of attention weights."""
    for module in model.modules():
        on_weights = ""
        if any(hasattr(module, name) for name in _ATTENTION_SIGNS):
            # Where there are several, "dropout" is that of the output.
            on_weights = next((name for name in _ON_WEIGHTS if hasattr(module, name)), "")
        for name, child in module.named_children():
            if isinstance(child, nn.Dropout):
                yield child, "p", name == on_weights
        for name in ("dropout", "attention_dropout"):
            if isinstance(vars(module).get(name), float):
                yield module, name, name == on_weights


def machine(device: torch.device) -> dict[str, Any]:
    """The machine as it goes into records."""
    described = {"processor": platform.processor() or platform.machine(), "threads": torch.get_num_threads()}
    if device.type == "cuda":
        described["accelerator"] = torch.cuda.get_device_name(device)
    return described


def versions() -> dict[str, str]:
    """Versions of what a run's numbers depend on."""
    from importlib.metadata import version

    names = ["crosslate", "torch", "transformers", "accelerate", "sentencepiece", "sacrebleu", "ctranslate2"]
    names += ["peft"] if "peft" in sys.modules else []
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def cpu_flags() -> str:
    """What Linux says of the processor; empty elsewhere."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
