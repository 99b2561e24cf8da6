"""What a start of the new embeddings is worth with little text: short runs on the phrasebook.

    python -m benchmarks.starts --parent FOLDER [--pairs 500] [--updates 150] [--methods mean aligned …]

FOLDER is a French-English parent of the phrasebook (``crosslate demo`` makes one). Scores are greedy BLEU
on 300 validation sentences, the best of three validations; the dictionary is the phrasebook's own.
"""

from __future__ import annotations

import argparse
import time

from crosslate.corpora.phrasebook import Phrasebook
from crosslate.jobs.adapt import adapt
from crosslate.jobs.data import DataSettings
from crosslate.models.initial_embeddings import METHODS
from crosslate.models.parent import Parent
from crosslate.training.settings import TrainingSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parent", required=True)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--updates", type=int, default=150)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    arguments = parser.parse_args()
    settings = TrainingSettings(
        max_epochs=0, max_updates=arguments.updates, validate_every_updates=max(1, arguments.updates // 3),
        fresh_learning_rate=8e-3, pretrained_learning_rate=5e-4, warmup_updates=50, dropout=0.05,
        schedule="cosine", patience=0, batch_tokens=1024,
    )  # fmt: skip
    book = Phrasebook(1)
    train, valid, _ = book.corpora("de", "en", train=arguments.pairs, valid=300, test=1)
    print("| start | BLEU | seconds | rows |\n|---|---:|---:|---|")
    for method in arguments.methods:
        started = time.monotonic()
        pack = adapt(
            Parent.load(arguments.parent), train, new_source="de", valid=valid, settings=settings,
            data=DataSettings(source_vocabulary_size=1200), initial_embeddings=method,
            dictionaries={"source": book.dictionary("de", "fr")} if method == "dictionary" else None,
        )  # fmt: skip
        training = pack.manifest.training
        score = max(entry["score"] for entry in training["validations"])
        rows = training["initial_embeddings"]["rows"].get("source", {})
        shown = ", ".join(f"{count} {name}" for name, count in rows.items()) or "random"
        print(f"| {method} | {score:.1f} | {time.monotonic() - started:.0f} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
