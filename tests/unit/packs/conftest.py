"""A small valid pack to damage, and a way to write a damaged manifest with its checksum right again."""

import hashlib
import json
from pathlib import Path

import pytest
import torch

import pack_json
import parents
from crosslate.models.methods.forms import Slices
from crosslate.packs.manifest import FileRecord, Manifest, ParentIdentity, ScoreRecord, TensorRecord
from crosslate.packs.pack import Pack
from crosslate.text.vocabularies import SpecialIds, Vocabulary


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    lines = ["der Hund sieht die Katze", "die Katze sieht den Hund"]
    ids = {"eos_id": 0, "unk_id": 1, "pad_id": 2, "bos_id": -1}
    return Vocabulary(parents.sentencepiece_model(lines, 24, normalization_rule_name="identity", **ids))


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        crosslate_version="0.1.0", name="de-en", source_language="de", target_language="en",
        renewed=("source",), strategy="src+xattn",
        parent=ParentIdentity(
            name="parents/fr-en", fingerprint="a" * 64, source_language="fr", target_language="en",
            source_vocabulary_size=40, target_vocabulary_size=50,
            source_vocabulary_fingerprint="b" * 64, target_vocabulary_fingerprint="c" * 64,
        ),
        source_vocabulary_size=24, target_vocabulary_size=50,
        special_ids={"source": SpecialIds(eos=0, unk=1, pad=2)},
        licence="CC-BY-4.0", created="2025-01-31T12:00:00Z",
        training={"seed": 1, "settings": {"lr": 0.001, "groups": ["src", "xattn"]}},
        data={"origin": "two files", "pairs": 100},
        scores=(
            ScoreRecord(
                metric="BLEU", value=31.25, signature="nrefs:1|case:mixed", test_set="test",
                interval=(30.0, 32.5),
            ),
        ),
        tensors={
            "k.weight": TensorRecord(
                shape=(4, 3), dtype="bfloat16", form=Slices(shape=(8, 3), axis=0, ranges=((0, 2), (4, 6)))
            )
        },
    )  # fmt: skip


@pytest.fixture
def sealed(manifest: Manifest) -> Manifest:
    """A manifest that is complete without any file on disk."""
    files = {name: FileRecord(sha256="d" * 64, bytes=10) for name in manifest.file_names}
    return manifest.changed(files=files).sealed()


@pytest.fixture
def pack(manifest: Manifest, vocabulary: Vocabulary) -> Pack:
    tensors = {
        "embed.weight": torch.arange(96, dtype=torch.float32).reshape(24, 4),
        "k.weight": torch.full((4, 3), 0.5, dtype=torch.bfloat16),
        "scale": torch.tensor(2.5),
    }
    return Pack(manifest, tensors, {"source": vocabulary})


@pytest.fixture
def folder(pack: Pack, tmp_path: Path) -> Path:
    """A saved pack."""
    pack.save(tmp_path / "pack")
    return tmp_path / "pack"


@pytest.fixture
def reseal():
    """``reseal(folder, change)`` edits the manifest's values and gives it a right checksum again."""

    def edit(folder: Path, change) -> None:
        values = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
        change(values)
        (folder / "pack.json").write_bytes(pack_json.sealed(values))

    return edit


@pytest.fixture
def rehash(reseal):
    """``rehash(folder)`` brings lengths, hashes and checksum up to date with the files."""

    def change(folder, values):
        for name, record in values["files"].items():
            data = (folder / name).read_bytes()
            record.update(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))

    return lambda folder: reseal(folder, lambda values: change(folder, values))
