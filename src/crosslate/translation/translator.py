"""Translate with a parent and its packs, from folders or in memory, through either engine."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

from crosslate.engines.decoding import DecodingOptions, Engine, Hypothesis
from crosslate.errors import EngineError, UsageError, nearest
from crosslate.packs.stored_model import StoredModel
from crosslate.translation.lines import Aligner, n_best_lines, translate_lines

if TYPE_CHECKING:
    from crosslate.engines.conversion import Quantization
    from crosslate.models.child import Child
    from crosslate.models.parent import Parent
    from crosslate.packs.pack import Pack

log = logging.getLogger(__name__)

EngineName = Literal["auto", "ctranslate2", "pytorch"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
UNQUANTIZED = "float32"


class Translator:
    """Translates with a parent and its packs, or with a child.

    Args:
        model: a parent, or a child in memory.
        packs: none for the model's own pair, one, or a source pack and a target pack.
        engine: ``auto`` takes CTranslate2 for a model on a CPU if it can express the family, else PyTorch.
        quantization: of the CTranslate2 model's weights: ``float32``, ``int8``, …; any but the first is
            CTranslate2's alone.
        options: beam size, length penalty and so on.

    Raises:
        PackError: the packs do not fit the parent or each other.
        EngineError: CTranslate2 was asked for and cannot express the family.
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
        if wanted == "auto" and model.model.device.type != "cpu":
            wanted = "pytorch"
        made = _engine(wanted, lambda: _converted(model, quantization), lambda: model)
        self._attach(made, model, options)

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
        """Opens packs (or a parent) from disk; the CTranslate2 model is built once and kept beside them.

        Where that model is there already, neither PyTorch nor transformers is imported. With a GPU,
        ``auto`` is PyTorch on the GPU.

        Args:
            packs: folder of a pack, or of several; every one is verified.
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
        if wanted == "auto" and has_gpu():
            wanted = "pytorch"
        load = cache(stored.load)
        made = _engine(
            wanted,
            lambda: CTranslate2Engine(ctranslate2_folder_of(stored, quantization, load)),
            lambda: _on_best_device(load()),
        )
        translator = cls.__new__(cls)
        translator._attach(made, stored, options)
        return translator

    def _attach(
        self, engine: Engine, model: Parent | Child | StoredModel, options: DecodingOptions | None
    ) -> None:
        self.engine = engine
        self.source_language, self.target_language = model.source_language, model.target_language
        self.options = options or DecodingOptions()

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translations of texts: as many, in the same order; long texts are split and joined again."""
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
        return translate_lines(
            self.engine, lines, self.options, language=self.source_language,
            target_language=self.target_language, aligner=aligner, window_lines=window_lines,
        )  # fmt: skip

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
        return n_best_lines(
            self.engine, lines, options, language=self.source_language,
            target_language=self.target_language, aligner=aligner, window_lines=window_lines,
        )  # fmt: skip


def wanted_engine(engine: str, quantization: str) -> EngineName:
    """The engine asked for, after checks; a quantised model is CTranslate2's alone."""
    from crosslate.engines.conversion import Quantization

    known = get_args(Quantization)
    if engine not in ENGINES:
        raise UsageError(f"unknown engine {engine!r}; {nearest(str(engine), ENGINES)}")
    if quantization not in known:
        raise UsageError(f"unknown quantization {quantization!r}; {nearest(str(quantization), known)}")
    if quantization == UNQUANTIZED:
        return engine
    if engine == "pytorch":
        raise UsageError(
            f"quantization is {quantization!r}, but the PyTorch engine translates in {UNQUANTIZED}; "
            "use the CTranslate2 engine or leave the quantization out"
        )
    return "ctranslate2"


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
    from crosslate.engines.ctranslate2 import cached_ctranslate2_model

    def build(folder: Path) -> None:
        from crosslate.engines.conversion import export_ctranslate2

        export_ctranslate2((load or stored.load)(), folder, cast("Quantization", quantization))

    return cached_ctranslate2_model(stored.origin, stored.key(), quantization, build)


def _converted(model: Parent | Child, quantization: str) -> Engine:
    """CTranslate2's engine for a model in memory; the files that it reads are removed again."""
    from crosslate.engines.conversion import export_ctranslate2
    from crosslate.engines.ctranslate2 import CTranslate2Engine

    with tempfile.TemporaryDirectory(prefix="crosslate-engine-", ignore_cleanup_errors=True) as folder:
        export_ctranslate2(model, Path(folder, "model"), cast("Quantization", quantization))
        return CTranslate2Engine(Path(folder, "model"))  # which holds all of it in memory


def _on_best_device(model: Parent | Child) -> Parent | Child:
    import torch

    if torch.cuda.is_available():  # nobody else holds the model
        model.model.to("cuda")
    return model


def _engine(wanted: EngineName, convert: Callable[[], Engine], load: Callable[[], Parent | Child]) -> Engine:
    """CTranslate2's engine unless PyTorch's is wanted; ``auto`` is PyTorch where conversion fails."""
    if wanted != "pytorch":
        try:
            return convert()
        except EngineError as error:
            if wanted == "ctranslate2":
                raise
            log.info("translating with PyTorch: %s", error)
    from crosslate.engines.pytorch import TorchEngine

    return TorchEngine(load())


def _check_list(texts: Sequence[str]) -> None:
    if isinstance(texts, str):
        raise UsageError("expected a list of texts; put a single text into a list")
