"""What a folder or file is that is not a parent, told by what lies in it, and what to do instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crosslate.errors import ParentError
from crosslate.files import read_optional_object

CONFIG = "config.json"
_WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")
_TOKENIZERS = (
    "*.spm", "*.model", "tokenizer.json", "vocab*.json", "vocab*.txt", "vocabularies.json", "*.tokenizer",
)  # fmt: skip

_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_MAX_BYTES = 1024


@dataclass(frozen=True)
class Foreign:
    """Something that people take for a parent.

    Attributes:
        is_here: whether a folder, or a file, is of this kind.
        what: completes "PATH is …".
        instead: the next step; ``{folder}`` is the path, ``{found}`` what :attr:`detail` finds.
        detail: what the next step names.
    """

    is_here: Callable[[Path], bool]
    what: str
    instead: str
    detail: Callable[[Path], str] = lambda path: ""


def refuse_foreign(path: Path) -> None:
    """Says what a path is that cannot be opened as a parent.

    Raises:
        ParentError: with the next step; a folder of no known kind passes.
    """
    for kind in FOREIGN:
        if kind.is_here(path):
            instead = kind.instead.format(folder=path, found=kind.detail(path))
            raise ParentError(f"{path} is {kind.what}; {instead}")


def _has(*patterns: str) -> Callable[[Path], bool]:
    """Folders with a file of one of the patterns, and such files themselves."""

    def is_here(path: Path) -> bool:
        if path.is_file():
            return any(path.match(pattern) for pattern in patterns)
        return any(next(path.glob(pattern), None) is not None for pattern in patterns)

    return is_here


def _all(*conditions: Callable[[Path], bool]) -> Callable[[Path], bool]:
    return lambda path: all(condition(path) for condition in conditions)


def _lacks(*patterns: str) -> Callable[[Path], bool]:
    return lambda path: not _has(*patterns)(path)


_NO_WEIGHTS = _lacks(*_WEIGHTS)


def _pointers(path: Path) -> list[str]:
    """Names of files in which Git LFS has left an address instead of their content."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [
        file.name
        for file in files
        if file.is_file() and file.stat().st_size <= _POINTER_MAX_BYTES
        and file.read_bytes().startswith(_POINTER)
    ]  # fmt: skip


def _adapted_model(path: Path) -> str:
    base = read_optional_object(path / "adapter_config.json").get("base_model_name_or_path")
    return f" ({base})" if isinstance(base, str) else ""


def _packed_parent(path: Path) -> str:
    parent = read_optional_object(path / "pack.json").get("parent")
    name = parent.get("name") if isinstance(parent, dict) else None
    return f" ({name})" if isinstance(name, str) else ""


def _newest(pattern: str) -> Callable[[Path], str]:
    """The last of several folders, by the numbers in their names or else by their age."""

    def find(path: Path) -> str:
        def age(folder: Path) -> tuple[int, float]:
            number = re.search(r"(\d+)$", folder.name)
            return int(number[1]) if number and "-" in folder.name else 0, folder.stat().st_mtime

        return str(max((each.parent for each in path.glob(pattern)), key=age, default=path))

    return find


def _hub_id(path: Path) -> str:
    name = path.resolve().name.removeprefix("models--").replace("--", "/")
    return f"{name}, the model's id, or {_newest(f'snapshots/*/{CONFIG}')(path)}"


def _package_languages(path: Path) -> str:
    languages = read_optional_object(path / "metadata.json")
    both = [languages.get(key) for key in ("from_code", "to_code")]
    return f" for {'-'.join(map(str, both))}" if all(both) else ""


_IN_PYTORCH = "get the model that it was converted from, with model.safetensors or pytorch_model.bin"
_BY_OLD_TRANSFORMERS = (
    "get the model with model.safetensors or pytorch_model.bin; transformers 4 converts it: "
    "AutoModelForSeq2SeqLM.from_pretrained('{folder}', %s=True).save_pretrained(NEW)"
)

FOREIGN: tuple[Foreign, ...] = (
    Foreign(
        lambda path: bool(_pointers(path)),
        "a Git clone without its large files",
        "{found} is a pointer of Git LFS, not the file; run `git lfs pull` in the folder",
        lambda path: _pointers(path)[0],
    ),
    Foreign(
        _has("adapter_config.json"),
        "a PEFT adapter, or a model with one beside it, not a plain model",
        "merge it into its model{found} with PeftModel.from_pretrained(model, '{folder}').merge_and_unload()"
        ".save_pretrained(NEW), and save the tokenizer into NEW; if it does not belong to the model beside "
        "it, move adapter_config.json away",
        _adapted_model,
    ),
    Foreign(
        _has("pack.json"),
        "a pack, not a parent",
        "name it as the pack, and as the parent the one it was made for{found}",
        _packed_parent,
    ),
    Foreign(
        _all(Path.is_dir, lambda path: (path / "snapshots").is_dir(), _lacks(CONFIG)),
        "a folder of the hub's cache",
        "give {found}",
        _hub_id,
    ),
    Foreign(
        _all(_has("model.bin"), _has("*vocabulary.json", "*vocabulary.txt"), _NO_WEIGHTS),
        "a CTranslate2 model, which cannot be trained",
        _IN_PYTORCH,
    ),
    Foreign(_all(_has("*.gguf"), _NO_WEIGHTS), "a GGUF model, which cannot be trained", _IN_PYTORCH),
    Foreign(
        _all(
            _has(*(f"{pattern}{packed}" for pattern in ("*.npz", "model.*.bin") for packed in ("", ".gz"))),
            _NO_WEIGHTS,
        ),
        "a Marian model in Marian's own format",
        "make a parent of it: `crosslate parent import {folder} --out NEW` (docs/marian-parents.md)",
    ),
    Foreign(
        _all(_has("dict.*.txt", "dict.txt", "checkpoint*.pt", "model.pt"), _NO_WEIGHTS, _lacks(CONFIG)),
        "a fairseq checkpoint",
        "make a parent of it with `crosslate parent import` (docs/fairseq-parents.md)",
    ),
    Foreign(
        _all(_has("*.argosmodel"), Path.is_file),
        "an Argos Translate package",
        "it holds a CTranslate2 model, which cannot be trained; " + _IN_PYTORCH,
    ),
    Foreign(
        _all(_has("metadata.json"), lambda path: (path / "model").is_dir(), _lacks(CONFIG)),
        "an Argos Translate package",
        "its model{found} is a CTranslate2 model, which cannot be trained; " + _IN_PYTORCH,
        _package_languages,
    ),
    Foreign(
        _all(_has("*.onnx", "onnx/*.onnx"), _NO_WEIGHTS),
        "an ONNX model, which cannot be trained",
        _IN_PYTORCH,
    ),
    Foreign(
        _all(_has("openvino_*.xml"), _NO_WEIGHTS), "an OpenVINO model, which cannot be trained", _IN_PYTORCH
    ),
    Foreign(
        _all(_has("tf_model*.h5"), _NO_WEIGHTS), "a model for TensorFlow", _BY_OLD_TRANSFORMERS % "from_tf"
    ),
    Foreign(
        _all(_has("flax_model*.msgpack"), _NO_WEIGHTS), "a model for Flax", _BY_OLD_TRANSFORMERS % "from_flax"
    ),
    Foreign(_all(_has("rust_model.ot"), _NO_WEIGHTS), "a model for rust-bert", _IN_PYTORCH),
    Foreign(
        _all(_has(f"checkpoint-*/{CONFIG}"), _lacks(CONFIG)),
        "the output folder of a training run with transformers' Trainer",
        "give one of its checkpoints, {found}",
        _newest(f"checkpoint-*/{CONFIG}"),
    ),
    Foreign(
        _all(_has("trainer_state.json"), _NO_WEIGHTS),
        "a checkpoint of transformers' Trainer whose weights are sharded",
        "join them (zero_to_fp32.py in it for DeepSpeed, `accelerate merge-weights` for FSDP), or save the "
        "model with trainer.save_model",
    ),
    Foreign(
        _all(_has("trainer_state.json"), _lacks(*_TOKENIZERS)),
        "a checkpoint of transformers' Trainer without a tokenizer",
        "copy the tokenizer's files of the model that was fine-tuned into it "
        "(AutoTokenizer.from_pretrained(MODEL).save_pretrained('{folder}'))",
    ),
    Foreign(
        _all(
            _has(CONFIG), _has(*(f"{side}/{name}" for side in ("source", "target") for name in _TOKENIZERS))
        ),
        "a merged checkpoint with a tokenizer for each side, and a parent has one",
        "give the parent and the packs that it was made of (its README.md names them)",
    ),
    Foreign(
        _all(Path.is_dir, _has("model-*-of-*.safetensors"), _lacks("model.safetensors*")),
        "a model in parts without their index",
        "get model.safetensors.index.json, too, which says where every tensor is",
    ),
    Foreign(
        _all(Path.is_dir, _has(CONFIG), _has(*_WEIGHTS), _lacks(*_TOKENIZERS, "tokenizer_config.json")),
        "a model without its tokenizer",
        "copy the tokenizer's files of the model that it was made of into it "
        "(AutoTokenizer.from_pretrained(MODEL).save_pretrained('{folder}'))",
    ),
    Foreign(
        _all(Path.is_dir, _has(f"*/{CONFIG}"), _lacks(CONFIG)),
        "a folder that models lie in",
        "give one of them, {found}",
        _newest(f"*/{CONFIG}"),
    ),
    Foreign(
        _all(Path.is_file, _has(*_WEIGHTS, CONFIG, *_TOKENIZERS)),
        "a file of a model",
        "give its folder, {found}",
        lambda path: str(path.parent),
    ),
)
"""The kinds, in the order in which they are looked for: the first that fits is named."""
