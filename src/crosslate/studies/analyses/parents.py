"""Translation parents: trained, or loaded; each is scored on its own pair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crosslate.studies.adapted import training_record, translated
from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import ANALYSIS_OPERATIONS, Cell
from crosslate.studies.estimate import training_operations
from crosslate.studies.inputs import PARENT, Inputs
from crosslate.studies.plan import Plan
from crosslate.studies.recipe import ParentRecipe
from crosslate.studies.store import Output
from crosslate.training.settings import TrainingChanges


class Parents(Analysis):
    is_optional = False
    kinds = ("parent",)

    def cells(self, plan: Plan) -> Iterator[Cell]:
        for parent in plan.recipe.parents:
            yield self._cell(plan, parent)

    def _cell(self, plan: Plan, parent: ParentRecipe) -> Cell:
        texts = plan.texts(parent.text, parent.source, parent.target, "train", "valid", "test")
        operations = ANALYSIS_OPERATIONS
        if parent.load:
            texts = {"test": texts["test"]}
            spec: dict[str, Any] = {"languages": [parent.source, parent.target]}
            spec |= plan.library.model_identity(parent.load)
        else:
            settings = TrainingChanges.from_values(parent.training).resolved()
            vocabularies = [parent.source_vocabulary, parent.target_vocabulary]
            spec = {"size": parent.size, "vocabularies": vocabularies, "training": settings.to_values()}
            spec |= plan.data()
            operations = training_operations(parent.size, texts["train"].text.estimated_pairs, settings)
        labels = {"parent": parent.name, "source": parent.source, "target": parent.target, "size": 0}
        spec |= plan.scored(texts)
        title = f"parent {parent.name}"
        return Cell("parent", title, spec, {}, labels, texts, operations, published=parent.published)

    def work(self, inputs: Inputs) -> Output:
        from crosslate.adaptation.parents import train_parent
        from crosslate.adaptation.settings import OutputSettings
        from crosslate.files import read_json
        from crosslate.models.parent import RECORD, Parent
        from crosslate.models.sizes import parse_size

        spec, values = inputs.spec, {}
        if load := spec.get("load"):
            source, target = spec["languages"]
            values = {"load": load, "languages": spec["languages"]}
            parent = Parent.load(inputs.library.model(load), source_language=source, target_language=target)
        else:
            folder = inputs.folder / PARENT
            if not (folder / RECORD).is_file():
                train_parent(
                    inputs.library.training(inputs.cell.texts["train"]), inputs.text("valid"),
                    output=OutputSettings(folder=folder), size=parse_size(spec["size"]),
                    training=inputs.settings, progress=inputs.progress,
                    data=inputs.data_settings(*spec["vocabularies"]),
                )  # fmt: skip
            parent = Parent.load(folder)
            values = training_record(read_json(folder / RECORD))
        values |= {"parameters": parent.num_parameters, "fingerprint": parent.fingerprint()}
        return translated(inputs, values, parent)
