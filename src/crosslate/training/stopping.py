"""Requests to stop: SIGINT and SIGTERM are noted, and obeyed where the run can be continued from."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Notes the first signal inside a ``with`` block; a second one interrupts at once.

    Outside of the main thread, where Python handles no signals, nothing is noted.

    Attributes:
        number: the signal that came; 0 for none.
    """

    def __init__(self) -> None:
        self.number = 0
        self._previous: list[Any] = []

    @property
    def name(self) -> str:
        """Like ``SIGINT``; where none came here, another process was asked."""
        return signal.Signals(self.number).name if self.number else "another process"

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            self._previous = [signal.signal(number, self._note) for number in _SIGNALS]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in zip(_SIGNALS, self._previous):
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            raise KeyboardInterrupt
        self.number = number
