"""Parents from checkpoints of fairseq, of the kind that the paper's authors trained; fairseq is not needed.

A Transformer with learned positions, layer norm on embeddings and two vocabularies. With layer norms before
each sublayer it is what transformers' mBART computes, after each BART, with tables of two sizes in either.

Source: Gheini, Ren & May 2021, section 3.2 and the released training scripts (fairseq 0.9).
"""

from __future__ import annotations

import argparse
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from crosslate.errors import CrosslateError, Faults, ParentError
from crosslate.models.parent import Parent
from crosslate.models.sides import remove_aliases
from crosslate.models.tensors import set_tensor
from crosslate.text.segmenters import SentencePieceSegmenter
from crosslate.text.vocabularies import SpecialIds, Vocabulary

SPECIAL_PIECES = ("<s>", "<pad>", "</s>", "<unk>")
"""The first pieces of every dictionary of fairseq; its files do not list them."""
SPECIAL = SpecialIds(bos=0, pad=1, eos=2, unk=3)
_FIRST_POSITION = 2  # the row after padding's
_IGNORED = frozenset({"encoder.version", "decoder.version"})
_SOURCE, _TARGET = "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"
_OUTPUT = "decoder.output_projection.weight"
_ACTIVATIONS = ("relu", "gelu", "tanh")
# Of a dictionary's pieces, so many must be its SentencePiece model's; the others are rare characters.
_LEAST_SHARE = 0.5


@dataclass(frozen=True)
class Fairseq:
    """What a training run of fairseq leaves behind, and the models that its text was cut with.

    Positions beyond those that both sides have are cut off.

    Attributes:
        source_dictionary: ``dict.fr.txt``: a piece and its count per line.
        source_model: SentencePiece model of the source.
        target_model: SentencePiece model of the target.
        heads: attention heads of each layer; needed where the checkpoint does not say: no shape shows it.
        scales_embeddings: whether token embeddings are multiplied by the root of their width; likewise.
        activation: ``relu``, ``gelu`` or ``tanh``; relu where the checkpoint does not say.
    """

    checkpoint: Path
    source_dictionary: Path
    target_dictionary: Path
    source_model: Path
    target_model: Path
    heads: int | None = None
    scales_embeddings: bool | None = None
    activation: str | None = None

    def parent(self, source_language: str, target_language: str) -> Parent:
        """A parent, float32, that computes what fairseq does. No code in the files is run.

        Raises:
            ParentError: a file is missing or damaged, or the model is of a kind that cannot be imported.
        """
        faults = Faults(f"cannot import {self.checkpoint}")
        vocabularies: list[Vocabulary] = []
        for dictionary, model in (
            (self.source_dictionary, self.source_model),
            (self.target_dictionary, self.target_model),
        ):
            with faults.catch(CrosslateError):
                vocabularies.append(read_vocabulary(dictionary, model))
        with faults.catch(ParentError):
            tensors, recorded = read_checkpoint(self.checkpoint)
        faults.raise_as(ParentError)
        source, target = vocabularies
        given = {name: getattr(self, name) for name in ("heads", "scales_embeddings", "activation")}
        settings = _settings(recorded, given, faults)
        _check_kind(tensors, source, target, faults)
        faults.raise_as(ParentError)
        built = _build(tensors, settings, is_one_dictionary=source.pieces == target.pieces)
        return Parent(built, source, target, source_language, target_language, name=str(self.checkpoint))


def read_vocabulary(dictionary: Path, model: Path) -> Vocabulary:
    """The vocabulary of one side: fairseq's ids for the pieces of a SentencePiece model.

    Raises:
        VocabularyError: ``model`` is not a SentencePiece model.
        ParentError: a file cannot be read, or the dictionary is not of the model's pieces.
    """
    try:
        lines = dictionary.read_text(encoding="utf-8").split("\n")
        segmenter = SentencePieceSegmenter(model.read_bytes())
    except OSError as error:
        raise ParentError(f"{error.filename}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ParentError(f"{dictionary}: not UTF-8 at byte {error.start}; expected a dictionary") from None
    pieces = list(SPECIAL_PIECES)
    for number, line in enumerate(lines, start=1):
        piece, _, count = line.rpartition(" ")
        if piece and count.isdecimal():
            pieces.append(piece)
        elif line.strip():
            raise ParentError(
                f"{dictionary}, line {number}: {line!r}, expected a piece, a space and its count"
            )
    listed = pieces[len(SPECIAL_PIECES) :]
    if len(set(pieces)) < len(pieces):
        twice = next(piece for piece in listed if pieces.count(piece) > 1)
        raise ParentError(f"{dictionary} has the piece {twice!r} twice; expected every piece once")
    known = len(set(segmenter.pieces).intersection(listed))
    if known < _LEAST_SHARE * len(listed):
        raise ParentError(
            f"of the {len(listed):,} pieces of {dictionary} only {known:,} are pieces of {model}; "
            "give the SentencePiece model that the text of this side was cut with"
        )
    return Vocabulary(segmenter, pieces, SPECIAL)


def read_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors of a checkpoint by fairseq's names, and its model's settings as far as they can be read.

    Raises:
        ParentError: missing, damaged, without tensors, or with objects whose reading could run code.
    """
    try:
        # The namespace of a command line holds plain values, and reading it runs nothing.
        with torch.serialization.safe_globals([argparse.Namespace]):
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ParentError(f"{path}: {error.strerror}") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError) as error:
        raise ParentError(_refusal(path, str(error))) from None
    tensors = checkpoint.get("model") if isinstance(checkpoint, dict) else None
    if not isinstance(tensors, dict) or not all(isinstance(each, torch.Tensor) for each in tensors.values()):
        raise ParentError(f'{path} has no tensors under "model"; expected a checkpoint of fairseq')
    settings: Any = checkpoint.get("args")
    if settings is None and isinstance(configuration := checkpoint.get("cfg"), dict):
        settings = configuration.get("model")
    settings = vars(settings) if isinstance(settings, argparse.Namespace) else settings
    return dict(tensors), dict(settings) if isinstance(settings, dict) else {}


def _refusal(path: Path, error: str) -> str:
    found = re.search(r"GLOBAL (\S+)", error)
    if not found:
        return f"{path} is not a checkpoint of PyTorch, or is damaged; get it again"
    return (
        f"{path} holds {found[1]} objects, and reading such may run code, so it is not opened. If you trust "
        "it, write its tensors alone where fairseq is installed: "
        'torch.save({"model": torch.load(PATH, weights_only=False)["model"]}, "tensors.pt"); '
        "import tensors.pt, and say how many heads it has and whether it scales embeddings"
    )


def _settings(recorded: Mapping[str, Any], given: Mapping[str, Any], faults: Faults) -> dict[str, Any]:
    """Fields of a configuration: from the checkpoint's own settings, else as given."""
    unscaled = recorded.get("no_scale_embedding")
    own = {
        "heads": recorded.get("encoder_attention_heads"),
        "scales_embeddings": None if unscaled is None else not unscaled,
        "activation": recorded.get("activation_fn"),
    }
    values = {name: given[name] if value is None else value for name, value in own.items()}
    for name, value in values.items():
        if given[name] not in (None, value):
            faults.add(f"{name} is given as {given[name]!r}, but the checkpoint says {value!r}; leave it out")
    values["activation"] = values["activation"] or "relu"
    for name in ("heads", "scales_embeddings"):
        if values[name] is None:
            faults.add(f"the checkpoint does not say {name}, and shapes do not show it; give it")
    if values["activation"] not in _ACTIVATIONS:
        faults.add(f"the activation is {values['activation']!r}, known are {', '.join(_ACTIVATIONS)}")
    return {
        "encoder_attention_heads": values["heads"],
        "decoder_attention_heads": recorded.get("decoder_attention_heads", values["heads"]),
        "scale_embedding": values["scales_embeddings"],
        "activation_function": values["activation"],
        "dropout": recorded.get("dropout", 0.1),
        "attention_dropout": recorded.get("attention_dropout", 0.0),
        "activation_dropout": recorded.get("activation_dropout", 0.0),
    }


def _check_kind(
    tensors: Mapping[str, torch.Tensor], source: Vocabulary, target: Vocabulary, faults: Faults
) -> None:
    """Architectures that neither mBART nor BART computes, and tables of other dictionaries."""
    if any(name.endswith("in_proj_weight") for name in tensors):
        faults.add(
            "its attention is stored as before fairseq 0.9; load and save it with fairseq 0.9 or later"
        )
    for side, table in (("encoder", _SOURCE), ("decoder", _TARGET)):
        for name, what in (
            (table, "token embeddings"),
            (f"{side}.embed_positions.weight", "learned positions"),
            (f"{side}.layernorm_embedding.weight", "layer norm on embeddings"),
        ):
            if name not in tensors:
                faults.add(f"its {side} has no {what} ({name}), which the paper's kind of model has")
    if len({f"{side}.layer_norm.weight" in tensors for side in ("encoder", "decoder")}) > 1:
        faults.add("one of encoder and decoder ends with a layer norm, the other does not; expected the same")
    for side, name, vocabulary in (("source", _SOURCE, source), ("target", _TARGET, target)):
        if name in tensors and len(tensors[name]) != len(vocabulary):
            faults.add(
                f"its {side} table has {len(tensors[name]):,} rows, the dictionary {len(vocabulary):,} "
                f"pieces ({len(SPECIAL_PIECES)} special ones included); give that of this run and side"
            )


def _build(
    tensors: Mapping[str, torch.Tensor], settings: Mapping[str, Any], *, is_one_dictionary: bool
) -> Any:
    """The Hugging Face model that holds the tensors.

    Raises:
        ParentError: lists tensors that it lacks or has no place for, and those of another shape.
    """
    import transformers

    family = "MBart" if "encoder.layer_norm.weight" in tensors else "Bart"
    positions = min(len(tensors[f"{side}.embed_positions.weight"]) for side in ("encoder", "decoder"))
    output = tensors.get(_OUTPUT, tensors[_TARGET])
    values = {f"model.{name}": value for name, value in tensors.items() if name not in {*_IGNORED, _OUTPUT}}
    values |= {"lm_head.weight": output, "final_logits_bias": torch.zeros(1, len(tensors[_TARGET]))}
    for side in ("encoder", "decoder"):
        values[f"model.{side}.embed_positions.weight"] = tensors[f"{side}.embed_positions.weight"][:positions]
    is_output_tied = torch.equal(output, tensors[_TARGET])
    is_one_table = is_one_dictionary and torch.equal(tensors[_SOURCE], tensors[_TARGET])
    ids = {
        "pad_token_id": SPECIAL.pad,
        "bos_token_id": SPECIAL.bos,
        "eos_token_id": SPECIAL.eos,
        "decoder_start_token_id": SPECIAL.eos,
        "forced_eos_token_id": SPECIAL.eos,
    }
    config = getattr(transformers, f"{family}Config")(
        vocab_size=len(tensors[_TARGET]),
        d_model=tensors[_TARGET].shape[1],
        max_position_embeddings=positions - _FIRST_POSITION,
        tie_word_embeddings=is_output_tied,
        **ids,
        **{f"{side}_layers": _num_layers(tensors, side) for side in ("encoder", "decoder")},
        **{f"{side}_ffn_dim": _feed_forward(tensors, side) for side in ("encoder", "decoder")},
        **settings,
    )
    try:
        with torch.device("meta"):
            model = getattr(transformers, f"{family}ForConditionalGeneration")(config)
    except ValueError as error:  # heads that do not divide the width, for example
        raise ParentError(f"no model can be made of the checkpoint's numbers: {error}") from error
    parameters = {
        name: value if name == "final_logits_bias" else nn.Parameter(value.to(torch.float32, copy=True))
        for name, value in values.items()
    }
    source, target = f"model.{_SOURCE}", f"model.{_TARGET}"
    if is_one_table:
        parameters[source] = parameters["model.shared.weight"] = parameters[target]
    else:
        remove_aliases(model, ["model.shared.weight"], model.get_encoder().embed_tokens)
        set_tensor(model, [source], parameters[source])  # it may have another size than the configuration's
    if is_output_tied:
        parameters["lm_head.weight"] = parameters[target]
    try:
        model.load_state_dict(parameters, assign=True)
    except RuntimeError as error:  # lists all tensors that are missing, that have no place, or another shape
        raise ParentError(f"the checkpoint is of another architecture than the paper's: {error}") from None
    model.generation_config = transformers.GenerationConfig(
        bad_words_ids=[[SPECIAL.pad], [SPECIAL.bos]],
        max_length=positions - _FIRST_POSITION,
        num_beams=5,
        **ids,
    )
    return model


def _num_layers(tensors: Mapping[str, torch.Tensor], side: str) -> int:
    layers = [int(match[1]) for name in tensors if (match := re.match(rf"{side}\.layers\.(\d+)\.", name))]
    return 1 + max(layers, default=-1)


def _feed_forward(tensors: Mapping[str, torch.Tensor], side: str) -> int:
    name = f"{side}.layers.0.fc1.weight"
    return len(tensors[name]) if name in tensors else 0
