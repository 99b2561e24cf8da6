"""Every row from the mean of the parent's rows."""

from __future__ import annotations

from crosslate.models.initialisers.initial_embeddings import Initialiser


class Mean(Initialiser):
    """All ordinary pieces start from the mean.

    Equal rows part as soon as they are trained, since no two pieces stand in the same sentences; noise around
    the mean was no better (docs/strategies.md).
    """
