"""Hugging Face's Seq2SeqTrainer training everything on real text, with a validation after every epoch.

    python learning.py FOLDER SEED EPOCHS RATE STARTED [PATH]

FOLDER holds ``model`` or ``model.pt``, ``pairs.npz`` and ``valid.json`` (ids of the source sentences);
``model.pt`` is a whole model of a class that is not in transformers but found in PATH. Validation translates
greedily with ``generate``, longest first. STARTED is the time of day at which this process was started,
or ``cpu``. Prints one line of JSON: for every validation, seconds since then, or of the processor, and the
ids of the translations.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from trainer import SENTENCES, Collator, Pairs, best_arguments, prepared
from transformers import AutoModelForSeq2SeqLM, Seq2SeqTrainer, TrainerCallback, set_seed


class Validation(TrainerCallback):
    """Translates after every epoch."""

    def __init__(self, model: Any, sources: list[list[int]], collator: Collator, started: str) -> None:
        self.model, self.sources, self.collator, self.started = model, sources, collator, started
        self.found: list[dict[str, Any]] = []

    @torch.inference_mode()
    def on_epoch_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.model.eval()
        order = sorted(range(len(self.sources)), key=lambda index: -len(self.sources[index]))
        translations: list[list[int]] = [[]] * len(order)
        for start in range(0, len(order), SENTENCES):
            chosen = order[start : start + SENTENCES]
            batch = self.collator([{"input_ids": self.sources[index], "labels": [0]} for index in chosen])
            with torch.autocast("cpu", torch.bfloat16):
                ids = self.model.generate(
                    input_ids=batch["input_ids"], attention_mask=batch["attention_mask"],
                    num_beams=1, max_new_tokens=min(100, self.model.config.max_position_embeddings - 1),
                )  # fmt: skip
            for index, row in zip(chosen, ids.tolist(), strict=True):
                translations[index] = row
        seconds = time.process_time() if self.started == "cpu" else time.time() - float(self.started)
        self.found.append({"seconds": seconds, "ids": translations})
        self.model.train()


def main() -> None:
    folder, seed, epochs, rate = Path(sys.argv[1]), *map(float, sys.argv[2:5])
    set_seed(int(seed))
    if sys.argv[6:]:
        sys.path.append(sys.argv[6])
        base = torch.load(folder / "model.pt", weights_only=False)
    else:
        base = AutoModelForSeq2SeqLM.from_pretrained(folder / "model")
    model = prepared(base, "all")
    config = model.config
    collator = Collator(config.pad_token_id, config.decoder_start_token_id)
    sources = json.loads((folder / "valid.json").read_text(encoding="utf-8"))
    validation = Validation(model, sources, collator, sys.argv[5])
    with tempfile.TemporaryDirectory() as output:
        arguments = best_arguments(
            output, num_train_epochs=epochs, learning_rate=rate, lr_scheduler_type="cosine",
            warmup_steps=50, bf16=True, seed=int(seed),
        )  # fmt: skip
        Seq2SeqTrainer(
            model, arguments, data_collator=collator, train_dataset=Pairs(folder / "pairs.npz"),
            callbacks=[validation],
        ).train()  # fmt: skip
    print(json.dumps({"validations": validation.found}))


if __name__ == "__main__":
    main()
