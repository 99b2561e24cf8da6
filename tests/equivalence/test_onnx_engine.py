"""The ONNX engine translates as the PyTorch engine does, also models that CTranslate2 cannot express."""

from __future__ import annotations

import copy
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

import families
import marian_releases
import parents
from crosslate.engines import onnx_conversion
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.onnx import OnnxEngine
from crosslate.engines.onnx_conversion import export_onnx
from crosslate.engines.onnx_graphs import plain_attention
from crosslate.engines.pytorch import TorchEngine
from crosslate.errors import EngineError, InputError, MissingExtra, UsageError
from crosslate.models.importers.marian import Marian
from marian_children import child_of_marian

GREEDY = DecodingOptions(beam_size=1, max_new_tokens=12)
BEAM = DecodingOptions(beam_size=4, n_best=4, max_new_tokens=12)
TEXTS = [
    "der Hund sieht", "die Frau kauft heute ein neues Buch und liest es", "", "Vogel",
    "wir gehen morgen mit den Kindern in den Wald",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    with families.one_thread():
        yield


def assert_same(model, folder, *all_options, has_same_scores=True):
    engine, live = OnnxEngine(folder, inter_threads=2), TorchEngine(model)
    for options in all_options:
        found, expected = engine.translate(TEXTS, options), live.translate(TEXTS, options)
        assert any(ranked[0].pieces for ranked in expected)
        for ranked, others in zip(found, expected, strict=True):
            assert [(one.pieces, one.text) for one in ranked] == [(one.pieces, one.text) for one in others]
            if has_same_scores:
                assert [one.score for one in ranked] == pytest.approx([one.score for one in others], abs=1e-5)
    pairs = [(text, list(range(4, 5 + length))) for length, text in enumerate(TEXTS)]
    for one, other in zip(*(each.log_probabilities(pairs) for each in (engine, live)), strict=True):
        assert one == pytest.approx(other, abs=1e-4)


@pytest.mark.parametrize(
    "family",
    [
        "blenderbot-small",
        "bert2gpt2-projected",
        pytest.param("mvp", marks=pytest.mark.full),
        pytest.param("bert2bert", marks=pytest.mark.full),
        pytest.param("bigbird-pegasus", marks=pytest.mark.full),
        pytest.param("pegasus-x", marks=pytest.mark.full),
        pytest.param("seamless-m4t", marks=pytest.mark.full),
        pytest.param("marian-separate", marks=pytest.mark.full),
        pytest.param("m2m100", marks=pytest.mark.full),
        pytest.param("fsmt", marks=pytest.mark.full),
        pytest.param("t5", marks=pytest.mark.full),
        pytest.param("umt5", marks=pytest.mark.full),
    ],
)
def test_families(family, tmp_path):
    parent = parents.parent(family)
    if hasattr(parent.model, "final_logits_bias"):  # a random model may prefer to write nothing
        parent.model.final_logits_bias[..., parent.target.special.eos] -= 2
    export_onnx(parent, tmp_path / "model")
    assert_same(parent, tmp_path / "model", GREEDY, BEAM)


@pytest.fixture(scope="module")
def marian(tmp_path_factory):
    parent = parents.shared("marian-separate")
    folder = tmp_path_factory.mktemp("onnx") / "model"
    export_onnx(parent, folder)
    return SimpleNamespace(parent=parent, folder=folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"repetition_penalty": 1.4},
        {"no_repeat_ngram": 2},
        {"beam_size": 3, "repetition_penalty": 1.4},
        {"beam_size": 4, "no_repeat_ngram": 1},
        {"beam_size": 4, "n_best": 3, "length_penalty": 0.3},
        {"beam_size": 2, "max_new_tokens": 3, "allow_unknown": True},
    ],
    ids=str,
)
def test_options(marian, changes):
    options = GREEDY.changed(**changes)
    is_guarded = options.repetition_penalty != 1 or options.no_repeat_ngram
    assert_same(marian.parent, marian.folder, options, has_same_scores=not is_guarded)


def test_batches_and_order_do_not_matter(marian, monkeypatch):
    together = OnnxEngine(marian.folder).translate(TEXTS, BEAM)
    assert OnnxEngine(marian.folder).translate(TEXTS[::-1], BEAM)[::-1] == together
    monkeypatch.setattr("crosslate.engines.onnx._MAX_BATCH_TOKENS", 1)
    alone = OnnxEngine(marian.folder).translate(TEXTS, BEAM)
    assert [[one.pieces for one in ranked] for ranked in alone] == [
        [one.pieces for one in ranked] for ranked in together
    ]


def test_a_text_that_is_too_long_is_refused(marian):
    with pytest.raises(EngineError, match=r"text 2 of 2 .* but the model reads at most 64"):
        OnnxEngine(marian.folder).translate(["Hund", "Hund " * 100], GREEDY)


def test_a_forced_first_piece(tmp_path):
    """As the language codes of M2M100, which no translation shows."""
    parent = copy.copy(parents.shared("m2m100"))
    parent.model = copy.deepcopy(parent.model)
    parent.model.generation_config.forced_bos_token_id = 7
    export_onnx(parent, tmp_path / "model")
    assert_same(parent, tmp_path / "model", GREEDY, BEAM)


def test_recurrent_decoders(tmp_path):
    """Marian's SSRU: a state that does not grow, and a count of steps."""
    parent = Marian(marian_releases.write(tmp_path / "release", cell="rnn")).parent()
    # The output layer trains the row of the start, too, and nothing may come before the first word all the same.
    start = parent.model.config.decoder_start_token_id
    parent.model.get_decoder().embed_tokens.weight.data[start] = 1.0
    export_onnx(parent, tmp_path / "model")
    assert_same(parent, tmp_path / "model", GREEDY, BEAM)


@pytest.mark.parametrize("strategy", ["src+adapters", "src+prefix"])
def test_added_modules_stay_in_the_model(strategy, tmp_path):
    """CTranslate2 refuses them."""
    child = parents.shake(parents.child(parents.shared("marian-separate"), strategy, source=43))
    export_onnx(child, tmp_path / "model")
    assert_same(child, tmp_path / "model", GREEDY, BEAM)


def test_int8_is_smaller_and_translates(tmp_path):
    parent = parents.parent("marian-separate", d_model=64, encoder_ffn_dim=256, decoder_ffn_dim=256)
    sizes = {}
    for precision in ("float32", "int8"):
        export_onnx(parent, tmp_path / precision, precision)
        sizes[precision] = sum(file.stat().st_size for file in (tmp_path / precision).glob("*.onnx"))
        found = OnnxEngine(tmp_path / precision).translate(TEXTS, BEAM)
        assert [len(ranked) for ranked in found] == [4] * len(TEXTS) and found[0][0].pieces
    assert sizes["int8"] < 0.6 * sizes["float32"]


def test_the_live_model_stays_as_it_is(marian):
    model = marian.parent.model
    before = {name: (tensor.data_ptr(), tensor.clone()) for name, tensor in model.state_dict().items()}
    attention = model.config._attn_implementation
    private = onnx_conversion.private_copy(model)
    with plain_attention(private):
        assert private.config._attn_implementation == "eager"
    assert private.config._attn_implementation == model.config._attn_implementation == attention
    for name, tensor in model.state_dict().items():
        assert tensor.data_ptr() == before[name][0] and torch.equal(tensor, before[name][1])


def test_exports_that_are_refused(marian, tmp_path):
    with pytest.raises(InputError, match="already exists"):
        export_onnx(marian.parent, marian.folder)
    with pytest.raises(UsageError, match="did you mean 'int8'"):
        export_onnx(marian.parent, tmp_path / "model", "int88")
    with pytest.raises(EngineError, match="has 2 experts"):
        export_onnx(parents.shared("nllb-moe"), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_differs_from_the_live_model_is_refused(tmp_path):
    """A number of rows that is read in Python is the same for all batches of an export."""
    parent = copy.copy(parents.shared("marian-separate"))
    parent.model = copy.deepcopy(parent.model)
    layer = parent.model.model.decoder.layers[0]
    layer.fc1.register_forward_hook(lambda module, inputs, output: output * 2 ** int(output.shape[0]))
    with pytest.raises(EngineError, match=r"differs from the live model.*use the PyTorch engine"):
        export_onnx(parent, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra(marian, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"needs onnxruntime.*pip install 'crosslate\[onnx\]'"):
        OnnxEngine(marian.folder)
    with pytest.raises(MissingExtra, match=r"pip install 'crosslate\[onnx\]'"):
        export_onnx(marian.parent, tmp_path / "model")


def test_translation_needs_no_torch(marian):
    script = (
        "import sys; from pathlib import Path\n"
        "from crosslate.engines.onnx import OnnxEngine\n"
        "from crosslate.engines.decoding import DecodingOptions\n"
        "print(OnnxEngine(Path(sys.argv[1])).translate(['Hund'], DecodingOptions(max_new_tokens=5))[0][0].text)\n"
        "found = {'torch', 'transformers'} & set(sys.modules)\n"
        "sys.exit(f'imported {found}' if found else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(marian.folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_child_whose_source_is_smaller_than_the_id_that_the_decoder_starts_with(tmp_path):
    child = child_of_marian()
    assert child.model.config.decoder_start_token_id >= len(child.source)
    export_onnx(child, tmp_path / "model")
    assert_same(child, tmp_path / "model", GREEDY, BEAM)
