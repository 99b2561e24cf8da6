"""Parents from Marian's own files: OPUS-MT's releases, Firefox's translators, anybody's training with Marian.

The Transformers that Marian trains are computed as Marian computes them, by
:class:`crosslate.models.marian_transformer.MarianTransformer`; Marian is not needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from crosslate.errors import Faults, LanguagesNotNamed, ParentError
from crosslate.models.importers.marian_release import NOT_GIVEN, Release, VocabularyFiles, read_release
from crosslate.models.marian_names import (
    OLD_OUTPUT,
    OUTPUT_BIAS,
    OUTPUT_TABLE,
    SELF_ATTENTION,
    SHARED_TABLE,
    SSRU,
    TABLES,
    layer_names,
)
from crosslate.models.parent import Parent

if TYPE_CHECKING:
    from crosslate.models.marian_transformer import MarianTransformerConfig

MAX_POSITIONS = 512
"""Positions of an imported model. Marian's have no end, but sentences of a training have."""
# A logit that no softmax notices, which does not make a smoothed loss infinite.
_PAD_LOGIT = -100.0
# Each of these options has one value that can be computed, which is also its default.
_FIXED: Mapping[str, Any] = {
    "transformer-no-projection": False,
    "transformer-rnn-projection": False,
    "transformer-train-position-embeddings": False,
    "transformer-disable-position-embeddings": False,
    "transformer-attention-mask": "default",
    "transformer-tied-layers": [],
    "transformer-ffn-depth": 2,
    "transformer-pool": False,
    "transformer-no-bias": False,
    "transformer-no-affine": False,
    "right-left": False,
    "lemma-dim-emb": 0,
    "ulr": False,
}
_LARGEST = {"enc-depth": 1000, "dec-depth": 1000}
_ANY = 1_000_000
_CELLS = {"self-attention": SELF_ATTENTION, "rnn": SSRU}
_QUERIES_ONLY_BEFORE = (1, 10, 28)
_SIGMOID_GELU_BEFORE = (1, 12, 3)


@dataclass(frozen=True)
class Marian:
    """A published Marian model.

    Attributes:
        path: a folder, an archive, or the model file (``.npz``, ``.bin``, also with ``.gz``) with its
            vocabularies beside it.
        source: files of the source vocabulary, if they cannot be told from their names.
        target: likewise.
    """

    path: Path
    source: VocabularyFiles = NOT_GIVEN
    target: VocabularyFiles = NOT_GIVEN

    def parent(self, languages: tuple[str, str] | None = None) -> Parent:
        """A parent, float32, that computes what Marian does.

        Args:
            languages: source and target; None takes them from the names of the files.

        Raises:
            ParentError: a file is missing, ambiguous or damaged, or the model is of a kind that cannot be
                computed; all reasons are listed.
            LanguagesNotNamed: they were not given, and no name tells them.
        """
        release = read_release(self.path, (self.source, self.target))
        languages = languages or release.languages
        if languages is None:
            raise LanguagesNotNamed(
                f"the files of {self.path} do not say which languages it translates; give them, as in pt-en"
            )
        source, target = release.vocabularies
        model = _build(release, str(self.path))
        return Parent(model, source, target, *languages, name=str(self.path))


def _build(release: Release, name: str) -> Any:
    faults = Faults(f"cannot import {name}")
    options = release.model.configuration
    _check_options(options, faults)
    faults.raise_as(ParentError)
    tensors = dict(release.model.tensors)
    is_shared = bool(options.get("tied-embeddings-all") or options.get("tied-embeddings-src"))
    is_output_tied = bool(options.get("tied-embeddings-all") or options.get("tied-embeddings"))
    source, target = release.vocabularies
    tables = {
        side: _table(
            tensors.get(SHARED_TABLE if is_shared else own), vocabulary, release.pad_is_new, side, faults
        )
        for (side, own), vocabulary in zip(TABLES.items(), (source, target))
    }
    if not faults and (width := tables["encoder"].shape[1]) != options["dim-emb"]:
        faults.add(f"dim-emb is {options['dim-emb']:,}, but the table of embeddings has rows of {width:,}")
    faults.raise_as(ParentError)
    config = _configuration(options, tables, source.special, faults)
    values = _layers(tensors, config, faults)
    output = tables["decoder"] if is_output_tied else _output(tensors, target, release.pad_is_new, faults)
    bias = _bias(tensors, output, target, release.pad_is_new)
    outer = {SHARED_TABLE, OUTPUT_BIAS, OUTPUT_TABLE, OLD_OUTPUT, *TABLES.values()}
    if unknown := sorted(tensors.keys() - outer - {*layer_names(config).values()}):
        faults.add(f"it has tensors that this kind of model does not have: {', '.join(unknown[:8])}")
    faults.raise_as(ParentError)
    # Two tables that Marian ties without the output layer become two with the same numbers.
    config.share_encoder_decoder_embeddings = is_shared and is_output_tied
    config.tie_word_embeddings = is_output_tied
    values |= {f"model.{side}.embed_tokens.weight": table for side, table in tables.items()}
    values |= {"lm_head.weight": output, "final_logits_bias": bias}
    return _loaded(config, values, source.special)


def _check_options(options: Mapping[str, Any], faults: Faults) -> None:
    """Everything that no model of ours computes."""

    def expect(name: str, default: Any, *accepted: Any, because: str = "") -> None:
        if (value := options.get(name, default)) not in (default, *accepted):
            listed = " or ".join(map(repr, (default, *accepted)))
            faults.add(f"{name} is {value!r}, expected {listed}{because}")

    expect("type", "transformer", because=": other architectures are not computed here")
    expect("transformer-decoder-autoreg", *_CELLS)
    if options.get("transformer-decoder-autoreg") == "rnn":
        expect("dec-cell", "ssru")
        expect("layer-normalization", False, because=" in SSRU cells")
    for name, value in _FIXED.items():
        expect(name, value)
    expect("transformer-decoder-ffn-depth", 0, 2)
    if len(sides := options.get("dim-vocabs", [0, 0])) != 2:
        faults.add(f"it has {len(sides)} vocabularies, expected one source and one target")
    if not re.fullmatch("d?", str(options.get("transformer-postprocess-emb", "d"))):
        faults.add("transformer-postprocess-emb normalises embeddings, expected 'd' or ''")
    for name in ("dim-emb", "enc-depth", "dec-depth", "transformer-heads", "transformer-dim-ffn"):
        most = _LARGEST.get(name, _ANY)
        if type(options.get(name)) is not int or not 1 <= options[name] <= most:
            faults.add(f"{name} is {options.get(name)!r}, expected a number from 1 to {most:,}")
    _check_norms(options, faults)
    _activation(options, faults)


def _check_norms(options: Mapping[str, Any], faults: Faults) -> None:
    before, after, top = _norms(options)
    if (before, after) not in (("", "an"), ("n", "a")):
        faults.add(
            f"transformer-preprocess and transformer-postprocess are {before!r} and {after!r} apart from "
            "dropout, expected '' and 'an', or 'n' and 'a'"
        )
    if top not in ("", "n"):
        faults.add(f"transformer-postprocess-top is {top!r} apart from dropout, expected '' or 'n'")
    if before == "n" and _version(options) < _QUERIES_ONLY_BEFORE:
        faults.add(
            f"layer norms stand before the sublayers, and Marian {options.get('version', 'of some version')} "
            "normalised the queries of attention only, which is not computed here; expected 1.10.28 or later"
        )


def _norms(options: Mapping[str, Any]) -> list[str]:
    """Operations before and after sublayers and after the last layer, without dropout."""
    defaults = {
        "transformer-preprocess": "",
        "transformer-postprocess": "dan",
        "transformer-postprocess-top": "",
    }
    return [str(options.get(name, default)).replace("d", "") for name, default in defaults.items()]


def _version(options: Mapping[str, Any]) -> tuple[int, ...]:
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", str(options.get("version", "")))
    return tuple(map(int, found.groups())) if found else (0,)


def _activation(options: Mapping[str, Any], faults: Faults) -> str:
    """The name that transformers has for Marian's activation."""
    name = options.get("transformer-ffn-activation", "swish")
    if name == "gelu" and _version(options) == (0,):
        faults.add(
            "transformer-ffn-activation is 'gelu', which depends on Marian's version, and that is not said"
        )
    gelu = "quick_gelu" if _version(options) < _SIGMOID_GELU_BEFORE else "gelu"
    known = {"relu": "relu", "swish": "silu", "gelu": gelu}
    if name not in known:
        faults.add(f"transformer-ffn-activation is {name!r}, expected {', '.join(known)}")
    return known.get(name, "")


def _table(
    rows: NDArray[np.float32] | None, vocabulary: Any, pad_is_new: bool, side: str, faults: Faults
) -> NDArray[np.float32]:
    """A table with a row for padding."""
    num_pieces = len(vocabulary) - pad_is_new
    if rows is None or rows.ndim != 2 or len(rows) < num_pieces:
        shown = "is missing" if rows is None else f"has the shape {rows.shape}"
        faults.add(
            f"the {side}'s table of embeddings {shown}, the vocabulary has {num_pieces:,} pieces; expected a "
            "row for each: give the vocabulary of this model and side"
        )
        return np.zeros((len(vocabulary), 1), np.float32)
    return np.insert(rows, vocabulary.special.pad, 0, axis=0) if pad_is_new else rows


def _output(
    tensors: Mapping[str, NDArray[np.float32]], target: Any, pad_is_new: bool, faults: Faults
) -> NDArray[np.float32]:
    rows = tensors.get(OUTPUT_TABLE)
    if rows is None and OLD_OUTPUT in tensors:
        rows = tensors[OLD_OUTPUT].T
    return _table(rows, target, pad_is_new, "output layer", faults)


def _bias(
    tensors: Mapping[str, NDArray[np.float32]], output: NDArray[np.float32], target: Any, pad_is_new: bool
) -> NDArray[np.float32]:
    """The logits' bias, zero for models without one; padding gets a logit of its own."""
    bias = tensors.get(OUTPUT_BIAS, np.zeros((1, len(output) - pad_is_new), np.float32))
    return np.insert(bias, target.special.pad, _PAD_LOGIT, axis=1) if pad_is_new else bias


def _configuration(
    options: Mapping[str, Any], tables: Mapping[str, NDArray[np.float32]], special: Any, faults: Faults
) -> MarianTransformerConfig:
    from crosslate.models.marian_transformer import MarianTransformerConfig

    before, _, top = _norms(options)
    feed_forward = options["transformer-dim-ffn"]
    return MarianTransformerConfig(
        vocab_size=len(tables["encoder"]),
        decoder_vocab_size=len(tables["decoder"]),
        d_model=options["dim-emb"],
        encoder_layers=options["enc-depth"],
        decoder_layers=options["dec-depth"],
        encoder_attention_heads=options["transformer-heads"],
        decoder_attention_heads=options["transformer-heads"],
        encoder_ffn_dim=feed_forward,
        decoder_ffn_dim=options.get("transformer-decoder-dim-ffn") or feed_forward,
        activation_function=_activation(options, faults),
        decoder_cell=_CELLS[options.get("transformer-decoder-autoreg", "self-attention")],
        normalize_before=before == "n",
        final_norm=top == "n",
        dropout=0.0,
        scale_embedding=True,
        max_position_embeddings=MAX_POSITIONS,
        **_ids(special),
    )


def _ids(special: Any) -> dict[str, int]:
    return {
        "pad_token_id": special.pad,
        "eos_token_id": special.eos,
        "decoder_start_token_id": special.pad,
        "forced_eos_token_id": special.eos,
    }


def _layers(
    tensors: Mapping[str, NDArray[np.float32]], config: MarianTransformerConfig, faults: Faults
) -> dict[str, NDArray[np.float32]]:
    names = layer_names(config)
    if missing := [name for name in names.values() if name not in tensors]:
        faults.add(f"it lacks {len(missing)} tensors that its options tell of: {', '.join(missing[:8])}")
    found = {}
    for ours, name in names.items():
        if name in tensors:
            found[ours] = tensors[name].reshape(-1) if len(tensors[name]) == 1 else tensors[name].T
    return found


def _loaded(config: MarianTransformerConfig, values: Mapping[str, NDArray[np.float32]], special: Any) -> Any:
    from transformers import GenerationConfig

    from crosslate.models.marian_transformer import MarianTransformer, position_table

    try:
        with torch.device("meta"):  # sizes are compared before anything is allocated
            model = MarianTransformer(config)
    except ValueError as error:  # heads that do not divide the width, for example
        raise ParentError(f"no model can be made of the options: {error}") from error
    held: dict[str, torch.Tensor] = {
        name: torch.tensor(value) if name == "final_logits_bias" else nn.Parameter(torch.tensor(value))
        for name, value in values.items()
    }
    if config.tie_word_embeddings:
        held["lm_head.weight"] = held["model.decoder.embed_tokens.weight"]
    if config.share_encoder_decoder_embeddings:
        for name in ("model.encoder.embed_tokens.weight", "model.shared.weight"):
            held[name] = held["lm_head.weight"]
    for side in TABLES:
        table = position_table(config.max_position_embeddings, config.d_model)
        held[f"model.{side}.embed_positions.weight"] = nn.Parameter(table, requires_grad=False)
    try:
        model.load_state_dict(held, assign=True)
    except RuntimeError as error:  # lists all tensors of another shape
        raise ParentError(f"the model's tensors do not fit its options: {error}") from None
    model.generation_config = GenerationConfig(
        bad_words_ids=[[special.pad]], max_length=MAX_POSITIONS, num_beams=4, **_ids(special)
    )
    return model
