"""Translation memories (TMX)."""

from __future__ import annotations

import logging
from collections import Counter

from crosslate.errors import InputError
from crosslate.languages.codes import match_pair
from crosslate.text.reading import Pairs, Paths, Reader, Reading, one_line
from crosslate.text.streams import read_blocks
from crosslate.text.tmx import read_units

log = logging.getLogger(__name__)
_LANGUAGES_SHOWN = 20


class TMX(Reader):
    """The pairs of one language pair, unit by unit.

    A unit without one of the languages is passed over; where a unit has several texts in one language, the
    first counts. Both are counted in the log; no pair at all in a file with units is a fault.
    """

    expected = ".tmx"
    endings = (".tmx",)

    def pairs(self, paths: Paths, reading: Reading) -> Pairs:
        found = reading.file(paths[0])
        num_units = num_pairs = num_alternatives = 0
        seen: Counter[str] = Counter()
        try:
            for unit in read_units(read_blocks(paths[0]), found.name):
                texts: dict[str, str] = {}
                for variant in unit:
                    texts.setdefault(variant.language, one_line(variant.text))
                num_units += 1
                num_alternatives += len(unit) - len(texts)
                seen.update(texts.keys())
                source, target = match_pair(reading.languages, texts)
                if source is not None and target is not None:
                    num_pairs += 1
                    yield texts[source], texts[target]
        except InputError as error:
            found.break_off(str(error))
            return
        wanted, other = reading.languages
        if num_units and not num_pairs:
            found.break_off(
                f"{found.name}: none of its {num_units} units has both {wanted!r} and {other!r}; "
                f"languages there: {_listed(seen)}"
            )
            return
        if num_units > num_pairs:
            log.info(
                "%s: %d of %d units lack %s or %s and were passed over",
                found.name, num_units - num_pairs, num_units, wanted, other,
            )  # fmt: skip
        if num_alternatives:
            log.info("%s: %d further texts in a language that the unit already had were passed over",
                     found.name, num_alternatives)  # fmt: skip


def _listed(seen: Counter[str]) -> str:
    shown = [f"{code or 'none given'} ({count})" for code, count in seen.most_common(_LANGUAGES_SHOWN)]
    more = len(seen) - len(shown)
    return (", ".join(shown) or "none") + (f" and {more} more" if more else "")
