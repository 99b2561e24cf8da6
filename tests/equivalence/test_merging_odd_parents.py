"""Packs merged on parents whose files are not as a hub has them: imported with two tables, trimmed."""

from __future__ import annotations

import pytest

import fairseq_checkpoints
import hub_folders
import parents
from crosslate.adaptation.trimming import trim
from crosslate.errors import PackError
from crosslate.models.importers.fairseq import Fairseq
from crosslate.models.parent import Parent
from crosslate.models.vocabularies.saved_vocabularies import SAVED_VOCABULARIES
from crosslate.packs.compose import pack_child
from plain_program import assert_alike, merge, writing_tokenizer


@pytest.fixture(scope="module", params=[pytest.param("imported", marks=pytest.mark.full), "loaded"])
def two_tables(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fairseq")
    (folder / "files").mkdir()
    parent = Fairseq(**fairseq_checkpoints.write(folder / "files")).parent("fr", "en")
    parent.save(folder / "parent")
    return parent if request.param == "imported" else Parent.load(folder / "parent")


@pytest.mark.parametrize("side", ["source", "target", "none"])
def test_a_parent_with_two_tables_of_a_family_with_one_size(two_tables, side, tmp_path):
    child = hub_folders.shaken_child(two_tables, side)
    found = merge(two_tables, [pack_child(child)], tmp_path / "merged")
    assert_alike(found)
    assert not writing_tokenizer(tmp_path / "merged")


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory):
    """A parent whose vocabulary is in files of our own."""
    folder = tmp_path_factory.mktemp("trimmed")
    layout = hub_folders.write("blenderbot-small", folder / "whole")
    whole = Parent.load(folder / "whole", **layout.languages)
    parent, _ = trim(whole, [line for line in hub_folders.lines() if len(line) < 45][:40], folder / "small")
    assert (folder / "small" / SAVED_VOCABULARIES).is_file()
    return parent


@pytest.mark.parametrize(("side", "kept"), [("source", "target"), ("target", "source"), ("none", "source")])
def test_a_kept_side_that_no_tokenizer_reads_is_refused(trimmed, side, kept, tmp_path):
    pack = pack_child(hub_folders.shaken_child(trimmed, side))
    with pytest.raises(PackError, match=f"no tokenizer files for transformers for its {kept} vocabulary"):
        merge(trimmed, [pack], tmp_path / "merged")
    assert list(tmp_path.iterdir()) == []


def test_a_code_in_the_frame_of_a_new_side_is_refused(load_case, tmp_path):
    parent = load_case("nllb").parent
    vocabulary = parents.vocabulary(60, parent.source.special.fitted(60))
    framed = vocabulary.framed(type(vocabulary.frame)((9,), (vocabulary.special.eos,)))
    child = parents.child(parent, source=framed)
    with pytest.raises(PackError, match="new source vocabulary have more around them than the end"):
        merge(parent, [pack_child(child)], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
