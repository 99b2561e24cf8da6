"""Which directions a folder of packs gives, and what happens when it changes."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from crosslate.errors import PackError, UsageError
from crosslate.packs.manifest import read_manifest
from crosslate.server.catalogue import Catalogue, Direction, InstalledPack, PackWatcher, all_directions


@pytest.fixture(scope="module")
def manifest(tiny):
    return read_manifest(tiny / "packs" / "de-en" / "pack.json")


@pytest.fixture
def pack(manifest):
    """``pack("de-en", renewed, created)``: a described pack, without files."""

    def make(name, renewed=("source",), created="2026-01-01T00:00:00Z"):
        source, target = name.split("/")[0].split("-")
        described = replace(
            manifest,
            source_language=source,
            target_language=target,
            renewed=renewed,
            created=created,
            checksum=name,
        )
        return InstalledPack(Path(name.replace("/", "-")), described)

    return make


def served(directions):
    return {f"{source}-{target}": (each.kind, each.label) for (source, target), each in directions.items()}


class TestDirections:
    OWN = Direction("fr", "en", "parent")

    def test_own_pairs_packs_and_compositions(self, pack):
        packs = [pack("de-en"), pack("ru-en"), pack("fr-es", ("target",))]
        assert served(all_directions(self.OWN, packs)) == {
            "de-en": ("pack", "de-en"),
            "de-es": ("zero-shot", "de-en + fr-es"),
            "fr-en": ("parent", "parent"),
            "fr-es": ("pack", "fr-es"),
            "ru-en": ("pack", "ru-en"),
            "ru-es": ("zero-shot", "ru-en + fr-es"),
        }

    def test_what_was_trained_goes_before_what_is_composed(self, pack):
        packs = [pack("de-en"), pack("fr-es", ("target",)), pack("de-es", ("source", "target"))]
        assert served(all_directions(self.OWN, packs))["de-es"] == ("pack", "de-es")

    def test_a_language_is_not_translated_into_itself(self, pack):
        packs = [pack("es-en"), pack("fr-es", ("target",))]
        assert "es-es" not in served(all_directions(self.OWN, packs))

    def test_the_newest_of_two_packs_is_taken(self, pack):
        packs = [
            pack("de-en/old", created="2026-01-01T00:00:00Z"),
            pack("de-en/new", created="2026-02-01T00:00:00Z"),
            pack("de-en/mid", created="2026-01-15T00:00:00Z"),
        ]
        for order in (packs, packs[::-1]):
            assert served(all_directions(self.OWN, order))["de-en"] == ("pack", "de-en-new")

    def test_a_pack_for_the_parents_own_pair_replaces_it(self, pack):
        assert served(all_directions(self.OWN, [pack("fr-en", ())]))["fr-en"] == ("pack", "fr-en")

    def test_pivots_only_when_asked_for(self, pack):
        packs = [pack("de-en"), pack("en-ru", ("source", "target"))]
        assert "de-ru" not in served(all_directions(self.OWN, packs))
        directions = all_directions(self.OWN, packs, pivot=True)
        assert served(directions)["de-ru"] == ("pivot", "de-en, then en-ru")
        assert served(directions)["fr-ru"] == ("pivot", "parent, then en-ru")
        assert [leg.identity for leg in directions[("de", "ru")].models] == [("de-en",), ("en-ru",)]
        assert directions[("de", "en")].kind == "pack"

    def test_codes_are_public(self, pack):
        found = all_directions(None, [pack("zh-en"), pack("de-pb", ("source", "target"))])
        assert set(found) == {("zh-Hans", "en"), ("de", "pt-BR")}


class TestFolder:
    @pytest.fixture
    def folder(self, tiny, tmp_path):
        shutil.copytree(tiny / "packs", tmp_path / "packs")
        return tmp_path / "packs"

    @pytest.fixture
    def prepared(self):
        return []

    @pytest.fixture
    def catalogue(self, tiny, folder, prepared):
        made = Catalogue(
            str(tiny / "parents" / "fr-en"), folder, prepare=lambda each: prepared.append(each.label)
        )
        made.refresh()
        return made

    def test_what_is_served(self, catalogue, prepared):
        snapshot = catalogue.snapshot
        assert set(snapshot.directions) == {("fr", "en"), ("de", "en"), ("fr", "es"), ("de", "es")}
        assert snapshot.languages == ("de", "en", "es", "fr")
        assert snapshot.targets("de") == ("de", "en", "es") and snapshot.targets("en") == ("en",)
        assert sorted(prepared) == ["de-en", "fr-es", "parent"]  # a composition is made when it is needed

    def test_a_snapshot_stays_as_it_was(self, catalogue, folder):
        before = catalogue.snapshot
        shutil.rmtree(folder / "de-en")
        after = catalogue.refresh()
        assert set(after.directions) == {("fr", "en"), ("fr", "es")}
        assert set(before.directions) == {("fr", "en"), ("de", "en"), ("fr", "es"), ("de", "es")}

    def test_nothing_is_read_again_without_need(self, catalogue, prepared):
        prepared.clear()
        catalogue.refresh()
        assert prepared == []

    def test_a_bad_pack_is_refused_and_harms_nothing(self, catalogue, folder, caplog):
        shutil.copytree(folder / "de-en", folder / "bad")
        weights = folder / "bad" / "weights.safetensors"
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
        (folder / "empty").mkdir()
        with caplog.at_level(logging.ERROR):
            snapshot = catalogue.refresh()
        assert set(snapshot.refused) == {"bad", "empty"}
        assert "weights.safetensors was changed or damaged" in snapshot.refused["bad"]
        assert "is refused" in caplog.text and "damaged" in caplog.text
        assert len(snapshot.directions) == 4
        caplog.clear()
        catalogue.refresh()
        assert caplog.text == ""  # said once, not every second

    def test_the_folder_of_a_run_is_no_bad_pack(self, catalogue, folder, caplog):
        shutil.copytree(folder / "de-en", folder / "copy.run")
        (folder / "de-en.run").mkdir()
        (folder / "de-en.run" / "log.jsonl").write_text("{}\n")
        with caplog.at_level(logging.ERROR):
            snapshot = catalogue.refresh()
        assert not snapshot.refused and caplog.text == ""
        assert "copy.run" in {pack.name for pack in snapshot.packs}

    def test_a_pack_for_another_parent_is_refused(self, tiny, folder):
        made = Catalogue(str(tiny / "parents" / "other"), folder, prepare=lambda each: None)
        snapshot = made.refresh()
        assert set(snapshot.directions) == {("fr", "en")}
        assert "another parent" in snapshot.refused["de-en"]

    def test_a_pack_that_does_not_work_is_refused(self, tiny, folder):
        def prepare(direction):
            if direction.label == "de-en":
                raise PackError("it does not fit")

        snapshot = Catalogue(str(tiny / "parents" / "fr-en"), folder, prepare=prepare).refresh()
        assert snapshot.refused == {"de-en": "it does not fit"}
        assert set(snapshot.directions) == {("fr", "en"), ("fr", "es")}

    def test_a_damaged_update_leaves_the_old_pack_in_service(self, catalogue, folder, caplog):
        (folder / "de-en" / "README.md").write_text("changed")
        snapshot = catalogue.refresh()
        assert ("de", "en") in snapshot.directions
        assert "de-en" in snapshot.refused and "what was installed before is served on" in caplog.text

    def test_hidden_folders_and_files_are_left_out(self, catalogue, folder):
        (folder / ".half-copied.tmp").mkdir()
        (folder / "notes.txt").write_text("x")
        assert catalogue.refresh().refused == {}

    def test_a_pack_in_place_of_the_folder_of_packs(self, tiny, folder):
        with pytest.raises(UsageError, match="is a pack; give the folder"):
            Catalogue(str(tiny / "parents" / "fr-en"), folder / "de-en", prepare=lambda each: None)

    def test_a_parent_alone(self, tiny):
        snapshot = Catalogue(str(tiny / "parents" / "fr-en"), None, prepare=lambda each: None).refresh()
        assert set(snapshot.directions) == {("fr", "en")}


class TestWatcher:
    @pytest.fixture
    def folder(self, tiny, tmp_path):
        shutil.copytree(tiny / "packs" / "de-en", tmp_path / "packs" / "de-en")
        return tmp_path / "packs"

    @pytest.fixture
    def catalogue(self, tiny, folder):
        return Catalogue(str(tiny / "parents" / "fr-en"), folder, prepare=lambda each: None)

    def test_a_change_counts_once_it_has_settled(self, tiny, folder, catalogue):
        watcher = PackWatcher(catalogue, lambda needed: None, grace_seconds=0)
        catalogue.refresh()
        assert not watcher.look()
        shutil.copytree(tiny / "packs" / "fr-es", folder / "fr-es")
        assert not watcher.look()  # seen, and perhaps still being copied
        assert ("fr", "es") not in catalogue.snapshot.directions
        assert watcher.look()
        assert ("de", "es") in catalogue.snapshot.directions
        assert not watcher.look()

    def test_models_stay_for_a_while_after_their_pack_has_gone(self, folder, catalogue):
        needed = set()
        watcher = PackWatcher(
            catalogue, lambda found: (needed.clear(), needed.update(found)), grace_seconds=60
        )
        old = catalogue.refresh().directions[("de", "en")].identity
        shutil.rmtree(folder / "de-en")
        watcher.look()
        assert watcher.look() and old in needed
        watcher._leaving[0] = (0.0, watcher._leaving[0][1])
        watcher.look()
        assert old not in needed and () in needed
