"""From packs to children and back: save what was trained, put packs on a parent, compose two of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

import crosslate
from crosslate.corpora.vocabularies import Vocabulary
from crosslate.errors import Faults, PackError
from crosslate.models.appended import joined, new_rows, parent_rows
from crosslate.models.child import Child, graft
from crosslate.models.parent import Parent
from crosslate.models.plan import GROUP_OF_SIDE, PlannedTensor, child_tensors, vocabulary_axis
from crosslate.models.sides import effective_setting
from crosslate.models.strategies import SIDES, Side
from crosslate.packs.manifest import (
    FrameRecord,
    Manifest,
    ParentIdentity,
    ScoreRecord,
    Selection,
    TensorRecord,
    utc_now,
)
from crosslate.packs.pack import Pack, check_parent

log = logging.getLogger(__name__)


def pack_child(
    child: Child,
    *,
    name: str = "",
    training: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    scores: Sequence[ScoreRecord] = (),
    licence: str = "",
) -> Pack:
    """The pack of a trained child: a copy, on the CPU, of what its plan changed.

    Args:
        name: what to call it; the language pair and strategy by default.
        training: settings, updates, seconds, machine.
        data: origins, hashes, counts.
        licence: of the pack, as an SPDX expression where there is one.

    Raises:
        PackError: the child was not made by a strategy, so nothing says what changed.
    """
    if child.plan is None:
        raise PackError("only a child that a strategy made can become a pack; this one was made of packs")
    parent = child.parent
    both: dict[Side, Vocabulary] = {"source": child.source, "target": child.target}
    vocabularies = {side: both[side] for side in SIDES if side in child.plan.renewed}
    tensors = {
        name: tensor.to("cpu", copy=True).contiguous() for name, tensor in child.changed_tensors().items()
    }
    records = {
        planned.name: TensorRecord(
            planned.stored_shape,
            str(planned.dtype).removeprefix("torch."),
            selection=_slices(planned, is_appended=False),
            appended=_slices(planned, is_appended=True),
        )
        for planned in child.plan.changed
    }
    manifest = Manifest(
        format_version=1,  # saving raises it where a newer one is needed
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
        frames={
            side: FrameRecord(
                vocabulary.frame.before,
                vocabulary.frame.after,
                _start(child) if side == "target" else None,
            )
            for side, vocabulary in vocabularies.items()
            if not vocabulary.has_usual_frame or (side == "target" and _start(child) is not None)
        },
    )
    return Pack(manifest, tensors, vocabularies)


def _slices(planned: PlannedTensor, *, is_appended: bool) -> Selection | None:
    part = planned.selection
    if part is None or planned.is_appended != is_appended:
        return None
    return Selection.of(part.axis, planned.shape[part.axis], part.indices)


def _start(child: Child) -> int | None:
    """The piece that the decoder starts with, where it is no special one: a language's code."""
    start = effective_setting(child.model, "decoder_start_token_id")
    return None if start in vars(child.target.special).values() else start


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

    Of two packs, in either order, the target pack gives everything it holds; the source pack gives only
    its source embeddings, since its cross-attention was fitted to the parent's target side. Nothing of a
    pack is copied, except that slices of attention heads are laid into whole tensors once.

    Source: Gheini, Ren & May 2021, section 5.2.

    Raises:
        PackError: the parent is another, the tensors do not fit it, or the packs do not compose.
        VocabularyError: a new vocabulary pads with an id that this family of models cannot pad with.
    """
    if not packs:
        raise PackError("no pack was given; expected one, or one for each side")
    fingerprint = parent.fingerprint()
    for pack in packs:
        check_parent(pack.manifest, fingerprint, parent.source.fingerprint, parent.target.fingerprint)
    ordered = _order(packs)
    tensors: dict[tuple[str, ...], torch.Tensor] = {}
    vocabularies: dict[Side, Vocabulary] = {}
    for pack in ordered:
        fitted = _fit(parent, pack)
        if pack is not ordered[-1]:
            _warn_of_left_out(pack, fitted)
            fitted = [each for each in fitted if each.group == GROUP_OF_SIDE["source"]]
        tensors |= {each.names: each.tensor for each in fitted}
        vocabularies |= pack.vocabularies
    first, last = ordered[0].manifest, ordered[-1].manifest
    frame = last.frames.get("target")
    return graft(
        parent,
        tensors,
        vocabularies,
        {"source": first.source_language, "target": last.target_language},
        None if frame is None else frame.start,
    )


def plug_back(parent: Parent, pack: Pack) -> Child:
    """A child's body with its parent's embeddings: what of the parent's pair the changed body still knows.

    Forgetting as the paper measures it. The parent itself forgets nothing: no pack alters it.

    Source: Gheini, Ren & May 2021, section 5.1.

    Raises:
        PackError: the parent is another, or the tensors do not fit it.
    """
    check_parent(pack.manifest, parent.fingerprint(), parent.source.fingerprint, parent.target.fingerprint)
    embeddings = set(GROUP_OF_SIDE.values())
    tensors = {each.names: each.tensor for each in _fit(parent, pack) if each.group not in embeddings}
    return graft(parent, tensors, {}, {"source": parent.source_language, "target": parent.target_language})


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


@dataclass(frozen=True)
class _Fitted:
    """A whole tensor of a child, with all of its names there and its group."""

    names: tuple[str, ...]
    group: str
    tensor: torch.Tensor


def _warn_of_left_out(pack: Pack, fitted: list[_Fitted]) -> None:
    if left_out := sorted({each.group for each in fitted} & {"enc", "dec"}):
        log.warning(
            "pack %r also changed %s; composed with a target pack, only its source embeddings count, and "
            "they were not fitted to the parent's body: expect poor translations",
            pack.manifest.name,
            " and ".join(left_out),
        )


def _fit(parent: Parent, pack: Pack) -> list[_Fitted]:
    """The pack's tensors as they go into the child, after checking that every one fits and none lacks."""
    manifest, anatomy = pack.manifest, parent.anatomy
    faults = Faults(f"pack {manifest.name!r} does not fit its parent")
    if set(pack.vocabularies) != set(manifest.renewed):
        faults.add(
            f"it brings vocabularies for {sorted(pack.vocabularies)}, "
            f"expected for the sides it renews, {sorted(manifest.renewed)}"
        )
    rows = {side: parent_rows(each, _vocabulary(parent, side)) for side, each in pack.vocabularies.items()}
    needed, fitted = set(), []
    known = set()
    for names, group, original in child_tensors(parent.model, anatomy, manifest.renewed):
        name = names[0]
        known.add(name)
        expected = list(original.shape)
        axis = vocabulary_axis(anatomy, names)
        if axis is not None and axis[0] in manifest.renewed:
            expected[axis[1]] = manifest.vocabulary_size(axis[0])
            needed.add(name)
        tensor, record = pack.tensors.get(name), manifest.tensors.get(name)
        if tensor is not None and name not in needed and name in anatomy.constant:
            faults.add(f"{name} is a constant of the model, which no pack may replace")
        elif tensor is not None:
            slices = None if record is None else record.selection or record.appended
            if fault := _misfit(tensor, original.dtype, expected, slices):
                faults.add(f"{name} {fault}")
            elif record is not None and record.appended is not None:
                if axis is None or axis[0] not in rows:
                    faults.add(f"{name} holds appended slices, but belongs to no renewed vocabulary")
                elif (axis[1], tuple(record.appended.indices)) != (
                    record.appended.axis,
                    new_rows(rows[axis[0]]),
                ):
                    faults.add(
                        f"{name} holds appended slices for other pieces than those that the parent lacks"
                    )
                else:
                    fitted.append(_Fitted(names, group, joined(original, axis[1], rows[axis[0]], tensor)))
            else:
                fitted.append(_Fitted(names, group, _whole_tensor(tensor, original, slices)))
    for name in sorted(set(pack.tensors) - known):
        faults.add(f"it has a tensor {name!r}, which the parent's model does not have under this name")
    for name in sorted(needed - set(pack.tensors)):
        faults.add(f"it lacks {name!r}, which a new {' and '.join(manifest.renewed)} vocabulary needs")
    faults.raise_as(PackError)
    return fitted


def _vocabulary(parent: Parent, side: Side) -> Vocabulary:
    return parent.source if side == "source" else parent.target


def _misfit(tensor: torch.Tensor, dtype: torch.dtype, shape: list[int], selection: Selection | None) -> str:
    """What is wrong with a pack's tensor for a place of ``dtype`` and ``shape``; empty where nothing is."""
    if selection is not None:
        length = shape[selection.axis] if selection.axis < len(shape) else 0
        if selection.size != length:
            return (
                f"was cut from a tensor of length {selection.size} along axis {selection.axis}, "
                f"the parent's has the shape {shape}"
            )
        shape = [*shape[: selection.axis], len(selection.indices), *shape[selection.axis + 1 :]]
    if list(tensor.shape) == shape and tensor.dtype == dtype:
        return ""
    return f"is {tensor.dtype} of shape {list(tensor.shape)}, expected {dtype} of {shape}"


def _whole_tensor(tensor: torch.Tensor, original: torch.Tensor, selection: Selection | None) -> torch.Tensor:
    if selection is None:
        return tensor.to(original.device)
    indices = torch.tensor(selection.indices, device=original.device)
    return original.detach().index_copy(selection.axis, indices, tensor.to(original.device))
