"""Work for tests of running: functions of a module, so that other processes find them."""

import os
import time

from crosslate.errors import InputError, Interrupted
from crosslate.studies.cells import Cell
from crosslate.studies.run import Place
from crosslate.studies.store import Output, Store


def grid() -> dict[str, Cell]:
    """A parent, three children, and a comparison of the first two."""
    parent = Cell("parent", "parent", {"n": 0})
    children = {
        name: Cell("child", name, {"n": name}, {"parent": parent.key}) for name in ("one", "two", "three")
    }
    compare = Cell("compare", "compare", {}, {"first": children["one"].key, "second": children["two"].key})
    return {"parent": parent, **children, "compare": compare}


def work(cell: Cell, place: Place) -> Output:
    """Fails, dies, stops or waits where a file of the study says so; notes each call."""
    log = place.data / f"{cell.title}.calls"
    log.write_text((log.read_text() if log.exists() else "") + f"{os.getpid()}\n")
    if (place.data / f"{cell.title}.fails").exists():
        raise InputError("the text is not there")
    if (place.data / f"{cell.title}.dies").exists():
        os._exit(9)
    if (place.data / f"{cell.title}.stops").exists():
        raise Interrupted("stopped by SIGTERM")
    if (place.data / f"{cell.title}.waits").exists():
        time.sleep(60)
    found = [Store(place.study).load(key).title for key in cell.needs.values()]
    return Output({"needs": found}, ["line"])


def calls(place: Place, title: str) -> int:
    log = place.data / f"{title}.calls"
    return len(log.read_text().split()) if log.exists() else 0
