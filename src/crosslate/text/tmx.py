"""Translation Memory eXchange (TMX 1.1 to 1.4b), read as a stream in bounded memory.

Source: https://www.gala-global.org/tmx-14b (elements tu, tuv, seg and the inline elements).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any
from xml.parsers import expat

from crosslate.errors import CorpusError
from crosslate.text.parallel import match_language, one_line
from crosslate.text.streams import FileFaults

log = logging.getLogger(__name__)

# What stands inside these is formatting code of the translated document ("\\b", "<br>"), not its text.
_CODE_ELEMENTS = frozenset({"bpt", "ept", "it", "ph", "ut"})
_LANGUAGES_SHOWN = 20


def read_tmx(
    blocks: Iterable[bytes], source_language: str, target_language: str, found: FileFaults
) -> Iterator[tuple[str, str]]:
    """The pairs of one language pair, unit by unit.

    Of a segment the text is kept, also inside highlighting (``hi``), but not the formatting codes inside
    ``bpt``, ``ept``, ``it``, ``ph`` and ``ut``. A unit without one of the languages is passed over;
    where a unit has several texts in one language, the first counts. Both are counted in the log.

    Args:
        blocks: the bytes of the file.
        source_language: matched with ``xml:lang`` or ``lang`` as :func:`match_language` describes.
        found: gets the faults: not well-formed, entities declared, no unit with both languages.
    """
    units = _Units(source_language, target_language)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = units.start
    parser.EndElementHandler = units.end
    parser.CharacterDataHandler = units.text
    parser.EntityDeclHandler = _refuse_entity
    parser.SkippedEntityHandler = _refuse_unknown_entity
    try:
        for block in blocks:
            parser.Parse(block, False)
            yield from units.take()
        parser.Parse(b"", True)
        yield from units.take()
    except expat.ExpatError as error:
        place = f"line {error.lineno}, column {error.offset} (byte {parser.ErrorByteIndex} from 0)"
        found.break_off(
            f"{found.name}, {place}: not well-formed XML in its encoding: {expat.ErrorString(error.code)}"
        )
        return
    except _Refused as error:
        found.break_off(f"{found.name}, line {parser.CurrentLineNumber}: {error}")
        return
    except CorpusError as error:
        found.break_off(str(error))
        return
    except (LookupError, ValueError) as error:  # what expat makes of an encoding it does not know
        found.break_off(f"{found.name}, line 1: its encoding cannot be read ({error}); convert it to UTF-8")
        return
    units.conclude(found)


class _Refused(Exception):
    pass


def _refuse_entity(name: str, *_: Any) -> None:
    raise _Refused(
        f"declares the entity {name!r}; declared entities are refused, because a few of them can unfold "
        "to gigabytes; replace them by their text"
    )


def _refuse_unknown_entity(name: str, is_parameter: bool) -> None:
    if not is_parameter:
        raise _Refused(f"uses the entity &{name}; which is not defined; write the character itself")


class _Units:
    """Collects the units of a document from the events of the parser."""

    def __init__(self, source_language: str, target_language: str) -> None:
        self.languages = (source_language, target_language)
        self.pairs: list[tuple[str, str]] = []
        self.num_units = 0
        self.num_pairs = 0
        self.num_alternatives = 0
        self.seen: Counter[str] = Counter()
        self._texts: dict[str, str] = {}
        self._language = ""
        self._parts: list[str] | None = None  # of the open segment; None outside
        self._code_depth = 0

    def take(self) -> list[tuple[str, str]]:
        """The pairs since the last call."""
        pairs, self.pairs = self.pairs, []
        self.num_pairs += len(pairs)
        return pairs

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name in _CODE_ELEMENTS:
            self._code_depth += 1
        elif name == "tu":
            self._texts = {}
        elif name == "tuv":
            self._language = attributes.get("xml:lang", attributes.get("lang", ""))
        elif name == "seg":
            self._parts = []

    def text(self, data: str) -> None:
        if self._parts is not None and not self._code_depth:
            self._parts.append(data)

    def end(self, name: str) -> None:
        if name in _CODE_ELEMENTS:
            self._code_depth -= 1
        elif name == "seg" and self._parts is not None:
            self._close_segment("".join(self._parts))
            self._parts = None
        elif name == "tu":
            self._close_unit()

    def _close_segment(self, text: str) -> None:
        if self._language in self._texts:
            self.num_alternatives += 1
        else:
            self._texts[self._language] = one_line(text)

    def _close_unit(self) -> None:
        self.num_units += 1
        self.seen.update(self._texts.keys())
        source, target = (match_language(language, self._texts) for language in self.languages)
        if source is not None and target is not None:
            self.pairs.append((self._texts[source], self._texts[target]))

    def conclude(self, found: FileFaults) -> None:
        """Says what was passed over; no pair at all in a file with units is a fault."""
        source, target = self.languages
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
