"""Export packs with their parent to ONNX files in Optimum's layout, for Optimum and transformers.js."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
import torch
from torch import nn

from crosslate.engines.conversion import sample_ids
from crosslate.engines.generation import Generation
from crosslate.engines.onnx import onnx_session
from crosslate.engines.onnx_conversion import check_export, check_installed, private_copy, quantise
from crosslate.engines.onnx_graphs import ANY_SOURCE, Decoder, State, exported, plain_attention
from crosslate.engines.search import Ids, Numbers
from crosslate.export.exporter import Exporter
from crosslate.export.formats.hf import HuggingFace
from crosslate.export.plain_tokenizers import PlainTokenizers
from crosslate.files import atomic_folder, write_json, write_text
from crosslate.models.vocabularies.tokenizer_json import tokenizer_json
from crosslate.models.vocabularies.vocabulary_files import TOKENIZER_CONFIG, TOKENIZER_JSON
from crosslate.packs.cards import exported_card, filled
from crosslate.packs.manifest import Manifest

if TYPE_CHECKING:
    from crosslate.models.child import Child

_CARD = Path(__file__).with_suffix(".md")
_JAVASCRIPT = _CARD.with_name("onnx_javascript.md")
_ENCODER, _MERGED = "encoder_model.onnx", "decoder_model_merged.onnx"
_FIRST, _LATER = "decoder_model.onnx", "decoder_with_past_model.onnx"
_CHECKED_TOKENS = 12
# A file of protocol buffers has at most 2 GiB; larger ones keep their tensors beside them.
_MOST_BYTES = 2_000_000_000


class Onnx(Exporter):
    """A folder with encoder and decoder as ONNX files, configuration and tokenizers.

    The decoder is a single file for the first step and all later ones, as both programs prefer it.
    """

    precisions = ("float32", "int8")

    def write(
        self, child: Child, manifests: Sequence[Manifest], out: Path, precision: str = "float32"
    ) -> str:
        """See :meth:`Exporter.write`.

        Raises:
            PackError: a plain checkpoint, which is what both programs know, cannot express the model.
            EngineError: ONNX cannot express it, or the files differ from the model.
            MissingExtra: ONNX Runtime is not installed.
        """
        from transformers import AutoModelForSeq2SeqLM

        check_installed()
        with atomic_folder(out) as folder, tempfile.TemporaryDirectory() as place:
            plain = Path(place, "plain")
            HuggingFace().write(child, manifests, plain)
            for path in plain.iterdir():
                if path.name != "README.md" and path.suffix != ".safetensors":
                    (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)
            model = private_copy(AutoModelForSeq2SeqLM.from_pretrained(plain, dtype=torch.float32))
            start = int(model.generation_config.decoder_start_token_id)
            with plain_attention(model):
                states = _write_graphs(model, folder, start)
            _merge(folder, states)
            plan = PlainTokenizers.of(child)
            sample = [
                [side.new_id(index) for index in sample_ids(side.vocabulary, _CHECKED_TOKENS)]
                for side in (plan.source, plan.target)
            ]
            check_export(
                model, sample[0], [start, *sample[1]], lambda ids, mask: _Steps(folder, states, ids, mask)
            )
            if precision == "int8":
                for name in (_ENCODER, _FIRST, _LATER):
                    quantise(folder / name)
                _merge(folder, states)
            for name in (_FIRST, _LATER):
                (folder / name).unlink()
            prefix = json.dumps(plan.prefix, ensure_ascii=False)
            card = exported_card(
                _CARD, (child.source_language, child.target_language), child.parent.name, manifests,
                "optimum", precision=precision, max_tokens=Generation.of(child).max_source_tokens,
                texts=f"[{prefix} + text for text in texts]" if plan.prefix else "texts",
                source_folder=_subfolder(plan.source_folder), target_folder=_subfolder(plan.target_folder),
                in_javascript=_in_javascript(plan, _write_json_tokenizers(plan, folder), prefix),
            )  # fmt: skip
            write_text(folder / "README.md", card)
        return f"checked with ONNX Runtime: log-probabilities as in the live model; see {out / 'README.md'}"


def _subfolder(folder: str) -> str:
    return f', subfolder="{folder}"' if folder else ""


def _write_json_tokenizers(plan: PlainTokenizers, folder: Path) -> str | None:
    """Writes ``tokenizer.json``, which transformers.js needs, where it is missing.

    Each file has one vocabulary, so a tokenizer of two vocabularies gets a second folder for the target.

    Returns:
        The target's folder in ``folder``; None if the format cannot express a vocabulary.
    """
    if plan.is_single and (folder / plan.source_folder / TOKENIZER_JSON).is_file():
        return plan.target_folder
    target_folder = plan.target_folder or "target"
    for name, side in ((plan.source_folder, plan.source), (target_folder, plan.target)):
        place, vocabulary = folder / name, side.vocabulary
        if (place / TOKENIZER_JSON).is_file():
            continue
        described = tokenizer_json(vocabulary)
        if described is None:
            return None
        place.mkdir(exist_ok=True)
        write_json(place / TOKENIZER_JSON, described)
        if not (place / TOKENIZER_CONFIG).is_file():
            special = vocabulary.special.as_values().items()
            tokens = {f"{each}_token": vocabulary.pieces[index] for each, index in special}
            write_json(place / TOKENIZER_CONFIG, {"tokenizer_class": "PreTrainedTokenizerFast", **tokens})
    return target_folder


def _in_javascript(plan: PlainTokenizers, target_folder: str | None, prefix: str) -> str:
    """The part of the card about transformers.js."""
    if target_folder is None:
        return "transformers.js cannot read this folder: `tokenizer.json` cannot express its vocabularies."
    return filled(
        _JAVASCRIPT,
        source_folder=f"./{plan.source_folder}",
        target_folder=f"./{target_folder}",
        text=f"{prefix} + text" if plan.prefix else "text",
    ).rstrip()


class _First(nn.Module):
    def __init__(self, decoder: Decoder, states: Sequence[State]) -> None:
        super().__init__()
        self.decoder, self.states = decoder, states

    def forward(
        self, mask: torch.Tensor, input_ids: torch.Tensor, encoded: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        logits, cache = self.decoder.step(input_ids, mask, encoded, None)
        found = {
            state.name: value
            for part in ("decoder", "encoder")
            for state, value in zip(self.decoder.cache.of(part), self.decoder.cache.read(cache, part))
        }
        return logits, *(found[state.name] for state in self.states)


class _Later(_First):
    def forward(
        self, mask: torch.Tensor, input_ids: torch.Tensor, *given: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        cache, values = self.decoder.cache, dict(zip((state.name for state in self.states), given))
        parts = {part: [values[state.name] for state in cache.of(part)] for part in ("decoder", "encoder")}
        logits, after = self.decoder.step(input_ids, mask, None, cache.filled(**parts))
        return logits, *cache.read(after, "decoder")


class _Encoder(nn.Module):
    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, input_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.decoder.encode(input_ids, mask)


@torch.no_grad()
def _write_graphs(model: Any, folder: Path, start: int) -> list[State]:
    """Writes the encoder and the decoder's first and later steps.

    Returns:
        The cache's states in the order of the files: by layer, the decoder's before the encoder's.
    """
    decoder = Decoder(model, start)
    states = sorted(decoder.cache.states, key=lambda state: (state.layer, state.part))
    ids, tokens = torch.full((2, 5), ANY_SOURCE), torch.full((2, 1), start)
    mask = torch.ones_like(ids)
    source_axes = {0: "batch", 1: "source"}
    exported(
        _Encoder(decoder), folder / _ENCODER, {"input_ids": ids, "attention_mask": mask},
        ["last_hidden_state"],
        dict.fromkeys(("input_ids", "attention_mask", "last_hidden_state"), source_axes),
    )  # fmt: skip
    encoded = decoder.encode(ids, mask)
    first = _First(decoder, states)
    before, after = (
        {
            f"{prefix}.{state.name}": {axis: names.get(name, name) for axis, name in state.axes.items()}
            for state in states
        }
        for prefix, names in (
            ("past_key_values", {"rows": "batch"}),
            ("present", {"rows": "batch", "past": "now"}),
        )
    )
    axes = {
        "encoder_attention_mask": source_axes, "encoder_hidden_states": source_axes,
        "input_ids": {0: "batch", 1: "target"}, "logits": {0: "batch", 1: "target"}, **before, **after,
    }  # fmt: skip
    common = {"encoder_attention_mask": mask, "input_ids": tokens}
    exported(first, folder / _FIRST, {**common, "encoder_hidden_states": encoded}, ["logits", *after], axes)
    _, *values = first(mask, tokens, encoded)
    own = [f"present.{state.name}" for state in decoder.cache.of("decoder")]
    exported(
        _Later(decoder, states),
        folder / _LATER,
        {**common, **dict(zip(before, values))},
        ["logits", *own],
        axes,
    )
    return states


def _merge(folder: Path, states: Sequence[State]) -> None:
    """Writes one file of both decoders, with each tensor once; its input ``use_cache_branch`` chooses."""
    import onnx
    from onnx import TensorProto, helper

    first, later = (onnx.load(folder / name) for name in (_FIRST, _LATER))
    tensors: dict[bytes, Any] = {}
    branches = [_branch(model.graph, tensors) for model in (first, later)]
    made = {output.name for output in later.graph.output}
    for output in first.graph.output:
        if output.name not in made:  # of the source, which stays as it was
            past = output.name.replace("present", "past_key_values", 1)
            branches[1].node.append(helper.make_node("Identity", [past], [output.name]))
    names = [output.name for output in first.graph.output]
    for branch in branches:
        del branch.output[:]
        branch.output.extend(first.graph.output)
        _rename(branch, {name: f"branch.{name}" for name in names})
    choice = helper.make_tensor_value_info("use_cache_branch", TensorProto.BOOL, [1])
    node = helper.make_node("If", [choice.name], names, then_branch=branches[1], else_branch=branches[0])
    inputs = {each.name: each for model in (first, later) for each in model.graph.input}
    graph = helper.make_graph(
        [node], "decoder", [*inputs.values(), choice], list(first.graph.output), list(tensors.values())
    )
    merged = helper.make_model(graph, opset_imports=first.opset_import, ir_version=first.ir_version)
    is_large = sum(len(tensor.raw_data) for tensor in tensors.values()) > _MOST_BYTES
    path = folder / _MERGED
    onnx.save(merged, path, save_as_external_data=is_large, location=f"{path.name}_data")


def _branch(graph: Any, tensors: dict[bytes, Any]) -> Any:
    """A graph as a branch: without inputs, its tensors added to ``tensors`` unless they are there."""
    names = {}
    for tensor in graph.initializer:
        original, tensor.name = tensor.name, ""
        shared = tensors.setdefault(tensor.SerializeToString(), tensor)
        shared.name = shared.name or f"tensor.{len(tensors)}"
        names[original] = shared.name
    _rename(graph, names)
    branch = type(graph)(name=graph.name)
    branch.node.extend(graph.node)
    branch.output.extend(graph.output)
    return branch


def _rename(graph: Any, names: Mapping[str, str]) -> None:
    """Gives values other names, also in graphs inside."""
    for node in graph.node:
        for places in (node.input, node.output):
            for position, name in enumerate(places):
                places[position] = names.get(name, name)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _rename(attribute.g, names)
    for output in graph.output:
        output.name = names.get(output.name, output.name)


class _Steps:
    """Steps of the merged files, for their check; see :class:`crosslate.engines.search.Steps`."""

    def __init__(self, folder: Path, states: Sequence[State], sources: Ids, mask: Ids) -> None:
        encoder, self._decoder = onnx_session(folder / _ENCODER), onnx_session(folder / _MERGED)
        (encoded,) = encoder.run(None, {"input_ids": sources, "attention_mask": mask})
        self._states = states
        self._values = {"encoder_attention_mask": mask, "encoder_hidden_states": encoded}
        for each in self._decoder.get_inputs():
            if each.name.startswith("past_key_values."):
                shape = [size if isinstance(size, int) else 1 for size in each.shape]
                self._values[each.name] = numpy.zeros([len(sources), *shape[1:]], dtype=numpy.float32)
        self._is_later = False

    def logits(self, tokens: Ids, order: Ids) -> Numbers:
        values = {name: value[order] for name, value in self._values.items()}
        given = {"input_ids": tokens[:, None], "use_cache_branch": numpy.array([self._is_later])}
        accepted = {each.name for each in self._decoder.get_inputs()}
        logits, *after = self._decoder.run(
            None, {name: value for name, value in {**values, **given}.items() if name in accepted}
        )
        for state, value in zip(self._states, after, strict=True):
            values[f"past_key_values.{state.name}"] = value
        self._values, self._is_later = values, True
        found: Numbers = logits[:, -1]
        return found
