"""Where engines' models of packs are kept, and that each is built once."""

import os
import shutil
from pathlib import Path

import pytest

from crosslate.engines import ctranslate2
from crosslate.engines import model_cache as cache
from crosslate.engines.model_cache import cached_model, engine_folder
from crosslate.errors import EngineError

KEY = "0123456789abcdef" * 4
NAME = "de-en-0123456789abcdef-int8"


def test_the_model_lies_beside_the_pack_never_inside(tmp_path):
    pack = tmp_path / "packs" / "de-en"
    pack.mkdir(parents=True)
    assert engine_folder(pack, KEY, "int8") == tmp_path / "packs" / ".crosslate-cache" / NAME
    assert list(tmp_path.rglob("*")) == [tmp_path / "packs", pack]
    others = [engine_folder(pack, "f" * 64, "int8"), engine_folder(pack, KEY, "float32")]
    assert NAME not in {folder.name for folder in others} and others[0] != others[1]


@pytest.mark.skipif(os.name == "nt", reason="permissions are read from POSIX modes")
def test_the_users_cache_is_used_where_nothing_can_be_written(tmp_path, monkeypatch):
    beside = engine_folder(tmp_path / "de-en", KEY, "int8")
    monkeypatch.setattr(cache.os, "access", lambda path, mode: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert engine_folder(tmp_path / "de-en", KEY, "int8") == tmp_path / "xdg/crosslate" / NAME
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert engine_folder(tmp_path / "de-en", KEY, "int8") == tmp_path / "home/.cache/crosslate" / NAME
    beside.mkdir(parents=True)  # a model that is there already is found all the same
    assert engine_folder(tmp_path / "de-en", KEY, "int8") == beside


class Builds:
    """Writes a model of two files, and counts how often."""

    def __init__(self):
        self.count, self.format = 0, 1

    def __call__(self, folder):
        self.count += 1
        folder.mkdir(parents=True)
        (folder / "crosslate.json").write_text(f'{{"format": {self.format}}}')
        (folder / "model.bin").write_bytes(b"weights" * 100)


@pytest.fixture
def build():
    return Builds()


def test_a_model_is_built_once(tmp_path, build):
    first = cached_model(tmp_path / "p", KEY, "int8", build, 1)
    assert cached_model(tmp_path / "p", KEY, "int8", build, 1) == first
    assert build.count == 1
    assert [path.name for path in first.parent.iterdir()] == [first.name]
    assert cached_model(tmp_path / "p", KEY, "int16", build, 1) != first and build.count == 2


def test_a_model_of_another_layout_is_built_again_and_one_of_the_same_kept(tmp_path, build, caplog):
    """An upgrade keeps caches, and never reads one that it does not understand."""
    caplog.set_level("INFO")
    folder = cached_model(tmp_path / "p", KEY, "int8", build, 1)
    build.format = 2
    assert cached_model(tmp_path / "p", KEY, "int8", build, 2) == folder and build.count == 2
    assert "has format 1, and this Crosslate uses 2" in caplog.text
    assert cached_model(tmp_path / "p", KEY, "int8", build, 2) == folder and build.count == 2


DAMAGES = {
    "cut": lambda folder: os.truncate(folder / "model.bin", 100),
    "other bytes": lambda folder: (folder / "model.bin").write_bytes(b"Weights" * 100),
    "a file less": lambda folder: (folder / "crosslate.json").unlink(),
    "a file more": lambda folder: (folder / "shared_vocabulary.json").write_text("[]"),
    "no hashes": lambda folder: (folder / "sha256.json").unlink(),
    "cut hashes": lambda folder: os.truncate(folder / "sha256.json", 10),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_model_is_built_again(tmp_path, build, damage, caplog):
    folder = cached_model(tmp_path / "p", KEY, "int8", build, 1)
    intact = {path.name: path.read_bytes() for path in folder.iterdir()}
    damage(folder)
    assert cached_model(tmp_path / "p", KEY, "int8", build, 1) == folder
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == intact
    assert build.count == 2 and "are not those that were built" in caplog.text


def test_two_that_build_at_once_and_a_build_that_fails(tmp_path, build):
    def while_another_builds(folder):
        build(folder)
        cached_model(tmp_path / "p", KEY, "int8", build, 1)

    folder = cached_model(tmp_path / "p", KEY, "int8", while_another_builds, 1)
    assert cached_model(tmp_path / "p", KEY, "int8", build, 1) == folder and build.count == 2

    def fail(folder):
        raise OSError("no space left")

    with pytest.raises(EngineError, match="no space left; make room"):
        cached_model(tmp_path / "q", KEY, "int8", fail, 1)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_another_one_is_moved_into_place_just_before_ours(tmp_path, build, monkeypatch):
    moved = Path.replace

    def replace(path, target):
        if path.is_dir():  # the model; else one of its files
            moved(shutil.copytree(path, tmp_path / "theirs"), target)
        return moved(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    folder = cached_model(tmp_path / "p", KEY, "int8", build, 1)
    assert {path.name for path in folder.iterdir()} > {"sha256.json"}


class TestDevice:
    """Which device CTranslate2 gets, with a stand-in for machines with a GPU."""

    @pytest.fixture
    def asked(self, monkeypatch):
        import ctranslate2

        calls = []

        def translator(folder, **options):
            calls.append(options)
            if options["device"] == "cuda" and self.is_broken:
                raise RuntimeError("libcublas.so.12 is not found")
            return options

        self.is_broken = False
        monkeypatch.setattr(ctranslate2, "Translator", translator)
        monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: self.num_devices)
        return calls

    def test_a_cpu(self, asked, tmp_path):
        self.num_devices = 0
        assert ctranslate2._load(tmp_path, 2, 1) == {"device": "cpu", "inter_threads": 2, "intra_threads": 1}

    def test_a_gpu(self, asked, tmp_path):
        self.num_devices = 1
        assert ctranslate2._load(tmp_path, 2, 1) == {"device": "cuda"}

    def test_a_gpu_without_its_libraries(self, asked, tmp_path, caplog):
        self.num_devices, self.is_broken = 1, True
        assert ctranslate2._load(tmp_path, 2, 1)["device"] == "cpu"
        assert [each["device"] for each in asked] == ["cuda", "cpu"]
        assert "cannot use the GPU, so it translates on the CPU: libcublas" in caplog.text
