"""Publish folders on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from crosslate.errors import HubError, UsageError


def check_publishing(repo_id: str) -> None:
    """Checks, without network access, that publishing can succeed.

    Raises:
        HubError: there is no token, or huggingface_hub is in offline mode.
        UsageError: ``repo_id`` is not a valid repository name.
    """
    from huggingface_hub import constants, get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise UsageError(
            f"{repo_id!r} is not a valid repository name, expected one like 'ann/de-en': {error}"
        ) from None
    if constants.HF_HUB_OFFLINE:
        raise HubError(f"cannot publish {repo_id} in offline mode; unset HF_HUB_OFFLINE")
    if get_token() is None:
        raise HubError(
            f"cannot publish {repo_id} without a Hugging Face token; log in with `hf auth login`, or set "
            "HF_TOKEN to a token with write access"
        )


def publish(folder: Path, repo_id: str, *, is_private: bool = False) -> str:
    """Uploads a folder to a model repository, which is created if missing.

    huggingface_hub supplies the token (``HF_TOKEN`` or a login) and the hub's address (``HF_ENDPOINT``).

    Args:
        folder: files to upload; existing files of the same names are replaced.
        is_private: create a private repository; an existing one must be private.

    Returns:
        The repository's URL.

    Raises:
        HubError: the hub cannot be reached or refuses the upload; the folder is not modified.
        UsageError: see :func:`check_publishing`.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    check_publishing(repo_id)
    hub = HfApi(library_name="crosslate")
    try:
        made = hub.create_repo(repo_id, private=True if is_private else None, exist_ok=True)
        # The hub ignores `private` for an existing repository.
        is_public = is_private and not hub.repo_info(made.repo_id).private
        if not is_public:
            hub.upload_folder(
                repo_id=made.repo_id, folder_path=folder, commit_message="Upload a model merged by Crosslate"
            )
    except HfHubHTTPError as error:
        status = error.response.status_code
        hint = "check that the token has write access" if status in (401, 403) else "try again later"
        raise HubError(
            f"the hub refused {repo_id} (status {status}: {_first_line(error)}); {hint}; "
            f"the model is saved in {folder}"
        ) from error
    except Exception as error:  # the hub client's HTTP library changes between versions
        raise HubError(
            f"cannot reach the hub at {hub.endpoint} ({type(error).__name__}: {_first_line(error)}); "
            f"the model is saved in {folder}; check the network and publish it later"
        ) from error
    if is_public:
        raise HubError(
            f"the repository {made.repo_id} is public, expected a private one; nothing was uploaded: "
            "choose another name or make it private first"
        )
    return str(made)


def _first_line(error: Exception) -> str:
    server_message = getattr(error, "server_message", None)
    return str(server_message or error).strip().partition("\n")[0]
