"""The field ``glossary`` of a request: terms and how they shall be translated."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from crosslate.engines.decoding import valid_unicode
from crosslate.errors import InputError
from crosslate.server.answers import invalid
from crosslate.server.catalogue import Direction
from crosslate.server.requests import call_of
from crosslate.server.translation import AUTO
from crosslate.text.glossaries import Glossary, parsed_rows

# Terms are looked for while other requests wait.
_MAX_CHARACTERS = 200
_MAX_READ = 10_000


def _glossary(given: Any, info: ValidationInfo) -> Glossary | None:
    """The terms of a request; None without any, or where another field is wrong already."""
    source, target = info.data.get("source"), info.data.get("target")
    if source is None or target is None:
        return None
    if source == AUTO:
        raise invalid("glossary parameter needs the language of its terms, but source is auto")
    try:
        pairs = _pairs(given, (source, target))
        limit = call_of(info).limits.terms
        if len(pairs) > limit:
            raise invalid(f"glossary parameter has {len(pairs)} terms, the limit is {limit}")
        return Glossary(pairs, source, target) if pairs else None
    except InputError as error:
        raise invalid(f"glossary parameter: {error}") from None


def _pairs(given: Any, languages: tuple[str, str]) -> list[tuple[str, str]]:
    if isinstance(given, str):
        pairs: list[Any] = [*parsed_rows(valid_unicode(given), languages, "glossary")]
    else:
        pairs = [*given.items()] if isinstance(given, Mapping) else given
    found = []
    for pair in pairs if isinstance(pairs, list) else [None]:
        is_pair = isinstance(pair, list | tuple) and len(pair) == 2
        if not is_pair or not all(isinstance(term, str) for term in pair):
            raise invalid("glossary parameter is neither an object of terms, a list of pairs nor TSV")
        if (longest := max(map(len, pair))) > _MAX_CHARACTERS:
            raise invalid(
                f"glossary parameter: a term has {longest} characters, the limit is {_MAX_CHARACTERS}"
            )
        found.append((valid_unicode(pair[0]), valid_unicode(pair[1])))
    return found


def essential_terms(given: Any) -> Any:
    """A glossary of a long body without anything that is of no use: no more terms than any limit allows."""
    if isinstance(given, Mapping):
        return {source: _flat(target) for source, target in islice(given.items(), _MAX_READ + 1)}
    if not isinstance(given, list):
        return given
    rows = given[: _MAX_READ + 1]
    return [[_flat(term) for term in row[:3]] if isinstance(row, list) else _flat(row) for row in rows]


def _flat(value: Any) -> Any:
    return type(value)() if isinstance(value, list | dict) else value


def check_one_model(glossary: Glossary | None, direction: Direction | None) -> None:
    """Refuses the glossary of a pair that two models in a row translate: terms are not known in between."""
    if glossary is not None and direction is not None and direction.legs:
        raise invalid(
            f"glossary parameter: {direction.source} to {direction.target} is translated in two steps "
            f"({direction.label}), for which there are no glossaries"
        )


Terms = Annotated[
    Any,
    BeforeValidator(_glossary),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "object", "additionalProperties": {"type": "string"}},
                {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
                {"type": "null"},
            ]
        }
    ),
    Field(
        description="Terms and their translations: in JSON an object or a list of pairs, in a form TSV. They "
        "go before those of the pack's glossary."
    ),
]
"""A :class:`Glossary` for the fields ``source`` and ``target``, which must stand before it."""
