"""Pack folders: what is written, what is loaded, and every way in which a folder is refused."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from crosslate.errors import InputError, PackError
from crosslate.models.methods.forms import Slices
from crosslate.packs.manifest import TensorRecord
from crosslate.packs.pack import Pack, check_parent, verify
from crosslate.text.vocabularies import SpecialIds, Vocabulary

VERIFIED = ["pack.json", "source.spm", "weights.safetensors"]
FILES = ["README.md", *VERIFIED]


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(folder, *parts):
    with pytest.raises(PackError) as error:
        Pack.load(folder)
    for part in parts:
        assert part in str(error.value)
    with pytest.raises(PackError):
        verify(folder)
    assert error.value.exit_code == 4


class TestSaveAndLoad:
    def test_what_is_loaded_is_what_was_saved(self, folder, pack, vocabulary, tmp_path):
        loaded = Pack.load(folder)
        assert sorted(content(folder)) == FILES
        assert loaded.tensors.keys() == {"embed.weight", "k.weight", "scale"}
        for name, tensor in pack.tensors.items():
            assert loaded.tensors[name].dtype == tensor.dtype
            assert torch.equal(loaded.tensors[name], tensor)
        assert loaded.vocabularies == {"source": vocabulary}
        assert (loaded.manifest, loaded.folder) == (pack.manifest, folder)
        loaded.save(tmp_path / "Пакет für 日本 (neu)")
        assert content(tmp_path / "Пакет für 日本 (neu)") == content(folder)

    def test_saving_fills_in_records(self, folder, pack):
        assert pack.folder == folder
        assert pack.manifest.tensors == {
            "embed.weight": TensorRecord(shape=(24, 4), dtype="float32"),
            "k.weight": TensorRecord(
                shape=(4, 3), dtype="bfloat16", form=Slices(shape=(8, 3), axis=0, ranges=((0, 2), (4, 6)))
            ),
            "scale": TensorRecord(shape=(), dtype="float32"),
        }
        assert [record.num_bytes for record in pack.manifest.tensors.values()] == [384, 24, 4]
        assert sorted(pack.manifest.files) == ["source.spm", "weights.safetensors"]
        assert pack.manifest.files["source.spm"].bytes == (folder / "source.spm").stat().st_size

    def test_neither_or_both_sides_renewed(self, pack, vocabulary, tmp_path):
        none = {"renewed": (), "special_ids": {}, "source_vocabulary_size": 40}
        special = dict.fromkeys(("source", "target"), SpecialIds(0, 1, 2))
        both = {"renewed": ("source", "target"), "special_ids": special, "target_vocabulary_size": 24}
        given = pack.manifest
        for changes in (none, both):
            pack.manifest = given.changed(**changes)
            pack.vocabularies = dict.fromkeys(changes["renewed"], vocabulary)
            pack.save(tmp_path / "pack", replace=True)
            assert tuple(Pack.load(tmp_path / "pack").vocabularies) == changes["renewed"]

    def test_loaded_tensors_do_not_follow_the_file(self, folder):
        loaded = Pack.load(folder)
        path = folder / "weights.safetensors"
        with path.open("r+b") as file:
            file.seek(path.stat().st_size - 300)
            file.write(b"\x01" * 300)
        assert loaded.tensors["scale"].item() == 2.5

    def test_slices_of_one_parameter_and_strided_tensors(self, pack, tmp_path):
        whole = torch.arange(24.0).reshape(6, 4)
        pack.tensors |= {"first": whole[:3], "last": whole[3:], "columns": whole.T, "no": torch.zeros(0, 4)}
        pack.save(tmp_path / "pack")
        loaded = Pack.load(tmp_path / "pack").tensors
        assert loaded["last"].tolist() == [[12, 13, 14, 15], [16, 17, 18, 19], [20, 21, 22, 23]]
        assert torch.equal(loaded["first"], whole[:3]) and torch.equal(loaded["columns"], whole.T)
        assert loaded["no"].shape == (0, 4)

    def test_every_file_may_be_read_by_whom_the_umask_allows(self, pack, tmp_path):
        mask = os.umask(0o022)
        try:
            pack.save(tmp_path / "pack")
        finally:
            os.umask(mask)
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "pack").iterdir()}
        assert modes == dict.fromkeys(FILES, 0o644)

    def test_verifying_loads_no_torch(self, folder):
        program = (
            "import sys, pathlib; from crosslate.packs.pack import verify; "
            "verify(pathlib.Path(sys.argv[1])); sys.exit('torch' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", program, str(folder)], check=False).returncode == 0

    def test_the_card_shows_what_matters(self, folder):
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert "Translates German to English." in card
        assert "| Strategy | src+xattn |" in card
        assert "| BLEU | 31.2 | 30.0 to 32.5 | test | nrefs:1\\|case:mixed |" in card
        assert "license: cc-by-4.0" in card


class TestSavingRefuses:
    def test_an_existing_folder_but_to_replace_a_pack(self, folder, pack):
        before = content(folder)
        with pytest.raises(InputError, match="already exists"):
            pack.save(folder)
        assert content(folder) == before
        pack.tensors["scale"] = torch.tensor(7.0)
        pack.save(folder, replace=True)
        assert Pack.load(folder).tensors["scale"].item() == 7.0
        assert [path.name for path in folder.parent.iterdir()] == ["pack"]

    @pytest.mark.parametrize("name", ["notes.txt", ".git"])
    def test_replacing_a_folder_with_anything_else(self, folder, pack, name):
        (folder / name).write_text("mine")
        with pytest.raises(PackError, match=f"is not a pack \\({name}\\)"):
            pack.save(folder, replace=True)
        assert (folder / name).read_text() == "mine"

    def test_replacing_a_folder_of_other_files(self, pack, tmp_path):
        (tmp_path / "README.md").write_text("mine")
        with pytest.raises(PackError, match=r"no pack\.json"):
            pack.save(tmp_path, replace=True)
        assert (tmp_path / "README.md").read_text() == "mine"

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"source_vocabulary_size": 99}, r"cannot save pack .*: source\.spm has 24 pieces, expected 99"),
            ({"tensors": {}}, "at least one tensor"),
        ],
    )
    def test_a_broken_pack_leaves_nothing_behind(self, pack, tmp_path, changes, message):
        pack.manifest = pack.manifest.changed(**changes)
        if "tensors" in changes:
            pack.tensors.clear()
        with pytest.raises(PackError, match=message):
            pack.save(tmp_path / "pack")
        assert list(tmp_path.iterdir()) == []

    def test_vocabularies_that_a_pack_cannot_hold(self, pack, vocabulary, tmp_path):
        pack.vocabularies = {"target": vocabulary}
        with pytest.raises(PackError, match=r"given for \['target'\], expected for .* \['source'\]"):
            pack.save(tmp_path / "pack")
        pieces = list(reversed(vocabulary.pieces))
        pack.vocabularies = {"source": Vocabulary(vocabulary.model, pieces, SpecialIds(23, 22, 21))}
        with pytest.raises(PackError, match="expected a SentencePiece model with its own ids"):
            pack.save(tmp_path / "pack")

    def test_tensors_that_do_not_fit_their_records(self, pack, tmp_path):
        pack.tensors |= {"k.weight": torch.zeros(5, 3), "odd": torch.zeros(2, dtype=torch.complex64)}
        with pytest.raises(PackError) as refused:
            pack.save(tmp_path / "pack")
        assert "cannot save pack 'de-en', 2 faults" in str(refused.value)
        assert "tensor 'k.weight': " in str(refused.value)
        assert "shape is [5, 3], but its form needs [4, 3]" in str(refused.value)
        assert "dtype is 'complex64'" in str(refused.value)
        del pack.tensors["k.weight"]
        with pytest.raises(PackError, match=r"lacks: k\.weight"):
            pack.save(tmp_path / "pack")


def change(folder, name):
    path = folder / name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def fifo(folder):
    (folder / "pack.json").unlink()
    os.mkfifo(folder / "pack.json")


def link_outside(folder, name, to="../outside"):
    """A link, even to the right bytes."""
    (folder / name).rename(folder.parent / "outside")
    (folder / name).symlink_to(to)


def longer_with_more(folder):
    (folder / ".hidden").touch()
    (folder / "weights.safetensors").unlink()
    (folder / "sub").mkdir()
    with (folder / "source.spm").open("ab") as file:
        file.write(b"x")


EXTRA = ("extra.bin", "weights.bin", "tokenizer.json", "Source.spm", ".hidden")


class TestLoadingRefuses:
    @pytest.mark.parametrize("name", VERIFIED)
    def test_a_changed_byte_anywhere(self, folder, name):
        path = folder / name
        original = path.read_bytes()
        for position in range(0, len(original), max(1, len(original) // 40)):
            changed = bytearray(original)
            changed[position] ^= 1
            path.write_bytes(changed)
            with pytest.raises(PackError):
                verify(folder)
        path.write_bytes(original)
        assert verify(folder).name == "de-en"

    @pytest.mark.parametrize(
        ("damage", "parts"),
        [
            *((lambda folder, name=name: (folder / name).unlink(), (f"{name} is missing",)) for name in VERIFIED),
            *((lambda folder, name=name: (folder / name).touch(), (f"{name} does not belong to a pack",))
              for name in EXTRA),
            *((lambda folder, name=name: link_outside(folder, name), (f"{name} is a symbolic link",)) for name in FILES),
            (lambda folder: link_outside(folder, "source.spm", folder.parent / "outside"), ("source.spm is a symbolic link",)),
            (lambda folder: (folder / "target.spm").symlink_to("source.spm"), ("target.spm is a symbolic link",)),
            (lambda folder: (folder / "target.spm").symlink_to("nowhere"), ("target.spm is a symbolic link",)),
            (lambda folder: (folder / "source").mkdir(), ("source is not a file",)),
            (fifo, ("pack.json is not a file",)),
            (lambda folder: (folder / "target.spm").write_bytes((folder / "source.spm").read_bytes()),
             ("target.spm is in the folder but not in the manifest",)),
            (lambda folder: os.truncate(folder / "weights.safetensors", 600),
             ("weights.safetensors was changed or damaged: it has 600 bytes with",)),
            (lambda folder: [change(folder, name) for name in ("source.spm", "weights.safetensors")],
             ("2 faults", "source.spm was changed", "weights.safetensors was changed")),
            (longer_with_more, ("4 faults", ".hidden", "weights.safetensors is missing", "sub is not a file", "source.spm was")),
        ],
    )  # fmt: skip
    def test_another_folder_than_was_saved(self, folder, damage, parts):
        damage(folder)
        refused(folder, *parts)

    def test_a_card_may_be_edited_or_missing(self, folder):
        checksum = verify(folder).checksum
        (folder / "README.md").write_text("# Ours\n")
        assert verify(folder).checksum == checksum
        (folder / "README.md").unlink()
        assert Pack.load(folder).manifest.checksum == checksum

    def test_the_folder_itself_may_be_reached_by_a_link(self, folder):
        (folder.parent / "current").symlink_to("pack")
        assert Pack.load(folder.parent / "current").manifest.name == "de-en"

    def test_no_folder_of_a_pack(self, folder, tmp_path):
        refused(tmp_path / "none", "no such folder")
        refused(folder / "pack.json", "as the folder of a pack")
        refused(folder / "a\0b", "as the folder of a pack")
        (tmp_path / "empty").mkdir()
        refused(tmp_path / "empty", "pack.json is missing, so this is not a pack")


OVERLAPPING = (
    b'{"embed.weight":{"dtype":"F32","shape":[24,4],"data_offsets":[0,384]},'
    b'"k.weight":{"dtype":"BF16","shape":[4,3],"data_offsets":[0,24]},'
    b'"scale":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}'
)
OVERLAPPING = len(OVERLAPPING).to_bytes(8, "little") + OVERLAPPING + bytes(384)


class TestContentAgainstTheManifest:
    """The hashes are right here: the pack was put together wrongly, not damaged."""

    @pytest.mark.parametrize(
        ("changes", "parts"),
        [
            ({"more": torch.tensor(2.5), "scale": None},
             ("'more' is F32 of shape [] in weights.safetensors, but missing in the", "'scale' is missing in weights")),
            ({"scale": torch.zeros(1)}, ("tensor 'scale' is F32 of shape [1] in weights.safetensors, but F32 of shape [] in the manifest",)),
            ({"embed.weight": torch.zeros(4, 24)}, ("of shape [4, 24] in weights.safetensors, but F32 of shape [24, 4] in",)),
            ({"k.weight": torch.zeros(4, 3).half()}, ("tensor 'k.weight' is F16 of shape [4, 3] in", "but BF16 of shape [4, 3]")),
        ],
    )  # fmt: skip
    def test_other_tensors(self, folder, rehash, changes, parts):
        weights = folder / "weights.safetensors"
        tensors = {name: tensor.clone() for name, tensor in load_file(weights).items()} | changes
        save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, weights)
        rehash(folder)
        refused(folder, *parts)

    @pytest.mark.parametrize("data", [b"", b"\xff" * 64, b"\x02" + b"\0" * 7 + b"{}x", OVERLAPPING])
    def test_not_safetensors(self, folder, rehash, data):
        (folder / "weights.safetensors").write_bytes(data)
        rehash(folder)
        refused(folder, "weights.safetensors" if data[:1] == b"\x02" else "not a safetensors file")

    def test_a_pickle_for_weights(self, folder, rehash):
        torch.save({"scale": torch.tensor(1.0)}, folder / "weights.safetensors")
        rehash(folder)
        refused(folder, "not a safetensors file")

    def test_another_vocabulary(self, folder, reseal, rehash):
        reseal(folder, lambda values: values["special_ids"]["source"].update(pad=5))
        refused(folder, "source.spm has the special ids", "pad=5")
        reseal(folder, lambda values: values.update(source_vocabulary_size=25))
        refused(folder, "source.spm has 24 pieces, expected 25")
        (folder / "source.spm").write_bytes(b"garbage" * 9)
        rehash(folder)
        refused(folder, "source.spm: not a SentencePiece model")


def test_the_parent_must_be_the_one_in_the_manifest(manifest):
    def parent(target):
        sides = {
            "source": SimpleNamespace(fingerprint=64 * "b"),
            "target": SimpleNamespace(fingerprint=64 * target),
        }
        return SimpleNamespace(fingerprint=lambda: 64 * "a", **sides)

    check_parent(manifest, parent("c"))
    check_parent(manifest, "a" * 64)
    with pytest.raises(PackError) as error:
        check_parent(manifest, "d" * 64)
    assert "a" * 64 in str(error.value) and "d" * 64 in str(error.value)
    assert "parents/fr-en" in str(error.value)
    with pytest.raises(PackError, match=r"target vocabulary is e{64}, but the pack expects c{64}"):
        check_parent(manifest, parent("e"))
