"""``crosslate plan``: what a strategy would change, in parameters and bytes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from crosslate.adaptation.jobs import Start
from crosslate.cli.console import console, make_table, of_full_model, size_of
from crosslate.cli.model_choice import PARENT_FACTS
from crosslate.cli.options import Option, Options, options_of
from crosslate.errors import UsageError
from crosslate.training.effort import Effort


class PlanJob(Start):
    """A strategy on a parent, with the sizes that it depends on."""

    effort: Effort = Field("default", description="What adapt would choose: fast, default or best.")
    strategy: str = Field("", description="See docs/strategies.md. [default: the effort's for the new side]")
    vocab_size: int = Field(8_000, description="Pieces of a new vocabulary.")
    side: Literal["source", "target"] = Field(
        "source", description="The new side, where the strategy does not say."
    )
    tensors: bool = Field(False, description="List every tensor and its treatment.")


_OPTIONS: Options = {
    "--parent": "parent",
    "--effort": "effort",
    "--from": Option("start", metavar="PACK [PACK]"),
    "--strategy": "strategy",
    "--vocab-size": "vocab_size",
    "--side": "side",
    **PARENT_FACTS,
    "--tensors": "tensors",
}


@options_of(_OPTIONS)
def plan(job: PlanJob) -> None:
    """Show what a strategy would re-initialise, train, freeze and store."""
    from crosslate.models.groups import SIDES
    from crosslate.models.plan import make_plan
    from crosslate.models.strategies import parse_strategy
    from crosslate.packs.compose import plan_of_pack
    from crosslate.training.effort import strategy_of
    from crosslate.training.settings import TrainingChanges

    sides = () if job.start else (job.side,)
    parsed = parse_strategy(job.strategy) if job.strategy else strategy_of(job.effort, sides)
    renewed = parsed.renews if parsed.renews is not None else {job.side}
    if job.goes_on and job.strategy:
        raise UsageError(f"--strategy is {job.strategy}, but a pack goes on with its own; leave it out")
    if job.start and renewed:
        raise UsageError(
            f"{parsed} learns a new vocabulary, but a pair pack keeps those of its two packs; use a "
            "strategy such as pair+xattn"
        )
    parent, pack = job.load()
    new = f", new vocabulary of {job.vocab_size:,} pieces" if renewed else ""
    if pack is None:
        sizes = {side: job.vocab_size for side in SIDES if side in renewed}
        made = make_plan(parent.model, parent.anatomy, parsed, sizes)
    else:
        made, new = plan_of_pack(parent, pack), f", from pack {pack.manifest.name}"
        parsed = made.strategy
    table = make_table("group", right=["parameters", "new values", "trained", "frozen", "stored"])
    for row in made.account():
        numbers = (row.num_elements, row.num_reinitialised, row.num_trained,
                   row.num_elements - row.num_trained, row.num_stored)  # fmt: skip
        table.add_row(row.group, *(f"{number:,}" for number in numbers))
    out = console()
    out.print(f"{parsed} on {parent.name}{new}")
    out.print(table)
    if job.tensors:
        for tensor in made.tensors:
            shape = "x".join(map(str, tensor.shape))
            out.print(f"{tensor.group:6}{tensor.fate:28}{shape:14}{' = '.join(tensor.names)}", soft_wrap=True)
    num_bytes = sum(each.num_stored * min(each.dtype.itemsize, 2) for each in made.tensors)
    out.print(
        f"pack: {size_of(num_bytes)} of tensors in bfloat16, {of_full_model(made.share, made.model_bytes)}",
        soft_wrap=True,
    )
    training = TrainingChanges(effort=job.effort).resolved()
    out.print(f"effort {job.effort}: {training.summary}", soft_wrap=True)
