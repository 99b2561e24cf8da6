"""The server under load, compared with CTranslate2 alone and LibreTranslate with the same model.

    python -m benchmarks.serving [--parent FOLDER --text FILE | --size base] [--seconds 20] [--turns 3]
        [--clients 1 8 32] [--kinds sentences lists documents] [--quantization float32] [--no-rival]
        [--memory-minutes 0] [--out FILE]

By default a small parent is trained on the phrasebook first, and the sentences are of its test set.
``--size`` takes a random parent of that size instead, with outputs of 20 tokens: what the server takes is
then set against a model as heavy as those that people serve; LibreTranslate, which would not stop at 20, is
left out.

Systems take turns and each turn gives ratios; the clients are threads of one process on the same machine, and
what they take of it is measured against the servers, not against CTranslate2. That is measured twice, in the
threads, beam and quantization of the server: alone, with 250 sentences at once, sorted by length, which is
the most that it can do; and called by as many threads as there are clients, each with what a request holds,
which is what a program without a server would do. LibreTranslate (in an environment of its own, offline)
serves the package that ``crosslate pack export --to argos`` writes.
``--memory-minutes`` puts a mixed load on a server for so long and prints its memory every tenth of that.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import cycle, islice, product
from pathlib import Path
from typing import Any

from benchmarks.compare import spread
from benchmarks.environments import peer_python
from benchmarks.load import Load, Request, put_load
from benchmarks.servers import ServerProcess, crosslate_server

# The rival's, which has no option for it.
BEAM = 4
OUTPUT_TOKENS = 20
LIST, LINES, PER_LINE = 32, 6, 5
DIRECT, CALLED, OURS, RIVAL = "CTranslate2 alone", "CTranslate2 called", "Crosslate", "LibreTranslate"
SENTENCES, LISTS, DOCUMENTS = "sentences", f"lists of {LIST}", f"documents of {LINES * PER_LINE}"
SIZES = {SENTENCES: 1, LISTS: LIST, DOCUMENTS: LINES * PER_LINE}
NAMES = {"sentences": SENTENCES, "lists": LISTS, "documents": DOCUMENTS}
_DIRECT_SENTENCES = 250
Row = dict[str, Any]


def random_parent(size: str, folder: Path) -> list[str]:
    """A parent of a size with random weights, saved; and sentences for it."""
    from benchmarks.sharing import PIECES, made_up_lines
    from crosslate.models.parent import Parent
    from crosslate.models.sizes import parse_size
    from crosslate.text.vocabulary_training import train_vocabulary

    vocabularies = [train_vocabulary(made_up_lines(language), PIECES) for language in ("fr", "en")]
    Parent.create(*vocabularies, "fr", "en", parse_size(size)).save(folder)
    return made_up_lines("fr", 500)


def requests(texts: Sequence[str], kind: str, languages: tuple[str, str]) -> list[Request]:
    """Requests of a kind; every sentence of ``texts`` is in about as many of them."""
    sentences = islice(cycle(texts), 40 * len(texts))
    if kind == SENTENCES:
        return [Request.of(text, *languages, 1) for text in texts]
    if kind == LISTS:
        return [Request.of(each, *languages, LIST) for each in _chunks(sentences, LIST)]
    lines = (" ".join(each) for each in _chunks(sentences, PER_LINE))
    return [Request.of("\n".join(each), *languages, LINES * PER_LINE) for each in _chunks(lines, LINES)]


def _chunks(items: Iterator[str], size: int) -> Iterator[list[str]]:
    while len(chunk := list(islice(items, size))) == size:
        yield chunk


class Direct:
    """CTranslate2 without a server: some hundred sentences at once, again and again."""

    def __init__(self, parent: Any, folder: Path, quantization: str, max_tokens: int) -> None:
        from benchmarks.translation import raw_ctranslate2
        from crosslate.engines.conversion import export_ctranslate2

        export_ctranslate2(parent, folder, quantization)  # type: ignore[arg-type]
        self._translate = raw_ctranslate2(parent, folder, beam=BEAM, max_tokens=max_tokens)

    def sentences_per_second(self, texts: list[str], seconds: float) -> float:
        self._translate(texts[:32])
        count, start = 0, time.perf_counter()
        while (took := time.perf_counter() - start) < seconds:
            # Enough to fill every thread's batches, but few enough for slow models to finish.
            self._translate(texts[count % len(texts) :][:_DIRECT_SENTENCES])
            count += min(_DIRECT_SENTENCES, len(texts) - count % len(texts))
        return count / took

    def called_by(self, clients: int, chunks: Sequence[Sequence[str]], seconds: float) -> Row:
        """So many threads that call it for so long, each with every ``clients``-th of the chunks in turn."""
        counts = [0] * clients
        start = time.perf_counter()

        def client(number: int) -> None:
            position = number
            while time.perf_counter() < start + seconds:
                chunk = list(chunks[position % len(chunks)])
                self._translate(chunk)
                counts[number] += len(chunk)
                position += clients

        threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"rate": sum(counts) / (time.perf_counter() - start), "failed": 0}


def libretranslate(package: Path, home: Path, quantization: str) -> ServerProcess:
    """LibreTranslate with one package and nothing from the network."""
    python = peer_python("libretranslate")
    environment = {
        **dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), str(home)),
        "ARGOS_PACKAGES_DIR": str(home / "packages"), "ARGOS_COMPUTE_TYPE": quantization,
        "ARGOS_PACKAGE_INDEX": "http://127.0.0.1:9/",  # it asks for more packages at every start
        "PYTHONPATH": "",
    }  # fmt: skip
    install = f"from argostranslate import package; package.install_from_path({str(package)!r})"
    subprocess.run([python, "-c", install], env={**os.environ, **environment}, check=True)
    command = [str(Path(python).parent / "libretranslate"), "--port", "{port}", "--disable-web-ui"]
    return ServerProcess(command, environment)


def measured(system: str, kind: str, load: Load) -> Row:
    return {
        "system": system, "kind": kind, "clients": load.clients, "rate": load.sentences_per_second,
        "p50": load.milliseconds(50), "p95": load.milliseconds(95), "p99": load.milliseconds(99),
        "failed": load.failed, "requests": len(load.latencies),
    }  # fmt: skip


def one_turn(
    direct: Direct, servers: dict[str, ServerProcess], texts: list[str], languages: tuple[str, str],
    kinds: Sequence[str], clients: Sequence[int], seconds: float,
) -> list[Row]:  # fmt: skip
    """Every point once; what is compared with each other stands close together in time."""
    rows: list[Row] = []
    for kind, count in product(kinds, clients):
        chunks = list(_chunks(islice(cycle(texts), 40 * len(texts)), SIZES[kind]))
        point = {"kind": kind, "clients": count}
        rate = direct.sentences_per_second(texts, seconds / 2)
        rows.append({"system": DIRECT, **point, "rate": rate, "failed": 0})
        rows.append({"system": CALLED, **point, **direct.called_by(count, chunks, seconds / 2)})
        for name, server in servers.items():
            rows.append(
                measured(name, kind, put_load(server.port, requests(texts, kind, languages), count, seconds))
            )
            print(f"{name}, {kind}, {count} clients: {rows[-1]['rate']:.1f} sentences/s", file=sys.stderr)
    return rows


def watch_memory(
    server: ServerProcess, texts: list[str], languages: tuple[str, str], minutes: float
) -> list[Row]:
    """Memory of a server under all kinds of requests at once, ten times."""
    mixed = [each for kind in (LISTS, DOCUMENTS) for each in requests(texts, kind, languages)[:40]]
    for text in texts:
        mixed += [
            Request.of(text, *languages, 1),
            Request.of(f"<p>{text} <b>{text}</b></p>", *languages, 2, format="html"),
            Request.of(text, "auto", languages[1], 1, alternatives=2),
        ]
    rows: list[Row] = []
    for tenth in range(1, 11):
        load = put_load(server.port, mixed, 32, minutes * 6)
        rows.append({"minutes": minutes * tenth / 10, "megabytes": server.megabytes(), "failed": load.failed,
                     "requests": len(load.latencies)})  # fmt: skip
        print(f"{rows[-1]}", file=sys.stderr)
    return rows


def table(turns: list[list[Row]]) -> str:
    """The medians over the turns; ratios are of one turn each."""
    lines = [
        "| system | requests | clients | sentences/s | p50, p95, p99 in ms "
        f"| to {DIRECT} | to {CALLED} | times {RIVAL} |",
        "|---|---|---|---|---|---|---|---|",
    ]

    def column(system: str, row: Row, name: str) -> list[float]:
        same = ("kind", "clients")
        return [
            each[name] for turn in turns for each in turn
            if each["system"] == system and all(each[key] == row[key] for key in same)
        ]  # fmt: skip

    def ratio(row: Row, other: str) -> str:
        ours, theirs = column(row["system"], row, "rate"), column(other, row, "rate")
        return spread([one / two for one, two in zip(ours, theirs, strict=True)]) if theirs else ""

    for row in turns[0]:
        system = row["system"]
        if system in (DIRECT, CALLED):
            continue
        times = ", ".join(
            f"{statistics.median(column(system, row, name)):,.0f}" for name in ("p50", "p95", "p99")
        )
        rate = spread(column(system, row, "rate"))
        lines.append(
            f"| {system} | {row['kind']} | {row['clients']} | {rate} | {times} "
            f"| {ratio(row, DIRECT)} | {ratio(row, CALLED)} | {ratio(row, RIVAL) if system == OURS else ''} |"
        )
    failed = {name: sum(row["failed"] for turn in turns for row in turn if row["system"] == name)
              for name in (OURS, RIVAL)}  # fmt: skip
    count = sum(row.get("requests", 0) for turn in turns for row in turn)
    lines.append(
        f"\n{count:,} requests; failed: " + ", ".join(f"{name} {found}" for name, found in failed.items())
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--parent", type=Path)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--size", help="of a parent with random weights")
    parser.add_argument("--seconds", type=float, default=20, help="of one point")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--kinds", nargs="+", default=list(NAMES), choices=NAMES)
    parser.add_argument("--quantization", default="float32")
    parser.add_argument("--no-rival", action="store_true")
    parser.add_argument("--memory-minutes", type=float, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if bool(arguments.parent) != bool(arguments.text) or (arguments.parent and arguments.size):
        parser.error("give --parent and --text, or --size, or nothing")
    from benchmarks.translation import phrasebook_parent
    from crosslate.models.parent import Parent

    is_random = bool(arguments.size)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        root = Path(folder)
        saved = arguments.parent or root / "parent"
        if arguments.parent:
            texts = arguments.text.read_text(encoding="utf-8").splitlines()[:1000]
        else:
            texts = random_parent(arguments.size, saved) if is_random else phrasebook_parent(root)[1]
        parent = Parent.load(saved)
        languages = (parent.source_language, parent.target_language)
        limit = OUTPUT_TOKENS if is_random else 512
        direct = Direct(parent, root / "direct", arguments.quantization, limit)
        options = ["--engine", "ctranslate2", "--quantization", arguments.quantization, "--beam", str(BEAM)]
        # An untrained model repeats itself.
        options += ["--max-new-tokens", str(limit), *(["--no-repetition-guard"] if is_random else [])]
        servers = {OURS: running.enter_context(crosslate_server(saved, None, *options))}
        if not (is_random or arguments.no_rival):
            from crosslate.export.formats.argos import export_argos

            export_argos(parent, root / "package.argosmodel", languages, arguments.quantization)
            home = root / "rival"
            home.mkdir()
            rival = libretranslate(root / "package.argosmodel", home, arguments.quantization)
            servers[RIVAL] = running.enter_context(rival)
        for server in servers.values():  # models are loaded at their first request
            put_load(server.port, requests(texts, LISTS, languages), 2, 3)
        memory = []
        turns = []
        kinds = [NAMES[name] for name in arguments.kinds]
        for _ in range(arguments.turns):
            turns.append(
                one_turn(direct, servers, texts, languages, kinds, arguments.clients, arguments.seconds)
            )
        if arguments.memory_minutes:
            memory = watch_memory(servers[OURS], texts, languages, arguments.memory_minutes)
    if arguments.out:
        arguments.out.write_text(json.dumps({"turns": turns, "memory": memory}, indent=1), encoding="utf-8")
    print(f"{len(texts):,} sentences, beam {BEAM}, {arguments.quantization}, {os.cpu_count()} cores, points "
          f"of {arguments.seconds:g} s, {arguments.turns} turns: median (lowest-highest)\n")  # fmt: skip
    print(table(turns))
    if memory:
        print("\nmemory of the server, MB: " + ", ".join(f"{row['megabytes']:.0f}" for row in memory) + "; "
              f"{sum(row['requests'] for row in memory):,} requests in {arguments.memory_minutes:g} minutes, "
              f"{sum(row['failed'] for row in memory)} failed")  # fmt: skip


if __name__ == "__main__":
    main()
