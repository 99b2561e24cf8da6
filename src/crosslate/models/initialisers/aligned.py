"""Initial embeddings from translations found by aligning the training text."""

from __future__ import annotations

from collections.abc import Collection

from crosslate.errors import UsageError
from crosslate.models.groups import Side
from crosslate.models.initialisers.dictionary import Dictionary


class Aligned(Dictionary):
    """The words come from sentence pairs and the parent (:mod:`crosslate.adaptation.aligned_words`)."""

    words_from = "alignment"

    @classmethod
    def check(cls, renewed: Collection[Side]) -> None:
        if len(renewed) > 1:
            raise UsageError(
                "aligned initial embeddings need text in one of the parent's languages, but both sides are "
                "new; choose mean, copied or dictionary"
            )
