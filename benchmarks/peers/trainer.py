"""Hugging Face's Seq2SeqTrainer on a model and pairs that were prepared in a folder. Imports no Crosslate.

    python trainer.py FOLDER MODE PRECISION

MODE is ``all`` (every parameter), ``src+xattn`` (the same tensors through requires_grad) or ``lora`` (LoRA of
rank 16 on cross-attention through PEFT, with the source embeddings trained). One epoch over the pairs after a
warm-up; prints one line of JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    TrainerCallback,
    set_seed,
)

SENTENCES = 64
WARM_UP = 10


class Pairs(torch.utils.data.Dataset):
    def __init__(self, path: Path, count: int | None = None) -> None:
        self.arrays = dict(np.load(path))
        self.count = count or len(self.arrays["source_lengths"])
        self.ends = {side: np.cumsum(self.arrays[f"{side}_lengths"]) for side in ("source", "target")}

    def __len__(self) -> int:
        return self.count

    def ids(self, side: str, index: int) -> list[int]:
        end = self.ends[side][index]
        return self.arrays[side][end - self.arrays[f"{side}_lengths"][index] : end].tolist()

    def __getitem__(self, index: int) -> dict[str, Any]:
        source = self.ids("source", index)
        return {"input_ids": source, "labels": self.ids("target", index), "length": len(source)}


class Collator:
    """Pads to multiples of 8, the fastest of 1, 4, 8 and 16 in bf16 on CPU."""

    def __init__(self, pad: int, start: int, multiple: int = 8) -> None:
        self.pad, self.start, self.multiple = pad, start, multiple

    def padded(self, rows: list[list[int]], value: int) -> torch.Tensor:
        longest = max(map(len, rows))
        longest += -longest % self.multiple
        return torch.tensor([row + [value] * (longest - len(row)) for row in rows])

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        # Masked, so any id does; the padding of the target may be beyond a smaller source vocabulary.
        source = self.padded([example["input_ids"] for example in examples], 0)
        labels = self.padded([example["labels"] for example in examples], -100)
        shifted = torch.roll(labels, 1, dims=1)
        shifted[:, 0] = self.start
        return {
            "input_ids": source,
            "attention_mask": self.padded([[1] * len(each["input_ids"]) for each in examples], 0),
            "decoder_input_ids": shifted.masked_fill(shifted == -100, self.pad),
            "labels": labels,
        }


class Stopwatch(TrainerCallback):
    def on_step_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step == 0:
            self.started = time.perf_counter()

    def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.seconds = time.perf_counter() - self.started


def prepared(model: Any, mode: str) -> Any:
    """The model with what the mode trains."""
    if mode == "all":
        # Sinusoidal positions are constants.
        for name, each in model.named_parameters():
            each.requires_grad_("embed_positions" not in name)
        return model
    embeddings = "model.encoder.embed_tokens"
    if mode == "src+xattn":
        for name, each in model.named_parameters():
            each.requires_grad_(name.startswith(embeddings) or "encoder_attn" in name)
        return model
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=16, lora_alpha=32, target_modules=r".*encoder_attn\.(q|k|v|out)_proj", modules_to_save=None
    )
    model = get_peft_model(model, config)
    for name, each in model.named_parameters():
        if embeddings in name:
            each.requires_grad_(True)
    return model


def best_arguments(output: str, **changes: Any) -> Seq2SeqTrainingArguments:
    """The trainer's fastest settings on CPU, and nothing that reports or saves."""
    return Seq2SeqTrainingArguments(
        output,
        per_device_train_batch_size=SENTENCES,
        optim="adamw_torch_fused",
        train_sampling_strategy="group_by_length",
        length_column_name="length",
        label_smoothing_factor=0.1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        logging_strategy="no",
        remove_unused_columns=False,
        use_cpu=True,
        **changes,
    )


def main() -> None:
    folder, mode, precision = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    set_seed(1)
    base = AutoModelForSeq2SeqLM.from_pretrained(folder / "model")
    config = base.config
    model = prepared(base, mode)
    seconds = 0.0
    pairs = Pairs(folder / "pairs.npz")
    for dataset in (Pairs(folder / "pairs.npz", WARM_UP * SENTENCES), pairs):
        stopwatch = Stopwatch()
        with tempfile.TemporaryDirectory() as output:
            arguments = best_arguments(
                output, num_train_epochs=1, learning_rate=3e-4, bf16=precision == "bf16"
            )
            collator = Collator(config.pad_token_id, config.decoder_start_token_id)
            Seq2SeqTrainer(
                model, arguments, data_collator=collator, train_dataset=dataset, callbacks=[stopwatch]
            ).train()
        seconds = stopwatch.seconds
    tokens = int(pairs.arrays["source_lengths"].sum() + pairs.arrays["target_lengths"].sum())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "tokens_per_second": tokens / seconds, "megabytes": peak / 1e6}))


if __name__ == "__main__":
    main()
