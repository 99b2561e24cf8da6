"""A parent's folder: fetched, its configuration and tensors read, its tokenizer's files copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosslate.errors import ParentError
from crosslate.models.vocabularies.vocabulary_files import RECORD

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_TEXT_FILES = ("*.json", "*.spm", "*.model", "*.txt")
_FILES = [*_TEXT_FILES, "*.safetensors", "pytorch_model*.bin"]
_MODEL_FILES = ("config.json", "generation_config.json", RECORD)


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

    with refused(f"{name} is no folder here and could not be fetched from the hub"):
        return Path(snapshot_download(name, allow_patterns=_FILES))


def read_configuration(folder: Path) -> Any:
    """The configuration of the model in a folder.

    Raises:
        ParentError: missing, unreadable, or of no encoder-decoder.
    """
    from transformers import AutoConfig

    if not (folder / "config.json").is_file():
        raise ParentError(f"{folder} has no config.json; expected a model in Hugging Face's layout")
    with refused(f"cannot read the configuration in {folder}"):
        config: Any = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    if not config.is_encoder_decoder:
        raise ParentError(
            f"{folder} holds a {config.model_type} model, which is no encoder-decoder; "
            "expected a translation model such as Marian, mBART, NLLB or T5"
        )
    return config


_SIGNALS = {"audio": "AutoModelForSpeechSeq2Seq", "images": "AutoModelForImageTextToText"}


def signal_of(config: Any) -> str:
    """What the encoder reads where that is not text: ``audio`` or ``images``; empty for text."""
    import transformers

    if type(config) in transformers.AutoModelForSeq2SeqLM._model_mapping:
        return ""
    mappings = {signal: getattr(transformers, name)._model_mapping for signal, name in _SIGNALS.items()}
    return next((signal for signal, mapping in mappings.items() if type(config) in mapping), "")


def load_model(folder: Path, signal: str) -> PreTrainedModel:
    """The model of a folder in float32; ``signal`` as of :func:`signal_of`.

    Raises:
        ParentError: it cannot be read, or tensors are missing.
    """
    import torch
    import transformers

    kind = getattr(transformers, _SIGNALS.get(signal, "AutoModelForSeq2SeqLM"))
    with refused(f"cannot load the model in {folder}"), silenced():
        model, info = kind.from_pretrained(
            folder, dtype=torch.float32, trust_remote_code=False, output_loading_info=True
        )
    if lost := sorted(info["missing_keys"]):
        # Transformers only warns and goes on with random values.
        raise ParentError(
            f"{folder} lacks {len(lost)} tensors of its model, the first {lost[0]}; "
            "the checkpoint is incomplete, get it again"
        )
    return model


def copy_tokenizer(folder: Path, to: Path) -> None:
    """Copies what is neither tensors nor the model's configuration."""
    for pattern in _TEXT_FILES:
        for file in sorted(folder.glob(pattern)):
            if file.name not in _MODEL_FILES and not file.name.endswith(".index.json"):
                shutil.copyfile(file, to / file.name)


@contextmanager
def refused(what: str) -> Iterator[None]:
    """Turns any error (libraries raise a dozen unrelated types) into a ParentError of one line."""
    try:
        yield
    except Exception as error:
        first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ParentError(f"{what}: {first_line.rstrip('.')}") from error


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


def silence_bars() -> None:
    """Bars for files of a second's work only blur ours."""
    from transformers.utils import logging

    logging.disable_progress_bar()
