"""Which directions a folder of packs gives, and what happens when it changes."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from pathlib import Path

import pytest

import parents
from crosslate.errors import EngineError, PackError
from crosslate.models.parent import Parent
from crosslate.packs.compose import composed_parent, pack_child
from crosslate.packs.manifest import read_manifest
from crosslate.packs.pack import Pack
from crosslate.packs.ways import SCORES_NAME, WayScore, record_scores
from crosslate.server.answers import Refusal
from crosslate.server.catalogue import Catalogue, Direction, InstalledPack, Snapshot, all_directions
from crosslate.server.settings import ServerSettings

OWN = Direction("fr", "en", "parent")


@pytest.fixture(scope="session")
def pack(tiny):
    """``pack("de-en", renewed, created)``: a described pack, without files."""
    manifest = read_manifest(tiny / "packs" / "de-en" / "pack.json")

    def make(name, renewed=("source",), created="2026-01-01T00:00:00Z", strategy="src+xattn"):
        source, target = name.split("/")[0].split("-")
        changes = {
            "source_language": source,
            "target_language": target,
            "renewed": renewed,
            "strategy": strategy,
        }
        described = manifest.model_copy(update=changes | {"created": created, "checksum": name})
        return InstalledPack(Path(name.replace("/", "-")), described)

    return make


def served(directions):
    return {f"{source}-{target}": (each.kind, each.label) for (source, target), each in directions.items()}


BOTH, TARGET = ("source", "target"), ("target",)
OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
DIRECTIONS = {
    "packs, compositions and the parent": (
        [("de-en",), ("ru-en",), ("fr-es", TARGET)],
        {
            "de-en": ("pack", "de-en"), "de-es": ("zero-shot", "de-en + fr-es"), "fr-en": ("parent", "parent"),
            "fr-es": ("pack", "fr-es"), "ru-en": ("pack", "ru-en"), "ru-es": ("zero-shot", "ru-en + fr-es"),
        },
    ),
    "what was trained goes before what is composed": (
        [("de-en",), ("fr-es", TARGET), ("de-es", BOTH)], {"de-es": ("pack", "de-es")},
    ),
    "a language is not translated into itself": ([("es-en",), ("fr-es", TARGET)], {"es-es": None}),
    "a pack for the parent's own pair replaces it": ([("fr-en", ())], {"fr-en": ("pack", "fr-en")}),
    "the newest of several packs": (
        [("de-en/a", BOTH, OLD), ("de-en/b", BOTH, NEW), ("de-en/c", BOTH, OLD)], {"de-en": ("pack", "de-en-b")},
    ),
    "in a composition the pack that leaves the body as it is": (
        [("de-en/a", ("source",), OLD, "src"), ("de-en/b", ("source",), NEW, "src+body"),
         ("de-en/c", ("source",), NEW, "src+xattn+lora(enc,dec;rank=16)"), ("fr-es", TARGET)],
        {"de-en": ("pack", "de-en-b"), "de-es": ("zero-shot", "de-en-a + fr-es")},
    ),
    "a pack that changed the body where there is no other": (
        [("de-en/a", ("source",), OLD, "src+body"), ("de-en/b", ("source",), NEW, "no strategy"), ("fr-es", TARGET)],
        {"de-es": ("zero-shot", "de-en-b + fr-es")},
    ),
    "codes are public": (
        [("zh-en",), ("de-pb", BOTH)], {"zh-Hans-en": ("pack", "zh-en"), "de-pt-BR": ("pack", "de-pb")},
    ),
    "pivots only when asked for": ([("de-en",), ("en-ru", BOTH)], {"de-ru": None}),
}  # fmt: skip


@pytest.mark.parametrize(("packs", "expected"), DIRECTIONS.values(), ids=DIRECTIONS)
def test_directions(pack, packs, expected):
    made = [pack(*each) for each in packs]
    for order in (made, made[::-1]):
        found = served(all_directions(OWN, order))
        assert {pair: found.get(pair) for pair in expected} == expected


def test_preferred_packs(pack):
    made = [pack("de-en/a", BOTH, OLD), pack("de-en/b", BOTH, NEW), pack("fr-es", TARGET)]
    snapshot = Snapshot(all_directions(OWN, made), tuple(made))
    assert snapshot.direction("de", "en").label == "de-en-b"
    preferring = snapshot.preferring(["de-en-a", "fr-es"])
    assert preferring.direction("de", "en").label == "de-en-a"
    assert preferring.direction("fr", "es").label == "fr-es"
    assert preferring.directions.keys() == snapshot.directions.keys()
    assert snapshot.preferring([]) is snapshot
    # Its model is kept although no request uses it by default.
    assert ("de-en/a",) in snapshot.identities
    with pytest.raises(Refusal, match="There is no pack de-en-c"):
        snapshot.preferring(["de-en-b", "de-en-c"])


def test_pivots(pack):
    directions = all_directions(OWN, [pack("de-en"), pack("en-ru", BOTH)], pivot=True)
    assert served(directions)["de-ru"] == ("pivot", "de-en, then en-ru")
    assert served(directions)["fr-ru"] == ("pivot", "parent, then en-ru")
    assert [leg.identity for leg in directions[("de", "ru")].models] == [("de-en",), ("en-ru",)]
    assert directions[("de", "en")].kind == "pack"


def scored(way, value, pair=("de", "ru"), **more):
    """A recorded score; steps are names of packs, or ``parent``."""
    values = {"metric": "BLEU", "signature": "s", "test_set": "t", "test_sha256": "1" * 64} | more
    # Not checked, since these packs have names in place of checksums.
    return WayScore.model_construct(
        value=value, way=way, source_language=pair[0], target_language=pair[1], decoding={}, **values
    )


def test_without_scores_two_trained_steps_go_before_a_composition(pack):
    packs = [pack("de-en"), pack("en-ru", BOTH), pack("fr-ru", TARGET)]
    assert served(all_directions(OWN, packs))["de-ru"] == ("zero-shot", "de-en + fr-ru")
    found = served(all_directions(OWN, packs, pivot=True))
    assert found["de-ru"] == ("pivot", "de-en, then en-ru")
    # What needs a composition as a step does not: German to Russian, composed, and on to Spanish.
    found = all_directions(
        OWN, [pack("de-en"), pack("fr-ru", TARGET), pack("ru-es", BOTH), pack("fr-es", TARGET)], pivot=True
    )
    assert served(found)["de-es"] == ("zero-shot", "de-en + fr-es")


def test_comparable_scores_choose_the_way(pack):
    packs = [pack("de-en"), pack("en-ru", BOTH), pack("fr-ru", TARGET)]
    composed, pivot = (("de-en", "fr-ru"),), (("de-en",), ("en-ru",))
    scores = [scored(composed, 20.0), scored(pivot, 19.0)]
    direction = all_directions(OWN, packs, pivot=True, scores=scores)[("de", "ru")]
    assert direction.way == "composed: de-en + fr-ru"
    values = {label: score.value for label, score in direction.scores.items()}
    assert values == {"de-en + fr-ru": 20.0, "de-en, then en-ru": 19.0}
    for other in (
        [scored(composed, 20.0), scored(pivot, 19.0, test_sha256="2" * 64)],
        [scored(composed, 20.0), scored(pivot, 19.0, signature="other")],
        [scored(composed, 20.0)],
        [scored(composed, 18.0), scored(pivot, 19.0)],
    ):
        direction = all_directions(OWN, packs, pivot=True, scores=other)[("de", "ru")]
        assert direction.way == "pivot: de-en, then en-ru"
    # Without pivots, there is nothing to compare with.
    assert not all_directions(OWN, packs, scores=scores)[("de", "ru")].scores


def test_scores_also_choose_between_packs_of_one_pair(pack):
    made = [pack("de-en/a", BOTH, OLD), pack("de-en/b", BOTH, NEW)]
    scores = [scored((("de-en/a",),), 31.0, ("de", "en")), scored((("de-en/b",),), 30.0, ("de", "en"))]
    found = all_directions(OWN, made, scores=scores)[("de", "en")]
    assert found.label == "de-en-a" and found.way == ""


def test_a_step_of_the_parent_is_known_by_its_fingerprint(pack):
    packs = [pack("fr-en/a", ()), pack("en-ru", BOTH), pack("fr-ru", TARGET)]
    parent = packs[0].manifest.parent.fingerprint
    own, other = (("fr-en/a",),), ((parent,),)
    pair = ("fr", "en")
    found = all_directions(OWN, packs, scores=[scored(own, 20.0, pair), scored(other, 21.0, pair)])
    assert found[pair].kind == "parent"


@pytest.fixture
def folder(tiny, tmp_path):
    shutil.copytree(tiny / "packs", tmp_path / "packs")
    return tmp_path / "packs"


@pytest.fixture
def catalogue_of(tiny):
    def make(packs, prepare=lambda direction: None, retire=lambda needed: None, parent="fr-en"):
        settings = ServerSettings(parent=str(tiny / "parents" / parent), packs=packs)
        return Catalogue(settings, prepare, retire)

    return make


class TestFolder:
    @pytest.fixture
    def prepared(self):
        return []

    @pytest.fixture
    def catalogue(self, catalogue_of, folder, prepared):
        made = catalogue_of(folder, lambda each: prepared.append(each.label))
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

    def test_bad_packs_are_refused_and_harm_nothing_and_what_is_no_pack_is_left_out(
        self, catalogue, folder, caplog
    ):
        shutil.copytree(folder / "de-en", folder / "bad")
        weights = folder / "bad" / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")
        (folder / "fr-es" / "target.spm").write_text("changed")
        shutil.copytree(folder / "de-en", folder / "copy.run")
        for name in ("empty", "de-en.run", ".half-copied.tmp"):
            (folder / name).mkdir()
        (folder / "de-en.run" / "log.jsonl").write_text("{}\n")
        (folder / "notes.txt").write_text("x")
        snapshot = catalogue.refresh()
        assert set(snapshot.refused) == {"bad", "empty", "fr-es"} and len(snapshot.directions) == 4
        assert {pack.name for pack in snapshot.packs} == {"de-en", "fr-es", "copy.run"}
        assert "weights.safetensors was changed or damaged" in snapshot.refused["bad"]
        for expected in ("is refused", "damaged", "what was installed before is served on"):
            assert expected in caplog.text
        caplog.clear()
        catalogue.refresh()
        assert caplog.text == ""  # said once, not every second

    def test_a_pack_that_is_put_back_is_refused_no_more(self, catalogue, folder):
        weights = folder / "de-en" / "weights.safetensors"
        intact, times = weights.read_bytes(), weights.stat()
        weights.write_bytes(intact[:-1])
        assert set(catalogue.refresh().refused) == {"de-en"}
        weights.write_bytes(intact)
        os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert catalogue.refresh().refused == {}

    def test_packs_that_do_not_fit_are_refused(self, catalogue_of, folder):
        snapshot = catalogue_of(folder, parent="other").refresh()
        assert set(snapshot.directions) == {("fr", "en")} and "another parent" in snapshot.refused["de-en"]

        def prepare(direction):
            if direction.label == "de-en":
                raise PackError("it does not fit")

        snapshot = catalogue_of(folder, prepare).refresh()
        assert snapshot.refused == {"de-en": "it does not fit"}
        assert set(snapshot.directions) == {("fr", "en"), ("fr", "es")}

    def test_a_pack_that_fails_as_nobody_foresaw_keeps_no_other_out(self, catalogue_of, folder):
        def prepare(direction):
            if direction.label == "de-en":
                raise RuntimeError("Geheim")

        snapshot = catalogue_of(folder, prepare).refresh()
        assert set(snapshot.directions) == {("fr", "en"), ("fr", "es")}
        assert snapshot.refused["de-en"].startswith("pack de-en fails with RuntimeError at ")

    def test_a_folder_that_cannot_be_read_keeps_no_other_out(self, catalogue_of, folder, monkeypatch):
        (folder / "closed").mkdir()
        listed = Path.iterdir

        def iterdir(path):
            if path.name == "closed":
                raise PermissionError(13, "Permission denied")
            return listed(path)

        monkeypatch.setattr(Path, "iterdir", iterdir)
        catalogue = catalogue_of(folder)
        assert {pack.name for pack in catalogue.refresh().packs} == {"de-en", "fr-es"}
        assert set(catalogue.snapshot.refused) == {"closed"}
        shutil.rmtree(folder / "fr-es")
        catalogue.look()
        assert catalogue.look() and ("fr", "es") not in catalogue.snapshot.directions

    @pytest.mark.skipif(sys.platform != "linux", reason="its file systems allow any bytes")
    def test_names_that_are_no_text(self, catalogue_of, folder, caplog):
        shutil.copytree(folder / "de-en", os.fsdecode(bytes(folder) + b"/\xff"))
        os.mkdir(bytes(folder) + b"/bad\xfe")  # noqa: PTH102
        snapshot = catalogue_of(folder).refresh()
        assert {pack.name for pack in snapshot.packs} == {"de-en", "fr-es", "\ufffd"}
        assert set(snapshot.refused) == {"bad\ufffd"}
        assert snapshot.preferring(["\ufffd"]).direction("de", "en").label == "\ufffd"
        assert caplog.text.encode() and "bad\ufffd" in snapshot.refused["bad\ufffd"]

    def test_a_parent_alone(self, catalogue_of):
        assert set(catalogue_of(None).refresh().directions) == {("fr", "en")}


class TestScores:
    def test_a_recorded_score_changes_what_is_served_and_the_log_says_so(self, catalogue_of, folder, caplog):
        caplog.set_level("DEBUG", logger="crosslate")
        shutil.copytree(folder / "de-en", folder / "other")
        manifest = (
            read_manifest(folder / "other" / "pack.json").changed(created="2020-01-01T00:00:00Z").sealed()
        )
        (folder / "other" / "pack.json").write_bytes(manifest.to_bytes())
        catalogue = catalogue_of(folder)
        catalogue.refresh()
        assert catalogue.snapshot.directions[("de", "en")].label == "de-en"
        composed = ("crosslate.server.catalogue", logging.DEBUG, "de-es: composed: de-en + fr-es")
        assert composed in caplog.record_tuples
        newest = read_manifest(folder / "de-en" / "pack.json")
        known = {"metric": "BLEU", "signature": "s", "test_set": "t", "test_sha256": "1" * 64}
        scores = [
            WayScore(
                way=((each.checksum,),), value=value, source_language="de", target_language="en", **known
            )
            for each, value in ((newest, 30.0), (manifest, 31.0))
        ]
        record_scores(folder, scores)
        caplog.clear()
        assert not catalogue.look()
        assert catalogue.look()
        found = catalogue.snapshot.directions[("de", "en")]
        assert found.label == "other" and not catalogue.snapshot.refused
        decided = "de-en: other (by recorded scores: de-en BLEU 30.0, other BLEU 31.0)"
        assert ("crosslate.server.catalogue", logging.INFO, decided) in caplog.record_tuples
        caplog.clear()
        catalogue.refresh()
        assert "by recorded scores" not in caplog.text  # said once

    def test_damaged_scores_are_said_and_not_used(self, catalogue_of, folder, caplog):
        (folder / SCORES_NAME).write_text("{")
        snapshot = catalogue_of(folder).refresh()
        assert ("de", "es") in snapshot.directions and not snapshot.refused
        assert "recorded scores are not used" in caplog.text and SCORES_NAME in caplog.text


class TestWatching:
    def test_a_change_counts_once_it_has_settled(self, tiny, catalogue_of, folder):
        shutil.rmtree(folder / "fr-es")
        catalogue = catalogue_of(folder)
        catalogue.refresh()
        assert not catalogue.look()
        shutil.copytree(tiny / "packs" / "fr-es", folder / "fr-es")
        assert not catalogue.look()  # seen, and perhaps still being copied
        assert ("fr", "es") not in catalogue.snapshot.directions
        assert catalogue.look()
        assert ("de", "es") in catalogue.snapshot.directions
        assert not catalogue.look()

    @pytest.mark.parametrize("name", ["de-en", "de-es"])
    def test_a_pack_without_room_for_its_model_is_tried_again(
        self, tiny, catalogue_of, folder, monkeypatch, caplog, name
    ):
        """As when the disk is full; nothing in the folder of packs changes when there is room again."""
        now, is_full = 1000.0, True
        monkeypatch.setattr("time.monotonic", lambda: now)

        def prepare(direction):
            if is_full and direction.packs and direction.packs[-1].name == name:
                raise EngineError("the model cannot be written") from OSError(28, "No space left on device")

        if name == "de-es":
            two = [Pack.load(folder / each) for each in ("de-en", "fr-es")]
            parent = composed_parent(Parent.load(tiny / "parents" / "fr-en"), two)
            pack_child(parents.child(parent, "pair+xattn")).save(folder / name)
        catalogue = catalogue_of(folder, prepare)
        assert set(catalogue.refresh().refused) == {name}
        now += 30
        assert not catalogue.look() and not catalogue.look()
        now += 31
        assert catalogue.look() and set(catalogue.snapshot.refused) == {name}
        assert caplog.text.count("cannot be written") == 1  # said once
        is_full = False
        now += 61
        assert catalogue.look() and not catalogue.snapshot.refused
        assert name in {pack.name for pack in catalogue.snapshot.packs}
        now += 1000
        assert not catalogue.look()

    def test_a_folder_that_has_gone_is_said_once_and_nothing_is_taken_out(self, catalogue_of, folder, caplog):
        catalogue = catalogue_of(folder)
        catalogue.refresh()
        (folder / "bad").mkdir()
        catalogue.look()
        catalogue.look()
        away = folder.rename(folder.with_name("away"))
        for _ in range(5):
            assert not catalogue.look()
        assert caplog.text.count("cannot look into") == 1
        assert ("de", "en") in catalogue.snapshot.directions and "bad" in catalogue.snapshot.refused
        away.rename(folder)
        shutil.rmtree(folder / "bad")
        catalogue.look()
        assert catalogue.look() and catalogue.snapshot.refused == {}

    def test_models_stay_for_a_while_after_their_pack_has_gone(self, catalogue_of, folder):
        needed = []
        catalogue = catalogue_of(folder, retire=needed.append)
        old = catalogue.refresh().directions[("de", "en")].identity
        shutil.rmtree(folder / "de-en")
        catalogue.look()
        assert catalogue.look() and old in needed[-1]
        catalogue._leaving[0] = (0.0, catalogue._leaving[0][1])
        catalogue.look()
        assert old not in needed[-1] and () in needed[-1]
