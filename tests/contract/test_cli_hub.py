"""Packs on a stand-in for the hub: pushed, pulled, named by their ids, pinned, offline, and refused."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from benchmarks.servers import ServerProcess
from huggingface_hub.repocard_data import model_index_to_eval_results

import hub_server
from crosslate.packs.pack import Pack, verify

COLLECTION = "ann/packs-of-ann-64f9a55bb3115b4f513ec026"
GUIDES = Path(__file__).parents[2] / "docs" / "guides"
FAST = ("--engine", "pytorch", "--max-new-tokens", 8)
NEEDED = ("pack.json", "source.spm", "weights.safetensors")


@pytest.fixture
def hub():
    with hub_server.running() as running:
        yield running


@pytest.fixture
def run(hub, tmp_path):
    """``run(*arguments, stdin=b"", **environment)``: the command in a process of its own, against the stand-in."""
    environment = os.environ | {
        "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_TOKEN": hub_server.TOKEN,
        "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "COLUMNS": "100",
    }  # fmt: skip

    def call(*arguments, stdin=b"", **more):
        command = [sys.executable, "-m", "crosslate", *map(str, arguments)]
        return subprocess.run(
            command, input=stdin, capture_output=True, check=False, cwd=tmp_path, env=environment | more
        )

    call.environment = environment
    return call


def ok(ran):
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout.decode()


def refused(ran, code, *parts):
    assert ran.returncode == code, ran.stderr.decode()
    text = " ".join(ran.stderr.decode().split())
    for part in parts:
        assert part in text


def write_test(folder: Path, source: str) -> None:
    (folder / f"test.{source}").write_text("Hund sieht Katze.\nMann isst.\n")
    (folder / "test.en").write_text("dog sees cat.\nman eats.\n")


def upload(hub, folder: Path, repo_id="ann/de-en", **more: bytes):
    """Puts the files of a pack into a repository without Crosslate."""
    repository = hub.repositories.get(repo_id) or hub.make(repo_id)
    files = {path.name: path.read_bytes() for path in folder.iterdir()} | {".gitattributes": b"", **more}
    return repository.commit(files)


def test_from_push_to_translations(hub, run, tiny, tmp_path):
    pack = tiny / "packs/de-en"
    checksum = verify(pack).checksum
    out = ok(run("pack", "push", pack, "ann/de-en", "--dataset", "ann/tatoeba", "--tag", "news",
                 "--base-model", "ann/fr-en", "-m", "First"))  # fmt: skip
    repository = hub.repositories["ann/de-en"]
    commit = repository.branches["main"]
    assert out == f"uploaded to {hub.url}/ann/de-en; this version is ann/de-en@{commit}\n"
    assert repository.messages[-1] == "First" and not repository.is_private
    files = repository.files()
    assert {name: files[name] for name in NEEDED} == {name: (pack / name).read_bytes() for name in NEEDED}
    card = yaml.safe_load(files["README.md"].decode().split("---\n")[1])
    assert hub.cards and yaml.safe_load(hub.cards[-1].split("---\n")[1]) == card
    (index,) = [card.pop("model-index")]
    assert card == {
        "license": "cc0-1.0", "language": ["de", "en"], "library_name": "crosslate", "pipeline_tag": "translation",
        "base_model": "ann/fr-en", "base_model_relation": "adapter", "datasets": ["ann/tatoeba"],
        "tags": ["crosslate", "translation", "news"],
    }  # fmt: skip
    name, (result,) = model_index_to_eval_results(index)
    assert (name, result.task_type, result.dataset_name) == (
        "de-en src+xattn",
        "translation",
        "val.de + val.en",
    )
    assert (result.metric_type, result.metric_value) == ("bleu", 31.25)
    assert result.metric_args == {
        "signature": "nrefs:1|case:mixed|tok:zh|version:2.6.0",
        "interval_95": [30.0, 32.5],
    }
    # Whoever edits the card on the hub damages nothing.
    repository.commit(files | {"README.md": b"# Ours\n", "more.txt": b"x"})
    out = ok(run("pack", "pull", "ann/de-en", "--out", "pulled"))
    assert out == f"de-en: de-en src+xattn, fingerprint {checksum}, saved to pulled\n"
    assert {path.name for path in (tmp_path / "pulled").iterdir()} == {*NEEDED, "README.md"}
    assert (tmp_path / "pulled/README.md").read_text() == "# Ours\n" and verify(
        tmp_path / "pulled"
    ).checksum == checksum
    sentence = {"stdin": b"Hund sieht Katze.\n"}
    parent = ("--parent", tiny / "parents/fr-en", "--engine", "pytorch", "--beam", 1)
    of_hub = ok(run("translate", "--pack", "ann/de-en", *parent, **sentence))
    assert of_hub == ok(run("translate", "--pack", pack, *parent, **sentence))
    # Pinned and offline, from the cache alone.
    asked = len(hub.requests)
    pinned = ok(run("translate", "--pack", f"ann/de-en@{commit}", *parent, **sentence))
    assert pinned == of_hub and len(hub.requests) > asked
    asked = len(hub.requests)
    for name in ("ann/de-en", f"ann/de-en@{commit}"):
        assert ok(run("pack", "verify", name, HF_HUB_OFFLINE="1")).startswith(f"{name}: valid; 3 files")
    assert len(hub.requests) == asked
    refused(
        run("pack", "show", "ann/fr-es", HF_HUB_OFFLINE="1"),
        4,
        "ann/fr-es is no folder here",
        "not fetched before",
    )
    refused(
        run("pack", "push", pack, "ann/de-en", HF_HUB_OFFLINE="1"), 1, "in offline mode; unset HF_HUB_OFFLINE"
    )
    out = ok(run("pack", "install", "ann/de-en", "--to", "served"))
    assert out.split() == ["installed", "served/de-en"]


def test_a_new_version_replaces_the_files_of_the_old_one(hub, run, tiny):
    first = upload(hub, tiny / "packs/de-en")
    ok(run("pack", "push", tiny / "packs/fr-es", "ann/de-en", "--licence", "Apache-2.0"))
    repository = hub.repositories["ann/de-en"]
    assert set(repository.files()) == {
        ".gitattributes",
        "README.md",
        "pack.json",
        "target.spm",
        "weights.safetensors",
    }
    card = repository.files()["README.md"].decode()
    assert "license: apache-2.0" in card and "| Licence | Apache-2.0 |" in card
    assert "base_model" not in card  # the parent is a folder here, and the model index has no scores
    assert "model-index" not in card
    assert "fr-es tgt+xattn" in ok(run("pack", "show", "ann/de-en"))
    assert "de-en src+xattn" in ok(run("pack", "show", f"ann/de-en@{first}"))
    ok(run("pack", "push", tiny / "packs/de-en", "ann/de-en", "--revision", "next"))
    assert repository.branches["main"] != repository.branches["next"]
    assert "de-en src+xattn" in ok(run("pack", "show", "ann/de-en@next"))


def test_a_folder_of_that_name_goes_first(hub, run, tiny, tmp_path):
    shutil.copytree(tiny / "packs/fr-es", tmp_path / "ann/de-en")
    upload(hub, tiny / "packs/de-en")
    assert "fr-es tgt+xattn" in ok(run("pack", "show", "ann/de-en"))
    assert hub.requests == []


def test_what_the_hub_has_is_verified(hub, run, tiny):
    pack = tiny / "packs/de-en"
    damaged = (pack / "source.spm").read_bytes() + b"x"
    upload(hub, pack, **{"source.spm": damaged})
    refused(run("pack", "show", "ann/de-en"), 4, "pack ann/de-en is refused: source.spm is another file")
    hub.repositories["ann/de-en"].commit({"config.json": b"{}"})
    refused(run("pack", "show", "ann/de-en"), 4, "ann/de-en on the hub has no pack.json, so it is not a pack")
    upload(hub, pack)
    ok(run("pack", "show", "ann/de-en"))  # nothing of the refused ones was kept
    files = {path.name: path.read_bytes() for path in pack.iterdir() if path.name != "weights.safetensors"}
    hub.repositories["ann/de-en"].commit(files)
    refused(run("pack", "show", "ann/de-en"), 4, "weights.safetensors is missing")


def test_refusals(hub, run, tiny):
    pack = tiny / "packs/de-en"
    hub.make("ann/secret", is_private=True)
    upload(hub, pack)
    other = {"HF_TOKEN": "hf_of_bob"}
    refused(run("pack", "show", "ann/secret", **other), 4, "there is no such pack, or it is private")
    refused(
        run("pack", "show", "ann/de-en@v9"), 4, "it has no such revision; give a branch, a tag or a commit"
    )
    refused(
        run("pack", "show", "https://huggingface.co/ann/de-en"),
        4,
        "is an address; give the hub id in it, ann/de-en",
    )
    refused(
        run("pack", "push", pack, "ann/de-en", **other),
        1,
        "the hub refused ann/de-en (status 403",
        "the pack here is unchanged",
    )
    refused(
        run("pack", "push", pack, "ann/de-en", "--private"),
        1,
        "is public, expected a private one; nothing was uploaded",
    )
    refused(
        run("pack", "push", pack, "ann/de-en", "--licence", "MIT"),
        2,
        "the licence is 'MIT', but pack",
        "records 'CC0-1.0'",
    )
    refused(
        run("pack", "push", pack, "ann/de-en", "--dataset", "not an id"), 2, "the data set is 'not an id'"
    )
    refused(run("pack", "pull", "ann/de-en", "--out", pack), 3, "already exists")


def test_every_command_of_the_guide_works(hub, run, tiny, tmp_path):
    pack = Pack.load(tiny / "packs/de-en")
    pack.manifest = pack.manifest.changed(licence="unspecified")
    pack.save(tmp_path / "packs/oc-en")
    write_test(tmp_path, "oc")
    hub.collections["ann/packs-64f9a55bb3115b4f513ec026"] = ["ann/oc-en"]
    guide = (GUIDES / "sharing.md").read_text(encoding="utf-8")
    ran = []
    for block in re.findall(r"```sh\n(.*?)```", guide, re.DOTALL):
        for words in map(shlex.split, block.splitlines()):
            stdin = b""
            if "<" in words:
                stdin = (tmp_path / words[words.index("<") + 1]).read_bytes()
                words = words[: words.index("<")]
            ran.append(f"pack {words[2]}" if words[1] == "pack" else words[1])
            if words[1] == "serve":  # has a test of its own
                continue
            ok(run(*words[1:], *([] if words[1] == "pack" else FAST), stdin=stdin))
    assert ran == ["pack push", "pack show", "translate", "evaluate", "pack pull", "pack install", "serve"]
    assert verify(tmp_path / "packs/oc-en-of-ann") == verify(tmp_path / "packs/oc-en")
    (program,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, cwd=tmp_path, env=run.environment
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"[")
    assert b"ann/occitan" in hub.repositories["ann/oc-en"].files()["README.md"]


def test_a_pack_of_the_hub_is_compared(hub, run, tiny, tmp_path):
    upload(hub, tiny / "packs/de-en")
    write_test(tmp_path, "de")
    packs = "--pack", tiny / "packs/de-en", "--compare", "ann/de-en", "--parent", tiny / "parents/fr-en"
    out = ok(run("evaluate", *packs, "--test", "test.de", "test.en", "--samples", 20, *FAST))
    assert "ann/de-en" in out


def test_a_collection_is_installed_and_followed(hub, run, tiny, tmp_path):
    upload(hub, tiny / "packs/de-en")
    upload(hub, tiny / "packs/fr-es", "ben/fr-es")
    hub.make("ann/fr-en").commit({"config.json": b"{}"})  # the parent
    hub.collections[COLLECTION] = ["ann/fr-en", "ann/de-en", "ben/fr-es"]
    install = ("pack", "install", COLLECTION, "--to", "served", "--parent", tiny / "parents/fr-en")
    assert ok(run(*install)).splitlines() == ["installed served/de-en", "installed served/fr-es"]
    assert ok(run(*install)) == f"served has all packs of {COLLECTION} as they are\n"
    # Only when asked, a new version replaces the old one; a damaged pack keeps out no other.
    shutil.rmtree(tmp_path / "served/de-en")
    shutil.copytree(tiny / "packs/de-en", tmp_path / "served/fr-es", dirs_exist_ok=True)
    upload(hub, tiny / "packs/de-en", **{"weights.safetensors": b"x"})
    refused(run(*install), 4, "not all packs", "served/fr-es", "--force")
    manifests = (folder / "pack.json" for folder in (tmp_path / "served/fr-es", tiny / "packs/de-en"))
    assert len({each.read_bytes() for each in manifests}) == 1
    refused(run(*install, "--force"), 4, "not all packs", "weights.safetensors is another file")
    assert [path.name for path in (tmp_path / "served").iterdir()] == ["fr-es"]
    assert verify(tmp_path / "served/fr-es") == verify(tiny / "packs/fr-es")


def test_collections_that_cannot_be_installed(hub, run, tiny, tmp_path):
    install = ("pack", "install", COLLECTION, "--to", "served")
    refused(run(*install), 4, COLLECTION, "status 404; check the name of the collection")
    hub.make("ann/fr-en")
    hub.collections[COLLECTION] = ["ann/fr-en"]
    refused(run(*install), 4, "has 1 entries, but no pack")
    upload(hub, tiny / "packs/de-en")
    upload(hub, tiny / "packs/de-en", "ben/de-en")
    hub.collections[COLLECTION] = ["ann/de-en", "ben/de-en"]
    refused(run(*install), 4, "ben/de-en has the name of ann/de-en; install one of them by itself")
    assert (tmp_path / "served/de-en/pack.json").exists()
    serve = ("serve", "--parent", tiny / "parents/fr-en", "--collection")
    refused(run(*serve, COLLECTION), 2, "no folder of packs that could follow it")
    refused(run(*serve, "ann/packs", "--packs", "served"), 2, "ann/packs", "expected its slug on the hub")


def test_a_server_follows_a_collection(hub, run, tiny, tmp_path):
    upload(hub, tiny / "packs/de-en")
    hub.collections[COLLECTION] = ["ann/de-en"]
    (tmp_path / "served").mkdir()
    command = [sys.executable, "-m", "crosslate", "serve", "--port", "{port}", "--engine", "pytorch", "--packs",
               str(tmp_path / "served"), "--parent", str(tiny / "parents/fr-en"), "--collection", COLLECTION]  # fmt: skip
    with ServerProcess(command, run.environment) as running:
        assert "de" in {each["code"] for each in running.get("/languages")}
        assert f"installed de-en of collection {COLLECTION}" in running.log()
