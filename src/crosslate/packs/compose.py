"""From packs to children and back: save what was trained, put packs on a parent, compose two of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

import crosslate
from crosslate.errors import Faults, PackError, StrategyError
from crosslate.models.child import Child, graft
from crosslate.models.groups import EMBEDDINGS, GROUP_OF_SIDE, SIDES, Side
from crosslate.models.methods.forms import Slices
from crosslate.models.methods.method import Method, added_type
from crosslate.models.methods.registry import parse_method
from crosslate.models.parent import Parent
from crosslate.models.plan import child_tensors, vocabulary_axis
from crosslate.models.sides import effective_setting
from crosslate.models.vocabularies.new_language import NewSide, joined, new_rows, parent_rows
from crosslate.packs.compact import decoded
from crosslate.packs.manifest import (
    Manifest,
    ParentIdentity,
    ScoreRecord,
    TensorRecord,
    utc_now,
)
from crosslate.packs.pack import Pack, check_composition, check_parent
from crosslate.packs.version_2 import FrameRecord
from crosslate.text.vocabularies import Vocabulary

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
            form=planned.form,
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
        added=tuple(str(each) for each in child.plan.strategy.assigned if each.method.modules),
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
    pack is copied, except that slices of attention heads and compact forms become whole tensors once.

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
    chosen: list[_Fitted] = []
    for pack in ordered:
        fitted = _fit(parent, pack)
        if pack is not ordered[-1]:
            _warn_of_left_out(pack, fitted)
            fitted = [each for each in fitted if each.group == GROUP_OF_SIDE["source"]]
        elif len(ordered) > 1:  # it may have trained the parent's source embeddings, which are not in use
            fitted = [each for each in fitted if each.group != GROUP_OF_SIDE["source"]]
        chosen += fitted
    first, last = ordered[0].manifest, ordered[-1].manifest
    frame = last.frames.get("target")
    new: dict[Side, NewSide] = {}
    for pack in ordered:
        for side, vocabulary in pack.vocabularies.items():
            start = frame.start if side == "target" and frame is not None else None
            new[side] = NewSide(getattr(pack.manifest, f"{side}_language"), vocabulary, start)
    return _grafted(parent, chosen, new, {"source": first.source_language, "target": last.target_language})


def plug_back(parent: Parent, pack: Pack) -> Child:
    """A child's body with its parent's embeddings: what of the parent's pair the changed body still knows.

    Forgetting as the paper measures it. The parent itself forgets nothing: no pack alters it.

    Source: Gheini, Ren & May 2021, section 5.1.

    Raises:
        PackError: the parent is another, or the tensors do not fit it.
    """
    check_parent(pack.manifest, parent.fingerprint(), parent.source.fingerprint, parent.target.fingerprint)
    chosen = [each for each in _fit(parent, pack) if each.group not in EMBEDDINGS]
    return _grafted(parent, chosen, {}, {"source": parent.source_language, "target": parent.target_language})


def _grafted(
    parent: Parent, chosen: Sequence[_Fitted], new: Mapping[Side, NewSide], languages: Mapping[Side, str]
) -> Child:
    added: dict[Method, dict[str, torch.Tensor]] = {}
    for each in chosen:
        if each.method is not None:
            added.setdefault(each.method, {})[each.names[0]] = each.tensor
    plain = {each.names: each.tensor for each in chosen if each.method is None}
    return graft(parent, plain, new, languages, list(added.items()))


def _order(packs: Sequence[Pack]) -> list[Pack]:
    """One pack as it is; of two, the one that renews the source first."""
    check_composition([pack.manifest for pack in packs])
    if len(packs) == 1:
        return list(packs)
    by_side = {pack.manifest.renewed: pack for pack in packs}
    return [by_side[("source",)], by_side[("target",)]]


@dataclass(frozen=True)
class _Fitted:
    """A whole tensor of a child, with all of its names there and its group, and the method that adds it."""

    names: tuple[str, ...]
    group: str
    tensor: torch.Tensor
    method: Method | None = None


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
        if name not in pack.tensors:
            continue
        if name not in needed and name in anatomy.constant:
            faults.add(f"{name} is a constant of the model, which no pack may replace")
            continue
        tensor = decoded(pack.tensors, manifest, name)
        record = manifest.tensors.get(name, TensorRecord((), ""))
        base: torch.Tensor | None = original
        if name in needed and record.form is not None:
            base = _with_parent_rows(parent, pack, name, axis, original, faults)
        elif fault := _misfit(tensor, parent.type_of(name, original), expected, record):
            faults.add(f"{name} {fault}")
            continue
        if base is not None:
            fitted.append(_Fitted(names, group, _whole_tensor(tensor, base, record)))
    fitted += (added := _fit_added(parent, pack, faults))
    known |= {each.names[0] for each in added} | manifest.scale_names
    for name in sorted(set(pack.tensors) - known):
        faults.add(f"it has a tensor {name!r}, which the parent's model does not have under this name")
    for name in sorted(needed - set(pack.tensors)):
        faults.add(f"it lacks {name!r}, which a new {' and '.join(manifest.renewed)} vocabulary needs")
    faults.raise_as(PackError)
    return fitted


def _with_parent_rows(
    parent: Parent,
    pack: Pack,
    name: str,
    axis: tuple[Side, int] | None,
    original: torch.Tensor,
    faults: Faults,
) -> torch.Tensor | None:
    """The parent's slices for the pieces of a pack's vocabulary, zeros for those that the parent lacks.

    Returns:
        None, and a fault, where the pack's tensor does not hold exactly what the parent lacks.
    """
    form, tensor = pack.manifest.tensors[name].form, decoded(pack.tensors, pack.manifest, name)
    if not isinstance(form, Slices) or axis is None or axis[0] not in pack.vocabularies:
        faults.add(f"{name} is of a renewed side, so it cannot be a form of the parent's but slices")
        return None
    side, along = axis
    rows = parent_rows(pack.vocabularies[side], parent.source if side == "source" else parent.target)
    if (along, new_rows(rows)) != (form.axis, tuple(form.indices)):
        faults.add(f"{name} holds appended slices for other pieces than those that the parent lacks")
        return None
    dtype, shape = parent.type_of(name, original), list(original.shape)
    shape[along] = len(rows)
    if fault := _misfit(tensor, dtype, shape, pack.manifest.tensors[name]):
        faults.add(f"{name} {fault}")
        return None
    return joined(original.detach().to(tensor.dtype), along, rows)


def _fit_added(parent: Parent, pack: Pack, faults: Faults) -> list[_Fitted]:
    """The tensors of modules that the parent does not have."""
    dtype, fitted = added_type(parent.model), []
    for text in pack.manifest.added:
        try:
            assigned = parse_method(text)
            planned = assigned.method.plan(parent.model, parent.anatomy, assigned.groups)
        except StrategyError as error:
            faults.add(str(error))
            continue
        for name, treatment in planned.items():
            if name not in pack.tensors:
                faults.add(f"it lacks {name!r}, which its {text} needs")
                continue
            tensor = decoded(pack.tensors, pack.manifest, name)
            if fault := _misfit(tensor, dtype, list(treatment.added_shape or ()), TensorRecord((), "")):
                faults.add(f"{name} {fault}")
            else:
                tensor = tensor.to(parent.model.device)
                fitted.append(_Fitted((name,), treatment.group, tensor, assigned.method))
    return fitted


def _misfit(tensor: torch.Tensor, dtype: torch.dtype, shape: list[int], record: TensorRecord) -> str:
    """What is wrong with a pack's tensor for a place of ``dtype`` and ``shape``; empty where nothing is."""
    if (form := record.form) is not None:
        if list(form.shape) != shape:
            return f"is a form of a tensor of shape {list(form.shape)}, expected {shape}"
        shape = list(form.stored_shape)
    if list(tensor.shape) == shape and tensor.dtype == dtype:
        return ""
    return f"is {tensor.dtype} of shape {list(tensor.shape)}, expected {dtype} of {shape}"


def _whole_tensor(tensor: torch.Tensor, original: torch.Tensor, record: TensorRecord) -> torch.Tensor:
    tensor = tensor.to(original.device)
    base = original.detach().to(tensor.dtype)  # the parent may be held in a lower precision
    return tensor if record.form is None else record.form.applied(base, tensor)
