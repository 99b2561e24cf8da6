"""Translation memories (TMX)."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field

from crosslate.errors import InputError
from crosslate.languages.codes import match_language
from crosslate.text.reading import Pairs, Paths, Reader, Reading, one_line
from crosslate.text.streams import FileFaults, read_blocks
from crosslate.text.tmx import Unit, read_units

log = logging.getLogger(__name__)
_LANGUAGES_SHOWN = 20


class TMX(Reader):
    """The pairs of one language pair, unit by unit.

    A unit without one of the languages is passed over; where a unit has several texts in one language, the
    first counts. Both are counted in the log.
    """

    expected = ".tmx"
    endings = (".tmx",)

    def pairs(self, paths: Paths, reading: Reading) -> Pairs:
        found = reading.file(paths[0])
        census = _Census()
        try:
            for unit in read_units(read_blocks(paths[0]), found.name):
                texts = census.texts(unit)
                source, target = (match_language(language, texts) for language in reading.languages)
                if source is not None and target is not None:
                    census.num_pairs += 1
                    yield texts[source], texts[target]
        except InputError as error:
            found.break_off(str(error))
        else:
            census.conclude(*reading.languages, found)


@dataclass
class _Census:
    """Counts what is passed over."""

    num_units: int = 0
    num_pairs: int = 0
    num_alternatives: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def texts(self, unit: Unit) -> dict[str, str]:
        """The first text of a unit in each language."""
        self.num_units += 1
        texts: dict[str, str] = {}
        for variant in unit:
            if variant.language in texts:
                self.num_alternatives += 1
            else:
                texts[variant.language] = one_line(variant.text)
        self.seen.update(texts.keys())
        return texts

    def conclude(self, source: str, target: str, found: FileFaults) -> None:
        """Logs what was passed over; no pair at all in a file with units is a fault."""
        if self.num_units and not self.num_pairs:
            shown = [
                f"{code or 'none given'} ({count})" for code, count in self.seen.most_common(_LANGUAGES_SHOWN)
            ]
            more = len(self.seen) - len(shown)
            found.break_off(
                f"{found.name}: none of its {self.num_units} units has both {source!r} and {target!r}; "
                f"languages there: {', '.join(shown) or 'none'}{f' and {more} more' if more else ''}"
            )
            return
        if passed_over := self.num_units - self.num_pairs:
            log.info(
                "%s: %d of %d units lack %s or %s and were passed over",
                found.name, passed_over, self.num_units, source, target,
            )  # fmt: skip
        if self.num_alternatives:
            log.info("%s: %d further texts in a language that the unit already had were passed over",
                     found.name, self.num_alternatives)  # fmt: skip
