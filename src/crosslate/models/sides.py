"""Update a model after vocabularies are replaced: aliases, sizes, special ids, start tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from crosslate.errors import VocabularyError
from crosslate.models.anatomy.anatomy import Anatomy
from crosslate.models.groups import Side
from crosslate.models.tensors import owner
from crosslate.text.vocabularies import SpecialIds, Vocabulary

_IDS_OF_VOCABULARY = (
    "forced_bos_token_id", "bad_words_ids", "suppress_tokens", "begin_suppress_tokens", "sequence_bias",
)  # fmt: skip


def remove_aliases(model: Any, names: Iterable[str], instead: nn.Module | None = None) -> None:
    """Removes modules that only alias a table of both sides (``model.shared``) once the sides differ.

    Args:
        instead: value of the attribute from now on, if the library reads it as the model's input embeddings.
            It is not registered as a module there, so no tensor gets a second name.
    """
    for name in names:
        path, _, leaf = name.rpartition(".")[0].rpartition(".")
        holder = model.get_submodule(path)
        if leaf not in holder._modules:
            continue
        del holder._modules[leaf]
        try:
            model.get_input_embeddings()
        except AttributeError:
            if instead is not None:
                vars(holder)[leaf] = instead
        except NotImplementedError:  # not supported by some families
            pass


def token_tables(model: nn.Module, anatomy: Anatomy, side: Side) -> list[nn.Embedding]:
    """The modules that turn token ids of a side into embeddings."""
    owners = [owner(model, name)[0] for name, (found, _) in anatomy.vocabulary.items() if found == side]
    return [module for module in owners if isinstance(module, nn.Embedding)]


def check_padding(model: Any, anatomy: Anatomy, vocabularies: Mapping[Side, Vocabulary]) -> None:
    """Checks that the model supports the padding ids of replaced sides.

    Most families find padding by the attention mask. Some (M2M100, NLLB, FSMT, RoBERTa) number positions by
    comparing token ids with their parent's padding id.

    Raises:
        VocabularyError: names the module and both ids.
    """
    for side, vocabulary in vocabularies.items():
        stack = model.get_encoder() if side == "source" else model.get_decoder()
        tables = token_tables(model, anatomy, side)
        for path, module in stack.named_modules():
            pad = getattr(module, "padding_idx", None)
            if path and isinstance(pad, int) and pad != vocabulary.special.pad and module not in tables:
                raise VocabularyError(
                    f"the new {side} vocabulary has the padding id {vocabulary.special.pad}, but {path} of "
                    f"this model counts positions from {pad}; make a vocabulary with the padding id {pad}"
                )


def describe_vocabularies(model: Any, anatomy: Anatomy, vocabularies: Mapping[Side, Vocabulary]) -> None:
    """Writes sizes and special ids of replaced vocabularies to the model's configurations.

    Families keep the two sizes in different fields; if there is only one size, it is the target's, as
    generation and losses expect.
    """
    config = model.config
    for side, vocabulary in vocabularies.items():
        for holder, name in size_fields(config, side):
            setattr(holder, name, len(vocabulary))
        for table in token_tables(model, anatomy, side):
            if table.padding_idx is not None:  # the row that never gets a gradient
                table.padding_idx = vocabulary.special.pad
    if "target" in vocabularies:
        if isinstance(getattr(model, "vocab_size", None), int):  # the loss of T5Gemma reads it here
            model.vocab_size = len(vocabularies["target"])
        _set_special(model, vocabularies["target"].special)
    if vocabularies and hasattr(config, "share_encoder_decoder_embeddings"):
        config.share_encoder_decoder_embeddings = False


def describe_start(model: Any, target: Vocabulary, start: int | None = None) -> None:
    """Sets the ids that every output starts with, such as the code of a new language.

    Args:
        start: id that the decoder starts with, if that is the code; None keeps the current one.
    """
    if target.frame.before:
        model.generation_config.forced_bos_token_id = target.frame.before[0]
    if start is not None:
        for config in (model.config, model.generation_config):
            config.decoder_start_token_id = start


def effective_setting(model: Any, name: str) -> int | None:
    """A decoding setting; the generation configuration takes precedence over the model's."""
    values = (getattr(config, name, None) for config in (model.generation_config, model.config))
    return next((value for value in values if value is not None), None)


def decoder_start(model: Any) -> int | None:
    """The id that the decoder starts with; the beginning of a sentence if none is named (T5Gemma)."""
    start = effective_setting(model, "decoder_start_token_id")
    return effective_setting(model, "bos_token_id") if start is None else start


def target_positions(model: Any) -> int | None:
    """The positions of the decoder of a model that reads no text; None where they have no limit."""
    config = model.get_decoder().config
    values = (getattr(config, name, None) for name in ("max_target_positions", "max_position_embeddings"))
    return next((value for value in values if value is not None), None)


def size_fields(config: Any, side: Side) -> list[tuple[Any, str]]:
    """The fields of a configuration with one side's vocabulary size; empty if one size covers both."""
    is_source = side == "source"
    if getattr(config, "src_vocab_size", None) is not None:  # FSMT
        return [(config, "src_vocab_size" if is_source else "tgt_vocab_size")]
    encoder, decoder = (getattr(config, stack, None) for stack in ("encoder", "decoder"))
    if hasattr(encoder, "vocab_size") and hasattr(decoder, "vocab_size"):  # EncoderDecoder, T5Gemma
        return [(encoder if is_source else decoder, "vocab_size")]
    if getattr(config, "decoder_vocab_size", None) is not None:  # Marian
        return [(config, "vocab_size" if is_source else "decoder_vocab_size")]
    if is_source:
        return []
    return [(decoder if hasattr(decoder, "vocab_size") else config, "vocab_size")]  # speech or images to text


def _set_special(model: Any, special: SpecialIds) -> None:
    """Sets the decoder's special ids to those of its new vocabulary.

    The start token keeps its role (padding, end or beginning of sentence). If it has another role, such as a
    language code, decoding starts with the end-of-sentence token, as in fairseq.
    """
    bos, pad = (effective_setting(model, f"{name}_token_id") for name in ("bos", "pad"))
    start = decoder_start(model)
    if start is not None and start == pad:
        start = special.pad
    elif start == bos and special.bos is not None:
        start = special.bos
    else:
        start = special.eos
    for config in (model.generation_config, model.config):
        config.decoder_start_token_id = start
        config.pad_token_id, config.eos_token_id = special.pad, special.eos
        if hasattr(config, "bos_token_id"):  # T5 has none
            config.bos_token_id = special.bos
        if getattr(config, "forced_eos_token_id", None) is not None:
            config.forced_eos_token_id = special.eos
        for name in _IDS_OF_VOCABULARY:
            if getattr(config, name, None) is not None:
                setattr(config, name, None)
    model.generation_config.bad_words_ids = [[special.pad]]
