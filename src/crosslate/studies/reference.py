"""The reference of recipes (docs/recipes.md), made from the dataclasses that read them."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any, get_type_hints

from crosslate.config import Settings
from crosslate.engines.decoding import DecodingOptions
from crosslate.studies.recipe import (
    ChildRecipe,
    CompressionRecipe,
    DenoiserRecipe,
    PairText,
    ParentRecipe,
    Recipe,
    ZeroShotRecipe,
    load_recipe,
    shipped_recipes,
)
from crosslate.studies.texts import Text
from crosslate.training.settings import TrainingSettings

_HEAD = """# Recipes

A recipe is a study as a YAML file: `crosslate study run RECIPE` plans a grid of cells from it, runs
those that have no stored result yet, and writes the report three times: `report.html` to read (one file with
all tables and pictures, which opens from disk and asks for nothing outside itself), `report.md`, and
`report.json` for programs. RECIPE is the path of a file or the name of a shipped recipe. Unknown keys are
refused with the nearest known one. This page is made from the code (`crosslate.studies.reference`); a
test keeps the two the same.

```
crosslate study run phrasebook                      # every cell; --jobs N at a time
crosslate study run multi30k --data data --dry-run  # the plan with estimated times
crosslate study run multi30k --data data --only "de-en*"
crosslate study run multi30k --data data --quick    # the same grid in minutes; its numbers mean nothing
crosslate study report multi30k --data data --to docs/results
```

A cell is found again by the hash of everything that determines its result: settings in full, hashes of its
texts, and the cells it is built on. So changing a key makes anew what depends on it and nothing else. A
failed cell is noted with its error under `failures/`, stops only what needs it, and is tried again by the
next run. Two runs in one folder share the work: a cell that one is at, the other waits for. `results/`
holds a small JSON file for each cell and the translations of its test set; `models/` holds parents and
packs, which reports never read.

A report needs the same texts in `--data` as the run, since their hashes are part of the keys.
"""
_CLASSES: tuple[tuple[str, Any], ...] = (
    ("The recipe", Recipe), ("parents", ParentRecipe), ("children", ChildRecipe),
    ("denoisers", DenoiserRecipe), ("zero_shot", ZeroShotRecipe), ("text", PairText), ("A text", Text),
    ("compressions", CompressionRecipe), ("training", TrainingSettings), ("decoding", DecodingOptions),
)  # fmt: skip


def reference() -> str:
    """The reference as Markdown."""
    lines = [_HEAD, "## Shipped recipes", ""]
    lines += [f"- `{name}`: {' '.join(load_recipe(name).about.split())}" for name in shipped_recipes()]
    for title, kind in _CLASSES:
        heading = title if " " in title else f"`{title}`"
        lines += ["", f"## {heading}", "", _first_sentence(kind), "", "| key | type | default | meaning |"]
        lines += ["|---|---|---|---|", *_rows(kind)]
    return "\n".join(lines) + "\n"


def _rows(kind: Any) -> list[str]:
    if issubclass(kind, Settings):
        return [
            f"| `{name}` | {_type(field.annotation)} | `{field.default!r}` | {field.description or ''} |"
            for name, field in kind.model_fields.items()
        ]
    hints, about = get_type_hints(kind), _attributes(kind)
    return [
        f"| `{field.name}` | {_type(hints[field.name])} | {_default(field)} | {about.get(field.name, '')} |"
        for field in dataclasses.fields(kind)
    ]


def _first_sentence(kind: Any) -> str:
    text = inspect.getdoc(kind) or ""
    return " ".join(re.split(r"\n\s*(?:Attributes|Args|Raises):", text)[0].split())


def _attributes(kind: Any) -> dict[str, str]:
    """The descriptions under ``Attributes:`` of a docstring, by field."""
    text = inspect.getdoc(kind) or ""
    _, _, block = text.partition("Attributes:\n")
    block = re.split(r"\n(?=\S)", block)[0]
    entries = re.split(r"\n?^    (\w+): ", block, flags=re.MULTILINE)[1:]
    return {
        name: " ".join(words.split()).replace("``", "`").replace("|", "\\|")
        for name, words in zip(entries[::2], entries[1::2])
    }


def _type(hint: Any) -> str:
    if dataclasses.is_dataclass(hint) or (isinstance(hint, type) and issubclass(hint, Settings)):
        return getattr(hint, "__name__", str(hint))
    name = str(hint) if "[" in str(hint) or "|" in str(hint) else getattr(hint, "__name__", str(hint))
    name = re.sub(r"\b(?:typing|[\w.]+)\.(\w+)", r"\1", name)
    return name.replace("|", "or")


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
        return "" if dataclasses.is_dataclass(value) or isinstance(value, Settings) else f"`{value}`"
    if field.default is dataclasses.MISSING:
        return "required"
    return f"`{field.default!r}`"
