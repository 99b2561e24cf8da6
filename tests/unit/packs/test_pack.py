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

FILES = ["README.md", "pack.json", "source.spm", "weights.safetensors"]


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class TestSaveAndLoad:
    def test_the_folder_holds_exactly_the_files_of_the_format(self, folder):
        assert sorted(content(folder)) == FILES

    def test_what_is_loaded_is_what_was_saved(self, folder, pack, vocabulary):
        loaded = Pack.load(folder)
        assert loaded.tensors.keys() == {"embed.weight", "k.weight", "scale"}
        for name, tensor in pack.tensors.items():
            assert loaded.tensors[name].dtype == tensor.dtype
            assert torch.equal(loaded.tensors[name], tensor)
        assert loaded.vocabularies == {"source": vocabulary}
        assert loaded.manifest == pack.manifest
        assert loaded.folder == folder

    def test_saving_fills_in_records(self, folder, pack):
        assert pack.folder == folder
        assert pack.manifest.tensors == {
            "embed.weight": TensorRecord(shape=(24, 4), dtype="float32"),
            "k.weight": TensorRecord(
                shape=(4, 3), dtype="bfloat16", form=Slices((8, 3), 0, ((0, 2), (4, 6)))
            ),
            "scale": TensorRecord(shape=(), dtype="float32"),
        }
        assert sorted(pack.manifest.files) == ["README.md", "source.spm", "weights.safetensors"]
        assert pack.manifest.files["source.spm"].bytes == (folder / "source.spm").stat().st_size

    def test_saving_what_was_loaded_gives_identical_bytes(self, folder, tmp_path):
        Pack.load(folder).save(tmp_path / "again")
        assert content(tmp_path / "again") == content(folder)

    def test_a_name_with_spaces_and_other_scripts(self, pack, tmp_path):
        folder = tmp_path / "Пакет für 日本 (neu)"
        pack.save(folder)
        assert Pack.load(folder).manifest.name == "de-en"

    def test_without_a_renewed_side(self, pack, tmp_path):
        pack.manifest = pack.manifest.changed(renewed=(), special_ids={}, source_vocabulary_size=40)
        pack.vocabularies = {}
        pack.save(tmp_path / "pack")
        assert sorted(content(tmp_path / "pack")) == ["README.md", "pack.json", "weights.safetensors"]
        assert Pack.load(tmp_path / "pack").vocabularies == {}

    def test_with_both_sides_renewed(self, pack, vocabulary, tmp_path):
        pack.manifest = pack.manifest.changed(
            renewed=("source", "target"),
            target_vocabulary_size=24,
            special_ids={"source": SpecialIds(0, 1, 2), "target": SpecialIds(0, 1, 2)},
        )
        pack.vocabularies = {"source": vocabulary, "target": vocabulary}
        pack.save(tmp_path / "pack")
        assert Pack.load(tmp_path / "pack").vocabularies.keys() == {"source", "target"}

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
        assert "license: CC-BY-4.0" in card


class TestSavingRefuses:
    def test_an_existing_folder(self, folder, pack):
        before = content(folder)
        with pytest.raises(InputError, match="already exists"):
            pack.save(folder)
        assert content(folder) == before

    def test_replacing_a_pack_is_allowed(self, folder, pack):
        pack.tensors["scale"] = torch.tensor(7.0)
        pack.save(folder, replace=True)
        assert Pack.load(folder).tensors["scale"].item() == 7.0
        assert [path.name for path in folder.parent.iterdir()] == ["pack"]

    @pytest.mark.parametrize("name", ["notes.txt", ".git"])
    def test_replacing_a_folder_with_anything_else(self, folder, pack, name):
        (folder / name).write_text("mine")
        with pytest.raises(PackError, match="is not a pack"):
            pack.save(folder, replace=True)
        assert (folder / name).read_text() == "mine"

    def test_replacing_a_folder_of_other_files(self, pack, tmp_path):
        (tmp_path / "README.md").write_text("mine")
        with pytest.raises(PackError, match=r"no pack\.json"):
            pack.save(tmp_path, replace=True)
        assert (tmp_path / "README.md").read_text() == "mine"

    def test_a_broken_pack_leaves_nothing_behind(self, pack, tmp_path):
        pack.manifest = pack.manifest.changed(source_vocabulary_size=99)
        with pytest.raises(PackError, match=r"cannot be saved: source\.spm has 24 pieces, expected 99"):
            pack.save(tmp_path / "pack")
        assert list(tmp_path.iterdir()) == []

    def test_vocabularies_that_are_not_those_of_the_renewed_sides(self, pack, vocabulary, tmp_path):
        pack.vocabularies = {"target": vocabulary}
        with pytest.raises(PackError, match=r"given for \['target'\], expected for .* \['source'\]"):
            pack.save(tmp_path / "pack")

    def test_a_vocabulary_with_mapped_ids(self, pack, vocabulary, tmp_path):
        pieces = list(reversed(vocabulary.pieces))
        pack.vocabularies = {"source": Vocabulary(vocabulary.model, pieces, SpecialIds(23, 22, 21))}
        with pytest.raises(PackError, match="other ids than SentencePiece's own"):
            pack.save(tmp_path / "pack")

    def test_tensors_that_do_not_fit_their_records(self, pack, tmp_path):
        pack.tensors |= {"k.weight": torch.zeros(5, 3), "odd": torch.zeros(2, dtype=torch.complex64)}
        with pytest.raises(PackError) as refused:
            pack.save(tmp_path / "pack")
        assert "cannot be saved, 2 faults" in str(refused.value)
        assert "tensor 'k.weight': " in str(refused.value)
        assert "shape is [5, 3], its form needs [4, 3]" in str(refused.value)
        assert "dtype is 'complex64'" in str(refused.value)
        del pack.tensors["k.weight"]
        with pytest.raises(PackError, match=r"does not hold: k\.weight"):
            pack.save(tmp_path / "pack")

    def test_no_tensor_at_all(self, pack, tmp_path):
        pack.tensors.clear()
        pack.manifest = pack.manifest.changed(tensors={})
        with pytest.raises(PackError, match="at least one tensor"):
            pack.save(tmp_path / "pack")


class TestLoadingRefuses:
    def refused(self, folder, *parts):
        with pytest.raises(PackError) as error:
            Pack.load(folder)
        for part in parts:
            assert part in str(error.value)
        with pytest.raises(PackError):
            verify(folder)
        assert error.value.exit_code == 4

    @pytest.mark.parametrize("name", FILES)
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

    def test_changed_bytes_of_several_files_at_once(self, folder):
        for name in ("source.spm", "weights.safetensors"):
            data = bytearray((folder / name).read_bytes())
            data[-1] ^= 1
            (folder / name).write_bytes(data)
        self.refused(folder, "2 faults", "source.spm was changed", "weights.safetensors was changed")

    def test_a_truncated_file(self, folder):
        path = folder / "weights.safetensors"
        path.write_bytes(path.read_bytes()[:-1])
        self.refused(folder, "weights.safetensors has", "bytes, expected")

    @pytest.mark.parametrize("name", FILES)
    def test_a_missing_file(self, folder, name):
        (folder / name).unlink()
        self.refused(folder, f"{name} is missing")

    @pytest.mark.parametrize("name", ["extra.bin", "weights.bin", "tokenizer.json", "Source.spm"])
    def test_an_extra_file(self, folder, name):
        (folder / name).write_text("x")
        self.refused(folder, f"{name} is a file that is no part of a pack")

    def test_a_file_of_the_format_that_this_pack_does_not_list(self, folder):
        (folder / "target.spm").write_bytes((folder / "source.spm").read_bytes())
        self.refused(folder, "target.spm is in the folder but not in the manifest")

    def test_a_hidden_file(self, folder):
        (folder / ".hidden").touch()
        self.refused(folder, ".hidden is a hidden file")

    def test_a_folder_inside(self, folder):
        (folder / "source").mkdir()
        self.refused(folder, "source is a folder")

    def test_a_fifo_is_not_opened(self, folder):
        (folder / "pack.json").unlink()
        os.mkfifo(folder / "pack.json")
        self.refused(folder, "pack.json is neither a file nor a folder")

    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize("is_relative", [True, False])
    def test_a_symbolic_link_even_to_the_right_bytes(self, folder, name, is_relative):
        outside = folder.parent / "outside"
        (folder / name).rename(outside)
        (folder / name).symlink_to("../outside" if is_relative else outside)
        self.refused(folder, f"{name} is a symbolic link to")

    def test_a_symbolic_link_inside_the_folder(self, folder):
        (folder / "target.spm").symlink_to("source.spm")
        self.refused(folder, "target.spm is a symbolic link to 'source.spm'")

    def test_a_dangling_symbolic_link(self, folder):
        (folder / "target.spm").symlink_to("nowhere")
        self.refused(folder, "target.spm is a symbolic link")

    def test_the_folder_itself_may_be_reached_by_a_link(self, folder):
        (folder.parent / "current").symlink_to("pack")
        assert Pack.load(folder.parent / "current").manifest.name == "de-en"

    def test_no_folder(self, tmp_path):
        self.refused(tmp_path / "none", "no such folder")

    def test_a_file_for_a_folder(self, folder):
        self.refused(folder / "pack.json", "is a file; expected the folder of a pack")

    def test_an_empty_folder(self, tmp_path):
        self.refused(tmp_path, "pack.json is missing, so this is no pack")

    def test_a_name_with_a_nul(self, folder):
        self.refused(folder / "a\0b", "cannot be read as a folder")

    def test_unlike_faults_are_reported_together(self, folder):
        (folder / ".hidden").touch()
        (folder / "README.md").unlink()
        (folder / "sub").mkdir()
        with (folder / "source.spm").open("ab") as file:
            file.write(b"x")
        self.refused(
            folder, "4 faults", ".hidden", "README.md is missing", "sub is a folder", "source.spm has"
        )


class TestWeightsAgainstTheManifest:
    """The hashes are right here: the pack was put together wrongly, not damaged."""

    def rewrite(self, folder, rehash, change):
        tensors = {name: tensor.clone() for name, tensor in load_file(folder / "weights.safetensors").items()}
        change(tensors)
        save_file(tensors, folder / "weights.safetensors")
        rehash(folder)

    def refused(self, folder, *parts):
        with pytest.raises(PackError) as error:
            Pack.load(folder)
        for part in parts:
            assert part in str(error.value)

    def test_rehashing_alone_is_accepted(self, folder, rehash):
        self.rewrite(folder, rehash, lambda tensors: None)
        assert Pack.load(folder).tensors["scale"].item() == 2.5

    def test_a_missing_and_an_extra_tensor(self, folder, rehash):
        self.rewrite(folder, rehash, lambda tensors: tensors.update(more=tensors.pop("scale")))
        self.refused(folder, "'more' is in weights.safetensors but not", "'scale' is in the manifest but not")

    def test_another_shape(self, folder, rehash):
        self.rewrite(folder, rehash, lambda tensors: tensors.update(scale=torch.zeros(1)))
        self.refused(folder, "tensor 'scale' has shape [1], the manifest says []")

    def test_the_same_numbers_transposed(self, folder, rehash):
        self.rewrite(folder, rehash, lambda tensors: tensors.update({"embed.weight": torch.zeros(4, 24)}))
        self.refused(folder, "tensor 'embed.weight' has shape [4, 24], the manifest says [24, 4]")

    def test_another_dtype_of_the_same_width(self, folder, rehash):
        change = {"k.weight": torch.zeros(4, 3, dtype=torch.float16)}
        self.rewrite(folder, rehash, lambda tensors: tensors.update(change))
        self.refused(folder, "tensor 'k.weight' has dtype F16, the manifest says BF16")

    @pytest.mark.parametrize("data", [b"", b"\xff" * 64, b"\x02" + b"\0" * 7 + b"{}x"])
    def test_not_safetensors(self, folder, rehash, data):
        (folder / "weights.safetensors").write_bytes(data)
        rehash(folder)
        self.refused(folder, "not a safetensors file" if data[:1] != b"\x02" else "weights.safetensors")

    def test_overlapping_tensors(self, folder, rehash):
        header = (
            b'{"embed.weight":{"dtype":"F32","shape":[24,4],"data_offsets":[0,384]},'
            b'"k.weight":{"dtype":"BF16","shape":[4,3],"data_offsets":[0,24]},'
            b'"scale":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}'
        )
        data = len(header).to_bytes(8, "little") + header + bytes(384)
        (folder / "weights.safetensors").write_bytes(data)
        rehash(folder)
        self.refused(folder, "not a safetensors file")

    def test_a_pickle_for_weights(self, folder, rehash):
        torch.save({"scale": torch.tensor(1.0)}, folder / "weights.safetensors")
        rehash(folder)
        self.refused(folder, "not a safetensors file")

    def test_a_vocabulary_of_another_size(self, folder, reseal):
        reseal(folder, lambda values: values.update(source_vocabulary_size=25))
        self.refused(folder, "source.spm has 24 pieces, expected 25")

    def test_other_special_ids(self, folder, reseal):
        reseal(folder, lambda values: values["special_ids"]["source"].update(pad=5))
        self.refused(folder, "source.spm has the special ids", "pad=5")

    def test_no_sentencepiece_model(self, folder, rehash):
        (folder / "source.spm").write_bytes(b"garbage" * 9)
        rehash(folder)
        self.refused(folder, "source.spm: not a SentencePiece model")


class TestCheckParent:
    def parent(self, model="a", source="b", target="c"):
        vocabularies = {
            side: SimpleNamespace(fingerprint=64 * each)
            for side, each in (("source", source), ("target", target))
        }
        return SimpleNamespace(fingerprint=lambda: 64 * model, **vocabularies)

    def test_the_right_parent(self, manifest):
        check_parent(manifest, self.parent())
        check_parent(manifest, "a" * 64)

    def test_another_one_shows_what_was_found_and_expected(self, manifest):
        with pytest.raises(PackError) as error:
            check_parent(manifest, "d" * 64)
        assert "a" * 64 in str(error.value) and "d" * 64 in str(error.value)
        assert "parents/fr-en" in str(error.value)
        with pytest.raises(PackError, match=r"target vocabulary is e{64}, the pack expects c{64}"):
            check_parent(manifest, self.parent(target="e"))
