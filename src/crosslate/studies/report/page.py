"""The report of a study as one HTML file that asks for nothing outside itself."""

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
from crosslate.studies.report.tables import p_value

MAX_OPEN_ROWS = 25
"""A table with more rows scrolls in a box."""
SYMBOLS = {"confirmed": "✓", "contradicted": "✕", "undecided": "≈", "not measured": "–"}
NOTHING = "–"
_OURS, _PAPERS = "Children: BLEU", "The paper's numbers: BLEU"
# A number, or one with its deviation or interval; a hash that starts with a digit is none.
_NUMBER = re.compile(r"[-−]?\d[\d.,]*( .*)?")
# What no XML or HTML may hold, not even escaped; a system's translation can.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Figures:
    """A section with figures: captions and SVG, of which those that are None are left out.

    Attributes:
        anchor: its id in the page.
        shape: how large they stand: ``small``, ``medium``, ``one`` or ``natural``.
    """

    anchor: str
    title: str
    note: str
    shape: str
    figures: Sequence[tuple[str, Markup | None]]

    @property
    def drawn(self) -> list[dict[str, Any]]:
        return [{"caption": caption, "picture": picture} for caption, picture in self.figures if picture]


@dataclass(frozen=True)
class Grid:
    """A table as it is shown.

    Attributes:
        anchor: its id in the page.
        numeric: which columns are aligned at the right.
        groups: headings over several columns with how many each spans; empty without.
    """

    anchor: str
    title: str
    note: str
    columns: Sequence[str]
    numeric: Sequence[bool]
    rows: Sequence[Sequence[str]]
    groups: Sequence[tuple[str, int]] = ()

    @property
    def is_long(self) -> bool:
        return len(self.rows) > MAX_OPEN_ROWS

    @classmethod
    def of(cls, number: int, table: Mapping[str, Any], groups: Sequence[tuple[str, int]] = ()) -> Grid:
        columns = list(zip(*table["rows"])) or [()] * len(table["columns"])
        numeric = [index > 0 and all(map(_is_number, column)) for index, column in enumerate(columns)]
        rows = list(zip(*map(_shown, columns)))
        title, note, names = (table[name] for name in ("title", "note", "columns"))
        return cls(f"table-{number}", title, note, names, numeric, rows, groups)


def page(report: Mapping[str, Any], sections: Iterable[Figures]) -> str:
    """The report as HTML, from what ``report.json`` holds; sections without figures are left out."""
    here = files(__package__)
    template, style, script = (
        here.joinpath(name).read_text(encoding="utf-8") for name in ("page.html", "style.css", "script.js")
    )
    # The only script that may run is the page's own, whatever the data hold.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    text = environment.from_string(template).render(
        report=report, style=Markup(style), script=Markup(script), script_digest=digest, symbols=SYMBOLS,
        verdicts=_verdicts(report["findings"]), claims=[_claim(each) for each in report["findings"]],
        tables=_grids(report["tables"]), sections=[each for each in sections if each.drawn],
        samples=_samples(report["samples"]), command=command_of(report["name"]),
        environment=[(name, _readable(value)) for name, value in report["environment"].items()],
        texts=_texts(report.get("texts", ())),
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
            "p": p_value(each["p_value"]) or NOTHING,
        }
        for each, difference in zip(evidence, differences)
    ]  # fmt: skip
    reason = str(finding["reason"])
    return {**finding, "reason": reason[:1].upper() + reason[1:], "rows": rows}


def _grids(tables: Sequence[Mapping[str, Any]]) -> list[Grid]:
    """The tables; the paper's own numbers stand beside ours where both have the same rows."""
    by_title = {table["title"]: table for table in tables}
    papers = by_title.get(_PAPERS) if _OURS in by_title else None
    rest = [table for table in tables if table is not papers]
    return [
        _beside(number, table, papers) if papers and table["title"] == _OURS else Grid.of(number, table)
        for number, table in enumerate(rest, start=1)
    ]


def _beside(number: int, ours: Mapping[str, Any], papers: Mapping[str, Any]) -> Grid:
    """One table of two with rows of the same names."""
    first, second = ({row[0]: list(row[1:]) for row in table["rows"]} for table in (ours, papers))
    num_ours, num_papers = len(ours["columns"]) - 1, len(papers["columns"]) - 1
    joined = {
        "title": _OURS,
        "note": f"{ours['note']} The paper: {papers['note']}",
        "columns": [*ours["columns"], *papers["columns"][1:]],
        "rows": [
            [name, *first.get(name, [None] * num_ours), *second.get(name, [None] * num_papers)]
            for name in dict.fromkeys([*first, *second])
        ],
    }
    return Grid.of(number, joined, [("", 1), ("this study", num_ours), ("the paper", num_papers)])


def _is_number(value: Any) -> bool:
    return not isinstance(value, str) or bool(_NUMBER.fullmatch(value))


def _shown(column: Sequence[Any]) -> list[str]:
    """The texts of a column; its fractions with as many decimals as the one that has most."""
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


def _texts(texts: Iterable[Mapping[str, Any]]) -> Grid | None:
    """Which texts were used, with their hashes."""
    rows = [[each["use"], each["origin"], each["pairs"], each["sha256"]] for each in texts]
    columns = ["used as", "origin", "pairs", "sha256"]
    return Grid.of(0, {"title": "Texts", "note": "", "columns": columns, "rows": rows}) if rows else None
