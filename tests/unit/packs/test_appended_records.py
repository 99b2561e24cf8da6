"""Version 2 of the format: frames, and slices appended to a parent's tensor; written by hand and refused."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

import parents
from crosslate.errors import PackError
from crosslate.models.methods.forms import Slices
from crosslate.packs.compose import apply_packs, identity
from crosslate.packs.manifest import FileRecord, Manifest, TensorRecord
from crosslate.packs.pack import Pack
from crosslate.packs.version_2 import FrameRecord
from crosslate.text.vocabularies import Frame

TABLE = "model.encoder.embed_tokens.weight"
ONE = Slices((4,), 0, ((0, 1),))


@pytest.fixture
def sealed(manifest):
    """A complete manifest with a record of version 2 in it."""
    files = {name: FileRecord("d" * 64, 10) for name in ("weights.safetensors", "source.spm", "README.md")}
    return replace(
        manifest, format_version=2, files=files,
        tensors={"w": TensorRecord((2, 3), "float32", form=Slices((24, 3), 0, ((3, 4), (20, 21))))},
        frames={"source": FrameRecord((3,), (0,))},
    ).sealed()  # fmt: skip


def refused(manifest, message):
    with pytest.raises(PackError) as error:
        Manifest.from_bytes(manifest.sealed().to_bytes())
    assert message in str(error.value)


class TestManifest:
    def test_there_and_back(self, sealed):
        assert Manifest.from_bytes(sealed.to_bytes()) == sealed
        described = json.loads(sealed.to_bytes())
        assert described["frames"] == {"source": {"before": [3], "after": [0], "start": None}}
        assert described["tensors"]["w"]["form"] == {
            "kind": "slices",
            "shape": [24, 3],
            "axis": 0,
            "ranges": [[3, 4], [20, 21]],
        }

    def test_version_1_knows_neither_key(self, sealed):
        plain = replace(sealed, format_version=1, frames={}, tensors={"w": TensorRecord((2,), "float32")})
        assert plain.needed_version == 1
        text = plain.sealed().to_bytes().decode()
        assert "frames" not in text

    def test_frames_need_version_2(self, sealed):
        assert sealed.needed_version == 2
        refused(replace(sealed, format_version=1), "came with version 2")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"frames": {"target": FrameRecord((), (0,))}}, "frames is given for 'target'"),
            ({"frames": {"source": FrameRecord((24,), (0,))}}, "frames.source holds the ids [24, 0]"),
            ({"frames": {"source": FrameRecord((), (0,), -1)}}, "frames.source holds the ids [0, -1]"),
            ({"frames": {"source": FrameRecord((), (0,), 3)}}, "frames.source.start is 3, expected null"),
            ({"tensors": {"w": TensorRecord((2,), "float32", ONE)}}, "its form needs [1]"),
        ],
    )
    def test_faults(self, sealed, changes, message):
        refused(replace(sealed, **changes), message)


@pytest.fixture(scope="module")
def parent():
    return parents.parent("marian-separate")


def by_hand(folder, parent, **changes):
    """A pack made from docs/pack-format.md alone: no part of Crosslate writes it, or says what is missing."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter([*parents.TEXT, "xyzzy qq xyzzy"] * 2), model_writer=model, vocab_size=44,
        model_type="bpe", pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="<pad>",
        control_symbols=["xx_Latn"], num_threads=1, minloglevel=2,
    )  # fmt: skip
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [processor.IdToPiece(row) for row in range(44)]
    code = pieces.index("xx_Latn")
    missing = [row for row, piece in enumerate(pieces) if row > 3 and piece not in parent.source.pieces]
    assert code in missing and 3 < len(missing) < 40
    width = parent.model.config.d_model
    rows = torch.arange(len(missing) * width, dtype=torch.float32).reshape(-1, width)
    folder.mkdir()
    save_file({TABLE: rows}, folder / "weights.safetensors")
    (folder / "source.spm").write_bytes(model.getvalue())
    (folder / "README.md").write_text("By hand.\n")
    files = {
        path.name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
        for path in folder.iterdir()
    }
    manifest = {
        "format_version": 2, "crosslate_version": "0.1.0", "name": "by hand", "source_language": "xx",
        "target_language": "en", "renewed": ["source"], "strategy": "src",
        "parent": dict(vars(identity(parent))), "source_vocabulary_size": 44,
        "target_vocabulary_size": len(parent.target),
        "special_ids": {"source": {"eos": 2, "unk": 3, "pad": 0, "bos": 1}},
        "frames": {"source": {"before": [code], "after": [2]}},
        "licence": "CC0-1.0", "created": "2025-01-31T12:00:00Z", "files": files, "checksum": "0" * 64,
        "tensors": {
            TABLE: {
                "shape": list(rows.shape), "dtype": "float32",
                "form": {"kind": "slices", "shape": [44, width], "axis": 0, "ranges": []},
            }
        },
    } | changes  # fmt: skip
    ranges: list[list[int]] = []
    for row in missing:  # neighbours are one range
        if ranges and ranges[-1][1] == row:
            ranges[-1][1] = row + 1
        else:
            ranges.append([row, row + 1])
    manifest["tensors"][TABLE]["form"]["ranges"] = ranges
    text = json.dumps(manifest)
    checksum = hashlib.sha256(text.encode()).hexdigest()
    (folder / "pack.json").write_text(text.replace("0" * 64, checksum))
    return pieces, missing, rows


def test_a_pack_written_by_hand(parent, tmp_path):
    pieces, missing, rows = by_hand(tmp_path / "pack", parent)
    pack = Pack.load(tmp_path / "pack")
    child = apply_packs(parent, [pack])
    code = pieces.index("xx_Latn")
    assert child.source.frame == Frame((code,), (2,))
    assert child.source.encode("qq")[0] == code and child.source.decode(child.source.encode("qq")) == "qq"
    table = child.model.get_encoder().get_input_embeddings().weight
    theirs = parent.model.get_encoder().get_input_embeddings().weight
    assert torch.equal(table[missing], rows)
    for row, piece in enumerate(pieces):
        if row <= 3:  # special pieces by their roles, which have the same ids here
            assert torch.equal(table[row], theirs[row])
        elif row not in missing:
            assert torch.equal(table[row], theirs[parent.source.pieces.index(piece)])
    pack.save(tmp_path / "again")
    assert Pack.load(tmp_path / "again").manifest.tensors == pack.manifest.tensors


def test_a_pack_for_a_vocabulary_with_other_pieces_is_refused(parent, tmp_path):
    by_hand(tmp_path / "pack", parent)
    pack = Pack.load(tmp_path / "pack")
    record = pack.manifest.tensors[TABLE]
    rows = list(record.form.indices)
    rows[-1] = next(row for row in range(43, 3, -1) if row not in rows)
    moved = replace(record, form=Slices.of(record.form.shape, 0, rows))
    pack.manifest = replace(pack.manifest, tensors={TABLE: moved})
    with pytest.raises(PackError, match="for other pieces than those that the parent lacks"):
        apply_packs(parent, [pack])


def test_a_frame_that_the_vocabulary_does_not_have_is_not_saved(parent, tmp_path):
    by_hand(tmp_path / "pack", parent)
    pack = Pack.load(tmp_path / "pack")
    pack.manifest = replace(pack.manifest, frames={})
    with pytest.raises(PackError, match="has another frame than the manifest says"):
        pack.save(tmp_path / "again")
    assert not (tmp_path / "again").exists()
