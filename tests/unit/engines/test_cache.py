import os

import pytest

from crosslate.engines import ctranslate2 as cache
from crosslate.engines.ctranslate2 import cached_ctranslate2_model, ctranslate2_folder
from crosslate.errors import InputError

KEY = "0123456789abcdef" * 4


def test_the_model_lies_beside_the_pack_never_inside(tmp_path):
    pack = tmp_path / "packs" / "de-en"
    pack.mkdir(parents=True)
    folder = ctranslate2_folder(pack, KEY, "int8")
    assert folder == tmp_path / "packs" / ".crosslate-cache" / "de-en-0123456789abcdef-int8"
    assert not folder.exists() and list(pack.iterdir()) == []


def test_a_key_or_quantization_of_its_own_is_a_folder_of_its_own(tmp_path):
    folders = {
        ctranslate2_folder(tmp_path / "p", key, kind)
        for key in (KEY, "f" * 64)
        for kind in ("int8", "float32")
    }
    assert len(folders) == 4


def test_the_users_cache_is_used_where_nothing_can_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(cache.os, "access", lambda path, mode: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert (
        ctranslate2_folder(tmp_path / "p", KEY, "int8") == tmp_path / "xdg/crosslate/p-0123456789abcdef-int8"
    )
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    expected = tmp_path / "home/.cache/crosslate/p-0123456789abcdef-int8"
    assert ctranslate2_folder(tmp_path / "p", KEY, "int8") == expected


@pytest.mark.skipif(os.name == "nt", reason="permissions are read from POSIX modes")
def test_a_model_already_beside_a_read_only_pack_is_found(tmp_path, monkeypatch):
    built = ctranslate2_folder(tmp_path / "p", KEY, "int8")
    built.mkdir(parents=True)
    monkeypatch.setattr(cache.os, "access", lambda path, mode: False)
    assert ctranslate2_folder(tmp_path / "p", KEY, "int8") == built


def test_a_model_is_built_once(tmp_path):
    built = []

    def build(folder):
        built.append(folder)
        folder.mkdir(parents=True)

    first = cached_ctranslate2_model(tmp_path / "p", KEY, "int8", build)
    assert cached_ctranslate2_model(tmp_path / "p", KEY, "int8", build) == first
    assert built == [first]


def test_losing_a_race_is_no_error_but_a_failed_build_is(tmp_path):
    def lose(folder):
        folder.mkdir(parents=True)
        (folder / "crosslate.json").write_text("{}")
        raise InputError("already exists")

    assert cached_ctranslate2_model(tmp_path / "p", KEY, "int8", lose).is_dir()

    def fail(folder):
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        cached_ctranslate2_model(tmp_path / "q", KEY, "int8", fail)
