"""Models on disk: where parents are found, what a model is described by, what is refused before loading."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from crosslate.errors import PackError, ParentError, UsageError
from crosslate.packs.pack import Pack
from crosslate.packs.stored_model import StoredModel, find_parent, recorded_fingerprint


def make_parent(folder: Path, fingerprint: str | None = None) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    if fingerprint is not None:
        (folder / "crosslate.json").write_text(json.dumps({"fingerprint": fingerprint}))
    return folder


FIND = [
    # parents that are there, with what they record; the name in the pack; where the pack lies; which is found
    (
        {"here/p/fr": "", "there/p/fr": ""},
        "p/fr",
        "there/packs/de",
        "here/p/fr",
    ),  # from the working directory
    ({"new/p/fr": ""}, "p/fr", "new/packs/de", "new/p/fr"),
    ({"new/p/fr": ""}, "/old/home/p/fr", "new/packs/de", "new/p/fr"),  # moved together with the pack
    ({"new/p/fr": ""}, "../p/fr", "new/packs/de", "new/p/fr"),
    ({"new/fr": ""}, "/old/fr", "new/de", "new/fr"),
    ({"fr": "", "a/fr": "", "a/p/fr": ""}, "/old/p/fr", "a/de", "a/p/fr"),  # nearest, by the longest name
    ({"a/p/fr": "retrained", "p/fr": "wanted"}, "/old/p/fr", "a/de", "p/fr"),
    ({"a/p/fr": "retrained", "p/fr": "other"}, "/old/p/fr", "a/de", "a/p/fr"),
    ({}, "Somebody/fr", "de", None),
]


class TestFindParent:
    @pytest.mark.parametrize(("there", "name", "pack", "expected"), FIND)
    def test_where_it_is(self, tmp_path, monkeypatch, there, name, pack, expected):
        for place, fingerprint in there.items():
            make_parent(tmp_path / place, fingerprint or None)
        (tmp_path / pack).mkdir(parents=True)
        (tmp_path / "here").mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / "here")
        found = find_parent(name, tmp_path / pack, "wanted")
        assert found == name if expected is None else Path(found).resolve() == tmp_path / expected

    def test_a_pack_reached_through_a_link_or_beside_which_one_stands(self, tmp_path, monkeypatch):
        parent = make_parent(tmp_path / "real/parents/fr-en")
        (tmp_path / "real/packs/de-en").mkdir(parents=True)
        (tmp_path / "link").symlink_to(tmp_path / "real/packs/de-en")
        assert find_parent("/old/parents/fr-en", tmp_path / "link") == str(parent)
        monkeypatch.chdir(tmp_path / "real/packs")
        assert Path(find_parent("/old/parents/fr-en", Path("de-en"))).resolve() == parent

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"fingerprint": 3}'])
    def test_a_record_that_says_nothing(self, tmp_path, text):
        (tmp_path / "crosslate.json").write_text(text)
        assert recorded_fingerprint(tmp_path) is None


class TestDescription:
    def test_languages_and_names(self, tiny):
        german, spanish = tiny / "packs/de-en", tiny / "packs/fr-es"
        composed = StoredModel([spanish, german])
        assert (composed.source_language, composed.target_language) == ("de", "es")
        assert composed.name == f"{spanish} + {german}"
        alone = StoredModel([spanish])
        assert (alone.source_language, alone.target_language) == ("fr", "es")
        parent = StoredModel(parent=tiny / "parents/fr-en")
        assert (parent.source_language, parent.target_language) == ("fr", "en")
        assert (parent.name, parent.origin) == (str(tiny / "parents/fr-en"), tiny / "parents/fr-en")

    def test_the_key_is_of_the_content(self, tiny, tmp_path):
        german, spanish = tiny / "packs/de-en", tiny / "packs/fr-es"
        shutil.copytree(german, tmp_path / "copy")
        shutil.copytree(tiny / "parents/fr-en", tmp_path / "parent")
        key = StoredModel([german]).key()
        assert StoredModel([tmp_path / "copy"]).key() == key
        # The record of a parent that a user names shows that it is the one in the manifest.
        assert StoredModel([german], tmp_path / "parent").key() == key
        assert StoredModel([german, spanish]).key() == StoredModel([spanish, german]).key() != key
        parents = {StoredModel(parent=tiny / "parents" / name).key() for name in ("fr-en", "other")}
        assert len(parents) == 2
        assert StoredModel(parent=tmp_path / "parent").key() in parents
        (tmp_path / "parent/crosslate.json").unlink()
        assert StoredModel([german], tmp_path / "parent").key() != key

    def test_the_child_that_it_loads(self, tiny):
        child = StoredModel([tiny / "packs/de-en", tiny / "packs/fr-es"]).load()
        assert (child.source_language, child.target_language) == ("de", "es")
        assert child.parent.fingerprint() == recorded_fingerprint(tiny / "parents/fr-en")


class TestRefusals:
    def test_nothing_to_open(self):
        with pytest.raises(UsageError, match="give at least one pack, or a parent"):
            StoredModel()

    def test_every_pack_that_is_none(self, tmp_path):
        with pytest.raises(PackError) as refused:
            StoredModel([tmp_path / "a", tmp_path / "b"])
        assert "2 faults" in str(refused.value)
        assert f"{tmp_path / 'a'}: no such folder" in str(refused.value)

    def test_a_parent_whose_record_names_another_fingerprint(self, tiny):
        with pytest.raises(PackError, match="made for another parent") as refused:
            StoredModel([tiny / "packs/de-en"], tiny / "parents/other")
        for name in ("fr-en", "other"):
            assert recorded_fingerprint(tiny / "parents" / name) in str(refused.value)

    def test_a_parent_that_was_replaced_by_another(self, tiny, tmp_path):
        shutil.copytree(tiny / "packs", tmp_path / "packs")
        shutil.copytree(tiny / "parents/other", tmp_path / "parents/fr-en")
        (tmp_path / "parents/fr-en/crosslate.json").unlink()
        name = str(tiny / "parents/fr-en")
        assert find_parent(name, tmp_path / "packs/de-en") == name
        model = StoredModel([tmp_path / "packs/de-en"], tmp_path / "parents/fr-en")
        with pytest.raises(PackError, match="made for another parent"):
            model.load()

    def test_a_parent_that_is_nowhere(self, tiny, tmp_path):
        pack = Pack.load(tiny / "packs/de-en")
        named = pack.manifest.parent.changed(name="/gone/fr-en")
        pack.manifest = pack.manifest.changed(parent=named)
        pack.save(tmp_path / "de-en")
        with pytest.raises(
            PackError, match=r"the parent /gone/fr-en of .*: /gone/fr-en: no such folder; give"
        ):
            StoredModel([tmp_path / "de-en"]).load()

    def test_folders_that_are_no_parents(self, tiny, tmp_path):
        with pytest.raises(ParentError, match="has no config"):
            StoredModel(parent=tmp_path)
        make_parent(tmp_path / "model")
        with pytest.raises(ParentError, match="does not say which languages it translates"):
            StoredModel(parent=tmp_path / "model")
