"""Training a parent from two text files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from crosslate.adaptation.data import DataSettings, encode, prepare, vocabulary
from crosslate.adaptation.runs import Run
from crosslate.adaptation.validation import make_validate
from crosslate.models.parent import RECORD, SIZES, Parent, Size
from crosslate.text.corpora import Corpus
from crosslate.training.loop import train
from crosslate.training.optimiser import Trainee
from crosslate.training.progress import Progress
from crosslate.training.settings import TrainingSettings


def train_parent(
    corpus: Corpus,
    out: str | Path,
    *,
    valid: Corpus | None = None,
    size: Size = SIZES["small"],
    settings: TrainingSettings | None = None,
    data: DataSettings | None = None,
    replace: bool = False,
    progress: Progress | None = None,
    tensorboard: bool = False,
) -> Parent:
    """Trains a new parent: a Marian model with two vocabularies; saves it to ``out``.

    Interrupted, the same call goes on where it was; its state is kept in ``<out>.run``.

    Args:
        corpus: sentence pairs, in the direction of translation; files are read as a stream.
        valid: validation corpus; None holds part of ``corpus`` out.
        size: layers, width, heads and feed-forward width.
        replace: overwrite an existing ``out``.

    Raises:
        CorpusError: nothing to train on.
        InputError: ``out`` exists, or is not a parent where it should be replaced.
        Interrupted: asked to stop; the state is saved.
    """
    settings, data = (settings or TrainingSettings()).changed(tensorboard=tensorboard), data or DataSettings()
    out = Path(out)
    run = Run(out, RECORD, replace=replace)
    prepared = prepare(corpus, valid, data, settings.seed, run.folder)
    with run.main_process_first():
        source = vocabulary(prepared, "source", data, run.encoded)
        target = vocabulary(prepared, "target", data, run.encoded)
    parent = Parent.create(
        source,
        target,
        corpus.source_language,
        corpus.target_language,
        size,
        dropout=0.1 if settings.dropout is None else settings.dropout,
        seed=settings.seed,
    )
    anatomy = parent.anatomy
    parameters: dict[str, dict[str, Any]] = {}
    for name, parameter in parent.model.named_parameters():
        if name not in anatomy.constant:
            parameters.setdefault(anatomy.groups[name], {})[name] = parameter.requires_grad_(True)
    with run.main_process_first():
        pairs = encode(prepared, source, target, data, run.encoded, parent.max_tokens)
    record = train(
        Trainee(
            parent.model, parameters, frozenset(parameters), source.special.pad, target.special.pad,
            parent.model.config.decoder_start_token_id,
        ),
        pairs,
        settings,
        make_validate(parent, prepared.valid, data.metric),
        run.folder,
        identity={"size": asdict(size), "data": asdict(data), "corpus": prepared.record["train"]["sha256"],
                  "valid": prepared.record["valid"]["sha256"]},
        title=f"parent {corpus.source_language}-{corpus.target_language}",
        progress=progress,
    )  # fmt: skip
    parent.model.requires_grad_(False).eval()
    run.finish(lambda: parent.save(out, {"training": record, "data": prepared.record}, replace=replace))
    return parent
