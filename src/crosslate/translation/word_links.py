"""Links between the words of sentences and of their translations, for the tags of a document to follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from crosslate.documents.placement import Align, carried_links, proportional_links
from crosslate.evaluation.attention import alignment_layer, attend, linked_words
from crosslate.models.child import Child

if TYPE_CHECKING:
    from crosslate.engines.generation import TranslationModel
    from crosslate.models.anatomy.anatomy import Anatomy
    from crosslate.models.parent import Parent

Words = tuple[str, ...]
Linked = Callable[[Sequence[str], Sequence[str]], "list[tuple[int, int]] | None"]
"""As :data:`crosslate.documents.placement.Align`; None for a pair of which nothing is known."""


def attention_align(model: Parent | Child, pairs: Sequence[tuple[str, str]]) -> Align:
    """What :meth:`crosslate.documents.document.Document.rebuild` asks for the links of words.

    The links are read from cross-attention in one pass over all pairs, with the translations forced, so it
    does not matter which engine made them. Of a sentence that is too long for the model words are linked by
    proportion.

    Args:
        model: what translated, or a model for the same pair of languages.
        pairs: sentences and their translations; those of segments with marks are enough.

    Raises:
        ParentError: the model gives no attention.
        EngineError: the model does not say where its decoder starts.
    """
    anatomy = model.parent.anatomy if isinstance(model, Child) else model.anatomy
    linked = attention_links(model, anatomy, pairs)

    def align(source: Sequence[str], target: Sequence[str]) -> Sequence[tuple[int, int]]:
        known = linked(source, target)
        return proportional_links(source, target) if known is None else known

    return align


def attention_links(model: TranslationModel, anatomy: Anatomy, pairs: Sequence[tuple[str, str]]) -> Linked:
    """The same, where a sentence that is too long for the model shall have no links at all.

    Args:
        anatomy: of the model's parent.

    Raises:
        ParentError: the model gives no attention.
        EngineError: the model does not say where its decoder starts.
    """
    found: dict[tuple[str, str], tuple[list[tuple[int, int]], Words, Words]] = {}
    for each in attend(model, anatomy, pairs):
        links, target, source = linked_words(each, model, alignment_layer(each.weights.shape[0]))
        spelt = tuple(word.text for word in target), tuple(word.text for word in source)
        found[_key(*pairs[each.index])] = links, *spelt

    def linked(source: Sequence[str], target: Sequence[str]) -> list[tuple[int, int]] | None:
        known = found.get(("".join(source), "".join(target)))
        if known is None:
            return None
        links, target_words, source_words = known
        return carried_links(links, (target_words, source_words), (target, source))

    return linked


def _key(source: str, target: str) -> tuple[str, str]:
    return "".join(source.split()), "".join(target.split())
