"""Validate by translating with the model in training and scoring the result."""

from __future__ import annotations

import logging
from collections.abc import Callable

from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import EngineError
from crosslate.evaluation.scores import Metric, check_references, score_translations
from crosslate.models.child import Child, plain_child
from crosslate.models.parent import Parent
from crosslate.models.tensors import is_mixed
from crosslate.text.corpora import ParallelCorpus
from crosslate.training.cpu import kept_threads
from crosslate.training.loop import Validation
from crosslate.training.memory import shards
from crosslate.translation.translator import EngineName, Translator, reason_of

log = logging.getLogger(__name__)


def make_validate(
    model: Parent | Child,
    valid: ParallelCorpus,
    metric: Metric,
    measure: Callable[[], dict[str, float]] | None = None,
) -> Callable[[], Validation]:
    """Makes the callable that translates ``valid`` greedily and scores the translations by ``metric``.

    Args:
        measure: called after each validation; its values are recorded but do not select the best state.

    Raises:
        InputError: every reference is empty.
    """
    check_references(valid)
    engine: EngineName = "ctranslate2"

    @kept_threads()
    def validate() -> Validation:
        nonlocal engine
        # Exporting a model held in lower precision or in shards would undo the memory savings.
        if (
            is_mixed(model.model)
            or shards(model.model)
            or next(model.model.parameters()).device.type != "cpu"
        ):
            engine = "pytorch"
        # Fold the tensors that a method adds into the model's, so that any engine can translate.
        current = plain_child(model) if isinstance(model, Child) else model
        options = DecodingOptions(beam_size=1)
        try:
            translator = Translator(current, engine=engine, options=options)
        except EngineError as error:
            if engine == "pytorch":
                raise
            log.info("validating with PyTorch: %s", reason_of(error))
            engine = "pytorch"  # do not retry what CTranslate2 does not support
            translator = Translator(current, engine=engine, options=options)
        translations = list(translator.translate_lines(valid.source))
        found = score_translations(translations, valid, metric, num_samples=0)
        return Validation(metric, found.value, found.signature, {} if measure is None else dict(measure()))

    return validate
