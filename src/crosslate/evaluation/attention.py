"""Cross-attention: collect it from a model, its entropy, its change in training, and word alignment.

Weights of a sentence are ``(..., target, source)``: the row of a target piece is the step that predicts it,
and every row sums to 1 over the source pieces.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy
import torch
from torch.nn.utils.rnn import pad_sequence

from crosslate.engines.generation import Generation, TranslationModel
from crosslate.errors import ParentError
from crosslate.languages.words import UNSPACED, are_joined
from crosslate.models.tensors import evaluating, named_tensors
from crosslate.text.segmenters import WORD_START
from crosslate.training.cpu import eager_attention

if TYPE_CHECKING:
    from crosslate.models.anatomy.anatomy import Anatomy
    from crosslate.models.child import Child
    from crosslate.models.parent import Parent
    from crosslate.text.vocabularies import Vocabulary

BATCH_TOKENS = 1024
"""Source and target tokens per batch, with padding; logits of large vocabularies take most of the memory."""

_ROLES = ("q", "k", "v", "o")


@dataclass(frozen=True)
class SentenceAttention:
    """The cross-attention of one pair; the end of the sentence is a piece of each side.

    Attributes:
        index: of the pair.
        source: source pieces.
        target: predicted pieces.
        weights: ``(layers, heads, target, source)`` float32: attention at the step that predicts a piece.
    """

    index: int
    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: numpy.ndarray


def attend(
    model: TranslationModel, anatomy: Anatomy, pairs: Sequence[tuple[str, str]]
) -> list[SentenceAttention]:
    """Collects cross-attention with the target forced, without dropout; the model is not changed.

    Args:
        anatomy: of the model's parent; gives the expected numbers of layers and heads.

    Returns:
        One entry per pair, in order, except pairs that are empty or longer than the model's positions.

    Raises:
        ParentError: the model does not return weights of that shape that sum to 1.
        EngineError: the model does not specify its decoder's start token.
    """
    facts = Generation.of(model)
    # A forced first piece outside the target's frame takes a step that predicts no target piece.
    start = [facts.start]
    if facts.forced_first is not None and facts.forced_first not in model.target.frame.before:
        start.append(facts.forced_first)
    sources = model.source.encode_batch([one for one, _ in pairs])
    targets = model.target.encode_batch([other for _, other in pairs])
    rows = [
        (index, source, target)
        for index, (source, target) in enumerate(zip(sources, targets))
        if model.source.num_frame_ids < len(source) <= facts.max_source_tokens
        and model.target.num_frame_ids < len(target) <= facts.max_target_tokens - len(start) + 1
    ]
    found: list[SentenceAttention] = []
    with evaluating(model.model), torch.inference_mode(), eager_attention(model.model):
        for batch in _batches(rows):
            layers = _forward(model, batch, start)
            _check(layers, anatomy)
            for row, (index, source, target) in enumerate(batch):
                steps = slice(len(start) - 1, len(start) - 1 + len(target))
                weights = torch.stack([layer[row, :, steps, : len(source)] for layer in layers])
                source_pieces = tuple(model.source.marked_pieces[each] for each in source)
                target_pieces = tuple(model.target.marked_pieces[each] for each in target)
                numbers = weights.float().cpu().numpy()
                found.append(SentenceAttention(index, source_pieces, target_pieces, numbers))
    return sorted(found, key=lambda each: each.index)


Row = tuple[int, list[int], list[int]]


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Batches of pairs of similar length."""
    batch: list[Row] = []
    for row in sorted(rows, key=_num_tokens):
        if batch and _num_tokens(row) * (len(batch) + 1) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _num_tokens(row: Row) -> int:
    return len(row[1]) + len(row[2])


def _forward(model: TranslationModel, batch: Sequence[Row], start: Sequence[int]) -> Sequence[Any]:
    """Cross-attention weights ``(rows, heads, target, source)`` of every layer."""
    device = next(model.model.parameters()).device
    sources = _padded([source for _, source, _ in batch], model.source.special.pad)
    inputs = _padded([[*start, *target[:-1]] for _, _, target in batch], model.target.special.pad)
    lengths = torch.tensor([len(source) for _, source, _ in batch])
    mask = (torch.arange(sources.shape[1])[None] < lengths[:, None]).long()
    output = model.model(
        input_ids=sources.to(device), attention_mask=mask.to(device), decoder_input_ids=inputs.to(device),
        output_attentions=True, use_cache=False, return_dict=True,
    )  # fmt: skip
    return getattr(output, "cross_attentions", None) or ()


def _padded(rows: Sequence[Sequence[int]], pad: int) -> torch.Tensor:
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=pad)


def _check(weights: Sequence[Any], anatomy: Anatomy) -> None:
    num_layers = len(set(anatomy.layers.values()))

    def is_right(layer: torch.Tensor | None) -> bool:
        if layer is None or layer.dim() != 4 or layer.shape[1] != anatomy.heads:
            return False
        # Some families return scores before the softmax.
        return bool((layer.sum(dim=-1) - 1).abs().max() <= 1e-2 and layer.min() >= 0)

    if len(weights) != num_layers or not all(map(is_right, weights)):
        shapes = [None if layer is None else tuple(layer.shape) for layer in weights]
        raise ParentError(
            f"this model family does not return its cross-attention: expected weights that sum to 1 of "
            f"{num_layers} layers with {anatomy.heads} heads, found {shapes or 'none'}; leave out the "
            "analysis `attention`"
        )


def entropies(weights: numpy.ndarray) -> numpy.ndarray:
    """Entropy in nats of every distribution along the last axis ``(..., source)``."""
    weights = numpy.asarray(weights, dtype=numpy.float64)
    logs = numpy.log(weights, out=numpy.zeros_like(weights), where=weights > 0)
    return -(weights * logs).sum(axis=-1)


def head_changes(child: Parent | Child, parent: Parent) -> dict[str, list[list[float]]]:
    """The change of a child's cross-attention from its parent's, for each head.

    Args:
        child: made from packs (trained slices have other names during training).

    Returns:
        By projection (``q``, ``k``, ``v``, ``o``), layer and head: the Frobenius norm of the change of the
        head's rows of q, k and v or columns of o, divided by the parent's norm. 0 means no change, about 1.4
        unrelated matrices of equal size. Projections without a slice per head (fused or shared keys and
        values) are left out.

    Raises:
        ParentError: no projection has a slice for each head.
    """
    anatomy = parent.anatomy
    ours, theirs = dict(named_tensors(child.model)), dict(named_tensors(parent.model))
    changes: dict[str, dict[int, list[float]]] = {}
    for name, axis in anatomy.head_axis.items():
        role = anatomy.projections.get(name)
        if role is not None and theirs[name].dim() == 2:
            one, other = (tensors[name].detach().double().cpu().numpy() for tensors in (ours, theirs))
            moved, whole = (
                numpy.linalg.norm(numpy.split(each, anatomy.heads, axis=axis), axis=(1, 2))
                for each in (one - other, other)
            )
            shares = moved / numpy.maximum(whole, numpy.finfo(numpy.float64).tiny)
            changes.setdefault(role, {})[anatomy.layers[name]] = shares.round(4).tolist()
    if not changes:
        raise ParentError(
            "no cross-attention projection of this model has a slice for each head; leave out the analysis "
            "`attention`"
        )
    return {
        role: [changes[role][layer] for layer in sorted(changes[role])] for role in _ROLES if role in changes
    }


@dataclass(frozen=True)
class Word:
    """A word of a sentence, without its word-start mark, and the positions of its pieces."""

    text: str
    rows: tuple[int, ...]


def words_of(pieces: Sequence[str], special: Collection[str] = ()) -> list[Word]:
    """Merges pieces into words; a word-start mark begins a word, and punctuation is a separate word.

    In scripts without spaces, every piece is a word, unless it begins inside what is read as one.

    Args:
        special: pieces without text (end of sentence, language codes), which are in no word.
    """
    words: list[Word] = []
    is_open = False
    for row, piece in enumerate(pieces):
        if piece in special:
            is_open = False
            continue
        text = piece.removeprefix(WORD_START)
        # By category, since vowel signs of Indic scripts are neither letters nor punctuation.
        is_punctuation = bool(text) and all(unicodedata.category(each)[0] in "PS" for each in text)
        if is_open and text == piece and not is_punctuation and _goes_on(words[-1].text, text):
            words[-1] = Word(words[-1].text + text, (*words[-1].rows, row))
        else:
            words.append(Word(text, (row,)))
        is_open = not is_punctuation
    return [word for word in words if word.text]


def _goes_on(word: str, piece: str) -> bool:
    """Whether a piece without a word-start mark belongs to the word before it."""
    if not word or not piece or are_joined(word[-1], piece[0]):
        return True
    return not (UNSPACED.match(word[-1]) or UNSPACED.match(piece))


def align_words(
    weights: numpy.ndarray, target: Sequence[Word], source: Sequence[Word]
) -> list[tuple[int, int]]:
    """The source word with the most attention from each target word; ties go to the first.

    A target word's attention is the mean over its pieces, a source word's the sum over its pieces. Attention
    outside words, such as on the end of the sentence, is ignored.

    Args:
        weights: ``(target pieces, source pieces)``, the mean over the heads of one layer.

    Source: Garg et al. 2019, "Jointly Learning to Align and Translate with Transformer Models", section 4.1.
    """
    if not source:
        return []
    links = []
    for index, word in enumerate(target):
        looked = weights[list(word.rows)].mean(axis=0)
        links.append((index, int(numpy.argmax([looked[list(each.rows)].sum() for each in source]))))
    return links


def linked_words(
    found: SentenceAttention, model: TranslationModel, layer: int
) -> tuple[list[tuple[int, int]], list[Word], list[Word]]:
    """Word links of one pair by the mean over a layer's heads, with its target and source words."""
    target = words_of(found.target, silent_pieces(model.target))
    source = words_of(found.source, silent_pieces(model.source))
    return align_words(found.weights[layer].mean(axis=0), target, source), target, source


def silent_pieces(vocabulary: Vocabulary) -> set[str]:
    """Pieces without text; the unknown piece counts as text."""
    return {vocabulary.marked_pieces[index] for index in vocabulary.silent}


def alignment_layer(num_layers: int) -> int:
    """The layer (from 0) for alignments: the second to last of three or more, else the last.

    Garg et al. found the second to last of six to align best. With two layers that would be the first, whose
    queries have not seen the source: on the phrasebook it aligns 41 % of the words, the second 94 %.
    """
    return num_layers - 2 if num_layers > 2 else num_layers - 1


def score_alignment(
    links: Sequence[tuple[int, int]],
    target: Sequence[Word],
    source: Sequence[Word],
    dictionary: Mapping[str, Collection[str]],
) -> tuple[int, int, float]:
    """Checks links with a dictionary of source words by target word, in lower case.

    Returns:
        The number of target words linked to a translation, the number with a translation in the source
        sentence, and the number expected to be right by chance.
    """
    spelt = [word.text.lower() for word in source]
    right, tested, chance = 0, 0, 0.0
    for index, linked in links:
        known = dictionary.get(target[index].text.lower(), ())
        num_right = sum(word in known for word in spelt)
        if num_right:
            right += spelt[linked] in known
            tested += 1
            chance += num_right / len(spelt)
    return right, tested, chance
