"""A parent with fewer pieces: rows of a shared vocabulary that a pair never uses are left out."""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from crosslate.errors import ParentError
from crosslate.models.parent import Parent
from crosslate.models.plan import vocabulary_axis
from crosslate.models.sides import describe_vocabularies
from crosslate.models.tensors import named_tensors, set_tensor, unsaved_names
from crosslate.models.vocabularies.conventions import task_prefixes
from crosslate.text.smaller_segmenters import completed, reduced, scripts_of
from crosslate.text.vocabularies import Frame, SpecialIds, Vocabulary


def trim_parent(parent: Parent, lines: Iterable[str], name: str = "") -> Parent:
    """A copy of a parent whose one vocabulary is cut to the pieces that a text uses.

    All that stays keeps its values, so on text of the kept pieces both compute the same, but for the
    softmax over fewer pieces. The special pieces stay; the order of ids, too. Text is segmented as before, so
    a word that needs a piece that is gone has an unknown piece; see :func:`trim_to_languages`.

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
    return _with_rows(parent, source, target, kept, name)


def trim_to_languages(
    parent: Parent, lines: Iterable[str], *, min_occurrences: int = 1, name: str = ""
) -> Parent:
    """A copy of a parent of many languages with the pieces that text of some of them uses.

    Text whose pieces all stay is segmented and translated as before, but for the softmax over fewer pieces.
    A word that needs a piece that is gone is cut into smaller ones (families whose segmenters can be made
    smaller: SentencePiece, BPE, unigram). Codes of languages and special pieces stay, all of them: tokenizers
    number them, every pair of the languages kept needs two, and a row each is little. So do single
    characters, as :func:`crosslate.text.smaller_segmenters.completed` says, and task prefixes.

    Args:
        parent: its two sides share one table of pieces (their segmenters may differ, as in Marian); it is not
            altered.
        lines: text in the languages to keep, in any order.
        min_occurrences: pieces that occur fewer times are left out.
        name: of the new parent.

    Raises:
        ParentError: the two sides have different pieces, or the text is empty.
    """
    if (parent.source.pieces, parent.source.special) != (parent.target.pieces, parent.target.special):
        raise ParentError(f"{parent.name} has two vocabularies; only one that both sides share is trimmed")
    sides = [parent.source, parent.target]
    if parent.source.has_pieces_of(parent.target):
        sides = sides[:1]
    counts: list[Counter[str]] = [Counter() for _ in sides]
    scripts: set[str] = set()
    for line in lines:
        scripts |= scripts_of(line)
        for side, count in zip(sides, counts, strict=True):
            count.update(side.segmenter.split(line))
    if not any(counts):
        raise ParentError(f"no text was given to trim {parent.name} by; give some in the languages to keep")
    prefixes = task_prefixes(parent.model.config)
    wanted: set[str] = set()
    for side, count in zip(sides, counts, strict=True):
        used = {piece for piece, number in count.items() if number >= min_occurrences}
        used.update(piece for prefix in prefixes for piece in side.segmenter.split(prefix))
        wanted |= completed(side.segmenter, used, scripts)
    kept = _rows_of(parent, sides, wanted)
    source = _smaller(parent.source, wanted, kept)
    target = _smaller(parent.target, wanted, kept)
    if len(sides) == 1:
        target = source.framed(target.frame)
    return _with_rows(parent, source, target, kept, name)


def exact_dtype(model: Any) -> torch.dtype:
    """The smallest type of floating-point numbers that holds every saved parameter of a model as it is.

    Parents are loaded in float32; what a checkpoint in half precision held is found again by its values.
    """

    def is_exact(tensor: torch.Tensor, dtype: torch.dtype) -> bool:
        return bool(torch.equal(tensor, tensor.to(dtype).to(tensor.dtype)))

    unsaved = unsaved_names(model)
    parameters = [
        each.detach()
        for name, each in model.named_parameters()
        if name not in unsaved and each.is_floating_point()
    ]
    for dtype in (torch.float16, torch.bfloat16):
        if all(is_exact(each, dtype) for each in parameters):
            return dtype
    return torch.float32


def _rows_of(parent: Parent, sides: Sequence[Vocabulary], wanted: Collection[str]) -> list[int]:
    """Ids that stay: of wanted pieces, of all that no segmenter gives (codes), and what decoding needs."""
    given = set().union(*(side.segmenter.pieces for side in sides))
    special = [index for index in vars(parent.source.special).values() if index is not None]
    kept = {*special, *parent.source.silent, *parent.target.silent, *_decoding_ids(parent).values()}
    kept |= {row for row, piece in enumerate(parent.source.pieces) if piece in wanted or piece not in given}
    return sorted(kept)


def _smaller(vocabulary: Vocabulary, wanted: Collection[str], kept: Sequence[int]) -> Vocabulary:
    """A vocabulary of the ids kept, cut by a segmenter without the other pieces.

    Pieces that a segmenter gives and that have no id, which are unknown, are wanted as well: they stay so.
    """
    pieces = [vocabulary.pieces[row] for row in kept]
    segmenter = reduced(vocabulary.segmenter, {*wanted, *pieces})
    new_ids = {old: new for new, old in enumerate(kept)}
    special = SpecialIds(
        **{key: new_ids[index] for key, index in vars(vocabulary.special).items() if index is not None}
    )
    before, after = (
        tuple(new_ids[index] for index in ids) for ids in (vocabulary.frame.before, vocabulary.frame.after)
    )
    frame = Frame(before, after, vocabulary.frame.text)
    is_own = vocabulary.has_own_ids and segmenter.pieces == tuple(pieces)
    return Vocabulary(segmenter, None if is_own else pieces, special, frame)


def _with_rows(
    parent: Parent, source: Vocabulary, target: Vocabulary, kept: Sequence[int], name: str
) -> Parent:
    """A copy of a parent whose tables have the rows ``kept`` alone."""
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
    trimmed = Parent(model, source, target, *languages, name=name or parent.name, is_marian=parent.is_marian)
    trimmed.origin = parent.folder
    return trimmed


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
