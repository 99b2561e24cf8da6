"""A folder with the files of a Marian model, and the check that they translate as the child does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from crosslate.engines.conversion import sample_ids
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.generation import Generation
from crosslate.engines.pytorch import TorchEngine
from crosslate.errors import Faults, PackError
from crosslate.export.marian_model import MarianExport, Precision
from crosslate.export.merge_check import sample_texts
from crosslate.files import atomic_file, write_text
from crosslate.models.child import Child
from crosslate.models.importers.marian import Marian
from crosslate.models.marian_files import MarianModel
from crosslate.models.parent import Parent

MODEL: dict[Precision, str] = {"float32": "model.npz", "int8": "model.bin"}
CONFIGURATION: dict[Precision, str] = {"float32": "config.yml", "int8": "config.bergamot.yml"}
VOCABULARIES = ("source.spm", "target.spm")
BERGAMOT_OPTIONS = {"beam-size": 1, "normalize": 1.0, "word-penalty": 0.0, "gemm-precision": "int8shiftAll"}
"""Options of bergamot that belong to a model."""

_GREEDY = DecodingOptions(beam_size=1, max_new_tokens=16)
_NUM_TARGET_TOKENS = 18
# Relative to the largest logit. Sums are made in another order; a wrong row or scale differs far more.
_TOLERANCE = 1e-4
_HALF_A_STEP = 0.5 / 127


def write_marian_folder(export: MarianExport, folder: Path, precision: Precision) -> None:
    """Writes model, vocabularies and options into an existing folder."""
    model = folder / MODEL[precision]
    if precision == "int8":
        export.model.write_bin(model, export.matrices)
    else:
        export.model.write_npz(model)
    for name, vocabulary in zip(VOCABULARIES, (export.source, export.target)):
        with atomic_file(folder / name) as temporary:
            temporary.write_bytes(vocabulary.model)
    options = _bergamot_options() if precision == "int8" else _decoder_options()
    files = {"relative-paths": True, "models": [MODEL[precision]], "vocabs": list(VOCABULARIES)}
    write_text(folder / CONFIGURATION[precision], yaml.safe_dump({**files, **options}, sort_keys=False))


def _decoder_options() -> dict[str, Any]:
    """Options with which ``marian-decoder`` searches as Crosslate does by default."""
    options = DecodingOptions()
    return {
        "beam-size": options.beam_size,
        "normalize": options.length_penalty,
        "word-penalty": 0.0,
        "max-length-factor": options.max_length_factor,
        "mini-batch": 16,
        "maxi-batch": 100,
        "maxi-batch-sort": "src",
    }


def _bergamot_options() -> dict[str, Any]:
    return {
        **BERGAMOT_OPTIONS,
        "max-length-break": 128,
        "mini-batch-words": 1024,
        "max-length-factor": 2.0,
        "workspace": 128,
        "skip-cost": True,
        "cpu-threads": 1,
        "quiet": True,
        "quiet-translation": True,
    }


def check_marian_folder(folder: Path, child: Child, export: MarianExport, precision: Precision) -> str:
    """Reads the files back and compares what they give with the child.

    Returns:
        What was compared, as a sentence for the user.

    Raises:
        PackError: lists all differences.
    """
    faults = Faults("no model of Marian was written, since it would not behave as the packs do")
    read = Marian(folder).parent((child.source_language, child.target_language))
    texts = sample_texts(child.source, Generation.of(child).max_source_tokens)
    comparison = _Comparison(child, export, read)
    comparison.check_vocabularies(texts, faults)
    _check_tensors(MarianModel.read(folder / MODEL[precision]), export, precision, faults)
    if precision == "float32":
        difference = comparison.logit_difference(texts[0])
        if not difference <= _TOLERANCE:  # also catches NaN
            faults.add(f"logits differ by {difference:.2g} of the largest, expected at most {_TOLERANCE}")
        computed = replace(child, model=export.live)
        found, marian, own = (_greedy(each, texts) for each in (read, computed, child))
        if found != marian:
            text, one, other = next(each for each in zip(texts, found, marian) if each[1] != each[2])
            faults.add(f"it translates {text!r} to {one!r}, expected {other!r}")
        same = sum(one == other for one, other in zip(found, own))
        checked = f"they translate {same} of {len(texts)} lines of random words as the packs do"
    else:
        # Translations of random words, decided closely, say nothing about 8 bits: hardly one stays the same.
        checked = "their weights are those of the packs, rounded to 8 bits"
    faults.raise_as(PackError)
    note = f"checked: the files were read back, and {checked}"
    if export.has_other_positions:
        note += "; Marian computes positions by another formula than this parent, so translations may differ"
    return note


def _greedy(model: Child | Parent, texts: list[str]) -> list[str]:
    return [best.text for (best,) in TorchEngine(model).translate(texts, _GREEDY)]


def _check_tensors(found: MarianModel, export: MarianExport, precision: Precision, faults: Faults) -> None:
    """Adds a fault if a tensor is not what was exported, up to half a step of 8 bits."""
    for name, wanted in export.model.tensors.items():
        step = (
            _HALF_A_STEP * float(np.abs(wanted).max())
            if precision == "int8" and name in export.matrices
            else 0.0
        )
        array = found.tensors.get(name)
        if (
            array is None
            or array.shape != wanted.shape
            or not np.allclose(array, wanted, rtol=1e-5, atol=1.01 * step)
        ):
            faults.add(f"{name} is not read back as it was written")


@dataclass(frozen=True)
class _Comparison:
    """A child and what was read back.

    Attributes:
        read: the parent that the importer makes of the files.
    """

    child: Child
    export: MarianExport
    read: Parent

    def check_vocabularies(self, texts: list[str], faults: Faults) -> None:
        rows = self.export.source.rows
        for text in texts:
            ids = [rows[index] for index in self._file_ids(self.read.source.encode(text))]
            if ids != self.child.source.encode(text):
                faults.add(f"{text!r} is cut into other pieces")
                break
        ids = sample_ids(self.child.target, _NUM_TARGET_TOKENS)
        if self.read.target.decode(self._read_ids(ids)) != self.child.target.decode(ids):
            faults.add(f"the ids {ids} are joined to another text")

    # The importer inserts a piece for padding, since the files have none.
    def _file_ids(self, ids: list[int]) -> list[int]:
        """The rows in the source's file."""
        pad = self.read.source.special.pad
        return [index - (index > pad) for index in ids]

    def _read_ids(self, ids: list[int]) -> list[int]:
        """The read vocabulary's ids of the child's target ids."""
        pad = self.read.target.special.pad
        rows = [self.export.target.new_ids[index] for index in ids]
        return [row + (row >= pad) for row in rows]

    @torch.inference_mode()
    def logit_difference(self, text: str) -> float:
        """The largest difference of a logit of a piece of the child, as a share of the largest logit."""
        child, target = self.child, self.export.target
        facts = Generation.of(child)
        ids = sample_ids(child.target, _NUM_TARGET_TOKENS)[: facts.max_target_tokens - 1]
        never = facts.never_generated(child.target, allow_unknown=True)
        kept = [index for index in target.new_ids if index not in never]
        ours = _logits(self.export.live, child.source.encode(text), [facts.start, *ids])[:, kept]
        start = Generation.of(self.read).start
        theirs = _logits(self.read.model, self.read.source.encode(text), [start, *self._read_ids(ids)])
        return float((theirs[:, self._read_ids(kept)] - ours).abs().max() / ours.abs().max().clamp(min=1.0))


def _logits(model: Any, source: list[int], target: list[int]) -> torch.Tensor:
    logits: torch.Tensor = model(
        input_ids=torch.tensor([source]), attention_mask=torch.ones(1, len(source), dtype=torch.long),
        decoder_input_ids=torch.tensor([target]), use_cache=False,
    ).logits[0]  # fmt: skip
    return logits
