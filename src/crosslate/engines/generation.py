"""What a model itself says about decoding: where it starts, what it may emit, how far it reaches."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from crosslate.errors import EngineError
from crosslate.text.vocabularies import NoVocabulary, Vocabulary

# Longer inputs are far from anything a sentence-level model was trained on.
MAX_SOURCE_TOKENS = 512
# For models with relative positions; the options limit what is really generated.
MAX_TARGET_TOKENS = 4096


class TranslationModel(Protocol):
    """A Hugging Face encoder–decoder (``PreTrainedModel``) with its two vocabularies: a parent or a child."""

    @property
    def model(self) -> Any: ...
    @property
    def source(self) -> Vocabulary: ...
    @property
    def target(self) -> Vocabulary: ...


@dataclass(frozen=True)
class Generation:
    """Facts of a model that decoding needs.

    Attributes:
        start: target id that the decoder begins with.
        forced_first: target id that must come first (a language's code), or None.
        num_source_rows: rows of the encoder's embedding table; may exceed the vocabulary's size.
        num_target_rows: rows of the decoder's embedding table.
        max_source_tokens: longest input, end of sentence included.
        max_target_tokens: longest output.
    """

    start: int
    forced_first: int | None
    num_source_rows: int
    num_target_rows: int
    max_source_tokens: int
    max_target_tokens: int

    @classmethod
    def of(cls, translation_model: TranslationModel) -> Generation:
        """Reads the facts from a live model.

        Raises:
            EngineError: the model reads no text, it has no start token, or a vocabulary with more pieces than
                its table has rows.
        """
        from crosslate.models.sides import effective_setting

        if isinstance(translation_model.source, NoVocabulary):
            raise EngineError(translation_model.source.reason)
        model = translation_model.model
        start = effective_setting(model, "decoder_start_token_id")
        start = effective_setting(model, "bos_token_id") if start is None else start
        if start is None:
            raise EngineError(
                "the model does not say which token its decoder starts with; "
                "set decoder_start_token_id in its generation configuration"
            )
        rows = {"source": _num_rows(model.get_encoder()), "target": _num_rows(model.get_decoder())}
        for side, vocabulary in (("source", translation_model.source), ("target", translation_model.target)):
            if len(vocabulary) > rows[side]:
                raise EngineError(
                    f"the {side} vocabulary has {len(vocabulary)} pieces and the model's table "
                    f"{rows[side]} rows; they do not belong together"
                )
        forced = effective_setting(model, "forced_bos_token_id")
        for name, index in (("decoder_start_token_id", start), ("forced_bos_token_id", forced)):
            if index is not None and not 0 <= index < len(translation_model.target):
                raise EngineError(
                    f"{name} is {index}, expected an id below {len(translation_model.target)}, the size of "
                    "the target vocabulary; set it in the model's configuration and generation configuration"
                )
        return cls(
            start=start,
            forced_first=forced,
            num_source_rows=rows["source"],
            num_target_rows=rows["target"],
            max_source_tokens=min(
                MAX_SOURCE_TOKENS, _num_positions(model.config, "encoder") or MAX_SOURCE_TOKENS
            ),
            # Some families keep the first two rows of a position table for themselves.
            max_target_tokens=max(1, (_num_positions(model.config, "decoder") or MAX_TARGET_TOKENS) - 2),
        )

    def never_generated(self, target: Vocabulary, *, allow_unknown: bool) -> list[int]:
        """Target ids that no translation may hold: special ones, and rows that stand for no piece."""
        special = target.special
        ids = {special.pad, special.bos, self.start, *range(len(target), self.num_target_rows)}
        if not allow_unknown:
            ids.add(special.unk)
        return sorted(index for index in ids - {special.eos, self.forced_first} if index is not None)


def _num_rows(half: Any) -> int:
    """Rows of the embedding table of an encoder or a decoder."""
    table = getattr(half, "embed_tokens", None)
    return int((half.get_input_embeddings() if table is None else table).weight.shape[0])


def _num_positions(config: Any, part: str) -> int:
    """The number of positions that ``part`` (``encoder`` or ``decoder``) has; a huge one where unlimited."""
    inner = getattr(config, part, None)
    if inner is not None and not isinstance(inner, Mapping | int | str):
        config = inner
    for name in (f"max_{part}_position_embeddings", "max_position_embeddings", "n_positions"):
        # T5's n_positions describes its training; its relative positions have no end.
        if name == "n_positions" and hasattr(config, "relative_attention_num_buckets"):
            continue
        value = getattr(config, name, None)
        if value is not None:
            return int(value)
    return sys.maxsize
