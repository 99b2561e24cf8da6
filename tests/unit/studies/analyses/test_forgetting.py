"""The parent's embeddings plugged back into a child's body, beside the guarantee."""

from types import SimpleNamespace

import pytest
import torch

import toy_corpora
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import PackError
from crosslate.models.parent import Parent
from crosslate.packs.compose import plug_back
from crosslate.packs.pack import Pack
from crosslate.studies.analyses.forgetting import Forgetting
from crosslate.text.corpora import ParallelCorpus
from crosslate.translation.translator import Translator

OPTIONS = DecodingOptions(beam_size=1, max_new_tokens=6)


@pytest.fixture
def parent(tiny):
    return Parent.load(tiny / "parents" / "fr-en")


def test_the_body_is_the_childs_and_the_embeddings_are_the_parents(tiny, parent):
    pack = Pack.load(tiny / "packs" / "de-en")
    name = next(each for each in pack.tensors if "encoder_attn.k_proj.weight" in each)
    pack.tensors[name] = pack.tensors[name] + 1.0
    mixed = plug_back(parent, pack)
    mine, theirs = (dict(each.model.named_parameters()) for each in (mixed, parent))
    assert torch.equal(mine[name], pack.tensors[name])
    assert mixed.model.get_encoder().get_input_embeddings().weight is (
        parent.model.get_encoder().get_input_embeddings().weight
    )
    assert (mixed.source_language, mixed.source) == ("fr", parent.source)
    assert theirs[name] is not mine[name]


def test_embeddings_alone_forget_nothing(tiny, parent):
    pack = Pack.load(tiny / "packs" / "de-en")
    pack.tensors = {name: each for name, each in pack.tensors.items() if "attn" not in name}
    text = toy_corpora.corpus("fr", "en", 4)
    expected = Translator(parent, options=OPTIONS).translate(text.source)
    inputs = SimpleNamespace(
        parent=lambda: parent, pack=lambda role: pack, decoding=OPTIONS,
        text=lambda role: ParallelCorpus(text.source, expected, "fr", "en"),
    )  # fmt: skip
    found = Forgetting().work(inputs)
    assert found.translations == expected
    assert found.values["parent_is_identical"] and found.values["fingerprint"] == parent.fingerprint()


def test_a_pack_of_another_parent_is_refused(tiny):
    other = Parent.load(tiny / "parents" / "other")
    with pytest.raises(PackError):
        plug_back(other, Pack.load(tiny / "packs" / "de-en"))
