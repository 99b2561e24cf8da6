"""The same computation, cheaper on CPU: attention, dropout, the precision of what flows between layers."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode


@contextmanager
def cheaper_on_cpu(model: nn.Module, *, is_bf16: bool) -> Iterator[None]:
    """CPU optimisations for one run, undone on exit."""
    with kept_memory(), eager_attention(model), bf16_states(model) if is_bf16 else nullcontext():
        yield


@contextmanager
def eager_attention(model: nn.Module) -> Iterator[None]:
    """Plain matrix products for attention inside, if the model knows them.

    On CPU in bf16 the fused kernel's backward pass is far slower. Measured on 3+3 layers of width 256:
    4.2k against 2.8k tokens/s on one core. Its dropout has no generator that two threads could tell apart.
    """
    config = getattr(model, "config", None)
    if getattr(config, "_attn_implementation", None) != "sdpa":
        yield
        return
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation("sdpa")


@contextmanager
def bf16_states(model: nn.Module) -> Iterator[None]:
    """Inside, embeddings hand bf16 on, so that what flows between layers is bf16 under autocast.

    Autocast alone keeps residuals in fp32 and converts them for every matrix product that reads them.
    Tables, their gradients and the optimiser stay in fp32.
    """

    def to_bf16(module: nn.Module, inputs: Any, output: Any) -> Any:
        if module.training and getattr(output, "dtype", None) == torch.float32:
            return output.to(torch.bfloat16)
        return output

    tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    handles = [table.register_forward_hook(to_bf16) for table in tables]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


# What models draw besides dropout: layers to skip, noise of routers.
_DRAWING = {torch.rand, torch.randn, torch.Tensor.uniform_, torch.Tensor.normal_, torch.Tensor.bernoulli_}


class SeededRandom(TorchFunctionMode):
    """Inside, a model draws all that is random from generators of its own, in this thread alone.

    Dropout masks are made of numpy's bits, which is faster than PyTorch's way on CPU, with probabilities
    rounded to multiples of 2**-16. They depend on the seed, on no machine and no number of threads.
    Measured on (1024, 256) in bf16: 0.8 against 2.4 ms, both passes, on one core.

    Args:
        seed: 0 or more.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._bits = np.random.SFC64(seed)
        self._generator = torch.Generator().manual_seed(seed)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is functional.dropout:
            return self._dropout(*args, **kwargs)
        if func in _DRAWING:
            kwargs = {"generator": self._generator, **kwargs}
        return func(*args, **kwargs)

    def _dropout(
        self, input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> torch.Tensor:
        if not training or not p:
            return input
        if p == 1.0:
            return input * 0.0
        count = input.numel()
        bits = self._bits.random_raw(-(-count // 4)).view(np.int16)[:count]
        below = min(round(p * 2**16) - 2**15, 2**15 - 1)
        keep = torch.from_numpy(bits).view(input.shape) >= below
        mask = keep.to(input.dtype).mul_(1 / (1 - p))
        return input.mul_(mask) if inplace else input * mask


# Parameters of glibc's mallopt (malloc.h). Blocks above 32 MiB, the highest threshold it takes, still come
# from the system and go back to it one by one.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


@contextmanager
def kept_memory() -> Iterator[None]:
    """Inside, memory that tensors leave stays with the process, for the next ones.

    Otherwise the system fills it with zeros, page by page, each time anew, thousands of pages an update: a
    fifth to a third of the time of training a small model (docs/performance.md).
    """
    library = _glibc()
    if library is None:
        yield
        return
    library.mallopt(_MMAP_THRESHOLD, 32 << 20)
    library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        # What has been set no longer adapts by itself, so this is what adapting comes to at the most, and not
        # what a process begins with: translations in the same process would be slower ever after.
        library.mallopt(_TRIM_THRESHOLD, 64 << 20)
        library.malloc_trim(0)


def give_back() -> None:
    """Returns freed memory to the system; the C library keeps it until asked."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows
        return None
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
