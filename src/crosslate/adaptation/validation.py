"""Validation by real translations: an engine on the live model, a score of its output."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

from crosslate.engines.decoding import DecodingOptions, Engine
from crosslate.engines.generation import TranslationModel
from crosslate.errors import EngineError
from crosslate.evaluation.scores import Metric, check_references, score_translations
from crosslate.models.child import Child, plain_child
from crosslate.models.tensors import is_mixed
from crosslate.text.corpora import ParallelCorpus
from crosslate.training.loop import Validation
from crosslate.training.memory import is_sharded
from crosslate.translation.lines import translate_lines

log = logging.getLogger(__name__)


def live_engine(model: TranslationModel, folder: Path) -> Engine:
    """The fastest engine for a model in memory: CTranslate2 where it can express the family and runs on CPU.

    Args:
        folder: a fresh path where the exported model may be written.
    """
    from crosslate.engines.pytorch import TorchEngine

    # An export of what is held in less memory would take more than it all.
    if model.model.device.type != "cpu" or is_mixed(model.model) or is_sharded(model.model):
        return TorchEngine(model)
    from crosslate.engines.conversion import export_ctranslate2
    from crosslate.engines.ctranslate2 import CTranslate2Engine

    try:
        export_ctranslate2(model, folder)
    except EngineError as error:
        log.debug("translating with PyTorch: %s", error)
        return TorchEngine(model)
    return CTranslate2Engine(folder)


def make_validate(
    model: TranslationModel,
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

    def validate() -> Validation:
        with tempfile.TemporaryDirectory(prefix="crosslate-validation-") as folder:
            # What a method learns beside the tensors is folded into them, so that any engine can translate.
            current = plain_child(model) if isinstance(model, Child) else model
            engine = live_engine(current, Path(folder) / "model")
            translations = list(
                translate_lines(
                    engine, valid.source, DecodingOptions(beam_size=1), language=valid.source_language
                )
            )
        found = score_translations(translations, valid, metric, num_samples=0)
        return Validation(metric, found.value, found.signature, {} if measure is None else dict(measure()))

    return validate
