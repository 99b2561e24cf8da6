"""Checkpoints whose tensors contradict their configuration: each fault is refused with a reason."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosslate.errors import ParentError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")
_FLOATS = frozenset({"F64", "F32", "F16", "BF16"})


def refuse_quantised(folder: Path, config: Any) -> None:
    """Raises ParentError for a model of quantised weights, which nothing can be trained on."""
    quantised = getattr(config, "quantization_config", None)
    if not quantised:
        return
    described = quantised if isinstance(quantised, Mapping) else vars(quantised)
    kind = (
        getattr(described.get("quant_method"), "value", described.get("quant_method")) or "a method unnamed"
    )
    raise ParentError(
        f"{folder} is a quantised model ({kind}), which cannot be trained; get the model that it was made of"
    )


def refuse_faults(folder: Path, model: PreTrainedModel, info: Mapping[str, Any]) -> None:
    """Checks a model that was loaded.

    Args:
        info: what transformers says of the loading.

    Raises:
        ParentError: tensors are missing, of other sizes, of layers that the configuration does not have,
            quantised, or hold values that are no numbers.
    """
    import torch

    if mismatched := sorted(info["mismatched_keys"], key=lambda each: each[0]):
        name, found, expected = mismatched[0]
        raise ParentError(
            f"{folder}: the sizes of {len(mismatched)} tensors are not those of its config.json, the first "
            f"{name}: {_shape(found)}, expected {_shape(expected)}; get the model with its own config.json"
        )
    others = sorted(info["unexpected_keys"])
    if lost := sorted(info["missing_keys"]):
        # Transformers only warns and goes on with random values.
        has = f"; it holds {len(others)} others, the first {others[0]}" if others else ""
        raise ParentError(
            f"{folder} lacks {len(lost)} tensors of its model, the first {lost[0]}{has}; the checkpoint is "
            "incomplete or not of the model that config.json describes, get it again"
        )
    known = {_NUMBER.sub("N", name) for name in model.state_dict()}
    if beyond := [name for name in others if _NUMBER.search(name) and _NUMBER.sub("N", name) in known]:
        raise ParentError(
            f"{folder} holds {len(beyond)} tensors of layers that its config.json does not have, the first "
            f"{beyond[0]}; get the model with its own config.json"
        )
    parameters = dict(model.named_parameters())
    if whole := [name for name, kind in _stored_types(folder) if kind not in _FLOATS and name in parameters]:
        raise ParentError(
            f"{folder}: {len(whole)} tensors are stored as quantised numbers, the first {whole[0]}, which "
            "cannot be trained; get the model that it was made of"
        )
    if broken := [name for name, each in parameters.items() if not torch.isfinite(each).all()]:
        raise ParentError(
            f"{folder}: {len(broken)} tensors hold values that are no numbers (NaN or infinity), the first "
            f"{broken[0]}; the checkpoint is damaged, get it again"
        )


def _shape(size: Any) -> str:
    return "x".join(map(str, size))


def _stored_types(folder: Path) -> list[tuple[str, str]]:
    """Names and types of the tensors in a folder's safetensors files, from their headers alone."""
    found: list[tuple[str, str]] = []
    for path in sorted(folder.glob("model*.safetensors")):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        found += [(name, each["dtype"]) for name, each in header.items() if name != "__metadata__"]
    return found
