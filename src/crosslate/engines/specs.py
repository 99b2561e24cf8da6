"""CTranslate2 model specifications of Hugging Face encoder–decoders, built from the live module tree.

CTranslate2's own converter reads a saved folder with one tokenizer; its loaders, reused here, fill a
specification from modules and do not care where these came from. The families differ in what the
loaders take from the configuration, which is set right here from what the modules show.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crosslate.errors import EngineError


def family_of(model: Any) -> str:
    """The family of a model that can be exported.

    Raises:
        EngineError: CTranslate2 has no counterpart of the model; the PyTorch engine does.
    """
    family = str(getattr(model.config, "model_type", "unknown"))
    if family not in _FAMILIES:
        raise EngineError(
            f"a model of type {family!r} cannot be exported to CTranslate2 (exportable: "
            f"{', '.join(_FAMILIES)}); use the PyTorch engine for it"
        )
    return family


def build_spec(model: Any) -> Any:
    """A CTranslate2 ``TransformerSpec`` that holds the tensors of ``model``.

    Args:
        model: a private copy, on the CPU in float32: its configuration is changed here, and CTranslate2
            overwrites its tensors when it quantises.

    Raises:
        EngineError: the model's family, activation function or shape has no counterpart.
    """
    family = family_of(model)
    try:
        return _FAMILIES[family](model)
    except (KeyError, AttributeError, ValueError, NotImplementedError) as error:
        raise EngineError(
            f"this model of type {family!r} cannot be exported to CTranslate2 "
            f"({type(error).__name__}: {error}); use the PyTorch engine for it"
        ) from error


def _bart_like(model: Any, loader: Any = None) -> Any:
    import numpy
    from ctranslate2.converters import transformers as loaders

    config, encoder, decoder = model.config, model.get_encoder(), model.get_decoder()
    # Absent from configurations that recent releases write; the modules tell.
    config.normalize_before = hasattr(encoder, "layer_norm")
    config.normalize_embedding = hasattr(encoder, "layernorm_embedding")
    config.encoder_layers, config.decoder_layers = len(encoder.layers), len(decoder.layers)
    # The base class, also for Marian: its own loader drops the last row of each table, taking it for
    # padding, and starts from a zero vector instead of from the padding's row.
    loader = loader or loaders.BartLoader()
    spec = loaders.BartLoader.get_model_spec(loader, model)
    if config.decoder_attention_heads != config.encoder_attention_heads:
        spec.decoder.num_heads = numpy.dtype("int16").type(config.decoder_attention_heads)
    return spec


def _m2m100(model: Any) -> Any:
    from ctranslate2.converters import transformers as loaders

    class Loader(loaders.BartLoader):
        def set_position_encodings(self, spec: Any, module: Any) -> None:
            # Positions are counted from the row after padding's; CTranslate2's loader takes padding to be 1.
            spec.encodings = module.weights[module.padding_idx + 1 :]

    return _bart_like(model, Loader())


def _fsmt(model: Any) -> Any:
    from ctranslate2.converters import transformers as loaders

    class Loader(loaders.BartLoader):
        def set_position_encodings(self, spec: Any, module: Any) -> None:
            spec.encodings = module.weight[module.padding_idx + 1 :]

    model.lm_head = model.model.decoder.output_projection
    return _bart_like(model, Loader())


def _t5_like(loader_name: str, scales_outputs: Callable[[Any], bool]) -> Callable[[Any], Any]:
    def build(model: Any) -> Any:
        from ctranslate2.converters import transformers as loaders
        from ctranslate2.specs import model_spec

        config = model.config
        config.num_layers, config.num_decoder_layers = len(model.encoder.block), len(model.decoder.block)
        spec = getattr(loaders, loader_name)().get_model_spec(model)
        # The loader asks tie_word_embeddings, which recent releases force to True on loading.
        scale = config.d_model**-0.5 if scales_outputs(config) else model_spec.OPTIONAL
        spec.decoder.scale_outputs = scale
        spec.config.layer_norm_epsilon = config.layer_norm_epsilon
        return spec

    return build


# Adding a family is one entry here and one in tests/equivalence/test_engines.py.
_FAMILIES: dict[str, Callable[[Any], Any]] = {
    "marian": _bart_like,
    "bart": _bart_like,
    "mbart": _bart_like,
    "m2m_100": _m2m100,
    "pegasus": _bart_like,
    "blenderbot": _bart_like,
    "plbart": _bart_like,
    "fsmt": _fsmt,
    "t5": _t5_like("T5Loader", lambda config: bool(config.scale_decoder_outputs)),
    "mt5": _t5_like("MT5Loader", lambda config: False),
    "umt5": _t5_like("UMT5Loader", lambda config: bool(config.tie_word_embeddings)),
}
