"""A parent: a pretrained encoder-decoder with its two vocabularies, for one language pair."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosslate.corpora.vocabularies import Vocabulary
from crosslate.errors import ParentError, UsageError, nearest
from crosslate.files import atomic_folder, write_json
from crosslate.languages import language_code
from crosslate.models.marian_files import write_marian_files
from crosslate.models.strategies import SIDES
from crosslate.models.vocabulary_files import RECORD, read_vocabularies

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from crosslate.models.anatomy import Anatomy
    from crosslate.models.fingerprint import CachedFingerprint
    from crosslate.models.strategies import Side

__all__ = ["RECORD", "SIZES", "Parent", "Size", "local_folder", "parse_size"]

_TEXT_FILES = ("*.json", "*.spm", "*.model", "*.txt")
_FILES = [*_TEXT_FILES, "*.safetensors", "pytorch_model*.bin"]
_MODEL_FILES = ("config.json", "generation_config.json", RECORD)


@dataclass(frozen=True)
class Size:
    """Numbers of a new Transformer, the same on both sides."""

    layers: int
    width: int
    heads: int
    feed_forward: int

    def __post_init__(self) -> None:
        if min(self.layers, self.width, self.heads, self.feed_forward) < 1 or self.width % self.heads:
            raise UsageError(f"{self} is no model: all numbers must be positive and heads must divide width")


SIZES = {
    "tiny": Size(layers=2, width=128, heads=4, feed_forward=512),
    "small": Size(layers=3, width=256, heads=4, feed_forward=1024),
    "base": Size(layers=6, width=512, heads=8, feed_forward=2048),
}


def parse_size(text: str) -> Size:
    """``tiny``, ``small``, ``base``, or numbers ``layers,width,heads,feed_forward`` like ``3,256,4,1024``.

    Raises:
        UsageError: neither, or numbers that make no model.
    """
    if text in SIZES:
        return SIZES[text]
    numbers = [int(part) for part in text.split(",") if re.fullmatch(r"\s*-?\d+\s*", part)]
    if len(numbers) != 4 or text.count(",") != 3:
        raise UsageError(
            f"unknown model size {text!r}; {nearest(text, list(SIZES))}, "
            "or give layers,width,heads,feed_forward like 3,256,4,1024"
        )
    return Size(*numbers)


class Parent:
    """A pretrained model for one language pair. Its tensors are never altered by its children.

    Attributes:
        model: the Hugging Face encoder-decoder, float32, in evaluation mode, no tensor requiring gradients.
        source: vocabulary of the source side.
        target: vocabulary of the target side.
        source_language: language code.
        target_language: language code.
        name: hub id or folder it was loaded from, as packs name it.
        folder: where its files lie, where it has any.
        is_marian: whether its vocabularies can be written in Marian's layout, which is ours; those of other
            families stay as they are.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        source: Vocabulary,
        target: Vocabulary,
        source_language: str,
        target_language: str,
        *,
        name: str,
        folder: Path | None = None,
        is_marian: bool = True,
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.source, self.target = source, target
        self.source_language = language_code(source_language)
        self.target_language = language_code(target_language)
        self.name, self.folder, self.is_marian = name, folder, is_marian
        self._fingerprint: CachedFingerprint | None = None

    @classmethod
    def create(
        cls,
        source: Vocabulary,
        target: Vocabulary,
        source_language: str,
        target_language: str,
        size: Size,
        *,
        is_tied: bool = False,
        dropout: float = 0.1,
        max_positions: int = 512,
        seed: int = 1,
    ) -> Parent:
        """A new, untrained Marian model with two vocabularies; the global random state stays as it is.

        Args:
            is_tied: one table of embeddings for both sides, as in mBART; the vocabularies must be the same.
            dropout: probability of dropout on embeddings and sublayers; there is none on attention weights.
            max_positions: longest sequence in tokens.
            seed: seed of the initial values.

        Raises:
            ParentError: the two vocabularies have different special ids, or differ and are to be tied.
        """
        import torch
        from transformers import GenerationConfig, MarianConfig, MarianMTModel

        _check_special(source, target)
        if is_tied and source != target:
            raise ParentError("one table for both sides needs one vocabulary, but the two given differ")
        special = source.special
        config = MarianConfig(
            vocab_size=len(source),
            decoder_vocab_size=len(target),
            share_encoder_decoder_embeddings=is_tied,
            d_model=size.width,
            encoder_layers=size.layers,
            decoder_layers=size.layers,
            encoder_attention_heads=size.heads,
            decoder_attention_heads=size.heads,
            encoder_ffn_dim=size.feed_forward,
            decoder_ffn_dim=size.feed_forward,
            activation_function="relu",
            dropout=dropout,
            scale_embedding=True,
            max_position_embeddings=max_positions,
            pad_token_id=special.pad,
            eos_token_id=special.eos,
            decoder_start_token_id=special.pad,
            forced_eos_token_id=special.eos,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = MarianMTModel(config)
        model.generation_config = GenerationConfig(
            pad_token_id=special.pad,
            eos_token_id=special.eos,
            decoder_start_token_id=special.pad,
            forced_eos_token_id=special.eos,
            bad_words_ids=[[each] for each in (special.pad, special.bos) if each is not None],
            max_length=max_positions,
            num_beams=4,
        )
        return cls(model, source, target, source_language, target_language, name="unsaved")

    @classmethod
    def load(
        cls,
        name: str | Path,
        *,
        source_language: str | None = None,
        target_language: str | None = None,
    ) -> Parent:
        """Loads a parent from a folder or the Hugging Face hub; code from a hub is never run.

        Args:
            name: a folder in Hugging Face's layout, or a hub id such as ``Helsinki-NLP/opus-mt-fr-en``.
            source_language: needed only where the files do not name the languages, or name several (mBART,
                NLLB); any language code, or the model's own.
            target_language: likewise.

        Raises:
            ParentError: missing, incomplete, without readable vocabularies, not an encoder-decoder, or not of
                these languages.
        """
        _silence_bars()
        folder = local_folder(str(name))
        config = _configuration(folder)
        with silenced():
            found = read_vocabularies(folder, config, source_language, target_language)
        model = _load_model(folder)
        found.settle(model)
        parent = cls(
            model, found.source, found.target, found.source_language, found.target_language, name=str(name),
            folder=folder, is_marian=found.is_marian,
        )  # fmt: skip
        parent.source, parent.target = found.fit(*(parent._num_rows(side) for side in SIDES))
        parent._check_sizes()
        return parent

    def save(self, folder: Path, record: Mapping[str, Any] | None = None, *, replace: bool = False) -> None:
        """Writes the parent in Hugging Face's layout: AutoModelForSeq2SeqLM and AutoTokenizer load it.

        Args:
            record: training and data record, scores; goes into ``crosslate.json`` beside the fingerprint.
            replace: overwrite an existing folder.

        Raises:
            ParentError: the vocabularies have different special ids, which Marian's layout cannot express;
                or they are of another family and were changed since they were loaded.
            InputError: ``folder`` exists and ``replace`` is False.
        """
        if self.is_marian:
            _check_special(self.source, self.target)
        elif self.folder is None:
            raise ParentError(
                f"the vocabularies of {self.name} are not what its family's files hold, so they cannot be "
                "written in its layout; save packs of its children instead"
            )
        _silence_bars()
        with atomic_folder(folder, replace=replace) as temporary:
            self.model.save_pretrained(temporary)
            if self.is_marian:
                languages = (self.source_language, self.target_language)
                write_marian_files(temporary, self.source, self.target, languages, self.max_tokens)
            else:
                _copy_tokenizer(self.folder, temporary)
            write_json(
                temporary / RECORD,
                {
                    "source_language": self.source_language,
                    "target_language": self.target_language,
                    "fingerprint": self.fingerprint(),
                    **(record or {}),
                },
            )
        self.name, self.folder = str(folder), folder

    def fingerprint(self) -> str:
        """Hex sha256 of the tensors as they are now; see :mod:`crosslate.models.fingerprint`."""
        from crosslate.models.anatomy import unsaved_names
        from crosslate.models.fingerprint import CachedFingerprint

        if self._fingerprint is None:
            self._fingerprint = CachedFingerprint()
        return self._fingerprint.of(self.model, unsaved_names(self.model))

    @cached_property
    def anatomy(self) -> Anatomy:
        """Which tensor belongs to which group."""
        from crosslate.models.anatomy import Anatomy

        return Anatomy.of(self.model)

    @property
    def max_tokens(self) -> int:
        """Longest sequence in tokens that the positions allow; 512 where the family has no limit."""
        return min(int(getattr(self.model.config, "max_position_embeddings", None) or 512), 1024)

    @property
    def num_parameters(self) -> int:
        """Parameters, tied ones counted once."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def _num_rows(self, side: Side) -> int:
        """Rows of the smallest table of token embeddings of a side; 0 where it reads no text."""
        from crosslate.models.sides import token_tables

        return min(
            (table.num_embeddings for table in token_tables(self.model, self.anatomy, side)), default=0
        )

    def _check_sizes(self) -> None:
        """The tables may be larger than the vocabularies (padding rows), never smaller."""
        vocabularies: dict[Side, Vocabulary] = {"source": self.source, "target": self.target}
        for side, vocabulary in vocabularies.items():
            if (num_rows := self._num_rows(side)) < len(vocabulary):
                raise ParentError(
                    f"{self.name}: the {side} vocabulary has {len(vocabulary)} pieces, "
                    f"its embedding table only {num_rows} rows"
                )


def local_folder(name: str) -> Path:
    """The folder of a parent given by path or hub id; fetches it from the hub where it is not local."""
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise ParentError(f"{name} is a file, expected the folder of a model or a hub id")
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise ParentError(f"{name}: no such folder")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=_FILES))
    except Exception as error:  # the hub client raises a dozen unrelated types
        raise ParentError(
            f"{name} is no folder here and could not be fetched from the hub: {_first_line(error)}"
        ) from error


def _configuration(folder: Path) -> Any:
    from transformers import AutoConfig

    if not (folder / "config.json").is_file():
        raise ParentError(f"{folder} has no config.json; expected a model in Hugging Face's layout")
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # the library raises a dozen unrelated types for damaged files
        raise ParentError(f"cannot read the configuration in {folder}: {_first_line(error)}") from error
    if not config.is_encoder_decoder:
        raise ParentError(
            f"{folder} holds a {config.model_type} model, which is no encoder-decoder; "
            "expected a translation model such as Marian, mBART, NLLB or T5"
        )
    return config


def _load_model(folder: Path) -> PreTrainedModel:
    import torch
    from transformers import AutoModelForSeq2SeqLM

    try:
        with silenced():
            model, info = AutoModelForSeq2SeqLM.from_pretrained(
                folder, dtype=torch.float32, trust_remote_code=False, output_loading_info=True
            )
    except Exception as error:  # the library raises a dozen unrelated types for damaged files
        raise ParentError(f"cannot load the model in {folder}: {_first_line(error)}") from error
    if lost := sorted(info["missing_keys"]):
        # Transformers only warns and goes on with random values.
        raise ParentError(
            f"{folder} lacks {len(lost)} tensors of its model, the first {lost[0]}; "
            "the checkpoint is incomplete, get it again"
        )
    return model


def _copy_tokenizer(folder: Path | None, to: Path) -> None:
    """Copies what is neither tensors nor the model's configuration."""
    for pattern in _TEXT_FILES:
        for file in sorted(folder.glob(pattern)) if folder else ():
            if file.name not in _MODEL_FILES and not file.name.endswith(".index.json"):
                shutil.copyfile(file, to / file.name)


def _check_special(source: Vocabulary, target: Vocabulary) -> None:
    """A configuration, and the tokenizer of the file layout, know one set of special ids for both sides."""
    if source.special != target.special:
        raise ParentError(
            f"the two vocabularies have different special ids, {source.special} and {target.special}; "
            "expected the same on both sides"
        )


@contextmanager
def silenced() -> Iterator[None]:
    """Transformers reports in tables what our errors say in a line."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _silence_bars() -> None:
    """Bars for files of a second's work only blur ours."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
