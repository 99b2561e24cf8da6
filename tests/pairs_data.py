"""Stand-ins for the data of the recipe ``published-pairs``: its texts in made-up languages, and two small parents."""

from pathlib import Path

from crosslate.adaptation.parents import train_parent
from crosslate.adaptation.settings import DataSettings, OutputSettings
from crosslate.models.sizes import parse_size
from crosslate.studies.analyses import plan_study
from crosslate.studies.recipe import load_recipe
from crosslate.studies.texts import Library
from crosslate.text.corpora import ParallelCorpus
from crosslate.training.settings import TrainingChanges
from paper_data import sentences

_LINES = {"train": 1_600, "val": 50, "test": 70}
# Enough that translations have about the length of their sources; cleaning drops what has not.
_TRAINING = {
    "max_epochs": 0, "max_updates": 150, "batch_tokens": 1024, "warmup_updates": 50, "patience": 0,
    "validate_every_updates": 150, "precision": "fp32", "fresh_learning_rate": 3e-3,
}  # fmt: skip


def write(folder: Path) -> None:
    """Writes all texts that the recipe names, and the parents that it loads."""
    library = Library(folder)
    study = load_recipe("published-pairs")
    for cell in plan_study(study, library):
        for placed in cell.texts.values():
            paths, pair = library.paths(placed), (placed.source, placed.target)
            part = paths[0].name.split(".")[1]
            if not paths[0].is_file():
                paths[0].parent.mkdir(parents=True, exist_ok=True)
                for path, lines in zip(paths, sentences(_LINES[part], *pair, f"{part} {pair}"), strict=True):
                    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for parent in study.parents:
        pair = parent.source, parent.target
        train, valid = (
            ParallelCorpus(*sentences(_LINES[part], *pair, f"parent {part} {pair}"), *pair)
            for part in ("train", "val")
        )
        train_parent(
            train, valid, output=OutputSettings(folder=folder / parent.load), size=parse_size("1,64,2,128"),
            training=TrainingChanges.from_values(_TRAINING).resolved(),
            data=DataSettings(source_vocabulary_size=400, target_vocabulary_size=400),
        )  # fmt: skip
