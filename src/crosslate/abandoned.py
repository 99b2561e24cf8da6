"""Long work in a thread beside others: it lets them go first, and stops when nobody waits for it any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

# Python runs one thread at a time, and one that computes gives way only when forced. A pause of a tenth of
# its time costs long work little, and saves those that answer requests a wait at every step.
_WORK_SECONDS, _PAUSE_SECONDS = 0.002, 0.0002


class Abandoned(Exception):
    """Raised inside work that nobody waits for any more; nobody sees it."""


@dataclass
class _Work:
    is_abandoned: Callable[[], bool]
    resumed: float = field(default_factory=time.perf_counter)


_work: ContextVar[_Work | None] = ContextVar("work", default=None)


@contextmanager
def abandoned_if(is_abandoned: Callable[[], bool]) -> Iterator[None]:
    """Lets work of this thread end early, at its next :func:`stop_if_abandoned`, once this becomes true."""
    token = _work.set(_Work(is_abandoned))
    try:
        yield
    finally:
        _work.reset(token)


def stop_if_abandoned() -> None:
    """Ends the work if nobody waits for it, else lets others go first now and then; for loops in long work.

    Raises:
        Abandoned: nobody waits.
    """
    work = _work.get()
    if work is None:
        return
    if work.is_abandoned():
        raise Abandoned
    if time.perf_counter() - work.resumed > _WORK_SECONDS:
        time.sleep(_PAUSE_SECONDS)
        work.resumed = time.perf_counter()
