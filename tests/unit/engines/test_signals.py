"""The engine for recordings and images writes what the model's own search writes."""

import pytest
import torch
from transformers.generation import GenerationConfig, GenerationMixin

import parents
import signals
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.signals import SignalEngine
from crosslate.errors import EngineError
from crosslate.models.signals import processor_of
from crosslate.translation.translator import Translator

GREEDY = DecodingOptions(beam_size=1, max_new_tokens=8)
BEAM = DecodingOptions(beam_size=3, n_best=2, max_new_tokens=8)


@pytest.fixture(scope="module", params=["whisper", "speech2text", "trocr"])
def made(request, tmp_path_factory):
    """A child and files for it."""
    if request.param == "trocr":
        pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("engine")
    parent = signals.load(signals.write(request.param, folder / request.param))
    corpus = (signals.images if request.param == "trocr" else signals.recordings)(folder / "corpus", 5)
    return parents.shake(parents.child(parent, "tgt+xattn", target=44)), list(corpus.source)


def test_greedy_search_is_the_library_s(made):
    child, files = made
    processor = processor_of(child.source)
    found = SignalEngine(child).translate(files, GREEDY)
    silent = sorted({*child.target.silent, child.target.special.unk, 2} - {child.target.special.eos})
    for file, (best,) in zip(files, found):
        features, _ = processor.batch([processor.features(file)])
        config = GenerationConfig(
            max_new_tokens=8, min_new_tokens=1, num_beams=1, do_sample=False, eos_token_id=child.target.special.eos,
            pad_token_id=child.target.special.pad, decoder_start_token_id=2, suppress_tokens=silent,
        )  # fmt: skip
        with torch.no_grad():
            ids = GenerationMixin.generate(
                child.model, **{processor.input_name: features}, decoder_input_ids=torch.tensor([[2]]),
                generation_config=config,
            )  # fmt: skip
        wanted = [
            child.target.pieces[index] for index in ids[0, 1:].tolist() if index != child.target.special.eos
        ]
        assert list(best.pieces) == wanted
        assert best.score <= 0


def test_beam_search_gives_the_best_first(made):
    child, files = made
    for ranked in SignalEngine(child).translate(files, BEAM):
        assert len(ranked) == 2 and ranked[0].score >= ranked[1].score


@pytest.mark.parametrize("options", [GREEDY, BEAM])
def test_kept_states_change_nothing(made, options):
    child, files = made
    kept: dict = {}
    engine = SignalEngine(child, kept)
    first = engine.translate(files, options)
    assert len(kept) == (len(files) if processor_of(child.source).is_fixed else 0)
    second = engine.translate(files, options)
    assert [[each.pieces for each in ranked] for ranked in second] == [
        [each.pieces for each in ranked] for ranked in first
    ]


def test_what_is_given_is_as_likely_as_by_hand(made):
    child, files = made
    processor, target = processor_of(child.source), child.target
    ids = [[5, 7, 9], [6], [], [5] * 12, [8, 9]]
    found = SignalEngine(child).log_probabilities(list(zip(files, ids)))
    for file, given, row in zip(files, ids, found, strict=True):
        features, _ = processor.batch([processor.features(file)])
        labels = [*given, target.special.eos]
        with torch.no_grad():
            logits = child.model(
                **{processor.input_name: features}, decoder_input_ids=torch.tensor([[2, *given]])
            ).logits[0]
        by_hand = logits.log_softmax(-1)[range(len(labels)), labels].tolist()
        assert row == pytest.approx(by_hand, abs=1e-4)
    assert SignalEngine(child).log_probabilities([(files[0], [5] * 5000)]) == [[]]
    (confidence,) = Translator(child).confidences(files[:1], [target.decode([5, 7])])
    assert confidence is not None and 0 < confidence.probability < 1


def test_a_translator_takes_this_engine_alone(made):
    child, files = made
    translator = Translator(child, options=GREEDY)
    assert isinstance(translator.engine, SignalEngine)
    assert translator.translate(files[:2]) == list(
        translator.translate_lines(iter(files[:2]), window_lines=1)
    )
    assert translator.translate([]) == []
    with pytest.raises(EngineError, match="the CTranslate2 engine does not read"):
        Translator(child, engine="ctranslate2")
