"""Parents of a hub: what is fetched, and every refusal by its cause."""

import huggingface_hub
import pytest
from huggingface_hub import errors

from crosslate.errors import ParentError
from crosslate.models.parent_files import local_folder

BOTH = [
    "README.md", "config.json", "vocab.json", "source.spm", "model.safetensors", "pytorch_model.bin", "tf_model.h5",
    "onnx/model.onnx", "onnx/config.json", "rust_model.ot",
]  # fmt: skip
PICKLED = ["config.json", "spiece.model", "pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"]


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub that lists files, or refuses; what is fetched from it is noted."""

    class Hub:
        files, error, fetched = (), None, ()

        def list_repo_files(self, name):
            if self.error:
                raise self.error
            return self.files

        def fetch(self, name, allow_patterns):
            self.fetched = allow_patterns
            return str(tmp_path)

    made = Hub()
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: made)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", made.fetch)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    return made


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (BOTH, {"config.json", "vocab.json", "source.spm", "model.safetensors"}),
        (PICKLED, set(PICKLED)),
        (["config.json", "model-00001-of-00001.safetensors", "model.safetensors.index.json", "pytorch_model.bin"],
         {"config.json", "model-00001-of-00001.safetensors", "model.safetensors.index.json"}),
    ],
)  # fmt: skip
def test_one_format_of_the_weights_is_fetched(hub, tmp_path, files, expected):
    hub.files = files
    assert local_folder("ann/fr-en") == tmp_path
    assert set(hub.fetched) == expected


def test_what_was_fetched_before_is_found_without_a_network(hub, tmp_path):
    hub.error = ConnectionError("no route")
    assert local_folder("ann/fr-en") == tmp_path
    assert {"*.json", "model.safetensors", "pytorch_model.bin"} <= set(hub.fetched)


def refusal(kind, status):
    error = kind.__new__(kind)  # its arguments are of the library for HTTP in use
    OSError.__init__(error, f"{status} Client Error. (Request ID: Root=1-6)")
    error.response = type("Response", (), {"status_code": status})
    return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            refusal(errors.GatedRepoError, 401),
            r"it is gated; ask for access on .*huggingface.co/ann/fr-en.*`hf auth login`",
        ),
        (
            refusal(errors.RepositoryNotFoundError, 401),
            "there is no such model, or it is private; .*`hf auth login`",
        ),
        (
            refusal(errors.HfHubHTTPError, 403),
            "the hub answers with status 403; log in again with `hf auth login`",
        ),
        (refusal(errors.HfHubHTTPError, 500), "the hub answers with status 500; try again later"),
        (
            errors.LocalEntryNotFoundError("nothing cached"),
            "the hub cannot be reached .*was not fetched before",
        ),
        (errors.HFValidationError("Repo id must use"), "'ann/fr-en' is no id of a model; expected OWNER"),
    ],
)
def test_a_refusal_names_its_cause(hub, monkeypatch, error, message):
    def refuse(name, allow_patterns):
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(
        ParentError, match=f"ann/fr-en is no folder here and could not be fetched .*: {message}"
    ) as caught:
        local_folder("ann/fr-en")
    assert "Request ID" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("t5-small", "no such folder; a model of the hub has its owner in its id, google-t5/t5-small"),
        ("opus-mt-fr-en", "its id, Helsinki-NLP/opus-mt-fr-en"),
        ("something", "its id, OWNER/something"),
        ("https://huggingface.co/ann/fr-en", "is an address; give the hub id in it, ann/fr-en"),
        ("https://huggingface.co/ann/fr-en/tree/main?x=1", "give the hub id in it, ann/fr-en$"),
        ("huggingface.co/ann/fr-en.git", "give the hub id in it, ann/fr-en$"),
        ("https://example.org/model.tar.gz", "is an address, expected a folder or a hub id"),
    ],
)
def test_names_that_are_no_ids(name, message):
    with pytest.raises(ParentError, match=message):
        local_folder(name)
