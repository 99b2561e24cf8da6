from types import SimpleNamespace

import pytest

from crosslate.engines.ctranslate2 import default_threads
from crosslate.engines.generation import Generation
from crosslate.errors import EngineError


def side(num_rows):
    return SimpleNamespace(embed_tokens=SimpleNamespace(weight=SimpleNamespace(shape=(num_rows, 8))))


class Vocabulary:
    def __init__(self, size, **special):
        self.size = size
        self.special = SimpleNamespace(**{"eos": 0, "unk": 1, "pad": 2, "bos": None} | special)
        self.silent = {index for role, index in vars(self.special).items() if role != "unk"} - {None}

    def __len__(self):
        return self.size


def facts(config=None, generation=None, source=10, target=12, rows=(10, 12), **special):
    model = SimpleNamespace(
        config=SimpleNamespace(**{"decoder_start_token_id": 2} | (config or {})),
        generation_config=SimpleNamespace(**generation or {}),
        get_encoder=lambda: side(rows[0]),
        get_decoder=lambda: side(rows[1]),
    )
    both = SimpleNamespace(model=model, source=Vocabulary(source), target=Vocabulary(target, **special))
    return Generation.of(both), both.target


def test_lengths_come_from_the_positions_of_each_part():
    assert facts()[0].max_source_tokens == 512
    generation, _ = facts({"max_position_embeddings": 100})
    assert (generation.max_source_tokens, generation.max_target_tokens) == (100, 98)
    assert facts({"max_position_embeddings": 2048})[0].max_source_tokens == 512
    # T5 writes down how long its training texts were, which is no limit; GPT-like decoders mean it.
    assert facts({"n_positions": 30, "relative_attention_num_buckets": 32})[0].max_source_tokens == 512
    assert facts({"n_positions": 30})[0].max_source_tokens == 30
    parts = {
        "encoder": SimpleNamespace(max_position_embeddings=40),
        "decoder": SimpleNamespace(n_positions=50),
    }
    generation, _ = facts(parts)
    assert (generation.max_source_tokens, generation.max_target_tokens) == (40, 48)


def test_the_generation_configuration_wins():
    assert facts({"decoder_start_token_id": 2}, {"decoder_start_token_id": 5})[0].start == 5
    assert facts({"decoder_start_token_id": 0})[0].start == 0
    assert facts(generation={"forced_bos_token_id": 7})[0].forced_first == 7


def test_special_pieces_and_rows_without_piece_are_never_generated():
    generation, target = facts(rows=(10, 14))
    assert generation.never_generated(target, allow_unknown=False) == [1, 2, 12, 13]
    assert generation.never_generated(target, allow_unknown=True) == [2, 12, 13]
    generation, target = facts({"decoder_start_token_id": 0}, bos=3)  # starts with the end of sentence
    assert generation.never_generated(target, allow_unknown=True) == [2, 3]
    generation, target = facts({"forced_bos_token_id": 3}, bos=3)
    assert generation.never_generated(target, allow_unknown=True) == [2]
    target.silent |= {5, 6}  # codes of other languages
    assert generation.never_generated(target, allow_unknown=True) == [2, 5, 6]


def test_a_translation_has_a_piece_after_the_forced_one():
    assert facts()[0].min_new_tokens == 1
    assert facts(generation={"forced_bos_token_id": 7})[0].min_new_tokens == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {"decoder_start_token_id": None}}, "set decoder_start_token_id"),
        ({"config": {"decoder_start_token_id": 12}}, "decoder_start_token_id is 12, expected an id below 12"),
        ({"config": {"forced_bos_token_id": 99}}, "forced_bos_token_id is 99"),
        ({"rows": (9, 12)}, "source vocabulary has 10 pieces, but the model's table has only 9 rows"),
        ({"rows": (10, 11)}, "target vocabulary has 12 pieces, but the model's table has only 11 rows"),
    ],
)
def test_models_that_cannot_decode_are_refused(changes, message):
    with pytest.raises(EngineError, match=message):
        facts(**changes)


@pytest.mark.parametrize(("cores", "expected"), [(1, (1, 1)), (2, (2, 1)), (8, (8, 1)), (30, (8, 3))])
def test_threads_are_chosen_from_the_machine(cores, expected):
    assert default_threads(cores) == expected
