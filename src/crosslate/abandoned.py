"""Long work that stops when nobody waits for it any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Abandoned(Exception):
    """Raised inside work that nobody waits for any more; nobody sees it."""


_is_abandoned: ContextVar[Callable[[], bool] | None] = ContextVar("is_abandoned", default=None)


@contextmanager
def abandoned_if(is_abandoned: Callable[[], bool]) -> Iterator[None]:
    """Lets work of this thread end early, at its next :func:`stop_if_abandoned`, once this becomes true."""
    token = _is_abandoned.set(is_abandoned)
    try:
        yield
    finally:
        _is_abandoned.reset(token)


def stop_if_abandoned() -> None:
    """Ends the work if nobody waits for it; for loops in long work.

    Raises:
        Abandoned: nobody waits.
    """
    is_abandoned = _is_abandoned.get()
    if is_abandoned is not None and is_abandoned():
        raise Abandoned
