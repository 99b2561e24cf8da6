"""The folder of a page that translates: files named by content, pairs that share them, and what is refused."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from types import SimpleNamespace

import pytest

import web_engine
from crosslate.errors import InputError, UsageError
from crosslate.export.formats.web import Web
from marian_children import child_of_marian

ENGINE_FILES = {
    "translator.js", "worker/translator-worker.js", "worker/bergamot-translator-worker.js",
    "worker/bergamot-translator-worker.wasm",
}  # fmt: skip
PAGE_FILES = {"index.html", "style.css", "app.js", "engine.js", "sentences.js", "icon.svg"}


@pytest.fixture(scope="module")
def child():
    return child_of_marian()


@pytest.fixture
def runtime(tmp_path):
    return web_engine.write(tmp_path / "node_modules" / web_engine.PACKAGE)


@pytest.fixture
def export(tmp_path, runtime):
    """``export(child)`` into ``web``, from the folder that npm installed into; the index."""

    def write(child, runtime=tmp_path):
        Web(runtime).write(child, [], tmp_path / "web")
        return json.loads((tmp_path / "web/packs.json").read_text())

    return write


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_one_pair(child, export, tmp_path):
    index = export(child)
    (pair,) = index["pairs"]
    assert (pair["source"], pair["target"]) == ("de", "en")
    assert (pair["source_name"], pair["target_name"]) == ("German", "English")
    assert pair["options"]["gemm-precision"] == "int8shiftAll" and pair["options"]["beam-size"] == "1"
    web = tmp_path / "web"
    named = {pair["model"], pair["source_vocabulary"], pair["target_vocabulary"]}
    engine = {f"{index['engine']['folder']}/{name}" for name in ENGINE_FILES}
    assert files(web) == PAGE_FILES | named | engine | {"packs.json"}
    for name in named:
        assert sha256((web / name).read_bytes()).hexdigest() in name
    assert pair["num_bytes"] == sum((web / name).stat().st_size for name in named)
    assert index["engine"] == {**index["engine"], "version": "0.0.1", "licence": "MPL-2.0"}


def test_a_second_pair_shares_what_is_the_same(child, export, tmp_path):
    (first,) = export(child)["pairs"]
    before = files(tmp_path / "web")
    other = child_of_marian(init_std=0.1)
    other.source_language = "fr"
    index = export(other)
    assert [(each["source"], each["target"]) for each in index["pairs"]] == [("de", "en"), ("fr", "en")]
    assert index["pairs"][0] == first
    added = files(tmp_path / "web") - before
    assert added == {index["pairs"][1]["model"]}  # both vocabularies and the engine are there


def test_a_pair_is_replaced_and_only_our_own_files_go(child, export, tmp_path):
    (before,) = export(child)["pairs"]
    (tmp_path / "web" / "CNAME").write_text("translate.example")
    (tmp_path / "web" / "files" / "notes.bin").write_text("mine")
    old_engine = json.loads((tmp_path / "web/packs.json").read_text())["engine"]["folder"]
    newer = web_engine.write(tmp_path / "newer", web_engine.TRANSLATOR + "// newer\n")
    index = export(child_of_marian(init_std=0.1), newer)
    (after,) = index["pairs"]
    assert after["model"] != before["model"] and index["engine"]["folder"] != old_engine
    web = tmp_path / "web"
    assert not (web / before["model"]).exists() and not (web / old_engine).exists()
    assert (
        (web / after["model"]).is_file() and (web / "CNAME").is_file() and (web / "files/notes.bin").is_file()
    )


def test_the_same_export_changes_nothing(child, export, tmp_path):
    index = export(child)
    before = files(tmp_path / "web")
    assert export(child) == index and files(tmp_path / "web") == before


def without(name):
    return lambda folder: (folder / name).unlink()


def linked(folder):
    outside = folder.parents[2] / "secret"
    outside.write_text("secret")
    (folder / "translator.js").unlink()
    (folder / "translator.js").symlink_to(outside)


def enormous(folder):
    with (folder / "worker/translator-worker.js").open("wb") as file:
        file.truncate(1 << 30)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (without("package.json"), "package.json does not say that this is @browsermt/bergamot-translator"),
        (lambda folder: (folder / "package.json").write_text("[1]"), "does not say that this is"),
        (without("translator.js"), "translator.js is missing"),
        (without("worker/bergamot-translator-worker.wasm"), "worker.wasm is missing"),
        (linked, "translator.js is a link to .*secret, outside the package"),
        (enormous, "translator-worker.js has 1,073,741,824 bytes"),
        (lambda folder: (folder / "translator.js").write_bytes(b""), "translator.js has 0 bytes"),
        (lambda folder: (folder / "worker/bergamot-translator-worker.wasm").write_bytes(b"<html>"), "not WebAssembly"),
    ],
)  # fmt: skip
def test_a_runtime_that_is_not_what_it_should_be(runtime, tmp_path, spoil, reason):
    spoil(runtime)
    with pytest.raises(
        InputError, match=f"(?s)npm install --prefix .* @browsermt/bergamot-translator@.*{reason}"
    ):
        Web(tmp_path).check(tmp_path / "web", "int8")
    assert not (tmp_path / "web").exists()


def test_a_runtime_that_is_not_there_is_told_in_one_line(tmp_path):
    with pytest.raises(InputError) as refused:
        Web(tmp_path / "engine").check(tmp_path / "web", "int8")
    assert str(refused.value) == (
        f"cannot take the engine from {tmp_path}/engine, there is no such folder; get it with: npm install "
        f"--prefix {tmp_path}/engine @browsermt/bergamot-translator@0.4.9"
    )


def test_the_index_says_what_a_model_was_made_of(child, runtime, tmp_path):
    packs = [
        SimpleNamespace(name="de-en", licence="CC0-1.0"),
        SimpleNamespace(name="x", licence="unspecified"),
    ]
    folder = tmp_path / "parents" / "fr-en"
    folder.mkdir(parents=True)
    (folder / "crosslate.json").write_text('{"imported": {"from": "/data/fren-1693", "kind": "marian"}}')
    child.parent.name, child.parent.folder = str(folder), folder
    Web(tmp_path).write(child, packs, tmp_path / "web")
    (pair,) = json.loads((tmp_path / "web/packs.json").read_text())["pairs"]
    assert (pair["parent"], pair["imported_from"]) == ("fr-en", "fren-1693")
    assert pair["packs"] == [
        {"name": "de-en", "licence": "CC0-1.0"},
        {"name": "x", "licence": "unspecified"},
    ]


def test_a_request_without_a_runtime_or_for_another_precision(runtime, tmp_path):
    with pytest.raises(UsageError, match="needs the npm package @browsermt/bergamot-translator"):
        Web().check(tmp_path / "web", "int8")
    with pytest.raises(UsageError, match="unknown precision 'float32'"):
        Web(tmp_path).check(tmp_path / "web", "float32")


@pytest.mark.parametrize(
    "index",
    [
        None,
        "[]",
        '{"format": 2}',
        json.dumps(
            {"format": 1, "engine": {"folder": "../engine", "version": "", "licence": ""}, "pairs": []}
        ),
    ],
)
def test_a_folder_of_another_kind_is_left_alone(runtime, tmp_path, index):
    (tmp_path / "web").mkdir()
    if index is not None:
        (tmp_path / "web/packs.json").write_text(index)
    before = files(tmp_path / "web")
    with pytest.raises(InputError, match=r"already exists, a.* folder.*, and is not a folder of this format"):
        Web(tmp_path).check(tmp_path / "web", "int8")
    assert files(tmp_path / "web") == before


def test_the_page_asks_nobody_else(child, export, tmp_path):
    export(child)
    for name in PAGE_FILES:
        text = (tmp_path / "web" / name).read_text(encoding="utf-8")
        addresses = set(re.findall(r"https?://[^\"'\s>]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}, name
    html = (tmp_path / "web/index.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in html and "connect-src 'self'" in html and "unsafe-inline" not in html
