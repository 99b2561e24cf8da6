"""What goes out: answers as JSON objects, and refusals with a status and a short message."""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from starlette.responses import Response
from starlette.types import Scope

REFUSED = "crosslate.refused"
"""In the scope of a request whose errors have another shape: what answers in place of :func:`refused`."""


class Answer(BaseModel):
    """Base of what routes answer; ``translated_text`` goes out as ``translatedText``."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class Refusal(ValueError):
    """A request that is answered with an error. Validators of fields may raise it.

    Args:
        status: of the HTTP answer.
        message: goes out as ``{"error": message}``.
        retry_after: seconds after which trying again makes sense; None where it does not.

    Attributes:
        field: the field of the request that is at fault; empty if it is none of them.
    """

    field = ""

    def __init__(self, status: int, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message.encode(errors="replace").decode())  # validation cannot quote lone surrogates
        self.status, self.message = status, message
        self.headers: dict[str, str] = {}
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))

    def __reduce__(self) -> tuple[Any, ...]:
        """It may come from another process."""
        return type(self), (self.status, self.message), vars(self)


class KeyRefusal(Refusal):
    """A refusal of a request without a key that is needed, or with a wrong one."""


def refused(refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that is refused."""
    body = json.dumps({"error": refusal.message})
    headers = {**(headers or {}), **refusal.headers}
    return Response(body, refusal.status, headers=headers, media_type="application/json")


def refuser(scope: Scope) -> Callable[..., Response]:
    """What answers the refusals of a request: :func:`refused`, or what its route has in its place."""
    found: Callable[..., Response] = scope.get(REFUSED, refused)
    return found


def invalid(what: str) -> Refusal:
    """A refusal of what a request says."""
    return Refusal(400, f"Invalid request: {what}")


def missing(name: str) -> Refusal:
    """A refusal of a request without a field."""
    return invalid(f"missing {name} parameter")


def check_length(found: int, limit: int) -> None:
    """Refuses more characters or texts than the limit; one of -1 is none."""
    if 0 <= limit < found:
        raise invalid(f"request ({found}) exceeds text limit ({limit})")


def without_texts(error: BaseException) -> str:
    """Type and place of an error. Its message may quote a text, which must not get into a log."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places or 'an unknown place'}"
