"""A parent with fewer pieces: rows of a shared vocabulary that a pair never uses are left out."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from crosslate.errors import ParentError
from crosslate.models.anatomy import named_tensors
from crosslate.models.parent import Parent
from crosslate.models.plan import vocabulary_axis
from crosslate.models.sides import describe_vocabularies, set_tensor


def trim_parent(parent: Parent, lines: Iterable[str], name: str = "") -> Parent:
    """A copy of a parent whose one vocabulary is cut to the pieces that a text uses.

    All that stays keeps its values, so on text of the kept pieces both compute the same, but for the
    softmax over fewer pieces. The special pieces stay; the order of ids, too.

    Args:
        parent: its two sides share one vocabulary; it is not altered.
        lines: text of both sides of a pair.
        name: of the new parent.

    Raises:
        ParentError: the two sides have different vocabularies.

    Source: Gheini, Ren & May 2021, section 3.1 (mBART's vocabulary, trimmed to the child's).
    """
    if not parent.source.has_pieces_of(parent.target):
        raise ParentError(f"{parent.name} has two vocabularies; only one that both sides share is trimmed")
    used = {*parent.source.silent, *parent.target.silent, *_decoding_ids(parent).values()}
    for line in lines:
        used.update(parent.source.encode(line))
    source, kept = parent.source.restricted(used)
    target, _ = parent.target.restricted(kept)
    model = copy.deepcopy(parent.model)
    anatomy = parent.anatomy
    names_of: dict[int, list[str]] = {}
    tensors = dict(named_tensors(model))
    for each, tensor in tensors.items():
        names_of.setdefault(id(tensor), []).append(each)
    rows = torch.tensor(kept, device=model.device)
    for names in names_of.values():
        if axis := vocabulary_axis(anatomy, names):
            old = tensors[names[0]]
            new = old.detach().index_select(axis[1], rows)
            is_parameter = isinstance(old, nn.Parameter)
            set_tensor(model, names, nn.Parameter(new, requires_grad=False) if is_parameter else new)
    is_tied = getattr(model.config, "share_encoder_decoder_embeddings", None)
    describe_vocabularies(model, anatomy, {"source": source, "target": target})
    _keep_decoding(model, parent, {old: new for new, old in enumerate(kept)})
    if is_tied is not None:  # it says that renewed sides differ, which these do not
        model.config.share_encoder_decoder_embeddings = is_tied
    languages = (parent.source_language, parent.target_language)
    return Parent(model, source, target, *languages, name=name or parent.name, is_marian=parent.is_marian)


def _keep_decoding(model: Any, parent: Parent, new_ids: Mapping[int, int]) -> None:
    """Where decoding starts, and what comes first, is what it was: the same pieces under their new ids."""
    for (config, name), old in _decoding_ids(parent).items():
        setattr(getattr(model, config), name, new_ids[old])


def _decoding_ids(parent: Parent) -> dict[tuple[str, str], int]:
    """Ids by configuration and setting."""
    places = itertools.product(
        ("config", "generation_config"), ("decoder_start_token_id", "forced_bos_token_id")
    )
    found = {place: getattr(getattr(parent.model, place[0]), place[1], None) for place in places}
    return {place: index for place, index in found.items() if index is not None}
