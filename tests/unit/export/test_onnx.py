"""ONNX files in Optimum's layout: their names, their inputs, and what a program makes of them."""

from __future__ import annotations

import sys

import numpy
import onnxruntime
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, GenerationConfig

import families
from crosslate.engines import onnx_conversion
from crosslate.errors import EngineError, MissingExtra, PackError
from crosslate.export.exporter import export
from crosslate.files import read_json
from crosslate.packs.stored_model import StoredModel

TEXTS = ["Hund sieht Katze.", "Haus", "Frau isst eine grün Buch und schläft."]


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with families.one_thread():
        yield


@pytest.fixture(scope="module")
def stored(tiny):
    return StoredModel([tiny / "packs/de-en"], tiny / "parents/fr-en")


@pytest.fixture(scope="module")
def folder(stored, tmp_path_factory):
    out = tmp_path_factory.mktemp("onnx") / "model"
    assert "log-probabilities as in the live model" in export(stored, out, "onnx")
    return out


def test_files_and_names(folder):
    assert {"encoder_model.onnx", "decoder_model_merged.onnx", "config.json", "generation_config.json"} < {
        path.name for path in folder.iterdir()
    }
    assert not list(folder.glob("*.safetensors")) and not (folder / "decoder_model.onnx").exists()
    session = onnxruntime.InferenceSession(folder / "decoder_model_merged.onnx")
    states = [f"0.{part}.{kind}" for part in ("decoder", "encoder") for kind in ("key", "value")]
    assert [each.name for each in session.get_inputs()] == [
        "encoder_attention_mask", "input_ids", "encoder_hidden_states",
        *(f"past_key_values.{state}" for state in states), "use_cache_branch",
    ]  # fmt: skip
    assert [each.name for each in session.get_outputs()] == [
        "logits",
        *(f"present.{state}" for state in states),
    ]
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "AutoTokenizer.from_pretrained(folder)" in readme
    assert 'await AutoTokenizer.from_pretrained("./target")' in readme


def test_each_side_has_a_tokenizer_for_javascript(folder):
    both = AutoTokenizer.from_pretrained(folder)
    reader, writer = (Tokenizer.from_file(str(folder / name / "tokenizer.json")) for name in ("", "target"))
    assert [each.ids for each in reader.encode_batch(TEXTS)] == both(TEXTS).input_ids
    ids = both(text_target=TEXTS).input_ids
    assert writer.decode_batch(ids) == both.batch_decode(ids, skip_special_tokens=True)
    described = read_json(folder / "target/tokenizer_config.json")
    assert described == {
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>", "unk_token": "<unk>",
        "pad_token": "<pad>",
    }  # fmt: skip


def test_vocabularies_that_no_tokenizer_json_can_express(stored, tmp_path, monkeypatch):
    monkeypatch.setattr("crosslate.export.formats.onnx.tokenizer_json", lambda vocabulary: None)
    export(stored, tmp_path / "model", "onnx")
    readme = (tmp_path / "model/README.md").read_text(encoding="utf-8")
    assert "transformers.js cannot read this folder" in readme and "javascript" not in readme


def greedy(folder, texts, num_tokens):
    """As Optimum and transformers.js do: the encoder's states are kept from the first step."""
    inputs = AutoTokenizer.from_pretrained(folder)(texts, return_tensors="np", padding=True)
    encoder, decoder = (
        onnxruntime.InferenceSession(folder / f"{name}.onnx")
        for name in ("encoder_model", "decoder_model_merged")
    )
    mask = inputs["attention_mask"].astype(numpy.int64)
    (states,) = encoder.run(
        None, {"input_ids": inputs["input_ids"].astype(numpy.int64), "attention_mask": mask}
    )
    names = [each.name for each in decoder.get_inputs() if each.name.startswith("past_key_values.")]
    past = {name: numpy.zeros((len(texts), 2, 1, 16), dtype=numpy.float32) for name in names}
    config = GenerationConfig.from_pretrained(folder)
    tokens = numpy.full((len(texts), 1), config.decoder_start_token_id)
    written = [tokens]
    for position in range(num_tokens):
        logits, *present = decoder.run(
            None,
            {
                "encoder_attention_mask": mask, "input_ids": tokens, "encoder_hidden_states": states, **past,
                "use_cache_branch": numpy.array([position > 0]),
            },
        )  # fmt: skip
        for name, value in zip(names, present, strict=True):
            if position == 0 or ".decoder." in name:
                past[name] = value
        logits[:, -1, config.suppress_tokens] = -numpy.inf
        tokens = logits[:, -1].argmax(-1)[:, None]
        written.append(tokens)
    return numpy.concatenate(written, axis=1).tolist()


def test_a_program_translates_as_transformers_does(stored, folder, tmp_path):
    export(stored, tmp_path / "plain", "hf")
    inputs = AutoTokenizer.from_pretrained(tmp_path / "plain")(TEXTS, return_tensors="pt", padding=True)
    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "plain", dtype=torch.float32)
    expected = model.generate(
        inputs.input_ids, attention_mask=inputs.attention_mask, num_beams=1, early_stopping=False,
        max_new_tokens=8,
    ).tolist()  # fmt: skip
    end = model.generation_config.eos_token_id
    for row, found in zip(expected, greedy(folder, TEXTS, 8), strict=True):
        length = row.index(end) if end in row else len(row)
        assert found[:length] == row[:length]


def test_int8_has_smaller_files_of_the_same_form(stored, folder, tmp_path):
    export(stored, tmp_path / "int8", "onnx", "int8")
    for name in ("encoder_model.onnx", "decoder_model_merged.onnx"):
        assert (tmp_path / "int8" / name).stat().st_size < (folder / name).stat().st_size
    assert len(greedy(tmp_path / "int8", TEXTS, 3)) == 3


def test_nothing_is_written_that_differs_or_that_nobody_could_load(stored, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_conversion, "_TOLERANCE", -1.0)
    with pytest.raises(EngineError, match="differs from the live model"):
        export(stored, tmp_path / "model", "onnx")
    monkeypatch.setattr("crosslate.export.formats.hf.added_modules", lambda model: "adapters")
    with pytest.raises(PackError, match="a plain checkpoint cannot hold"):
        export(stored, tmp_path / "model", "onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"pip install 'crosslate\[onnx\]'"):
        export(stored, tmp_path / "model", "onnx")
    assert list(tmp_path.iterdir()) == []
