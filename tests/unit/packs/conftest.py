"""A small valid pack to damage, and a way to write a damaged manifest with its checksum right again."""

import hashlib
import io
import json
from pathlib import Path

import pytest
import torch

from crosslate.models.methods.forms import Slices
from crosslate.packs.manifest import Manifest, ParentIdentity, ScoreRecord, TensorRecord
from crosslate.packs.pack import Pack
from crosslate.text.vocabularies import SpecialIds, Vocabulary


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(["der Hund sieht die Katze", "die Katze sieht den Hund"]),
        model_writer=model,
        vocab_size=24,
        model_type="bpe",
        normalization_rule_name="identity",
        eos_id=0,
        unk_id=1,
        pad_id=2,
        bos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return Vocabulary(model.getvalue())


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        format_version=1,
        crosslate_version="0.1.0",
        name="de-en",
        source_language="de",
        target_language="en",
        renewed=("source",),
        strategy="src+xattn",
        parent=ParentIdentity(
            name="parents/fr-en",
            fingerprint="a" * 64,
            source_language="fr",
            target_language="en",
            source_vocabulary_size=40,
            target_vocabulary_size=50,
            source_vocabulary_fingerprint="b" * 64,
            target_vocabulary_fingerprint="c" * 64,
        ),
        source_vocabulary_size=24,
        target_vocabulary_size=50,
        special_ids={"source": SpecialIds(eos=0, unk=1, pad=2)},
        licence="CC-BY-4.0",
        created="2025-01-31T12:00:00Z",
        training={"seed": 1, "settings": {"lr": 0.001, "groups": ["src", "xattn"]}},
        data={"origin": "two files", "pairs": 100},
        scores=(ScoreRecord("BLEU", 31.25, "nrefs:1|case:mixed", "test", (30.0, 32.5)),),
        tensors={"k.weight": TensorRecord((4, 3), "bfloat16", Slices((8, 3), 0, ((0, 2), (4, 6))))},
    )


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


def _reseal(folder: Path, change) -> None:
    path = folder / "pack.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    values["checksum"] = "0" * 64
    blank = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    path.write_text(blank.replace('"' + "0" * 64 + '"', f'"{hashlib.sha256(blank.encode()).hexdigest()}"'))


@pytest.fixture
def reseal():
    """``reseal(folder, change)`` edits the manifest's values and gives it a right checksum again."""
    return _reseal


@pytest.fixture
def rehash():
    """``rehash(folder)`` brings lengths, hashes and checksum up to date with the files."""

    def bring_up_to_date(folder: Path) -> None:
        def change(values):
            for name, record in values["files"].items():
                data = (folder / name).read_bytes()
                record.update(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))

        _reseal(folder, change)

    return bring_up_to_date
