"""A child as a model of Marian: tensors by Marian's names, configuration, and both vocabularies.

Marian starts its decoder with a zero vector, while transformers' own Marian models start it with a row of
their table. If that row v is not zero, it is subtracted from the whole table, so that the start becomes zero,
and added back where the first decoder layer reads its input: in the biases of its attention and in that of
the output that is added to the input. If the table is the output layer's, too, all logits of a step change by
the same number, which changes no probability.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

import crosslate
from crosslate.engines.generation import Generation, TranslationModel
from crosslate.errors import Faults, PackError
from crosslate.export.marian_vocabulary import MarianVocabulary, check_vocabulary
from crosslate.models.marian_files import MarianModel
from crosslate.models.marian_names import OUTPUT_BIAS, OUTPUT_TABLE, SHARED_TABLE, SSRU, TABLES, layer_names
from crosslate.models.marian_transformer import MarianTransformer, MarianTransformerConfig
from crosslate.models.methods.registry import added_modules

Precision = Literal["float32", "int8"]

_FAMILIES = ("marian", MarianTransformerConfig.model_type)
# The engines of 8-bit models branched off Marian before its gelu was the usual one, and before its layer
# norms came before keys and values, too.
_VERSIONS: dict[Precision, str] = {"float32": "v1.12.42", "int8": "v1.9.56"}
_ACTIVATIONS: dict[Precision, dict[str, str]] = {
    "float32": {"relu": "relu", "swish": "swish", "silu": "swish", "gelu": "gelu"},
    "int8": {"relu": "relu", "swish": "swish", "silu": "swish", "quick_gelu": "gelu"},
}
# The sizes that the 8-bit arithmetic of Marian's engines accepts.
_INNER_MULTIPLE, _OUTPUT_MULTIPLE = 64, 8
# Below any logit of a model.
_NEVER = -1e4


@dataclass(frozen=True)
class MarianExport:
    """A child in Marian's terms.

    Attributes:
        model: tensors and configuration.
        live: the same in PyTorch, in the child's ids: what Marian computes with the tensors.
        source: vocabulary of the source side, in the rows of the tensors.
        target: vocabulary of the target side.
        has_other_positions: whether the child itself computes positions by another formula than Marian.
    """

    model: MarianModel
    live: Any
    source: MarianVocabulary
    target: MarianVocabulary
    has_other_positions: bool

    @property
    def matrices(self) -> frozenset[str]:
        """Names of the tensors that are stored in 8 bits in an 8-bit model: all but vectors."""
        return frozenset(name for name, array in self.model.tensors.items() if len(array) > 1)


def marian_export(child: TranslationModel, precision: Precision = "float32") -> MarianExport:
    """A parent or a child in Marian's terms; not modified.

    Raises:
        PackError: Marian cannot express it; lists every reason.
    """
    _check(child, precision)
    facts = Generation.of(child)
    live = _as_marian(child.model, facts.start)
    source = MarianVocabulary.of(child.source)
    target = MarianVocabulary.of(child.target, _OUTPUT_MULTIPLE if precision == "int8" else 1)
    never = facts.never_generated(child.target, allow_unknown=True)  # Marian itself never writes that one
    tensors: dict[str, Any] = dict(_tables(live, source, target))
    tensors[OUTPUT_BIAS] = _output_bias(live, target, never)
    layers = layer_names(live.config)
    for ours, tensor in live.state_dict().items():
        if ours in layers:
            tensors[layers[ours]] = tensor.T if tensor.ndim > 1 else tensor
    # Marian reads row-major arrays only.
    arrays = {
        name: np.ascontiguousarray(tensor.detach().float().cpu().numpy()) for name, tensor in tensors.items()
    }
    arrays = {name: array if array.ndim > 1 else array[np.newaxis] for name, array in arrays.items()}
    model = MarianModel(arrays, _configuration(live.config, precision, arrays, source, target))
    return MarianExport(model, live, source, target, not isinstance(child.model, MarianTransformer))


def _check(child: TranslationModel, precision: Precision) -> None:
    faults = Faults("cannot export this model to Marian (docs/guides/exporting.md has other formats)")
    config = child.model.config
    if config.model_type not in _FAMILIES:
        raise PackError(
            f"{faults.heading}: its type is {config.model_type!r}, expected a parent imported from Marian or "
            "of transformers' Marian family (OPUS-MT)"
        )
    if added := added_modules(child.model):
        faults.add(f"the child has {added}; train lora, ia3 or bitfit instead, which are merged into tensors")
    for side, vocabulary in (("source", child.source), ("target", child.target)):
        check_vocabulary(side, vocabulary, faults)
    if (forced := Generation.of(child).forced_first) is not None:
        faults.add(
            f"every translation begins with {child.target.pieces[forced]!r}, which Marian cannot force"
        )
    if config.activation_function not in _ACTIVATIONS[precision]:
        known = ", ".join(_ACTIVATIONS[precision])
        faults.add(
            f"its activation is {config.activation_function!r}, expected one of {known} in {precision}"
        )
    if not config.scale_embedding:
        faults.add("it does not scale embeddings by the root of their width, as Marian always does")
    for name in ("attention_heads", "ffn_dim"):
        sizes = [getattr(config, f"{stack}_{name}") for stack in ("encoder", "decoder")]
        if sizes[0] != sizes[1]:
            faults.add(
                f"{name} is {sizes[0]} in the encoder but {sizes[1]} in the decoder, expected the same"
            )
    if precision == "int8":
        _check_eight_bit(child.model, faults)
    faults.raise_as(PackError)


def _check_eight_bit(model: Any, faults: Faults) -> None:
    instead = "export it in float32"
    for name in ("d_model", "decoder_ffn_dim"):
        if (size := getattr(model.config, name)) % _INNER_MULTIPLE:
            faults.add(
                f"{name} is {size}, but 8-bit matrices need a multiple of {_INNER_MULTIPLE}; {instead}"
            )
    if getattr(model.config, "normalize_before", False):
        faults.add(
            f"its layer norms stand before the sublayers, which 8-bit engines compute otherwise; {instead}"
        )
    if not torch.equal(model.get_decoder().embed_tokens.weight, model.lm_head.weight):
        faults.add(f"its output layer has a table of its own, which 8-bit engines do not read; {instead}")


def _as_marian(model: Any, start: int) -> MarianTransformer:
    """A copy of a model as Marian computes it: with Marian's positions and a zero vector at the start."""
    values = {**model.config.to_dict(), "dtype": torch.float32, "tie_word_embeddings": False}
    values.pop("model_type")
    config = MarianTransformerConfig(**{**values, "share_encoder_decoder_embeddings": False})
    # The sides may pad with different ids; only the initial values, which are replaced, depend on this one.
    config.pad_token_id = 0
    config.vocab_size = len(model.get_encoder().embed_tokens.weight)
    config.decoder_vocab_size = len(model.get_decoder().embed_tokens.weight)
    with torch.random.fork_rng(devices=[]):
        made = MarianTransformer(config)
    made.generation_config = model.generation_config
    own = {name: tensor for name, tensor in model.state_dict().items() if "embed_positions" not in name}
    own.pop("model.shared.weight", None)
    missing, unexpected = made.load_state_dict(
        {name: tensor.float().cpu() for name, tensor in own.items()}, strict=False
    )
    missing = [
        name for name in missing if "embed_positions" not in name and not name.startswith("model.shared")
    ]
    if missing or unexpected:
        raise PackError(
            f"cannot export this model to Marian: tensors missing {missing}, unexpected {list(unexpected)}; "
            "export it in another format"
        )
    if not isinstance(model, MarianTransformer):
        _start_with_zero(made, start)
    return made.eval()


@torch.no_grad()
def _start_with_zero(model: Any, start: int) -> None:
    """Makes a row of the decoder's table zero without changing what the decoder computes."""
    decoder = model.get_decoder()
    table = decoder.embed_tokens.weight
    is_tied = torch.equal(table, model.lm_head.weight)
    row = table[start].clone()
    table -= row
    if is_tied:
        model.lm_head.weight.copy_(table)
    shift = row * decoder.embed_scale
    attention = decoder.layers[0].self_attn
    for each in (attention.q_proj, attention.k_proj, attention.v_proj):
        each.bias += each.weight @ shift
    attention.out_proj.bias += shift


def _tables(
    live: Any, source: MarianVocabulary, target: MarianVocabulary
) -> Iterator[tuple[str, torch.Tensor]]:
    """The tables of embeddings and, if it is not one of them, the output matrix."""
    reads, writes = (
        stack.embed_tokens.weight[list(vocabulary.rows)]
        for stack, vocabulary in ((live.get_encoder(), source), (live.get_decoder(), target))
    )
    output = live.lm_head.weight[list(target.rows)]
    is_output = torch.equal(writes, output)
    if is_output and source.rows == target.rows and torch.equal(reads, writes):
        yield SHARED_TABLE, writes
        return
    yield TABLES["encoder"], reads
    yield TABLES["decoder"], writes
    if not is_output:
        yield OUTPUT_TABLE, output


def _output_bias(live: Any, target: MarianVocabulary, never: Collection[int]) -> torch.Tensor:
    bias: torch.Tensor = live.final_logits_bias[0, list(target.rows)].clone()
    bias[[row for row, old in enumerate(target.rows) if old in never or row >= target.num_known]] = _NEVER
    return bias


def _configuration(
    config: Any,
    precision: Precision,
    names: Collection[str],
    source: MarianVocabulary,
    target: MarianVocabulary,
) -> dict[str, Any]:
    """Marian's options of the model; all that its engines ask for, also where they are the usual ones."""
    is_one_table = SHARED_TABLE in names
    is_before = config.normalize_before
    return {
        "type": "transformer",
        "version": f"{_VERSIONS[precision]} (written by Crosslate {crosslate.__version__})",
        "dim-emb": config.d_model,
        "dim-vocabs": [len(source.rows), len(target.rows)],
        "enc-depth": config.encoder_layers,
        "dec-depth": config.decoder_layers,
        "transformer-heads": config.decoder_attention_heads,
        "transformer-dim-ffn": config.decoder_ffn_dim,
        "transformer-ffn-activation": _ACTIVATIONS[precision][config.activation_function],
        "transformer-ffn-depth": 2,
        "transformer-decoder-autoreg": "rnn" if config.decoder_cell == SSRU else "self-attention",
        "transformer-preprocess": "n" if is_before else "",
        "transformer-postprocess": "da" if is_before else "dan",
        "transformer-postprocess-emb": "d",
        "transformer-postprocess-top": "n" if config.final_norm else "",
        "tied-embeddings-all": is_one_table,
        "tied-embeddings-src": False,
        "tied-embeddings": not is_one_table and OUTPUT_TABLE not in names,
        "output-omit-bias": False,
        **_UNUSED_OPTIONS,
    }


# Of parts that these models lack, but that Marian's engines ask for.
_UNUSED_OPTIONS = {
    "bert-train-type-embeddings": True,
    "bert-type-vocab-size": 2,
    "dec-cell": "ssru",
    "dec-cell-base-depth": 2,
    "dec-cell-high-depth": 1,
    "dim-rnn": 1024,
    "enc-cell": "gru",
    "enc-cell-depth": 1,
    "enc-type": "bidirectional",
    "input-types": [],
    "layer-normalization": False,
    "lemma-dim-emb": 0,
    "right-left": False,
    "skip": False,
    "transformer-aan-activation": "swish",
    "transformer-aan-depth": 2,
    "transformer-aan-nogate": False,
    "transformer-dim-aan": 2048,
    "transformer-guided-alignment-layer": "last",
    "transformer-no-projection": False,
    "transformer-pool": False,
    "transformer-tied-layers": [],
    "transformer-train-position-embeddings": False,
    "ulr": False,
    "ulr-dim-emb": 0,
    "ulr-trainable-transformation": False,
}  # fmt: skip
