"""Validation by real translations: an engine on the live model, a score of its output."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

from crosslate.engines.decoding import DecodingOptions, Engine
from crosslate.engines.generation import TranslationModel
from crosslate.errors import EngineError
from crosslate.evaluation.scores import Score, bleu, chrf
from crosslate.models.child import Child, plain_child
from crosslate.models.tensors import is_mixed
from crosslate.text.corpora import ParallelCorpus
from crosslate.training.loop import Validation
from crosslate.training.memory import shards
from crosslate.translation.lines import translate_lines

log = logging.getLogger(__name__)

SCORERS: dict[str, Callable[..., Score]] = {"bleu": bleu, "chrf": chrf}


def live_engine(model: TranslationModel, folder: Path) -> Engine:
    """The fastest engine for a model in memory: CTranslate2 where it can express the family and runs on CPU.

    Args:
        folder: a fresh path where the exported model may be written.
    """
    from crosslate.engines.pytorch import TorchEngine

    # An export of what is held in less memory would take more than it all.
    if model.model.device.type != "cpu" or is_mixed(model.model) or shards(model.model):
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
    metric: str,
    measure: Callable[[], dict[str, float]] | None = None,
) -> Callable[[], Validation]:
    """The callable that training validates with: greedy translations of ``valid``, scored by ``metric``.

    Args:
        measure: called after each validation; what it finds is kept beside the score and chooses nothing.
    """

    def validate() -> Validation:
        with tempfile.TemporaryDirectory(prefix="crosslate-validation-") as folder:
            # What a method learns beside the tensors is folded into them, so that any engine can translate.
            current = plain_child(model) if isinstance(model, Child) else model
            engine = live_engine(current, Path(folder) / "model")
            greedy, language = DecodingOptions(beam_size=1), valid.source_language
            translations = list(translate_lines(engine, valid.source, greedy, language=language))
        score = SCORERS[metric](translations, valid.target, num_samples=0)
        return Validation(metric, score.value, score.signature, {} if measure is None else dict(measure()))

    return validate
