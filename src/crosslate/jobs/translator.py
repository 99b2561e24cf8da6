"""Translators for people: from folders or from objects in memory, through either engine."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from crosslate.engines.decoding import DecodingOptions, Engine, Hypothesis
from crosslate.engines.lines import translate_lines
from crosslate.errors import EngineError, PackError, ParentError, UsageError

if TYPE_CHECKING:
    from crosslate.models.child import Child
    from crosslate.models.parent import Parent
    from crosslate.packs.manifest import Manifest
    from crosslate.packs.pack import Pack

EngineName = Literal["auto", "ctranslate2", "pytorch"]
ENGINES: tuple[EngineName, ...] = ("auto", "ctranslate2", "pytorch")


class Translator:
    """Translates with a parent and its packs.

    Args:
        parent: the parent; None where ``engine`` is an engine already.
        packs: none for the parent's own pair, one, or a source pack and a target pack.
        engine: ``auto`` takes CTranslate2 on a CPU where it can express the family, else PyTorch.
        quantization: of the CTranslate2 model's weights: ``float32``, ``int8``, …
        options: beam size, length penalty and so on.

    Attributes:
        source_language: code of the language that is read.
        target_language: code of the language that is written.
        engine: what translates.

    Raises:
        PackError: the packs do not fit the parent or each other.
        EngineError: CTranslate2 was asked for and cannot express the family.
    """

    def __init__(
        self,
        parent: Parent,
        *packs: Pack,
        engine: EngineName = "auto",
        quantization: str = "float32",
        options: DecodingOptions | None = None,
    ) -> None:
        model = _model(parent, packs)
        self._attach(
            _engine(model, engine, quantization), model.source_language, model.target_language, options
        )

    @classmethod
    def open(
        cls,
        packs: Sequence[Path] = (),
        parent: str | Path | None = None,
        *,
        engine: EngineName = "auto",
        quantization: str = "float32",
        options: DecodingOptions | None = None,
    ) -> Translator:
        """Opens packs (or a parent) from disk; the CTranslate2 model is built once and kept beside them.

        Where that model is there already, neither PyTorch nor transformers is imported.

        Args:
            packs: pack folders; every one is verified.
            parent: hub id or folder; None finds it by the packs' manifests.
        """
        from crosslate.packs.pack import verify

        if not packs and parent is None:
            raise UsageError("give at least one pack, or a parent to translate its own pair")
        manifests = [verify(path) for path in packs]
        if engine == "pytorch" or (engine == "auto" and _has_accelerator()):
            return cls(
                _load_parent(packs, manifests, parent), *_load(packs),
                engine="pytorch", quantization=quantization, options=options,
            )  # fmt: skip
        folder, languages = _cached_folder(list(packs), manifests, parent, engine, quantization)
        if folder is None:
            return cls(_load_parent(packs, manifests, parent), *_load(packs), engine="pytorch", options=options)
        from crosslate.engines.ctranslate2 import CTranslate2Engine

        made = cls.__new__(cls)
        made._attach(CTranslate2Engine(folder), *languages, options)
        return made

    def _attach(
        self, engine: Engine, source_language: str, target_language: str, options: DecodingOptions | None
    ) -> None:
        self.engine = engine
        self.source_language, self.target_language = source_language, target_language
        self.options = options or DecodingOptions()

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translations of texts: as many, in the same order; long texts are split and joined again."""
        if isinstance(texts, str):
            raise UsageError("translate() takes a list of texts; put a single text into a list")
        return list(self.translate_lines(texts, window_lines=max(1, len(texts))))

    def translate_lines(self, lines: Iterable[str], *, window_lines: int = 1024) -> Iterator[str]:
        """A translation for each line of a stream, in order and in bounded memory."""
        return translate_lines(
            self.engine, lines, self.options, language=self.source_language, window_lines=window_lines
        )

    def n_best(self, texts: Sequence[str], count: int) -> list[list[Hypothesis]]:
        """The ``count`` best translations of each text with their scores; texts are not split."""
        options = replace(self.options, n_best=count, beam_size=max(count, self.options.beam_size))
        return self.engine.translate(texts, options)


def find_parent(name: str, pack_folder: Path) -> str:
    """Where the parent that a pack names is: at the path it gives, else near the pack, else on the hub.

    A pack that moved together with its parent is found again, since both often share a folder.
    """
    given = Path(name)
    places = [given]
    if not given.is_absolute():
        places += [folder / given for folder in (pack_folder.parent, *pack_folder.resolve().parents)]
    places += [folder / "parents" / given.name for folder in pack_folder.resolve().parents]
    for place in places:
        if (place / "config.json").is_file():
            return str(place)
    return name


def _model(parent: Parent, packs: Sequence[Pack]) -> Parent | Child:
    if not packs:
        return parent
    from crosslate.packs.compose import apply_packs

    return apply_packs(parent, packs)


def _engine(model: Parent | Child, wanted: EngineName, quantization: str) -> Engine:
    if wanted not in ENGINES:
        raise UsageError(f"unknown engine {wanted!r}; known: {', '.join(ENGINES)}")
    if wanted == "ctranslate2" or (wanted == "auto" and model.model.device.type == "cpu"):
        from crosslate.engines.ctranslate2 import CTranslate2Engine
        from crosslate.engines.export import export_ctranslate2

        folder = Path(tempfile.mkdtemp(prefix="crosslate-engine-"))
        try:
            export_ctranslate2(model, folder / "model", quantization)  # type: ignore[arg-type]
            return CTranslate2Engine(folder / "model")
        except EngineError:
            if wanted == "ctranslate2":
                raise
        finally:
            # CTranslate2 and SentencePiece hold the model in memory.
            shutil.rmtree(folder, ignore_errors=True)
    from crosslate.engines.pytorch import TorchEngine

    return TorchEngine(model)


def _load(packs: Sequence[Path]) -> list[Pack]:
    from crosslate.packs.pack import Pack

    return [Pack.load(path) for path in packs]


def _load_parent(packs: Sequence[Path], manifests: Sequence[Manifest], parent: str | Path | None) -> Parent:
    from crosslate.models.parent import Parent

    if parent is None:
        parent = find_parent(manifests[0].parent.name, packs[0])
        try:
            return Parent.load(
                parent,
                source_language=manifests[0].parent.source_language,
                target_language=manifests[0].parent.target_language,
            )
        except ParentError as error:
            raise PackError(
                f"cannot load the parent that pack {packs[0]} names ({manifests[0].parent.name}): {error}; "
                "say where the parent is"
            ) from error
    return Parent.load(parent)


def _cached_folder(
    packs: list[Path],
    manifests: Sequence[Manifest],
    parent: str | Path | None,
    engine: EngineName,
    quantization: str,
) -> tuple[Path | None, tuple[str, str]]:
    """The CTranslate2 model of a combination, built if need be; None where the family has none."""
    from crosslate.engines.cache import cached_ctranslate2_model

    if manifests:
        languages = (_source(manifests).source_language, _target(manifests).target_language)
        described = sorted(manifest.checksum for manifest in manifests)
        origin = packs[0]
    else:
        described, languages, origin = _describe_parent(str(parent))
    key = hashlib.sha256("\n".join(described).encode()).hexdigest()

    def build(folder: Path) -> None:
        from crosslate.engines.export import export_ctranslate2

        model = _model(_load_parent(packs, manifests, parent), _load(packs))
        export_ctranslate2(model, folder, quantization)  # type: ignore[arg-type]

    try:
        return cached_ctranslate2_model(origin, key, quantization, build), languages
    except EngineError:
        if engine == "ctranslate2":
            raise
        return None, languages


def _source(manifests: Sequence[Manifest]) -> Manifest:
    return next((each for each in manifests if "source" in each.renewed), manifests[0])


def _target(manifests: Sequence[Manifest]) -> Manifest:
    return next((each for each in manifests if "target" in each.renewed), manifests[-1])


def _describe_parent(name: str) -> tuple[list[str], tuple[str, str], Path]:
    """What identifies a parent's files without loading them: hashes of weights and vocabularies."""
    from crosslate.files import read_json, sha256_file
    from crosslate.models.parent import local_folder

    folder = local_folder(name)
    files = [path for path in sorted(folder.iterdir()) if path.suffix in (".json", ".safetensors", ".spm", ".bin")]
    described = [f"{path.name} {sha256_file(path)}" for path in files if path.name != "crosslate.json"]
    tokenizer = folder / "tokenizer_config.json"
    languages = read_json(tokenizer) if tokenizer.is_file() else {}
    return described, (languages.get("source_lang", "und"), languages.get("target_lang", "und")), folder


def _has_accelerator() -> bool:
    """Whether a GPU is there, asked without importing PyTorch: CTranslate2 counts CUDA devices."""
    import ctranslate2

    return ctranslate2.get_cuda_device_count() > 0


