"""PEFT's layers in place of linear modules, for the methods that train such."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from crosslate.errors import MissingExtra, StrategyError

ADAPTER = "default"
"""PEFT keeps several adapters in one layer, by name."""


def inject(model: Any, paths: Collection[str], configure: Callable[[Any], Any]) -> None:
    """Puts PEFT's layers in place of the linear modules at ``paths``; nothing else of the model changes.

    Args:
        configure: makes PEFT's configuration, given the library.

    Raises:
        MissingExtra: PEFT is not installed.
        StrategyError: PEFT replaces other modules than these.
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
        # PEFT freezes all but its own, the new embeddings, too.
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
