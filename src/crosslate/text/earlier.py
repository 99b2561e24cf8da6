"""Earlier text of a pack: replayed beside new text, and validated on, so that the pack does not forget it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crosslate.text.corpora import Corpus, TextFiles


@dataclass(frozen=True)
class EarlierText:
    """What a pack was trained on before, or other text that it must go on translating.

    Attributes:
        corpus: pairs to replay; None replays nothing.
        share: of replayed pairs in an epoch, between 0 and 1; less if there are too few.
        valid: pairs whose score is shown beside that of the new text; None shows none.
    """

    corpus: Corpus | None = None
    share: float = 0.5
    valid: Corpus | None = None

    @classmethod
    def read(
        cls,
        files: Sequence[str | Path],
        valid: Sequence[str | Path],
        languages: tuple[str, str],
        *,
        share: float = 0.5,
    ) -> EarlierText:
        """Earlier text in files of any corpus format."""
        given = (TextFiles(paths, *languages) if paths else None for paths in (files, valid))
        corpus, checked = given
        return cls(corpus, share, checked)
