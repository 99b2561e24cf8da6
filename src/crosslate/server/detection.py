"""Which of the served languages a text is in."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, Field

from crosslate.languages.codes import resolve_code
from crosslate.languages.identification import identifier
from crosslate.languages.orthography import has_letters
from crosslate.languages.scripts import script_of, scripts_of
from crosslate.text.placeholders import without_placeholders

# More text does not change the answer, and each character costs about a microsecond.
MAX_CHARACTERS = 3000
_UNKNOWN = "en"
# Characters that only one of the two scripts of Chinese uses, among the most frequent ones.
_SIMPLIFIED = frozenset(
    "们这个来为说国时会对发过学么后头业东进动还长开从问样现种经无关应与机体电当两车间门书马"
)
_TRADITIONAL = frozenset(
    "們這個來為說國時會對發過學麼後頭業東進動還長開從問樣現種經無關應與機體電當兩車間門書馬"
)


class Detection(BaseModel):
    """A language that a text may be in, by its public code; confidence 0 where nothing could be told."""

    confidence: float = Field(ge=0, le=100)
    language: str


class Detector:
    """Tells apart the languages it is given, and never answers with another one.

    Args:
        languages: public codes of all languages that are served.

    Raises:
        MissingExtra: py3langid is not installed.
    """

    def __init__(self, languages: Iterable[str]) -> None:
        self.languages = tuple(sorted(languages))
        # Several served codes may be one language to the identifier: pt and pt-BR, the scripts of Chinese.
        self._served: dict[str, list[str]] = {}
        for code in self.languages:
            self._served.setdefault(code.split("-")[0], []).append(code)
        known = sorted(self._served.keys() & set(identifier().labels))
        self._can_tell = bool(known)
        self._identifier = copy.copy(identifier())
        # Its own method, on our copy: the tables stay shared.
        self._identifier.set_languages(known or None)

    def detect(self, text: str) -> list[Detection]:
        """The languages that a text may be in, the best first, never empty.

        A text of which nothing can be told, without letters or in a script that no served language has, is in
        English with confidence 0, or in the first language where English is not served.
        """
        sample = without_placeholders(text[:MAX_CHARACTERS])  # addresses are Latin in text of any script
        ranked = self._ranked(sample) if self._can_tell and has_letters(sample) else []
        if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[-1][1]):
            code = resolve_code(_UNKNOWN, self.languages) or next(iter(self.languages), _UNKNOWN)
            return [Detection(confidence=0.0, language=code)]
        guesses = [
            Detection(confidence=round(100.0 * probability, 1), language=self._code(label, sample))
            for label, probability in ranked
        ]
        return [guess for guess in guesses if guess.confidence >= 1.0] or guesses[:1]

    def _ranked(self, text: str) -> list[tuple[str, float]]:
        """The identifier's labels in the text's script, the likeliest first; their probabilities sum to 1."""
        script = script_of(text)
        ranked = [
            (label, float(probability))
            for label, probability in (self._identifier.rank(text) if self._can_tell else ())
            if self._is_written_in(script, label)
        ]
        # What the identifier does not know may still be the only served language in its script; but Latin
        # letters are those of any language.
        others = [label for label in self._served if self._is_written_in(script, label)]
        if not ranked and len(others) == 1 and script != "Latn":
            return [(others[0], 1.0)]
        total = sum(probability for _, probability in ranked)
        return [(label, probability / total) for label, probability in ranked] if total else ranked

    def _is_written_in(self, script: str | None, label: str) -> bool:
        return any(script in scripts_of(code) for code in self._served[label])

    def _code(self, label: str, text: str) -> str:
        codes = self._served[label]
        if label == "zh" and len(codes) > 1:
            simplified = sum(character in _SIMPLIFIED for character in text)
            traditional = sum(character in _TRADITIONAL for character in text)
            return resolve_code("zh-Hant" if traditional > simplified else "zh-Hans", codes) or codes[0]
        return codes[0]


def detections(languages: tuple[str, ...], texts: Sequence[str]) -> list[list[Detection]]:
    """Of each text the languages that it may be in; see :meth:`Detector.detect`."""
    found = detector(languages)
    return [found.detect(text) for text in texts]


@functools.lru_cache(maxsize=2)
def detector(languages: tuple[str, ...]) -> Detector:
    """The detector of these languages; made anew only when they change."""
    return Detector(languages)
