"""Replace linear modules by PEFT's layers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from crosslate.errors import MissingExtra, StrategyError

ADAPTER = "default"
"""Adapter name in PEFT's layers, which can hold several."""


def inject(model: Any, paths: Collection[str], configure: Callable[[Any], Any]) -> None:
    """Replaces the linear modules at ``paths`` by PEFT's layers and leaves the rest of the model unchanged.

    Args:
        configure: makes PEFT's configuration from the imported library.

    Raises:
        MissingExtra: PEFT is not installed.
        StrategyError: PEFT replaced other modules.
    """
    try:
        import peft
    except ImportError:
        raise MissingExtra(
            "LoRA and IA3 need PEFT, which is not installed; install it with: pip install 'crosslate[rivals]'"
        ) from None
    wanted = {id(each): each.requires_grad for each in model.parameters()}
    before = _layers(model)
    peft.inject_adapter_in_model(configure(peft), model, adapter_name=ADAPTER)
    for parameter in model.parameters():
        # PEFT freezes all other parameters, including new embeddings.
        parameter.requires_grad_(wanted.get(id(parameter), True))
    layers = _layers(model) - before
    if layers != set(paths):
        raise StrategyError(
            f"PEFT changed {len(layers)} modules, expected {len(paths)}: {sorted(layers ^ set(paths))[:3]}; "
            "report this with the name of the parent"
        )


def layer_of(model: Any, name: str) -> Any:
    """The layer that holds the tensor of this name."""
    return model.get_submodule(name.rpartition(".")[0])


def _layers(model: Any) -> set[str]:
    return {path for path, module in model.named_modules() if hasattr(module, "base_layer")}
