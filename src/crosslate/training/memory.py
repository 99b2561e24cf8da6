"""Save memory in training by checkpointing, sharding and lower precision; measure the peak."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from crosslate.errors import OutOfMemory, TrainingError
from crosslate.models.tensors import is_mixed
from crosslate.training.cpu import give_back
from crosslate.training.devices import resolve_precision


@contextmanager
def checkpointed(model: Any) -> Iterator[None]:
    """Gradient checkpointing: layers keep only their input and are recomputed for their gradients.

    Raises:
        TrainingError: the model family does not support it.
    """
    # Renamed in transformers 5.22.
    kind = "activation" if hasattr(model, "activation_checkpointing_enable") else "gradient"
    try:
        getattr(model, f"{kind}_checkpointing_enable")({"use_reentrant": False})
    except (AttributeError, ValueError) as error:
        raise TrainingError(
            f"{type(model).__name__} does not support gradient checkpointing; turn it off and use smaller "
            "batches"
        ) from error
    # Avoids a warning that encoders cannot use the cache that is on by default.
    uses_cache, model.config.use_cache = getattr(model.config, "use_cache", None), False
    try:
        yield
    finally:
        getattr(model, f"{kind}_checkpointing_disable")()
        model.config.use_cache = uses_cache


_SIGNS = ("out of memory", "can't allocate memory", "not enough memory")
"""Of PyTorch's errors without a class of their own: those of CPUs and of Apple's processors."""


@contextmanager
def memory_errors(batch_tokens: int, device: torch.device) -> Iterator[None]:
    """Says what to do where a batch does not fit into memory.

    Raises:
        OutOfMemory: something inside needed more memory than there is.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        text = str(error).strip().partition("\n")[0]
        is_known = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not is_known and not any(sign in text.lower() for sign in _SIGNS):
            raise
        raise OutOfMemory(
            f"the memory of {device.type} does not suffice for batches of {batch_tokens:,} tokens ({text}); "
            "train with smaller ones, hold what is frozen in bfloat16, or keep less of each layer (gradient "
            "checkpointing)"
        ) from error


def run_precision(model: nn.Module, precision: str, device: torch.device) -> str:
    """What matrix products are computed in: ``bf16``, ``fp16`` or ``fp32``.

    Raises:
        TrainingError: another one than bf16 is asked for with tensors that are held in bfloat16.
    """
    if is_mixed(model) and precision in ("fp32", "fp16"):
        raise TrainingError(
            f"the precision is {precision}, but frozen tensors are held in bfloat16, which needs bf16; leave "
            "the precision out, or hold them in float32"
        )
    return "bf16" if is_mixed(model) else resolve_precision(precision, device)


def spread_frozen(model: Any, accelerator: Accelerator) -> None:
    """Shards the frozen matrices of all layers over the processes.

    Call this before the model moves to its device. The parent's tensors stay where they are.

    Raises:
        TrainingError: there is only one process, the model does not expose its layers, or these have no
            frozen matrix, as under low-rank, which changes every matrix of a group.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    if accelerator.num_processes < 2:
        raise TrainingError(
            "sharding frozen tensors needs several processes, but there is one; start several with "
            "accelerate launch, or turn sharding off"
        )
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not layers:
        raise TrainingError(
            f"{type(model).__name__} does not expose its layers, so it cannot be sharded; turn sharding off"
        )
    # Tensors of a layer are gathered together, so all must have one type; others are small.
    held = torch.bfloat16 if is_mixed(model) else torch.float32
    frozen = {
        (module, name): parameter
        for layer in layers
        for module in layer.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if not parameter.requires_grad and parameter.dim() >= 2 and parameter.dtype == held
    }
    if not frozen:
        raise TrainingError(
            "sharding splits frozen matrices of layers, but the strategy changes all of them; choose one "
            "that leaves some frozen, such as src+xattn or tgt+xattn, or turn sharding off"
        )
    for (module, name), parameter in frozen.items():
        # Sharding frees the memory of the object, which belongs to the parent.
        module._parameters[name] = nn.Parameter(parameter.detach(), requires_grad=False)
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    for layer in layers:
        whole = {
            parameter
            for module in layer.modules()
            for name, parameter in module.named_parameters(recurse=False)
            if (module, name) not in frozen
        }
        fully_shard(layer, mesh=mesh, reshard_after_forward=True, ignored_params=whole)


def shards(model: nn.Module) -> list[str]:
    """Names of sharded parameters, with which all processes must compute together."""
    return [name for name, parameter in model.named_parameters() if hasattr(parameter, "device_mesh")]


T = TypeVar("T")


class PeakMemory:
    """Peak resident memory of this process since this object was created, in bytes.

    Linux can reset the peak. Elsewhere, or without permission, earlier peaks of the process count as well.

    Attributes:
        before: resident memory at creation, after freed memory was returned to the system; 0 if unknown.
    """

    def __init__(self) -> None:
        gc.collect()
        give_back()
        _forget()
        self.before = self._peak = _peak_bytes()

    def leaving_out(self, work: Callable[[], T]) -> Callable[[], T]:
        """Wraps a callable so that its memory does not count, such as validation."""

        def measured() -> T:
            self.bytes()
            try:
                return work()
            finally:
                give_back()
                _forget()

        return measured

    def bytes(self) -> int:
        """The peak so far; 0 if unknown."""
        self._peak = max(self._peak, _peak_bytes())
        return self._peak


def _forget() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_bytes() -> int:
    path = Path("/proc/self/status")
    status = path.read_text(encoding="ascii", errors="replace") if path.exists() else ""
    if found := re.search(r"VmHWM:\s+(\d+)", status):
        return int(found[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
