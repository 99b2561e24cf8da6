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

from crosslate.studies.claims import Verdict
from crosslate.studies.page.curves import learning_curves, storage_curve
from crosslate.studies.page.maps import attention_map, attention_place, lexicon_map
from crosslate.studies.page.scatter import quality_by_bytes
from crosslate.studies.quick import command_of
from crosslate.studies.rival_tables import COMPRESSED, QUALITY
from crosslate.studies.tables import shown_p_value

MAX_OPEN_ROWS = 25
"""A table with more rows scrolls in a box."""
SYMBOLS = {"confirmed": "✓", "contradicted": "✕", "undecided": "≈", "not measured": "–"}
NOTHING = "–"
_OURS, _PAPERS, _STORAGE = "Children: BLEU", "The paper's numbers: BLEU", "Storage for N pairs"
# A number, or one with its deviation or interval; a hash that starts with a digit is none.
_NUMBER = re.compile(r"[-−]?\d[\d.,]*( .*)?")
# What no XML or HTML may hold, not even escaped; a system's translation can.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Grid:
    """A table as it is shown.

    Attributes:
        anchor: its id in the page.
        title: heading, as in the report.
        note: what the numbers are.
        groups: headings over several columns with how many each spans; empty without.
        columns: headings; the first column names the rows.
        numeric: which columns are aligned at the right.
        rows: texts.
    """

    anchor: str
    title: str
    note: str
    groups: tuple[tuple[str, int], ...]
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def is_long(self) -> bool:
        return len(self.rows) > MAX_OPEN_ROWS


def page(report: Mapping[str, Any]) -> str:
    """The report as HTML.

    Args:
        report: the mapping that ``report.json`` holds; ``maps``, ``attention`` and ``texts`` may be missing.
    """
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
        tables=_grids(report["tables"]), sections=_pictures(report), samples=_samples(report["samples"]),
        command=command_of(report["name"]), environment=_environment(report["environment"]),
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
            "p": NOTHING if each["p_value"] is None else shown_p_value(each["p_value"]).removeprefix("= "),
        }
        for each, difference in zip(evidence, differences)
    ]  # fmt: skip
    reason = str(finding["reason"])
    return {**finding, "reason": reason[:1].upper() + reason[1:], "rows": rows}


def _grids(tables: Sequence[Mapping[str, Any]]) -> list[Grid]:
    """The tables; the paper's own numbers stand beside ours where both have the same rows."""
    by_title = {table["title"]: table for table in tables}
    if _OURS not in by_title or _PAPERS not in by_title:
        return [_grid(number, table) for number, table in enumerate(tables, start=1)]
    rest = [table for table in tables if table["title"] != _PAPERS]
    return [
        _beside(number, table, by_title[_PAPERS]) if table["title"] == _OURS else _grid(number, table)
        for number, table in enumerate(rest, start=1)
    ]


def _beside(number: int, ours: Mapping[str, Any], papers: Mapping[str, Any]) -> Grid:
    """One table of two with rows of the same names."""
    first, second = ({row[0]: list(row[1:]) for row in table["rows"]} for table in (ours, papers))
    num_ours, num_papers = len(ours["columns"]) - 1, len(papers["columns"]) - 1
    rows = [
        [name, *first.get(name, [None] * num_ours), *second.get(name, [None] * num_papers)]
        for name in dict.fromkeys([*first, *second])
    ]
    joined = {
        "title": _OURS,
        "note": f"{ours['note']} The paper: {papers['note']}",
        "columns": [*ours["columns"], *papers["columns"][1:]],
        "rows": rows,
    }
    return _grid(number, joined, (("", 1), ("this study", num_ours), ("the paper", num_papers)))


def _grid(number: int, table: Mapping[str, Any], groups: tuple[tuple[str, int], ...] = ()) -> Grid:
    columns = list(zip(*table["rows"])) or [()] * len(table["columns"])
    numeric = tuple(index > 0 and all(map(_is_number, column)) for index, column in enumerate(columns))
    rows = tuple(zip(*map(_shown, columns)))
    return Grid(
        f"table-{number}", table["title"], table["note"], groups, tuple(table["columns"]), numeric, rows
    )


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


def _pictures(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Sections with their pictures; those without are left out."""
    by_title = {table["title"]: table for table in report["tables"]}
    storage = by_title.get(_STORAGE)
    sections = [
        {
            "anchor": "curves", "title": "Learning curves", "shape": "small",
            "note": "Scores of the validation text in the course of training. Each panel has its own scale; "
            "thin lines are single seeds, thick ones their mean.",
            "figures": [_figure(_heading(each), each) for each in learning_curves(report["curves"])],
        },
        {
            "anchor": "storage", "title": "Storage curve", "shape": "one",
            "note": "What the tensors of N pairs take: N packs beside one parent, or a full model for each.",
            "figures": [_figure("", each) for each in (storage_curve(storage),) if each],
        },
        {
            "anchor": "quality", "title": "Quality against bytes", "shape": "medium",
            "note": "Every point is a pack: further left are fewer bytes, further up more BLEU. The paper's "
            "strategies, others, and packs of cross-attention in fewer bytes have colours of their own.",
            "figures": [
                _figure(child, each)
                for child, each in quality_by_bytes(by_title.get(QUALITY), by_title.get(COMPRESSED))
            ],
        },
        {
            "anchor": "maps", "title": "Lexicon maps", "shape": "medium",
            "note": "Dots are a child's words, squares the parent's words that translate them, in the first "
            "two principal components of both; a line joins a word with its translation, so short lines mean "
            "that translations lie together. Point at a mark for its words where labels leave no room.",
            "figures": [
                _figure(f"{found['title']} ({found['languages']}){_variance(found)}", each)
                for number, found in enumerate(report.get("maps") or (), start=1)
                if (each := lexicon_map(f"map-{number}", found))
            ],
        },
        {
            "anchor": "attention", "title": "Attention maps", "shape": "natural",
            "note": "Cross-attention from each piece of the translation (down) to the pieces of the source "
            "(across): the fuller the colour, the more weight. Outlines are the word alignment, "
            "read from the mean of all heads of the layer.",
            "figures": [
                _figure(f"{found['title']}, {attention_place(found)}", each)
                for number, found in enumerate(report.get("attention") or (), start=1)
                if (each := attention_map(f"attention-{number}", found))
            ],
        },
    ]  # fmt: skip
    return [section for section in sections if section["figures"]]


def _figure(caption: str, picture: Markup) -> dict[str, Any]:
    return {"caption": caption, "picture": picture}


def _variance(found: Mapping[str, Any]) -> str:
    share = found.get("variance %")
    return "" if share is None else f", {share:.0f} % of the variance"


def _heading(picture: Markup) -> str:
    """What a learning curve is of: its title up to what the axes say anyway."""
    return picture.split('-title">', 1)[1].split("</title>", 1)[0].rpartition(": ")[0]


def _samples(samples: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By pair, a row for each system and a column for each sentence."""
    shown = []
    for pair in samples:
        name, _, _ = pair["test"].partition(":")
        source, _, target = name.partition("-")
        sentences = pair["sentences"]
        systems = list(dict.fromkeys(title for sentence in sentences for title in sentence["systems"]))
        shown.append(
            {
                "test": pair["test"], "source": source, "target": target, "sentences": sentences,
                "systems": [
                    (title.removeprefix(f"{name} "), [each["systems"].get(title) for each in sentences])
                    for title in systems
                ],
            }
        )  # fmt: skip
    return shown


def _environment(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, _readable(value)) for name, value in environment.items()]


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
    if not rows:
        return None
    columns = ["used as", "origin", "pairs", "sha256"]
    return _grid(0, {"title": "Texts", "note": "", "columns": columns, "rows": rows})
