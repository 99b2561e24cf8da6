"""Frozen matrices spread over processes: each holds a part, and sees a whole layer while it computes it.

PyTorch's fully sharded data parallelism, for what is frozen alone. What is trained is a small part of a
model; it stays whole in every process, and its gradients are summed as without sharding.
"""

from __future__ import annotations

from typing import Any

import torch
from accelerate import Accelerator
from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from crosslate.errors import TrainingError
from crosslate.models.lowered import is_mixed


def spread_frozen(model: Any, accelerator: Accelerator) -> None:
    """Shards the frozen matrices of all layers over the processes.

    The parent keeps its own tensors, where they are: call this before the model moves to its device.

    Raises:
        TrainingError: there is one process, with which there is nothing to share.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    if accelerator.num_processes < 2:
        raise TrainingError(
            "frozen tensors are to be spread over processes, but there is one; start several with "
            "accelerate launch, or leave it out"
        )
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not layers:
        raise TrainingError(f"{type(model).__name__} does not show its layers, so it cannot be sharded")
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    # One type in all, since a layer's parts travel together; what is left is small.
    held = torch.bfloat16 if is_mixed(model) else torch.float32
    for layer in layers:
        whole: set[nn.Parameter] = set()
        for module in layer.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.requires_grad or parameter.dim() < 2 or parameter.dtype != held:
                    whole.add(parameter)
                else:
                    # Sharding takes the object's memory away, and the object is the parent's.
                    module._parameters[name] = nn.Parameter(parameter.detach(), requires_grad=False)
        fully_shard(layer, mesh=mesh, reshard_after_forward=True, ignored_params=whole)


def leave_out_shards(objective: Any) -> None:
    """Tells PyTorch's data parallelism that shards have no gradients to sum, and nothing to be made equal."""
    shards = [name for name, parameter in objective.named_parameters() if _is_shard(parameter)]
    objective._ddp_params_and_buffers_to_ignore = shards


def _is_shard(tensor: torch.Tensor) -> bool:
    """Whether a tensor is this process's part of one."""
    return hasattr(tensor, "device_mesh")


def is_sharded(model: nn.Module) -> bool:
    """Whether some of a model's parameters are spread over processes: all of them must compute together."""
    return any(_is_shard(parameter) for parameter in model.parameters())
