"""Training time by operation, for plain PyTorch and Crosslate, on one core.

    python -m benchmarks.profiling [MODE] [--size small] [--batches 6]

MODE is what is trained, as in ``benchmarks.training``. The plain way is fp32 with PyTorch's own dropout and
attention, full logits and autograd for the same tensors. The limit is the time that the operations of the
matrix products would take at the measured peak of one core, in bf16 and at Crosslate's filling of batches.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.generated import Captions, make_trainee

if TYPE_CHECKING:
    from crosslate.training.batches import Batch
    from crosslate.training.optimiser import Trainee

KINDS = {
    "matrix products": ("mm", "bmm", "addmm", "baddbmm", "linear", "mkldnn"),
    "attention kernels": ("scaled_dot_product", "flash_attention"),
    "dropout masks": ("dropout", "bernoulli", "random_"),
    "softmax and loss": ("softmax", "nll_loss", "cross_entropy"),
    "layer norm": ("layer_norm",),
    "activation": ("silu", "gelu", "relu"),
    "embedding": ("embedding", "index_add", "index_put", "index_select"),
    "optimiser": ("adamw", "clip_grad", "linalg_vector_norm", "_foreach"),
    "copies and casts": ("copy_", "_to_copy", "contiguous", "clone", "fill_", "zero_", "cat"),
    "sums and products": ("add", "mul", "div", "sum", "sub", "where", "masked_fill", "ge", "le"),
}
REST = "Python, autograd and the rest"


def kind_of(name: str) -> str:
    """The kind of an operation by its name; the first that matches."""
    if name.startswith("autograd::") or name.endswith("Backward0"):
        return REST
    plain = name.removeprefix("aten::").removeprefix("Optimizer.").lower()
    for kind, parts in KINDS.items():
        if any(part == plain.strip("_") or (len(part) > 3 and part in plain) for part in parts):
            return kind
    return REST


def profiled(step: Callable[[int], None], count: int) -> dict[str, float]:
    """Seconds by kind of ``count`` steps, after as many that warm up; what no operation has is the rest.

    Shares are of the profiler's times; their sum is the time without the profiler.
    """
    from torch.profiler import ProfilerActivity, profile

    for number in range(count):
        step(number)
    started = time.perf_counter()
    for number in range(count):
        step(number)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for number in range(count):
            step(number)
    slowed = time.perf_counter() - started
    found: dict[str, float] = defaultdict(float)
    for event in profiler.key_averages():
        found[kind_of(event.key)] += event.self_cpu_time_total / 1e6 * seconds / slowed
    found[REST] += seconds - sum(found.values())
    return dict(found)


def make_step(trainee: Trainee, batches: list[Batch], *, is_plain: bool) -> Callable[[int], None]:
    """An update on one of the batches."""
    import torch
    from torch.nn import functional

    from crosslate.training.cpu import SeededRandom
    from crosslate.training.loss import TranslationLoss
    from crosslate.training.optimiser import make_optimiser
    from crosslate.training.settings import TrainingSettings

    optimiser = make_optimiser(trainee, TrainingSettings())
    objective = None if is_plain else TranslationLoss(trainee.model, 0.1)
    trainee.model.train()

    def step(number: int) -> None:
        batch = batches[number]
        optimiser.zero_grad()
        if objective is not None:
            with torch.autocast("cpu", torch.bfloat16), SeededRandom(number):
                loss = objective(batch)
        else:
            logits = trainee.model(
                input_ids=batch.source, attention_mask=batch.source_mask,
                decoder_input_ids=batch.decoder_input,
            ).logits  # fmt: skip
            loss = functional.cross_entropy(
                logits.flatten(0, 1), batch.labels.flatten(), label_smoothing=0.1, reduction="sum"
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trainee.trained.values(), 1.0)
        optimiser.step()

    return step


def make_batches(trainee: Trainee, count: int, *, is_plain: bool) -> list[Batch]:
    """The same pairs for both ways; with a frozen encoder's states where Crosslate would keep them."""
    import torch

    from crosslate.training.batches import collate, plan_batches

    pairs = Captions(6_000)
    plan = plan_batches(pairs.source_lengths, pairs.target_lengths, 2048, 1, 0)[:count]
    batches = [collate(pairs, planned, trainee.ids) for planned in plan]
    encoder = trainee.frozen_encoder
    if is_plain or encoder is None:
        return batches
    with torch.no_grad():
        states = [encoder(input_ids=each.source, attention_mask=each.source_mask)[0] for each in batches]
    return [replace(batch, states=each.bfloat16()) for batch, each in zip(batches, states, strict=True)]


def measure(mode: str, size: str, count: int) -> tuple[dict[str, dict[str, float]], float, int]:
    """Seconds by kind for both ways, seconds at the peak, and tokens of the batches."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks.peak import matrix_product_peak
    from crosslate.training.cpu import cheaper_on_cpu

    torch.set_num_threads(1)
    trainee = make_trainee(mode, size)
    plain = profiled(make_step(trainee, make_batches(trainee, count, is_plain=True), is_plain=True), count)
    batches = make_batches(trainee, count, is_plain=False)
    with cheaper_on_cpu(trainee.model, is_bf16=True):
        step = make_step(trainee, batches, is_plain=False)
        ours = profiled(step, count)
        with FlopCounterMode(display=False) as counter:
            for number in range(count):
                step(number)
    limit = counter.get_total_flops() / matrix_product_peak(torch.bfloat16)
    tokens = sum(batch.num_tokens for batch in batches)
    return {"plain": plain, "Crosslate": ours}, limit, tokens


def table(found: dict[str, dict[str, float]], limit: float, tokens: int) -> str:
    def cost(seconds: float) -> str:
        return f"{1e6 * seconds / tokens:.1f}"

    kinds = [*KINDS, REST]
    lines = ["| microseconds per token | plain, fp32 | Crosslate |", "|---|---|---|"]
    lines += [
        f"| {kind} | " + " | ".join(cost(each.get(kind, 0.0)) for each in found.values()) + " |"
        for kind in kinds
        if any(each.get(kind, 0.0) > 0 for each in found.values())
    ]
    lines.append("| all | " + " | ".join(cost(sum(each.values())) for each in found.values()) + " |")
    lines.append(f"| limit: matrix products at the bf16 peak | | {cost(limit)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mode", nargs="?", default="src+xattn")
    parser.add_argument("--size", default="small")
    parser.add_argument("--batches", type=int, default=6)
    arguments = parser.parse_args()
    print(table(*measure(arguments.mode, arguments.size, arguments.batches)))


if __name__ == "__main__":
    main()
