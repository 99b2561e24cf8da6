"""Translation with ONNX Runtime, fast on CPU for models that CTranslate2 cannot express; needs no PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy

from crosslate.config import Settings
from crosslate.engines.ctranslate2 import default_threads, num_usable_cores
from crosslate.engines.decoding import (
    DecodingOptions,
    Hypothesis,
    Pair,
    empty_translations,
    encode_pairs,
    encode_sources,
    group_sources,
    hypothesis,
)
from crosslate.engines.model_cache import read_description
from crosslate.engines.search import Ids, Numbers, Rules, log_probabilities, search
from crosslate.errors import EngineError, MissingExtra
from crosslate.models.vocabularies.saved_vocabularies import SideDescription, load_vocabulary

_MAX_BATCH_TOKENS = 2048  # padded source tokens, times the beam size
# Texts that are encoded together have at least this share of the longest one's tokens.
_SIMILAR_LENGTH = 0.75
FORMAT_VERSION: Literal[1] = 1


class OnnxEngine:
    """Translates with a model exported by :func:`crosslate.engines.onnx_conversion.export_onnx`.

    Several threads may call :meth:`translate` at once.

    Args:
        folder: the exported model.
        inter_threads: batches translated at the same time; None chooses from the machine.
        intra_threads: threads that share one batch; None chooses from the machine.

    Raises:
        EngineError: the folder is not an exported model, or ONNX Runtime cannot load it.
        MissingExtra: ONNX Runtime is not installed.
    """

    name = "onnx"

    def __init__(
        self, folder: Path, *, inter_threads: int | None = None, intra_threads: int | None = None
    ) -> None:
        self._description = described = read_description(folder, OnnxDescription, "an ONNX")
        self.source = load_vocabulary(folder, "source", described.source)
        self.target = load_vocabulary(folder, "target", described.target)
        self.max_source_tokens = described.max_source_tokens
        chosen_inter, chosen_intra = default_threads(num_usable_cores())
        self._num_workers = chosen_inter if inter_threads is None else inter_threads
        self._workers = ThreadPoolExecutor(self._num_workers)
        self._model = OnnxModel(folder, chosen_intra if intra_threads is None else intra_threads)

    def translate(self, texts: Sequence[str], options: DecodingOptions) -> list[list[Hypothesis]]:
        """See :meth:`crosslate.engines.decoding.Engine.translate`."""
        encoded = encode_sources(self.source, texts, self.max_source_tokens)
        translations = empty_translations(len(texts), options)
        groups = group_sources(
            encoded, options, self._description.max_target_tokens, self.source.num_frame_ids
        )
        limits = {index: limit for limit, indices in groups.items() for index in indices}
        # A few texts are shared between all workers.
        shared_tokens = sum(map(len, encoded)) / self._num_workers
        most_tokens = min(_MAX_BATCH_TOKENS / options.beam_size, shared_tokens)
        pending = []
        for batch in _batches(list(limits), encoded, most_tokens):
            rows = [encoded[index] for index in batch]
            output_limits = [limits[index] for index in batch]
            pending.append((batch, self._workers.submit(self._search, rows, output_limits, options)))
        for batch, result in pending:
            for index, found in zip(batch, result.result(), strict=True):
                translations[index] = found
        return translations

    def _search(
        self, rows: Sequence[Sequence[int]], output_limits: Sequence[int], options: DecodingOptions
    ) -> list[list[Hypothesis]]:
        target = self.target
        unknown = [] if options.allow_unknown else [target.special.unk]
        rules = self._rules([*self._description.never_generated, *unknown])
        steps = self._steps(rows)
        forced = None if rules.forced_first is None else target.pieces[rules.forced_first]
        return [
            [
                hypothesis(target, [target.pieces[i] for i in ids if i != rules.end], score, forced)
                for ids, score in found
            ]
            for found in search(steps, output_limits, rules, options)
        ]

    def log_probabilities(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """See :meth:`crosslate.engines.decoding.Engine.log_probabilities`."""
        most = self._description.max_target_tokens
        encoded = encode_pairs(self.source, pairs, self.max_source_tokens, most)
        rules = self._rules(())

        def forced(batch: Sequence[int]) -> list[list[float]]:
            steps = self._steps([encoded[index] for index in batch])
            return log_probabilities(steps, [pairs[index][1] for index in batch], rules)

        found: list[list[float]] = [[] for _ in pairs]
        batches = _batches([*encoded][::-1], encoded, _MAX_BATCH_TOKENS / self._num_workers)
        for batch, rows in zip(batches, self._workers.map(forced, batches), strict=True):
            for index, row in zip(batch, rows, strict=True):
                found[index] = row
        return found

    def _rules(self, suppressed: Sequence[int]) -> Rules:
        described, end = self._description, self.target.special.eos
        return Rules(described.start, end, described.forced_first, numpy.array(suppressed, dtype=numpy.int64))

    def _steps(self, rows: Sequence[Sequence[int]]) -> OnnxSteps:
        """The steps of a batch of source ids."""
        width, pad = max(map(len, rows)), self.source.special.pad
        sources = numpy.array([[*row, *[pad] * (width - len(row))] for row in rows])
        lengths = numpy.array([[len(row)] for row in rows])
        mask = (numpy.arange(width) < lengths).astype(numpy.int64)
        return self._model.steps(sources, mask)


def _batches(
    indices: Sequence[int],
    encoded: Sequence[Sequence[int]] | Mapping[int, Sequence[int]],
    most_tokens: float,
) -> list[list[int]]:
    """Texts of similar length, the longest first as in ``indices``."""
    batches: list[list[int]] = []
    for index in indices:
        if not batches or (len(batches[-1]) + 1) * len(encoded[batches[-1][0]]) > most_tokens:
            batches.append([])
        batches[-1].append(index)
    return batches


class OnnxModel:
    """The two graphs of an exported model.

    Args:
        folder: has ``encoder.onnx`` and ``decoder.onnx``.
        num_threads: that share one batch.

    Raises:
        EngineError: ONNX Runtime cannot load them.
        MissingExtra: it is not installed.
    """

    def __init__(self, folder: Path, num_threads: int = 1) -> None:
        self.encoder, self.decoder = (
            onnx_session(folder / name, num_threads) for name in ("encoder.onnx", "decoder.onnx")
        )

    def steps(self, sources: Ids, mask: Ids) -> OnnxSteps:
        """The search of one batch.

        Args:
            sources: ``(texts, source)``.
            mask: likewise, 1 for tokens and 0 for padding.
        """
        return OnnxSteps(self, sources, mask)


class OnnxSteps:
    """See :class:`crosslate.engines.search.Steps`."""

    def __init__(self, model: OnnxModel, sources: Ids, mask: Ids) -> None:
        self._session = model.decoder
        self._inputs = {each.name: each for each in self._session.get_inputs()}
        self._of_source = {"attention_mask": mask, **_encoded(model.encoder, sources, mask)}
        self._texts = numpy.arange(len(sources))
        self._values: dict[str, Any] = {}
        self._give_source(self._texts)
        self._states = [each.name for each in self._session.get_outputs() if each.name.startswith("present.")]
        for name in self._inputs:
            if name.startswith("past."):
                sizes = {"before": len(sources), "past": 0}
                shape = [sizes[n] if isinstance(n, str) else n for n in self._inputs[name].shape]
                kind = numpy.int64 if "int64" in self._inputs[name].type else numpy.float32
                self._values[name] = _value(numpy.zeros(shape, dtype=kind))

    def logits(self, tokens: Ids, order: Ids) -> Numbers:
        """See :meth:`crosslate.engines.search.Steps.logits`."""
        texts = self._texts[order]
        if not numpy.array_equal(texts, self._texts):
            self._give_source(texts)
        self._values |= {"tokens": _value(tokens), "order": _value(order)}
        values = {name: self._values[name] for name in self._inputs}
        found, *states = self._session.run_with_ort_values(["logits", *self._states], values)
        for name, state in zip(self._states, states, strict=True):
            self._values[name.replace("present", "past", 1)] = state
        logits: Numbers = found.numpy()
        return logits

    def _give_source(self, texts: Ids) -> None:
        """Sets what each row holds of its source."""
        self._texts = texts
        for name, array in self._of_source.items():
            self._values[name] = _value(numpy.ascontiguousarray(array[texts]))


def _encoded(encoder: Any, sources: Ids, mask: Ids) -> dict[str, Any]:
    """The encoder's outputs for all sources, by name.

    Neighbours of similar length are encoded together, so that little time is spent on padding. The decoder's
    steps are small and need the whole batch.
    """
    lengths, width = mask.sum(1), mask.shape[1]
    starts = [0]
    for row, length in enumerate(lengths):
        longest = lengths[starts[-1]]
        if not _SIMILAR_LENGTH * longest <= length <= longest:
            starts.append(row)
    inputs, outputs = encoder.get_inputs(), encoder.get_outputs()
    parts: dict[str, list[Any]] = {output.name: [] for output in outputs}
    for start, end in pairwise([*starts, len(sources)]):
        rows = slice(start, end), slice(lengths[start])
        given = {"input_ids": sources[rows], "attention_mask": mask[rows]}
        found = encoder.run(list(parts), {each.name: given[each.name] for each in inputs})
        for output, array in zip(outputs, found, strict=True):
            missing = [(0, width - lengths[start] if axis == "source" else 0) for axis in output.shape]
            parts[output.name].append(numpy.pad(array, missing))
    return {name: numpy.concatenate(arrays) for name, arrays in parts.items()}


def _value(array: Any) -> Any:
    import onnxruntime

    return onnxruntime.OrtValue.ortvalue_from_numpy(array)


def onnx_session(path: Path, num_threads: int = 1) -> Any:
    """An ONNX Runtime session.

    Raises:
        EngineError: ONNX Runtime cannot load the file.
        MissingExtra: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtra(
            "the ONNX engine needs onnxruntime, which is not installed; pip install 'crosslate[onnx]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.log_severity_level = 4  # errors are raised; it would print them too
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base of their own
        raise EngineError(f"ONNX Runtime cannot load {path}: {error}") from error


class OnnxDescription(Settings):
    """Facts that the engine needs beside the graphs.

    Attributes:
        format: version of this layout.
        family: Hugging Face model type.
        precision: of the weights.
        max_source_tokens: longest input, end of sentence included.
        max_target_tokens: longest output.
        start: id that the decoder starts with.
        forced_first: id that every output begins with, or None.
        never_generated: ids that no output may contain.
    """

    format: Literal[1]
    family: str
    precision: str
    source: SideDescription
    target: SideDescription
    max_source_tokens: int
    max_target_tokens: int
    start: int
    forced_first: int | None
    never_generated: list[int]
