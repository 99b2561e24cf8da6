"""A parent's folder: fetched, its configuration and tensors read, its tokenizer's files copied."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from crosslate.errors import ParentError
from crosslate.files import read_optional_object
from crosslate.models.checkpoint_faults import refuse_faults, refuse_quantised
from crosslate.models.foreign_folders import refuse_foreign
from crosslate.models.hub_refusals import first_sentence, hub_refusals
from crosslate.models.marian_names import OUR_FAMILY
from crosslate.models.vocabularies.vocabulary_files import RECORD
from crosslate.text.vocabularies import AUDIO, IMAGES

if TYPE_CHECKING:
    from transformers import PreTrainedModel


_TEXT_FILES = ("*.json", "*.spm", "*.model", "*.txt")
_SAFETENSORS = ("model.safetensors", "model-*.safetensors", "model.safetensors.index.json")
_PICKLED = ("pytorch_model.bin", "pytorch_model-*.bin", "pytorch_model.bin.index.json")
_PACKED = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z")
_MODEL_FILES = ("config.json", "generation_config.json", RECORD)
PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
"""What makes an encoder's input of recordings or images."""
_ADDRESS = re.compile(r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co|hf-mirror\.com)/([^/]+/[^/?#]+).*")


def local_folder(name: str) -> Path:
    """The folder of a parent given by path or hub id; fetches it from the hub where it is not local.

    Raises:
        ParentError: there is none, it is something else than a model, or the hub does not give it.
    """
    if not name.strip():
        raise ParentError("the parent's name is empty; expected a folder or a hub id")
    if name.lower().startswith("file:"):
        name = url2pathname(urlsplit(name).path)
    path = Path(name).expanduser()
    if path.exists():
        refuse_foreign(path)
    if path.is_dir():
        return path
    if path.exists():
        is_packed = any(name.lower().endswith(ending) for ending in _PACKED)
        what = "an archive; unpack it and give" if is_packed else "a file, expected"
        raise ParentError(f"{name} is {what} the folder of a model or a hub id")
    if found := _ADDRESS.fullmatch(name):
        raise ParentError(f"{name} is an address; give the hub id in it, {found[1].removesuffix('.git')}")
    if "://" in name:
        raise ParentError(
            f"{name} is an address, expected a folder or a hub id like Helsinki-NLP/opus-mt-fr-en; download "
            "the model and give its folder"
        )
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        owner = _OWNERS.get(name.partition("-")[0], "OWNER")
        is_bare = name and not set(name) & set("/~\\") and not name.startswith(".")
        hint = f"; a model of the hub has its owner in its id, {owner}/{name}" if is_bare else ""
        raise ParentError(f"{name}: no such folder{hint}")
    folder = _fetched(name)
    refuse_foreign(folder)
    return folder


_OWNERS = {
    "t5": "google-t5", "opus": "Helsinki-NLP",
    **dict.fromkeys(["bart", "mbart", "m2m100_418M", "m2m100_1.2B", "nllb", "wmt19"], "facebook"),
    **dict.fromkeys(["mt5", "umt5", "byt5", "madlad400", "pegasus"], "google"),
}  # fmt: skip
"""Of well-known models, which people often name without their owner, by the first word of the name."""


def _fetched(name: str) -> Path:
    """The folder of a model of the hub, in the hub's cache: its text files, and one format of its weights."""
    from huggingface_hub import HfApi, snapshot_download

    with hub_refusals(name, ParentError, "model"):
        return Path(snapshot_download(name, allow_patterns=_wanted_files(HfApi(), name)))


def _wanted_files(hub: Any, name: str) -> list[str]:
    """Patterns of the files to fetch. Many models come in two formats of the same weights: safetensors do."""
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError

    if constants.HF_HUB_OFFLINE:  # what was fetched before is there
        return [*_TEXT_FILES, *_SAFETENSORS, *_PICKLED]
    try:
        listed = hub.list_repo_files(name)
    except HfHubHTTPError:
        raise
    except Exception:  # without a network the model may be in the cache
        return [*_TEXT_FILES, *_SAFETENSORS, *_PICKLED]
    has_safetensors = any(fnmatch(file, pattern) for file in listed for pattern in _SAFETENSORS)
    weights = _SAFETENSORS if has_safetensors else _PICKLED
    # A pattern's asterisk also matches slashes, so the files are named: those of other formats (onnx/) stay.
    wanted = [*_TEXT_FILES, *weights]
    return [file for file in listed if "/" not in file and any(fnmatch(file, each) for each in wanted)]


def read_configuration(folder: Path) -> Any:
    """The configuration of the model in a folder.

    Raises:
        ParentError: missing, unreadable, or of no encoder-decoder.
    """
    from transformers import AutoConfig

    if not (folder / "config.json").is_file():
        raise ParentError(f"{folder} has no config.json; expected a model in Hugging Face's layout")
    if read_optional_object(folder / "config.json").get("model_type") == OUR_FAMILY:
        import crosslate.models.marian_transformer  # noqa: F401  (makes the family known to transformers)
    with refused(f"cannot read the configuration in {folder}"):
        config: Any = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    if not config.is_encoder_decoder:
        raise ParentError(
            f"{folder} holds a {config.model_type} model, which is no encoder-decoder; "
            "expected a translation model such as Marian, mBART, NLLB or T5"
        )
    refuse_quantised(folder, config)
    return config


_SIGNALS = {AUDIO: "AutoModelForSpeechSeq2Seq", IMAGES: "AutoModelForImageTextToText"}


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
    with _damage_named(folder), refused(f"cannot load the model in {folder}"), silenced():
        model, info = kind.from_pretrained(
            folder, dtype=torch.float32, trust_remote_code=False, output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, with both sizes
        )  # fmt: skip
    refuse_faults(folder, model, info)
    return model


_DAMAGES = {
    "Weights only load failed": "its pickle holds more than tensors, or is damaged; code in a checkpoint is "
    "never run: get the model with model.safetensors",
    "Error while deserializing header": "the file is damaged or was not fetched to its end; get it again",
    "No such file": "a part of the weights is missing; get the model again",
    "Error no file named": "it has no weights that can be read; expected model.safetensors or "
    "pytorch_model.bin, or their parts with the index (model.safetensors.index.json)",
}
"""What to do, by how the message of a library begins."""


@contextmanager
def _damage_named(folder: Path) -> Iterator[None]:
    try:
        yield
    except ParentError as error:
        found = next((text for start, text in _DAMAGES.items() if f": {start}" in str(error)), None)
        if found is None:
            raise
        raise ParentError(f"cannot load the model in {folder}: {found}") from error


def copy_files(folder: Path, to: Path, names: Iterable[str]) -> None:
    """Copies those of the named files that a folder has."""
    for name in names:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, to / name)


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
        raise ParentError(f"{what}: {first_sentence(error)}") from error


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
