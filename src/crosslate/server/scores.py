"""How sure models are of what they translate, as answers."""

from __future__ import annotations

from pydantic import Field

from crosslate.languages.sentence_ends import Span
from crosslate.server.answers import Answer
from crosslate.translation.confidence import Confidence


class WordScore(Answer):
    """A word of a translation. ``likelihood`` is null if the pack has no calibration."""

    start: int = Field(description="Its first character in the translation.")
    end: int = Field(description="The character after its last one.")
    probability: float = Field(ge=0, le=1, description="The lowest of its pieces' probabilities.")
    likelihood: float | None = Field(description="How likely a reference has it, 0 to 1.")
    doubtful: bool


class SentenceScore(Answer):
    """A sentence of a translation. ``expectedChrf`` is null if the pack has no calibration."""

    start: int = Field(description="Its first character in the translation.")
    end: int = Field(description="The character after its last one.")
    probability: float = Field(ge=0, le=1, description="The geometric mean of its pieces' probabilities.")
    expected_chrf: float | None = Field(description="The chrF that such sentences have, 0 to 100.")
    doubtful: bool
    words: list[WordScore]

    @classmethod
    def of(cls, confidence: Confidence, span: Span) -> SentenceScore:
        """The score of a sentence at a place."""
        values = confidence.as_values()
        for word in values["words"]:
            word |= {"start": span[0] + word["start"], "end": span[0] + word["end"]}
        return cls(start=span[0], end=span[1], **values)
