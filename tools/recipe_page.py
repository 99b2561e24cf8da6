"""Generate docs/recipes.md from the settings of recipes, and one section written by hand.

Regenerate it with ``python -m tools.recipe_page``; a test compares the two.
"""

from __future__ import annotations

from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from crosslate.config import Settings
from crosslate.engines.decoding import DecodingOptions
from crosslate.studies.recipe import (
    ChildRecipe,
    CompressionRecipe,
    DenoiserRecipe,
    PairPackRecipe,
    PairText,
    ParentRecipe,
    Recipe,
    ZeroShotRecipe,
    load_recipe,
    shipped_recipes,
)
from crosslate.studies.texts import Text
from crosslate.training.settings import TrainingSettings

PAGE = Path(__file__).parents[1] / "docs" / "recipes.md"
_HEAD = """# Recipes

A recipe is a YAML file that describes a study. `crosslate study run RECIPE` plans a grid of cells, runs
those that have no stored result, and writes the report as `report.html` (a self-contained page with all
tables and figures), `report.md`, and `report.json` (for programs). RECIPE is the path of a file or the
name of a shipped recipe. Unknown keys are refused with a suggestion. `python -m tools.recipe_page`
generates this page from the code.

```
crosslate study run phrasebook                      # every cell; --jobs N at a time
crosslate study run multi30k --data data --dry-run  # the plan with estimated times
crosslate study run multi30k --data data --only "de-en*"
crosslate study run multi30k --data data --quick    # the same grid in minutes, with meaningless numbers
crosslate study report multi30k --data data --to docs/results
```

A cell's key is the hash of everything that determines its result: its full settings, the hashes of its
texts, and the cells that it depends on. If you change a setting, only the cells that depend on it run
again. If a cell fails, its error is written to `failures/`, only the cells that need it are skipped, and
the next run tries it again. Two runs in one folder share the work: each waits for cells that the other
is running. `results/` has a small JSON file for each cell and the translations of its test set.
`models/` has parents and packs, which reports never read.

A report needs the same texts in `--data` as the run, since their hashes are part of the keys.
"""
_PAPER = Path(__file__).with_name("recipe_page_paper.md")
"""The section on the recipe ``paper``, written by hand."""
_SECTIONS: dict[str, type[Settings]] = {
    "The recipe": Recipe, "`parents`": ParentRecipe, "`children`": ChildRecipe, "`denoisers`": DenoiserRecipe,
    "`zero_shot`": ZeroShotRecipe, "`pair_packs`": PairPackRecipe, "`text`": PairText, "A text": Text,
    "`compressions`": CompressionRecipe,
    "`training`": TrainingSettings, "`decoding`": DecodingOptions,
}  # fmt: skip


def reference() -> str:
    """The page as Markdown."""
    lines = [_HEAD, "## Shipped recipes", ""]
    lines += [f"- `{name}`: {' '.join(load_recipe(name).about.split())}" for name in shipped_recipes()]
    lines += ["", *_PAPER.read_text(encoding="utf-8").splitlines()]
    for title, kind in _SECTIONS.items():
        about = " ".join((kind.__doc__ or "").split()).replace("``", "`")
        lines += ["", f"## {title}", "", about, "", "| key | type | default | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{name}` | {_type(field.annotation)} | {_default(field)} | {_meaning(field)} |"
            for name, field in kind.model_fields.items()
        ]
    return "\n".join(lines) + "\n"


def _type(hint: Any) -> str:
    """A type in Python syntax, without value ranges."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _type(parts[0])
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if origin in (Union, UnionType):
        return " or ".join(map(_type, parts))
    if origin is not None:
        return f"{origin.__name__}[{', '.join(map(_type, parts))}]"
    return "None" if hint is NoneType else str(getattr(hint, "__name__", hint))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "" if isinstance(value, Settings) else f"`{value!r}`"


def _meaning(field: FieldInfo) -> str:
    about = (field.description or "").replace("|", "\\|")
    return about[:1].upper() + about[1:]


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
