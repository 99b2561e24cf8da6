"""Train a parent: a translation model from sentence pairs, or a denoiser from monolingual text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from crosslate.adaptation.data import Prepared, encode, prepare, vocabulary
from crosslate.adaptation.run_folder import Run
from crosslate.adaptation.settings import DataSettings, OutputSettings
from crosslate.adaptation.validation import make_loss, make_validate
from crosslate.errors import CorpusError
from crosslate.models.parent import RECORD, Parent
from crosslate.models.plan import child_tensors
from crosslate.models.sizes import SIZES, Size
from crosslate.text.corpora import Corpus, ParallelCorpus
from crosslate.text.vocabularies import SpecialIds
from crosslate.training.denoising import DenoisingPairs, NoiseSettings
from crosslate.training.loop import train
from crosslate.training.optimiser import Trainee
from crosslate.training.progress import Progress
from crosslate.training.settings import TrainingSettings

SEVERAL = "mul"
"""ISO 639-2 code for text in several languages."""

_DENOISER_SPECIAL = SpecialIds(eos=0, unk=1, pad=2, bos=3)


def train_parent(
    corpus: Corpus,
    valid: Corpus | None = None,
    *,
    output: OutputSettings,
    size: Size = SIZES["small"],
    data: DataSettings | None = None,
    training: TrainingSettings | None = None,
    progress: Progress | None = None,
) -> Parent:
    """Trains and saves a new parent with two vocabularies.

    After an interruption, the same call resumes from the state in ``<folder>.run``.

    Args:
        corpus: sentence pairs, in the direction of translation; files are streamed.
        valid: validation corpus; None holds out part of ``corpus``.
        size: layers, width, heads, feed-forward width, and the architecture.

    Raises:
        CorpusError: there is nothing to train on.
        InputError: the output exists and may not be replaced.
        Interrupted: the run was asked to stop; its state is saved.
    """
    training, data = training or TrainingSettings(), data or DataSettings()
    run = Run(output, RECORD)
    prepared = prepare(corpus, valid, data, training.seed, run.folder)
    with run.main_process_first():
        source = vocabulary(prepared, "source", data, run.encoded)
        target = vocabulary(prepared, "target", data, run.encoded)
    parent = Parent.create(source, target, *corpus.languages, size, seed=training.seed)
    groups, constant = parent.anatomy.groups, parent.anatomy.constant
    named = [(name, each) for name, each in parent.model.named_parameters() if name not in constant]
    with run.main_process_first():
        pairs = encode(prepared, source, target, data, run.encoded, parent.max_tokens)
    smoothing = training.label_smoothing
    validate = make_validate(parent, prepared.valid, data.metric, label_smoothing=smoothing)
    record = train(
        _trainee(parent, [(name, groups[name], each) for name, each in named]), pairs, training, validate,
        run.folder,
        identity={"size": asdict(size), "data": data.to_values(), **prepared.identity},
        title=f"parent {'-'.join(corpus.languages)}", progress=progress,
    )  # fmt: skip
    return _saved(parent, run, training, {"training": record, "data": prepared.record})


def train_denoiser(
    lines: Mapping[str, Sequence[str]],
    valid: Mapping[str, Sequence[str]],
    *,
    output: OutputSettings,
    size: Size = SIZES["small"],
    vocabulary_size: int = 8_000,
    noise: NoiseSettings | None = None,
    training: TrainingSettings | None = None,
    progress: Progress | None = None,
) -> Parent:
    """Trains and saves a small mBART that reconstructs noised lines; it does not learn to translate.

    All its languages share one vocabulary and one embedding table. After an interruption, the same call
    resumes from the state in ``<folder>.run``.

    Args:
        lines: monolingual text by language code.
        valid: validation text by language code; the loss on it, under fixed noise, selects the best state.
        vocabulary_size: pieces for all languages together.
        noise: span masking and sentence permutation.

    Raises:
        CorpusError: there is no text to train on or to validate with.
        InputError: the output exists and may not be replaced.
        Interrupted: the run was asked to stop; its state is saved.

    Source: Liu et al. 2020 (mBART); used as a parent in Gheini, Ren & May 2021, section 4.1.
    """
    training, noise = training or TrainingSettings(), noise or NoiseSettings()
    run = Run(output, RECORD)
    text, held_out = _monolingual(lines, "train"), _monolingual(valid, "valid")
    prepared = Prepared(text, held_out, {"train": _record(text, lines), "valid": _record(held_out, valid)})
    data = DataSettings(source_vocabulary_size=vocabulary_size)
    with run.main_process_first():
        shared = vocabulary(prepared, "source", data, run.encoded, _DENOISER_SPECIAL)
    parent = Parent.create(shared, shared, SEVERAL, SEVERAL, size, is_tied=True, seed=training.seed)
    with run.main_process_first():
        encoded, checked = (
            encode(each, shared, shared, data, run.encoded, parent.max_tokens)
            for each in (prepared, Prepared(held_out, held_out, {}))
        )
    tensors = (
        (names[0], group, tensor)
        for names, group, tensor in child_tensors(parent.model, parent.anatomy, ())
        if isinstance(tensor, torch.nn.Parameter) and not parent.anatomy.constant & set(names)
    )
    trainee, described = _trainee(parent, tensors), noise.to_values()
    noised, held_back = (DenoisingPairs(each, shared, noise, training.seed) for each in (encoded, checked))
    record = train(
        trainee, noised, training, make_loss(trainee.model, held_back, trainee.ids), run.folder,
        identity={"size": asdict(size), "noise": described, **prepared.identity,
                  "vocabulary": shared.fingerprint},
        title=f"denoiser {' '.join(lines)}", progress=progress,
    )  # fmt: skip
    about = {"training": record, "data": prepared.record, "noise": described, "languages": list(lines)}
    return _saved(parent, run, training, about)


def _trainee(parent: Parent, tensors: Iterable[tuple[str, str, torch.Tensor]]) -> Trainee:
    """A parent with all tensors trained; ``tensors`` are (name, group, tensor)."""
    parameters: dict[str, dict[str, Any]] = {}
    for name, group, tensor in tensors:
        parameters.setdefault(group, {})[name] = tensor.requires_grad_(True)
    return Trainee.of(parent, parameters, parameters)


def _saved(parent: Parent, run: Run, training: TrainingSettings, record: dict[str, Any]) -> Parent:
    if training.dropout is not None:
        parent.model.config.dropout = training.dropout  # inherited by children
    parent.model.requires_grad_(False).eval()
    run.finish(lambda: parent.save(run.output.folder, record, replace=run.output.replace))
    return parent


def _monolingual(lines: Mapping[str, Sequence[str]], role: str) -> ParallelCorpus:
    """All nonempty lines of all languages, each paired with itself."""
    kept = [line for each in lines.values() for line in each if line.strip()]
    if not kept:
        raise CorpusError(f"no {role} text for denoising: all lines are empty; give at least one line")
    return ParallelCorpus(kept, kept, SEVERAL, SEVERAL, f"lines of {', '.join(lines)}")


def _record(corpus: ParallelCorpus, lines: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    return {
        "origin": corpus.origin, "pairs": len(corpus), "sha256": corpus.content_hash,
        "lines": {language: len(each) for language, each in lines.items()},
    }  # fmt: skip
