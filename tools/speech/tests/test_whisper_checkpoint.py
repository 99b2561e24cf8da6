"""The tensors of a model that CTranslate2's own converter wrote, back under the names of transformers."""

import pytest
import torch
from ctranslate2.converters.transformers import _MODEL_LOADERS
from tools.speech.whisper_checkpoint import num_layers, read_variables, state_of
from transformers import WhisperConfig, WhisperForConditionalGeneration

from crosslate.errors import InputError

SIZES = {
    "vocab_size": 21, "d_model": 16, "encoder_layers": 2, "decoder_layers": 12, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 20, "num_mel_bins": 8,
    "max_source_positions": 12, "max_target_positions": 16,
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A model and the binary file that CTranslate2 makes of it in float16."""
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(
        WhisperConfig(**SIZES, **ids, suppress_tokens=None, begin_suppress_tokens=None)
    ).half()
    spec = _MODEL_LOADERS["WhisperConfig"].get_model_spec(model)
    spec.register_vocabulary([f"piece {index}" for index in range(SIZES["vocab_size"])])
    spec.validate()
    spec.optimize(quantization="float16")
    path = tmp_path_factory.mktemp("model") / "model.bin"
    spec._serialize(str(path))
    return model, path


def test_every_tensor_comes_back(written):
    model, path = written
    variables = read_variables(path)
    assert (num_layers(variables, "encoder"), num_layers(variables, "decoder")) == (2, 12)
    found = state_of(variables, 12)
    wanted = {name: each.float() for name, each in model.state_dict().items() if name != "proj_out.weight"}
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert torch.equal(found[name], tensor), name


def test_a_shorter_window_has_fewer_positions(written):
    model, path = written
    found = state_of(read_variables(path), 5)["model.encoder.embed_positions.weight"]
    assert torch.equal(found, model.model.encoder.embed_positions.weight[:5].float())


def test_another_file_is_refused(tmp_path):
    (tmp_path / "model.bin").write_bytes(bytes([9, 0, 0, 0]))
    with pytest.raises(InputError, match="has the binary version 9, expected 6"):
        read_variables(tmp_path / "model.bin")
