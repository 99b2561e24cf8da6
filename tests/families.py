"""A tiny random model of every encoder-decoder family that Crosslate knows, built from configurations.

``build("t5")`` gives a model in evaluation mode with two layers on each side; keyword arguments change the
configuration (of the decoder, where a family has one configuration per side). Nothing is downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers
from transformers import PreTrainedModel

SOURCE_VOCABULARY = 41
TARGET_VOCABULARY = 37
"""Sizes of the two tables where a family has two; a family with a single table has ``SOURCE_VOCABULARY`` rows."""

SPECIAL_IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}

Fields = dict[str, Any]


def _stacks(**more: Any) -> Fields:
    sides = {"layers": 2, "attention_heads": 2, "ffn_dim": 24}
    return {
        **{f"{side}_{name}": number for side in ("encoder", "decoder") for name, number in sides.items()},
        "max_position_embeddings": 64, **SPECIAL_IDS, **more,
    }  # fmt: skip


def _bart_like(**more: Any) -> Fields:
    return _stacks(vocab_size=SOURCE_VOCABULARY, d_model=16, forced_eos_token_id=None) | more


def _t5_like(**more: Any) -> Fields:
    return {
        "vocab_size": SOURCE_VOCABULARY, "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2,
        "num_decoder_layers": 2, "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0, **more,
    }  # fmt: skip


_LAYERS = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


def side_fields(prefix: str, vocabulary: int, **more: Any) -> Fields:
    """Configuration of one side of an EncoderDecoderModel."""
    sizes: Fields = {**_LAYERS, "max_position_embeddings": 64}
    if prefix == "GPT2":
        sizes = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_inner": 24, "n_positions": 64}
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    return {"vocab_size": vocabulary, **ids, **sizes, **more}


_SEAMLESS = _stacks(vocab_size=SOURCE_VOCABULARY, hidden_size=16)
_SPARSE_T5 = {"num_experts": 2, "num_sparse_encoder_layers": 1, "num_sparse_decoder_layers": 1}
_T5_GLOBAL = {"encoder_attention_type": "transient-global", "local_radius": 4, "global_block_size": 4}

# One configuration: prefix of the classes of transformers, ending of the model's, fields.
_SINGLE: dict[str, tuple[str, str, Fields]] = {
    "marian-shared": ("Marian", "MTModel", _bart_like(decoder_vocab_size=SOURCE_VOCABULARY)),
    "marian-separate": (
        "Marian", "MTModel",
        _bart_like(decoder_vocab_size=TARGET_VOCABULARY, share_encoder_decoder_embeddings=False),
    ),
    **{
        name: (prefix, "ForConditionalGeneration", fields)
        for name, prefix, fields in (
            ("bart", "Bart", _bart_like()),
            ("plbart", "PLBart", _bart_like()),
            ("mvp", "Mvp", _bart_like()),
            (
                "led", "LED",
                _bart_like(
                    max_encoder_position_embeddings=64, max_decoder_position_embeddings=64, attention_window=4
                ),
            ),
            ("blenderbot-small", "BlenderbotSmall", _bart_like()),
            ("mbart", "MBart", _bart_like()),
            ("blenderbot", "Blenderbot", _bart_like()),
            ("pegasus", "Pegasus", _bart_like()),
            ("bigbird-pegasus", "BigBirdPegasus", _bart_like(attention_type="original_full")),
            ("m2m100", "M2M100", _bart_like()),
            ("pegasus-x", "PegasusX", _bart_like(num_global_tokens=4, block_size=8)),
            (
                "nllb-moe", "NllbMoe",
                _bart_like(num_experts=2, encoder_sparse_step=2, decoder_sparse_step=2, expert_capacity=8),
            ),
            (
                "speech2text", "Speech2Text",
                _bart_like(vocab_size=TARGET_VOCABULARY, conv_channels=8, input_feat_per_channel=8),
            ),
            (
                "whisper", "Whisper",
                _bart_like(
                    vocab_size=TARGET_VOCABULARY, num_mel_bins=8, max_source_positions=16,
                    max_target_positions=32, suppress_tokens=None, begin_suppress_tokens=None,
                ),
            ),
            (
                "fsmt", "FSMT",
                _stacks(
                    d_model=16, langs=["de", "en"], src_vocab_size=SOURCE_VOCABULARY, tgt_vocab_size=TARGET_VOCABULARY,
                    tie_word_embeddings=False,
                ),
            ),
            (
                "prophetnet", "ProphetNet",
                {
                    "vocab_size": SOURCE_VOCABULARY, "hidden_size": 16, "max_position_embeddings": 64,
                    "num_encoder_layers": 2, "num_encoder_attention_heads": 2, "encoder_ffn_dim": 24,
                    "num_decoder_layers": 2, "num_decoder_attention_heads": 2, "decoder_ffn_dim": 24,
                    "num_buckets": 8, "relative_max_distance": 16, "ngram": 2, **SPECIAL_IDS,
                },
            ),
            ("t5", "T5", _t5_like()),
            ("t5-v1.1", "T5", _t5_like(feed_forward_proj="gated-gelu", tie_word_embeddings=False)),
            ("mt5", "MT5", _t5_like(feed_forward_proj="gated-gelu")),
            ("umt5", "UMT5", _t5_like(feed_forward_proj="gated-gelu")),
            ("longt5-local", "LongT5", _t5_like(encoder_attention_type="local", local_radius=4)),
            ("longt5-global", "LongT5", _t5_like(**_T5_GLOBAL)),
            ("switch", "SwitchTransformers", _t5_like(**_SPARSE_T5, expert_capacity=8)),
            (
                "moonshine", "Moonshine",
                {
                    "vocab_size": TARGET_VOCABULARY, "hidden_size": 16, "intermediate_size": 24,
                    "encoder_num_hidden_layers": 2, "decoder_num_hidden_layers": 2,
                    "encoder_num_attention_heads": 2, "decoder_num_attention_heads": 2,
                    "max_position_embeddings": 64, **SPECIAL_IDS,
                },
            ),
        )
    },
    "seamless-m4t": ("SeamlessM4T", "ForTextToText", _SEAMLESS),
    "seamless-m4t-v2": ("SeamlessM4Tv2", "ForTextToText", _SEAMLESS),
}  # fmt: skip

_TROCR = {
    "vocab_size": TARGET_VOCABULARY, "d_model": 16, "decoder_layers": 2, "decoder_attention_heads": 2,
    "decoder_ffn_dim": 24, "max_position_embeddings": 64, "cross_attention_hidden_size": 16, **SPECIAL_IDS,
}  # fmt: skip
_WAV2VEC2 = {
    "vocab_size": SOURCE_VOCABULARY, **_LAYERS, "conv_dim": [8, 8], "conv_kernel": [10, 3], "conv_stride": [5, 2],
    "num_feat_extract_layers": 2, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
_IMAGES = {**_LAYERS, "image_size": 8, "patch_size": 4}

# A configuration for each side: prefix of the model's classes, then of each side's with its fields; the start.
_DOUBLE: dict[str, tuple[str, str, Fields, str, Fields, int]] = {
    **{
        name: (
            "EncoderDecoder", encoder, side_fields(encoder, SOURCE_VOCABULARY, **more),
            decoder, side_fields(decoder, TARGET_VOCABULARY), 1,
        )
        for name, encoder, decoder, more in (
            ("bert2bert", "Bert", "Bert", {}),
            ("roberta2roberta", "Roberta", "Roberta", {}),
            ("bertgen", "BertGeneration", "BertGeneration", {}),
            ("bert2gpt2", "Bert", "GPT2", {}),
            ("bert2gpt2-projected", "Bert", "GPT2", {"hidden_size": 24}),
        )
    },
    "speech-encoder-decoder": (
        "SpeechEncoderDecoder", "Wav2Vec2", _WAV2VEC2, "Bert", side_fields("Bert", TARGET_VOCABULARY), 1,
    ),
    "trocr": ("VisionEncoderDecoder", "ViT", _IMAGES, "TrOCR", _TROCR, 2),
}  # fmt: skip

_GEMMA = {
    **_LAYERS, "num_key_value_heads": 1, "head_dim": 8, "max_position_embeddings": 64, "sliding_window": 16,
}  # fmt: skip
_GEMMA_IDS = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}


def _t5gemma(**changes: Any) -> PreTrainedModel:
    encoder, decoder = (
        transformers.T5GemmaModuleConfig(**{**_GEMMA, "vocab_size": rows, **_GEMMA_IDS, **more})
        for rows, more in ((SOURCE_VOCABULARY, {}), (TARGET_VOCABULARY, changes))
    )
    config = transformers.T5GemmaConfig(encoder=encoder, decoder=decoder, **_GEMMA_IDS)
    return transformers.T5GemmaForConditionalGeneration(config)


def _t5gemma2(**changes: Any) -> PreTrainedModel:
    text = {**_GEMMA, "vocab_size": SOURCE_VOCABULARY, **_GEMMA_IDS, **changes}
    tokens = {"mm_tokens_per_image": 4, "image_token_index": 5, "boi_token_index": 6, "eoi_token_index": 7}
    config = transformers.T5Gemma2Config(
        encoder={"text_config": text, "vision_config": dict(_IMAGES), **tokens}, decoder=dict(text),
        image_token_index=5, **_GEMMA_IDS,
    )  # fmt: skip
    return transformers.T5Gemma2ForConditionalGeneration(config)


def _marian_ssru(**changes: Any) -> PreTrainedModel:
    from crosslate.models.marian_transformer import MarianTransformer, MarianTransformerConfig

    fields = _bart_like(
        decoder_vocab_size=TARGET_VOCABULARY, share_encoder_decoder_embeddings=False, decoder_cell="ssru",
        normalize_before=True, final_norm=True,
    )  # fmt: skip
    return MarianTransformer(MarianTransformerConfig(**{**fields, **changes}))


_OTHERS = {"t5gemma": _t5gemma, "t5gemma2": _t5gemma2, "marian-ssru": _marian_ssru}


def build(name: str, *, seed: int = 0, **changes: Any) -> PreTrainedModel:
    """A tiny random model of the family ``name``, in evaluation mode, the same weights for the same ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _made(name, changes).eval()


def _made(name: str, changes: Fields) -> Any:
    if name in _OTHERS:
        return _OTHERS[name](**changes)
    if name in _SINGLE:
        prefix, ending, fields = _SINGLE[name]
        return getattr(transformers, f"{prefix}{ending}")(_config(prefix, {**fields, **changes}))
    whole, encoder, source, decoder, target, start = _DOUBLE[name]
    sides = _config(encoder, source), _config(decoder, {**target, **changes})
    config = getattr(transformers, f"{whole}Config").from_encoder_decoder_configs(*sides)
    config.pad_token_id, config.decoder_start_token_id = 0, start
    return getattr(transformers, f"{whole}Model")(config=config)


def _config(prefix: str, fields: Fields) -> Any:
    return getattr(transformers, f"{prefix}Config")(**fields)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread inside: for models this small, a second one only waits for the first."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def names() -> tuple[str, ...]:
    """The names of all families."""
    return (*_SINGLE, *_DOUBLE, *_OTHERS)


def text_names() -> tuple[str, ...]:
    """The families that read text, not speech or images."""
    others = {"speech2text", "whisper", "moonshine", "speech-encoder-decoder", "trocr"}
    return tuple(name for name in names() if name not in others)
