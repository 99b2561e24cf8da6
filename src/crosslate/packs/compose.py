"""Make packs from children, apply packs to a parent, compose two packs, and train on the composition."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import crosslate
from crosslate.errors import Faults, PackError, ParentError, StrategyError
from crosslate.models.child import Child, graft, make_child
from crosslate.models.groups import EMBEDDINGS, SIDE_OF_GROUP, SIDES, Group, Side
from crosslate.models.methods.forms import Form, Slices
from crosslate.models.methods.method import Method, added_type
from crosslate.models.methods.registry import parse_method
from crosslate.models.parent import Parent
from crosslate.models.plan import Plan, child_tensors, vocabulary_axis
from crosslate.models.sides import effective_setting
from crosslate.models.strategies import parse_strategy
from crosslate.models.tensors import set_tensor
from crosslate.models.vocabularies.new_language import NewSide, joined, new_rows, parent_rows
from crosslate.packs.manifest import (
    FrameRecord,
    Manifest,
    PackIdentity,
    ParentIdentity,
    ScoreRecord,
    TensorRecord,
    dtype_name,
    utc_now,
)
from crosslate.packs.pack import Pack, check_composition, check_parent
from crosslate.text.vocabularies import Vocabulary


class ComposedParent(Parent):
    """The child that a source pack and a target pack compose, as a parent that can be trained further.

    What is trained on it becomes a pair pack. Its fingerprint is derived from those of the original parent
    and the two packs, since the bits of composed tensors can depend on the machine that computes them.

    Attributes:
        original: identity of the packs' parent.
        packs: identities of the source pack and the target pack.
    """

    def __init__(self, parent: Parent, child: Child, packs: Sequence[PackIdentity]) -> None:
        names = " + ".join(each.name for each in packs)
        super().__init__(
            child.model, child.source, child.target, child.source_language, child.target_language,
            name=f"{parent.name} + {names}",
        )  # fmt: skip
        self.original, self.packs = identity(parent), tuple(packs)
        self._held: str | None = None

    def fingerprint(self) -> str:
        """The derived fingerprint, as long as the tensors are those that it was first asked for."""
        found = super().fingerprint()
        self._held = self._held or found
        if found != self._held:
            return found
        described = [self.original.fingerprint, *(each.fingerprint for each in self.packs)]
        return hashlib.sha256("\n".join(described).encode()).hexdigest()

    def save(self, folder: Path, *_: Any, **__: Any) -> None:
        """Not possible.

        Raises:
            ParentError: always.
        """
        raise ParentError(
            f"{self.name} is composed of packs, so it is not saved to {folder}; merge them instead"
        )


def composed_parent(parent: Parent, packs: Sequence[Pack]) -> ComposedParent:
    """The composed child of a source pack and a target pack, in either order, to train a pair pack on.

    Raises:
        PackError: the packs do not compose, were made for another parent, were never saved, or add modules.
        ParentError: the parent is held in lower precision; lower what is returned instead.
    """
    if [each.manifest.place for each in sorted(packs, key=_place)] != [0, 1]:
        raise PackError(
            f"{len(packs)} packs are given, expected two to start from: one that replaces the source and one "
            "that replaces the target"
        )
    if parent.lowering:
        raise ParentError(
            f"{parent.name} is held in lower precision; load it again, and lower what is composed"
        )
    child = apply_packs(parent, packs)
    # Parameters of its own on the same memory, so that lowering it in place leaves the original alone.
    own: dict[int, nn.Parameter] = {}
    for name, tensor in list(child.model.named_parameters(remove_duplicate=False)):
        mine = own.setdefault(id(tensor), nn.Parameter(tensor.detach(), tensor.requires_grad))
        set_tensor(child.model, [name], mine)
    return _composed(parent, child, packs)


def _composed(parent: Parent, child: Child, packs: Sequence[Pack]) -> ComposedParent:
    ordered = sorted(packs, key=_place)
    for manifest in (each.manifest for each in ordered):
        if manifest.added:  # an anatomy has no group for them
            raise PackError(
                f"pack {manifest.name!r} adds modules ({', '.join(manifest.added)}), and a pair pack cannot "
                "be trained on those; expected packs made without them"
            )
    return ComposedParent(parent, child, [each.manifest.identity for each in ordered])


def _place(pack: Pack) -> int:
    return pack.manifest.place


def check_fit(manifest: Manifest, parent: Parent) -> None:
    """Checks that a pack was made for a parent; on a composed one, that it is a pair pack of its packs.

    Raises:
        PackError: shows what was expected and found.
    """
    if not isinstance(parent, ComposedParent):
        check_parent(manifest, parent)
    elif (manifest.parent.fingerprint, manifest.packs) != (parent.original.fingerprint, parent.packs):
        made_for = " and ".join(map(str, manifest.packs)) or f"the parent {manifest.parent.name!r}"
        raise PackError(
            f"pack {manifest.name!r} was made for {made_for}, not for what "
            f"{' and '.join(map(str, parent.packs))} compose"
        )


def pack_child(
    child: Child,
    *,
    name: str = "",
    training: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    scores: Sequence[ScoreRecord] = (),
    licence: str = "",
    start: Pack | None = None,
) -> Pack:
    """The pack of a trained child: a copy, on the CPU, of the tensors that its plan changes.

    Args:
        name: name of the pack; empty uses language pair and strategy.
        licence: of the pack, as an SPDX expression if possible.
        start: the pack that the training started from, which must have been saved.

    Raises:
        PackError: the child was not made by a strategy, so its changes are unknown; or ``start`` was never
            saved.
        SettingsError: a text has more than one line.
    """
    if child.plan is None:
        raise PackError("cannot pack a child that was made from packs; expected one made by a strategy")
    parent, strategy = child.parent, child.plan.strategy
    both: dict[Side, Vocabulary] = {"source": child.source, "target": child.target}
    vocabularies = {side: both[side] for side in SIDES if side in child.plan.renewed}
    tensors = {
        name: tensor.to("cpu", copy=True).contiguous() for name, tensor in child.changed_tensors().items()
    }
    records = {
        planned.name: TensorRecord(
            shape=planned.stored_shape, dtype=dtype_name(planned.dtype), form=planned.form
        )
        for planned in child.plan.changed
    }
    manifest = Manifest(
        crosslate_version=crosslate.__version__,
        name=name or f"{child.source_language}-{child.target_language} {strategy}",
        source_language=child.source_language, target_language=child.target_language,
        renewed=tuple(vocabularies), strategy=str(strategy), parent=identity(parent),
        packs=parent.packs if isinstance(parent, ComposedParent) else (),
        start=None if start is None else start.manifest.identity,
        source_vocabulary_size=len(child.source), target_vocabulary_size=len(child.target),
        special_ids={side: vocabulary.special for side, vocabulary in vocabularies.items()},
        frames=_frames(child, vocabularies), licence=licence or "unspecified", created=utc_now(),
        training=dict(training or {}), data=dict(data or {}), scores=tuple(scores),
        added=tuple(str(each) for each in strategy.assigned if each.method.modules), tensors=records,
    )  # fmt: skip
    return Pack(manifest, tensors, vocabularies)


def _frames(child: Child, vocabularies: Mapping[Side, Vocabulary]) -> dict[Side, FrameRecord]:
    frames: dict[Side, FrameRecord] = {}
    for side, vocabulary in vocabularies.items():
        start = effective_setting(child.model, "decoder_start_token_id") if side == "target" else None
        if start in vars(vocabulary.special).values():  # recorded as a special id; else a language code
            start = None
        if start is not None or not vocabulary.has_usual_frame:
            frame = vocabulary.frame
            frames[side] = FrameRecord(before=frame.before, after=frame.after, start=start)
    return frames


def identity(parent: Parent) -> ParentIdentity:
    """The identity of a parent, as recorded in packs; of a composed one, that of the original."""
    if isinstance(parent, ComposedParent):
        return parent.original
    return ParentIdentity(
        name=parent.name, fingerprint=parent.fingerprint(),
        source_language=parent.source_language, target_language=parent.target_language,
        source_vocabulary_size=len(parent.source), target_vocabulary_size=len(parent.target),
        source_vocabulary_fingerprint=parent.source.fingerprint,
        target_vocabulary_fingerprint=parent.target.fingerprint, prefix=parent.prefix,
    )  # fmt: skip


def apply_packs(parent: Parent, packs: Sequence[Pack]) -> Child:
    """The child of a parent and one pack, of a source pack and a target pack (zero-shot), or of these two and
    their pair pack.

    Of two packs, in either order, the source pack gives the source embeddings, the target pack the target
    embeddings, cross-attention and the decoder. Their changes of the encoder are added to each other (task
    arithmetic, Ilharco et al. 2023, https://arxiv.org/abs/2212.04089). A pair pack then changes what the two
    compose. Whole tensors in the child's types are not copied. New ones are made of compact forms and shorter
    numbers (see :func:`expanded`), and of encoders that both packs changed.

    Args:
        parent: if it is a :class:`ComposedParent`, ``packs`` is one of its pair packs.

    Source: Gheini, Ren & May 2021, section 5.2.

    Raises:
        PackError: a pack was made for another parent or does not fit it, or the packs do not compose.
        VocabularyError: a new vocabulary has a padding id that this model family does not support.
    """
    if not packs:
        raise PackError("no pack was given; expected one, or one for each side")
    for pack in packs:
        check_fit(pack.manifest, parent)
    if isinstance(parent, ComposedParent):
        if len(packs) > 1:
            raise PackError(f"{len(packs)} pair packs are given for {parent.name}; expected one")
        languages: dict[Side, str] = {"source": parent.source_language, "target": parent.target_language}
        return _grafted(parent, _fit(parent, packs[0]), {}, languages)
    parts = _parts(parent, packs)
    return _grafted(parent, parts.fitted, parts.new, parts.languages)


def exchanged(parent: Parent, parts: Mapping[Group, Sequence[Pack]]) -> Child:
    """A child of which each group of tensors is that of another child, to measure what depends on which part.

    Args:
        parts: for each of the five groups, the packs of the child that gives it, as for :func:`apply_packs`;
            none for the parent's own. Embeddings come with their vocabulary and language.

    Raises:
        PackError: as in :func:`apply_packs`.
        VocabularyError: likewise.
    """
    found: dict[tuple[int, ...], _Parts] = {}
    fitted: list[tuple[_Place, torch.Tensor]] = []
    new: dict[Side, NewSide] = {}
    languages: dict[Side, str] = {"source": parent.source_language, "target": parent.target_language}
    for group, packs in parts.items():
        if not packs:
            continue
        key = tuple(map(id, packs))
        if key not in found:
            for pack in packs:
                check_fit(pack.manifest, parent)
            found[key] = _parts(parent, packs)
        given = found[key]
        fitted += [(place, tensor) for place, tensor in given.fitted if place.group == group]
        if (side := SIDE_OF_GROUP.get(group)) is not None:
            languages[side] = given.languages[side]
            if side in given.new:
                new[side] = given.new[side]
    return _grafted(parent, fitted, new, languages)


@dataclass(frozen=True)
class _Parts:
    """What packs change of their parent: tensors and their places, new sides, and the child's languages."""

    fitted: list[tuple[_Place, torch.Tensor]]
    new: dict[Side, NewSide]
    languages: dict[Side, str]


def _parts(parent: Parent, packs: Sequence[Pack]) -> _Parts:
    """Parts of the child of one pack, of a source pack and a target pack, or of these and their pair pack.

    Raises:
        PackError: the packs do not compose, or one does not fit.
    """
    check_composition([pack.manifest for pack in packs])
    *ordered, last = sorted(packs, key=_place)
    pair = last if last.manifest.packs else None
    ordered += [] if pair else [last]
    source, target = ordered[0], ordered[-1]
    fitted = _fit(parent, target)
    if source is not target:
        fitted = _merged(parent, _fit(parent, source), fitted)
    new: dict[Side, NewSide] = {}
    for pack in ordered:
        for side, vocabulary in pack.vocabularies.items():
            frame, language = pack.manifest.frames.get(side), getattr(pack.manifest, f"{side}_language")
            new[side] = NewSide(language, vocabulary, None if frame is None else frame.start)
    languages: dict[Side, str] = {
        "source": source.manifest.source_language,
        "target": target.manifest.target_language,
    }
    if pair is None:
        return _Parts(fitted, new, languages)
    child = _grafted(parent, fitted, new, languages)
    changed = _fit(_composed(parent, child, ordered), pair)
    taken = {place.names: (place, tensor) for place, tensor in (*fitted, *changed)}
    return _Parts(list(taken.values()), new, languages)


def plan_of_pack(parent: Parent, pack: Pack) -> Plan:
    """What is trained if a pack is trained further; see :func:`child_to_train`."""
    plan = child_to_train(parent, pack).plan
    if plan is None:
        raise PackError(f"pack {pack.manifest.name!r} has no plan")
    return plan


def child_to_train(parent: Parent, pack: Pack, *, seed: int = 1) -> Child:
    """The child of a pack, ready to be trained further by the pack's own strategy.

    Args:
        parent: for a pair pack, the :class:`ComposedParent` of its two packs.
        seed: of values that the pack then replaces; matters to methods that draw random numbers.

    Raises:
        PackError: the pack does not fit the parent, or its tensors are not those of its strategy.
        StrategyError: the strategy does not fit the model.
    """
    manifest = pack.manifest
    check_fit(manifest, parent)
    faults = Faults(f"pack {manifest.name!r} cannot be trained further")
    new: dict[Side, NewSide] = {}
    appended = {
        place.axis[0]
        for place in _places(parent, manifest, faults).values()
        if place.axis is not None and isinstance(pack.form(place.names[0]), Slices)
    }
    for side, vocabulary in pack.vocabularies.items():
        frame, language = manifest.frames.get(side), getattr(manifest, f"{side}_language")
        old = parent.source if side == "source" else parent.target
        rows = parent_rows(vocabulary, old) if side in appended else None
        new[side] = NewSide(language, vocabulary, None if frame is None else frame.start, parent_rows=rows)
    languages: dict[Side, str | None] = {
        "source": manifest.source_language,
        "target": manifest.target_language,
    }
    child = make_child(parent, parse_strategy(manifest.strategy), new, languages=languages, seed=seed)
    child.restore(_in_planned_forms(parent, pack, child, faults))
    return child


def _in_planned_forms(parent: Parent, pack: Pack, child: Child, faults: Faults) -> dict[str, torch.Tensor]:
    """A pack's tensors in the forms in which a child of its strategy trains them."""
    planned = {} if child.plan is None else {each.name: each.form for each in child.plan.changed}
    if different := sorted(planned.keys() ^ (pack.tensors.keys() - pack.manifest.scale_names)):
        faults.add(
            f"its strategy {pack.manifest.strategy} and its tensors differ in {', '.join(different)}; "
            "expected a pack with the tensors of its strategy"
        )
    faults.raise_as(PackError)
    whole = {}
    if any(form is None and pack.form(name) for name, form in planned.items()):
        whole = expanded(parent, pack).tensors
    tensors = {}
    for name, form in planned.items():
        if pack.form(name) == form:
            tensors[name] = pack.decoded(name)
        elif form is None:  # compressed after training
            tensors[name] = whole[name]
        else:
            faults.add(f"{name} was compressed to another rank; start from the pack before it was compressed")
    faults.raise_as(PackError)
    return tensors


def start_of(parent: Parent, packs: Sequence[Pack]) -> tuple[Parent, Pack | None]:
    """What training starts from: a parent, and the pack on it that is trained further, if there is one.

    Args:
        packs: none; a pack to train further; a source pack and a target pack, on whose composition a pair
            pack is trained; or these two and their pair pack, which is trained further. On a
            :class:`ComposedParent`, none or its pair pack.

    Raises:
        PackError: the packs do not make one model, or do not fit the parent.
    """
    if isinstance(parent, ComposedParent):
        for pack in packs:
            check_fit(pack.manifest, parent)
        if len(packs) > 1:
            raise PackError(f"{len(packs)} pair packs are given for {parent.name}; expected one at most")
        return parent, next(iter(packs), None)
    if packs:
        check_composition([each.manifest for each in packs])
    ordered = sorted(packs, key=_place)
    if len(ordered) < 2:
        for pack in ordered:
            check_fit(pack.manifest, parent)
        return parent, next(iter(ordered), None)
    composed = composed_parent(parent, ordered[:2])
    pair = ordered[2] if len(ordered) == 3 else None
    if pair is not None:
        check_fit(pair.manifest, composed)
    return composed, pair


def _merged(
    parent: Parent,
    of_source: Sequence[tuple[_Place, torch.Tensor]],
    of_target: Sequence[tuple[_Place, torch.Tensor]],
) -> list[tuple[_Place, torch.Tensor]]:
    """What a composed child takes from a source pack and a target pack."""
    merged = {place.names: (place, tensor) for place, tensor in of_target if place.group != "src"}
    for place, tensor in of_source:
        # What encoder and decoder share is the target pack's.
        if not all(parent.anatomy.groups.get(name, place.group) in ("src", "enc") for name in place.names):
            continue
        if place.names in merged and place.original is not None:
            change = merged[place.names][1] - place.original.detach().to(tensor.dtype)
            tensor = tensor + change
        merged[place.names] = (place, tensor)
    return list(merged.values())


def expanded(parent: Parent, pack: Pack) -> Pack:
    """The same pack with whole tensors in the child's types, which all models made of it then share.

    Otherwise every model expands compact forms and shorter numbers anew.

    Args:
        parent: for a pair pack, the :class:`ComposedParent` of its two packs.

    Raises:
        PackError: the pack was made for another parent or does not fit it.
    """
    check_fit(pack.manifest, parent)
    tensors = {place.names[0]: tensor for place, tensor in _fit(parent, pack)}
    records = {
        name: TensorRecord(shape=tuple(tensor.shape), dtype=dtype_name(tensor.dtype))
        for name, tensor in tensors.items()
    }
    return Pack(pack.manifest.changed(tensors=records), tensors, pack.vocabularies, pack.folder)


def plug_back(parent: Parent, pack: Pack) -> Child:
    """A child's body with its parent's embeddings, to measure how much of the parent's pair it forgot.

    Source: Gheini, Ren & May 2021, section 5.1.

    Raises:
        PackError: the pack was made for another parent or does not fit it, or is a pair pack.
    """
    check_parent(pack.manifest, parent)
    if pack.manifest.packs:
        raise PackError(f"{pack.manifest.name!r} is a pair pack, which changes no child of the parent's pair")
    body = [(place, tensor) for place, tensor in _fit(parent, pack) if place.group not in EMBEDDINGS]
    return _grafted(parent, body, {}, {"source": parent.source_language, "target": parent.target_language})


def _grafted(
    parent: Parent,
    fitted: Sequence[tuple[_Place, torch.Tensor]],
    new: Mapping[Side, NewSide],
    languages: Mapping[Side, str],
) -> Child:
    added: dict[Method, dict[str, torch.Tensor]] = {}
    for place, tensor in fitted:
        if place.method is not None:
            added.setdefault(place.method, {})[place.names[0]] = tensor
    plain = {place.names: tensor for place, tensor in fitted if place.method is None}
    return graft(parent, plain, new, languages, added)


@dataclass(frozen=True)
class _Place:
    """A tensor of the child that a pack may hold.

    Attributes:
        names: all its names; the pack uses the first.
        shape: in the child.
        original: the parent's tensor; None if a method adds it.
        axis: side and axis of the vocabulary if that side is replaced; the pack must then hold the tensor.
        method: the method that adds it, or None.
    """

    names: tuple[str, ...]
    group: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    original: torch.Tensor | None = None
    axis: tuple[Side, int] | None = None
    method: Method | None = None


def _fit(parent: Parent, pack: Pack) -> list[tuple[_Place, torch.Tensor]]:
    """Expands the pack's tensors and finds their places; checks that all fit and none is missing."""
    manifest = pack.manifest
    faults = Faults(f"pack {manifest.name!r} does not fit its parent")
    if set(pack.vocabularies) != set(manifest.renewed):
        faults.add(
            f"it has vocabularies for {sorted(pack.vocabularies)}, "
            f"expected for the replaced sides {sorted(manifest.renewed)}"
        )
    places = _places(parent, manifest, faults)
    fitted = []
    for name in sorted(pack.tensors.keys() - manifest.scale_names):
        if name not in places:
            faults.add(f"it has a tensor {name!r}, but the parent's model has no tensor of that name")
        elif name in parent.anatomy.constant and places[name].axis is None:
            faults.add(f"{name} is a constant of the model, which packs may not replace")
        else:
            with faults.catch(PackError):
                fitted.append((places[name], _whole_tensor(parent, pack, places[name])))
    for name, place in places.items():
        if name in pack.tensors:
            continue
        if place.axis is not None:
            faults.add(f"it lacks {name!r}, which a new {' and '.join(manifest.renewed)} vocabulary needs")
        elif place.method is not None:
            faults.add(f"it lacks {name!r}, which {' and '.join(manifest.added)} need")
    faults.raise_as(PackError)
    return fitted


def _places(parent: Parent, manifest: Manifest, faults: Faults) -> dict[str, _Place]:
    """All tensors of the child by name, including those of added modules."""
    places = {}
    for names, group, original in child_tensors(parent.model, parent.anatomy, manifest.renewed):
        shape, axis = list(original.shape), vocabulary_axis(parent.anatomy, names)
        if axis is not None and axis[0] in manifest.renewed:
            shape[axis[1]] = manifest.vocabulary_size(axis[0])
        else:
            axis = None
        places[names[0]] = _Place(
            names, group, parent.type_of(names[0], original), tuple(shape), original, axis
        )
    dtype = added_type(parent.model)
    for text in manifest.added:
        with faults.catch(StrategyError):
            assigned = parse_method(text)
            planned = assigned.method.plan(parent.model, parent.anatomy, assigned.groups)
            for name, treatment in planned.items():
                places[name] = _Place(
                    (name,), treatment.group, dtype, treatment.added_shape or (), method=assigned.method
                )
    return places


def _whole_tensor(parent: Parent, pack: Pack, place: _Place) -> torch.Tensor:
    """A pack's tensor, expanded, on the parent's device.

    Raises:
        PackError: it does not fit its place.
    """
    name, form = place.names[0], pack.form(place.names[0])
    tensor = pack.decoded(name).to(parent.model.device if place.original is None else place.original.device)
    if form is not None and form.shape != place.shape:
        raise PackError(
            f"the form of {name} is for the shape {list(form.shape)}, expected {list(place.shape)}"
        )
    shape = place.shape if form is None else form.stored_shape
    if (tuple(tensor.shape), tensor.dtype) != (shape, place.dtype):
        raise PackError(
            f"{name} is {tensor.dtype} of shape {list(tensor.shape)}, expected {place.dtype} of {list(shape)}"
        )
    if form is None:
        return tensor
    if place.original is None:
        raise PackError(f"{name} belongs to an added module, so it cannot have a form; store it whole")
    original = place.original.detach().to(tensor.dtype)  # the parent may be held in a lower precision
    if place.axis is not None:
        original = _with_parent_rows(parent, pack, place.axis, name, form, original)
    return form.applied(original, tensor)


def _with_parent_rows(
    parent: Parent, pack: Pack, axis: tuple[Side, int], name: str, form: Form, original: torch.Tensor
) -> torch.Tensor:
    """The parent's slices for the pieces of a pack's vocabulary, with zeros for new pieces.

    Raises:
        PackError: the pack's tensor does not hold exactly the slices of the new pieces.
    """
    side, along = axis
    if not isinstance(form, Slices) or side not in pack.vocabularies:
        raise PackError(f"{name} belongs to a replaced side, so its form must be slices or none")
    rows = parent_rows(pack.vocabularies[side], parent.source if side == "source" else parent.target)
    if (along, new_rows(rows)) != (form.axis, tuple(form.indices)):
        raise PackError(f"the slices in {name} do not match the pieces that the parent lacks")
    return joined(original, along, rows)
