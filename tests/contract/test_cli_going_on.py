"""``adapt --from PACK`` on the command line: both scores, the settings kept, and refusals."""

from __future__ import annotations

import pytest
import yaml

import toy_corpora
from crosslate.errors import EXIT_REFUSED, EXIT_USAGE
from crosslate.packs.pack import verify


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    train = toy_corpora.write(toy_corpora.corpus("de", "en", 40, seed=2), folder)
    valid = toy_corpora.write(toy_corpora.corpus("de", "en", 8, seed=3), folder, "valid")
    return folder, ("--train", *train, "--valid", *valid)


@pytest.fixture
def earlier(texts):
    folder, _ = texts
    old = toy_corpora.write(toy_corpora.corpus("de", "en"), folder, "old")
    valid = toy_corpora.write(toy_corpora.corpus("de", "en", 12, seed=1), folder, "old-valid")
    return "--earlier", *old, "--earlier-share", 0.25, "--earlier-valid", *valid


@pytest.fixture
def adapt(crosslate, tiny, texts, tmp_path):
    def run(*more, packs=(tiny / "packs/de-en",)):
        fast = "--precision", "fp32", "--epochs", 1
        return crosslate("adapt", "--from", *packs, *texts[1], *fast, "--out", tmp_path / "on", *more)

    return run


def test_from_a_pack_to_its_successor(adapt, crosslate, earlier, tiny, tmp_path):
    ran = adapt(*earlier, "--save-config", tmp_path / "adapt.yaml")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("pack de-en: ")
    assert (
        " on validation (" in ran.out and " on earlier validation (" in ran.out and "at the start)" in ran.out
    )
    values = yaml.safe_load((tmp_path / "adapt.yaml").read_text(encoding="utf-8"))
    assert values["start"] == [str(tiny / "packs/de-en")] and values["earlier"]["share"] == 0.25
    was, now = verify(tiny / "packs/de-en"), verify(tmp_path / "on")
    assert now.start == was.identity and now.strategy == was.strategy and now.licence == "CC0-1.0"
    assert now.data["earlier"]["pairs_per_epoch"] == 13  # a quarter of 40 and 13
    assert "l2_sp" not in now.training["settings"]
    shown = crosslate("pack", "show", tmp_path / "on").out
    assert f"de-en src+xattn, fingerprint {was.checksum}" in shown
    assert "earlier validation: " in shown
    ran = crosslate("pack", "diff", tiny / "packs/de-en", tmp_path / "on")
    assert ran.code == 0 and "the second went on from the first" in ran.out
    assert "vocabulary" not in ran.out and "tensors: 1 equal, 10 changed" in ran.out
    ran = crosslate("translate", "--pack", tmp_path / "on", "--engine", "pytorch", stdin=b"Hund sieht\n")
    assert ran.code == 0 and len(ran.lines) == 1


def test_without_earlier_text(adapt, tmp_path):
    ran = adapt()
    assert ran.code == 0, ran.err
    assert "earlier validation" not in ran.out
    assert verify(tmp_path / "on").training["settings"]["l2_sp"] > 0


def test_a_plan(crosslate, tiny):
    ran = crosslate("plan", "--from", tiny / "packs/de-en")
    assert ran.code == 0, ran.err
    assert ran.lines[0].startswith("src+xattn on ") and ran.lines[0].endswith(", from pack de-en src+xattn")
    ran = crosslate("plan", "--from", tiny / "packs/de-en", "--strategy", "src")
    assert ran.code == EXIT_USAGE and "--strategy is src, but a pack goes on with its own" in ran.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--new-source", "de"), "a new language is given beside packs to start from"),
        (("--strategy", "src"), "a pack that goes on has its own"),
        (("--strategy", "pair+xattn"), "strategy of new languages is given, but a pack goes on with its own"),
        (("--unigram",), "the size or kind of a new vocabulary is given"),
        (("--earlier-share", 0.5), "a share of earlier pairs is given, but no such pairs"),
    ],
)
def test_what_cannot_be(adapt, tmp_path, more, message):
    ran = adapt(*more)
    assert ran.code == EXIT_USAGE and message in ran.err
    assert not (tmp_path / "on").exists()


def test_earlier_text_needs_a_pack(adapt, crosslate, tiny, texts, earlier, tmp_path):
    new = "--parent", tiny / "parents/fr-en", "--new-source", "de"
    ran = crosslate("adapt", *new, *texts[1], *earlier, "--out", tmp_path / "on")
    assert ran.code == EXIT_USAGE and "earlier text is given, but no pack goes on" in ran.err
    ran = adapt(*earlier, packs=(tiny / "packs/de-en", tiny / "packs/fr-es"))
    assert ran.code == EXIT_USAGE and "earlier text is given, but no pack goes on" in ran.err
    ran = adapt(packs=[tiny / "packs/de-en"] * 4)
    assert ran.code == EXIT_USAGE and "4 packs to start from are given, expected one that goes on" in ran.err
    ran = adapt(packs=[tiny / "packs/de-en"] * 3)
    assert ran.code == EXIT_REFUSED and "do not compose" in ran.err
