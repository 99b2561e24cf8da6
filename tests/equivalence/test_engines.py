"""Both engines on models: the same tokens, the same scores, and a live model that nothing changes."""

from __future__ import annotations

import copy
import json
import random
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
import transformers
from transformers import GenerationConfig, MarianConfig, MarianMTModel

import families
import parents
from crosslate.engines import pytorch
from crosslate.engines.conversion import export_ctranslate2
from crosslate.engines.ctranslate2 import CTranslate2Engine
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.pytorch import TorchEngine
from crosslate.errors import EngineError, InputError, UsageError
from crosslate.models.parent import Parent
from crosslate.text.vocabularies import SpecialIds, Vocabulary
from crosslate.text.vocabulary_training import train_vocabulary
from crosslate.translation.lines import translate_lines

NUMBERS = {
    "one": "eins", "two": "zwei", "three": "drei", "four": "vier", "five": "fünf", "six": "sechs",
    "seven": "sieben", "eight": "acht", "nine": "neun", "ten": "zehn", "eleven": "elf", "twelve": "zwölf",
    "twenty": "zwanzig", "thirty": "dreißig", "hundred": "hundert", "thousand": "tausend",
}  # fmt: skip
GREEDY = DecodingOptions(beam_size=1)


def word_for_word(text):
    return " ".join(NUMBERS[word] for word in text.split())


def random_numbers(seed, num_lines, longest=5):
    chooser = random.Random(seed)
    return [" ".join(chooser.choices(list(NUMBERS), k=chooser.randint(1, longest))) for _ in range(num_lines)]


def tensors(model):
    return {name: tensor.detach().clone() for name, tensor in model.state_dict(keep_vars=True).items()}


def assert_same_tensors(model, before):
    assert model.state_dict().keys() == before.keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    with families.one_thread():
        yield


@pytest.fixture(scope="module")
def vocabularies():
    lines = random_numbers(0, 300)
    source = train_vocabulary(lines, 75, special=SpecialIds(eos=0, unk=1, pad=2))
    target = train_vocabulary(map(word_for_word, lines), 90, special=SpecialIds(eos=0, unk=1, pad=2))
    return source, target


def marian(vocabularies, **changes):
    source, target = vocabularies
    values = {
        "vocab_size": len(source), "decoder_vocab_size": len(target), "share_encoder_decoder_embeddings": False,
        "d_model": 48, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
        "decoder_attention_heads": 4, "encoder_ffn_dim": 96, "decoder_ffn_dim": 96, "max_position_embeddings": 96,
        "pad_token_id": 2, "eos_token_id": 0, "bos_token_id": None, "decoder_start_token_id": 2,
        "forced_eos_token_id": 0, "scale_embedding": True, "activation_function": "relu", "dropout": 0.0,
    }  # fmt: skip
    torch.manual_seed(1)
    return MarianMTModel(MarianConfig(**values | changes)).eval()


@pytest.fixture(scope="module")
def trained(vocabularies):
    """A model that has learnt to translate numbers, word for word (about 3 seconds)."""
    source, target = vocabularies
    model = marian(vocabularies, init_std=0.1)
    texts = random_numbers(1, 1800, longest=5)
    pairs = sorted(
        ((source.encode(text), target.encode(word_for_word(text))) for text in texts),
        key=lambda pair: len(pair[0]),
    )
    batches = [pairs[start : start + 30] for start in range(0, len(pairs), 30)]
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=4e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=5 * len(batches))
    chooser = random.Random(2)
    for _ in range(5):
        chooser.shuffle(batches)
        for batch in batches:
            inputs, mask = padded([one for one, _ in batch])
            labels, _ = padded([other for _, other in batch])
            shifted = torch.cat([torch.full((len(batch), 1), 2), labels[:, :-1]], dim=1)
            logits = model(input_ids=inputs, attention_mask=mask, decoder_input_ids=shifted).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    # What a Marian checkpoint brings along, and no engine may inherit.
    model.generation_config = GenerationConfig(
        num_beams=6, max_length=5, forced_eos_token_id=0, bad_words_ids=[[2]], decoder_start_token_id=2,
        eos_token_id=0, pad_token_id=2, length_penalty=0.3, no_repeat_ngram_size=1,
    )  # fmt: skip
    return SimpleNamespace(model=model, source=source, target=target)


def padded(rows, pad=2):
    width = max(map(len, rows))
    ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows])
    return ids, (torch.arange(width) < torch.tensor([[len(row)] for row in rows])).long()


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("engines") / "float32"
    export_ctranslate2(trained, folder, "float32")
    return folder


@pytest.fixture(scope="module")
def engines(trained, exported):
    return TorchEngine(trained), CTranslate2Engine(exported, inter_threads=1, intra_threads=1)


def assert_same(one, other, tolerance=1e-4):
    assert [len(ranked) for ranked in one] == [len(ranked) for ranked in other]
    for ranked, others in zip(one, other):
        for left, right in zip(ranked, others):
            assert (left.pieces, left.text) == (right.pieces, right.text)
            assert left.score == pytest.approx(right.score, abs=tolerance)


def num_right(translations, texts):
    return sum(best.text == word_for_word(text) for (best, *_), text in zip(translations, texts, strict=True))


def test_a_trained_model_translates_and_both_engines_agree(engines):
    texts = random_numbers(3, 60)
    by_torch, by_ctranslate2 = (engine.translate(texts, GREEDY) for engine in engines)
    assert num_right(by_torch, texts) >= 50  # learnt, so agreement below is about something
    assert_same(by_torch, by_ctranslate2)


@pytest.mark.parametrize(
    "options",
    [
        DecodingOptions(beam_size=4),
        DecodingOptions(beam_size=4, n_best=4, length_penalty=0.4),
        DecodingOptions(beam_size=1, repetition_penalty=1.4),
        DecodingOptions(beam_size=1, no_repeat_ngram=1),
        DecodingOptions(beam_size=1, max_new_tokens=3),
        DecodingOptions(beam_size=3, allow_unknown=True),
    ],
    ids=str,
)
def test_engines_agree_with_every_option(engines, options):
    texts = [*random_numbers(4, 25), "one", "one one one one one one", "xyz", "nine nine"]
    by_torch, by_ctranslate2 = (engine.translate(texts, options) for engine in engines)
    assert max(len(one.pieces) for ranked in by_torch for one in ranked) <= options.max_new_tokens
    guarded = options.repetition_penalty != 1 or options.no_repeat_ngram
    assert_same(by_torch, by_ctranslate2, tolerance=float("inf") if guarded else 1e-4)


def test_a_score_is_the_mean_log_probability_of_the_tokens(engines, trained):
    (best,) = engines[1].translate(["two five"], GREEDY)[0]
    assert best.text == "zwei fünf"
    labels = [*(trained.target.pieces.index(piece) for piece in best.pieces), 0]
    logits = trained.model(
        input_ids=torch.tensor([trained.source.encode("two five")]),
        decoder_input_ids=torch.tensor([[2, *labels[:-1]]]),
    ).logits[0]
    logits[:, [1, 2]] = -torch.inf  # unknown and padding are never generated
    logits[0, 0] = -torch.inf  # nor is nothing at all
    by_hand = logits.log_softmax(-1)[range(len(labels)), labels].mean()
    assert best.score == pytest.approx(by_hand.item(), abs=1e-4)


def test_given_translations_are_as_likely_as_by_hand(engines, trained):
    source, target = trained.source, trained.target
    pairs = [("two five", "zwei sechs"), ("one", "eins"), ("", "eins"), ("ten nine " * 3, "zehn neun zehn"),
             ("one " * 200, "eins"), ("one", "eins " * 200), ("six", "")]  # fmt: skip
    pairs = [(text, target.encode(translation)[:-1]) for text, translation in pairs]
    ids = [*pairs[0][1], 0]
    logits = trained.model(
        input_ids=torch.tensor([source.encode("two five")]), decoder_input_ids=torch.tensor([[2, *ids[:-1]]])
    ).logits[0]
    by_hand = logits.log_softmax(-1)[range(len(ids)), ids].tolist()
    for engine in engines:
        found = engine.log_probabilities(pairs)
        assert found[0] == pytest.approx(by_hand, abs=1e-4)
        # What was not written is unlikely; what has no source, or is too long, has no numbers.
        assert min(found[0]) < -2 and min(found[1]) > -1
        lengths = [len(row) for row in found]
        assert lengths == [
            len(ids) + 1 if index not in (2, 4, 5) else 0 for index, (_, ids) in enumerate(pairs)
        ]
        alone = [row for pair in pairs for row in engine.log_probabilities([pair])]
        assert_close(alone, found)
    assert_close(*(engine.log_probabilities(pairs) for engine in engines))
    assert engines[0].log_probabilities([]) == engines[1].log_probabilities([]) == []


def assert_close(some, others):
    for one, other in zip(some, others, strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_n_best_are_distinct_and_best_first(engines):
    for engine in engines:
        for ranked in engine.translate(random_numbers(5, 5), DecodingOptions(beam_size=5, n_best=5)):
            assert len({hypothesis.pieces for hypothesis in ranked}) == 5
            scores = [hypothesis.score for hypothesis in ranked]
            assert scores == sorted(scores, reverse=True)


def test_order_and_batches_do_not_matter(engines, trained, monkeypatch):
    texts = random_numbers(6, 20, longest=12)
    for engine in engines:
        together = engine.translate(texts, GREEDY)
        alone = [engine.translate([text], GREEDY)[0] for text in texts]
        assert_same(together, alone)
    monkeypatch.setattr(pytorch, "MAX_BATCH_TOKENS", 1)
    assert_same(TorchEngine(trained).translate(texts, GREEDY), together)


def test_empty_and_too_long_texts(engines):
    for engine in engines:
        assert engine.translate([], GREEDY) == []
        translations = engine.translate(["", "   ", "two"], DecodingOptions(beam_size=2, n_best=2))
        assert [ranked[0].text for ranked in translations] == ["", "", "zwei"]
        assert [len(ranked) for ranked in translations] == [2, 2, 2]
        assert engine.max_source_tokens == 96
        with pytest.raises(
            EngineError, match=r"text 2 of 2 .* has \d+ tokens, but the model reads at most 96"
        ):
            engine.translate(["two", "two " * 100], GREEDY)


HOSTILE = [
    "", " ", "\t \u3000", "one", "🙂", "🙂🙂 👩‍👩‍👧", "你好，世界", "שלום", "\x00\x01\x1b", "one\u2028two", "one\x85two",
    "three\r\n", "four\r", "\ufeffone", "\ud800 broken", "\u200b", "!?!", "⁇", "</s>", "<pad> <unk> </s>", "▁", "two " * 300,
    "one two three. " * 60, "one, two, three, " * 60, "x" * 1000, "数" * 500, "e\u0301" * 200, "﷽" * 40,
]  # fmt: skip


def test_n_lines_in_n_lines_out(engines):
    for engine in engines:
        out = list(translate_lines(engine, HOSTILE, GREEDY, language="en", window_lines=5))
        assert len(out) == len(HOSTILE)
        for line in out:
            assert len(line.splitlines()) <= 1 and not line.endswith("\n")
        assert out[:4] == ["", "", "", "eins"]
        assert out[9] == out[10] == next(translate_lines(engine, ["one two"], GREEDY, language="en"))
        assert out[11:13] == ["drei", "vier"]
        assert out[21].split().count("zwei") >= 250  # 300 times "two": cut into segments, none lost


@pytest.mark.parametrize("quantization", ["int8", "int8_bfloat16"])
def test_int8_loads_and_translates(trained, tmp_path, quantization):
    texts = random_numbers(7, 30)
    export_ctranslate2(trained, tmp_path / "model", quantization)
    assert num_right(CTranslate2Engine(tmp_path / "model").translate(texts, GREEDY), texts) >= 22
    num_bytes = sum(tensor.nbytes for tensor in trained.model.parameters())
    assert (tmp_path / "model" / "model.bin").stat().st_size < 0.5 * num_bytes


def test_export_and_translation_leave_the_live_model_alone(trained, tmp_path):
    before, config = tensors(trained.model), trained.model.config.to_dict()
    addresses = {name: tensor.data_ptr() for name, tensor in trained.model.state_dict().items()}
    trained.model.train()
    trained.model.model.encoder.eval()
    generation_config = trained.model.generation_config
    export_ctranslate2(trained, tmp_path / "int8", "int8")
    TorchEngine(trained).translate(["one two"], DecodingOptions())
    assert_same_tensors(trained.model, before)
    assert {name: tensor.data_ptr() for name, tensor in trained.model.state_dict().items()} == addresses
    assert trained.model.config.to_dict() == config
    assert trained.model.generation_config is generation_config
    assert trained.model.training and not trained.model.model.encoder.training
    assert trained.model.model.decoder.training
    trained.model.eval()


@pytest.mark.parametrize("strategy", ["src+xattn[heads=0:1,3]", "tgt+xattn"])
def test_exporting_an_aliasing_child_leaves_its_parent_alone(trained, strategy, tmp_path):
    """Also where a trained slice is laid over the parent's own tensor (``heads``)."""
    parent = Parent(copy.deepcopy(trained.model), trained.source, trained.target, "en", "de", name="numbers")
    new = train_vocabulary(["uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece"], 64)
    side = "source" if strategy.startswith("src") else "target"
    child = parents.child(parent, strategy, **{side: new})
    torch.manual_seed(3)
    for tensors_of_group in child.trained.values():
        for tensor in tensors_of_group.values():
            tensor.data += 0.1 * torch.randn_like(tensor)
    shared = parent.model.model.decoder.layers[0].fc1.weight
    before, child_before = tensors(parent.model), tensors(child.model)
    export_ctranslate2(child, tmp_path / "child", "int8")
    export_ctranslate2(child, tmp_path / "exact", "float32")
    assert_same_tensors(parent.model, before)
    assert_same_tensors(child.model, child_before)
    assert child.model.model.decoder.layers[0].fc1.weight is shared
    texts = ["uno dos", "doce trece once"] if side == "source" else ["one two", "ten nine"]
    options = DecodingOptions(beam_size=3, max_new_tokens=12)
    by_torch = TorchEngine(child).translate(texts, options)
    assert any(hypotheses[0].pieces for hypotheses in by_torch)
    assert_same(by_torch, CTranslate2Engine(tmp_path / "exact").translate(texts, options))


def test_the_exported_folder_needs_no_torch(exported):
    script = (
        "import sys; from pathlib import Path\n"
        "from crosslate.engines.ctranslate2 import CTranslate2Engine\n"
        "from crosslate.translation.lines import translate_lines\n"
        "engine = CTranslate2Engine(Path(sys.argv[1]))\n"
        "sys.stdout.write('|'.join(translate_lines(engine, ['two five', '', 'ten'], language='en')))\n"
        "found = {'torch', 'transformers'} & set(sys.modules)\n"
        "sys.exit(f'imported {found}' if found else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(exported)], capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "zwei fünf||zehn"


def test_export_refuses_what_it_cannot_do(trained, exported, vocabularies, tmp_path):
    with pytest.raises(InputError, match="already exists"):
        export_ctranslate2(trained, exported, "int8")
    with pytest.raises(UsageError, match="did you mean 'int8'"):
        export_ctranslate2(trained, tmp_path / "new", "int88")
    source, target = vocabularies
    swapped = SimpleNamespace(model=trained.model, source=target, target=source)
    with pytest.raises(
        EngineError, match="source vocabulary has 90 pieces, but the model's table has only 75 rows"
    ):
        export_ctranslate2(swapped, tmp_path / "new", "int8")
    odd = copy.deepcopy(trained.model)
    odd.config.scale_embedding = False
    odd.model.encoder.embed_scale = odd.model.decoder.embed_scale = 3.0
    for layer in odd.model.decoder.layers:
        layer.fc1.register_forward_hook(lambda module, inputs, output: 2 * output)
    with pytest.raises(EngineError, match=r"differs from the live model.*use the PyTorch engine"):
        export_ctranslate2(SimpleNamespace(model=odd, source=source, target=target), tmp_path / "new", "int8")
    assert list(tmp_path.iterdir()) == []


def test_the_engine_refuses_a_foreign_folder(exported, tmp_path):
    with pytest.raises(EngineError, match="no such file"):
        CTranslate2Engine(tmp_path)
    (tmp_path / "crosslate.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(EngineError, match="format is 99, expected 1"):
        CTranslate2Engine(tmp_path)


def test_a_mapped_vocabulary_with_padding_last_and_a_forced_first_piece(vocabularies, tmp_path):
    """As in Marian parents: ids from a JSON file, padding last; and a language code that must come first."""
    source, target = vocabularies
    rows = [piece for index, piece in enumerate(target.pieces) if index != 2]
    pieces = [*rows, "xx_XX", "<pad>"]
    mapped = Vocabulary(target.model, pieces, SpecialIds(eos=0, unk=1, pad=len(pieces) - 1))
    # Three rows more than pieces, as some published models have.
    model = marian((source, range(len(pieces) + 3)), decoder_start_token_id=len(pieces) - 1, init_std=0.3)
    model.generation_config.decoder_start_token_id = len(pieces) - 1
    model.generation_config.forced_bos_token_id = len(pieces) - 2
    both = SimpleNamespace(model=model, source=source, target=mapped)
    export_ctranslate2(both, tmp_path / "model", "float32")
    options = DecodingOptions(beam_size=3, n_best=2, max_new_tokens=12)
    texts = random_numbers(8, 10)
    translations = TorchEngine(both).translate(texts, options)
    engine = CTranslate2Engine(tmp_path / "model")
    assert_same(translations, engine.translate(texts, options))
    pairs = [(text, [row, 5, 7]) for row, text in enumerate(texts, start=3)]
    # The code that every output starts with has no number of its own.
    found = engine.log_probabilities(pairs)
    assert {len(row) for row in found} == {4}
    assert_close(TorchEngine(both).log_probabilities(pairs), found)
    generated = {piece for ranked in translations for one in ranked for piece in one.pieces}
    assert generated and not generated & {"<pad>", "<unk>", "xx_XX", "</s>"}
    assert generated <= set(pieces)


TINY = {"d_model": 16, "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 4, "decoder_attention_heads": 2,
        "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "max_position_embeddings": 64, "dropout": 0.0, "init_std": 0.3,
        "vocab_size": 75}  # fmt: skip
TINY_T5 = {"d_model": 16, "d_kv": 4, "d_ff": 24, "num_layers": 3, "num_decoder_layers": 2, "num_heads": 4,
           "vocab_size": 75}  # fmt: skip
SPECIAL = {"pad_token_id": 2, "eos_token_id": 0, "bos_token_id": 0, "decoder_start_token_id": 2}
FAMILIES = {
    "marian_shared": ("Marian", "MarianMTModel", TINY),
    "bart": ("Bart", "BartForConditionalGeneration", TINY),
    "mbart": ("MBart", "MBartForConditionalGeneration", TINY | {"scale_embedding": True}),
    "m2m_100": ("M2M100", "M2M100ForConditionalGeneration", TINY | {"decoder_start_token_id": 0}),
    "pegasus": ("Pegasus", "PegasusForConditionalGeneration", TINY),
    "blenderbot": ("Blenderbot", "BlenderbotForConditionalGeneration", TINY),
    "plbart": ("PLBart", "PLBartForConditionalGeneration", TINY | {"decoder_start_token_id": 0}),
    "fsmt": ("FSMT", "FSMTForConditionalGeneration",
             {key: TINY[key] for key in TINY if key != "vocab_size"} | {"src_vocab_size": 75, "tgt_vocab_size": 90, "langs": ["en", "de"], "decoder_start_token_id": 0}),
    "t5": ("T5", "T5ForConditionalGeneration", TINY_T5),
    "t5v1.1": ("T5", "T5ForConditionalGeneration",
               TINY_T5 | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}),
    "mt5": ("MT5", "MT5ForConditionalGeneration", TINY_T5),
    "umt5": ("UMT5", "UMT5ForConditionalGeneration", TINY_T5),
}  # fmt: skip


def with_two_vocabularies(name, source_size, target_size):
    """A random model of a family with tables of unequal sizes, put in place by hand where it has one table."""
    config_name, model_name, values = FAMILIES[name]
    torch.manual_seed(5)
    config = getattr(transformers, f"{config_name}Config")(**SPECIAL | values)
    model = getattr(transformers, model_name)(config).eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:  # norms and biases start as constants, which would hide a missing one
            parameter.data += 0.1 * torch.randn_like(parameter)
        elif parameter.requires_grad:
            parameter.data = 0.5 * torch.randn_like(parameter)
    width = config.d_model
    if name == "fsmt":
        model.model.decoder.output_projection.weight.data = torch.randn(target_size, width)
        return model
    encoder, decoder = model.get_encoder(), model.get_decoder()
    for module, size in ((encoder, source_size), (decoder, target_size)):
        old = module.embed_tokens
        module.embed_tokens = copy.deepcopy(old)  # some families scale inside the embedding's class
        module.embed_tokens.weight = torch.nn.Parameter(torch.randn(size, width))
        module.embed_tokens.num_embeddings = size
    model.lm_head = torch.nn.Linear(width, target_size, bias=False)
    model.lm_head.weight.data = torch.randn(target_size, width)
    if hasattr(model, "final_logits_bias"):
        model.final_logits_bias = torch.randn(1, target_size)
    return model


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_exported_exactly(name, vocabularies, tmp_path):
    source, target = vocabularies
    both = SimpleNamespace(
        model=with_two_vocabularies(name, len(source), len(target)), source=source, target=target
    )
    before = tensors(both.model)
    export_ctranslate2(both, tmp_path / "model", "float32")
    assert_same_tensors(both.model, before)
    engines = TorchEngine(both), CTranslate2Engine(tmp_path / "model", inter_threads=1, intra_threads=1)
    texts = random_numbers(9, 8)
    options = DecodingOptions(beam_size=1, max_new_tokens=15)
    by_torch, by_ctranslate2 = (engine.translate(texts, options) for engine in engines)
    assert len({best.pieces for (best,) in by_torch}) > 1  # the source matters
    assert_same(by_torch, by_ctranslate2, tolerance=1e-3)
    pairs = [(text, list(range(3, 3 + length))) for length, text in enumerate(texts)]
    assert_close(*(engine.log_probabilities(pairs) for engine in engines))


NOT_EXPORTED = (
    "led", "mvp", "pegasus-x", "bigbird-pegasus", "prophetnet", "longt5-local", "nllb-moe", "bert2bert", "t5gemma",
)  # fmt: skip


@pytest.mark.parametrize("name", NOT_EXPORTED)
def test_pytorch_translates_with_families_that_cannot_be_exported(name):
    """Greedy search is beam search of one: their scores, found in two ways, must be the same."""
    model = families.build(name)
    vocabulary = train_vocabulary(NUMBERS, 64, special=SpecialIds(eos=2, unk=3, pad=0, bos=1))
    kept = Vocabulary(vocabulary.model, vocabulary.pieces[:30], vocabulary.special)
    engine = TorchEngine(SimpleNamespace(model=model, source=kept, target=kept))
    texts = ["one two", "ten", "", "seven hundred three"]
    greedy = engine.translate(texts, DecodingOptions(beam_size=1, max_new_tokens=6))
    ranked = engine.translate(texts, DecodingOptions(beam_size=3, n_best=3, max_new_tokens=6))
    assert [len(hypotheses) for hypotheses in ranked] == [3, 3, 3, 3]
    for (best,), hypotheses in zip(greedy, ranked, strict=True):
        assert hypotheses == sorted(hypotheses, key=lambda one: -one.score)
        for same in hypotheses:
            if same.pieces == best.pieces:
                assert same.score == pytest.approx(best.score, abs=1e-4)
    assert any(
        best.pieces == hypotheses[0].pieces for (best,), hypotheses in zip(greedy, ranked, strict=True)
    )


def test_a_family_without_counterpart_is_named(vocabularies, tmp_path):
    config = transformers.LEDConfig(**SPECIAL | TINY, attention_window=4)
    model = transformers.LEDForConditionalGeneration(config)
    with pytest.raises(
        EngineError,
        match=r"type 'led' to CTranslate2 .supported: marian, crosslate_marian, bart.*use the PyTorch engine",
    ):
        export_ctranslate2(SimpleNamespace(model=model, source=None, target=None), tmp_path / "model", "int8")
