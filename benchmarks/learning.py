"""Time to reach a score on real text, and the effect of speed on quality, in one run.

    python -m benchmarks.learning --parent FOLDER --train FILE FILE --valid FILE FILE [--new-source de]
        [--ours STRATEGY ...] [--dropout 0.1|auto] [--initial-embeddings random] [--batch-tokens 2048]
        [--plain] [--paper] [--pairs 3000] [--epochs 6] [--rate 2e-3] [--turns 3] [--clock wall|cpu]
        [--peers .venv-peers] [--out FILE]

Systems take turns, each in a process of its own and from the same parent: Hugging Face's Seq2SeqTrainer
training everything with a new source vocabulary; ``crosslate adapt`` with each strategy of ``--ours``; with
``--paper``, src+xattn as the paper starts it: random embeddings and dropout 0.1; and, with ``--plain``, a
plain loop of src+xattn in fp32 with nothing of what makes Crosslate fast: PyTorch's own dropout and
attention, full logits, whole batches. The others start from the same kind of embeddings. All translate the
same validation text greedily after every epoch and are scored alike. Seconds count from the start of the
process: of the clock, or with ``--clock cpu`` of the processor, for one thread on a machine with other work.
Every turn has a seed of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.compare import HERE, run, spread
from benchmarks.environments import peer_python

if TYPE_CHECKING:
    from crosslate.models.child import Child
    from crosslate.text.corpora import ParallelCorpus
    from crosslate.training.settings import TrainingSettings

OURS = "Crosslate "
THEIRS, PLAIN = "Seq2SeqTrainer all", "plain loop, src+xattn, fp32"
NUM_VALID = 300
STRATEGY = "src+xattn"
PAPER = f"{OURS}{STRATEGY}, started as in the paper"


def seconds_since(started: float, clock: str) -> float:
    return time.process_time() if clock == "cpu" else time.time() - started


def texts(arguments: argparse.Namespace) -> tuple[ParallelCorpus, ParallelCorpus]:
    from crosslate.text.corpora import ParallelCorpus

    def first(paths: list[Path], count: int) -> ParallelCorpus:
        source, target = (path.read_text(encoding="utf-8").splitlines()[:count] for path in paths)
        return ParallelCorpus(source, target, arguments.new_source, "en", origin=str(paths[0].name))

    return first(arguments.train, arguments.pairs), first(arguments.valid, NUM_VALID)


def settings_of(
    arguments: argparse.Namespace, strategy_name: str = STRATEGY, *, dropout: float | None
) -> TrainingSettings:
    from crosslate.models.strategies import parse_strategy
    from crosslate.training.settings import TrainingChanges

    changes = TrainingChanges(
        dropout=dropout, schedule="cosine", warmup_updates=50, max_epochs=arguments.epochs,
        patience=0, batch_tokens=arguments.batch_tokens, seed=arguments.seed,
    )  # fmt: skip
    return changes.resolved(parse_strategy(strategy_name))


def adapted(arguments: argparse.Namespace) -> list[dict[str, float]]:
    """What a user runs."""
    from crosslate.adaptation.adapt import adapt
    from crosslate.adaptation.settings import DataSettings, NewLanguages
    from crosslate.models.parent import Parent
    from crosslate.training.progress import Progress

    train, valid = texts(arguments)
    if arguments.system == PAPER:
        strategy, initial, dropout = STRATEGY, "random", 0.1
    else:
        strategy = arguments.system.removeprefix(OURS)
        initial, dropout = arguments.initial_embeddings, arguments.dropout
    pack = adapt(
        Parent.load(arguments.parent), train, valid,
        training=settings_of(arguments, strategy, dropout=dropout),
        new=NewLanguages(source=arguments.new_source, strategy=strategy, initial_embeddings=initial),
        data=DataSettings(source_vocabulary_size=arguments.vocabulary),
        progress=Progress(
            measure=lambda child: {"seconds": seconds_since(arguments.started, arguments.clock)}
        ),
    )  # fmt: skip
    return [
        {"seconds": each["seconds"], "score": each["score"]} for each in pack.manifest.training["validations"]
    ]


def new_child(arguments: argparse.Namespace, strategy: str, folder: Path) -> tuple[Child, Any, Any]:
    """A child with its encoded pairs and validation text."""
    from crosslate.adaptation.data import encode, prepare, vocabulary
    from crosslate.adaptation.settings import DataSettings
    from crosslate.models.child import make_child
    from crosslate.models.initialisers.initial_embeddings import InitialEmbeddings
    from crosslate.models.parent import Parent
    from crosslate.models.strategies import parse_strategy
    from crosslate.models.vocabularies.new_language import NewSide

    train, valid = texts(arguments)
    data = DataSettings(source_vocabulary_size=arguments.vocabulary)
    parent = Parent.load(arguments.parent)
    prepared = prepare(train, valid, data, arguments.seed, folder)
    pieces = vocabulary(prepared, "source", data, folder, parent.source.special)
    new: Any = {"source": NewSide(arguments.new_source, pieces)}
    start = InitialEmbeddings(arguments.initial_embeddings)
    child = make_child(parent, parse_strategy(strategy), new, seed=arguments.seed, initial=start)
    pairs = encode(prepared, child.source, child.target, data, folder, parent.max_tokens)
    return child, pairs, prepared.valid


def plain(arguments: argparse.Namespace) -> list[dict[str, float]]:
    """The same training in the plainest way."""
    import torch
    from torch.nn import functional

    from crosslate.adaptation.validation import make_validate
    from crosslate.training.batches import collate, plan_batches
    from crosslate.training.devices import set_dropout
    from crosslate.training.optimiser import Trainee, learning_rate_factor

    settings = settings_of(arguments, dropout=arguments.dropout)
    torch.manual_seed(arguments.seed)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        child, pairs, valid = new_child(arguments, STRATEGY, Path(folder))
        validate = make_validate(child, valid, "bleu")
        groups = [
            {"params": list(named.values()), "peak": settings.learning_rate(group, is_fresh=group == "src")}
            for group, named in child.trained.items()
        ]
        trainee = Trainee.of(child, child.trained, {"src"})
        optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
        set_dropout(child.model, settings.dropout, settings.attention_dropout)
        updates = 0
        for epoch in range(settings.max_epochs):
            child.model.train()
            plan = plan_batches(
                pairs.source_lengths, pairs.target_lengths, settings.batch_tokens, settings.seed, epoch
            )
            for planned in plan:
                updates += 1
                factor = learning_rate_factor(
                    settings, updates, total_updates=len(plan) * settings.max_epochs
                )
                for group in optimiser.param_groups:
                    group["lr"] = factor * group["peak"]
                batch = collate(pairs, planned, trainee.ids)
                logits = child.model(
                    input_ids=batch.source, attention_mask=batch.source_mask,
                    decoder_input_ids=batch.decoder_input,
                ).logits  # fmt: skip
                loss = functional.cross_entropy(
                    logits.flatten(0, 1), batch.labels.flatten(), label_smoothing=settings.label_smoothing
                )
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(
                    [each for group in groups for each in group["params"]], settings.clip_norm
                )
                optimiser.step()
            child.model.eval()
            score = validate().score
            seconds = seconds_since(arguments.started, arguments.clock)
            found.append({"seconds": seconds, "score": score})
    return found


def theirs(arguments: argparse.Namespace) -> list[dict[str, float]]:
    """Prepares the peer's folder (its preparation is not counted), runs it, scores what it translated."""
    import numpy as np
    import torch

    from crosslate.evaluation.scores import score_translations

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        child, pairs, valid = new_child(arguments, "src+body", folder / "prepared")
        # A class that is not in transformers goes as a whole, with where it is found.
        is_known = type(child.model).__module__.startswith("transformers.")
        if is_known:
            child.model.save_pretrained(folder / "model")
        else:
            torch.save(child.model, folder / "model.pt")
        sides = {side: [getattr(pairs, f"{side}_ids")(at) for at in range(len(pairs))]
                 for side in ("source", "target")}  # fmt: skip
        np.savez(
            folder / "pairs.npz",
            source_lengths=pairs.source_lengths, target_lengths=pairs.target_lengths,
            **{side: np.concatenate(sentences) for side, sentences in sides.items()},
        )  # fmt: skip
        limit = child.parent.max_tokens
        sources = [child.source.encode(each)[:limit] for each in valid.source]
        (folder / "valid.json").write_text(json.dumps(sources))
        command = [peer_python("trainer", arguments.peers), str(HERE / "peers" / "learning.py"), name]
        started = "cpu" if arguments.clock == "cpu" else time.time()
        numbers = (arguments.seed, arguments.epochs, arguments.rate, started)
        where = [] if is_known else [str(HERE.parent / "src")]
        found = run([*command, *map(str, numbers), *where])["validations"]
        translated = [[child.target.decode(ids) for ids in each["ids"]] for each in found]
        scores = [score_translations(lines, valid, num_samples=0).value for lines in translated]
        return [
            {"seconds": each["seconds"], "score": score} for each, score in zip(found, scores, strict=True)
        ]


def first_to_reach(validations: list[dict[str, float]], score: float) -> float | None:
    """Seconds to the first validation with at least that score."""
    return next((each["seconds"] for each in validations if each["score"] >= score), None)


def best(validations: list[dict[str, float]]) -> float:
    return max(each["score"] for each in validations)


def table(turns: list[dict[str, list[dict[str, float]]]]) -> str:
    """Every system against the first, turn by turn."""
    lines = ["| system | best validation BLEU | seconds to the first row's best - 1 | to the first row's | "
             "of the whole run |", "|---|---|---|---|---|"]  # fmt: skip
    for name in turns[0]:
        seconds, ratios = [], []
        for turn in turns:
            wanted = best(turn[THEIRS]) - 1
            reached, base = first_to_reach(turn[name], wanted), first_to_reach(turn[THEIRS], wanted)
            if reached is not None and base is not None:
                seconds.append(reached)
                ratios.append(reached / base)
        missed = f"not reached in {len(turns) - len(seconds)} of {len(turns)} turns"
        shown = [spread(seconds, " s"), spread(ratios)] if len(seconds) == len(turns) else [missed, ""]
        shown.append(spread([turn[name][-1]["seconds"] for turn in turns], " s"))
        lines.append(f"| {name} | {spread([best(turn[name]) for turn in turns])} | {' | '.join(shown)} |")
    if all({OURS + STRATEGY, PLAIN} <= turn.keys() for turn in turns):
        differences = [best(turn[OURS + STRATEGY]) - best(turn[PLAIN]) for turn in turns]
        lines += ["", "Best validation BLEU of Crosslate less that of the plain loop, by turn: "
                  + ", ".join(f"{each:+.2f}" for each in differences)
                  + f"; mean {statistics.mean(differences):+.2f}."]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parent", type=Path, required=True)
    parser.add_argument("--train", type=Path, nargs=2, required=True)
    parser.add_argument("--valid", type=Path, nargs=2, required=True)
    parser.add_argument("--new-source", default="de")
    parser.add_argument("--ours", nargs="+", default=[STRATEGY], metavar="STRATEGY")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--paper", action="store_true")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument(
        "--dropout", default=0.1, type=lambda value: None if value == "auto" else float(value),
        help="of Crosslate; Seq2SeqTrainer has the model's own",
    )  # fmt: skip
    parser.add_argument("--initial-embeddings", choices=("random", "mean", "copied"), default="random")
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--pairs", type=int, default=3_000)
    parser.add_argument("--vocabulary", type=int, default=2_000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument(
        "--rate", type=float, default=2e-3, help="of Seq2SeqTrainer; 3e-4 and 1e-3 were worse"
    )
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--system", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--started", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.system:
        print(json.dumps({THEIRS: theirs, PLAIN: plain}.get(arguments.system, adapted)(arguments)))
        return
    ours = [OURS + strategy for strategy in arguments.ours]
    systems = [THEIRS, *ours, *[PAPER] * arguments.paper, *[PLAIN] * arguments.plain]
    turns: list[dict[str, list[dict[str, float]]]] = []
    for seed in range(1, arguments.turns + 1):
        turns.append({})
        for name in systems:
            command = [sys.executable, "-m", "benchmarks.learning", *sys.argv[1:], "--system", name]
            more = ["--seed", str(seed), "--started", str(time.time())]
            turns[-1][name] = run([*command, *more])
            last = turns[-1][name][-1]
            print(f"turn {seed}: {name}: {last['seconds']:.0f} s, {last['score']:.2f}", file=sys.stderr)
            if arguments.out:
                arguments.out.write_text(json.dumps(turns, indent=1))
    print(
        f"{arguments.pairs:,} pairs, {arguments.epochs} epochs, {NUM_VALID} validation sentences, "
        f"{arguments.turns} turns: median (lowest-highest)\n"
    )
    print(table(turns))


if __name__ == "__main__":
    main()
