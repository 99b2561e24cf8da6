"""The simpler simple recurrent unit: what Marian's fast decoders have in place of self-attention.

Source: Kim et al. 2019, "From Research to Production and Back: Ludicrously Fast Neural Machine Translation"
(https://aclanthology.org/D19-5632), section 3.1.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from crosslate.models.cache_name import CACHE_NAME


class SSRU(nn.Module):
    """``c[t] = f[t] * c[t-1] + (1 - f[t]) * (x[t] W)`` with a forget gate f; the output is ``relu(c)``.

    It is called like transformers' attention and keeps its state in the same cache: as the values of its
    layer, ``(batch, 1, 1, width)``. The keys there are ``(batch, 1, steps, 1)`` and only count the steps.

    Args:
        layer: number of its decoder layer, which is its place in the cache.
    """

    def __init__(self, width: int, layer: int) -> None:
        super().__init__()
        self.candidate = nn.Linear(width, width, bias=False)
        self.forget_gate = nn.Linear(width, width)
        self._layer = layer

    def forward(self, hidden_states: torch.Tensor, **options: Any) -> tuple[torch.Tensor, None]:
        """Outputs for states ``(batch, steps, width)``; what later steps need goes into the cache.

        No mask is needed: a step reads earlier ones only, and padding comes last.
        """
        # In half precision, a sum over many steps would lose what it adds.
        candidates = self.candidate(hidden_states).float()
        gates = self.forget_gate(hidden_states).float().sigmoid()
        cache = options.get(CACHE_NAME)
        cache = getattr(cache, "self_attention_cache", cache)
        state = _cached_state(cache, self._layer)
        state = torch.zeros_like(candidates[:, 0]) if state is None else state
        states = []
        for candidate, gate in zip(candidates.unbind(1), gates.unbind(1)):
            state = torch.lerp(candidate, state, gate)
            states.append(state)
        if cache is not None:
            _keep_state(cache, self._layer, state, len(states))
        return torch.stack(states, dim=1).relu().to(hidden_states.dtype), None


def _cached_state(cache: Any, layer: int) -> torch.Tensor | None:
    """The state after the last step, ``(batch, width)``."""
    if cache is None or cache.get_seq_length(layer) == 0:
        return None
    state: torch.Tensor = cache.layers[layer].values[:, 0, -1]
    return state


def _keep_state(cache: Any, layer: int, state: torch.Tensor, num_steps: int) -> None:
    # Without a number of rows in Python, which an export would keep for all batches.
    steps = torch.zeros_like(state)[:, None, None, :1].expand(-1, -1, num_steps, -1)
    cache.update(steps, state[:, None, None], layer)
    kept = cache.layers[layer]
    kept.values = kept.values[:, :, -1:]
