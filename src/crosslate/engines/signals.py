"""Recordings and images to text with the live PyTorch model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import LogitsProcessorList
from transformers.generation import GenerationMixin
from transformers.modeling_outputs import BaseModelOutput

from crosslate.engines.decoding import DecodingOptions, Hypothesis, Pair
from crosslate.engines.generation import TranslationModel
from crosslate.engines.pytorch import TorchEngine, arithmetic, ready_to_translate
from crosslate.models.parent_files import silenced
from crosslate.models.signals import never_written, processor_of, prompt_of

_BATCH_FILES = 16
"""Files decoded at once, divided by the beam size."""
_MOST_KEPT_BYTES = 2 * 2**30


class SignalEngine(TorchEngine):
    """Writes the text of recordings or images; its source texts are the names of files.

    Args:
        translation_model: a parent or a child that reads a signal; each call uses its current weights.
        kept_states: where the encoder's states of files are kept from call to call, in place of being
            computed again. Only for an encoder that does not change between calls; None keeps none.

    Raises:
        EngineError, ParentError, MissingExtra: the model has no valid start token, no processor, or one that
            needs a library which is not installed.
    """

    reads_files = True

    def __init__(
        self, translation_model: TranslationModel, kept_states: dict[str, torch.Tensor] | None = None
    ) -> None:
        super().__init__(translation_model)
        self._processor = processor_of(self.source)
        self._kept = kept_states
        model: Any = translation_model
        self._prompt = prompt_of(model.model, self.target, model.source_language, model.target_language)
        self._num_prompt_ids = len(self._prompt)
        self._never_written = never_written(model.model)
        # Convolutions see a little of the padding, so that an output would depend on the files beside it.
        self._most_rows = _BATCH_FILES if self._processor.is_fixed else 1

    def translate(self, texts: Sequence[str], options: DecodingOptions) -> list[list[Hypothesis]]:
        """The ``n_best`` outputs for each file, in order.

        Args:
            texts: names of files. An output may have ``max_new_tokens`` tokens, whatever its file's length.

        Raises:
            InputError: a file cannot be read, or is too long for the model.
            MissingExtra: its format needs a library that is not installed.
        """
        model = self.translation_model.model
        rows = max(1, self._most_rows // options.beam_size)
        limit = min(options.max_new_tokens, self._generation.max_target_tokens - len(self._prompt) + 1)
        found: list[list[Hypothesis]] = []
        with self._lock, ready_to_translate(model), torch.inference_mode(), arithmetic(model):
            for start in range(0, len(texts), rows):
                found += self._search(model, texts[start : start + rows], options, limit)
        return found

    def _sources(self, pairs: Sequence[Pair]) -> dict[int, Any]:
        most = self._generation.max_target_tokens - len(self._prompt)
        return {index: file for index, (file, ids) in enumerate(pairs) if len(ids) < most}

    def _prompt_ids(self) -> list[int]:
        return self._prompt

    def _never_generated(self, model: Any, options: DecodingOptions) -> list[int]:
        return sorted({*super()._never_generated(model, options), *self._never_written})

    def _generate(
        self, model: Any, rows: Sequence[Any], config: Any, processors: LogitsProcessorList
    ) -> tuple[torch.Tensor, Mapping[str, Any]]:
        inputs = self._encoded(model, rows)
        states = inputs["encoder_outputs"].last_hidden_state
        prompt = torch.tensor([self._prompt] * len(rows), device=states.device)
        # Not the model's own: Whisper's adds prompts of its own vocabulary, which children do not have.
        with silenced():  # of masks, which this source has only where it is padded
            generated: Any = GenerationMixin.generate(
                model, **{**inputs, "encoder_outputs": BaseModelOutput(last_hidden_state=states)},
                decoder_input_ids=prompt, generation_config=config, logits_processor=processors,
            )  # fmt: skip
        return generated, inputs

    def _encoded(self, model: Any, files: Sequence[str]) -> dict[str, Any]:
        """The source arguments for calling the model, with the encoder's outputs."""
        kept = self._kept
        if kept is not None and all(file in kept for file in files):
            states = torch.stack([kept[file] for file in files])
            return {"encoder_outputs": BaseModelOutput(last_hidden_state=states)}
        features, mask = self._processor.batch([self._processor.features(file) for file in files])
        device = next(model.parameters()).device
        inputs: dict[str, Any] = {self._processor.input_name: features.to(device)}
        if mask is not None:
            inputs["attention_mask"] = mask.to(device)
        states = model.get_encoder()(**inputs, return_dict=True).last_hidden_state
        if kept is not None and self._processor.is_fixed:
            held = sum(each.nbytes for each in kept.values())
            if held + states.nbytes <= _MOST_KEPT_BYTES:
                kept.update(zip(files, states.clone()))
        return inputs | {"encoder_outputs": BaseModelOutput(last_hidden_state=states)}
