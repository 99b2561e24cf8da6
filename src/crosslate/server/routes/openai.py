"""``/v1/chat/completions`` and ``/v1/models``: translations for programs that know OpenAI's API alone.

A model is a pair of languages, ``de-en``. The last message of the user is translated; no other is read.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo
from starlette.responses import Response

from crosslate.documents.flow import LINE_BREAKS
from crosslate.errors import UsageError
from crosslate.languages.codes import language_pair
from crosslate.server.answers import KeyRefusal, Refusal, check_length, invalid
from crosslate.server.catalogue import Direction, Snapshot
from crosslate.server.description import refusals, takes
from crosslate.server.requests import Call, Fields, OptionalText, Preferred, Serving, Text, call_of, reads
from crosslate.server.streams import EVENT_STREAM, HEADERS, until_refused
from crosslate.server.translation import AUTO, Job, Usage

# Characters of a stream's chunk, about 200 tokens; a chunk ends where a line does.
_CHUNK_CHARACTERS = 600
# Lines are translated by themselves, so a text may be cut behind one, with the white space that follows.
_LINE_END = re.compile(LINE_BREAKS.pattern + r"\s*")
_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


class Fault(BaseModel):
    """What is wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIError(BaseModel):
    """What is answered instead."""

    error: Fault


def _refused(refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that is refused, as OpenAI's clients expect it."""
    status = _status(refusal)
    headers = {**(headers or {}), **refusal.headers}
    return Response(json.dumps(_error(refusal)), status, headers=headers, media_type="application/json")


def _status(refusal: Refusal) -> int:
    return 401 if isinstance(refusal, KeyRefusal) else refusal.status


def _error(refusal: Refusal) -> dict[str, Any]:
    status = _status(refusal)
    kind = "server_error" if status >= 500 else "requests" if status == 429 else "invalid_request_error"
    param = refusal.field or None
    return {"error": {"message": refusal.message, "type": kind, "param": param, "code": _CODES.get(status)}}


class _Route(APIRoute):
    refused = staticmethod(_refused)


router = APIRouter(prefix="/v1", route_class=_Route)


class Model(BaseModel):
    """A pair of languages, or ``auto`` and a language."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="When its newest pack was made, in seconds since 1970; of a parent, 0.")
    owned_by: str = "crosslate"


class Models(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[Model]


@router.get("/models", responses=refusals(503, model=OpenAIError))
async def models(service: Serving) -> Models:
    """List the pairs of languages as models, like ``de-en``, and ``auto-en``, which detects the language."""
    return Models(data=[*_models(service.snapshot()).values()])


@router.get("/models/{model}", responses=refusals(404, 503, model=OpenAIError))
async def model(model: str, service: Serving) -> Model:
    """Tell of one model, in any spelling of its languages."""
    snapshot = service.snapshot()
    return _models(snapshot)[_name(*_pair(snapshot, model))]


def _models(snapshot: Snapshot) -> dict[str, Model]:
    """The models by their ids; those that detect the language at the end."""
    created: dict[str, int] = {}
    for (source, target), direction in snapshot.directions.items():
        created[_name(source, target)] = _created(direction)
    for (_, target), direction in snapshot.directions.items():
        name = _name(AUTO, target)
        created[name] = max(created.get(name, 0), _created(direction))
    return {name: Model(id=name, created=moment) for name, moment in created.items()}


def _created(direction: Direction) -> int:
    moments = [pack.manifest.created for leg in direction.models for pack in leg.packs]
    newest = max(moments, default="1970-01-01T00:00:00Z")
    return int(datetime.fromisoformat(newest.replace("Z", "+00:00")).timestamp())


def _name(source: str, target: str) -> str:
    return f"{source}-{target}"


def _pair(snapshot: Snapshot, name: str) -> tuple[str, str]:
    """The languages of a model; the first may be ``auto``.

    Raises:
        Refusal: 404 if there is no such model.
    """
    try:
        for pair in snapshot.directions:
            if name == _name(*pair):
                return pair
        if name.lower().startswith(f"{AUTO}-"):
            target = snapshot.code(name[len(AUTO) + 1 :])
            if any(target == each for _, each in snapshot.directions):
                return AUTO, target
        else:
            source, target = map(snapshot.code, language_pair(name))
            if source != target and snapshot.direction(source, target):
                return source, target
    except (UsageError, Refusal):
        pass
    found = f"The model {name[:80]!r} does not exist"
    wanted = (
        "a model is a pair of languages like de-en, or auto-en to detect the first; /v1/models lists them"
    )
    refusal = Refusal(404, f"{found}; {wanted}")
    refusal.field = "model"
    raise refusal


class Nested(BaseModel):
    """Fields inside a field."""

    model_config = ConfigDict(strict=True, frozen=True)


class Part(Nested):
    """A part of a message; only those of type ``text`` can be translated."""

    type: str
    text: OptionalText = None


class Message(Nested):
    """A message of a conversation."""

    role: str
    content: OptionalText | list[Part] = None


def _user_text(messages: list[Message]) -> str:
    """The text of the last message of the user; that of several parts has each on a line of its own."""
    content = next((each.content for each in reversed(messages) if each.role == "user"), None)
    parts = [Part(type="text", text=content)] if isinstance(content, str) else content or []
    for part in parts:
        if part.type != "text":
            raise invalid(f"messages parameter: a part of type {part.type[:40]} is no text to translate")
    text = "\n".join(part.text or "" for part in parts)
    if not text:
        raise invalid("messages parameter: there is no text of the user, which would be translated")
    return text


def _checked(messages: list[Message], info: ValidationInfo) -> list[Message]:
    check_length(len(_user_text(messages)), call_of(info).limits.characters)
    return messages


class StreamOptions(Nested):
    """What a stream has beside the text."""

    include_usage: bool | None = None


class ChatFields(Fields):
    """A conversation whose last message of the user is translated."""

    is_json: ClassVar[bool] = True

    model: Annotated[Text, Field(description="Source and target language: de-en, or auto-en.")]
    messages: Annotated[
        list[Message],
        Field(min_length=1, description="The last one of the role user is translated; others are not read."),
        AfterValidator(_checked),
    ]
    stream: Annotated[bool | None, Field(description="Whether to answer with server-sent events.")] = None
    stream_options: StreamOptions | None = None
    n: Annotated[Literal[1] | None, Field(description="One answer; /translate has alternatives.")] = None
    packs: Preferred

    @classmethod
    def essence(cls, values: Mapping[str, Any], most: int) -> dict[str, Any]:
        """Of all messages, the last one of the user."""
        found = super().essence(values, most)
        messages, options = values.get("messages"), values.get("stream_options")
        if isinstance(messages, list):
            known = [each for each in messages if isinstance(each, dict) and each.get("role") == "user"]
            last = known[-1].get("content") if known else None
            found["messages"] = [{"role": "user", "content": _plain(last)}]
        if isinstance(options, dict):
            found["stream_options"] = {"include_usage": options.get("include_usage") is True}
        return found


def _plain(content: Any) -> Any:
    """A message's content without anything that is not read."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else None
    parts = [part for part in content if isinstance(part, dict)]
    names = ("type", "text")
    return [{name: part[name] for name in names if isinstance(part.get(name), str)} for part in parts]


class Written(BaseModel):
    """The translation."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class Choice(BaseModel):
    """The only choice."""

    index: int = 0
    message: Written
    logprobs: None = None
    finish_reason: Literal["stop"] = "stop"


class Tokens(BaseModel):
    """Tokens that the models read and wrote."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(BaseModel):
    """A translation."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str = Field(description="The pair that translated; after auto with the detected language.")
    choices: list[Choice]
    usage: Tokens


@dataclass(frozen=True)
class _Work:
    """What a request comes down to."""

    text: str
    direction: Direction | None
    head: Mapping[str, Any]
    usage: Usage

    def tokens(self) -> Tokens:
        read, written = self.usage.source_tokens, self.usage.target_tokens
        return Tokens(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


_STREAM = {"description": "The translation; with `stream`, as events.", "content": {EVENT_STREAM: {}}}


@router.post(
    "/chat/completions",
    response_model=Completion,
    **takes(
        ChatFields,
        refusals(400, 401, 403, 404, 408, 413, 429, 500, 503, 504, model=OpenAIError) | {200: _STREAM},
    ),
)
async def chat_completions(
    call: Annotated[Call[ChatFields], Depends(reads(ChatFields, "/translate"))],
) -> Completion | StreamingResponse:
    """Translate the last message of the user, for programs that know OpenAI's API.

    The model names the languages. A key goes into the header Authorization, as Bearer. A stream's chunks end
    with lines, and their contents together are the translation.
    """
    work = await call.within_time(_work(call))
    if call.fields.stream:
        events = await call.within_time(_begun(call, work))
        return StreamingResponse(events, media_type=EVENT_STREAM, headers=HEADERS)
    text = await call.within_time(_translated(call, work, work.text))
    return Completion(**work.head, choices=[Choice(message=Written(content=text))], usage=work.tokens())


async def _work(call: Call[ChatFields]) -> _Work:
    fields, snapshot = call.fields, call.snapshot
    source, target = _pair(snapshot, fields.model)
    text = _user_text(fields.messages)
    (found,), _ = await call.service.translations.sources(snapshot, [text], source, target)
    direction = snapshot.preferring(fields.packs).direction(found, target)
    head = {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "created": int(time.time()),
        "model": _name(found if direction else source, target),
    }
    return _Work(text, direction, head, Usage())


async def _translated(call: Call[ChatFields], work: _Work, text: str) -> str:
    translations = call.service.translations
    ((best, *_),) = await translations.translate([Job(text, work.direction)], usage=work.usage)
    return best


async def _begun(call: Call[ChatFields], work: _Work) -> AsyncGenerator[str, None]:
    """The events of a stream whose first part is there: what fails until then is answered with a status."""

    async def parts() -> AsyncGenerator[str, None]:
        for text in _parts(work.text):
            yield await _translated(call, work, text)

    arriving = until_refused(parts(), call.service.settings.limits.request_seconds)
    first = await anext(arriving)
    if isinstance(first, Refusal):
        raise first
    return _events(call, work, first, arriving)


def _parts(text: str) -> Iterator[str]:
    """Cuts a text behind line ends, into parts of some length."""
    start = 0
    for line_end in _LINE_END.finditer(text):
        if line_end.end() - start >= _CHUNK_CHARACTERS:
            yield text[start : line_end.end()]
            start = line_end.end()
    if start < len(text):
        yield text[start:]


async def _events(
    call: Call[ChatFields], work: _Work, first: str, arriving: AsyncGenerator[str | Refusal, None]
) -> AsyncGenerator[str, None]:
    options = call.fields.stream_options
    has_usage = options is not None and bool(options.include_usage)

    def chunk(delta: dict[str, str], reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _event({**head, "choices": [choice], **({"usage": None} if has_usage else {})})

    head = {**work.head, "object": "chat.completion.chunk"}
    yield chunk({"role": "assistant", "content": first})
    async with aclosing(arriving):
        async for part in arriving:
            if isinstance(part, Refusal):
                yield _event(_error(part))
                return
            yield chunk({"content": part})
    yield chunk({}, "stop")
    if has_usage:
        yield _event({**head, "choices": [], "usage": work.tokens().model_dump()})
    yield "data: [DONE]\n\n"


def _event(values: Mapping[str, Any]) -> str:
    # In ASCII: some clients take all line ends of Unicode for those of an event.
    return f"data: {json.dumps(values)}\n\n"
