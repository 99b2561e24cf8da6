"""Requests as clients write them: four encodings, and the checks with their messages.

Clients of this API send JSON, forms, multipart forms or everything in the query string of a POST. What
is not asked for is ignored; what cannot be meant is refused with the status and the short message that
clients know.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl

from crosslate.engines.decoding import valid_unicode
from crosslate.languages.codes import public_name
from crosslate.server.catalogue import Direction, Snapshot
from crosslate.server.codes import normalised, resolve_code
from crosslate.server.refusals import Refusal
from crosslate.server.settings import Limits

if TYPE_CHECKING:
    from starlette.requests import Request

AUTO = "auto"
TextFormat = Literal["text", "html"]
_JSON_TYPE = re.compile(r"application/(json|[\w.+-]+\+json)")
_MAX_FIELDS = 1000
_LINE_ENDS = re.compile(r"\r\n?")


@dataclass(frozen=True)
class Fields:
    """The fields of a request, whatever encoding they came in.

    Attributes:
        values: by name.
        is_json: lists, numbers and null are possible only then.
    """

    values: Mapping[str, Any]
    is_json: bool = False

    def text(self, name: str) -> str:
        """A field that is one line of text; empty where it is missing or null.

        Raises:
            Refusal: it is something else.
        """
        value = self.values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise _invalid(f"{name} parameter is not a text")
        return valid_unicode(value)

    def needed(self, name: str) -> str:
        """A field that must be there and not empty."""
        return self.text(name) or _missing(name)


@dataclass(frozen=True)
class TranslateRequest:
    """A checked request for translations.

    Attributes:
        texts: at least one.
        is_batch: whether ``q`` was a list, and the answer holds lists.
        source: public code, or ``auto``.
        target: public code.
        alternatives: how many beside the best translation.
    """

    texts: tuple[str, ...]
    is_batch: bool
    source: str
    target: str
    format: TextFormat = "text"
    alternatives: int = 0


async def read_fields(request: Request) -> Fields:
    """Reads the fields of a POST request, without its files.

    Raises:
        Refusal: JSON that cannot be read or is no object, or a broken form.
    """
    kind, _, _ = request.headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    if _JSON_TYPE.fullmatch(kind):
        return Fields(_json_object(await request.body()), is_json=True)
    query = _pairs(request.scope.get("query_string", b""))
    form: list[tuple[str, Any]] = []
    if kind == "application/x-www-form-urlencoded":
        form = _pairs(await request.body())
    elif kind == "multipart/form-data":
        form = await _multipart(request)
    values: dict[str, Any] = {}
    for name, value in [*query, *form]:
        values.setdefault(name, _form_text(value) if isinstance(value, str) else value)
    return Fields(values)


def check_texts(fields: Fields, limits: Limits) -> tuple[tuple[str, ...], bool]:
    """The texts of a request, and whether they came as a list.

    Raises:
        Refusal: none, too many, or too long.
    """
    given = fields.values.get("q")
    if given is None or given == "" or given == []:
        _missing("q")
    texts: list[Any] = given if isinstance(given, list) else [given]
    if not all(isinstance(text, str) for text in texts):
        raise _invalid("q parameter is neither a text nor a list of texts")
    if isinstance(given, list) and 0 <= limits.texts < len(texts):
        raise _exceeds(len(texts), limits.texts)
    longest = max(map(len, texts))
    check_length(longest, limits.characters)
    return tuple(map(valid_unicode, texts)), isinstance(given, list)


def check_length(num_characters: int, limit: int) -> None:
    """Checks a text's length; a limit of -1 is none.

    Raises:
        Refusal: it is too long.
    """
    if 0 <= limit < num_characters:
        raise _exceeds(num_characters, limit)


def check_translate(fields: Fields, snapshot: Snapshot, limits: Limits) -> TranslateRequest:
    """Checks a request for translations against what is served.

    Raises:
        Refusal: 400 with what is wrong.
    """
    if fields.values.get("q") in (None, "", []):
        _missing("q")
    given_source, given_target = fields.needed("source"), fields.needed("target")
    texts, is_batch = check_texts(fields, limits)
    source = AUTO if normalised(given_source) == AUTO else served_code(given_source, snapshot)
    target = served_code(given_target, snapshot)
    if source != AUTO:
        check_pair(snapshot, source, target)
    return TranslateRequest(
        texts, is_batch, source, target, check_format(fields), _alternatives(fields, limits.alternatives)
    )


def served_code(code: str, snapshot: Snapshot) -> str:
    """The public code of a language that is served.

    Raises:
        Refusal: it is not.
    """
    found = resolve_code(code, snapshot.languages)
    if found is None:
        raise Refusal(400, f"{normalised(code)[:40]} is not supported")
    return found


def check_pair(snapshot: Snapshot, source: str, target: str) -> Direction | None:
    """The direction of a pair; None for a language and itself.

    Raises:
        Refusal: nothing translates this pair.
    """
    if source == target:
        return None
    direction = snapshot.directions.get((source, target))
    if direction is None:
        raise Refusal(
            400,
            f"{public_name(target)} ({target}) is not available as a target language from "
            f"{public_name(source)} ({source})",
        )
    return direction


def check_format(fields: Fields) -> TextFormat:
    """The format of the texts: plain text where nothing is said."""
    given = fields.values.get("format")
    if given in (None, "", "text"):
        return "text"
    if given == "html":
        return "html"
    raise Refusal(400, f"{str(given)[:40]} format is not supported")


def _alternatives(fields: Fields, limit: int) -> int:
    given = fields.values.get("alternatives")
    if given is None or given == "":
        return 0
    is_digits = isinstance(given, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", given)
    is_number = isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)
    if not (is_digits or is_number):
        raise _invalid("alternatives parameter is not a number")
    count = int(given)
    if 0 <= limit < count:
        raise _invalid(f"alternatives parameter must be <= {limit}")
    return max(0, count)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "The body is not valid JSON") from None
    if not isinstance(values, dict):
        raise Refusal(400, "Invalid JSON format")
    return values


def _pairs(encoded: bytes) -> list[tuple[str, Any]]:
    try:
        return list(
            parse_qsl(encoded.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
        )
    except ValueError:
        raise _invalid(f"more than {_MAX_FIELDS} parameters") from None


async def _multipart(request: Request) -> list[tuple[str, Any]]:
    from starlette.exceptions import HTTPException
    from starlette.formparsers import MultiPartException

    limit = 1 << 30  # the body as a whole is limited before it comes here
    try:
        form = await request.form(max_files=8, max_fields=_MAX_FIELDS, max_part_size=limit)
    except (MultiPartException, HTTPException, ValueError, LookupError, KeyError):
        raise _invalid("the multipart form is broken") from None
    return list(form.multi_items())


def _form_text(text: str) -> str:
    """Forms end lines with CR LF, and may add one at the end that nobody typed."""
    return _LINE_ENDS.sub("\n", text).removesuffix("\n")


def _missing(name: str) -> str:
    raise _invalid(f"missing {name} parameter")


def _invalid(what: str) -> Refusal:
    return Refusal(400, f"Invalid request: {what}")


def _exceeds(found: int, limit: int) -> Refusal:
    return _invalid(f"request ({found}) exceeds text limit ({limit})")


def distinct_alternatives(ranked: Sequence[str], count: int) -> list[str]:
    """What goes out beside the best of ``ranked``: different from it and each other, and not empty."""
    best, *others = ranked
    return [text for text in dict.fromkeys(others) if text and text != best][:count]
