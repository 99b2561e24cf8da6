"""Publishing to a model hub: what huggingface_hub is asked for, and its refusals as clear errors."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import create_autospec

import huggingface_hub
import pytest
from huggingface_hub.errors import HfHubHTTPError

from crosslate.errors import HubError, UsageError
from crosslate.packs.hub import publish


@pytest.fixture
def hub(monkeypatch):
    """A hub's client that has its methods and takes their arguments, and asks nobody."""
    made = create_autospec(huggingface_hub.HfApi, instance=True)
    made.endpoint = "https://hub"
    made.create_repo.return_value = SimpleNamespace(repo_id="ann/de-en")
    made.repo_info.return_value = SimpleNamespace(private=True)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda library_name: made)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: "hf_secret")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    return made


@pytest.mark.parametrize("is_private", [False, True])
def test_a_folder_is_uploaded(hub, tmp_path, is_private):
    publish(tmp_path, "ann/de-en", is_private=is_private)
    hub.create_repo.assert_called_once_with("ann/de-en", private=True if is_private else None, exist_ok=True)
    (asked,) = hub.upload_folder.call_args_list
    assert (asked.kwargs["repo_id"], asked.kwargs["folder_path"]) == ("ann/de-en", tmp_path)


def test_nothing_meant_to_be_private_goes_to_a_public_repository(hub, tmp_path):
    hub.repo_info.return_value = SimpleNamespace(private=False)
    with pytest.raises(HubError, match="ann/de-en is public, expected a private one"):
        publish(tmp_path, "ann/de-en", is_private=True)
    hub.upload_folder.assert_not_called()


def refusal(status):
    error = HfHubHTTPError.__new__(HfHubHTTPError)  # its other arguments are of the library for HTTP in use
    OSError.__init__(error, "no right\nto write")
    error.response, error.server_message = SimpleNamespace(status_code=status), None
    return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            refusal(403),
            r"the hub refused ann/de-en \(status 403: no right\); check that the token has write access",
        ),
        (refusal(500), r"\(status 500: no right\); try again later"),
        (OSError("no route"), r"cannot reach the hub at https://hub \(OSError: no route\)"),
    ],
)
def test_a_refusal_says_what_the_hub_says(hub, tmp_path, error, message):
    hub.upload_folder.side_effect = error
    with pytest.raises(HubError, match=message) as refused:
        publish(tmp_path, "ann/de-en")
    assert str(tmp_path) in str(refused.value) and "hf_secret" not in str(refused.value)


def test_what_cannot_work_is_refused_before_the_hub_is_asked(hub, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="'no name/at all' is not a valid repository name"):
        publish(tmp_path, "no name/at all")
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    with pytest.raises(HubError, match="without a Hugging Face token; log in with"):
        publish(tmp_path, "ann/de-en")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="in offline mode; unset HF_HUB_OFFLINE"):
        publish(tmp_path, "ann/de-en")
    assert hub.mock_calls == []
