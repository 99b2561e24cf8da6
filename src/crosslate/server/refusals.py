"""What the server refuses, as an answer: a status, a short message and sometimes when to come again."""

from __future__ import annotations

import math
import traceback


class Refusal(Exception):
    """A request that is answered with an error.

    Args:
        status: of the HTTP answer.
        message: goes out as ``{"error": message}``.
        retry_after: seconds after which trying again makes sense; None where it does not.
    """

    def __init__(self, status: int, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.retry_after = status, message, retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer."""
        if self.retry_after is None:
            return {}
        return {"Retry-After": str(max(1, math.ceil(self.retry_after)))}


class Overloaded(Refusal):
    """Too much is waiting already, or nothing can be translated yet."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(503, message, retry_after=retry_after)


def without_texts(error: BaseException) -> str:
    """Type and place of an error. Its message may quote a text, which is nobody's business here."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places or 'an unknown place'}"
