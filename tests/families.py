"""A tiny random model of every encoder-decoder family that Crosslate knows, built from configurations.

``build("t5")`` gives a model in evaluation mode with two layers on each side; keyword arguments change the
configuration (of the decoder, where a family has one configuration per side). Nothing is downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
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

Builder = Callable[..., PreTrainedModel]
_BUILDERS: dict[str, Builder] = {}


def build(name: str, *, seed: int = 0, **changes: Any) -> PreTrainedModel:
    """A tiny random model of the family ``name``, in evaluation mode, the same weights for the same ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _BUILDERS[name](**changes).eval()


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
    return tuple(_BUILDERS)


def text_names() -> tuple[str, ...]:
    """The families that read text, not speech or images."""
    others = {"speech2text", "whisper", "moonshine", "speech-encoder-decoder", "trocr"}
    return tuple(name for name in names() if name not in others)


def _family(name: str) -> Callable[[Builder], Builder]:
    def register(builder: Builder) -> Builder:
        _BUILDERS[name] = builder
        return builder

    return register


def _bart_like(name: str, prefix: str, model: str = "ForConditionalGeneration", **base: Any) -> None:
    """Families with BART's configuration fields; ``prefix`` is the one of their transformers classes."""

    def builder(**changes: Any) -> PreTrainedModel:
        fields: dict[str, Any] = {
            "vocab_size": SOURCE_VOCABULARY,
            "d_model": 16,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 24,
            "decoder_ffn_dim": 24,
            "max_position_embeddings": 64,
            "forced_eos_token_id": None,
            **SPECIAL_IDS,
            **base,
            **changes,
        }
        config = getattr(transformers, f"{prefix}Config")(**fields)
        return getattr(transformers, f"{prefix}{model}")(config)

    _BUILDERS[name] = builder


_bart_like("marian-shared", "Marian", "MTModel", decoder_vocab_size=SOURCE_VOCABULARY)
_bart_like(
    "marian-separate",
    "Marian",
    "MTModel",
    decoder_vocab_size=TARGET_VOCABULARY,
    share_encoder_decoder_embeddings=False,
)
_bart_like("bart", "Bart")
_bart_like("plbart", "PLBart")
_bart_like("mvp", "Mvp")
_bart_like(
    "led",
    "LED",
    max_encoder_position_embeddings=64,
    max_decoder_position_embeddings=64,
    attention_window=4,
)
_bart_like("blenderbot-small", "BlenderbotSmall")
_bart_like("mbart", "MBart")
_bart_like("blenderbot", "Blenderbot")
_bart_like("pegasus", "Pegasus")
_bart_like("bigbird-pegasus", "BigBirdPegasus", attention_type="original_full")
_bart_like("m2m100", "M2M100")
_bart_like("pegasus-x", "PegasusX", num_global_tokens=4, block_size=8)
_bart_like(
    "nllb-moe",
    "NllbMoe",
    num_experts=2,
    encoder_sparse_step=2,
    decoder_sparse_step=2,
    expert_capacity=8,
)
_bart_like(
    "speech2text", "Speech2Text", vocab_size=TARGET_VOCABULARY, conv_channels=8, input_feat_per_channel=8
)
_bart_like(
    "whisper",
    "Whisper",
    vocab_size=TARGET_VOCABULARY,
    num_mel_bins=8,
    max_source_positions=16,
    max_target_positions=32,
    suppress_tokens=None,
    begin_suppress_tokens=None,
)


def _seamless(name: str, prefix: str) -> None:
    def builder(**changes: Any) -> PreTrainedModel:
        fields: dict[str, Any] = {
            "vocab_size": SOURCE_VOCABULARY,
            "hidden_size": 16,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 24,
            "decoder_ffn_dim": 24,
            "max_position_embeddings": 64,
            **SPECIAL_IDS,
            **changes,
        }
        config = getattr(transformers, f"{prefix}Config")(**fields)
        return getattr(transformers, f"{prefix}ForTextToText")(config)

    _BUILDERS[name] = builder


_seamless("seamless-m4t", "SeamlessM4T")
_seamless("seamless-m4t-v2", "SeamlessM4Tv2")


@_family("fsmt")
def _fsmt(**changes: Any) -> PreTrainedModel:
    config = transformers.FSMTConfig(
        **{
            "langs": ["de", "en"],
            "src_vocab_size": SOURCE_VOCABULARY,
            "tgt_vocab_size": TARGET_VOCABULARY,
            "d_model": 16,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 24,
            "decoder_ffn_dim": 24,
            "max_position_embeddings": 64,
            "tie_word_embeddings": False,
            **SPECIAL_IDS,
            **changes,
        }
    )
    return transformers.FSMTForConditionalGeneration(config)


@_family("prophetnet")
def _prophetnet(**changes: Any) -> PreTrainedModel:
    config = transformers.ProphetNetConfig(
        **{
            "vocab_size": SOURCE_VOCABULARY,
            "hidden_size": 16,
            "num_encoder_layers": 2,
            "num_decoder_layers": 2,
            "num_encoder_attention_heads": 2,
            "num_decoder_attention_heads": 2,
            "encoder_ffn_dim": 24,
            "decoder_ffn_dim": 24,
            "max_position_embeddings": 64,
            "num_buckets": 8,
            "relative_max_distance": 16,
            "ngram": 2,
            **SPECIAL_IDS,
            **changes,
        }
    )
    return transformers.ProphetNetForConditionalGeneration(config)


def _t5_like(name: str, prefix: str, **base: Any) -> None:
    def builder(**changes: Any) -> PreTrainedModel:
        fields: dict[str, Any] = {
            "vocab_size": SOURCE_VOCABULARY,
            "d_model": 16,
            "d_kv": 8,
            "d_ff": 24,
            "num_layers": 2,
            "num_decoder_layers": 2,
            "num_heads": 2,
            "pad_token_id": 0,
            "eos_token_id": 1,
            "decoder_start_token_id": 0,
            **base,
            **changes,
        }
        config = getattr(transformers, f"{prefix}Config")(**fields)
        return getattr(transformers, f"{prefix}ForConditionalGeneration")(config)

    _BUILDERS[name] = builder


_t5_like("t5", "T5")
_t5_like("t5-v1.1", "T5", feed_forward_proj="gated-gelu", tie_word_embeddings=False)
_t5_like("mt5", "MT5", feed_forward_proj="gated-gelu")
_t5_like("umt5", "UMT5", feed_forward_proj="gated-gelu")
_t5_like("longt5-local", "LongT5", encoder_attention_type="local", local_radius=4)
_t5_like(
    "longt5-global",
    "LongT5",
    encoder_attention_type="transient-global",
    local_radius=4,
    global_block_size=4,
)
_t5_like(
    "switch",
    "SwitchTransformers",
    num_experts=2,
    num_sparse_encoder_layers=1,
    num_sparse_decoder_layers=1,
    expert_capacity=8,
)


def _side_fields(prefix: str, vocabulary: int, **more: Any) -> dict[str, Any]:
    """Configuration of one side of an EncoderDecoderModel."""
    if prefix == "GPT2":
        sizes = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_inner": 24, "n_positions": 64}
    else:
        sizes = {
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 24,
            "max_position_embeddings": 64,
        }
    return {
        "vocab_size": vocabulary,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        **sizes,
        **more,
    }


def _two_configurations(name: str, encoder: str, decoder: str, **encoder_changes: Any) -> None:
    def builder(**changes: Any) -> PreTrainedModel:
        source = getattr(transformers, f"{encoder}Config")(
            **_side_fields(encoder, SOURCE_VOCABULARY, **encoder_changes)
        )
        target = getattr(transformers, f"{decoder}Config")(
            **_side_fields(decoder, TARGET_VOCABULARY, **changes)
        )
        config = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(source, target)
        config.pad_token_id, config.decoder_start_token_id = 0, 1
        return transformers.EncoderDecoderModel(config=config)

    _BUILDERS[name] = builder


_two_configurations("bert2bert", "Bert", "Bert")
_two_configurations("roberta2roberta", "Roberta", "Roberta")
_two_configurations("bertgen", "BertGeneration", "BertGeneration")
_two_configurations("bert2gpt2", "Bert", "GPT2")
_two_configurations("bert2gpt2-projected", "Bert", "GPT2", hidden_size=24)


@_family("moonshine")
def _moonshine(**changes: Any) -> PreTrainedModel:
    config = transformers.MoonshineConfig(
        **{
            "vocab_size": TARGET_VOCABULARY,
            "hidden_size": 16,
            "intermediate_size": 24,
            "encoder_num_hidden_layers": 2,
            "decoder_num_hidden_layers": 2,
            "encoder_num_attention_heads": 2,
            "decoder_num_attention_heads": 2,
            "max_position_embeddings": 64,
            **SPECIAL_IDS,
            **changes,
        }
    )
    return transformers.MoonshineForConditionalGeneration(config)


@_family("speech-encoder-decoder")
def _speech_encoder_decoder(**changes: Any) -> PreTrainedModel:
    encoder = transformers.Wav2Vec2Config(
        vocab_size=SOURCE_VOCABULARY,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        conv_dim=[8, 8],
        conv_kernel=[10, 3],
        conv_stride=[5, 2],
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    decoder = transformers.BertConfig(**_side_fields("Bert", TARGET_VOCABULARY, **changes))
    config = transformers.SpeechEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.pad_token_id, config.decoder_start_token_id = 0, 1
    return transformers.SpeechEncoderDecoderModel(config=config)


@_family("trocr")
def _trocr(**changes: Any) -> PreTrainedModel:
    encoder = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        image_size=8,
        patch_size=4,
    )
    decoder = transformers.TrOCRConfig(
        **{
            "vocab_size": TARGET_VOCABULARY,
            "d_model": 16,
            "decoder_layers": 2,
            "decoder_attention_heads": 2,
            "decoder_ffn_dim": 24,
            "max_position_embeddings": 64,
            "cross_attention_hidden_size": 16,
            **SPECIAL_IDS,
            **changes,
        }
    )
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.pad_token_id, config.decoder_start_token_id = 0, 2
    return transformers.VisionEncoderDecoderModel(config=config)


_GEMMA = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "sliding_window": 16,
}


@_family("t5gemma")
def _t5gemma(**changes: Any) -> PreTrainedModel:
    ids = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}
    encoder = transformers.T5GemmaModuleConfig(**{**_GEMMA, "vocab_size": SOURCE_VOCABULARY, **ids})
    decoder = transformers.T5GemmaModuleConfig(
        **{**_GEMMA, "vocab_size": TARGET_VOCABULARY, **ids, **changes}
    )
    config = transformers.T5GemmaConfig(encoder=encoder, decoder=decoder, **ids)
    return transformers.T5GemmaForConditionalGeneration(config)


@_family("t5gemma2")
def _t5gemma2(**changes: Any) -> PreTrainedModel:
    ids = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}
    vision = {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 8,
        "patch_size": 4,
    }
    text = {**_GEMMA, "vocab_size": SOURCE_VOCABULARY, **ids, **changes}
    config = transformers.T5Gemma2Config(
        encoder={
            "text_config": text,
            "vision_config": vision,
            "mm_tokens_per_image": 4,
            "image_token_index": 5,
            "boi_token_index": 6,
            "eoi_token_index": 7,
        },
        decoder=dict(text),
        image_token_index=5,
        **ids,
    )
    return transformers.T5Gemma2ForConditionalGeneration(config)
