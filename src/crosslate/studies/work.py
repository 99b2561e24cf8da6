"""Which work each kind of cell is. Kinds are loaded when they are needed."""

from __future__ import annotations

from importlib import import_module

from crosslate.errors import CrosslateError, nearest
from crosslate.studies.bench import Bench
from crosslate.studies.cells import Cell
from crosslate.studies.run import Place
from crosslate.studies.store import Output

_TRAINING, _ANALYSIS = "crosslate.studies.training_work", "crosslate.studies.analysis_work"
KINDS = {
    "parent": (_TRAINING, "parent_work"),
    "denoiser": (_TRAINING, "denoiser_work"),
    "trimmed": (_TRAINING, "trimmed_work"),
    "child": (_TRAINING, "child_work"),
    "denoising child": (_TRAINING, "child_work"),
    "supervised": (_TRAINING, "child_work"),
    "attention": ("crosslate.studies.attention_work", "attention_work"),
    "compressed": (_ANALYSIS, "compressed_work"),
    "forgetting": (_ANALYSIS, "forgetting_work"),
    "lexicon": (_ANALYSIS, "lexicon_work"),
    "lexicon of languages": (_ANALYSIS, "lexicon_of_languages_work"),
    "lexicon between": (_ANALYSIS, "lexicon_between_work"),
    "zero-shot": (_ANALYSIS, "zero_shot_work"),
    "pivot": (_ANALYSIS, "pivot_work"),
    "compare": (_ANALYSIS, "compare_work"),
}


def work(cell: Cell, place: Place) -> Output:
    """Does the work of a cell."""
    if cell.kind not in KINDS:
        raise CrosslateError(
            f"no work is known for the kind {cell.kind!r}; {nearest(cell.kind, list(KINDS))}"
        )
    module, name = KINDS[cell.kind]
    bench = Bench(cell, place)
    bench.check_texts()
    output: Output = getattr(import_module(module), name)(bench)
    bench.check_texts()
    return output
