"""From packs to children and back: save what was trained, put packs on a parent, compose two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

import crosslate
from crosslate.corpora.vocabularies import Vocabulary
from crosslate.errors import Faults, PackError
from crosslate.models.child import Child, graft
from crosslate.models.parent import Parent
from crosslate.models.plan import GROUP_OF_SIDE, child_tensors
from crosslate.models.strategies import SIDES, Side
from crosslate.packs.manifest import (
    FORMAT_VERSION,
    Manifest,
    ParentIdentity,
    ScoreRecord,
    Selection,
    TensorRecord,
    utc_now,
)
from crosslate.packs.pack import Pack, check_parent


def pack_child(
    child: Child,
    *,
    name: str = "",
    training: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    scores: Sequence[ScoreRecord] = (),
    licence: str = "",
) -> Pack:
    """The pack of a trained child: what its plan changed, on the CPU.

    Args:
        name: what to call it; the language pair and strategy by default.
        training: settings, updates, seconds, machine.
        data: origins, hashes, counts.
        licence: of the pack, as an SPDX expression where there is one.

    Raises:
        PackError: the child was not made by a strategy, so nothing says what changed.
    """
    if child.plan is None:
        raise PackError("only a child that a strategy made can become a pack; this one was put together from packs")
    parent = child.parent
    vocabularies: dict[Side, Vocabulary] = {
        side: child.source if side == "source" else child.target for side in SIDES if side in child.plan.renewed
    }
    tensors = {name: tensor.to("cpu").contiguous() for name, tensor in child.changed_tensors().items()}
    records = {
        planned.name: TensorRecord(
            planned.stored_shape,
            "",
            Selection.of(planned.selection.axis, planned.shape[planned.selection.axis], planned.selection.indices),
        )
        for planned in child.plan.changed
        if planned.selection is not None
    }
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        crosslate_version=crosslate.__version__,
        name=name or f"{child.source_language}-{child.target_language} {child.plan.strategy}",
        source_language=child.source_language,
        target_language=child.target_language,
        renewed=tuple(vocabularies),
        strategy=str(child.plan.strategy),
        parent=identity(parent),
        source_vocabulary_size=len(child.source),
        target_vocabulary_size=len(child.target),
        special_ids={side: vocabulary.special for side, vocabulary in vocabularies.items()},
        licence=licence or "unspecified",
        created=utc_now(),
        training=dict(training or {}),
        data=dict(data or {}),
        scores=tuple(scores),
        tensors=records,
    )
    return Pack(manifest, tensors, vocabularies)


def identity(parent: Parent) -> ParentIdentity:
    """How packs name their parent."""
    return ParentIdentity(
        name=parent.name,
        fingerprint=parent.fingerprint(),
        source_language=parent.source_language,
        target_language=parent.target_language,
        source_vocabulary_size=len(parent.source),
        target_vocabulary_size=len(parent.target),
        source_vocabulary_fingerprint=parent.source.fingerprint,
        target_vocabulary_fingerprint=parent.target.fingerprint,
    )


def apply_packs(parent: Parent, packs: Sequence[Pack]) -> Child:
    """The child of a parent and one pack, or of a source pack and a target pack (zero-shot).

    Of two packs the target pack gives everything it holds; the source pack gives only its source
    embeddings, since its cross-attention was fitted to the parent's target side.

    Source: Gheini, Ren & May 2021, section 5.2.

    Raises:
        PackError: the parent is another, the tensors do not fit it, or the packs do not compose.
    """
    if not packs:
        raise PackError("no pack was given")
    fingerprint = parent.fingerprint()
    for pack in packs:
        check_parent(pack.manifest, fingerprint, parent.source.fingerprint, parent.target.fingerprint)
    ordered = _order(packs)
    tensors: dict[tuple[str, ...], torch.Tensor] = {}
    vocabularies: dict[Side, Vocabulary] = {}
    renewed = {side for pack in ordered for side in pack.manifest.renewed}
    for index, pack in enumerate(ordered):
        only = None if index == len(ordered) - 1 else GROUP_OF_SIDE["source"]
        tensors |= _fitted_tensors(parent, pack, renewed, only)
        vocabularies |= pack.vocabularies
    first, last = ordered[0].manifest, ordered[-1].manifest
    return graft(
        parent, tensors, vocabularies, {"source": first.source_language, "target": last.target_language}
    )


def _order(packs: Sequence[Pack]) -> list[Pack]:
    """One pack as it is; of two, the one that renews the source first."""
    if len(packs) == 1:
        return list(packs)
    described = "; ".join(
        f"{pack.manifest.name!r} renews {' and '.join(pack.manifest.renewed) or 'no side'}" for pack in packs
    )
    by_side = {pack.manifest.renewed: pack for pack in packs}
    if len(packs) != 2 or set(by_side) != {("source",), ("target",)}:
        raise PackError(
            f"these packs do not compose: {described}; expected one that renews the source and one that "
            "renews the target"
        )
    return [by_side[("source",)], by_side[("target",)]]


def _fitted_tensors(
    parent: Parent, pack: Pack, renewed: set[Side], only: str | None
) -> dict[tuple[str, ...], torch.Tensor]:
    """The pack's tensors under all their names in the child, after checking that every one fits.

    Args:
        renewed: sides that the whole composition renews: they say which tied tables are apart.
        only: take the tensors of this group alone.
    """
    manifest = pack.manifest
    own = {
        names[0]: (names, group, tensor)
        for names, group, tensor in child_tensors(parent.model, parent.anatomy, manifest.renewed)
    }
    names_in_child = {
        name: names
        for names, _, _ in child_tensors(parent.model, parent.anatomy, renewed)
        for name in names
    }
    faults = Faults(f"pack {manifest.name!r} does not fit its parent")
    fitted = {}
    for name, tensor in pack.tensors.items():
        if name not in own:
            faults.add(f"it has a tensor {name!r}, which the parent's model does not have under this name")
            continue
        _, group, original = own[name]
        record = manifest.tensors[name]
        whole = _expected_shape(parent, manifest, name, original)
        expected = list(whole)
        if record.selection is not None:
            if record.selection.size != whole[record.selection.axis]:
                faults.add(f"{name}: cut from {record.selection.size} along axis {record.selection.axis}, "
                           f"the parent's tensor has {whole[record.selection.axis]}")  # fmt: skip
                continue
            expected[record.selection.axis] = len(record.selection.indices)
        if list(tensor.shape) != expected or tensor.dtype != original.dtype:
            faults.add(
                f"{name} is {tensor.dtype} of shape {list(tensor.shape)}, expected {original.dtype} of {expected}"
            )
            continue
        if only is None or group == only:
            fitted[names_in_child[name]] = _whole_tensor(tensor, original, record.selection)
    required = {
        names[0]
        for names, _, _ in own.values()
        if any(
            name in parent.anatomy.vocabulary and parent.anatomy.vocabulary[name][0] in manifest.renewed
            for name in names
        )
    }
    for name in sorted(required - set(pack.tensors)):
        faults.add(f"it lacks {name!r}, which a new {' and '.join(manifest.renewed)} vocabulary needs")
    faults.raise_as(PackError)
    return fitted


def _expected_shape(
    parent: Parent, manifest: Manifest, name: str, original: torch.Tensor
) -> tuple[int, ...]:
    shape = list(original.shape)
    if name in parent.anatomy.vocabulary:
        side, axis = parent.anatomy.vocabulary[name]
        if side in manifest.renewed:
            shape[axis] = manifest.vocabulary_size(side)
    return tuple(shape)


def _whole_tensor(
    tensor: torch.Tensor, original: torch.Tensor, selection: Selection | None
) -> torch.Tensor:
    if selection is None:
        return tensor.to(original.device)
    indices = torch.tensor(selection.indices, device=original.device)
    return original.detach().index_copy(selection.axis, indices, tensor.to(original.device))


