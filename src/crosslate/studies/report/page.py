"""The report of a study as one self-contained HTML file."""

from __future__ import annotations

import ast
import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, get_args

import yaml
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from crosslate.studies.quick import command_of
from crosslate.studies.report.claims import Verdict
from crosslate.studies.report.tables import difference_shown, interval_shown, numeric_columns, p_value

SYMBOLS = {
    "confirmed": "✓", "contradicted": "✕", "equivalent": "=", "undecided": "≈", "by construction": "∎",
    "not measured": "–",
}  # fmt: skip
NOTHING = "–"
_OURS, _PAPERS = "Children: BLEU", "The paper's numbers: BLEU"
_TEXT_COLUMNS = ("used as", "origin", "pairs", "sha256")
# Not allowed in XML or HTML even when escaped, but possible in translations.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Figures:
    """A section with figures: captions and SVG; figures that are None are left out.

    Attributes:
        anchor: its id in the page.
        shape: size of the figures: ``small``, ``medium``, ``one`` or ``natural``.
    """

    anchor: str
    title: str
    note: str
    shape: str
    figures: Sequence[tuple[str, Markup | None]]


def page(report: Mapping[str, Any], sections: Iterable[Figures]) -> str:
    """The report as HTML, from the contents of ``report.json``; sections without figures are left out."""
    here = files(__package__)
    template, style, script = (
        here.joinpath(name).read_text(encoding="utf-8") for name in ("page.html", "style.css", "script.js")
    )
    drawn = [each for each in sections if any(picture for _, picture in each.figures)]
    # Only the page's own script may run, whatever the data contain.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    jinja = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = jinja.from_string(template).render(
        report=report, style=Markup(style), script=Markup(script), script_digest=digest, symbols=SYMBOLS,
        verdicts=_verdicts(report["findings"]), claims=[_claim(each) for each in report["findings"]],
        tables=_grids(report["tables"]), sections=drawn,
        samples=_samples(report["samples"]), command=command_of(report["name"]),
        environment=[(name, _readable(value)) for name, value in report["environment"].items()],
        texts=_grid("table-0", {"title": "Texts", "columns": _TEXT_COLUMNS, "rows": _texts(report)}),
        recipe=yaml.safe_dump(report["recipe"], sort_keys=False, allow_unicode=True),
    )  # fmt: skip
    return _FORBIDDEN.sub("\ufffd", text)


def _verdicts(findings: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[int]]]:
    """Every verdict with the numbers of its claims."""
    return [
        (verdict, [number for number, each in enumerate(findings, start=1) if each["verdict"] == verdict])
        for verdict in get_args(Verdict)
    ]


def _claim(finding: Mapping[str, Any]) -> dict[str, Any]:
    """A claim with its evidence as texts, and each difference as a bar beside a middle line, in percent."""
    evidence = finding["evidence"]
    differences = [each["first"] - each["second"] for each in evidence]
    largest = max(map(abs, differences), default=0.0) or 1.0
    rows = [
        {
            "what": each["what"], "first": f"{each['first']:.1f}", "second": f"{each['second']:.1f}",
            "difference": f"{difference:+.1f}".replace("-", "−"),
            "from": f"{50 + min(50 * difference / largest, 0):.1f}",
            "width": f"{abs(50 * difference / largest):.1f}",
            "interval": interval_shown(each).replace("-", "−"), "p": p_value(each["p_value"]),
            "chrf": (difference_shown(each["chrf"]) or NOTHING).replace("-", "−"),
        }
        for each, difference in zip(evidence, differences)
    ]  # fmt: skip
    reason = str(finding["reason"])
    return {**finding, "reason": reason[:1].upper() + reason[1:], "rows": rows}


def _grid(anchor: str, table: Mapping[str, Any], groups: Sequence[tuple[str, int]] = ()) -> dict[str, Any]:
    """A table with its cells as texts.

    Args:
        anchor: its id in the page.
        groups: headings over several columns with the number of columns each spans; may be empty.
    """
    rows = list(zip(*map(_shown, zip(*table["rows"]))))
    numeric = numeric_columns(table["rows"])
    return {**table, "anchor": anchor, "rows": rows, "numeric": numeric, "groups": groups}


def _grids(tables: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The tables, with the paper's numbers beside ours in one table."""
    by_title = {table["title"]: table for table in tables}
    papers = by_title.get(_PAPERS) if _OURS in by_title else None
    grids: list[dict[str, Any]] = []
    for table in tables:
        if papers and table["title"] == _OURS:
            num_ours, num_papers = (len(each["columns"]) - 1 for each in (table, papers))
            groups = [("", 1), ("this study", num_ours), ("the paper", num_papers)]
            grids.append(_grid(f"table-{len(grids) + 1}", _beside(table, papers), groups))
        elif table is not papers:
            grids.append(_grid(f"table-{len(grids) + 1}", table))
    return grids


def _beside(ours: Mapping[str, Any], papers: Mapping[str, Any]) -> dict[str, Any]:
    """Joins two tables by the names of their rows."""
    first, second = ({row[0]: row[1:] for row in table["rows"]} for table in (ours, papers))
    no_first, no_second = ([None] * (len(table["columns"]) - 1) for table in (ours, papers))
    return {
        "title": _OURS,
        "note": f"{ours['note']} The paper: {papers['note']}",
        "columns": [*ours["columns"], *papers["columns"][1:]],
        "rows": [
            [name, *first.get(name, no_first), *second.get(name, no_second)]
            for name in dict.fromkeys([*first, *second])
        ],
    }


def _shown(column: Sequence[Any]) -> list[str]:
    """The cells of a column as text; all fractions have the same number of decimals."""
    decimals = max(
        (len(str(value).partition(".")[2]) for value in column if isinstance(value, float)), default=0
    )

    def text(value: Any) -> str:
        if value is None or value == "":
            return NOTHING
        if isinstance(value, float):
            return f"{value + 0.0:,.{decimals}f}"
        return f"{value:,}" if isinstance(value, int) else str(value)

    return [text(value) for value in column]


def _samples(samples: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By pair, a row for each system and a column for each sentence."""
    shown = []
    for pair in samples:
        name, _, _ = pair["test"].partition(":")
        source, _, target = name.partition("-")
        sentences = pair["sentences"]
        systems = list(dict.fromkeys(title for sentence in sentences for title in sentence["systems"]))
        rows = [
            (title.removeprefix(f"{name} "), [each["systems"].get(title) for each in sentences])
            for title in systems
        ]
        languages = {"source": source, "target": target}
        shown.append({"test": pair["test"], "sentences": sentences, "systems": rows} | languages)
    return shown


def _readable(value: Any) -> str:
    """A mapping, or the text of one, as ``name value`` pairs."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return str(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)


def _texts(report: Mapping[str, Any]) -> list[list[Any]]:
    """Which texts were used, with their hashes."""
    return [[each[name] for name in ("use", "origin", "pairs", "sha256")] for each in report.get("texts", ())]
