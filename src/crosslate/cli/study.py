"""``crosslate study``: whole studies by recipe, and their reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosslate.cli.console import console, error_console, print_line
from crosslate.errors import EXIT_FAILED, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from crosslate.studies.cells import Cell
    from crosslate.studies.recipe import Recipe
    from crosslate.studies.run import Executor, Outcome, Place, Summary
    from crosslate.studies.store import Store
    from crosslate.studies.texts import Library

study_app = typer.Typer(
    help="Run whole studies and report what they found.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

RecipeName = Annotated[
    str,
    typer.Argument(metavar="RECIPE", help="Name of a shipped recipe, or a YAML file; see docs/recipes.md."),
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the study. [default: studies/NAME]")]
Data = Annotated[Path, typer.Option("--data", help="Folder that the recipe's files are in.")]
Quick = Annotated[bool, typer.Option("--quick", help="The same study in minutes, on little text.")]
Only = Annotated[
    str | None,
    typer.Option(
        metavar="PATTERN",
        help="Only cells whose title or kind matches (* stands for anything), and what they need.",
    ),
]


@study_app.command("run")
def run(
    recipe: RecipeName,
    out: Out = None,
    data: Data = Path(),
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Cells at the same time, in processes. [default: 2 on two cores or more, 1 with a GPU]",
        ),
    ] = None,
    only: Only = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and run nothing.")] = False,
    quick: Quick = False,
    on: Annotated[str, typer.Option(help="here, or ray: cells become Ray tasks.")] = "here",
    cpus: Annotated[float, typer.Option(help="With ray: CPUs that a cell asks for.")] = 1.0,
    gpus: Annotated[float, typer.Option(help="With ray: GPUs that a cell asks for.")] = 0.0,
) -> None:
    """Run what a study still lacks, then write its report.

    Every finished cell is kept; after an interruption the same command goes on where it was.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs is {jobs}, expected 1 or more")
    if on not in ("here", "ray"):
        raise UsageError(f"--on is {on!r}, expected here or ray")
    from crosslate.studies.cells import matching
    from crosslate.studies.executors import default_jobs
    from crosslate.studies.plan import check_texts
    from crosslate.studies.run import Place, run_study

    loaded, cells, store, library = _study(recipe, out, data, quick)
    chosen = matching(cells, only)
    jobs = jobs or default_jobs()
    notes = error_console()
    _show_plan(notes if not dry_run else console(), loaded, chosen, store, jobs, in_full=dry_run)
    if dry_run:
        return
    todo = [cell for cell in chosen if not store.is_done(cell)]
    check_texts(todo, library)
    place = Place(store.folder, data, loaded.phrasebook_seed, is_shown=jobs == 1 and on == "here")

    def tell(summary: Summary, cell: Cell, outcome: Outcome) -> None:
        _tell(notes, chosen, summary, cell, outcome)

    summary = run_study(chosen, store, _executor(place, jobs, on, cpus, gpus), tell)
    _write(loaded, cells, store, store.folder)
    if summary.failed:
        counts = f"{len(summary.failed)} cells failed and {len(summary.blocked)} need them"
        print_line(notes, f"{counts}; the same command tries them again")
        raise typer.Exit(EXIT_FAILED)


@study_app.command("report")
def report(
    recipe: RecipeName,
    out: Out = None,
    data: Data = Path(),
    quick: Quick = False,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where the report is written, with all translations of test sets. [default: the study's]",
        ),
    ] = None,
) -> None:
    """Rebuild a study's report from its stored results; nothing is run."""
    from crosslate.studies.plan import check_files

    loaded, cells, store, library = _study(recipe, out, data, quick)
    check_files(cells, library)
    if not any(store.is_done(cell) for cell in cells):
        raise InputError(
            f"{store.folder} holds no result of {loaded.name} with these settings and texts; run the study, "
            "or give the --out, --data and --quick that it was run with"
        )
    _write(loaded, cells, store, to or store.folder)
    if to:
        from crosslate.studies.store import TRANSLATIONS

        count = store.publish_translations(cells, to / TRANSLATIONS)
        print_line(console(), f"translations of {count} test sets: {to / TRANSLATIONS}")


def _study(
    name: str, out: Path | None, data: Path, is_quick: bool
) -> tuple[Recipe, list[Cell], Store, Library]:
    from crosslate.studies.analyses import plan_study
    from crosslate.studies.quick import quick
    from crosslate.studies.recipe import load_recipe
    from crosslate.studies.store import Store
    from crosslate.studies.texts import Library

    recipe = load_recipe(name)
    if is_quick:
        recipe = quick(recipe)
    library = Library(data, recipe.phrasebook_seed)
    store = Store(out or Path("studies") / recipe.name)
    return recipe, plan_study(recipe, library), store, library


def _executor(place: Place, jobs: int, on: str, cpus: float, gpus: float) -> Executor:
    from crosslate.studies.analyses import work
    from crosslate.studies.executors import Here, OnRay, Processes

    if on == "ray":
        return OnRay(place, work, cpus=cpus, gpus=gpus)
    return Processes(place, work, jobs) if jobs > 1 else Here(place, work)


def _show_plan(
    out: Console, recipe: Recipe, cells: Sequence[Cell], store: Store, jobs: int, *, in_full: bool
) -> None:
    from rich.table import Table

    from crosslate.engines.ctranslate2 import num_usable_cores
    from crosslate.studies.estimate import duration, estimated_seconds

    done = {cell.key for cell in cells if store.is_done(cell)}
    seconds = {key: store.load(key).seconds for key in done}
    cores = max(1, num_usable_cores() // jobs)
    estimates, is_measured = estimated_seconds(cells, seconds, cores)
    left = sum(estimates[cell.key] for cell in cells if cell.key not in done) / jobs
    if in_full:
        table = Table("cell", "kind", "time", "state", box=None, pad_edge=False)
        for cell in cells:
            failed = store.failure(cell)
            state = "done" if cell.key in done else f"failed: {failed}" if failed else ""
            shown = seconds.get(cell.key, estimates[cell.key])
            table.add_row(cell.title, cell.kind, duration(shown), state)
        out.print(table)
    basis = "from the cells that are done" if is_measured else "a rough guess, before any cell is done"
    print_line(
        out,
        f"{recipe.name}: {len(cells)} cells, {len(done)} done, about {duration(left)} left "
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


def _write(recipe: Recipe, cells: Sequence[Cell], store: Store, folder: Path) -> None:
    from crosslate.studies.report.report import make_report, write_report

    made = make_report(recipe, cells, store)
    paths = write_report(made, folder)
    out = console()
    for finding in made.findings:
        print_line(out, f"{finding.verdict:12}  {finding.claim}")
    print_line(out, f"report: {paths[0]}, {paths[1].name} and {paths[2].name}")
