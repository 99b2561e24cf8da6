"""The Transformer layers of both sides and each decoder layer's cross-attention, read off a probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from crosslate.errors import AnatomyError
from crosslate.models.anatomy.probe import Call, Probe

Role = Literal["q", "k", "v", "o", "norm"]

_HEAD_COUNTS = ("num_heads", "n_heads", "num_attention_heads", "num_attn_heads")


@dataclass(frozen=True)
class CrossAttention:
    """Cross-attention of one decoder layer; everything is a module path.

    Attributes:
        block: the module that holds the projections, and in some families the layer norm.
        norms: layer norms outside the block that belong to it (none, one, or two in a sandwich).
        roles: what the modules inside do, as far as it can be told.
    """

    layer: int
    block: str
    norms: tuple[str, ...]
    roles: dict[str, Role]
    heads: int


def is_under(path: str, ancestor: str) -> bool:
    """Whether ``path`` is ``ancestor`` or inside it (``layers.10`` is not inside ``layers.1``)."""
    return path == ancestor or not ancestor or path.startswith(f"{ancestor}.")


def owns_tensors(module: nn.Module) -> bool:
    """Whether parameters belong to the module itself rather than to its parts."""
    return next(module.parameters(recurse=False), None) is not None


def is_norm(module: nn.Module) -> bool:
    """Whether the module's own parameters are all vectors, as a layer norm's are."""
    return owns_tensors(module) and all(p.dim() <= 1 for p in module.parameters(recurse=False))


def encoder_stack(probe: Probe) -> str:
    """Path of the list that holds the encoder's Transformer layers.

    Raises:
        AnatomyError: there is no such list.
    """
    best, most = None, 0
    keepers = {
        path for call in probe.calls if call.stage == "encoder" and call.keeps_shape for path in call.paths
    }
    for path, module in probe.module(probe.encoder).named_modules(prefix=probe.encoder):
        # A convolutional front end is a list as well, but its parts change the shape of what they get.
        if isinstance(module, nn.ModuleList) and any(
            f"{path}.{index}" in keepers for index in range(len(module))
        ):
            size = sum(parameter.numel() for parameter in module.parameters())
            if size > most:  # on a tie the outer list, which comes first
                best, most = path, size
    if best is None:
        raise AnatomyError(
            f"no list of Transformer layers in the encoder {_described(probe, probe.encoder)}; expected a "
            "torch.nn.ModuleList whose members map hidden states to hidden states"
        )
    return best


def cross_attentions(probe: Probe) -> tuple[str, list[CrossAttention]]:
    """Path of the decoder's list of layers, and the cross-attention of each layer that has one.

    Raises:
        AnatomyError: nothing in the decoder reads the encoder states, or what reads them reads the decoder's
            own states as well, so that cross-attention has no tensors of its own.
    """
    calls = [call for call in probe.calls if call.stage == "decoder"]
    readers: dict[str, None] = {}
    for call in calls:
        if call.fed and _owns_matrix(probe.module(call.paths[0])):
            readers.update({path: None for path in call.paths if is_under(path, probe.decoder)})
    if not readers:
        raise AnatomyError(
            f"nothing in the decoder {_described(probe, probe.decoder)} reads the encoder states; expected "
            "cross-attention (add_cross_attention=True for a decoder such as BERT or GPT-2)"
        )
    merged = [path for path in readers if any(path in call.paths and not call.fed for call in calls)]
    if merged:
        raise AnatomyError(
            f"cross-attention has no tensors of its own: {merged[0]} and {len(merged) - 1} more project the "
            "encoder states and the decoder's own states alike (merged attention, as in T5Gemma2), so it "
            "cannot be trained or stored apart from self-attention; use a family with separate "
            "cross-attention: T5Gemma is the nearest to T5Gemma2, others are T5, mBART, NLLB and Marian"
        )
    stack = _stack_above(probe, next(iter(readers)))
    by_layer: dict[int, list[str]] = {}
    for path in readers:
        if not is_under(path, stack):
            raise AnatomyError(
                f"{path} reads the encoder states outside the decoder layers {stack!r}; expected "
                "cross-attention inside the layers only"
            )
        by_layer.setdefault(int(path[len(stack) + 1 :].split(".", 1)[0]), []).append(path)
    blocks = [_cross_attention(probe, calls, stack, layer, by_layer[layer]) for layer in sorted(by_layer)]
    return stack, _told_apart(probe, blocks, by_layer)


def _described(probe: Probe, path: str) -> str:
    return f"{path!r} ({type(probe.module(path)).__name__})"


def _owns_matrix(module: nn.Module) -> bool:
    return any(parameter.dim() >= 2 for parameter in module.parameters(recurse=False))


def _stack_above(probe: Probe, path: str) -> str:
    steps = path.split(".")
    for end in range(len(probe.decoder.split(".")), len(steps)):
        candidate = ".".join(steps[:end])
        if isinstance(probe.module(candidate), nn.ModuleList):
            return candidate
    raise AnatomyError(
        f"{path} reads the encoder states but is in no torch.nn.ModuleList of decoder layers; expected one"
    )


def _cross_attention(
    probe: Probe, calls: list[Call], stack: str, layer: int, readers: list[str]
) -> CrossAttention:
    root = f"{stack}.{layer}"
    parts = set()  # the topmost of the layer that read the encoder states
    for path in readers:
        part, *steps = path[len(root) + 1 :].split(".")
        while isinstance(probe.module(f"{root}.{part}"), nn.ModuleList):
            part = f"{part}.{steps.pop(0)}"
        parts.add(f"{root}.{part}")
    if len(parts) > 1:
        raise AnatomyError(
            f"decoder layer {layer} reads the encoder states in several places: {', '.join(sorted(parts))}; "
            "expected one cross-attention per layer"
        )
    (block,) = parts
    order = [
        path
        for call in calls
        for path in call.paths
        if is_under(path, root) and path != root and owns_tensors(probe.module(path))
    ]
    inside = [position for position, path in enumerate(order) if is_under(path, block)]
    first, last = inside[0], inside[-1]
    is_norms = [is_norm(probe.module(path)) for path in order]
    norms: list[str] = []
    if not is_norms[first] and not is_norms[last]:
        # Pre-norm layers begin with a norm, post-norm layers end with one, sandwich layers do both.
        if first > 0 and is_norms[0] and is_norms[first - 1]:
            norms.append(order[first - 1])
        if last + 1 < len(order) and is_norms[-1] and is_norms[last + 1]:
            norms.append(order[last + 1])
    within = [order[position] for position in inside]
    roles: dict[str, Role] = dict.fromkeys(norms, "norm")
    roles |= {order[position]: "norm" for position in inside if is_norms[position]}
    own = [path for path in within if _owns_matrix(probe.module(path)) and path not in readers]
    if len(own) == 2:
        roles |= {own[0]: "q", own[1]: "o"}
    query = probe.module(own[0]) if len(own) == 2 else None
    return CrossAttention(layer, block, tuple(norms), roles, _num_heads(probe, block, query, readers[0]))


def _num_heads(probe: Probe, block: str, query: Any, path: str) -> int:
    while is_under(path, block):
        module = probe.module(path)
        for name in _HEAD_COUNTS:
            if isinstance(count := getattr(module, name, None), int):
                return count
        size = getattr(module, "head_dim", None)
        if isinstance(size, int) and query is not None:
            return int(query.out_features if isinstance(query, nn.Linear) else query.nf) // size
        path = path.rpartition(".")[0]
    raise AnatomyError(
        f"the number of heads of the cross-attention {_described(probe, block)} is unknown; "
        f"expected an attribute {', '.join(_HEAD_COUNTS)} or head_dim"
    )


def _told_apart(
    probe: Probe, blocks: list[CrossAttention], readers: dict[int, list[str]]
) -> list[CrossAttention]:
    """Adds which of two projections of the encoder states makes the keys and which the values.

    Zero values leave nothing for the output projection to read; zero keys only spread the attention evenly.
    """
    outputs = {path: block for block in blocks for path, role in block.roles.items() if role == "o"}
    outputs = {path: block for path, block in outputs.items() if len(readers[block.layer]) == 2}
    silenced = [
        probe.silences([readers[block.layer][index] for block in outputs.values()], outputs)
        for index in (0, 1)
    ]
    for output, block in outputs.items():
        silent = [output in heard for heard in silenced]
        if silent[0] != silent[1]:
            value, key = readers[block.layer] if silent[0] else reversed(readers[block.layer])
            block.roles.update({key: "k", value: "v"})
    return blocks
