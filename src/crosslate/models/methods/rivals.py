"""Methods on a model: which tensors they make of the parent's, which they add, and how they get into a child.

LoRA and IA3 are PEFT's layers, put in place of the linear modules that the plan names. Both can be folded:
what they learn is a form of the parent's tensor, so a pack gives plain tensors again. Adapters and prefixes
are modules of our own and stay modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from crosslate.errors import MissingExtra, StrategyError
from crosslate.models.anatomy.anatomy import Anatomy
from crosslate.models.anatomy.blocks import Blocks
from crosslate.models.methods.bottleneck import (
    Bottleneck,
    add_bottleneck,
    bottleneck_layers,
    bottleneck_shapes,
)
from crosslate.models.methods.forms import Form
from crosslate.models.methods.method import Method
from crosslate.models.methods.prefix import add_prefix, has_prefix, prefix_shapes, supports_prefix

if TYPE_CHECKING:
    from crosslate.models.plan import Plan

_EMBEDDINGS = ("src", "tgt")
_NAME = "default"
"""PEFT keeps several adapters in one layer, by name."""


def is_left_out(name: str, group: str, method: Method | None) -> bool:
    """Whether a method leaves a tensor of a trained group frozen: ``bitfit`` all but biases."""
    is_body = method is not None and method.kind == "bitfit" and group not in _EMBEDDINGS
    return is_body and name.rpartition(".")[2] != "bias"


def formed_tensors(model: Any, anatomy: Anatomy, method: Method | None) -> dict[str, tuple[Form, bool]]:
    """Tensors that a method stores in a compact form, and whether it has something to train for each.

    A bias goes with the rows that a scale changes and has nothing of its own.

    Raises:
        StrategyError: the model has no such parts, or (for ``bitfit``) no biases.
    """
    if method is None:
        return {}
    if method.kind == "bitfit":
        _check_biases(anatomy)
    if method.kind not in ("lora", "ia3"):
        return {}
    shapes = {name: tuple(each.shape) for name, each in model.named_parameters(remove_duplicate=False)}
    blocks = Blocks(model)
    if method.kind == "lora":
        attentions = blocks.cross if method.where == "xattn" else blocks.attentions()
        names = [f"{path}.weight" for each in attentions for path in each.projections.values()]
        highest = {name: min(shapes[name]) for name in names}
        if too_small := [name for name in names if method.size > highest[name]]:
            raise StrategyError(
                f"a delta of rank {method.size} is asked for, and {too_small[0]} has the shape "
                f"{list(shapes[too_small[0]])}; give a rank up to {min(highest.values())}"
            )
        return {name: (Form("low-rank", shapes[name], rank=method.size), True) for name in names}
    formed = {}
    for path in (each.projections[role] for each in blocks.attentions() for role in ("k", "v")):
        formed[f"{path}.weight"] = Form("scale", shapes[f"{path}.weight"], axis=0), True
        if f"{path}.bias" in shapes:
            formed[f"{path}.bias"] = Form("scale", shapes[f"{path}.bias"], axis=0), False
    for path in blocks.feed_forward_outputs():
        formed[f"{path}.weight"] = Form("scale", shapes[f"{path}.weight"], axis=1), True
    return formed


def added_tensors(model: Any, method: Method | None) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Names of the tensors that a method adds to a model, with their groups and shapes.

    Raises:
        StrategyError: the model has no place for them.
    """
    if method is None or not method.adds_modules:
        return {}
    blocks = Blocks(model)
    if method.kind == "adapters":
        return {
            name: (group, shape)
            for layer, group in blocks.layers.items()
            for name, shape in bottleneck_shapes(layer, blocks.width(group), method.size).items()
        }
    supports_prefix(model)
    return {
        name: (attention.group, shape)
        for attention in blocks.attentions()
        for name, shape in prefix_shapes(model, attention, method.size).items()
    }


def added_type(model: nn.Module) -> torch.dtype:
    """The type of added tensors: the parameters' widest, since some may be held in a lower precision."""
    types = (each.dtype for each in model.parameters() if each.is_floating_point())
    return max(types, key=lambda dtype: dtype.itemsize)


def attach(model: Any, plan: Plan) -> dict[str, nn.Parameter]:
    """Puts what a plan's method trains into a child's model; the random state is the caller's.

    Returns:
        The trained parameters by name.

    Raises:
        MissingExtra: PEFT is needed and not installed.
    """
    formed = {planned.name: planned.form for planned in plan.tensors if planned.form and planned.train}
    if formed:
        _inject(model, formed)
        return {
            f"{name}.{part}": parameter
            for name in formed
            for part, parameter in _parts(_layer(model, name)).items()
        }
    return add_modules(model, {planned.name: planned.shape for planned in plan.tensors if planned.is_added})


def add_modules(
    model: Any, shapes: Mapping[str, tuple[int, ...]], tensors: Mapping[str, torch.Tensor] | None = None
) -> dict[str, nn.Parameter]:
    """Adds the modules that tensors of these names and shapes belong to.

    Args:
        tensors: their values, which are used as they are and frozen; None initialises them, to be trained.
    """
    dtype = added_type(model)
    made: dict[str, nn.Parameter] = {}
    for layer in bottleneck_layers(shapes):
        made |= add_bottleneck(model, layer, shapes, dtype)
    for name in sorted(shapes.keys() - made.keys()):
        made[name] = add_prefix(model, name, shapes[name], dtype)
    for name, tensor in (tensors or {}).items():
        path, _, leaf = name.rpartition(".")
        module = model.get_submodule(path)
        module._parameters[leaf] = nn.Parameter(tensor, requires_grad=False)
    return made


def added_kind(model: nn.Module) -> str:
    """What a method added to a model that only the PyTorch engine knows of; empty where nothing was."""
    if any(isinstance(module, Bottleneck) for module in model.modules()):
        return "adapters"
    return "prefixes" if any(has_prefix(module) for module in model.modules()) else ""


def stored_form(model: nn.Module, name: str, form: Form) -> torch.Tensor:
    """What a pack stores of a tensor in a compact form, from the live layers."""
    layer = _layer(model, name)
    with torch.no_grad():
        if form.axis is not None:
            return layer.ia3_l[_NAME].flatten()
        left = layer.lora_B[_NAME].weight * layer.scaling[_NAME]
        return torch.cat([left.T, layer.lora_A[_NAME].weight], dim=1)


def _layer(model: nn.Module, name: str) -> Any:
    return model.get_submodule(name.rpartition(".")[0])


def _parts(layer: Any) -> dict[str, nn.Parameter]:
    if hasattr(layer, "ia3_l"):
        return {"scale": layer.ia3_l[_NAME]}
    return {"right": layer.lora_A[_NAME].weight, "left": layer.lora_B[_NAME].weight}


def _inject(model: Any, formed: Mapping[str, Form]) -> None:
    peft = _peft()
    paths = {name.rpartition(".")[0]: form for name, form in formed.items()}
    inputs = [path for path, form in paths.items() if form.axis == 1]
    form = next(iter(paths.values()))
    config = (
        peft.IA3Config(target_modules=list(paths), feedforward_modules=inputs)
        if form.axis is not None
        else peft.LoraConfig(r=form.rank, lora_alpha=form.rank, target_modules=list(paths))
    )
    wanted = {id(each): each.requires_grad for each in model.parameters()}
    peft.inject_adapter_in_model(config, model, adapter_name=_NAME)
    for parameter in model.parameters():
        # PEFT freezes all but its own, the new embeddings, too.
        parameter.requires_grad_(wanted.get(id(parameter), True))
    layers = {path for path, module in model.named_modules() if hasattr(module, "base_layer")}
    if layers != set(paths):
        raise StrategyError(
            f"PEFT changed {len(layers)} modules, expected {len(paths)}: {sorted(layers ^ set(paths))[:3]}; "
            "report this with the name of the parent"
        )


def _peft() -> Any:
    try:
        import peft
    except ImportError:
        raise MissingExtra(
            "LoRA and IA3 need PEFT, which is not installed; install it with: pip install 'crosslate[rivals]'"
        ) from None
    return peft


def _check_biases(anatomy: Anatomy) -> None:
    biases = [
        name
        for name, group in anatomy.groups.items()
        if group not in _EMBEDDINGS and name in anatomy.parameters and name.rpartition(".")[2] == "bias"
    ]
    if not biases:
        raise StrategyError(
            "bitfit trains biases, and the layers of this model have none (T5's have not, for example); "
            "choose ia3, lora or src+xattn"
        )
