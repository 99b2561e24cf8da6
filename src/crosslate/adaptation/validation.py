"""Validation by real translations of the live model, scored by a metric."""

from __future__ import annotations

from collections.abc import Callable

from crosslate.engines.decoding import DecodingOptions
from crosslate.evaluation.scores import Metric, check_references, score_translations
from crosslate.models.child import Child, plain_child
from crosslate.models.parent import Parent
from crosslate.models.tensors import is_mixed
from crosslate.text.corpora import ParallelCorpus
from crosslate.training.loop import Validation
from crosslate.training.memory import shards
from crosslate.translation.translator import EngineName, Translator


def make_validate(
    model: Parent | Child,
    valid: ParallelCorpus,
    metric: Metric,
    measure: Callable[[], dict[str, float]] | None = None,
) -> Callable[[], Validation]:
    """The callable that training validates with: greedy translations of ``valid``, scored by ``metric``.

    Args:
        measure: called after each validation; what it finds is kept beside the score and chooses nothing.

    Raises:
        InputError: every reference is empty, so that no translation could be right.
    """
    check_references(valid)
    engine: EngineName = "auto"

    def validate() -> Validation:
        nonlocal engine
        # An export of what is held in less memory would take more than it all.
        if is_mixed(model.model) or shards(model.model):
            engine = "pytorch"
        # What a method learns beside the tensors is folded into them, so that any engine can translate.
        current = plain_child(model) if isinstance(model, Child) else model
        translator = Translator(current, engine=engine, options=DecodingOptions(beam_size=1))
        if translator.engine.name == "pytorch":
            engine = "pytorch"  # a family that CTranslate2 cannot express is not tried again
        translations = list(translator.translate_lines(valid.source))
        found = score_translations(translations, valid, metric, num_samples=0)
        return Validation(metric, found.value, found.signature, {} if measure is None else dict(measure()))

    return validate
