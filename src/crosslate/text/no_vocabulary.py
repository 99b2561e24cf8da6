"""What stands in the place of a vocabulary where a side reads no text: speech, or images."""

from __future__ import annotations

from collections.abc import Sequence

from crosslate.errors import UsageError
from crosslate.text.vocabularies import SpecialIds, Vocabulary


class _Signals:
    """A segmenter for what cannot be cut into pieces; it says why."""

    kind = "none"
    pieces = ("</s>", "<unk>", "<pad>")

    def __init__(self, signal: str) -> None:
        self.signal, self.data = signal, signal.encode()

    @property
    def identity(self) -> bytes:
        return self.data

    @property
    def reason(self) -> str:
        return (
            f"the source of this model is {self.signal}, not text: it neither trains on sentence pairs nor "
            "translates text; train a child of it on your own batches and pack that, as "
            "docs/speech-and-images.md shows"
        )

    def split(self, text: str) -> list[str]:
        raise UsageError(self.reason)

    def split_to_ids(self, texts: Sequence[str]) -> list[list[int]]:
        raise UsageError(self.reason)

    def join(self, pieces: Sequence[str], unknown: str) -> str:
        raise UsageError(self.reason)

    def marked(self, piece: str) -> str:
        return piece


class NoVocabulary(Vocabulary):
    """A source that is a signal. It has special pieces alone; asked for text, it says why there is none.

    Args:
        signal: what is read instead, in words: ``audio`` or ``images``.

    Attributes:
        reason: why this side has nothing to do with text, and what can be done.
    """

    def __init__(self, signal: str) -> None:
        segmenter = _Signals(signal)
        super().__init__(segmenter, None, SpecialIds(eos=0, unk=1, pad=2))
        self.reason = segmenter.reason
