"""A parent with fewer pieces: rows of a shared vocabulary that a pair never uses are left out."""

from __future__ import annotations

import copy
from collections.abc import Iterable

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
    if parent.source != parent.target:
        raise ParentError(f"{parent.name} has two vocabularies; only one that both sides share is trimmed")
    whole = parent.source
    ids = {piece: index for index, piece in enumerate(whole.pieces)}
    used: set[int] = set()
    for line in lines:
        used.update(ids[piece] for piece in whole.encode_pieces(line))
    vocabulary, kept = whole.restricted(used)
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
    describe_vocabularies(model, anatomy, {"source": vocabulary, "target": vocabulary})
    if is_tied is not None:  # it says that renewed sides differ, which these do not
        model.config.share_encoder_decoder_embeddings = is_tied
    languages = (parent.source_language, parent.target_language)
    return Parent(model, vocabulary, vocabulary, *languages, name=name or parent.name)
