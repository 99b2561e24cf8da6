"""Compare the translation engines: PyTorch, ONNX Runtime and, where it can, CTranslate2.

    python -m benchmarks.engines [--parent FOLDER --text FILE [--pack FOLDER]] [--turns 3]
        [--threads 2] [--out FILE]

``--pack`` is one of the parent's children. By default a small parent is trained on the phrasebook first, and
translates 500 of its test sentences. All engines run in one process, on the same sentences, text in and text
out, and take turns: each turn gives ratios. PyTorch shares every batch between the threads; the others
translate a batch with each. ``same`` counts sentences that are translated exactly as by PyTorch.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.translation import Translate, measure, phrasebook_parent

BEAMS = (1, 4)


def engines(parent: Any, folder: Path, threads: int) -> dict[str, Any]:
    from crosslate.engines.conversion import export_ctranslate2
    from crosslate.engines.ctranslate2 import CTranslate2Engine
    from crosslate.engines.onnx import OnnxEngine
    from crosslate.engines.onnx_conversion import export_onnx
    from crosslate.engines.pytorch import TorchEngine
    from crosslate.errors import EngineError

    found: dict[str, Any] = {"PyTorch": TorchEngine(parent)}
    for precision in ("float32", "int8"):
        export_onnx(parent, folder / f"onnx-{precision}", precision)
        found[f"ONNX Runtime, {precision}"] = OnnxEngine(
            folder / f"onnx-{precision}", inter_threads=threads, intra_threads=1
        )
        try:
            export_ctranslate2(parent, folder / precision, precision)
        except EngineError as error:
            print(f"without CTranslate2: {error}")
            continue
        found[f"CTranslate2, {precision}"] = CTranslate2Engine(
            folder / precision, inter_threads=threads, intra_threads=1
        )
    return found


def translating(engine: Any, beam: int) -> Translate:
    from crosslate.engines.decoding import DecodingOptions

    options = DecodingOptions(beam_size=beam)
    return lambda texts: [best.text for best, *_ in engine.translate(texts, options)]


def table(seconds: dict[str, list[float]], texts: dict[str, list[str]]) -> str:
    lines = ["| engine | sentences/s | to PyTorch | same |", "|---|---|---|---|"]
    base, expected = seconds["PyTorch"], texts["PyTorch"]
    for name, rows in seconds.items():
        ratios = [one / other for one, other in zip(base, rows, strict=True)]
        rate = len(expected) / statistics.median(rows)
        same = sum(one == other for one, other in zip(expected, texts[name], strict=True))
        lines.append(
            f"| {name} | {rate:,.0f} | {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) "
            f"| {same}/{len(expected)} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parent", type=Path)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--pack", type=Path)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    measured: dict[int, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        if arguments.parent and arguments.text:
            from crosslate.models.parent import Parent
            from crosslate.packs.stored_model import StoredModel

            if arguments.pack:
                parent = StoredModel([arguments.pack], arguments.parent).load()
            else:
                parent = Parent.load(arguments.parent)
            texts = arguments.text.read_text(encoding="utf-8").splitlines()
        else:
            parent, texts = phrasebook_parent(Path(folder))
        found = engines(parent, Path(folder), arguments.threads)
        for beam in BEAMS:
            systems = {name: translating(engine, beam) for name, engine in found.items()}
            measured[beam] = measure(systems, texts, arguments.turns)
            written = {name: translate(texts) for name, translate in systems.items()}
            print(f"beam {beam}, {len(texts):,} sentences, {arguments.threads} threads\n")
            print(table(measured[beam], written), flush=True)
            print()
    if arguments.out:
        arguments.out.write_text(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
