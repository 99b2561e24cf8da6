"""Rows of the translations that an alignment of the training text gives."""

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
                "both sides are new, so the text has no language of the parent's to align with; expected "
                "mean, copied or dictionary initial embeddings, not aligned"
            )
