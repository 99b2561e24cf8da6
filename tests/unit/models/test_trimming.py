"""Trimming: fewer pieces, the same values, still one table; the parent stays as it is."""

import pytest
import torch

import tiny_models
import toy_corpora
from crosslate.errors import ParentError
from crosslate.models.parent import Parent
from crosslate.models.vocabularies.trimming import trim_parent
from crosslate.text.vocabularies import SpecialIds
from crosslate.text.vocabulary_training import train_vocabulary

TEXT = toy_corpora.corpus("de", "fr")


@pytest.fixture(scope="module")
def parent():
    shared = train_vocabulary(
        [*TEXT.source, *TEXT.target], 140, special=SpecialIds(eos=0, unk=1, pad=2, bos=3)
    )
    return Parent.create(shared, shared, "mul", "mul", tiny_models.SIZE, is_tied=True, max_positions=32)


@torch.no_grad()
def logits(parent, source, target):
    def rows(text):
        return torch.tensor([parent.source.encode(text)])

    return parent.model(input_ids=rows(source), decoder_input_ids=rows(target)).logits[0]


def test_kept_pieces_keep_their_values(parent):
    before = parent.fingerprint()
    german = TEXT.source[:5]
    trimmed = trim_parent(parent, german)
    assert parent.fingerprint() == before
    assert len(trimmed.source) < len(parent.source)
    kept = [parent.source.pieces.index(piece) for piece in trimmed.source.pieces]
    assert kept == sorted(kept) and kept[:4] == [0, 1, 2, 3]
    assert trimmed.source.special == parent.source.special
    for text in german:
        assert trimmed.source.decode(trimmed.source.encode(text)) == text
    torch.testing.assert_close(
        logits(trimmed, german[0], german[1]), logits(parent, german[0], german[1])[:, kept]
    )


def test_one_table_stays_one_table_on_disk_too(parent, tmp_path):
    trimmed = trim_parent(parent, TEXT.source)
    trimmed.save(tmp_path / "trimmed")
    loaded = Parent.load(tmp_path / "trimmed")
    tables = [each.model.get_encoder().get_input_embeddings().weight for each in (trimmed, loaded)] + [
        each.model.get_decoder().get_input_embeddings().weight for each in (trimmed, loaded)
    ]
    assert tables[0] is tables[2] and tables[1] is tables[3]
    assert loaded.model.get_output_embeddings().weight is tables[1]
    assert loaded.fingerprint() == trimmed.fingerprint()
    assert loaded.num_parameters < parent.num_parameters


def test_two_vocabularies_are_not_trimmed():
    with pytest.raises(ParentError, match="has two vocabularies"):
        trim_parent(toy_corpora.parent(), ["chien"])
