"""Check that a merged checkpoint, loaded with transformers alone, behaves as the child does."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch

from crosslate.engines.conversion import sample_ids
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.generation import Generation
from crosslate.engines.pytorch import TorchEngine
from crosslate.errors import Faults, PackError
from crosslate.export.plain_model import PlainModel
from crosslate.export.plain_tokenizers import PlainTokenizers
from crosslate.models.child import Child
from crosslate.models.tensors import named_tensors, unsaved_names
from crosslate.text.vocabularies import Vocabulary

_NUM_TEXTS = 8
_PIECES_PER_TEXT = 6
_GREEDY = DecodingOptions(beam_size=1, max_new_tokens=16)
# Relative to the largest logit. Sums are made in another order; a wrong row or scale differs far more.
_TOLERANCE = 1e-4


def check_merged(
    folder: Path, child: Child, plain: PlainModel, tokenizers: PlainTokenizers
) -> tuple[int, float]:
    """Compares a merged checkpoint with its child.

    Returns:
        The number of sentences translated by both, and the largest difference of a logit, as a share of the
        largest logit.

    Raises:
        PackError: lists all differences.
    """
    faults = Faults(
        "no plain checkpoint was written, since it would not behave as the packs do (translate with the "
        "packs, or export them to CTranslate2)"
    )
    try:
        model = _load_model(folder, faults)
        readers = _Readers(folder, tokenizers)
    except Exception as error:  # the library raises a dozen unrelated types
        reason = " ".join(str(error).split())
        raise PackError(
            f"{faults.heading}: transformers cannot load it ({type(error).__name__}: {reason})"
        ) from error
    reference = replace(child, model=rounded(child.model, plain.config.dtype))
    facts = Generation.of(reference)
    texts = sample_texts(child.source, facts.max_source_tokens)
    for text in texts:
        if readers.encode(text) != child.source.encode(text):
            faults.add(f"the tokenizer encodes {text!r} differently")
            break
    ids = sample_ids(child.target, _NUM_TEXTS * _PIECES_PER_TEXT)
    ids = ids[: min(3 * _PIECES_PER_TEXT, facts.max_target_tokens - 1)]
    if readers.decode(ids) != child.target.decode(ids).strip():
        faults.add(f"the tokenizer decodes the ids {ids} differently")
    source_ids, target_ids = child.source.encode(texts[0]), [facts.start, *ids]
    difference = _logit_difference(model, reference, plain, tokenizers, source_ids, target_ids)
    if not difference <= _TOLERANCE:  # also catches NaN
        faults.add(f"logits differ by {difference:.2g} of the largest, expected at most {_TOLERANCE}")
    engine = TorchEngine(reference)
    for text in texts:
        pieces = readers.translate(model, text)
        ((best,),) = engine.translate([text], _GREEDY)
        if pieces != best.pieces:
            faults.add(f"it translates {text!r} to {pieces}, but the packs translate it to {best.pieces}")
            break
    faults.raise_as(PackError)
    return len(texts), difference


def sample_texts(vocabulary: Vocabulary, max_tokens: int) -> list[str]:
    """Texts of evenly spaced pieces of a vocabulary, of at most ``max_tokens`` tokens."""
    ids = sample_ids(vocabulary, _NUM_TEXTS * _PIECES_PER_TEXT)
    rows = [ids[start::_NUM_TEXTS][:_PIECES_PER_TEXT] for start in range(_NUM_TEXTS)]
    texts = [text for row in rows if (text := vocabulary.decode(row)).strip()]
    return [text for text in texts if len(vocabulary.encode(text)) <= max_tokens] or [texts[0][:1]]


class _Readers:
    """The tokenizers of a merged checkpoint, used as in its README; ids are the child's."""

    def __init__(self, folder: Path, tokenizers: PlainTokenizers) -> None:
        from transformers import AutoTokenizer

        self._plan = tokenizers
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # Marian's recommends a package it does not need
            self._source, self._target = (
                AutoTokenizer.from_pretrained(folder, subfolder=place, trust_remote_code=False)
                for place in (tokenizers.source_folder, tokenizers.target_folder)
            )

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._source(self._plan.prefix + text)["input_ids"]
        order = self._plan.source.order
        return ids if order is None else [order[index] for index in ids]

    def decode(self, ids: Sequence[int]) -> str:
        new_ids = [self._plan.target.new_id(index) for index in ids]
        return str(self._target.decode(new_ids, skip_special_tokens=True)).strip()

    def translate(self, model: Any, text: str) -> tuple[str, ...]:
        """The pieces of a greedy translation."""
        inputs = self._source([self._plan.prefix + text], return_tensors="pt")
        written = model.generate(
            inputs.input_ids, attention_mask=inputs.attention_mask, num_beams=1, early_stopping=False,
            max_new_tokens=_GREEDY.max_new_tokens,
        )[0, 1:].tolist()  # fmt: skip
        vocabulary, forced = self._plan.target.vocabulary, model.generation_config.forced_bos_token_id
        written = list(takewhile(lambda index: index != vocabulary.special.eos, written))
        if forced is not None and written[:1] == [forced]:
            written = written[1:]
        return tuple(
            vocabulary.pieces[index] if index < len(vocabulary) else f"row {index}" for index in written
        )


def _load_model(folder: Path, faults: Faults) -> Any:
    from transformers import AutoModelForSeq2SeqLM

    model, info = AutoModelForSeq2SeqLM.from_pretrained(
        folder, dtype=torch.float32, trust_remote_code=False, output_loading_info=True
    )
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        if found := sorted(map(str, info.get(kind) or ())):
            faults.add(f"{len(found)} {kind.replace('_', ' ')}, first {found[0]}")
    return model.eval()


def rounded(model: Any, dtype: torch.dtype) -> Any:
    """A copy of a model with tensors rounded to the file's type; the model itself for float32."""
    if dtype == torch.float32:
        return model
    private = copy.deepcopy(model)
    unsaved = unsaved_names(model)  # recomputed in full precision when loaded
    with torch.no_grad():
        for name, tensor in named_tensors(private):
            if tensor.is_floating_point() and name not in unsaved:
                tensor.copy_(tensor.to(dtype))
    return private


@torch.inference_mode()
def _logit_difference(
    model: Any, child: Child, plain: PlainModel, tokenizers: PlainTokenizers,
    source_ids: Sequence[int], target_ids: Sequence[int],
) -> float:  # fmt: skip
    """The largest difference of a logit, as a share of the largest logit.

    Args:
        source_ids: a source text, in the child's ids.
        target_ids: decoder input, in the child's ids.
    """
    source, target = tokenizers.source, tokenizers.target
    ours, theirs = (
        each(
            input_ids=torch.tensor([inputs]), attention_mask=torch.ones(1, len(inputs), dtype=torch.long),
            decoder_input_ids=torch.tensor([outputs]), use_cache=False, return_dict=True,
        ).logits
        for each, inputs, outputs in (
            (child.model, list(source_ids), list(target_ids)),
            (model, list(map(source.new_id, source_ids)), list(map(target.new_id, target_ids))),
        )
    )  # fmt: skip
    num_rows = plain.num_own_rows["target"]
    if target.order is not None:
        ours = ours[..., [*target.order, *range(len(target.order), num_rows)]]
    return float((theirs[..., :num_rows] - ours).abs().max() / ours.abs().max().clamp(min=1.0))
