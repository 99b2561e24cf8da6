"""``crosslate study``: run studies by recipe, and report their results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer
from pydantic import Field

from crosslate.cli.console import console, error_console, make_table, print_line
from crosslate.cli.options import Option, Options, options_of
from crosslate.config import AnyPath, Settings
from crosslate.errors import EXIT_FAILED, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from crosslate.studies.cells import Cell
    from crosslate.studies.plan import Plan
    from crosslate.studies.run import Executor, Outcome, Place, Summary
    from crosslate.studies.store import Store

study_app = typer.Typer(
    help="Run studies and report their results.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class StudyPlace(Settings):
    """A study: recipe, folders and scale."""

    recipe: str = Field(description="Name of a shipped recipe, or a YAML file; see docs/recipes.md.")
    out: AnyPath | None = Field(None, description="Folder of the study. [default: studies/NAME]")
    data: AnyPath = Field(Path(), description="Folder of the recipe's files.")
    quick: bool = Field(False, description="Scale the study down to minutes, on little text.")

    def plan(self) -> tuple[Plan, Store]:
        """The plan of the recipe, and the store of its results."""
        from crosslate.studies.analyses import make_plan
        from crosslate.studies.quick import quick
        from crosslate.studies.recipe import load_recipe
        from crosslate.studies.store import Store
        from crosslate.studies.texts import Library

        recipe = quick(load_recipe(self.recipe)) if self.quick else load_recipe(self.recipe)
        library = Library(self.data, recipe.phrasebook_seed)
        store = Store(self.out or Path("studies") / recipe.name)
        return make_plan(recipe, library), store


class RunJob(StudyPlace):
    """Which cells to run, and where."""

    jobs: int | None = Field(
        None,
        ge=1,
        description="Cells to run in parallel. [default: 2 on two cores or more, 1 with a GPU]",
    )
    only: str | None = Field(
        None,
        description="Run only cells whose title or kind matches (* is a wildcard), and the cells they need.",
    )
    dry_run: bool = Field(False, description="Show the plan and what is missing, and run nothing.")
    fetch: bool = Field(False, description="Download and check the texts, and run nothing.")
    on: Literal["here", "ray"] = Field("here", description="here, or ray to run cells as Ray tasks.")
    cpus: float = Field(1.0, ge=0, description="With ray: CPUs per cell.")
    gpus: float = Field(0.0, ge=0, description="With ray: GPUs per cell.")


class ReportJob(StudyPlace):
    """A study to report on, and the output folder."""

    to: AnyPath | None = Field(
        None,
        description="Output folder for the report and all translations of test sets. [default: the study's]",
    )


_PLACE: Options = {"RECIPE": "recipe", "--out -o": "out", "--data": "data", "--quick": "quick"}
_RUN: Options = _PLACE | {
    "--jobs": Option("jobs", metavar="N"), "--only": Option("only", metavar="PATTERN"),
    "--dry-run": "dry_run", "--fetch": "fetch", "--on": "on", "--cpus": "cpus", "--gpus": "gpus",
}  # fmt: skip
_REPORT: Options = _PLACE | {"--to": Option("to", metavar="FOLDER")}


@study_app.command("run")
@options_of(_RUN)
def run(job: RunJob) -> None:
    """Run the unfinished cells of a study, then write its report.

    Finished cells are kept. After an interruption, run the same command again to resume.
    """
    from crosslate.studies.cells import matching
    from crosslate.studies.executors import default_jobs, has_gpu
    from crosslate.studies.plan import check_texts, downloads, missing_files
    from crosslate.studies.run import Place, run_study

    plan, store = job.plan()
    chosen = matching(plan.cells, job.only)
    todo = [cell for cell in chosen if not store.is_done(cell)]
    jobs = job.jobs or default_jobs()
    is_on_gpu = job.gpus > 0 if job.on == "ray" else has_gpu()
    notes = error_console()
    out = console() if job.dry_run else notes
    _show_plan(out, plan, chosen, store, jobs, in_full=job.dry_run, is_on_gpu=is_on_gpu)
    if job.dry_run:
        for line in missing_files(todo, plan.library):
            print_line(out, f"missing: {line}")
        for line in downloads(todo, plan.library):
            print_line(out, f"to download: {line}")
        return
    check_texts(todo, plan.library)
    if job.fetch:
        return
    seed = plan.recipe.phrasebook_seed
    place = Place(store.folder, job.data, seed, is_shown=jobs == 1 and job.on == "here")

    def tell(summary: Summary, cell: Cell, outcome: Outcome) -> None:
        _tell(notes, chosen, summary, cell, outcome)

    summary = run_study(chosen, store, _executor(place, jobs, job), tell)
    _write(plan, store, store.folder)
    if summary.failed:
        counts = f"{len(summary.failed)} cells failed and {len(summary.blocked)} need them"
        print_line(notes, f"{counts}; the same command tries them again")
        raise typer.Exit(EXIT_FAILED)


@study_app.command("report")
@options_of(_REPORT)
def report(job: ReportJob) -> None:
    """Rebuild a study's report from its stored results; nothing is run."""
    from crosslate.studies.plan import check_files

    plan, store = job.plan()
    check_files(plan.cells, plan.library)
    if not any(store.is_done(cell) for cell in plan.cells):
        raise InputError(
            f"{store.folder} has no results of {plan.recipe.name} with these settings and texts; run the "
            "study, or give the same --out, --data and --quick as in its run"
        )
    _write(plan, store, job.to or store.folder)
    if job.to:
        from crosslate.studies.store import TRANSLATIONS

        count = store.publish_translations(plan.cells, job.to / TRANSLATIONS)
        print_line(console(), f"translations of {count} test sets: {job.to / TRANSLATIONS}")


def _executor(place: Place, jobs: int, job: RunJob) -> Executor:
    from crosslate.studies.analyses import work
    from crosslate.studies.executors import Here, OnRay, Processes

    if job.on == "ray":
        return OnRay(place, work, cpus=job.cpus, gpus=job.gpus)
    return Processes(place, work, jobs) if jobs > 1 else Here(place, work)


def _show_plan(
    out: Console,
    plan: Plan,
    cells: Sequence[Cell],
    store: Store,
    jobs: int,
    *,
    in_full: bool,
    is_on_gpu: bool,
) -> None:
    from crosslate.engines.ctranslate2 import num_usable_cores
    from crosslate.studies.estimate import duration, estimated_seconds

    # Cells that were not chosen tell as well how long such cells take.
    seconds = {cell.key: store.load(cell.key).seconds for cell in plan.cells if store.is_done(cell)}
    done = {cell.key for cell in cells} & seconds.keys()
    cores = max(1, num_usable_cores() // jobs)
    estimates, is_measured = estimated_seconds(plan.cells, seconds, cores, has_gpu=is_on_gpu)
    left = sum(estimates[cell.key] for cell in cells if cell.key not in done) / jobs
    if in_full:
        table = make_table("cell", "kind", "time", "state")
        for cell in cells:
            failed = store.failure(cell)
            state = "done" if cell.key in done else f"failed: {failed}" if failed else ""
            shown = seconds.get(cell.key, estimates[cell.key])
            table.add_row(cell.title, cell.kind, duration(shown), state)
        out.print(table)
    machine = "a GPU, by a data sheet" if is_on_gpu else f"{cores} core{'s' if cores > 1 else ''}"
    basis = (
        "from the cells that are done"
        if is_measured
        else f"a rough guess for {machine}, if no training stops early"
    )
    for note in plan.notes:
        print_line(out, f"note: {note}")
    print_line(
        out,
        f"{plan.recipe.name}: {len(cells)} cells, {len(done)} done, about {duration(left)} left "
        f"with {jobs} at a time ({basis}); results in {store.folder}",
    )


def _tell(out: Console, cells: Sequence[Cell], summary: Summary, cell: Cell, outcome: Outcome) -> None:
    from crosslate.studies.estimate import duration, estimated_seconds

    ended = len(summary.done) + len(summary.failed) + len(summary.blocked)
    todo = len(cells) - len(summary.reused)
    error = f": {outcome.error}" if outcome.status == "failed" else ""
    estimates, _ = estimated_seconds(cells, {}, 1)
    finished = {each.key for each in (*summary.done, *summary.reused)}
    lost = {each.key for each, _ in summary.failed} | {each.key for each in summary.blocked}
    here = sum(estimates[each.key] for each in summary.done)
    left = sum(estimates[each.key] for each in cells if each.key not in finished | lost)
    time_left = f", about {duration(left * summary.seconds / here)} left" if here and left else ""
    print_line(
        out,
        f"[{ended}/{todo}] {cell.title}: {outcome.status} in {duration(outcome.seconds)}{error}{time_left}",
    )


def _write(plan: Plan, store: Store, folder: Path) -> None:
    from crosslate.studies.report.report import make_report, write_report

    made = make_report(plan.recipe, plan.cells, store, plan.notes)
    paths = write_report(made, folder)
    out = console()
    for finding in made["findings"]:
        print_line(out, f"{finding['verdict']:12}  {finding['claim']}")
    print_line(out, f"report: {paths[0]}, {paths[1].name} and {paths[2].name}")
