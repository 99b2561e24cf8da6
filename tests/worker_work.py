"""Work for tests of the server's worker: functions of a module, so that another process finds them."""

import os
import sys
import time

from crosslate.abandoned import stop_if_abandoned
from crosslate.server.answers import Refusal


def summed(readers, start):
    """Yields the sum so far, until it is sent 0."""
    total = start
    while number := (yield total):
        total += number
    return f"in all {total}"


def refused():
    raise Refusal(429, "too much", retry_after=7)


def broken(text):
    raise ZeroDivisionError(text)


def unpicklable():
    return lambda: 0


def dying():
    os._exit(3)


def niceness():
    return os.nice(0)


def printed(text):
    sys.stdout.write(text)
    sys.stdout.flush()
    return os.getpid()


def endless(place):
    """Goes on until nobody waits for it, and then says so."""
    place.with_suffix(".begun").touch()
    try:
        while True:
            stop_if_abandoned()
            time.sleep(0.005)
    finally:
        place.touch()


def hanging(place):
    place.touch()
    time.sleep(600)
