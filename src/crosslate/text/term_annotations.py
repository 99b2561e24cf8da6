"""Source sentences that say how some of their words are translated, for models that have learnt to obey.

``Der⟦ Hund⟼ hound⟧ schläft.`` The markers are single characters that the text itself does not use.

Source: Dinu et al. 2019, https://aclanthology.org/P19-1294, "append"; markers take the place of its source
factors.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from unicodedata import category

from crosslate.config import Settings
from crosslate.errors import Faults, VocabularyError
from crosslate.text.corpora import SizedCorpus
from crosslate.text.vocabularies import Vocabulary

# The first ones are in hardly any text; the others are in most vocabularies.
_CANDIDATES = "⟦⟼⟧⦃⤇⦄¦¤¶§†‡|~^{}[]<>\\`_=+*#@"

Insertion = tuple[int, int, str]
"""Start and end of a term in a text, and its translation."""


class TermMarkers(Settings):
    """What stands around a term and its translation in a source text, a character each.

    Attributes:
        before: stands before the term.
        between: stands after the term and before its translation.
        after: stands after the translation.
    """

    before: str
    between: str
    after: str

    def find_faults(self, faults: Faults) -> None:
        if len(set(self.signs)) < 3 or not all(map(_is_sign, self.signs)):
            faults.add(f"the markers of terms are {list(self.signs)}, expected three different signs")

    @property
    def signs(self) -> tuple[str, str, str]:
        """All of them."""
        return self.before, self.between, self.after

    def are_in(self, text: str) -> bool:
        """Whether a text has one of them, so that it cannot be annotated."""
        return any(sign in text for sign in self.signs)

    def annotated(self, text: str, terms: Sequence[Insertion]) -> str:
        """A text with translations put in after its terms.

        Args:
            terms: in the order of the text, without overlaps.
        """
        parts: list[str] = []
        done = 0
        for start, end, translation in terms:
            head = text[done:start]
            bare = head.rstrip(" ")
            # Before the space: the term is then cut into the same pieces as without the marker.
            space = " " if start == 0 else head[len(bare) :]
            parts += [bare, self.before, space, text[start:end]]
            parts += [self.between, " ", translation, self.after]
            done = end
        return "".join([*parts, text[done:]])

    def translations_in(self, text: str) -> list[str]:
        """The translations that were put into a text."""
        between, after = re.escape(self.between), re.escape(self.after)
        return re.findall(f"{between} (.*?){after}", text)


@dataclass(frozen=True)
class AnnotatedText:
    """Annotated copies of training pairs.

    Attributes:
        pairs: the copies.
        share: of them in an epoch, between 0 and 1.
    """

    pairs: SizedCorpus
    share: float
    markers: TermMarkers

    def translations(self) -> Iterator[str]:
        """For each copy, the translations that were put in: what a source vocabulary must spell as well."""
        return (" ".join(self.markers.translations_in(source)) for source in self.pairs.lines("source"))


def _is_sign(text: str) -> bool:
    return len(text) == 1 and category(text)[0] in "PS"


def is_spelt(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a vocabulary knows all characters of a text."""
    return vocabulary.special.unk not in vocabulary.encode(text)


def choose_markers(sources: Iterable[str], vocabulary: Vocabulary | None, name: str) -> TermMarkers:
    """The three candidates that are rarest in a text, of those that a vocabulary spells as they are.

    Args:
        sources: the training text.
        vocabulary: that will read them; None for one that is yet to be learnt, and learns any.
        name: of its model, for the message.

    Raises:
        VocabularyError: it spells fewer than three.
    """
    able = [
        mark
        for mark in _CANDIDATES
        if vocabulary is None
        or (is_spelt(mark, vocabulary) and mark in vocabulary.decode(vocabulary.encode(mark)))
    ]
    if len(able) < 3:
        raise VocabularyError(
            f"the source vocabulary of {name} stays, but it spells only {len(able)} of the signs "
            f"{' '.join(_CANDIDATES)}; expected three, to mark terms with: do not learn "
            "terms, which glossaries work without, or give a new source language"
        )
    counts = Counter(mark for line in sources for mark in able if mark in line)
    before, between, after = sorted(sorted(able, key=counts.__getitem__)[:3], key=able.index)
    return TermMarkers(before=before, between=between, after=after)
