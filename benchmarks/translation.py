"""Compare translation by Hugging Face's generate, both engines, and plain CTranslate2.

    python -m benchmarks.translation [--parent FOLDER --text FILE] [--turns 3] [--out FILE]

By default a small parent is trained on the phrasebook first, and translates 500 of its test sentences.
All systems run in one process, on the same sentences, with beam 5, text in and text out, and take turns:
each turn gives ratios. ``generate`` gets batches of 64 sentences sorted by length, in bf16 and in fp32.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BEAM = 5
Translate = Callable[[list[str]], list[str]]


def hugging_face(parent: Any, dtype: str) -> Translate:
    import torch

    def translate(texts: list[str]) -> list[str]:
        model, pad = parent.model.eval(), parent.source.special.pad
        ids = [[*parent.source.encode(text), parent.source.special.eos] for text in texts]
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        found = [""] * len(ids)
        for start in range(0, len(order), 64):
            rows = order[start : start + 64]
            longest = max(len(ids[row]) for row in rows)
            batch = torch.tensor([ids[row] + [pad] * (longest - len(ids[row])) for row in rows])
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bf16"):
                output = model.generate(
                    input_ids=batch, attention_mask=(batch != pad).long(), num_beams=BEAM,
                    max_length=2 * longest + 10,
                )  # fmt: skip
            for row, sentence in zip(rows, output.tolist(), strict=True):
                found[row] = parent.target.decode([each for each in sentence if each > pad])
        return found

    return translate


def raw_ctranslate2(parent: Any, folder: Path, beam: int = BEAM, max_tokens: int = 128) -> Translate:
    """The same exported model, threads and batches, without anything of ours around it."""
    import ctranslate2

    from crosslate.engines.ctranslate2 import default_threads, num_usable_cores

    inter, intra = default_threads(num_usable_cores())
    translator = ctranslate2.Translator(str(folder), inter_threads=inter, intra_threads=intra)
    pieces = parent.source.pieces
    end = [pieces[parent.source.special.eos]]
    ids_of = {piece: index for index, piece in enumerate(parent.target.pieces)}

    def translate(texts: list[str]) -> list[str]:
        tokens = [[pieces[index] for index in parent.source.encode(text)] + end for text in texts]
        results = translator.translate_batch(
            tokens, max_batch_size=1024, batch_type="tokens", beam_size=beam, max_decoding_length=max_tokens
        )
        return [parent.target.decode([ids_of[piece] for piece in result.hypotheses[0]]) for result in results]

    return translate


def systems(parent: Any, folder: Path) -> dict[str, Translate]:
    from crosslate import DecodingOptions
    from crosslate.engines.conversion import export_ctranslate2
    from crosslate.engines.ctranslate2 import CTranslate2Engine
    from crosslate.engines.pytorch import TorchEngine
    from crosslate.translation.lines import translate_lines

    options = DecodingOptions(beam_size=BEAM)

    def ours(engine: Any) -> Translate:
        return lambda texts: list(translate_lines(engine, texts, options, language="fr"))

    for quantization in ("float32", "int8"):
        export_ctranslate2(parent, folder / quantization, quantization)
    return {
        "generate, fp32": hugging_face(parent, "fp32"),
        "generate, bf16": hugging_face(parent, "bf16"),
        "Crosslate, PyTorch engine": ours(TorchEngine(parent)),
        "CTranslate2 alone": raw_ctranslate2(parent, folder / "float32"),
        "Crosslate, CTranslate2 engine": ours(CTranslate2Engine(folder / "float32")),
        "Crosslate, CTranslate2 engine, int8": ours(CTranslate2Engine(folder / "int8")),
    }


def phrasebook_parent(folder: Path) -> tuple[Any, list[str]]:
    from crosslate import Phrasebook, TrainingSettings, train_parent
    from crosslate.adaptation.settings import DataSettings, OutputSettings
    from crosslate.models.sizes import SIZES

    train, valid, test = Phrasebook(seed=1).corpora("fr", "en", train=4000, valid=50, test=500)
    settings = TrainingSettings(max_epochs=4, warmup_updates=100, fresh_learning_rate=1.5e-3)
    data = DataSettings(source_vocabulary_size=1600, target_vocabulary_size=1600)
    parent = train_parent(
        train, valid, output=OutputSettings(folder=folder / "parent"), size=SIZES["small"],
        training=settings, data=data,
    )  # fmt: skip
    return parent, list(test.source)


def measure(all_systems: dict[str, Translate], texts: list[str], turns: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in all_systems}
    for translate in all_systems.values():
        translate(texts[:64])
    for _ in range(turns):
        for name, translate in all_systems.items():
            started = time.perf_counter()
            found = translate(texts)
            seconds[name].append(time.perf_counter() - started)
            if len(found) != len(texts):
                raise SystemExit(f"{name} gave {len(found)} translations of {len(texts)}")
    return seconds


def table(seconds: dict[str, list[float]], num_texts: int) -> str:
    best_generate = min(
        (rows for name, rows in seconds.items() if name.startswith("generate")), key=statistics.median
    )
    raw = seconds["CTranslate2 alone"]
    lines = ["| system | sentences/s | to the faster generate | to CTranslate2 alone |", "|---|---|---|---|"]

    def ratio(base: list[float], rows: list[float]) -> str:
        found = [one / other for one, other in zip(base, rows, strict=True)]
        return f"{statistics.median(found):.2f} ({min(found):.2f}-{max(found):.2f})"

    for name, rows in seconds.items():
        rate = num_texts / statistics.median(rows)
        lines.append(f"| {name} | {rate:,.0f} | {ratio(best_generate, rows)} | {ratio(raw, rows)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parent", type=Path)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.parent and arguments.text:
            from crosslate.models.parent import Parent

            parent = Parent.load(arguments.parent)
            texts = arguments.text.read_text(encoding="utf-8").splitlines()
        else:
            parent, texts = phrasebook_parent(Path(folder))
        seconds = measure(systems(parent, Path(folder)), texts, arguments.turns)
    if arguments.out:
        arguments.out.write_text(json.dumps(seconds, indent=1))
    print(f"beam {BEAM}, {len(texts):,} sentences, {arguments.turns} turns: median (lowest-highest)\n")
    print(table(seconds, len(texts)))


if __name__ == "__main__":
    main()
