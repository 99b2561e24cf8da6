"""A pack of a language on the parent's rows, written by hand from docs/pack-format.md alone."""

from __future__ import annotations

import hashlib

import pytest
import torch
from safetensors.torch import save_file

import pack_json
import parents
from crosslate.errors import PackError
from crosslate.models.methods.forms import Slices
from crosslate.packs.compose import apply_packs, identity
from crosslate.packs.pack import Pack
from crosslate.text.vocabularies import Frame

TABLE = "model.encoder.embed_tokens.weight"


@pytest.fixture(scope="module")
def parent():
    return parents.parent("marian-separate")


def by_hand(folder, parent):
    """A pack made from docs/pack-format.md alone: no part of Crosslate writes it, or says what is missing."""
    import sentencepiece

    ids = {
        "pad_id": 0,
        "bos_id": 1,
        "eos_id": 2,
        "unk_id": 3,
        "pad_piece": "<pad>",
        "control_symbols": ["xx_Latn"],
    }
    model = parents.sentencepiece_model([*parents.TEXT, "xyzzy qq xyzzy"] * 2, 44, **ids)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    pieces = [processor.IdToPiece(row) for row in range(44)]
    code = pieces.index("xx_Latn")
    missing = [row for row, piece in enumerate(pieces) if row > 3 and piece not in parent.source.pieces]
    assert code in missing and 3 < len(missing) < 40
    width = parent.model.config.d_model
    rows = torch.arange(len(missing) * width, dtype=torch.float32).reshape(-1, width)
    folder.mkdir()
    save_file({TABLE: rows}, folder / "weights.safetensors")
    (folder / "source.spm").write_bytes(model)
    ranges: list[list[int]] = []
    for row in missing:  # neighbours are one range
        if ranges and ranges[-1][1] == row:
            ranges[-1][1] = row + 1
        else:
            ranges.append([row, row + 1])
    manifest = {
        "format_version": 1, "crosslate_version": "0.1.0", "name": "by hand", "source_language": "xx",
        "target_language": "en", "renewed": ["source"], "strategy": "src",
        "parent": identity(parent).to_values(), "source_vocabulary_size": 44,
        "target_vocabulary_size": len(parent.target),
        "special_ids": {"source": {"eos": 2, "unk": 3, "pad": 0, "bos": 1}},
        "frames": {"source": {"before": [code], "after": [2]}},
        "licence": "CC0-1.0", "created": "2025-01-31T12:00:00Z",
        "files": {
            path.name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
            for path in folder.iterdir()
        },
        "tensors": {
            TABLE: {
                "shape": list(rows.shape), "dtype": "float32",
                "form": {"kind": "slices", "shape": [44, width], "axis": 0, "ranges": ranges},
            }
        },
    }  # fmt: skip
    (folder / "pack.json").write_bytes(pack_json.sealed(manifest))
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
    moved = record.changed(form=Slices.of(record.form.shape, 0, rows))
    pack.manifest = pack.manifest.changed(tensors={TABLE: moved})
    with pytest.raises(PackError, match="do not match the pieces that the parent lacks"):
        apply_packs(parent, [pack])


def test_a_frame_that_the_vocabulary_does_not_have_is_not_saved(parent, tmp_path):
    by_hand(tmp_path / "pack", parent)
    pack = Pack.load(tmp_path / "pack")
    pack.manifest = pack.manifest.changed(frames={})
    with pytest.raises(PackError, match=r"vocabulary cannot be stored: .* the frame in the manifest"):
        pack.save(tmp_path / "again")
    assert not (tmp_path / "again").exists()
