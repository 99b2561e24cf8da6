"""Requests to stop: signals that end a process are noted, and obeyed where the run can be continued from."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


def handle(handler: Callable[[int, FrameType | None], None]) -> dict[int, Any]:
    """Has Ctrl-C, SIGTERM and a closed terminal handled; under nohup a closed terminal goes on being ignored.

    Outside of the main thread, where Python handles no signals, nothing is done.

    Returns:
        The handlers before, by signal, for :func:`restore`.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    previous: dict[int, Any] = {}
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN or number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, handler)
    return previous


def restore(previous: dict[int, Any]) -> None:
    """Gives signals the handlers back that they had."""
    for number, handler in previous.items():
        if handler is not None:  # one that Python did not set cannot be set by it
            signal.signal(number, handler)


class StopRequest:
    """Notes the first signal inside a ``with`` block; a second one interrupts at once. See :func:`handle`.

    Attributes:
        number: the signal that came; 0 for none.
    """

    def __init__(self) -> None:
        self.number = 0
        self._previous: dict[int, Any] = {}

    @property
    def name(self) -> str:
        """Like ``SIGINT``; where none came here, another process was asked."""
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
