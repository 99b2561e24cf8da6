"""Training a denoising parent: one vocabulary and one table of embeddings for text of several languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from crosslate.adaptation.data import DataSettings, Prepared, encode, vocabulary
from crosslate.adaptation.runs import Run
from crosslate.errors import CorpusError
from crosslate.models.parent import RECORD, SIZES, Parent, Size
from crosslate.models.plan import child_tensors
from crosslate.text.corpora import ParallelCorpus
from crosslate.text.vocabularies import SpecialIds
from crosslate.training.batches import IGNORED, collate, plan_batches
from crosslate.training.denoising import DenoisingPairs, NoiseSettings
from crosslate.training.loop import Trainee, Validation, train
from crosslate.training.settings import TrainingSettings

if TYPE_CHECKING:
    from crosslate.training.progress import Progress

SEVERAL = "mul"
"""The language code (ISO 639-2) of text in several languages."""

SPECIAL = SpecialIds(eos=0, unk=1, pad=2, bos=3)
_VALIDATION_TOKENS = 4096
_METRIC = "negative loss"


def train_denoiser(
    lines: Mapping[str, Sequence[str]],
    out: str | Path,
    *,
    valid: Mapping[str, Sequence[str]],
    size: Size = SIZES["small"],
    vocabulary_size: int = 8_000,
    noise: NoiseSettings | None = None,
    settings: TrainingSettings | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> Parent:
    """Trains a small mBART: it restores noised lines and learns no translation; saves it to ``out``.

    Interrupted, the same call goes on where it was; its state is kept in ``<out>.run``.

    Args:
        lines: monolingual text by language code.
        valid: likewise; the loss on it, with noise that stays the same, chooses the best state.
        vocabulary_size: pieces for all languages together.
        noise: span masking and sentence permutation.

    Raises:
        CorpusError: nothing to train on or to validate with.
        InputError: ``out`` exists, or is not a parent where it should be replaced.
        Interrupted: asked to stop; the state is saved.

    Source: Liu et al. 2020 (mBART); its role here: Gheini, Ren & May 2021, section 4.1.
    """
    settings, noise, out = settings or TrainingSettings(), noise or NoiseSettings(), Path(out)
    run = Run(out, RECORD, replace=replace)
    text, held_out = _corpus(lines, "train"), _corpus(valid, "valid")
    prepared = Prepared(text, held_out, {"train": _record(text, lines), "valid": _record(held_out, valid)})
    data = DataSettings(source_vocabulary_size=vocabulary_size)
    with run.main_process_first():
        shared = vocabulary(prepared, "source", data, run.encoded, SPECIAL)
    parent = Parent.create(
        shared, shared, SEVERAL, SEVERAL, size, is_tied=True,
        dropout=0.1 if settings.dropout is None else settings.dropout, seed=settings.seed,
    )  # fmt: skip
    parameters: dict[str, dict[str, Any]] = {}
    for names, group, tensor in child_tensors(parent.model, parent.anatomy, ()):
        if isinstance(tensor, torch.nn.Parameter) and not parent.anatomy.constant & set(names):
            parameters.setdefault(group, {})[names[0]] = tensor.requires_grad_(True)
    trainee = Trainee(
        parent.model, parameters, frozenset(parameters), shared.special.pad, shared.special.pad,
        parent.model.config.decoder_start_token_id,
    )  # fmt: skip
    with run.main_process_first():
        encoded = encode(prepared, shared, shared, data, run.encoded, parent.max_tokens)
        checked = encode(
            Prepared(held_out, held_out, {}), shared, shared, data, run.encoded, parent.max_tokens
        )
    record = train(
        trainee,
        DenoisingPairs(encoded, shared, noise, settings.seed),
        settings,
        _make_validate(trainee, DenoisingPairs(checked, shared, noise, settings.seed)),
        run.folder,
        identity={"size": asdict(size), "noise": asdict(noise), "corpus": text.content_hash,
                  "valid": held_out.content_hash, "vocabulary": shared.fingerprint},
        title=f"denoiser {' '.join(lines)}",
        progress=progress,
    )  # fmt: skip
    parent.model.requires_grad_(False).eval()
    about = {"training": record, "data": prepared.record, "noise": asdict(noise), "languages": list(lines)}
    run.finish(lambda: parent.save(out, about, replace=replace))
    return parent


def _corpus(lines: Mapping[str, Sequence[str]], role: str) -> ParallelCorpus:
    """All lines of all languages, each with itself; empty ones are left out."""
    kept = [line for each in lines.values() for line in each if line.strip()]
    if not kept:
        raise CorpusError(f"there is no {role} text for denoising; expected lines of at least one language")
    return ParallelCorpus(kept, kept, SEVERAL, SEVERAL, f"lines of {', '.join(lines)}")


def _record(corpus: ParallelCorpus, lines: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    return {
        "origin": corpus.origin, "pairs": len(corpus), "sha256": corpus.content_hash,
        "lines": {language: len(each) for language, each in lines.items()},
    }  # fmt: skip


def _make_validate(trainee: Trainee, pairs: DenoisingPairs) -> Callable[[], Validation]:
    """The negative cross-entropy per target token, in nats, without label smoothing; higher is better."""
    batches = plan_batches(pairs.source_lengths, pairs.target_lengths, _VALIDATION_TOKENS, 0, 0)

    def validate() -> Validation:
        model: Any = trainee.model
        device = next(model.parameters()).device
        total, num_labels = 0.0, 0
        for planned in batches:
            batch = collate(
                pairs, planned, source_pad=trainee.source_pad, target_pad=trainee.target_pad,
                decoder_start=trainee.decoder_start,
            ).to(device)  # fmt: skip
            logits = model(
                input_ids=batch.source, attention_mask=batch.source_mask,
                decoder_input_ids=batch.decoder_input, use_cache=False,
            ).logits  # fmt: skip
            total += float(
                torch.nn.functional.cross_entropy(
                    logits.flatten(0, 1).float(),
                    batch.labels.flatten(),
                    ignore_index=IGNORED,
                    reduction="sum",
                )
            )
            num_labels += batch.num_labels
        return Validation(_METRIC, -total / num_labels, "nats per target token")

    return validate
