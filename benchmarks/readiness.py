"""Time to the first translation: a cold command, and another pack on a parent in memory.

    python -m benchmarks.readiness --pack FOLDER [--turns 5] [--out FILE]

``--pack`` is a pack on disk whose CTranslate2 model is cached (any earlier ``crosslate translate`` has done
that). The further pack is one of src+xattn on a random Transformer base with vocabularies of 1,600 pieces.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def cold_start(pack: Path, turns: int) -> dict[str, list[float]]:
    """Seconds of ``crosslate translate`` of one line, and of ``python -c pass``, taking turns."""
    translate = [sys.executable, "-m", "crosslate", "translate", "--pack", str(pack)]
    seconds: dict[str, list[float]] = {"translate": [], "pass": []}
    for turn in range(turns + 1):
        for name, command in (("translate", translate), ("pass", [sys.executable, "-c", "pass"])):
            started = time.perf_counter()
            subprocess.run(command, input="Ein Hund rennt.\n", text=True, capture_output=True, check=True)
            if turn:  # the first turn also fills the page cache
                seconds[name].append(time.perf_counter() - started)
    return seconds


def resident_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status)[1])


def further_pack(turns: int) -> dict[str, float | list[float]]:
    """Seconds until a verified pack from disk is a child of a resident parent, and what it adds to memory."""
    import numpy

    from crosslate.models.child import make_child
    from crosslate.models.parent import Parent
    from crosslate.models.sizes import parse_size
    from crosslate.models.strategies import parse_strategy
    from crosslate.models.vocabularies.new_language import NewSide
    from crosslate.packs.compose import apply_packs, pack_child
    from crosslate.packs.pack import Pack
    from crosslate.text.phrasebook import Phrasebook
    from crosslate.text.vocabulary_training import train_vocabulary

    corpus = Phrasebook(seed=1).corpora("de", "en", train=4_000, valid=1, test=1)[0]
    vocabulary = train_vocabulary(corpus.source, 1_600)
    parent = Parent.create(vocabulary, vocabulary, "fr", "en", parse_size("base"))
    child = make_child(parent, parse_strategy("src+xattn"), {"source": NewSide("de", vocabulary)})
    parent.fingerprint()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / str(number) for number in range(turns)]
        for path in paths:
            pack_child(child, name="pack").save(path)
        first = Pack.load(paths[0])
        num_bytes = sum(tensor.nbytes for tensor in first.tensors.values())
        kept, touched = [apply_packs(parent, [first])], []
        loading, applying, grown, touching = [], [], [], []
        for path in paths:
            started = time.perf_counter()
            touched.append(numpy.ones(num_bytes, numpy.uint8))
            touching.append(time.perf_counter() - started)
            before, started = resident_bytes(), time.perf_counter()
            pack = Pack.load(path)
            loaded = time.perf_counter()
            kept.append(apply_packs(parent, [pack]))
            applying.append(time.perf_counter() - loaded)
            loading.append(loaded - started)
            grown.append(resident_bytes() - before)
    return {
        "pack_bytes": num_bytes, "loading": loading, "applying": applying, "touching": touching,
        "memory_to_tensors": [each / num_bytes for each in grown],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", type=Path)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    found: dict[str, object] = {}
    if arguments.pack:
        seconds = found["cold_start"] = cold_start(arguments.pack, arguments.turns)
        more = [one - other for one, other in zip(seconds["translate"], seconds["pass"], strict=True)]
        print(
            f"crosslate translate, one line: {statistics.median(more):.2f} s more than python -c pass "
            f"({min(more):.2f}-{max(more):.2f})"
        )
    pack = found["further_pack"] = further_pack(arguments.turns)
    for name in ("loading", "applying"):
        values = [1000 * each for each in pack[name]]
        print(
            f"{name} a further pack: {statistics.median(values):.0f} ms ({min(values):.0f}-{max(values):.0f})"
        )
    least = statistics.median(pack["touching"])
    print(f"filling as much fresh memory on this machine: {1000 * least:.0f} ms")
    ratios = pack["memory_to_tensors"]
    print(
        f"memory of a further pack ({pack['pack_bytes'] / 1e6:.0f} MB of tensors): "
        f"{statistics.median(ratios):.2f} times its tensors ({min(ratios):.2f}-{max(ratios):.2f})"
    )
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
