"""Faster training on CPU: attention, dropout, precision between layers, memory allocation."""

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
def kept_threads() -> Iterator[None]:
    """Restores PyTorch's number of threads, which CTranslate2 sets to 1.

    Otherwise later runs in the same process have one thread, and round differently from a new process.
    """
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def eager_attention(model: nn.Module) -> Iterator[None]:
    """Computes attention by plain matrix products, if the model supports that.

    On CPU in bf16 the fused kernel's backward pass is far slower: 2.8k against 4.2k tokens/s on one core with
    3+3 layers of width 256. Its dropout also cannot use a separate generator per thread.
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
    """Makes embeddings return bf16, so that states between layers are bf16 under autocast.

    Autocast alone keeps residuals in fp32 and converts them for every matrix product.
    Embedding tables, gradients and the optimiser stay in fp32.
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


# Random numbers besides dropout: skipped layers, router noise.
_DRAWING = {torch.rand, torch.randn, torch.Tensor.uniform_, torch.Tensor.normal_, torch.Tensor.bernoulli_}


class SeededRandom(TorchFunctionMode):
    """Makes models in this thread draw random numbers from separate, seeded generators.

    Dropout masks come from numpy's random bits, with probabilities rounded to multiples of 2**-16. That is
    faster than PyTorch on CPU (0.8 against 2.4 ms for both passes of (1024, 256) in bf16 on one core). Masks
    depend only on the seed, not on the machine or the number of threads.

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


# Parameters of glibc's mallopt (malloc.h). Blocks above 32 MiB, the highest threshold allowed, are still
# allocated and returned one by one. Without any limit (M_MMAP_MAX 0) they leave holes that the next block of
# the same size does not fit into, since it must be aligned, and memory grows.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keeps freed memory in the process for reuse.

    Otherwise the system zeroes thousands of pages at every update, which takes a fifth to a third of the time
    of training a small model (docs/performance.md).
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
        # A threshold that was set no longer adapts. Use the highest adapted value rather than the initial
        # one, which would slow down later translations in this process.
        library.mallopt(_TRIM_THRESHOLD, 64 << 20)
        library.malloc_trim(0)


def give_back() -> None:
    """Returns memory that the C library has kept after it was freed to the system."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows
        return None
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
