"""Which directions a folder of packs gives, and what happens when it changes."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from crosslate.errors import PackError, UsageError
from crosslate.packs.manifest import read_manifest
from crosslate.server.catalogue import Catalogue, Direction, InstalledPack, all_directions
from crosslate.server.settings import ServerSettings

OWN = Direction("fr", "en", "parent")


@pytest.fixture(scope="session")
def pack(tiny):
    """``pack("de-en", renewed, created)``: a described pack, without files."""
    manifest = read_manifest(tiny / "packs" / "de-en" / "pack.json")

    def make(name, renewed=("source",), created="2026-01-01T00:00:00Z"):
        source, target = name.split("/")[0].split("-")
        changes = {"source_language": source, "target_language": target, "renewed": renewed}
        described = manifest.model_copy(update=changes | {"created": created, "checksum": name})
        return InstalledPack(Path(name.replace("/", "-")), described)

    return make


def served(directions):
    return {f"{source}-{target}": (each.kind, each.label) for (source, target), each in directions.items()}


BOTH, TARGET = ("source", "target"), ("target",)


class TestDirections:
    @pytest.mark.parametrize(
        ("packs", "expected"),
        [
            (
                [("de-en",), ("ru-en",), ("fr-es", TARGET)],
                {
                    "de-en": ("pack", "de-en"), "de-es": ("zero-shot", "de-en + fr-es"), "fr-en": ("parent", "parent"),
                    "fr-es": ("pack", "fr-es"), "ru-en": ("pack", "ru-en"), "ru-es": ("zero-shot", "ru-en + fr-es"),
                },
            ),
            # What was trained goes before what is composed.
            ([("de-en",), ("fr-es", TARGET), ("de-es", BOTH)], {"de-es": ("pack", "de-es")}),
            # A language is not translated into itself.
            ([("es-en",), ("fr-es", TARGET)], {"es-es": None}),
            # A pack for the parent's own pair replaces it.
            ([("fr-en", ())], {"fr-en": ("pack", "fr-en")}),
            # Pivots only when asked for.
            ([("de-en",), ("en-ru", BOTH)], {"de-ru": None}),
        ],
    )  # fmt: skip
    def test_of_packs(self, pack, packs, expected):
        found = served(all_directions(OWN, [pack(*each) for each in packs]))
        assert {pair: found.get(pair) for pair in expected} == expected

    def test_the_newest_of_two_packs_is_taken(self, pack):
        dates = {"old": "2026-01-01", "new": "2026-02-01", "mid": "2026-01-15"}
        packs = [pack(f"de-en/{name}", created=f"{date}T00:00:00Z") for name, date in dates.items()]
        for order in (packs, packs[::-1]):
            assert served(all_directions(OWN, order))["de-en"] == ("pack", "de-en-new")

    def test_pivots(self, pack):
        directions = all_directions(OWN, [pack("de-en"), pack("en-ru", BOTH)], pivot=True)
        assert served(directions)["de-ru"] == ("pivot", "de-en, then en-ru")
        assert served(directions)["fr-ru"] == ("pivot", "parent, then en-ru")
        assert [leg.identity for leg in directions[("de", "ru")].models] == [("de-en",), ("en-ru",)]
        assert directions[("de", "en")].kind == "pack"

    def test_codes_are_public(self, pack):
        found = all_directions(None, [pack("zh-en"), pack("de-pb", BOTH)])
        assert set(found) == {("zh-Hans", "en"), ("de", "pt-BR")}


def catalogue_of(parent, folder, prepare=lambda direction: None, retire=lambda needed: None):
    return Catalogue(ServerSettings(parent=parent, packs=folder), prepare, retire)


@pytest.fixture
def parent(tiny):
    return str(tiny / "parents" / "fr-en")


@pytest.fixture
def folder(tiny, tmp_path):
    shutil.copytree(tiny / "packs", tmp_path / "packs")
    return tmp_path / "packs"


class TestFolder:
    @pytest.fixture
    def prepared(self):
        return []

    @pytest.fixture
    def catalogue(self, parent, folder, prepared):
        made = catalogue_of(parent, folder, lambda each: prepared.append(each.label))
        made.refresh()
        return made

    def test_what_is_served_and_a_snapshot_stays_as_it_was(self, catalogue, folder, prepared):
        before = catalogue.snapshot
        assert sorted(prepared) == ["de-en", "fr-es", "parent"]  # a composition is made when it is needed
        shutil.rmtree(folder / "de-en")
        assert set(catalogue.refresh().directions) == {("fr", "en"), ("fr", "es")}
        assert set(before.directions) == {("fr", "en"), ("de", "en"), ("fr", "es"), ("de", "es")}
        assert before.languages == ("de", "en", "es", "fr")
        assert len(prepared) == 3  # nothing is read again without need

    def test_a_bad_pack_is_refused_and_harms_nothing(self, catalogue, folder, caplog):
        shutil.copytree(folder / "de-en", folder / "bad")
        weights = folder / "bad" / "weights.safetensors"
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
        (folder / "empty").mkdir()
        with caplog.at_level(logging.ERROR):
            snapshot = catalogue.refresh()
        assert set(snapshot.refused) == {"bad", "empty"} and len(snapshot.directions) == 4
        assert "weights.safetensors was changed or damaged" in snapshot.refused["bad"]
        assert "is refused" in caplog.text and "damaged" in caplog.text
        caplog.clear()
        catalogue.refresh()
        assert caplog.text == ""  # said once, not every second

    def test_what_is_no_pack_is_left_out(self, catalogue, folder, caplog):
        shutil.copytree(folder / "de-en", folder / "copy.run")
        (folder / "de-en.run").mkdir()
        (folder / "de-en.run" / "log.jsonl").write_text("{}\n")
        (folder / ".half-copied.tmp").mkdir()
        (folder / "notes.txt").write_text("x")
        with caplog.at_level(logging.ERROR):
            snapshot = catalogue.refresh()
        assert not snapshot.refused and caplog.text == ""
        assert {pack.name for pack in snapshot.packs} == {"de-en", "fr-es", "copy.run"}

    def test_a_pack_for_another_parent_is_refused(self, tiny, folder):
        snapshot = catalogue_of(str(tiny / "parents" / "other"), folder).refresh()
        assert set(snapshot.directions) == {("fr", "en")}
        assert "another parent" in snapshot.refused["de-en"]

    def test_a_pack_that_does_not_work_is_refused(self, parent, folder):
        def prepare(direction):
            if direction.label == "de-en":
                raise PackError("it does not fit")

        snapshot = catalogue_of(parent, folder, prepare).refresh()
        assert snapshot.refused == {"de-en": "it does not fit"}
        assert set(snapshot.directions) == {("fr", "en"), ("fr", "es")}

    def test_a_damaged_update_leaves_the_old_pack_in_service(self, catalogue, folder, caplog):
        (folder / "de-en" / "README.md").write_text("changed")
        snapshot = catalogue.refresh()
        assert ("de", "en") in snapshot.directions
        assert "de-en" in snapshot.refused and "what was installed before is served on" in caplog.text

    def test_a_pack_in_place_of_the_folder_of_packs(self, parent, folder):
        with pytest.raises(UsageError, match="is a pack; give the folder"):
            catalogue_of(parent, folder / "de-en")

    def test_a_parent_alone(self, parent):
        assert set(catalogue_of(parent, None).refresh().directions) == {("fr", "en")}


class TestWatching:
    @pytest.fixture
    def needed(self):
        """What is said to be needed, each time."""
        return []

    @pytest.fixture
    def catalogue(self, parent, folder, needed):
        shutil.rmtree(folder / "fr-es")
        made = catalogue_of(parent, folder, retire=needed.append)
        made.refresh()
        return made

    def test_a_change_counts_once_it_has_settled(self, tiny, folder, catalogue):
        assert not catalogue.look()
        shutil.copytree(tiny / "packs" / "fr-es", folder / "fr-es")
        assert not catalogue.look()  # seen, and perhaps still being copied
        assert ("fr", "es") not in catalogue.snapshot.directions
        assert catalogue.look()
        assert ("de", "es") in catalogue.snapshot.directions
        assert not catalogue.look()

    def test_models_stay_for_a_while_after_their_pack_has_gone(self, folder, catalogue, needed):
        old = catalogue.snapshot.directions[("de", "en")].identity
        shutil.rmtree(folder / "de-en")
        catalogue.look()
        assert catalogue.look() and old in needed[-1]
        catalogue._leaving[0] = (0.0, catalogue._leaving[0][1])
        catalogue.look()
        assert old not in needed[-1] and () in needed[-1]
