"""The tensors of a model by name: find, identify, share and replace them."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.utils import parametrize

Model = TypeVar("Model", bound=nn.Module)


def named_tensors(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """All parameters and persistent buffers under each of their names, in the model's order."""
    for name, tensor in model.state_dict(keep_vars=True).items():
        if isinstance(tensor, torch.Tensor):
            yield name, tensor


def storage_key(tensor: torch.Tensor) -> tuple[Any, ...]:
    """A key that is equal exactly if two tensors are the same elements of the same storage."""
    address = tensor.data_ptr() or id(tensor)  # tensors without elements or data have no address
    return (str(tensor.device), address, tuple(tensor.shape), tensor.stride())


def distinct_tensors(
    model: nn.Module, without: frozenset[str] = frozenset()
) -> list[tuple[str, tuple[str, ...], torch.Tensor]]:
    """All distinct tensors: first name in sorted order, other names, tensor."""
    by_storage: dict[tuple[object, ...], tuple[list[str], torch.Tensor]] = {}
    for name, tensor in named_tensors(model):
        if name not in without:
            by_storage.setdefault(storage_key(tensor), ([], tensor))[0].append(name)
    found = [(sorted(names), tensor) for names, tensor in by_storage.values()]
    return [(names[0], tuple(names[1:]), tensor) for names, tensor in sorted(found, key=lambda each: each[0])]


def unsaved_names(model: Any) -> frozenset[str]:
    """Names that ``save_pretrained`` leaves out because the model recomputes them (Marian's positions)."""
    return frozenset(getattr(model, "_keys_to_ignore_on_save", None) or ())


def is_mixed(model: nn.Module) -> bool:
    """Whether a model has both bfloat16 and float32 parameters, so that it needs mixed precision."""
    types = {parameter.dtype for parameter in model.parameters()}
    return torch.bfloat16 in types and torch.float32 in types


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, the model's own again on exit."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def alias_model(model: Model) -> Model:
    """A copy of a model's module tree in which every parameter and buffer IS the original's."""
    memo: dict[int, object] = {id(each): each for each in model.parameters()}
    memo |= {id(each): each for each in model.buffers()}
    # Copying the dozen empty dictionaries of hooks in every module would take half of the time.
    for module in model.modules():
        for value in vars(module).values():
            if type(value) is OrderedDict and not value:
                memo[id(value)] = OrderedDict()
    return copy.deepcopy(model, memo)


def owner(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The module that holds a tensor, and the tensor's name in it."""
    path, _, leaf = name.rpartition(".")
    return model.get_submodule(path), leaf


def tensor_at(model: nn.Module, name: str) -> torch.Tensor:
    """A tensor by name; a parametrized one whole."""
    module, leaf = owner(model, name)
    tensor: torch.Tensor = getattr(module, leaf)
    return tensor


def set_tensor(model: nn.Module, names: Iterable[str], tensor: torch.Tensor) -> None:
    """Sets one tensor under all of ``names`` and updates module attributes to its shape.

    A plain tensor that replaces a parameter becomes a frozen parameter.
    """
    for name in names:
        module, leaf = owner(model, name)
        if leaf in module._parameters:
            if not isinstance(tensor, nn.Parameter):
                tensor = nn.Parameter(tensor, requires_grad=False)
            module._parameters[leaf] = tensor
        else:
            module._buffers[leaf] = tensor
        _follow_shape(module, leaf, tensor.shape)


def _follow_shape(module: nn.Module, leaf: str, shape: torch.Size) -> None:
    if leaf == "weight" and isinstance(module, nn.Embedding):
        module.num_embeddings = shape[0]
    elif leaf == "weight" and isinstance(module, nn.Linear):
        module.out_features, module.in_features = shape


class SliceOver(nn.Module):
    """A parametrization: a constant tensor with some entries replaced by a trained slice.

    Only the slice is a parameter, so the rest has no gradient, optimiser state or weight decay.
    """

    def __init__(self, base: torch.Tensor, axis: int, indices: Sequence[int]) -> None:
        super().__init__()
        self.axis = axis
        self.register_buffer("base", base, persistent=False)
        self.register_buffer("indices", torch.tensor(indices), persistent=False)

    def forward(self, part: torch.Tensor) -> torch.Tensor:
        """Whole tensor from its trained part."""
        whole: torch.Tensor = self.base.index_copy(self.axis, self.indices, part)
        return whole

    def right_inverse(self, whole: torch.Tensor) -> torch.Tensor:
        """The trained part of a whole tensor."""
        return whole.index_select(self.axis, self.indices)


class DeltaOver(nn.Module):
    """A parametrization: a constant matrix plus a trained product of low rank.

    Args:
        base: (rows, columns).
    """

    def __init__(self, base: torch.Tensor, rank: int) -> None:
        super().__init__()
        self.rank = rank
        self.register_buffer("base", base, persistent=False)

    def forward(self, factors: torch.Tensor) -> torch.Tensor:
        """The matrix from its factors, (rank, rows + columns), in float32 under autocast too."""
        rows = self.base.shape[0]
        with torch.autocast(factors.device.type, enabled=False):
            return torch.addmm(self.base, factors[:, :rows].T, factors[:, rows:])

    def right_inverse(self, whole: torch.Tensor) -> torch.Tensor:
        """Factors of a product that is zero, as LoRA starts: the rows' are zero, the columns' uniform."""
        rows, columns = whole.shape
        right = whole.new_empty(self.rank, columns).uniform_(-(columns**-0.5), columns**-0.5)
        return torch.cat([whole.new_zeros(self.rank, rows), right], dim=1)


def set_slice(
    model: nn.Module, names: Iterable[str], base: torch.Tensor, axis: int, indices: Sequence[int]
) -> nn.Parameter:
    """Makes some entries of a tensor, under all its ``names``, its only trained part; returns that part."""
    return _parametrized(model, names, base, lambda: SliceOver(base, axis, indices))


def set_delta(model: nn.Module, name: str, rank: int) -> nn.Parameter:
    """Trains a matrix through a delta of low rank; returns the factors, (rank, rows + columns).

    Draws from the global random state.
    """
    base = tensor_at(model, name)
    return _parametrized(model, [name], base, lambda: DeltaOver(base, rank))


def _parametrized(
    model: nn.Module, names: Iterable[str], base: torch.Tensor, make: Callable[[], nn.Module]
) -> nn.Parameter:
    parts: list[nn.Parameter] = []
    for name in names:
        module, leaf = owner(model, name)
        # PyTorch moves the parametrized parameter onto its trained part; it must not be the parent's object.
        module._parameters[leaf] = nn.Parameter(base.detach(), requires_grad=False)
        parametrize.register_parametrization(module, leaf, make(), unsafe=True)
        _follow_shape(module, leaf, base.shape)
        if parts:  # tied: one part under every name
            module.parametrizations[leaf].original = parts[0]
        else:
            parts.append(module.parametrizations[leaf].original)
    parts[0].requires_grad_(True)
    return parts[0]
