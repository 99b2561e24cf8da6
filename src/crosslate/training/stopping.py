"""Signals that stop a run at a point from which it can be resumed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


def handle(handler: Callable[[int, FrameType | None], None]) -> dict[int, Any]:
    """Handles Ctrl-C, SIGTERM and a closed terminal, which nohup still ignores.

    Does nothing outside the main thread, where Python cannot set handlers.

    Returns:
        The previous handlers by signal, for :func:`restore`.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    previous: dict[int, Any] = {}
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN or number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, handler)
    return previous


def restore(previous: dict[int, Any]) -> None:
    """Restores the previous signal handlers."""
    for number, handler in previous.items():
        if handler is not None:  # handlers that were not set by Python cannot be restored
            signal.signal(number, handler)


class StopRequest:
    """Records the first signal inside a ``with`` block; a second one interrupts at once. See :func:`handle`.

    Attributes:
        number: the signal received; 0 for none.
    """

    def __init__(self) -> None:
        self.number = 0
        self._previous: dict[int, Any] = {}

    @property
    def name(self) -> str:
        """The signal's name, such as ``SIGINT``, or ``another process`` if the signal went there."""
        return signal.Signals(self.number).name if self.number else "another process"

    def __enter__(self) -> StopRequest:
        self._previous = handle(self._note)
        return self

    def __exit__(self, *error: object) -> None:
        restore(self._previous)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            raise KeyboardInterrupt
        self.number = number
