"""The report of a study in HTML, Markdown and JSON, made from stored results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from crosslate.files import write_json, write_text
from crosslate.studies.analyses import CLAIMS, DATA, FIGURES, TABLES, analyses
from crosslate.studies.cells import Cell
from crosslate.studies.estimate import duration
from crosslate.studies.quick import command_of
from crosslate.studies.recipe import Recipe
from crosslate.studies.report.page import page
from crosslate.studies.report.tables import Value, difference_shown, numeric_columns, p_value
from crosslate.studies.store import Result, Results, Store

MARKDOWN, JSON, HTML = "report.md", "report.json", "report.html"
NUM_SAMPLES = 3
TRANSLATING = ("child", "denoising child", "zero-shot", "pivot", "supervised")
"""Kinds of cells whose translations are shown side by side."""

Report = Mapping[str, Any]
"""Contents of ``report.json``: plain values, the same before writing and after reading."""


def make_report(recipe: Recipe, cells: Sequence[Cell], store: Store, notes: Sequence[str] = ()) -> Report:
    """Makes a report from the stored results of a study's cells.

    Args:
        notes: what was not planned, and why.
    """
    by_key = store.results(cells)
    results = Results(cells, by_key)
    missing = [cell for cell in cells if cell.key not in by_key]
    tables = [table for each in analyses(TABLES) for table in each.tables(results)]
    scores = [score for each in by_key.values() for score in each.values.get("scores", {}).values()]
    values = {
        "name": recipe.name,
        "about": recipe.about,
        "notes": list(notes),
        "findings": [asdict(finding) for each in analyses(CLAIMS) for finding in each.findings(results)],
        "tables": [asdict(table) for table in tables if table.rows],
        "samples": _samples(results),
        "failures": [(cell.title, error) for cell in missing if (error := store.failure(cell))],
        "missing": [cell.title for cell in missing],
        "environment": _environment(by_key),
        "texts": _texts(by_key),
        "signatures": sorted({score["signature"] for score in scores}),
        "recipe": recipe.to_values(),
    }
    for each in analyses(DATA):
        values |= each.data(results)
    return values


def write_report(report: Report, folder: Path) -> tuple[Path, Path, Path]:
    """Writes ``report.md``, ``report.json`` and ``report.html`` into a folder and returns their paths."""
    write_text(folder / MARKDOWN, markdown(report))
    write_json(folder / JSON, report)
    write_text(folder / HTML, html(report))
    return folder / MARKDOWN, folder / JSON, folder / HTML


def html(report: Report) -> str:
    """The report as one page."""
    return page(report, [section for each in analyses(FIGURES) for section in each.figures(report)])


def markdown(report: Report) -> str:
    """The report as Markdown: the verdicts first."""
    lines = [f"# Study: {report['name']}", "", *([report["about"], ""] if report["about"] else [])]
    counts = Counter(finding["verdict"] for finding in report["findings"])
    lines += ["## Claims", "", "; ".join(f"{count} {verdict}" for verdict, count in counts.items()) + ".", ""]
    for number, finding in enumerate(report["findings"], start=1):
        on = f" on {finding['basis']}" if finding["basis"] else ""
        lines += [f"{number}. **{finding['verdict']}**{on}: {finding['claim']} ({finding['source']})"]
        lines += [f"   {finding['reason']}" + (f" ({finding['test']})." if finding["test"] else ".")]
        lines += [f"   - {each['what']}: {_evidence(each)}" for each in finding["evidence"]]
    lines.append("")
    for table in report["tables"]:
        lines += [f"## {table['title']}", "", *([table["note"], ""] if table["note"] else [])]
        lines += ["| " + " | ".join(table["columns"]) + " |"]
        lines += ["|" + "|".join("---:" if each else "---" for each in numeric_columns(table["rows"])) + "|"]
        lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in table["rows"]] + [""]
    lines += _sample_lines(report["samples"])
    if report["failures"]:
        lines += ["## Failed", "", *(f"- {title}: {error}" for title, error in report["failures"]), ""]
    if report["notes"]:
        lines += ["## Not planned", "", *(f"- {note}" for note in report["notes"]), ""]
    if missing := report["missing"]:
        shown = "; ".join(missing[:20]) + ("; …" if len(missing) > 20 else "")
        lines += [f"{len(missing)} cells have no result yet: {shown}.", ""]
    lines += ["## How it was made", "", f"`crosslate study run {command_of(report['name'])}`", ""]
    lines += [f"- {name}: {value}" for name, value in report["environment"].items()]
    lines += [f"- signature: `{signature}`" for signature in report["signatures"]]
    return "\n".join(lines).rstrip() + "\n"


def _evidence(each: Mapping[str, Any]) -> str:
    shown = f"{each['first']:.1f} against {each['second']:.1f}, {difference_shown(each)}"
    chrf = f", chrF2 {difference_shown(each['chrf'])}" if each["chrf"] else ""
    return f"{shown}, p {p_value(each['p_value'])}{chrf}"


def _cell(value: Value) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")


def _sample_lines(samples: Sequence[Mapping[str, Any]]) -> list[str]:
    def text(text: str) -> str:
        return text.replace("<", "\\<")  # not an HTML tag

    lines = ["## Translations side by side", ""] if samples else []
    for pair in samples:
        lines += [f"### {pair['test']}", ""]
        for sentence in pair["sentences"]:
            lines += [f"- source: {text(sentence['source'])}"]
            lines += [f"  - reference: {text(sentence['reference'])}"]
            lines += [f"  - {title}: {text(shown)}" for title, shown in sentence["systems"].items()]
        lines.append("")
    return lines


def _samples(results: Results) -> list[dict[str, Any]]:
    """The first test sentences of every pair with the translations of each system."""
    by_test: dict[str, dict[str, Any]] = {}
    for kind in TRANSLATING:
        for cell, values in results.found(kind):
            test = values["test"]
            pair = cell.labels.get("pair") or f"{cell.labels['source']}-{cell.labels['target']}"
            at = by_test.setdefault(
                test["sha256"],
                {
                    "test": f"{pair}: {test['origin']}",
                    "sentences": [{**sample, "systems": {}} for sample in test["samples"][:NUM_SAMPLES]],
                },
            )
            for sentence, line in zip(at["sentences"], results.by_key[cell.key].lines()):
                sentence["systems"][cell.title] = line
    return list(by_test.values())


def _environment(results: Mapping[str, Result]) -> dict[str, Any]:
    """Versions and machines of the results; several if they differ between cells."""
    found: dict[str, dict[str, None]] = {}
    for result in results.values():
        for name, value in result.environment.items():
            if name != "ended":
                found.setdefault(name, {})[str(value)] = None
    ended = sorted(str(result.environment.get("ended", "")) for result in results.values())
    about = {name: "; ".join(values) for name, values in found.items()}
    about["cells"] = f"{len(results)} done"
    about["time of all cells"] = duration(sum(result.seconds for result in results.values()))
    if ended:
        about["between"] = f"{ended[0]} and {ended[-1]}"
    return about


def _texts(results: Mapping[str, Result]) -> list[dict[str, Any]]:
    """All texts used by results with their hashes, once per use."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for result in results.values():
        if result.kind == "forgetting":
            continue  # labelled as the child but uses the parent's test set, which the parent lists
        labels = [result.labels.get(name) for name in ("child", "pair", "parent")]
        pair = next((label for label in labels if label), "")
        texts = dict(result.values.get("data", {}))
        if test := result.values.get("test"):
            texts["test"] = {**test, "pairs": test["sentences"]}
        for role, text in texts.items():
            named = {"use": f"{pair} {role}".strip()}
            named |= {name: text[name] for name in ("origin", "pairs", "sha256")}
            found.setdefault((named["use"], named["sha256"]), named)
    return list(found.values())
