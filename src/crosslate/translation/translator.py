"""Translate with a parent and its packs, from folders or in memory, through either engine."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

from crosslate.documents.flow import LINE_BREAKS
from crosslate.engines.decoding import DecodingOptions, Engine, Hypothesis
from crosslate.errors import EngineError, MissingExtra, UsageError, nearest
from crosslate.packs.manifest import Calibration, calibration_of, term_markers_of
from crosslate.packs.stored_model import StoredModel
from crosslate.text.term_annotations import TermMarkers
from crosslate.text.vocabularies import NoVocabulary
from crosslate.translation.confidence import Confidence, confidences
from crosslate.translation.lines import Aligner, n_best_lines, translate_lines

if TYPE_CHECKING:
    from crosslate.engines.conversion import Quantization
    from crosslate.engines.onnx_conversion import OnnxPrecision
    from crosslate.models.child import Child
    from crosslate.models.parent import Parent
    from crosslate.packs.pack import Pack
    from crosslate.text.glossaries import Glossary
    from crosslate.translation.glossary_engine import TermUse

log = logging.getLogger(__name__)

EngineName = Literal["auto", "ctranslate2", "onnx", "pytorch"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
UNQUANTIZED = "float32"
_TITLES = {"ctranslate2": "CTranslate2", "onnx": "ONNX", "pytorch": "PyTorch"}
_NEXT_STEP = "; use the PyTorch engine"  # of those who asked for another one
_TYPES: dict[str, tuple[str, ...]] = {"onnx": (UNQUANTIZED, "int8"), "pytorch": (UNQUANTIZED,)}


class Translator:
    """Translates with a parent and its packs, or with a child.

    Args:
        model: a parent, or a child in memory.
        packs: none for the model's own pair, one, a source pack and a target pack, or these and
            their pair pack.
        engine: ``auto`` takes the first of CTranslate2, ONNX Runtime (if it is installed) and PyTorch that
            can express a model on a CPU.
        quantization: of the weights: ``float32``; ``int8`` for CTranslate2 and ONNX Runtime; other types for
            CTranslate2 alone.
        options: beam size, length penalty and so on.

    Raises:
        PackError: the packs do not fit the parent or each other.
        EngineError: the engine that was asked for cannot express the model.
        MissingExtra: ONNX Runtime was asked for and is not installed.
        UsageError: unknown engine or quantization.
    """

    def __init__(
        self,
        model: Parent | Child,
        *packs: Pack,
        engine: EngineName = "auto",
        quantization: str = UNQUANTIZED,
        options: DecodingOptions | None = None,
    ) -> None:
        wanted = wanted_engine(engine, quantization)
        if packs:
            from crosslate.packs.compose import apply_packs

            model = apply_packs(cast("Parent", model), packs)
        if isinstance(model.source, NoVocabulary):
            wanted = _for_files(wanted, model.source.signal)
        if wanted == "auto" and quantization == UNQUANTIZED and model.model.device.type != "cpu":
            wanted = "pytorch"
        made = _engine(
            wanted,
            quantization,
            {
                "ctranslate2": lambda: _in_ctranslate2(model, quantization),
                "onnx": lambda: _in_onnx(model, quantization),
                "pytorch": lambda: _in_pytorch(model),
            },
        )
        manifests = [each.manifest for each in packs]
        learnt = calibration_of(manifests), term_markers_of(manifests)
        self._attach(made, model, options, learnt, lambda: model)

    @classmethod
    def open(
        cls,
        packs: str | Path | Sequence[str | Path] = (),
        parent: str | Path | None = None,
        *,
        engine: EngineName = "auto",
        quantization: str = UNQUANTIZED,
        options: DecodingOptions | None = None,
    ) -> Translator:
        """Opens packs (or a parent) from disk; a fast engine's model is built once and kept beside them.

        Where that model is there already, neither PyTorch nor transformers is imported. With a GPU,
        ``auto`` is PyTorch on the GPU. If there is an ONNX model and none for CTranslate2, ``auto`` takes it,
        without loading the parent to find out again that CTranslate2 cannot express it.

        Args:
            packs: folder or hub id (``ann/de-en@REVISION``) of a pack, or several; every one is verified.
            parent: hub id or folder; None finds it by the packs' manifests.
        """
        wanted_engine(engine, quantization)
        stored = StoredModel([packs] if isinstance(packs, str | Path) else packs, parent)
        return cls.of_stored(stored, engine=engine, quantization=quantization, options=options)

    @classmethod
    def of_stored(
        cls,
        stored: StoredModel,
        *,
        engine: EngineName = "auto",
        quantization: str = UNQUANTIZED,
        options: DecodingOptions | None = None,
    ) -> Translator:
        """:meth:`open` for a model on disk that was described already."""
        from crosslate.engines.ctranslate2 import CTranslate2Engine

        wanted = wanted_engine(engine, quantization)
        if stored.signal:
            wanted = _for_files(wanted, stored.signal)
        if wanted == "auto" and quantization == UNQUANTIZED and has_gpu():
            wanted = "pytorch"
        load = cache(stored.load)
        engines: dict[str, Callable[[], Engine]] = {
            "ctranslate2": lambda: CTranslate2Engine(ctranslate2_folder_of(stored, quantization, load)),
            "onnx": lambda: _stored_in_onnx(stored, quantization, load),
            "pytorch": lambda: _in_pytorch(_on_best_device(load())),
        }
        if wanted == "auto" and _is_onnx_alone_built(stored, quantization):
            engines = {"onnx": engines.pop("onnx"), **engines}
        made = _engine(wanted, quantization, engines)
        translator = cls.__new__(cls)
        translator._attach(made, stored, options, (stored.calibration, stored.term_markers), load)
        return translator

    def _attach(
        self,
        engine: Engine,
        model: Parent | Child | StoredModel,
        options: DecodingOptions | None,
        learnt: tuple[Calibration | None, TermMarkers | None],
        load: Callable[[], Parent | Child],
    ) -> None:
        self.engine, (self._calibration, self._term_markers) = engine, learnt
        self._load = load
        self.source_language, self.target_language = model.source_language, model.target_language
        self.options = options or DecodingOptions()

    def live_model(self) -> Parent | Child:
        """The model in PyTorch: that of PyTorch's engine, or one that is loaded at the first call."""
        return cast("Parent | Child", getattr(self.engine, "translation_model", None) or self._load())

    def with_glossary(self, glossary: Glossary) -> Translator:
        """A translator that shares this one's engine and uses the terms of a glossary.

        A model that has learnt terms reads them in the text. Texts in whose translation terms are missing are
        translated again in PyTorch, whatever the engine; see
        :class:`crosslate.translation.glossary_engine.GlossaryEngine`.

        Raises:
            UsageError: the glossary is for other languages, or the model reads recordings or images.
        """
        from crosslate.translation.glossary_engine import GlossaryEngine

        pair = self.source_language, self.target_language
        if (glossary.source_language, glossary.target_language) != pair:
            raise UsageError(
                f"the glossary is for {glossary.source_language}-{glossary.target_language}, but the "
                f"translator for {'-'.join(pair)}; read the glossary for the translator's languages"
            )
        if not self.engine.source.is_text:
            raise UsageError("a glossary has terms of a text, but this model reads files; leave it out")
        other = copy(self)
        other.engine = GlossaryEngine(self.engine, glossary.for_model(self._term_markers), self.live_model)
        return other

    @property
    def term_use(self) -> TermUse:
        """What became of the terms of the glossary in all translations so far; of none without a glossary."""
        from crosslate.translation.glossary_engine import GlossaryEngine, TermUse

        return self.engine.use if isinstance(self.engine, GlossaryEngine) else TermUse()

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translations of texts: as many, in the same order; long texts are split and joined again.

        Of a model that reads recordings or images, the texts are names of files.
        """
        _check_list(texts)
        return list(self.translate_lines(texts, window_lines=max(1, len(texts))))

    def translate_lines(
        self, lines: Iterable[str], *, window_lines: int = 1024, aligner: Aligner | None = None
    ) -> Iterator[str]:
        """A translation for each line of a stream, in order and in bounded memory.

        Args:
            aligner: finds the places of what is not translated; see
                :func:`crosslate.translation.lines.translate_lines`.
        """
        if not self.engine.source.is_text:
            return (ranked[0].text for ranked in self._of_files(lines, self.options, window_lines))
        return translate_lines(
            self.engine, lines, self.options, language=self.source_language,
            target_language=self.target_language, aligner=aligner, window_lines=window_lines,
        )  # fmt: skip

    def confidences(self, texts: Sequence[str], translations: Sequence[str]) -> list[Confidence | None]:
        """How sure the model is of translations, and of each of their words; takes a pass over each.

        Numbers are calibrated if the pack has a calibration. None stands for what was not translated; see
        :func:`crosslate.translation.confidence.confidences`.
        """
        _check_list(texts)
        if len(texts) != len(translations):
            raise UsageError(
                f"{len(translations)} translations for {len(texts)} texts, expected one for each"
            )
        languages = self.source_language, self.target_language
        return confidences(self.engine, list(zip(texts, translations)), languages, self._calibration)

    def n_best(self, texts: Sequence[str], count: int) -> list[list[Hypothesis]]:
        """The ``count`` best translations of each text with their scores, the best first."""
        _check_list(texts)
        return list(self.n_best_lines(texts, count, window_lines=max(1, len(texts))))

    def n_best_lines(
        self,
        lines: Iterable[str],
        count: int,
        *,
        window_lines: int = 1024,
        aligner: Aligner | None = None,
    ) -> Iterator[list[Hypothesis]]:
        """The ``count`` best translations of each line of a stream; the beam is widened to ``count``."""
        options = self.options.changed(n_best=count, beam_size=max(count, self.options.beam_size))
        if not self.engine.source.is_text:
            return self._of_files(lines, options, window_lines)
        return n_best_lines(
            self.engine, lines, options, language=self.source_language,
            target_language=self.target_language, aligner=aligner, window_lines=window_lines,
        )  # fmt: skip

    def _of_files(
        self, files: Iterable[str], options: DecodingOptions, window_lines: int
    ) -> Iterator[list[Hypothesis]]:
        """The best outputs for each recording or image of a stream."""
        names = iter(files)
        while window := list(islice(names, window_lines)):
            for ranked in self.engine.translate(window, options):
                yield [replace(each, text=LINE_BREAKS.sub(" ", each.text).strip()) for each in ranked]


def _for_files(wanted: EngineName, signal: str) -> EngineName:
    """PyTorch's engine, which alone reads recordings and images, if no other was asked for."""
    if wanted not in ("auto", "pytorch"):
        raise EngineError(f"the {_TITLES[wanted]} engine does not read {signal}{_NEXT_STEP}")
    return "pytorch"


def wanted_engine(engine: str, quantization: str) -> EngineName:
    """The engine asked for, after checks; ``auto`` with a type that only CTranslate2 has is CTranslate2."""
    from crosslate.engines.conversion import Quantization

    known = get_args(Quantization)
    if engine not in ENGINES:
        raise UsageError(f"unknown engine {engine!r}; {nearest(str(engine), ENGINES)}")
    if quantization not in known:
        raise UsageError(f"unknown quantization {quantization!r}; {nearest(str(quantization), known)}")
    types = _TYPES.get(engine, known)
    if quantization not in types:
        raise UsageError(
            f"quantization is {quantization!r}, but the {_TITLES[engine]} engine translates in "
            f"{' or '.join(types)}; use the CTranslate2 engine or leave the quantization out"
        )
    if engine == "auto" and quantization not in _TYPES["onnx"]:
        return "ctranslate2"
    return engine


def has_gpu() -> bool:
    """Whether PyTorch could use a GPU; asked first of CTranslate2, which is loaded faster."""
    import ctranslate2

    if not ctranslate2.get_cuda_device_count():
        return False
    import torch

    return torch.cuda.is_available()


def ctranslate2_folder_of(
    stored: StoredModel, quantization: str, load: Callable[[], Parent | Child] | None = None
) -> Path:
    """The folder of a stored model's CTranslate2 model, built now if it is not there yet.

    Args:
        load: gives the PyTorch model if one is needed; None is the stored model's own.
    """
    from crosslate.engines.ctranslate2 import FORMAT_VERSION
    from crosslate.engines.model_cache import cached_model

    def build(folder: Path) -> None:
        from crosslate.engines.conversion import export_ctranslate2

        export_ctranslate2((load or stored.load)(), folder, cast("Quantization", quantization))

    return cached_model(stored.origin, stored.key(), quantization, build, FORMAT_VERSION)


def _in_ctranslate2(model: Parent | Child, quantization: str) -> Engine:
    """CTranslate2's engine for a model in memory; the files that it reads are removed again."""
    from crosslate.engines.conversion import export_ctranslate2
    from crosslate.engines.ctranslate2 import CTranslate2Engine

    with tempfile.TemporaryDirectory(prefix="crosslate-engine-", ignore_cleanup_errors=True) as folder:
        export_ctranslate2(model, Path(folder, "model"), cast("Quantization", quantization))
        return CTranslate2Engine(Path(folder, "model"))  # which holds all of it in memory


def _in_onnx(model: Parent | Child, quantization: str) -> Engine:
    """ONNX Runtime's engine for a model in memory, likewise."""
    from crosslate.engines.onnx import OnnxEngine
    from crosslate.engines.onnx_conversion import export_onnx

    with tempfile.TemporaryDirectory(prefix="crosslate-engine-", ignore_cleanup_errors=True) as folder:
        export_onnx(model, Path(folder, "model"), cast("OnnxPrecision", quantization))
        return OnnxEngine(Path(folder, "model"))


def _stored_in_onnx(stored: StoredModel, quantization: str, load: Callable[[], Parent | Child]) -> Engine:
    """ONNX Runtime's engine for a stored model, built now if it is not there yet."""
    from crosslate.engines.model_cache import cached_model
    from crosslate.engines.onnx import FORMAT_VERSION, OnnxEngine

    def build(folder: Path) -> None:
        from crosslate.engines.onnx_conversion import export_onnx

        export_onnx(load(), folder, cast("OnnxPrecision", quantization))

    kind = f"onnx-{quantization}"
    return OnnxEngine(cached_model(stored.origin, stored.key(), kind, build, FORMAT_VERSION))


def _is_onnx_alone_built(stored: StoredModel, quantization: str) -> bool:
    from crosslate.engines.model_cache import engine_folder

    kinds = (f"onnx-{quantization}", quantization)
    onnx, ctranslate2 = (engine_folder(stored.origin, stored.key(), kind).is_dir() for kind in kinds)
    return onnx and not ctranslate2


def _in_pytorch(model: Parent | Child) -> Engine:
    if not model.source.is_text:
        from crosslate.engines.signals import SignalEngine

        return SignalEngine(model)
    from crosslate.engines.pytorch import TorchEngine

    return TorchEngine(model)


def _on_best_device(model: Parent | Child) -> Parent | Child:
    import torch

    if torch.cuda.is_available():  # nobody else holds the model
        model.model.to("cuda")
    return model


def _engine(wanted: EngineName, quantization: str, engines: dict[str, Callable[[], Engine]]) -> Engine:
    """The engine wanted; ``auto`` is the first one that has the type and can express the model.

    Args:
        engines: functions that make them, the preferred first.
    """
    if wanted != "auto":
        return engines[wanted]()
    able = [name for name in engines if quantization in _TYPES.get(name, (quantization,))]
    reasons: list[str] = []
    for name in able:
        try:
            made = engines[name]()
            break
        except (EngineError, MissingExtra) as error:
            if name == able[-1]:
                raise
            reasons.append(f"not with {_TITLES[name]}: {reason_of(error)}")
    if reasons:
        log.info("translating with %s (%s)", _TITLES[name], "; ".join(reasons))
    return made


def reason_of(error: Exception) -> str:
    """Why an engine cannot be used, without the advice to use another one."""
    return str(error).removesuffix(_NEXT_STEP)


def _check_list(texts: Sequence[str]) -> None:
    if isinstance(texts, str):
        raise UsageError("expected a list of texts; put a single text into a list")
