"""Speed of both engines on one trained model: sentences/s, and CTranslate2 as a ratio to PyTorch.

A small parent is trained on the phrasebook for a few epochs first, so that outputs have natural lengths.
The engines take turns; the spread over the turns is printed, and how many translations are identical.

    python -m benchmarks.translation [--turns 3] [--sentences 400]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--sentences", type=int, default=400)
    arguments = parser.parse_args()

    from crosslate import DecodingOptions, Phrasebook, TrainingSettings, train_parent
    from crosslate.engines.ctranslate2 import CTranslate2Engine
    from crosslate.engines.export import export_ctranslate2
    from crosslate.engines.pytorch import TorchEngine
    from crosslate.jobs.data import DataSettings
    from crosslate.models.parent import SIZES

    train, valid, test = Phrasebook(seed=1).corpora(
        "fr", "en", train=4000, valid=50, test=arguments.sentences
    )
    settings = TrainingSettings(max_epochs=4, warmup_updates=100, fresh_learning_rate=2e-3)
    data = DataSettings(source_vocabulary_size=1600, target_vocabulary_size=1600)
    with tempfile.TemporaryDirectory() as folder:
        parent = train_parent(
            train, Path(folder) / "parent", valid=valid, size=SIZES["small"], settings=settings, data=data
        )
        engines = {"pytorch": TorchEngine(parent)}
        for quantization in ("float32", "int8"):
            export_ctranslate2(parent, Path(folder) / quantization, quantization)
            engines[f"ctranslate2 {quantization}"] = CTranslate2Engine(Path(folder) / quantization)
        for beam_size in (1, 5):
            options = DecodingOptions(beam_size=beam_size)
            rates: dict[str, list[float]] = {name: [] for name in engines}
            texts: dict[str, list[str]] = {}
            for _ in range(arguments.turns):
                for name, engine in engines.items():
                    started = time.perf_counter()
                    found = engine.translate(test.source, options)
                    rates[name].append(len(test) / (time.perf_counter() - started))
                    texts[name] = [best[0].text for best in found]
            print(
                f"translation, size small, beam {beam_size}, {len(test)} sentences, {arguments.turns} turns"
            )
            for name, each in rates.items():
                ratio = statistics.median(a / b for a, b in zip(each, rates["pytorch"], strict=True))
                same = sum(a == b for a, b in zip(texts[name], texts["pytorch"], strict=True))
                print(
                    f"{name:24}{statistics.median(each):10,.0f} sentences/s "
                    f"({min(each):,.0f}-{max(each):,.0f})"
                    f"{ratio:8.1f} x PyTorch   {same} of {len(test)} as PyTorch"
                )


if __name__ == "__main__":
    main()
