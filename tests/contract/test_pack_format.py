"""docs/pack-format.md is the contract: what it says must load, and what once loaded must keep loading."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from crosslate.errors import PackError
from crosslate.models.fingerprint import fingerprint
from crosslate.models.methods.forms import Slices
from crosslate.models.methods.registry import forms, methods
from crosslate.packs.manifest import DTYPES, Manifest, TensorRecord
from crosslate.packs.pack import Pack, verify
from crosslate.text.vocabularies import SpecialIds, Vocabulary

GOLDEN = Path(__file__).parent / "data" / "pack-v1"
DOCUMENT = Path(__file__).parents[2] / "docs" / "pack-format.md"


@pytest.fixture(scope="module")
def document() -> str:
    return DOCUMENT.read_text(encoding="utf-8")


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", document, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def write_by_hand(document, tmp_path, monkeypatch):
    """``write_by_hand(n)``: the pack that the first n of the page's programs write, without Crosslate."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(GOLDEN / "source.spm", tmp_path)

    def write(num_programs: int) -> Path:
        program = "".join(blocks(document, "python")[:num_programs])
        assert "crosslate." not in program.replace("crosslate_version", "")
        exec(compile(program, str(DOCUMENT), "exec"), {})
        return tmp_path / "by-hand"

    return write


class TestGolden:
    """A pack that format version 1 once wrote. Once a version is released, never regenerate it."""

    def test_loads(self):
        pack = Pack.load(GOLDEN)
        assert pack.tensors.keys() == {
            "model.encoder.embed_tokens.weight",
            "model.decoder.layers.0.encoder_attn.k_proj.weight",
        }
        embeddings = pack.tensors["model.encoder.embed_tokens.weight"]
        assert embeddings.dtype == torch.float32 and embeddings.shape == (24, 4)
        assert embeddings[1].tolist() == [0.5, 0.625, 0.75, 0.875]
        keys = pack.tensors["model.decoder.layers.0.encoder_attn.k_proj.weight"]
        assert keys.dtype == torch.bfloat16 and keys.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]

    def test_its_manifest_is_written_as_it_was(self):
        data = (GOLDEN / "pack.json").read_bytes()
        assert Manifest.from_bytes(data).to_bytes() == data

    def test_its_manifest_means_what_it_did(self):
        manifest = verify(GOLDEN)
        assert (manifest.format_version, manifest.name, manifest.renewed) == (1, "de-en", ("source",))
        assert manifest.strategy == "src+xattn[heads=0:1]"
        assert manifest.special_ids == {"source": SpecialIds(eos=0, unk=1, pad=2)}
        record = manifest.tensors["model.decoder.layers.0.encoder_attn.k_proj.weight"]
        assert record.form == Slices(shape=(4, 4), axis=0, ranges=((2, 4),))
        assert (manifest.scores[0].metric, manifest.scores[0].interval) == ("BLEU", (30.0, 32.5))
        assert manifest.training["settings"] == {"updates": 200, "learning_rate": 0.001}

    def test_its_vocabulary_encodes_as_it_did(self):
        vocabulary = Pack.load(GOLDEN).vocabularies["source"]
        assert vocabulary.encode_pieces("der Hund") == ["▁d", "e", "r", "▁", "Hu", "nd"]
        assert vocabulary.encode("der Hund") == [4, 11, 23, 10, 5, 8, 0]


class TestDocument:
    def test_the_complete_manifest_is_the_golden_packs(self, document):
        assert blocks(document, "json")[0].encode() == (GOLDEN / "pack.json").read_bytes()

    def test_a_pack_written_by_hand(self, write_by_hand, tmp_path):
        folder = write_by_hand(1)
        pack = Pack.load(folder)
        assert pack.manifest.name == "by hand"
        assert pack.manifest.scores == () and pack.manifest.training == {}
        assert torch.equal(pack.tensors["model.encoder.embed_tokens.weight"], torch.zeros(24, 4))
        assert len(pack.vocabularies["source"]) == 24
        pack.save(tmp_path / "again")
        assert verify(tmp_path / "again").name == "by hand"
        path = folder / "pack.json"
        path.write_text(path.read_text().replace("CC0-1.0", "MIT"))
        with pytest.raises(PackError, match="checksum"):
            Pack.load(folder)

    def test_a_pack_in_fewer_bytes_written_by_hand(self, write_by_hand):
        pack = Pack.load(write_by_hand(2))
        table, keys = "model.encoder.embed_tokens.weight", "model.decoder.layers.0.encoder_attn.k_proj.weight"
        found = pack.decoded(table)
        assert torch.allclose(found, torch.linspace(-1, 1, 96).reshape(24, 4), atol=0.5 / 127)
        made = pack.form(keys).applied(torch.zeros(4, 4), pack.tensors[keys])
        assert made.tolist() == [[0.0, 1.0, 2.0, 3.0]] * 4

    def test_every_key_of_the_manifest_is_described(self, document):
        for heading, record in (("| key | type | is |", Manifest), ("| key | is |", TensorRecord)):
            table = document.split(heading)[1].split("\n\n")[0]
            first_cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("|")]
            described = {key for cell in first_cells for key in re.findall(r"`(\w+)`", cell)}
            assert described == set(record.model_fields)

    def test_every_form_and_added_module_is_described(self, document):
        for kind in forms():
            assert f'"kind": "{kind}"' in document
        for kind, method in methods().items():
            assert (f"- `{kind}(" in document) is bool(method.modules)

    def test_every_number_type_is_described(self, document):
        rows = document[document.index("| `dtype` | `float64`") :].splitlines()
        (_, *names), codes = (re.findall(r"`(\w+)`", row) for row in (rows[0], rows[2]))
        assert dict(zip(names, codes, strict=True)) == DTYPES


class TestFingerprints:
    """The two definitions of the page, followed by hand."""

    def test_of_a_parent(self):
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.tied_b = nn.Parameter(torch.tensor([[1.0, 2.0]]))
                self.tied_a = self.tied_b
                self.register_buffer("ä", torch.tensor([3, -1]))
                self.register_buffer("unsaved", torch.zeros(9), persistent=False)

        expected = hashlib.sha256()
        expected.update(b'{"name":"tied_a","aliases":["tied_b"],"shape":[1,2],"dtype":"float32"}\n')
        expected.update(bytes.fromhex("0000803f00000040"))
        expected.update(b'{"name":"\\u00e4","aliases":[],"shape":[2],"dtype":"int64"}\n')
        expected.update(bytes.fromhex("0300000000000000ffffffffffffffff"))
        assert fingerprint(Model()) == expected.hexdigest()

    def test_of_a_vocabulary(self):
        vocabulary = Vocabulary.load(GOLDEN / "source.spm")
        pieces = '["</s>", "<unk>", "<pad>", "ie", "▁d", "Hu", "Ka", "ht", "nd", "tz", "▁", "e", "d", "i", "t", "n", "H", "K", "a", "h", "s", "u", "z", "r"]'
        text = f'[{pieces}, "SpecialIds(eos=0, unk=1, pad=2, bos=None)"]'
        assert json.loads(text)[0] == list(vocabulary.pieces)
        data = (GOLDEN / "source.spm").read_bytes() + text.encode("utf-8")
        assert vocabulary.fingerprint == hashlib.sha256(data).hexdigest()
