"""Marian's Transformer as Marian computes it: what transformers' own Marian models lack.

Positions by Marian's formula, a zero vector as the decoder's first input, SSRU decoders, and layer norms
before each sublayer. Importing this module makes the family known to transformers' ``AutoConfig`` and
``AutoModelForSeq2SeqLM``.

Source: Junczys-Dowmunt et al. 2018, "Marian: Fast Neural Machine Translation in C++"
(https://aclanthology.org/P18-4020), and the numbers that its models give.
"""

from __future__ import annotations

from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from torch.nn import functional
from transformers import AutoConfig, AutoModelForSeq2SeqLM, MarianConfig, MarianMTModel
from transformers.models.marian.modeling_marian import (
    MarianDecoder,
    MarianDecoderLayer,
    MarianEncoder,
    MarianEncoderLayer,
    MarianModel,
    MarianSinusoidalPositionalEmbedding,
)

from crosslate.models.cache_name import CACHE_NAME
from crosslate.models.marian_names import OUR_FAMILY
from crosslate.models.ssru import SSRU

_NORM_EPSILON = 1e-9
_LONGEST_WAVE = 10000.0


@strict
class MarianTransformerConfig(MarianConfig):
    """A Marian configuration with what Marian's own options say beyond it.

    Attributes:
        decoder_cell: ``self-attention`` or ``ssru``.
        normalize_before: layer norms before each sublayer (``n`` and ``da``), not after it (``dan``).
        final_norm: a layer norm after the last layer of each side.
    """

    model_type = OUR_FAMILY

    decoder_cell: str = "self-attention"
    normalize_before: bool = False
    final_norm: bool = False


def position_table(num_positions: int, width: int) -> torch.Tensor:
    """Sines, then cosines, of waves up to the longest: (num_positions, width), float32."""
    num_waves = width // 2
    exponents = torch.arange(num_waves, dtype=torch.float64) / max(1, num_waves - 1)
    angles = torch.arange(num_positions, dtype=torch.float64)[:, None] * _LONGEST_WAVE**-exponents
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()


class _Positions(MarianSinusoidalPositionalEmbedding):
    """Marian's own sinusoids."""

    def create_weight(self) -> torch.Tensor:
        return position_table(self.num_embeddings, self.embedding_dim).to(self.weight)


class _EncoderLayer(MarianEncoderLayer):
    """An encoder layer with layer norms before its sublayers."""

    def forward(self, hidden_states: torch.Tensor, attention_mask: Any, **options: Any) -> torch.Tensor:
        states = self.self_attn_layer_norm(hidden_states)
        states, _ = self.self_attn(states, attention_mask=attention_mask, **options)
        hidden_states = hidden_states + _dropped(self, states)
        return hidden_states + _fed_forward(self, self.final_layer_norm(hidden_states))


class _DecoderLayer(MarianDecoderLayer):
    """A decoder layer with layer norms before its sublayers."""

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: Any = None,
        encoder_hidden_states: torch.Tensor | None = None,
        encoder_attention_mask: Any = None,
        use_cache: bool | None = True,
        **options: Any,
    ) -> torch.Tensor:
        states = self.self_attn_layer_norm(hidden_states)
        states, _ = self.self_attn(states, attention_mask=attention_mask, **options)
        hidden_states = hidden_states + _dropped(self, states)
        states, _ = self.encoder_attn(
            self.encoder_attn_layer_norm(hidden_states),
            key_value_states=encoder_hidden_states,
            attention_mask=encoder_attention_mask,
            **options,
        )
        hidden_states = hidden_states + _dropped(self, states)
        return hidden_states + _fed_forward(self, self.final_layer_norm(hidden_states))


def _dropped(layer: Any, states: torch.Tensor) -> torch.Tensor:
    return functional.dropout(states, p=layer.dropout, training=layer.training)


def _fed_forward(layer: Any, states: torch.Tensor) -> torch.Tensor:
    inner = layer.activation_fn(layer.fc1(states))
    inner = functional.dropout(inner, p=layer.activation_dropout, training=layer.training)
    return _dropped(layer, layer.fc2(inner))


class _Encoder(MarianEncoder):
    config_class = MarianTransformerConfig

    def __init__(self, config: MarianTransformerConfig) -> None:
        super().__init__(config)
        if config.normalize_before:
            self.layers = nn.ModuleList(_EncoderLayer(config) for _ in range(config.encoder_layers))
        _as_in_marian(self, config)

    def forward(self, *arguments: Any, **options: Any) -> Any:
        return _with_final_norm(self, super().forward(*arguments, **options))


class _Decoder(MarianDecoder):
    config_class = MarianTransformerConfig

    def __init__(self, config: MarianTransformerConfig) -> None:
        super().__init__(config)
        if config.normalize_before:
            self.layers = nn.ModuleList(
                _DecoderLayer(config, layer) for layer in range(config.decoder_layers)
            )
        if config.decoder_cell == "ssru":
            for number, layer in enumerate(self.layers):
                layer.self_attn = SSRU(config.d_model, number)
        _as_in_marian(self, config)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        **options: Any,
    ) -> Any:
        if input_ids is not None:
            inputs_embeds = self.embed_tokens(input_ids)
            cache = options.get(CACHE_NAME)
            if cache is None or cache.get_seq_length() == 0:
                # Nothing comes before the first word, whatever id stands there.
                inputs_embeds = functional.pad(inputs_embeds[:, 1:], (0, 0, 1, 0))
        output = super().forward(inputs_embeds=inputs_embeds, **options)
        return _with_final_norm(self, output)


def _as_in_marian(stack: Any, config: MarianTransformerConfig) -> None:
    """Gives a side Marian's positions and layer norms."""
    stack.embed_positions = _Positions(config.max_position_embeddings, config.d_model)
    if config.final_norm:
        stack.layer_norm = nn.LayerNorm(config.d_model)
    for module in stack.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = _NORM_EPSILON
    stack.post_init()


def _with_final_norm(stack: Any, output: Any) -> Any:
    if not stack.config.final_norm:
        return output
    if isinstance(output, tuple):
        return (stack.layer_norm(output[0]), *output[1:])
    output.last_hidden_state = stack.layer_norm(output.last_hidden_state)
    return output


class _Model(MarianModel):
    config_class = MarianTransformerConfig

    def __init__(self, config: MarianTransformerConfig) -> None:
        super().__init__(config)
        self.encoder, self.decoder = _Encoder(config), _Decoder(config)
        self.post_init()


class MarianTransformer(MarianMTModel):
    """A translation model of Marian with its output layer."""

    config_class = MarianTransformerConfig

    def __init__(self, config: MarianTransformerConfig) -> None:
        super().__init__(config)
        self.model = _Model(config)
        self.post_init()


AutoConfig.register(MarianTransformerConfig.model_type, MarianTransformerConfig)
AutoModelForSeq2SeqLM.register(MarianTransformerConfig, MarianTransformer)
