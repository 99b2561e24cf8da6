"""Folders and files that are no parents: each is named, with the next step."""

import pytest

from crosslate.errors import ParentError
from crosslate.models.foreign_folders import refuse_foreign
from crosslate.models.parent import Parent
from crosslate.models.parent_files import local_folder
from crosslate.packs.stored_model import StoredModel

CONFIG = '{"model_type": "marian"}'
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 298\n"
CASES = {
    # what lies in the folder, and what is said of it
    "peft": (
        {"adapter_config.json": '{"base_model_name_or_path": "ann/base"}', "adapter_model.safetensors": ""},
        r"a PEFT adapter.*merge it into its model \(ann/base\) with .*merge_and_unload",
    ),
    "peft-beside-a-model": (
        {"adapter_config.json": "{}", "config.json": CONFIG, "model.safetensors": ""}, "a PEFT adapter, or a model",
    ),
    "fairseq": ({"checkpoint_best.pt": "", "dict.fr.txt": "le 3"}, "fairseq checkpoint; .*`crosslate parent import`"),
    "fairseq-released": ({"model.pt": "", "dict.txt": "", "spm.model": ""}, "fairseq checkpoint"),
    "marian": ({"model.npz": "", "decoder.yml": "", "source.spm": ""}, r"Marian model .*crosslate parent import .* --out NEW"),
    "trainer": (
        {"checkpoint-500/config.json": CONFIG, "checkpoint-1000/config.json": CONFIG}, "give one .*checkpoint-1000$",
    ),
    "trainer-without-tokenizer": (
        {"config.json": CONFIG, "trainer_state.json": "{}", "model.safetensors": ""},
        "Trainer without a tokenizer; copy the tokenizer's files",
    ),
    "trainer-sharded": (
        {"config.json": CONFIG, "trainer_state.json": "{}", "global_step9/x.pt": ""}, "weights are sharded; join them",
    ),
    "models--ann--fr-en": (
        {"snapshots/1a2b/config.json": CONFIG, "blobs/1": "", "refs/main": "1a2b"},
        "the hub's cache; give ann/fr-en, the model's id, or .*snapshots/1a2b$",
    ),
    "ctranslate2": (
        {"model.bin": "", "config.json": "{}", "shared_vocabulary.json": "[]"}, "a CTranslate2 model, which cannot be",
    ),
    "gguf": ({"model-q4.gguf": "", "config.json": CONFIG}, "a GGUF model"),
    "tensorflow": ({"config.json": CONFIG, "tf_model.h5": ""}, "a model for TensorFlow; .*from_tf=True"),
    "flax": ({"config.json": CONFIG, "flax_model.msgpack": ""}, "a model for Flax; .*from_flax=True"),
    "onnx": ({"config.json": CONFIG, "encoder_model.onnx": ""}, "an ONNX model"),
    "onnx-inside": ({"config.json": CONFIG, "onnx/decoder_model.onnx": ""}, "an ONNX model"),
    "openvino": ({"config.json": CONFIG, "openvino_encoder_model.xml": ""}, "an OpenVINO model"),
    "rust": ({"config.json": CONFIG, "rust_model.ot": ""}, "a model for rust-bert"),
    "argos": (
        {"metadata.json": '{"from_code": "de", "to_code": "en"}', "model/model.bin": "", "sentencepiece.model": ""},
        "an Argos Translate package; its model for de-en is a CTranslate2 model",
    ),
    "pack": ({"pack.json": '{"parent": {"name": "parents/fr-en"}}'}, r"a pack, not a parent; .*\(parents/fr-en\)"),
    "above": ({"fr-en/config.json": CONFIG}, "a folder that models lie in; give one of them, .*fr-en$"),
    "lfs": (
        {"config.json": CONFIG, "model.safetensors": POINTER, "source.spm": POINTER},
        "without its large files; model.safetensors is a pointer of Git LFS.*`git lfs pull`",
    ),
    "parts": (
        {"config.json": CONFIG, "model-00001-of-00002.safetensors": "", "tokenizer.json": "{}"},
        "a model in parts without their index; get model.safetensors.index.json",
    ),
    "merged": (
        {"config.json": CONFIG, "model.safetensors": "", "source.spm": "", "target/tokenizer.json": "{}"},
        "a merged checkpoint with a tokenizer for each side.*give the parent and the packs",
    ),
    "no-tokenizer": ({"config.json": CONFIG, "model.safetensors": ""}, "a model without its tokenizer; copy the tok"),
    "lfs-tokenizer": ({"config.json": CONFIG, "tokenizer.json": POINTER}, "tokenizer.json is a pointer of Git LFS"),
}  # fmt: skip


def make(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", CASES)
def test_what_a_folder_is(tmp_path, name):
    files, message = CASES[name]
    folder = make(tmp_path / name, files)
    for attempt in (Parent.load, lambda folder: StoredModel(parent=folder)):
        with pytest.raises(ParentError, match=message) as caught:
            attempt(folder)
        assert str(caught.value).startswith(f"{folder} is ") and "{" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("translate-de_en.argosmodel", "an Argos Translate package"),
        ("opus.npz", "a Marian model in Marian's own format"),
        ("checkpoint_best.pt", "a fairseq checkpoint"),
        ("model.gguf", "a GGUF model"),
        ("model.safetensors", "a file of a model; give its folder"),
        ("pytorch_model.bin", "a file of a model"),
        ("source.spm", "a file of a model"),
    ],
)
def test_what_a_file_is(tmp_path, name, message):
    (tmp_path / name).write_bytes(b"content")
    with pytest.raises(ParentError, match=message):
        local_folder(str(tmp_path / name))


@pytest.mark.parametrize(
    "files",
    [
        {"config.json": CONFIG, "model.safetensors": "", "tokenizer_config.json": "{}"},
        {
            "config.json": CONFIG, "model-00001-of-00002.safetensors": "", "model.safetensors.index.json": "{}",
            "onnx/model.onnx": "", "tf_model.h5": "", "vocab.txt": "",
        },
        {
            "config.json": CONFIG, "pytorch_model.bin": "", "flax_model.msgpack": "", "rust_model.ot": "",
            "vocab.json": "",
        },
        {"config.json": CONFIG, "trainer_state.json": "{}", "model.safetensors": "", "source.spm": ""},
        {"config.json": CONFIG, "model.safetensors": "", "spiece.model": "", "target/config.json": CONFIG},
        {"notes.txt": ""},
    ],
)  # fmt: skip
def test_models_pass_whatever_else_lies_beside_them(tmp_path, files):
    refuse_foreign(make(tmp_path / "model", files))


def test_an_address_of_a_folder_an_archive_and_no_name(tmp_path):
    folder = tmp_path / "a model"
    folder.mkdir()
    assert local_folder(folder.as_uri()) == folder == local_folder(f"{folder}/")
    (tmp_path / "model.tar.gz").write_bytes(b"")
    with pytest.raises(
        ParentError, match=r"model.tar.gz is an archive; unpack it and give the folder of a model"
    ):
        local_folder(str(tmp_path / "model.tar.gz"))
    with pytest.raises(ParentError, match="the parent's name is empty"):
        local_folder(" ")
