"""Initial embeddings from the mean of the parent's rows."""

from __future__ import annotations

from crosslate.models.initialisers.initial_embeddings import Initialiser


class Mean(Initialiser):
    """All ordinary pieces start from the mean.

    Equal rows diverge in training, since pieces occur in different sentences; adding noise was no better
    (docs/strategies.md).
    """
