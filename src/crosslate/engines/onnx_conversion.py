"""Export a live model and its two vocabularies to a folder for the ONNX engine."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy
import torch
from torch import nn

from crosslate.engines.conversion import sample_ids
from crosslate.engines.generation import Generation, TranslationModel
from crosslate.engines.onnx import FORMAT_VERSION, OnnxDescription, OnnxModel
from crosslate.engines.onnx_graphs import ANY_SOURCE, Decoder, exported, matrix_of_logits, plain_attention
from crosslate.engines.search import Ids, Steps
from crosslate.errors import EngineError, MissingExtra, UsageError, nearest
from crosslate.files import atomic_folder, write_json
from crosslate.models.vocabularies.saved_vocabularies import SideDescription, save_vocabulary

log = logging.getLogger(__name__)

OnnxPrecision = Literal["float32", "int8"]
_CHECKED_TOKENS = 12
# Covers float32 rounding in another order of operations.
_TOLERANCE = 1e-3


def export_onnx(
    translation_model: TranslationModel, folder: Path, precision: OnnxPrecision = "float32"
) -> None:
    """Writes ``folder`` for :class:`crosslate.engines.onnx.OnnxEngine`, atomically.

    The live model is copied and not modified. Before quantisation, the exported model must reproduce the live
    model's log-probabilities on a sample.

    Args:
        translation_model: a parent or a child.
        folder: must not exist.
        precision: of the weights of matrix products and embeddings.

    Raises:
        EngineError: ONNX cannot express the model, or the export differs from the live model.
        InputError: ``folder`` exists.
        MissingExtra: ONNX Runtime is not installed.
        UsageError: unknown precision.
    """
    if precision not in get_args(OnnxPrecision):
        raise UsageError(f"precision is {precision!r}; {nearest(precision, get_args(OnnxPrecision))}")
    source, target = translation_model.source, translation_model.target
    generation = Generation.of(translation_model)
    family = str(getattr(translation_model.model.config, "model_type", "unknown"))
    private = private_copy(translation_model.model)
    with atomic_folder(folder) as temporary:
        with plain_attention(private):
            _write_graphs(private, temporary, generation)
        sample = sample_ids(source, _CHECKED_TOKENS), sample_ids(target, _CHECKED_TOKENS)
        check_export(private, sample[0], [generation.start, *sample[1]], OnnxModel(temporary).steps)
        if precision == "int8":
            for name in ("encoder.onnx", "decoder.onnx"):
                quantise(temporary / name)
        for side, vocabulary in (("source", source), ("target", target)):
            save_vocabulary(vocabulary, temporary, side)
        description = OnnxDescription(
            format=FORMAT_VERSION, family=family, precision=precision,
            source=SideDescription.of(source), target=SideDescription.of(target),
            max_source_tokens=generation.max_source_tokens, max_target_tokens=generation.max_target_tokens,
            start=generation.start, forced_first=generation.forced_first,
            never_generated=generation.never_generated(target, allow_unknown=True),
        )  # fmt: skip
        write_json(temporary / "crosslate.json", description.to_values())
    log.debug("exported a model to %s (%s)", folder, precision)


def check_export(
    model: Any, source_ids: Sequence[int], target_ids: Sequence[int], steps_of: Callable[[Ids, Ids], Steps]
) -> None:
    """Checks an export against the model that it was made of; see :func:`difference`.

    Raises:
        EngineError: it differs, or does not run.
    """
    family = str(getattr(model.config, "model_type", "unknown"))
    try:
        found = difference(model, source_ids, target_ids, steps_of)
    except Exception as error:  # errors of ONNX Runtime have no base of their own
        raise EngineError(
            f"the ONNX export of this {family!r} model does not run ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:300]}); use the PyTorch engine"
        ) from error
    if not found <= _TOLERANCE:  # also catches NaN
        raise EngineError(
            f"the ONNX export of this {family!r} model differs from the live model: log-probabilities of the "
            f"same sentences differ by {found:.2g}, expected at most {_TOLERANCE}; use the PyTorch engine"
        )


def private_copy(model: Any) -> Any:
    """A copy of a model to export."""
    check_installed()
    if getattr(model.config, "num_experts", 0):
        raise EngineError(
            f"this model has {model.config.num_experts} experts, and which of them a token needs cannot be "
            "expressed in ONNX; use the PyTorch engine"
        )
    return copy.deepcopy(model).to("cpu").float().eval()


def check_installed() -> None:
    """Checks that what exports need is installed.

    Raises:
        MissingExtra: it is not.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            f"the ONNX engine needs {error.name}, which is not installed; pip install 'crosslate[onnx]'"
        ) from None


def quantise(path: Path) -> None:
    """Rounds the matrices in an ONNX file to 8 bits, each column with a scale of its own."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    written = path.with_name(f"int8-{path.name}")
    root = logging.getLogger()
    root.addFilter(_is_ours)  # it recommends a step that is for image models
    try:
        quantize_dynamic(path, written, per_channel=True, weight_type=QuantType.QInt8)
    finally:
        root.removeFilter(_is_ours)
    written.replace(path)


def _is_ours(record: logging.LogRecord) -> bool:
    return "pre-processing" not in record.getMessage()


class _SourceStates(nn.Module):
    """Ids and mask of sources, ``(rows, source)``, to what the decoder's cache holds of them."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, input_ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        start = torch.full((input_ids.shape[0], 1), self.decoder.start, dtype=torch.int64)
        states = self.decoder.encode(input_ids, mask)
        _, cache = self.decoder.step(start, mask, states, None)
        return self.decoder.cache.read(cache, "encoder")


class _Step(nn.Module):
    """One step of the decoder for rows that continue rows of the step before, in any order."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(
        self,
        tokens: torch.Tensor,
        order: torch.Tensor,
        mask: torch.Tensor,
        *states: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        split, cache = self.decoder.split(states), self.decoder.cache
        before = [state.index_select(0, order) if state.ndim else state for state in split["decoder"]]
        filled = cache.filled(decoder=before, encoder=split["encoder"])
        with matrix_of_logits(self.decoder.model):
            logits, after = self.decoder.step(tokens.unsqueeze(1), mask, None, filled)
        return (logits if logits.ndim == 2 else logits[:, -1]), *cache.read(after, "decoder")


@torch.no_grad()
def give_start_a_zero_row(model: Any, start: int) -> None:
    """Gives the start a row of zeros if it does not matter which id a decoder starts with, as in Marian.

    A traced step does not know whether it is the first, and the start's own row may be anything, since the
    output layer that shares it learns.

    Args:
        model: a private copy, in evaluation mode; modified.
    """
    sources = torch.full((1, 1), ANY_SOURCE)
    first, *others = (
        model(input_ids=sources, decoder_input_ids=torch.tensor([[each]]), use_cache=False).logits
        for each in (start, *(each for each in range(4) if each != start))
    )
    if all(torch.equal(first, other) for other in others):
        table = model.get_decoder().get_input_embeddings()
        rows = table.weight.detach().clone()
        rows[start] = 0
        table = copy.copy(table)
        table._parameters = {"weight": nn.Parameter(rows, requires_grad=False)}
        model.get_decoder().set_input_embeddings(table)


@torch.no_grad()
def _write_graphs(model: Any, folder: Path, generation: Generation) -> None:
    give_start_a_zero_row(model, generation.start)
    decoder = Decoder(model, generation.start)
    own, of_source = decoder.cache.of("decoder"), decoder.cache.of("encoder")
    sources = torch.full((2, 5), ANY_SOURCE)
    inputs = {"input_ids": sources, "attention_mask": torch.ones_like(sources)}
    encoder = _SourceStates(decoder)
    axes = {state.name: state.axes for state in of_source}
    exported(
        encoder, folder / "encoder.onnx", inputs, [state.name for state in of_source],
        {**axes, **{name: {0: "rows", 1: "source"} for name in inputs}},
    )  # fmt: skip
    states = encoder(*inputs.values())
    start = torch.full((2, 1), generation.start)
    _, cache = decoder.step(start, inputs["attention_mask"], decoder.encode(*inputs.values()), None)
    example = {
        "tokens": start[:, 0],
        "order": torch.arange(2),
        "attention_mask": inputs["attention_mask"],
        **{f"past.{state.name}": value for state, value in zip(own, decoder.cache.read(cache, "decoder"))},
        **{state.name: value for state, value in zip(of_source, states)},
    }
    before = {
        f"past.{state.name}": {
            axis: "before" if name == "rows" else name for axis, name in state.axes.items()
        }
        for state in own
    }
    after = {
        f"present.{state.name}": {
            axis: "now" if name == "past" else name for axis, name in state.axes.items()
        }
        for state in own
    }
    exported(
        _Step(decoder), folder / "decoder.onnx", example, ["logits", *after],
        {
            "tokens": {0: "rows"}, "order": {0: "rows"}, "attention_mask": {0: "rows", 1: "source"},
            "logits": {0: "rows"},
            **axes, **before, **after,
        },
    )  # fmt: skip


@torch.no_grad()
def difference(
    model: Any, source_ids: Sequence[int], target_ids: Sequence[int], steps_of: Callable[[Ids, Ids], Steps]
) -> float:
    """The largest difference of a log-probability, on three sentences of different length.

    Args:
        model: what was exported.
        source_ids: of a sentence.
        target_ids: decoder input, with its start.
        steps_of: gives an export's steps for sources and their mask, both ``(3, source)``.
    """
    # Sizes that the graphs were not made with, and rows that change places in every step.
    rows = [source_ids, source_ids[: max(1, len(source_ids) // 2)], source_ids[:0:-1] or source_ids]
    width, (start, *rest) = len(source_ids), target_ids
    sources = torch.tensor([[*row, *[row[0]] * (width - len(row))] for row in rows])
    mask = (torch.arange(width) < torch.tensor([[len(row)] for row in rows])).long()
    written = torch.tensor([[start, *rest[turn:], *rest[:turn]] for turn in range(len(rows))])
    expected = model(
        input_ids=sources, attention_mask=mask, decoder_input_ids=written, use_cache=False, return_dict=True
    ).logits.log_softmax(-1)  # fmt: skip
    steps = steps_of(sources.numpy(), mask.numpy())
    here = numpy.arange(len(rows))
    differences = []
    for position in range(written.shape[1]):
        order = numpy.roll(numpy.arange(len(rows)), 1 if position else 0)
        here = here[order]
        logits = steps.logits(written[here, position].numpy(), order)
        found = torch.from_numpy(logits).log_softmax(-1)
        differences.append(float((found - expected[here, position]).abs().max()))
    return max(differences)
