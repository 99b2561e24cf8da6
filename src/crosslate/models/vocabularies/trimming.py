"""A parent with fewer pieces: rows of a shared vocabulary that a pair never uses are left out."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import torch

from crosslate.errors import ParentError
from crosslate.models.parent import Parent
from crosslate.models.plan import vocabulary_axis
from crosslate.models.sides import describe_vocabularies
from crosslate.models.tensors import distinct_tensors, set_tensor, unsaved_names
from crosslate.models.vocabularies.conventions import CONVENTIONS, known_codes, task_prefixes
from crosslate.text.smaller_segmenters import completed, reduced, scripts_of
from crosslate.text.vocabularies import Vocabulary


def trim_parent(parent: Parent, lines: Iterable[str], name: str = "") -> Parent:
    """A copy of a parent whose one vocabulary is cut to the pieces that a text uses.

    All that stays keeps its values, so on text of the kept pieces both compute the same, but for the
    softmax over fewer pieces. The special pieces stay; the order of ids, too. Text is segmented as before, so
    a word that needs a piece that is gone has an unknown piece; see :func:`trim_to_languages`.

    Args:
        parent: its two sides share one vocabulary; it is not altered.

    Raises:
        ParentError: the two sides have different vocabularies.

    Source: Gheini, Ren & May 2021, section 3.1 (mBART's vocabulary, trimmed to the child's).
    """
    if not parent.source.has_pieces_of(parent.target):
        raise ParentError(f"{parent.name} has two vocabularies; only one that both sides share is trimmed")
    used = _needed_ids(parent)
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
    prefixes = [*task_prefixes(parent.model.config).values(), parent.source.frame.text]
    pieces = parent.source.pieces
    codes = {piece for each in CONVENTIONS.values() for piece in known_codes(each, pieces).values()}
    wanted: set[str] = set()
    for side, count in zip(sides, counts, strict=True):
        used = {piece for piece, number in count.items() if number >= min_occurrences}
        used.update(piece for prefix in prefixes for piece in side.segmenter.split(prefix))
        used.update(codes.intersection(side.segmenter.pieces))
        wanted |= completed(side.segmenter, used, scripts)
    given = set().union(*(side.segmenter.pieces for side in sides))
    found = {row for row, piece in enumerate(parent.source.pieces) if piece in wanted or piece not in given}
    kept = sorted(found | _needed_ids(parent))
    source = _smaller(parent.source, wanted, kept)
    target = _smaller(parent.target, wanted, kept)
    if len(sides) == 1:
        target = source.framed(target.frame)
    return _with_rows(parent, source, target, kept, name)


def exact_dtype(model: Any) -> torch.dtype:
    """The smallest type of floating-point numbers that holds every saved parameter of a model as it is.

    Parents are loaded in float32; what a checkpoint in half precision held is found again by its values.
    """

    unsaved = unsaved_names(model)
    parameters = [
        each.detach()
        for name, each in model.named_parameters()
        if name not in unsaved and each.is_floating_point()
    ]
    for dtype in (torch.float16, torch.bfloat16):
        if all(torch.equal(each, each.to(dtype).to(each.dtype)) for each in parameters):
            return dtype
    return torch.float32


def _smaller(vocabulary: Vocabulary, wanted: Collection[str], kept: Sequence[int]) -> Vocabulary:
    """A vocabulary of the ids kept, cut by a segmenter without the other pieces.

    Pieces that a segmenter gives and that have no id, which are unknown, are wanted as well: they stay so.
    """
    fitting, _ = vocabulary.restricted(kept)
    segmenter = reduced(vocabulary.segmenter, {*wanted, *fitting.pieces})
    is_own = vocabulary.has_own_ids and segmenter.pieces == fitting.pieces
    pieces = None if is_own else fitting.pieces
    return Vocabulary(segmenter, pieces, fitting.special, fitting.frame, fitting.control)


def _with_rows(
    parent: Parent, source: Vocabulary, target: Vocabulary, kept: Sequence[int], name_of_new: str
) -> Parent:
    """A copy of a parent whose tables have the rows ``kept`` alone."""
    model: Any = copy.deepcopy(parent.model)
    rows = torch.tensor(kept, device=model.device)
    for name, aliases, old in distinct_tensors(model):
        if axis := vocabulary_axis(parent.anatomy, (name, *aliases)):
            set_tensor(model, (name, *aliases), old.detach().index_select(axis[1], rows))
    is_tied = getattr(model.config, "share_encoder_decoder_embeddings", None)
    describe_vocabularies(model, parent.anatomy, {"source": source, "target": target})
    new_ids = {old: new for new, old in enumerate(kept)}
    for (config, name), index in _decoding_ids(parent).items():  # the same pieces start, and come first
        setattr(getattr(model, config), name, new_ids[index])
    if is_tied is not None:  # it says that renewed sides differ, which these do not
        model.config.share_encoder_decoder_embeddings = is_tied
    trimmed = Parent(
        model, source, target, parent.source_language, parent.target_language,
        name=name_of_new or parent.name, is_marian=parent.is_marian,
    )  # fmt: skip
    trimmed.origin, trimmed.prefix = parent.folder, parent.prefix
    return trimmed


def _needed_ids(parent: Parent) -> set[int]:
    """Ids of special pieces, of frames, and what decoding needs."""
    needed = set(_decoding_ids(parent).values())
    for vocabulary in (parent.source, parent.target):
        frame = vocabulary.frame
        needed |= {*vocabulary.special.as_values().values(), *frame.before, *frame.after}
    return needed


def _decoding_ids(parent: Parent) -> dict[tuple[str, str], int]:
    """Where decoding starts and what comes first: ids by configuration and setting."""
    found = {}
    for config in ("config", "generation_config"):
        for name in ("decoder_start_token_id", "forced_bos_token_id"):
            if (index := getattr(getattr(parent.model, config), name, None)) is not None:
                found[config, name] = index
    return found
