"""Links between the words of sentences and of their translations, for the tags of a document to follow."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import accumulate
from typing import TYPE_CHECKING

from crosslate.documents.placement import Align, Links, or_in_proportion
from crosslate.evaluation.attention import Word, alignment_layer, attend, linked_words
from crosslate.languages.letter_case import in_sentence_case
from crosslate.models.child import Child

if TYPE_CHECKING:
    import numpy

    from crosslate.engines.generation import TranslationModel
    from crosslate.models.anatomy.anatomy import Anatomy
    from crosslate.models.parent import Parent
    from crosslate.text.vocabularies import Vocabulary

Words = Sequence[str]


def attention_align(model: Parent | Child, pairs: Sequence[tuple[str, str]]) -> Align:
    """Links of words for :meth:`crosslate.documents.document.Document.rebuild`.

    They are read from cross-attention in one pass over all pairs, with the translations forced, so it does
    not matter which engine made them. In a sentence that is too long for the model, words are linked by
    proportion.

    Args:
        model: what translated, or a model for the same pair of languages.
        pairs: sentences and their translations; those of segments with marks are enough.

    Raises:
        ParentError: the model gives no attention.
    """
    return or_in_proportion(attention_links(model, anatomy_of(model), pairs))


def anatomy_of(model: Parent | Child) -> Anatomy:
    """The anatomy of a parent, or of the parent that a child was made from."""
    return model.parent.anatomy if isinstance(model, Child) else model.anatomy


def attention_links(
    model: TranslationModel,
    anatomy: Anatomy,
    pairs: Sequence[tuple[str, str]],
    *,
    is_mutual: bool = False,
) -> Callable[[Words, Words], list[tuple[int, int]] | None]:
    """:func:`attention_align` with None for the links of a sentence that is too long for the model.

    Args:
        is_mutual: leave out the link of a word if another one attends more to the same source word, as a noun
            does that stands beside its article.
    """
    found = {}
    # Models know capitals throughout as badly here as in what they translate.
    ours, theirs = (cache(partial(_num_tokens, each)) for each in (model.source, model.target))
    read = [(in_sentence_case(one, "", ours), in_sentence_case(other, "", theirs)) for one, other in pairs]
    for each in attend(model, anatomy, read):
        layer = alignment_layer(each.weights.shape[0])
        links, target, source = linked_words(each, model, layer)
        if is_mutual:
            links = _strongest(links, each.weights[layer].mean(axis=0), target, source)
        cut = [word.text for word in target], [word.text for word in source]
        key = tuple("".join(text.split()) for text in pairs[each.index])
        found[key] = links, cut

    def linked(source: Words, target: Words) -> list[tuple[int, int]] | None:
        known = found.get(("".join(source), "".join(target)))
        return None if known is None else carried_links(*known, (target, source))

    return linked


def _strongest(
    links: Links, weights: numpy.ndarray, target: Sequence[Word], source: Sequence[Word]
) -> list[tuple[int, int]]:
    """Of the links to each source word, the one of the word that attends most to it.

    Args:
        weights: ``(target pieces, source pieces)``.
    """

    def attention(link: tuple[int, int]) -> float:
        rows, columns = target[link[0]].rows, source[link[1]].rows
        return float(weights[list(rows)].mean(axis=0)[list(columns)].sum())

    best: dict[int, tuple[int, int]] = {}
    for link in sorted(links, key=attention):
        best[link[1]] = link
    return sorted(best.values())


def _num_tokens(vocabulary: Vocabulary, word: str) -> int:
    return len(vocabulary.encode(word))


def carried_links(
    links: Links, cut: tuple[Words, Words], wanted: tuple[Words, Words]
) -> list[tuple[int, int]]:
    """Links between target and source words ``cut`` one way as links of the same texts cut another way."""
    target, source = (_overlaps(one, other) for one, other in zip(cut, wanted))
    return sorted({(a, b) for one, other in links for a in target[one] for b in source[other]})


def _overlaps(words: Words, others: Words) -> list[range]:
    """For each of ``words`` those of ``others`` that share a character with it."""
    ends = list(accumulate(map(len, others)))
    starts = [0, *ends[:-1]]
    result = []
    start = 0
    for word in words:
        end = start + len(word)
        result.append(range(bisect_right(ends, start), bisect_left(starts, end)))
        start = end
    return result
