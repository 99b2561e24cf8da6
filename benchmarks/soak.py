"""A server in ordinary use for half an hour, while all that happens around it that happens in a week.

    python -m benchmarks.soak [--minutes 30] [--size tiny] [--clients 4] [--pause 1.5] [--strict] [--out FILE]

A parent with random weights, a source pack and a target pack. Clients with pauses ask for sentences, lists,
HTML, documents and in the shapes of OpenAI's API, some with a key. Meanwhile, in turn and at least once: a
pack goes and comes back; another version replaces it; the process for long texts is killed; cached models are
damaged before they are loaded again (by the limit of memory they are always being dropped); the disk of the
cache and of temporary files is full while a pack comes; the clock (``time.time`` of the server's Python) is
set; keys are added, copied, removed and restored. The disk is a small tmpfs; where mounting is not allowed,
the server can write to no file instead (RLIMIT_FSIZE).

Expected, and with ``--strict`` otherwise the exit code is 1: every request is answered, after 503 with
``Retry-After``, or 400 or 404 while its pack is away, not at once, and always with the same translation;
no other 5xx; the counts of ``/metrics`` are those of the clients; memory at the end is less than 1.1 times
that after the first round of events; SIGTERM ends the server cleanly, and no temporary file is left.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from shutil import rmtree
from typing import Any

from benchmarks.counted_clients import PATIENCE_SECONDS, Ask, Clients, asks_of, file_path
from benchmarks.servers import ServerProcess, crosslate_server
from benchmarks.serving import random_parent
from benchmarks.sharing import PIECES, made_up_lines
from crosslate.engines.model_cache import is_intact
from crosslate.packs.stored_model import install_pack
from crosslate.server.keys import KeyStore

MOST_GROWTH = 1.1
FIRST, SECOND = "first", "second"
PAIRS = (("fr", "en"), ("de", "en"), ("fr", "es"), ("de", "es"))
_DISK_MEGABYTES = 192
_OPTIONS = ("--engine", "ctranslate2", "--beam", "2", "--max-new-tokens", "16", "--no-repetition-guard")
# Of four models of 13 MB each (tiny), so that one is dropped for another again and again.
_MODELS_IN_MEMORY = 2.5
# Of /metrics in the end: both packs, the pairs of parent, packs and composition, and nobody who waits.
_GAUGES = ("ready 1.0", "packs 2.0", "directions 4.0", "waiting_requests 0.0", "waiting_segments 0.0")
# Of the server and its process for long texts; what is not written in Python keeps the machine's clock.
_CLOCK = """
import os, time
def shifted(now=time.time):
    with open(os.environ["CLOCK"]) as file:
        return now() + float(file.read() or 0)
time.time = shifted
"""


def make_packs(parent_folder: Path, root: Path) -> None:
    """Two versions of a source pack, as ``first/de-en`` and ``second/de-en``, and ``first/fr-es``."""
    from crosslate.models.child import make_child
    from crosslate.models.parent import Parent
    from crosslate.models.strategies import parse_strategy
    from crosslate.models.vocabularies.new_language import NewSide
    from crosslate.packs.compose import pack_child
    from crosslate.text.vocabulary_training import train_vocabulary

    parent = Parent.load(parent_folder)
    german, spanish = (NewSide(name, train_vocabulary(made_up_lines(name), PIECES)) for name in ("de", "es"))
    for seed, version in enumerate((FIRST, SECOND)):
        child = make_child(parent, parse_strategy("src+xattn"), {"source": german}, seed=seed)
        pack_child(child, name=version).save(root / version / "de-en")
    child = make_child(parent, parse_strategy("tgt+xattn"), {"target": spanish}, seed=2)
    pack_child(child).save(root / FIRST / "fr-es")


class Disk:
    """A folder for the cache and temporary files, which can be full."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MEGABYTES}m", "tmpfs", str(folder)]
        self.is_mounted = False
        with suppress(OSError):  # there is no such command
            self.is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
        for name in ("cache", "temporary"):
            (folder / name).mkdir()

    def close(self) -> None:
        if self.is_mounted:
            subprocess.run(["umount", str(self._folder)], check=True)

    @contextmanager
    def full(self, pid: int) -> Iterator[None]:
        """A process can write nothing more to it."""
        filler = self._folder / "filler"
        limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        try:
            if self.is_mounted:
                with suppress(OSError), filler.open("wb", buffering=0) as file:
                    while file.write(bytes(4096)):
                        pass
            else:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, limits[1]))
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
            filler.unlink(missing_ok=True)


class Week:
    """What happens around a server; each event returns what is worth saying of it."""

    def __init__(
        self, root: Path, server: ServerProcess, clients: Clients, asks: Sequence[Ask], disk: Disk
    ) -> None:
        self._root, self._server, self._clients, self._disk = root, server, clients, disk
        self._packs, self._cache = root / "packs", root / "disk" / "cache"
        self._asks = list({(each.kind, each.pair): each for each in asks}.values())
        self._keys = KeyStore(root / "keys.db")
        self.goes_on()
        self._first_models = set(self._cache.iterdir())

    @property
    def events(self) -> dict[str, Callable[[], str]]:
        """By name, in order."""
        return {
            "a pack goes and comes back": self._pack_away, "a pack is replaced": self._pack_replaced,
            "the process for long texts is killed": self._worker_killed,
            "cached models are damaged": self._cache_damaged, "the disk is full": self._disk_full,
            "the clock is set": self._clock_set, "keys change": self._keys_change,
        }  # fmt: skip

    def goes_on(self) -> None:
        """A request of every kind for every pair is answered as before."""
        for ask in self._asks:
            self._clients.ask(ask)

    def _pack_away(self) -> str:
        self._clients.version = None
        away = (self._packs / "de-en").rename(self._root / "away")
        gone = self._until(lambda: self._version() == "", "the pack is gone")
        self._expect(self._status(de="ba"), 400, "a request for a pack that is away")
        away.rename(self._packs / "de-en")
        return f"gone after {gone:.0f} s, back after {self._now_serves(FIRST):.0f} s"

    def _pack_replaced(self) -> str:
        seconds = self._install(SECOND)
        ask = next(each for each in self._asks if each.pair == ("de", "en"))
        versions = {self._clients.answers[ask, version] for version in (FIRST, SECOND)}
        self._expect(len(versions), 2, "translations of two versions")
        return f"served after {seconds:.0f} s, the old one again after {self._install(FIRST):.0f} s"

    def _worker_killed(self) -> str:
        text = "\n".join(made_up_lines("fr", 60)).encode()
        ask = Ask.document(("fr", "en"), "long.txt", text)
        waiting, before = threading.Thread(target=self._clients.ask, args=(ask,)), self._clients.retried
        waiting.start()
        time.sleep(0.3)
        killed = self._server.children()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        self._expect(len(killed), 1, "processes for long texts")
        waiting.join()
        return f"{self._clients.retried - before} requests asked again"

    def _cache_damaged(self) -> str:
        models = [folder / "model.bin" for folder in self._first_models]
        for path in models:
            with path.open("r+b") as file:
                file.seek(path.stat().st_size // 2)
                file.write(os.urandom(1 << 16))

        def all_intact() -> bool:
            self.goes_on()
            return all(is_intact(path.parent) for path in models)

        return (
            f"{len(models)} models built again after {self._until(all_intact, 'all are built again'):.0f} s"
        )

    def _disk_full(self) -> str:
        for folder in set(self._cache.iterdir()) - self._first_models:  # the new pack's must be built
            rmtree(folder)
        with self._disk.full(self._server.pid):
            self._put(SECOND)
            self._until(lambda: "de-en" in self._served()["refused"], "the new pack is refused")
            status, headers, _ = self._clients.once(Ask.document(("fr", "en"), "a.txt", b"ba"))
            self._expect((status, "Retry-After" in headers), (503, True), "a document on a full disk")
            for ask in self._asks:
                if ask.kind != "documents":
                    self._clients.ask(ask)
            self._clients.version = None
        seconds = self._now_serves(SECOND)
        self._install(FIRST)
        return f"the new pack is served {seconds:.0f} s after there is room"

    def _clock_set(self) -> str:
        kept = file_path(json.loads(self._clients.once(Ask.document(("fr", "en"), "a.txt", b"ba"))[2]))
        secret, key = self._keys.add("limited", requests_per_minute=1)
        self._expect(
            [self._status(api_key=secret) for _ in range(2)], [200, 429], "two requests of one a minute"
        )
        for hours in (3, -3, 0):
            (self._root / "clock").write_text(str(3600 * hours), encoding="ascii")
            self._until(lambda hours=hours: abs(self._hours_ahead() - hours) < 0.1, "the clock is set")
            self.goes_on()
            self._expect(self._clients.send("GET", kept)[0], 200, f"a document kept, clock {hours} h ahead")
            self._expect(self._status(api_key=secret), 200, f"one request a minute, clock {hours} h ahead")
        self._keys.remove(key.id)
        return "3 hours on, 6 back, 3 on; documents and rates kept"

    def _keys_change(self) -> str:
        copy = self._root / "copy.db"
        secret, key = self._keys.add("short")
        self._keys.copy(copy)
        found = [self._status(api_key=secret)]
        self._keys.remove(key.id)
        found.append(self._status(api_key=secret))
        KeyStore(copy).copy(self._root / "keys.db")
        found.append(self._status(api_key=secret))
        self._keys.remove(key.id)
        found.append(self._status(api_key=secret))
        self._expect(found, [200, 403, 200, 403], "a key added, removed, restored and removed")
        return "added, copied, removed, restored, removed"

    def _until(self, condition: Callable[[], object], what: str) -> float:
        """Waits; returns the seconds."""
        start = time.monotonic()
        while not condition():
            if time.monotonic() > start + PATIENCE_SECONDS:
                raise TimeoutError(f"waited in vain until {what}")
            time.sleep(0.25)
        return time.monotonic() - start

    def _served(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._clients.send("GET", "/v1/packs")[2])
        return found

    def _version(self) -> str:
        """Of the source pack that is served; empty if none is."""
        return next((each["title"] for each in self._served()["packs"] if each["name"] == "de-en"), "")

    def _put(self, version: str) -> None:
        install_pack(self._root / version / "de-en", self._packs, replace=True)

    def _install(self, version: str) -> float:
        self._clients.version = None
        self._put(version)
        return self._now_serves(version)

    def _now_serves(self, version: str) -> float:
        seconds = self._until(lambda: self._version() == version, f"the {version} pack is served")
        self._clients.version = version
        self.goes_on()
        return seconds

    def _status(self, de: str = "", **fields: str) -> int:
        pair = ("de", "en") if de else ("fr", "en")
        return self._clients.once(Ask.of(pair, de or "ba", **fields))[0]

    def _hours_ahead(self) -> float:
        there = parsedate_to_datetime(self._clients.send("GET", "/languages")[1]["Date"]).timestamp()
        return (there - time.time()) / 3600

    def _expect(self, found: object, expected: object, what: str) -> None:
        if found != expected:
            self._clients.faults.append(f"{what}: {found}, expected {expected}")


def watch(server: ServerProcess, samples: list[tuple[float, float]], stopped: threading.Event) -> None:
    """Adds seconds and megabytes every few seconds."""
    start = time.monotonic()
    while not stopped.wait(3):
        samples.append((time.monotonic() - start, server.megabytes()))


def memory_of(samples: Sequence[tuple[float, float]], after_seconds: float) -> tuple[float, float]:
    """Medians over a tenth of the time, after the first round of events and at the end; 0 for too few."""
    tenth = samples[-1][0] / 10 if samples else 0.0
    first = [megabytes for seconds, megabytes in samples if after_seconds <= seconds < after_seconds + tenth]
    last = [megabytes for seconds, megabytes in samples if seconds > max(after_seconds, 9 * tenth)]
    return (statistics.median(first), statistics.median(last)) if first and last else (0.0, 0.0)


def happen(week: Week, clients: Clients, seconds: float) -> tuple[dict[str, list[str]], float]:
    """All events in turn until the time is up; what each said, and the seconds of the first round."""
    start, first_round = time.monotonic(), 0.0
    said: dict[str, list[str]] = {name: [] for name in week.events}
    while not first_round or time.monotonic() < start + seconds:
        for name, event in week.events.items():
            if first_round and time.monotonic() > start + seconds:
                break
            try:
                said[name].append(event())
                week.goes_on()
            except Exception as error:
                clients.faults.append(f"{name}: {error!r}")
            minutes = (time.monotonic() - start) / 60
            print(f"{minutes:.1f} min, {name}: {said[name][-1:]} {clients.faults[-3:]}", file=sys.stderr)
            clients.stopped.wait(seconds / 45)
        first_round = first_round or time.monotonic() - start
    return said, first_round


def end_faults(root: Path, server: ServerProcess) -> list[str]:
    """What is wrong after a server has ended."""
    left = [*(root / "disk" / "temporary").iterdir(), *(root / "disk" / "cache").glob(".*")]
    left += [
        path for path in (root / "packs").iterdir() if path.name not in ("de-en", "fr-es", ".crosslate-cache")
    ]
    faults = [f"{path} is left" for path in left]
    if server.returncode not in (0, -signal.SIGTERM):
        faults.append(f"the server ended with {server.returncode}")
    return [*faults, *(["there is a traceback in the log"] if "Traceback" in server.log() else [])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="at least one round of events happens")
    parser.add_argument("--size", default="tiny", help="of the parent")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--pause", type=float, default=1.5, help="seconds of a client between two requests")
    parser.add_argument("--strict", action="store_true", help="exit with 1 unless all is as expected")
    parser.add_argument("--out", type=Path, help="JSON of what was found")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the disk must be unmounted
    with ExitStack() as ending:
        root = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        found = soak(root, ending, arguments)
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(table(found))
    sys.exit(arguments.strict and bool(found["faults"]))


def soak(root: Path, ending: ExitStack, arguments: argparse.Namespace) -> dict[str, Any]:
    """All of it; what was found."""
    texts = {"fr": random_parent(arguments.size, root / "parent"), "de": made_up_lines("de", 100)}
    make_packs(root / "parent", root)
    disk = Disk(root / "disk")
    ending.callback(disk.close)
    for name in ("packs", "site"):
        (root / name).mkdir()
    for folder in (root, root / "packs"):  # the parent's model and the packs'
        (folder / ".crosslate-cache").symlink_to(root / "disk" / "cache")
    for name in ("de-en", "fr-es"):
        install_pack(root / FIRST / name, root / "packs")
    secret, _ = KeyStore(root / "keys.db").add("some")
    (root / "site" / "sitecustomize.py").write_text(_CLOCK, encoding="ascii")
    (root / "clock").write_text("0", encoding="ascii")
    environment = {
        "TMPDIR": str(root / "disk" / "temporary"), "CLOCK": str(root / "clock"),
        "PYTHONPATH": os.pathsep.join([str(root / "site"), *sys.path]),
    }  # fmt: skip
    memory = int(_MODELS_IN_MEMORY * (root / "parent" / "model.safetensors").stat().st_size)
    options = (*_OPTIONS, "--memory", str(memory), "--keys", str(root / "keys.db"))
    asks = [ask for pair in PAIRS for ask in asks_of(pair, texts[pair[0]], {"api_key": secret})]
    samples: list[tuple[float, float]] = []
    start, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with crosslate_server(root / "parent", root / "packs", *options, environment=environment) as server:
        clients = Clients(server.port, "de", FIRST)
        week = Week(root, server, clients, asks, disk)
        watching = [threading.Thread(target=watch, args=(server, samples, clients.stopped))]
        for number in range(arguments.clients):
            watching.append(threading.Thread(target=clients.run, args=(asks, arguments.pause, number)))
        for thread in watching:
            thread.start()
        try:
            said, first_round = happen(week, clients, 60 * arguments.minutes)
        finally:
            clients.stopped.set()
            for thread in watching:
                thread.join()
        week.goes_on()
        time.sleep(1)  # requests are counted after their answers
        metrics = clients.send("GET", "/metrics")[2].decode()
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.monotonic() - start
    before, after = memory_of(samples, first_round)
    faults = [*clients.faults, *clients.miscounts(metrics), *end_faults(root, server)]
    faults += [f"/metrics lacks {each}" for each in _GAUGES if f"\ncrosslate_{each}\n" not in metrics]
    if after > MOST_GROWTH * before > 0:
        faults.append(f"memory grew from {before:.0f} MB to {after:.0f} MB")
    statuses: Counter[str] = Counter()
    for (_, status), count in sorted(clients.counts.items()):
        statuses[status] += count
    return {
        "minutes": seconds / 60, "disk": "tmpfs" if disk.is_mounted else "RLIMIT_FSIZE", "events": said,
        "answered": dict(clients.answered), "again": clients.retried, "statuses": dict(statuses),
        "cores": (now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime) / seconds,
        "megabytes": [before, after], "samples": samples, "faults": faults,
    }  # fmt: skip


def table(found: dict[str, Any]) -> str:
    """The results for people."""
    lines = ["| event | times | the last time |", "|---|---|---|"]
    lines += [
        f"| {name} | {len(said)} | {said[-1] if said else ''} |" for name, said in found["events"].items()
    ]
    answered = ", ".join(f"{count:,} {kind}" for kind, count in found["answered"].items())
    statuses = ", ".join(f"{count:,} of {status}" for status, count in found["statuses"].items())
    before, after = found["megabytes"]
    memory = (
        f"{before:.0f} MB after the first round of events, {after:.0f} MB at the end"
        if before
        else "not compared"
    )
    lines += [
        f"\n{found['minutes']:.1f} minutes, {found['cores']:.2f} cores; the full disk by {found['disk']}.",
        f"Answered: {answered}; {found['again']} sent again. Answers: {statuses}.",
        f"Memory: {memory}.",
        "; ".join(found["faults"]) or "As expected.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
