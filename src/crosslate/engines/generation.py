"""Properties of a model that decoding needs: start token, allowed outputs, maximum lengths."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from crosslate.errors import EngineError
from crosslate.text.vocabularies import NoVocabulary, Vocabulary

# Sentence-level models were not trained on longer inputs.
MAX_SOURCE_TOKENS = 512
# For models with relative positions; decoding options limit actual outputs.
MAX_TARGET_TOKENS = 4096


class TranslationModel(Protocol):
    """A Hugging Face encoder-decoder (``PreTrainedModel``) with its two vocabularies: a parent or a child."""

    @property
    def model(self) -> Any: ...
    @property
    def source(self) -> Vocabulary: ...
    @property
    def target(self) -> Vocabulary: ...


@dataclass(frozen=True)
class Generation:
    """Properties of a model that decoding needs.

    Attributes:
        start: target id that the decoder starts with.
        forced_first: target id that must come first (a language code), or None.
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
    def of(cls, translation_model: TranslationModel, *, reads_files: bool = False) -> Generation:
        """Reads the properties from a live model.

        Args:
            reads_files: the source may be recordings or images, of which nothing is read here.

        Raises:
            EngineError: the model does not read text, has no valid start token, or has a vocabulary with more
                pieces than its table has rows.
        """
        from crosslate.models.sides import decoder_start, effective_setting

        has_text = not isinstance(translation_model.source, NoVocabulary)
        if isinstance(translation_model.source, NoVocabulary) and not reads_files:
            raise EngineError(translation_model.source.reason)
        model = translation_model.model
        start = decoder_start(model)
        if start is None:
            raise EngineError(
                "the model does not specify the start token of its decoder; "
                "set decoder_start_token_id in its generation configuration"
            )
        rows = {"target": _num_rows(model.get_decoder())}
        rows["source"] = _num_rows(model.get_encoder()) if has_text else len(translation_model.source)
        for side, vocabulary in (("source", translation_model.source), ("target", translation_model.target)):
            if len(vocabulary) > rows[side]:
                raise EngineError(
                    f"the {side} vocabulary has {len(vocabulary)} pieces, but the model's table has only "
                    f"{rows[side]} rows; check that they belong together"
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
            # Some families reserve the first two rows of a position table.
            max_target_tokens=max(1, (_num_positions(model.config, "decoder") or MAX_TARGET_TOKENS) - 2),
        )

    def never_generated(self, target: Vocabulary, *, allow_unknown: bool) -> list[int]:
        """Target ids that no translation may contain: control ids, and rows without a piece."""
        special = target.special
        ids = {*target.silent, self.start, *range(len(target), self.num_target_rows)}
        if not allow_unknown:
            ids.add(special.unk)
        return sorted(ids - {special.eos, self.forced_first})

    @property
    def min_new_tokens(self) -> int:
        """Tokens before the end of sentence may come: a text with pieces has a translation with some.

        Right after a forced piece, CTranslate2's beam search would not end a translation, PyTorch's would.
        """
        return 1 if self.forced_first is None else 2


def _num_rows(half: Any) -> int:
    """Rows of the embedding table of an encoder or a decoder."""
    table = getattr(half, "embed_tokens", None)
    return int((half.get_input_embeddings() if table is None else table).weight.shape[0])


def _num_positions(config: Any, part: str) -> int:
    """Number of positions of ``part`` (``encoder`` or ``decoder``); ``sys.maxsize`` if unlimited."""
    inner = getattr(config, part, None)
    if inner is not None and not isinstance(inner, Mapping | int | str):
        config = inner
    names = (f"max_{part}_position_embeddings", "max_position_embeddings", "n_positions")
    for name in (("max_target_positions",) if part == "decoder" else ()) + names:
        # T5's n_positions describes its training; its relative positions are unlimited.
        if name == "n_positions" and hasattr(config, "relative_attention_num_buckets"):
            continue
        value = getattr(config, name, None)
        if value is not None:
            return int(value)
    return sys.maxsize
