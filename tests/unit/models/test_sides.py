"""Sides: where a configuration keeps sizes and special ids, and what becomes of old ones."""

import pytest

import parents
from crosslate.models.sides import decoder_start, token_tables
from crosslate.text.vocabularies import SpecialIds


def renewed(parent, *sides, **ids):
    special = SpecialIds(**{**vars(parent.source.special), **ids})
    sizes = {"source": 43, "target": 45}
    new = {side: parents.vocabulary(sizes[side], special) for side in sides}
    text = "+".join({"source": "src", "target": "tgt"}[side] for side in sides)
    return parents.child(parent, text if len(sides) == 1 else "src+tgt+xattn", **new).model


# family: fields of the configuration after both, one or the other side was renewed (43 source, 45 target pieces)
SIZES = {
    "marian-separate": (("vocab_size", 43, 41), ("decoder_vocab_size", 45, 37)),
    "marian-shared": (("vocab_size", 43, 41), ("decoder_vocab_size", 45, 41)),
    "fsmt": (("src_vocab_size", 43, 41), ("tgt_vocab_size", 45, 37)),
    "bert2gpt2": (("encoder.vocab_size", 43, 41), ("decoder.vocab_size", 45, 37)),
    "t5gemma": (("encoder.vocab_size", 43, 41), ("decoder.vocab_size", 45, 37)),
    # One field, which means the target's size.
    "mbart": (None, ("vocab_size", 45, 41)),
    "m2m100": (None, ("vocab_size", 45, 41)),
    "t5": (None, ("vocab_size", 45, 41)),
}


@pytest.mark.parametrize("family", SIZES)
def test_sizes_in_the_configuration(family):
    parent = parents.parent(family)

    def read(model, field):
        value = model.config
        for step in field.split("."):
            value = getattr(value, step)
        return value

    for sides in (("source",), ("target",), ("source", "target")):
        model = renewed(parent, *sides)
        for side, field in zip(("source", "target"), SIZES[family], strict=True):
            if field is not None:
                name, new, old = field
                assert read(model, name) == (new if side in sides else old)
                assert read(parent.model, name) == old
        if hasattr(model.config, "share_encoder_decoder_embeddings"):
            assert model.config.share_encoder_decoder_embeddings is False
    shares = getattr(parent.model.config, "share_encoder_decoder_embeddings", None)
    assert shares is {"marian-separate": False, "marian-shared": True}.get(family)


NEW = {"eos": 5, "pad": 6, "bos": 7, "unk": 8}


class TestSpecialIds:
    def configured(self, family="mbart", **values):
        parent = parents.parent(family)
        for config in (parent.model.config, parent.model.generation_config):
            for name, value in values.items():
                setattr(config, name, value)
        return parent

    def both(self, model, name):
        found = {getattr(config, name, None) for config in (model.config, model.generation_config)}
        assert len(found) == 1, found
        return found.pop()

    @pytest.mark.parametrize(
        ("start", "expected"),
        [(0, 6), (2, 5), (1, 7), (30, 5)],
        ids=["padding", "end of sentence", "beginning of sentence", "a language code"],
    )
    def test_the_start_token_keeps_its_role(self, start, expected):
        """The registry's models pad with 0, begin with 1 and end with 2."""
        model = renewed(self.configured(decoder_start_token_id=start), "target", **NEW)
        assert self.both(model, "decoder_start_token_id") == expected
        assert [self.both(model, f"{name}_token_id") for name in ("pad", "eos", "bos")] == [6, 5, 7]

    def test_a_vocabulary_without_beginning_of_sentence(self):
        model = renewed(self.configured(decoder_start_token_id=1), "target", eos=5, pad=6, bos=None)
        assert self.both(model, "decoder_start_token_id") == 5 and self.both(model, "bos_token_id") is None

    def test_no_start_token_means_beginning_of_sentence(self):
        model = renewed(self.configured(decoder_start_token_id=None), "target", **NEW)
        assert self.both(model, "decoder_start_token_id") == 7

    def test_ids_of_the_old_vocabulary_are_forgotten(self):
        parent = self.configured(forced_bos_token_id=30, forced_eos_token_id=2)
        parent.model.generation_config.suppress_tokens = [40]
        parent.model.generation_config.bad_words_ids = [[0], [39]]
        model = renewed(parent, "target", **NEW)
        assert self.both(model, "forced_bos_token_id") is None
        assert self.both(model, "forced_eos_token_id") == 5
        assert model.generation_config.suppress_tokens is None
        assert model.generation_config.bad_words_ids == [[6]]
        assert parent.model.generation_config.bad_words_ids == [[0], [39]]
        assert parent.model.config.forced_bos_token_id == 30

    def test_a_new_source_leaves_what_the_decoder_writes(self):
        parent = self.configured(forced_bos_token_id=30)
        model = renewed(parent, "source", **NEW)
        assert self.both(model, "forced_bos_token_id") == 30
        assert [self.both(model, f"{name}_token_id") for name in ("pad", "eos", "bos")] == [0, 2, 1]
        assert model.get_encoder().embed_tokens.padding_idx == 6
        assert model.get_decoder().embed_tokens.padding_idx == 0


@pytest.mark.parametrize(
    ("family", "source", "target"),
    [
        ("marian-shared", "MarianEncoder", "MarianDecoder"),
        ("fsmt", "FSMTEncoder", "FSMTDecoder"),
        ("bert2bert", "BertEmbeddings", "BertEmbeddings"),
    ],
)
def test_token_tables_are_the_tables_of_their_side(family, source, target):
    parent = parents.parent(family)
    for side, holder in (("source", source), ("target", target)):
        (table,) = token_tables(parent.model, parent.anatomy, side)
        holders = [m for m in parent.model.modules() if any(child is table for child in m.children())]
        assert {type(module).__name__ for module in holders} == {holder}


@pytest.mark.parametrize("family", ["m2m100", "bart", "t5", "marian-shared", "fsmt"])
def test_the_library_finds_a_childs_input_embeddings(family):
    parent = parents.parent(family)
    model = renewed(parent, "source", "target")
    table = model.get_encoder().embed_tokens
    assert model.get_input_embeddings() is table
    assert table.num_embeddings == 43
    assert not any("shared" in name for name, _ in model.named_modules())


def test_a_decoder_starts_as_generation_does():
    model = parents.parent("t5gemma").model
    assert not hasattr(model.config, "decoder_start_token_id") and decoder_start(model) == 2  # the beginning
    model.generation_config.decoder_start_token_id = 1
    assert decoder_start(model) == 1
    model = parents.parent("marian-separate").model
    model.generation_config.decoder_start_token_id = 5
    assert decoder_start(model) == 5 != model.config.decoder_start_token_id
