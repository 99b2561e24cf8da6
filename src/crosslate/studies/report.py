"""The report of a study, rebuilt from stored results only: HTML, Markdown, and JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crosslate.config import to_values
from crosslate.files import write_json, write_text
from crosslate.studies.attention_tables import attention_maps, attention_tables
from crosslate.studies.cells import Cell, find
from crosslate.studies.claims import Finding, Findings
from crosslate.studies.estimate import duration
from crosslate.studies.finer_tables import finer_tables
from crosslate.studies.page.document import page
from crosslate.studies.quick import command_of
from crosslate.studies.recipe import Recipe
from crosslate.studies.rival_tables import rival_tables
from crosslate.studies.store import Result, Store
from crosslate.studies.tables import Table, Tables, Value, shown_p_value

MARKDOWN, JSON, HTML = "report.md", "report.json", "report.html"
NUM_SAMPLES = 3
MAPPED = ("embeddings", "xattn", "body")


@dataclass(frozen=True)
class Report:
    """What a study found.

    Attributes:
        name: of the recipe.
        about: what it shows.
        findings: the claims with their verdicts.
        tables: all numbers.
        samples: translations of the first test sentences side by side, by pair.
        failures: title and error of every failed cell.
        missing: titles of cells without a result.
        environment: versions, machines, time.
        texts: what each was used as, with its origin, number of pairs and hash.
        signatures: of the scores.
        recipe: in full.
        curves: by title, a row for each validation: epoch, updates, score and, where it was measured, the
            lexicon's precision@1.
        attention: maps of one test sentence, see
            :func:`crosslate.studies.attention_tables.attention_maps`.
        maps: pairs of translations on the plane of their principal components, by child and strategy.
    """

    name: str
    about: str
    findings: list[Finding]
    tables: list[Table]
    samples: list[dict[str, Any]]
    failures: list[tuple[str, str]]
    missing: list[str]
    environment: dict[str, Any]
    texts: list[dict[str, Any]]
    signatures: list[str]
    recipe: dict[str, Any]
    curves: dict[str, Any]
    attention: list[dict[str, Any]]
    maps: list[dict[str, Any]]


def make_report(recipe: Recipe, cells: Sequence[Cell], store: Store) -> Report:
    """Reads what is stored of a study's cells; runs nothing.

    Raises:
        InputError: a stored result is damaged.
    """
    results = store.results(cells)
    missing = [cell for cell in cells if cell.key not in results]
    failures = [(cell.title, error) for cell in missing if (error := store.failure(cell))]
    return Report(
        recipe.name,
        recipe.about,
        Findings(cells, results).all(),
        [
            *Tables(cells, results).all(),
            *rival_tables(cells, results),
            *attention_tables(cells, results),
            *finer_tables(cells, results),
        ],
        _samples(cells, results),
        failures,
        [cell.title for cell in missing],
        _environment(results),
        _texts(results),
        sorted({each["signature"] for result in results.values() for each in _scores(result)}),
        to_values(recipe),
        {
            result.title: result.values["training"]["curve"]
            for result in results.values()
            if "training" in result.values
        },
        attention_maps(cells, results),
        _lexicon_maps(cells, results),
    )


def write_report(report: Report, folder: Path) -> tuple[Path, Path, Path]:
    """Writes ``report.md``, ``report.json`` and ``report.html`` into a folder and returns their paths."""
    values = asdict(report)
    write_text(folder / MARKDOWN, markdown(report))
    write_json(folder / JSON, values)
    write_text(folder / HTML, page(values))
    return folder / MARKDOWN, folder / JSON, folder / HTML


def markdown(report: Report) -> str:
    """The report as Markdown: the verdicts first."""
    lines = [f"# Study: {report.name}", "", *([report.about, ""] if report.about else [])]
    counts = Counter(finding.verdict for finding in report.findings)
    lines += ["## Claims", "", "; ".join(f"{count} {verdict}" for verdict, count in counts.items()) + ".", ""]
    for number, finding in enumerate(report.findings, start=1):
        lines += [f"{number}. **{finding.verdict}**: {finding.claim} ({finding.source})"]
        lines += [f"   {finding.reason}" + (f" ({finding.test})." if finding.test else ".")]
        lines += [
            f"   - {each.what}: {each.first:.1f} against {each.second:.1f}"
            + ("" if each.p_value is None else f", p {shown_p_value(each.p_value)}")
            for each in finding.evidence
        ]
    lines.append("")
    for table in report.tables:
        lines += [f"## {table.title}", "", *([table.note, ""] if table.note else []), *_table(table), ""]
    lines += _sample_lines(report.samples)
    if report.failures:
        lines += ["## Failed", "", *(f"- {title}: {error}" for title, error in report.failures), ""]
    if report.missing:
        lines += [
            f"{len(report.missing)} cells have no result yet: " + "; ".join(report.missing[:20])
            + ("; …" if len(report.missing) > 20 else "") + ".", "",
        ]  # fmt: skip
    lines += ["## How it was made", "", f"`crosslate study run {command_of(report.name)}`", ""]
    lines += [f"- {name}: {value}" for name, value in report.environment.items()]
    lines += [f"- signature: `{signature}`" for signature in report.signatures]
    return "\n".join(lines).rstrip() + "\n"


def _table(table: Table) -> list[str]:
    columns = list(zip(*table.rows))
    numeric = [index > 0 and all(map(_is_number, column)) for index, column in enumerate(columns)]
    rule = "|" + "|".join("---:" if each else "---" for each in numeric) + "|"
    return [
        "| " + " | ".join(table.columns) + " |",
        rule,
        *("| " + " | ".join(_cell(value) for value in row) + " |" for row in table.rows),
    ]


def _is_number(value: Value) -> bool:
    return not isinstance(value, str) or value[:1].isdigit()


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    return str(value).replace("|", "\\|")


def _samples(cells: Sequence[Cell], results: dict[str, Result]) -> list[dict[str, Any]]:
    """The first test sentences of every pair with what each system made of them."""
    by_test: dict[str, dict[str, Any]] = {}
    for kind in ("child", "denoising child", "zero-shot", "pivot", "supervised"):
        for cell in find(cells, kind):
            result = results.get(cell.key)
            if result is None or result.translations is None or "samples" not in result.values["test"]:
                continue
            test = result.values["test"]
            lines = result.lines()
            at = by_test.setdefault(
                test["sha256"], {"test": f"{_pair(cell)}: {test['origin']}", "sentences": []}
            )
            for row, sample in enumerate(test["samples"][:NUM_SAMPLES]):
                if row >= len(at["sentences"]):
                    at["sentences"].append({**sample, "systems": {}})
                at["sentences"][row]["systems"][cell.title] = lines[row]
    return list(by_test.values())


def _lexicon_maps(cells: Sequence[Cell], results: dict[str, Result]) -> list[dict[str, Any]]:
    """New words and the parent's words that translate them, for the strategies that the paper compares."""
    return [
        {
            "title": cell.title.removeprefix("lexicon of "),
            "languages": cell.labels["languages"],
            "variance %": found["variance %"],
            "points": found["points"],
        }
        for cell in find(cells, "lexicon")
        if cell.key in results and cell.labels["part"] in MAPPED
        if (found := results[cell.key].values.get("map")) and found["points"]
    ]


def _pair(cell: Cell) -> str:
    return str(cell.labels.get("pair") or f"{cell.labels['source']}-{cell.labels['target']}")


def _sample_lines(samples: list[dict[str, Any]]) -> list[str]:
    lines = ["## Translations side by side", ""] if samples else []
    for pair in samples:
        lines += [f"### {pair['test']}", ""]
        for sentence in pair["sentences"]:
            lines += [f"- source: {_text(sentence['source'])}"]
            lines += [f"  - reference: {_text(sentence['reference'])}"]
            lines += [f"  - {title}: {_text(text)}" for title, text in sentence["systems"].items()]
        lines.append("")
    return lines


def _text(text: str) -> str:
    """Text in Markdown: no tag of its own."""
    return text.replace("<", "\\<")


def _scores(result: Result) -> list[dict[str, Any]]:
    return list(result.values.get("scores", {}).values())


def _environment(results: dict[str, Result]) -> dict[str, Any]:
    """What the results were made with; several where cells ran on several machines or versions."""
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


def _texts(results: dict[str, Result]) -> list[dict[str, Any]]:
    """Every text that a result names with its hash, once for each use."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for result in results.values():
        if result.kind == "forgetting":
            continue  # a child's labels on its parent's test set, which the parent names itself
        labels = [result.labels.get(name) for name in ("child", "pair", "parent")]
        pair = next((label for label in labels if label), "")
        texts = dict(result.values.get("data", {}))
        if test := result.values.get("test"):
            texts["test"] = {**test, "pairs": test["sentences"]}
        for role, text in texts.items():
            named = {
                "use": f"{pair} {role}".strip(),
                **{key: text[key] for key in ("origin", "pairs", "sha256")},
            }
            found.setdefault((named["use"], named["sha256"]), named)
    return list(found.values())
