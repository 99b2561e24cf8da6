"""Checkpoints whose tensors are another model than their configuration says: refused, each with the reason."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import hub_folders
from crosslate.errors import ParentError
from crosslate.models.parent import Parent

LAYER = "model.encoder.layers.1.fc1.weight"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("marian") / "whole"
    hub_folders.write("marian", folder)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "copy")


def configure(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change(folder, edit):
    tensors = load_file(folder / "model.safetensors")
    save_file(edit(tensors) or tensors, folder / "model.safetensors", {"format": "pt"})


def spoil(tensors):
    tensors[LAYER][0, 0] = float("nan")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder_layers": 1}, r"holds 16 tensors of layers that its config.json does not have, the first model.enc.*\.1\."),
        ({"decoder_layers": 3}, r"lacks 26 tensors of its model, the first model.decoder.layers.2\."),
        ({"d_model": 8}, r"the sizes of 81 tensors are not those of its config.json, .*: 16, expected 8;"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, r"is a quantised model \(gptq\), which cannot be"),
    ],
)  # fmt: skip
def test_a_configuration_of_another_model(folder, changes, message):
    configure(folder, **changes)
    with pytest.raises(ParentError, match=message):
        Parent.load(folder)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (spoil, f"1 tensors hold values that are no numbers .*, the first {LAYER}"),
        (lambda each: each | {LAYER: each[LAYER].to(torch.int8)}, f"stored as quantised numbers, the first {LAYER}"),
        (lambda each: {f"module.{name}": tensor for name, tensor in each.items()}, "it holds 86 others, the first module"),
        (lambda each: each | {"pooler.layers.7.weight": torch.ones(2)}, None),  # what no layer of it is like
        (lambda each: {name: tensor.to(torch.bfloat16) for name, tensor in each.items()}, None),
    ],
)  # fmt: skip
def test_tensors_of_another_model(folder, edit, message):
    change(folder, edit)
    if message is None:
        Parent.load(folder)
        return
    with pytest.raises(ParentError, match=message):
        Parent.load(folder)


class Runs:
    def __reduce__(self):
        return exec, ("raise SystemExit('code of a checkpoint was run')",)


def test_weights_that_cannot_be_read(folder):
    weights = folder / "model.safetensors"
    data = weights.read_bytes()
    for damaged in (data[: len(data) // 2], b""):
        weights.write_bytes(damaged)
        with pytest.raises(ParentError, match="damaged or was not fetched to its end; get it again"):
            Parent.load(folder)
    weights.rename(folder / "model.pt")
    with pytest.raises(
        ParentError, match=r"no weights that can be read; expected model.safetensors or pytorch_"
    ):
        Parent.load(folder)
    torch.save({"weight": Runs()}, folder / "pytorch_model.bin")
    with pytest.raises(
        ParentError, match=r"code in a checkpoint is never run: get the model with model.safet"
    ):
        Parent.load(folder)
