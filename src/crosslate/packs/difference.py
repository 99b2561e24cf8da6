"""What differs between two packs: parent, strategy, vocabularies, tensors, scores and data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from crosslate.models.groups import SIDES
from crosslate.models.methods.forms import LowRank
from crosslate.packs.manifest import Manifest, ScoreRecord
from crosslate.packs.pack import Pack

if TYPE_CHECKING:
    import torch

_FACTS = ("name", "source_language", "target_language", "strategy", "licence", "created", "crosslate_version")
_TEXTS = ("train", "valid", "synthetic", "earlier", "earlier_valid", "annotated")


@dataclass(frozen=True)
class ChangedFact:
    """A fact of the manifests; None where a pack does not say it."""

    name: str
    first: Any
    second: Any


@dataclass(frozen=True)
class ChangedVocabulary:
    """A side's vocabulary; a size is None if the pack does not renew the side.

    Attributes:
        added: pieces that only the second has, in the order of their ids.
        removed: pieces that only the first has.
    """

    side: str
    first_size: int | None
    second_size: int | None
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ChangedTensor:
    """A tensor that differs.

    Attributes:
        relative_norm: Frobenius norm of the difference, as a share of the first's norm; of low-rank forms, of
            the products that are added to the parent's tensor. None if the two cannot be subtracted.
        reason: why they cannot.
    """

    name: str
    relative_norm: float | None
    reason: str = ""


@dataclass(frozen=True)
class ComparedScore:
    """A score of both packs, or of one; None where there is none.

    Attributes:
        is_comparable: whether both have it, with the same signature.
    """

    metric: str
    test_set: str
    first: float | None
    second: float | None
    is_comparable: bool


@dataclass(frozen=True)
class PackDifference:
    """The difference of two packs.

    Attributes:
        relation: how one came from the other; empty if the manifests say nothing of it.
        num_equal_tensors: tensors that are the same in both, to the bit.
        data: of texts whose content differs, their origin and number of pairs.
    """

    is_identical: bool
    relation: str
    facts: list[ChangedFact]
    vocabularies: list[ChangedVocabulary]
    num_equal_tensors: int
    added_tensors: list[str]
    removed_tensors: list[str]
    changed_tensors: list[ChangedTensor]
    scores: list[ComparedScore]
    data: list[ChangedFact]

    def to_values(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def pack_difference(first: Pack, second: Pack) -> PackDifference:
    """What differs between two packs, without their parents. They may be of different parents or pairs."""
    one, other = first.manifest, second.manifest
    names = [pack.tensors.keys() - pack.manifest.scale_names for pack in (first, second)]
    shared = sorted(names[0] & names[1])
    compared = [_changed_tensor(first, second, name) for name in shared]
    changed = [each for each in compared if each is not None]
    return PackDifference(
        is_identical=one.checksum == other.checksum,
        relation=_relation(one, other),
        facts=_facts(one, other),
        vocabularies=[found for side in SIDES if (found := _vocabulary(first, second, side))],
        num_equal_tensors=len(shared) - len(changed),
        added_tensors=sorted(names[1] - names[0]),
        removed_tensors=sorted(names[0] - names[1]),
        changed_tensors=changed,
        scores=_compared_scores(one.scores, other.scores),
        data=_data(one, other),
    )


def _relation(one: Manifest, other: Manifest) -> str:
    for start, end, words in (
        (one, other, "the second went on from the first"),
        (other, one, "the first went on from the second"),
    ):
        if end.start is not None and end.start.fingerprint == start.checksum:
            return words
    if one.start is not None and one.start == other.start:
        return f"both went on from {one.start}"
    return ""


def _facts(one: Manifest, other: Manifest) -> list[ChangedFact]:
    pairs = [(name, getattr(one, name), getattr(other, name)) for name in _FACTS]
    pairs.append(("parent", one.parent.name, other.parent.name))
    pairs.append(("parent's fingerprint", one.parent.fingerprint, other.parent.fingerprint))
    pairs.append(("pair of", [str(each) for each in one.packs], [str(each) for each in other.packs]))
    return [ChangedFact(*each) for each in pairs if each[1] != each[2]]


def _vocabulary(first: Pack, second: Pack, side: Any) -> ChangedVocabulary | None:
    one, other = first.vocabularies.get(side), second.vocabularies.get(side)
    if one == other:
        return None
    pieces = [() if each is None else each.pieces for each in (one, other)]
    known = [set(each) for each in pieces]
    first_size, second_size = (None if each is None else len(each) for each in (one, other))
    added = [piece for piece in pieces[1] if piece not in known[0]]
    removed = [piece for piece in pieces[0] if piece not in known[1]]
    return ChangedVocabulary(side, first_size, second_size, added, removed)


def _changed_tensor(first: Pack, second: Pack, name: str) -> ChangedTensor | None:
    """The difference of a tensor that both packs have; None if there is none."""
    forms = first.form(name), second.form(name)
    kinds = [None if form is None else form.kind for form in forms]
    if kinds[0] != kinds[1]:
        words = ["whole" if kind is None else kind for kind in kinds]
        return ChangedTensor(name, None, f"stored as {words[0]} and as {words[1]}")
    values = [_value(pack, name) for pack in (first, second)]
    one, other = values
    if one.shape != other.shape or (forms[0] != forms[1] and not isinstance(forms[0], LowRank)):
        shapes = [list(each.shape) for each in values]
        differ = f"shapes {shapes[0]} and {shapes[1]}" if shapes[0] != shapes[1] else "other slices"
        return ChangedTensor(name, None, differ)
    difference, norm = float((other - one).norm()), float(one.norm())
    if not difference:
        return None
    return ChangedTensor(name, difference / norm if norm else None, "" if norm else "the first is zero")


def _value(pack: Pack, name: str) -> torch.Tensor:
    """A stored tensor in float64; of a low-rank form, the product."""
    value, form = pack.decoded(name).double(), pack.form(name)
    if isinstance(form, LowRank):
        return form.combined(value.new_zeros(form.shape), value)
    return value


def _compared_scores(one: Sequence[ScoreRecord], other: Sequence[ScoreRecord]) -> list[ComparedScore]:
    # What was validation text of one may be earlier validation text of the other.
    first, second = (
        {(each.metric, each.test_set.removeprefix("earlier ")): each for each in scores}
        for scores in (one, other)
    )
    compared = []
    for key in dict.fromkeys((*first, *second)):
        found = first.get(key), second.get(key)
        before, after = (None if each is None else each.value for each in found)
        signatures = {None if each is None else each.signature for each in found}
        is_comparable = None not in found and len(signatures) == 1
        compared.append(ComparedScore(*key, before, after, is_comparable))
    return compared


def _data(one: Manifest, other: Manifest) -> list[ChangedFact]:
    changed = []
    for name in _TEXTS:
        records = [each.data.get(name) for each in (one, other)]
        known = [each if isinstance(each, dict) else {} for each in records]
        if known[0].get("sha256") != known[1].get("sha256"):
            said = [{key: each[key] for key in ("origin", "pairs") if key in each} or None for each in known]
            changed.append(ChangedFact(name, *said))
    return changed
