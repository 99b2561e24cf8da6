"""How requests are read: fields in any of four encodings, checked against what is served.

Clients of this API send JSON, forms, multipart forms, or everything in the query string of a POST. A route
declares its fields as a :class:`Fields` and receives them in a :class:`Call`, already checked. Unknown fields
are ignored, and ``null`` or an empty text is as good as no field.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import re
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Annotated, Any, ClassVar, Generic, TypeVar, cast
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from crosslate.documents.encodings import is_encoding
from crosslate.engines.decoding import valid_unicode
from crosslate.server.answers import Refusal, check_length, invalid, missing
from crosslate.server.catalogue import Snapshot
from crosslate.server.service import Service
from crosslate.server.settings import Limits
from crosslate.server.translation import AUTO

log = logging.getLogger(__name__)

T = TypeVar("T")
F = TypeVar("F", bound="Fields")
_JSON_TYPE = re.compile(r"application/(json|[\w.+-]+\+json)")
_LINE_ENDS = re.compile(r"\r\n?")
_MAX_FIELDS = 1000
# The body as a whole is limited before it comes here.
_MAX_PART_BYTES = 1 << 30
_POLL_SECONDS = 0.5
_PARSING = threading.Lock()
# JSON and forms are read faster than texts are cut into sentences: so many bytes as fast as a character. What
# is long is read by the worker.
_BYTES_PER_CHARACTER, _LONG_BODY_BYTES = 30, 100_000


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Serving = Annotated[Service, Depends(_service)]
"""The service, as a parameter of a route."""


def needs(setting: str, status: int, message: str) -> Any:
    """A dependency that refuses requests where a setting is off."""

    async def check(service: Serving) -> None:
        if not getattr(service.settings, setting):
            raise Refusal(status, message)

    return Depends(check)


@dataclass
class Call(Generic[F]):
    """A request that was let in, with its fields, and what they are checked against.

    Attributes:
        snapshot: what is served.
        limits: what the sender may ask for.
    """

    request: Request
    service: Service
    snapshot: Snapshot
    limits: Limits
    fields: F = field(init=False)

    async def within_time(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs its work as long as somebody waits for it, and no longer than a request may take.

        Raises:
            Refusal: it took too long, or the client has gone.
        """
        seconds = self.service.settings.limits.request_seconds
        deadline = time.monotonic() + seconds
        task = asyncio.ensure_future(work)
        try:
            while True:
                left = max(0.0, deadline - time.monotonic())
                await asyncio.wait({task}, timeout=min(_POLL_SECONDS, left))
                if task.done():
                    return task.result()
                if time.monotonic() >= deadline:
                    raise Refusal(504, f"The translation took longer than {seconds:g} s and was stopped")
                if await self.request.is_disconnected():
                    raise Refusal(499, "The client has gone")
        finally:
            task.cancel()


def call_of(info: ValidationInfo) -> Call[Any]:
    """The call whose fields a validator checks."""
    return cast("Call[Any]", info.context)


def valid_text(value: Any) -> Any:
    """A text without lone surrogates, which cannot be encoded; anything else as it is."""
    return valid_unicode(value) if isinstance(value, str) else value


def checked_texts(value: Any, info: ValidationInfo) -> Any:
    """A text or a list of texts, within the limits of their sender."""
    limits = call_of(info).limits
    texts = value if isinstance(value, list) else [value]
    check_length(len(texts) if isinstance(value, list) else 0, limits.texts)
    if not all(isinstance(text, str) for text in texts):
        raise invalid("q parameter is neither a text nor a list of texts")
    check_length(max(map(len, texts)), limits.characters)
    return [valid_unicode(text) for text in texts] if isinstance(value, list) else valid_unicode(value)


def _source(code: str, info: ValidationInfo) -> str:
    return AUTO if code.strip().lower() == AUTO else _code(code, info)


def _code(code: str, info: ValidationInfo) -> str:
    return call_of(info).snapshot.code(code)


def _target(code: str, info: ValidationInfo) -> str:
    target = _code(code, info)
    source = info.data.get("source", AUTO)
    if source != AUTO:
        call_of(info).snapshot.direction(source, target)
    return target


def _names(given: Any) -> Any:
    names = [name.strip() for name in given.split(",")] if isinstance(given, str) else given
    return [name for name in names if name not in ("", None)] if isinstance(names, list) else names


NotEmpty = Annotated[str, Field(min_length=1)]
Text = Annotated[NotEmpty, BeforeValidator(valid_text)]
"""A text that must be there."""
OptionalText = Annotated[str, BeforeValidator(valid_text)] | None
Texts = Annotated[
    NotEmpty | Annotated[list[str], Field(min_length=1)],
    BeforeValidator(checked_texts),
    Field(description="The text, or in JSON a list of texts."),
]
"""What is to be translated or detected."""
Code = Annotated[Text, AfterValidator(_code)]
"""The code of a language that is served, in any spelling; becomes the public code."""
Source = Annotated[Text, AfterValidator(_source), Field(description="Code of the text's language, or auto.")]
Target = Annotated[
    Text, AfterValidator(_target), Field(description="Code of the language to translate into.")
]
"""A served language that the field ``source``, which must stand before it, can be translated into."""
Preferred = Annotated[
    list[Text],
    BeforeValidator(_names),
    WithJsonSchema(
        {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}, {"type": "null"}]}
    ),
    Field(
        default_factory=list,
        description="Names of packs, in a form separated by commas: each translates its pair, where several "
        "packs could.",
    ),
]
"""Packs that are preferred to the server's own choice."""
ApiKey = Annotated[OptionalText, Field(description="API key, where the server wants one.")]


class Fields(BaseModel):
    """The fields of a request.

    Attributes:
        is_json: they come as JSON alone, in which only ``null`` is as good as no field, and their key in the
            header ``Authorization``.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    is_json: ClassVar[bool] = False

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        blanks: list[Any] = [None] if cls.is_json else [None, "", []]
        return {name: value for name, value in values.items() if value not in blanks}

    @classmethod
    def essence(cls, values: Mapping[str, Any], most: int) -> dict[str, Any]:
        """What matters of a long body's values, without anything that is long and of no use.

        That is nested values, and lists of more than ``most`` items, of which only the length is told.
        """
        return {name: _shallow(value, most) for name, value in values.items() if name in cls.model_fields}

    @classmethod
    def cost(cls, values: Mapping[str, Any], limits: Limits) -> int:
        """How many ordinary requests these values, unchecked yet, count as; may refuse them."""
        return 1


def reads(kind: type[F], rate: str | None = None) -> Callable[[Request], Awaitable[Call[F]]]:
    """A dependency that lets a request in and gives its :class:`Call`.

    Args:
        kind: the fields.
        rate: the route whose requests are counted with this one's; None counts this one by itself.
    """

    async def admitted(request: Request) -> Call[F]:
        service = await _service(request)
        limits = service.settings.limits
        values = await read_values(request, service.translations.beside, kind, limits.texts)
        cost, route = kind.cost(values, limits), rate or request.scope["route"].path
        key = bearer(request) if kind.is_json else values.get("api_key")
        if not isinstance(key, str | None):
            raise _not_text("api_key")
        limits = service.admission.admit(valid_unicode(key or ""), address(request), route, cost)
        call: Call[F] = Call(request, service, service.snapshot(), limits)
        call.fields = _checked(kind, values, call)
        return call

    return admitted


def bearer(request: Request) -> str:
    """The token of the header ``Authorization``; empty without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def address(request: Request) -> str:
    """Where a request comes from: of IPv6, the network of 64 bits, of which one client has all addresses."""
    given = request.client.host if request.client else "unknown"
    try:
        found = ip_address(given.partition("%")[0])
    except ValueError:
        return given
    if isinstance(found, IPv4Address):
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped or ip_network((found, 64), strict=False))


def _checked(kind: type[F], values: Mapping[str, Any], call: Call[F]) -> F:
    """Values as the fields of a route.

    Raises:
        Refusal: 400 with the first fault: what is missing counts before what is wrong.
    """
    try:
        return kind.model_validate(values, context=call)
    except ValidationError as error:
        refusal = _refusal_of(error)
    # Not in the handler: the two errors would hold each other and the values for ever, since pydantic's takes
    # no part in the collection of garbage.
    raise refusal.with_traceback(None)


def _refusal_of(error: ValidationError) -> Refusal:
    faults = error.errors(include_url=False, include_input=False)
    first = min(faults, key=lambda fault: fault["type"] not in ("missing", "string_type"))
    cause = first.get("ctx", {}).get("error")
    name = str(first["loc"][0])
    if isinstance(cause, Refusal):
        refusal = cause
    elif first["type"] in _FAULTS:
        refusal = _FAULTS[first["type"]](name)
    else:
        refusal = invalid(f"{name} parameter: {first['msg']}")
    refusal.field = name
    return refusal


def _not_text(name: str) -> Refusal:
    return invalid(f"{name} parameter is not a text")


_FAULTS = {"missing": missing, "string_type": _not_text}


Beside = Callable[..., Awaitable[Any]]
"""Runs a function, in another process if its work is much; see :meth:`Translations.beside`."""


async def read_values(request: Request, beside: Beside, kind: type[Fields], most: int) -> dict[str, Any]:
    """The fields of a POST request as they came; uploaded files are among them.

    Args:
        kind: has the fields that matter.
        most: items of a list; -1 for any number. Of a longer one in a long body only the length is told.

    Raises:
        Refusal: JSON that cannot be read or is no object, a broken form, or a form where there must be JSON.
    """
    described = Message()
    described["Content-Type"] = request.headers.get("content-type", "")
    media = described.get_content_type()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise invalid(f"the body is encoded as {encoding[:40]}; send it as it is")
    if _JSON_TYPE.fullmatch(media):
        body = await request.body()
        if len(body) <= _LONG_BODY_BYTES:
            return _json_object(body)
        found = await beside(_long_json_object, body, kind, most, size=_work_on(body))
        return {name: [""] * len(each) if isinstance(each, range) else each for name, each in found.items()}
    if kind.is_json:
        raise invalid("the body is not JSON; send JSON with Content-Type: application/json")
    query = request.scope.get("query_string", b"")
    values: dict[str, Any] = await beside(_form_values, query, "utf-8", size=_work_on(query))
    if media == "application/x-www-form-urlencoded":
        body, charset = await request.body(), described.get_content_charset("utf-8")
        values = await beside(_form_values, body, charset, size=_work_on(body)) | values
    elif media == "multipart/form-data":
        values = _first_values(await _multipart(request)) | values
    return values


def _work_on(body: bytes) -> int:
    """How much work a body is, in characters of a text that is cut into sentences."""
    return len(body) // _BYTES_PER_CHARACTER


def _json_object(body: bytes) -> dict[str, Any]:
    # Millions of small lists would be looked through for garbage again and again, while everybody waits.
    with _PARSING:
        gc.disable()
        try:
            values = json.loads(body)
        except (ValueError, RecursionError):
            raise Refusal(400, "The body is not valid JSON") from None
        finally:
            gc.enable()
    if not isinstance(values, dict):
        raise Refusal(400, "Invalid JSON format")
    return values


def _long_json_object(body: bytes, kind: type[Fields], most: int) -> dict[str, Any]:
    return kind.essence(_json_object(body), most)


def _shallow(value: Any, most: int) -> Any:
    if isinstance(value, dict):
        return {}
    if not isinstance(value, list):
        return value
    if 0 <= most < len(value):
        return range(len(value))
    return [type(each)() if isinstance(each, list | dict) else each for each in value]


def _form_values(encoded: bytes, charset: str) -> dict[str, Any]:
    # Not Starlette's reader, which takes letters that were not escaped for Latin-1.
    if not is_encoding(charset):
        raise invalid(f"the form's charset is {charset[:40]}, which is not supported; send UTF-8")
    try:
        pairs = parse_qsl(
            encoded.decode(charset),
            keep_blank_values=True,
            encoding=charset,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
        return _first_values(pairs)
    except UnicodeDecodeError:
        raise invalid(f"the fields are not {charset[:40]}; send UTF-8, or name its charset") from None
    except ValueError:
        raise invalid(f"more than {_MAX_FIELDS} parameters") from None


def _first_values(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name not in values:
            # Forms end lines with CR LF, and may add one at the end that nobody typed.
            is_text = isinstance(value, str)
            values[name] = _LINE_ENDS.sub("\n", value).removesuffix("\n") if is_text else value
    return values


async def _multipart(request: Request) -> list[tuple[str, Any]]:
    try:
        form = await request.form(max_files=8, max_fields=_MAX_FIELDS, max_part_size=_MAX_PART_BYTES)
    except (MultiPartException, HTTPException, LookupError, ValueError) as error:
        if isinstance(error, Refusal):
            raise
        raise invalid("the multipart form is broken") from None
    except OSError as error:  # larger files are kept on the disk
        log.error("cannot keep an uploaded file: %s", error.strerror)
        raise Refusal(503, "There is no room for the file", retry_after=60) from None
    return [*form.multi_items()]
