"""Signals: the first is noted, the second interrupts, and the handlers before come back."""

from __future__ import annotations

import signal
import threading

import pytest

from crosslate.training.stopping import StopRequest
from toy_training import interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_noted_and_the_second_interrupts(number: signal.Signals):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), StopRequest() as request:
        assert request.number == 0
        interrupt(number)
        assert (request.number, request.name) == (number, number.name)
        interrupt(number)
    assert signal.getsignal(number) is before


def test_under_nohup_a_closed_terminal_is_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as request:
            interrupt(signal.SIGHUP)
            assert request.number == 0
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_the_main_thread_signals_are_left_alone():
    seen = []

    def enter() -> None:
        with StopRequest() as request:
            seen.append((request.number, request.name, signal.getsignal(signal.SIGINT)))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [(0, "another process", before)]
