"""A study of one parent and two children on a few sentences of the phrasebook."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crosslate.studies.analyses import plan_study
from crosslate.studies.cells import Cell
from crosslate.studies.recipe import Recipe
from crosslate.studies.store import Result, Results
from crosslate.studies.texts import Library

NOWHERE = Library(Path("nowhere"))

TRAINING = {
    "max_epochs": 1, "max_updates": 3, "batch_tokens": 1024, "warmup_updates": 2, "patience": 0,
    "precision": "fp32", "checkpoint_every_seconds": 0.0,
}  # fmt: skip
SIZE = "1,32,2,48"


def text(share: str, last: int) -> dict:
    return {"phrasebook": share, "last_line": last}


def pair_text(share: str) -> dict:
    return {"train": text(share, 200), "valid": text("valid", 8), "test": text("test", 6)}


def recipe(**changes) -> Recipe:
    """The study with some keys changed."""
    values = {
        "name": "toy",
        "parents": [
            {"name": "fr-en", "source": "fr", "target": "en", "text": pair_text("parent"), "size": SIZE,
             "source_vocabulary": 300, "target_vocabulary": 300, "training": TRAINING}
        ],
        "denoisers": [
            {"name": "denoiser", "languages": ["de", "en"], "train": text("parent", 150), "valid": text("valid", 8),
             "size": SIZE, "vocabulary": 400, "training": TRAINING}
        ],
        "children": [
            {"parent": "fr-en", "source": "de", "target": "en", "vocabulary": 300, "text": pair_text("child"),
             "strategies": ["scratch", "src", "src+xattn"]},
            {"parent": "fr-en", "source": "fr", "target": "es", "vocabulary": 300, "text": pair_text("child"),
             "strategies": ["tgt+xattn"], "is_target_of_denoisers": False},
        ],
        "zero_shot": [
            {"source_child": "de-en", "target_child": "fr-es", "text": pair_text("child"),
             "supervised_sizes": [120], "pivot": False}
        ],
        "denoising_strategies": ["embed+xattn"],
        "training": {"all": TRAINING},
        "dictionaries": {"de-fr": "phrasebook", "de-en": "phrasebook", "es-en": "phrasebook"},
        "decoding": {"beam_size": 1, "max_new_tokens": 12},
    }  # fmt: skip
    return Recipe.from_values(values | changes)


def planned(study: Recipe) -> list[Cell]:
    """The cells of a study whose data are nowhere."""
    return plan_study(study, NOWHERE)


def titles(cells: Iterable[Cell]) -> list[str]:
    return [cell.title for cell in cells]


def difference(first: float, second: float, spread: float = 0.3, p_value: float = 0.0001) -> dict[str, Any]:
    """A stored difference whose interval is that far to either side."""
    middle = first - second
    return {
        "first": first,
        "second": second,
        "interval": [middle - spread, middle + spread],
        "p_value": p_value,
    }


def comparison(first: list[Cell], second: list[Cell]) -> Cell:
    """The cell that compares two systems in all their seeds."""
    needs = {f"{role} {number}": cell.key for role, cells in (("first", first), ("second", second))
             for number, cell in enumerate(cells, start=1)}  # fmt: skip
    labels = {"first": first[0].title, "second": second[0].title, "is_average": False,
              "seeds": [cell.labels.get("seed") for cell in first]}  # fmt: skip
    spec = {"runs": [{"test": 1, "parent": 1}] * len(first)}
    return Cell("compare", f"{first[0].title} against {second[0].title}", spec, needs, labels)


def results(found: Iterable[tuple[Cell, dict[str, Any]]]) -> Results:
    """Results with these values."""
    found = list(found)
    by_key = {
        cell.key: Result(
            key=cell.key, kind=cell.kind, title=cell.title, labels=cell.labels, spec={}, values=values, seconds=1.0
        )
        for cell, values in found
    }  # fmt: skip
    return Results([cell for cell, _ in found], by_key)


def pairs_recipe() -> Recipe:
    """A pair that two packs compose: with synthetic text of two kinds, real pairs, and a supervised model."""
    low, parent = "+xattn+low-rank(enc,dec;rank=2)", recipe().parents[0]
    texts = pair_text("child") | {"train": text("child", 600)}
    child = {"parent": "fr-en", "source": "de", "target": "en", "vocabulary": 300, "text": texts,
             "initial_embeddings": ["copied"]}  # fmt: skip
    pair = {
        "source_child": "de-en", "target_child": "fr-es", "text": texts, "source_strategy": f"src{low}",
        "target_strategy": f"tgt{low}", "strategy": f"pair{low}", "reverse_parent": "en-fr", "reverse_child": "en-de",
        "bridge_strategy": f"src{low}",
        "real_sizes": [50], "real_training": {"max_updates": 2}, "aligned": text("test", 6),
    }  # fmt: skip
    return recipe(
        parents=[parent.to_values(), parent.changed(name="en-fr", source="en", target="fr").to_values()],
        children=[child, child | {"source": "fr", "target": "es"},
                  child | {"parent": "en-fr", "source": "en", "target": "de"}],
        strategies=[f"src{low}", f"tgt{low}"], denoisers=[], zero_shot=[], pair_packs=[pair],
        analyses=["pair-packs", "composition-gap", "compare"],
        # Models that have learnt nothing write what the rules would drop.
        data={"cleaning": {"enabled": False}},
    )  # fmt: skip
