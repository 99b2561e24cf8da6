"""Export a live model and its two vocabularies to a self-contained CTranslate2 folder."""

from __future__ import annotations

import copy
import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from crosslate.engines.ctranslate2 import FORMAT_VERSION, FolderDescription
from crosslate.engines.generation import Generation, TranslationModel
from crosslate.errors import EngineError, UsageError, nearest
from crosslate.files import atomic_folder, write_json, write_text
from crosslate.models.marian_names import OUR_FAMILY
from crosslate.models.methods.registry import added_modules
from crosslate.models.vocabularies.saved_vocabularies import SideDescription, save_vocabulary
from crosslate.text.segmenters import WORD_START
from crosslate.text.vocabularies import Vocabulary

log = logging.getLogger(__name__)

Quantization = Literal[
    "float32", "float16", "bfloat16", "int16", "int8", "int8_float32", "int8_float16", "int8_bfloat16"
]
_CHECKED_TOKENS = 12
_FEW_PIECES = 8
# Covers float32 rounding in another order of operations. A wrong scale or a missing norm differs far more.
_TOLERANCE = 5e-3


def export_ctranslate2(
    translation_model: TranslationModel,
    folder: Path,
    quantization: Quantization = "float32",
    *,
    readme: str = "",
) -> None:
    """Writes ``folder`` for :class:`crosslate.engines.ctranslate2.CTranslate2Engine`, atomically.

    The live model is copied and not modified. Before quantisation, the exported model must reproduce the live
    model's log-probabilities on a sample.

    Args:
        translation_model: a parent or a child.
        folder: must not exist.
        quantization: type of the stored weights; ``int8_*`` computes everything else in the second type.
        readme: Markdown for ``README.md``; empty writes none.

    Raises:
        EngineError: CTranslate2 does not support the model, or the export differs from the live model.
        InputError: ``folder`` exists.
        UsageError: unknown quantization.
    """
    source, target = translation_model.source, translation_model.target
    with atomic_folder(folder) as temporary:
        generation = write_model(translation_model, temporary, quantization)
        for side, vocabulary in (("source", source), ("target", target)):
            save_vocabulary(vocabulary, temporary, side)
        forced, pieces = generation.forced_first, _all_pieces(target, generation.num_target_rows)
        never = generation.never_generated(target, allow_unknown=True)
        description = FolderDescription(
            format=FORMAT_VERSION,
            family=family_of(translation_model.model), quantization=quantization,
            source=SideDescription.of(source), target=SideDescription.of(target),
            max_source_tokens=generation.max_source_tokens, max_target_tokens=generation.max_target_tokens,
            forced_first=None if forced is None else pieces[forced],
            never_generated=[pieces[index] for index in never], unknown=pieces[target.special.unk],
        )  # fmt: skip
        write_json(temporary / "crosslate.json", description.to_values())
        if readme:
            write_text(temporary / "README.md", readme)
    log.debug("exported a model to %s (%s)", folder, quantization)


def write_model(
    translation_model: TranslationModel,
    folder: Path,
    quantization: Quantization,
    *,
    adjust: Callable[[Any, Generation], None] | None = None,
) -> Generation:
    """Writes CTranslate2's files into an existing folder, after the same check.

    Args:
        adjust: changes the specification after the check, before quantisation.
    """
    if quantization not in get_args(Quantization):
        raise UsageError(f"quantization is {quantization!r}; {nearest(quantization, get_args(Quantization))}")
    live = translation_model.model
    if added := added_modules(live):
        raise EngineError(
            f"the model has {added}, which CTranslate2 does not support; use the PyTorch engine, or train "
            "lora, ia3 or bitfit instead, which are merged into plain tensors"
        )
    family = family_of(live)
    generation = Generation.of(translation_model)
    source, target = translation_model.source, translation_model.target
    # A copy: we change its configuration below, and CTranslate2 overwrites tensors when it quantises.
    private = copy.deepcopy(live).to("cpu").float().eval()
    sample = sample_ids(source, _CHECKED_TOKENS), sample_ids(target, _CHECKED_TOKENS)
    expected = _live_log_probabilities(private, *sample, start=generation.start, eos=target.special.eos)
    try:
        spec = _FAMILIES[family](private)
        # Only Marian's own decoders start from zeros; transformers' Marian starts from its padding row.
        spec.decoder.start_from_zero_embedding = family == OUR_FAMILY
        _register_vocabularies(spec, source, target, generation)
        spec.validate()
    except (KeyError, AttributeError, ValueError, NotImplementedError) as error:
        raise EngineError(
            f"cannot export this model of type {family!r} to CTranslate2 "
            f"({type(error).__name__}: {error}); use the PyTorch engine"
        ) from error
    found = _exported_log_probabilities(spec, source, target, sample)
    difference = max((abs(one - other) for one, other in zip(found, expected, strict=True)), default=0.0)
    if not difference <= _TOLERANCE:  # also catches NaN
        raise EngineError(
            f"the export of this {family!r} model differs from the live model: log-probabilities of the "
            f"same sentence differ by {difference:.2g}, expected at most {_TOLERANCE}; "
            "use the PyTorch engine"
        )
    if adjust is not None:
        adjust(spec, generation)
        spec.validate()
    spec.optimize(quantization)
    spec.save(str(folder))
    return generation


def _all_pieces(vocabulary: Vocabulary, num_rows: int) -> list[str]:
    """A piece for every row of the table; rows beyond the vocabulary get unique placeholder names."""
    return [*vocabulary.pieces, *(f"<unused {index}>" for index in range(len(vocabulary), num_rows))]


def _register_vocabularies(spec: Any, source: Vocabulary, target: Vocabulary, generation: Generation) -> None:
    sides = {
        "source": _all_pieces(source, generation.num_source_rows),
        "target": _all_pieces(target, generation.num_target_rows),
    }
    for side, pieces in sides.items():
        if len(set(pieces)) < len(pieces):
            twice = next(piece for index, piece in enumerate(pieces) if piece in pieces[:index])
            raise EngineError(
                f"the {side} vocabulary has the piece {twice!r} twice; CTranslate2 needs distinct pieces: "
                "use the PyTorch engine"
            )
    spec.register_source_vocabulary(sides["source"])
    spec.register_target_vocabulary(sides["target"])
    special = target.special
    spec.config.decoder_start_token = target.pieces[generation.start]
    spec.config.eos_token = target.pieces[special.eos]
    spec.config.unk_token = target.pieces[special.unk]
    spec.config.bos_token = target.pieces[special.eos if special.bos is None else special.bos]


def sample_ids(vocabulary: Vocabulary, count: int) -> list[int]:
    """Evenly spaced ids of alphabetic pieces, without special pieces and language codes."""
    hidden = {*vocabulary.silent, vocabulary.special.unk}
    ids = [index for index in range(len(vocabulary)) if index not in hidden]
    letters = [
        index for index in ids if vocabulary.marked_pieces[index].removeprefix(WORD_START).isalpha()
    ]  # fmt: skip
    chosen = letters if len(letters) >= _FEW_PIECES else ids
    return chosen[:: max(1, len(chosen) // count)][:count]


def _live_log_probabilities(
    model: Any, source_ids: Sequence[int], target_ids: Sequence[int], *, start: int, eos: int
) -> list[float]:
    import torch

    with torch.inference_mode():
        logits = model(
            # The source's end of sentence is left out, here and below; the comparison does not need it.
            input_ids=torch.tensor([source_ids]),
            attention_mask=torch.ones(1, len(source_ids), dtype=torch.long),
            decoder_input_ids=torch.tensor([[start, *target_ids]]),
            use_cache=False,
            return_dict=True,
        ).logits[0]
        labels = torch.tensor([*target_ids, eos])
        chosen: list[float] = logits.log_softmax(-1).gather(1, labels.unsqueeze(1)).squeeze(1).tolist()
    return chosen


def _exported_log_probabilities(
    spec: Any, source: Vocabulary, target: Vocabulary, sample: tuple[Sequence[int], Sequence[int]]
) -> list[float]:
    import ctranslate2

    with tempfile.TemporaryDirectory() as folder:
        spec.save(folder)
        translator = ctranslate2.Translator(folder, compute_type="float32", inter_threads=1)
        pieces = [source.pieces[index] for index in sample[0]], [target.pieces[index] for index in sample[1]]
        result = translator.score_batch([pieces[0]], [pieces[1]], max_input_length=0)[0]
        return list(result.log_probs)


def family_of(model: Any) -> str:
    """The model type of an exportable model.

    Raises:
        EngineError: the model cannot be exported to CTranslate2.
    """
    family = str(getattr(model.config, "model_type", "unknown"))
    if family not in _FAMILIES:
        raise EngineError(
            f"cannot export a model of type {family!r} to CTranslate2 (supported: "
            f"{', '.join(_FAMILIES)}); use the PyTorch engine"
        )
    if getattr(model.config, "decoder_cell", None) == "ssru":
        raise EngineError(
            "the model's decoder has SSRU cells in place of self-attention, which CTranslate2 does not have; "
            "use the PyTorch engine"
        )
    return family


def _bart_like(model: Any, loader: Any = None) -> Any:
    import numpy
    from ctranslate2.converters import transformers as loaders

    config, encoder, decoder = model.config, model.get_encoder(), model.get_decoder()
    # Recent transformers releases no longer write these; infer them from the modules.
    config.normalize_before = hasattr(encoder, "layer_norm")
    config.normalize_embedding = hasattr(encoder, "layernorm_embedding")
    config.encoder_layers, config.decoder_layers = len(encoder.layers), len(decoder.layers)
    # Use the base class for Marian too: Marian's loader drops the last row of each table as padding, and
    # starts decoding from a zero vector instead of the padding row.
    loader = loader or loaders.BartLoader()
    spec = loaders.BartLoader.get_model_spec(loader, model)
    if config.decoder_attention_heads != config.encoder_attention_heads:
        spec.decoder.num_heads = numpy.dtype("int16").type(config.decoder_attention_heads)
    return spec


def _marian(model: Any) -> Any:
    """Marian's own Transformer; norms before sublayers and after the last layer come together."""
    if model.config.normalize_before != model.config.final_norm:
        raise ValueError("layer norms before sublayers and after the last layer go together")
    spec = _bart_like(model)
    spec.config.layer_norm_epsilon = model.model.encoder.layers[0].final_layer_norm.eps
    return spec


def _counted_from_padding(model: Any) -> Any:
    """M2M100 and FSMT: positions start after the padding row, which CTranslate2 assumes to be row 1."""
    from ctranslate2.converters import transformers as loaders

    class Loader(loaders.BartLoader):
        def set_position_encodings(self, spec: Any, module: Any) -> None:
            rows = module.weights if hasattr(module, "weights") else module.weight
            spec.encodings = rows[module.padding_idx + 1 :]

    if model.config.model_type == "fsmt":
        model.lm_head = model.model.decoder.output_projection
    return _bart_like(model, Loader())


def _t5_like(loader_name: str, scales_outputs: Callable[[Any], bool]) -> Callable[[Any], Any]:
    def build(model: Any) -> Any:
        from ctranslate2.converters import transformers as loaders
        from ctranslate2.specs import model_spec

        config = model.config
        config.num_layers, config.num_decoder_layers = len(model.encoder.block), len(model.decoder.block)
        spec = getattr(loaders, loader_name)().get_model_spec(model)
        # The loader reads tie_word_embeddings, which recent releases force to True on loading.
        scale = config.d_model**-0.5 if scales_outputs(config) else model_spec.OPTIONAL
        spec.decoder.scale_outputs = scale
        spec.config.layer_norm_epsilon = config.layer_norm_epsilon
        return spec

    return build


# To add a family, add one entry here and one in tests/equivalence/test_engines.py.
_FAMILIES: dict[str, Callable[[Any], Any]] = {
    "marian": _bart_like,
    OUR_FAMILY: _marian,
    "bart": _bart_like,
    "mbart": _bart_like,
    "m2m_100": _counted_from_padding,
    "pegasus": _bart_like,
    "blenderbot": _bart_like,
    "plbart": _bart_like,
    "fsmt": _counted_from_padding,
    "t5": _t5_like("T5Loader", lambda config: bool(config.scale_decoder_outputs)),
    "mt5": _t5_like("MT5Loader", lambda config: False),
    "umt5": _t5_like("UMT5Loader", lambda config: bool(config.tie_word_embeddings)),
}
