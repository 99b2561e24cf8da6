"""Finished folders to a model hub, through huggingface_hub."""

from __future__ import annotations

from pathlib import Path

from crosslate.errors import HubError, UsageError


def check_publishing(repo_id: str) -> None:
    """Refuses what the hub would refuse after all the work; asks nobody.

    Raises:
        HubError: there is no token, or huggingface_hub is told to stay offline.
        UsageError: ``repo_id`` is no name that a hub knows.
    """
    from huggingface_hub import constants, get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise UsageError(
            f"{repo_id!r} is no name of a repository, expected one like 'ann/de-en': {error}"
        ) from None
    if constants.HF_HUB_OFFLINE:
        raise HubError(f"cannot publish {repo_id}: HF_HUB_OFFLINE is set; unset it")
    if get_token() is None:
        raise HubError(
            f"cannot publish {repo_id}: there is no token of the hub; log in with `hf auth login`, or put a "
            "token that may write into HF_TOKEN"
        )


def publish(folder: Path, repo_id: str, *, is_private: bool = False) -> str:
    """Uploads a folder to a model repository, which is made if it is not there.

    The token and the hub's address are huggingface_hub's: ``HF_TOKEN`` or a login, ``HF_ENDPOINT``.

    Args:
        folder: as it shall be seen; files of the same names are replaced.
        is_private: make a private repository; one that is there must be private.

    Returns:
        The repository's address.

    Raises:
        HubError: the hub cannot be reached, or refuses; the folder is not touched.
        UsageError: see :func:`check_publishing`.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    check_publishing(repo_id)
    hub = HfApi(library_name="crosslate")
    try:
        made = hub.create_repo(repo_id, private=True if is_private else None, exist_ok=True)
        # Of a repository that was there before, the hub ignores what was asked for.
        is_public = is_private and not hub.repo_info(made.repo_id).private
        if not is_public:
            hub.upload_folder(
                repo_id=made.repo_id, folder_path=folder, commit_message="Upload a model merged by Crosslate"
            )
    except HfHubHTTPError as error:
        status = error.response.status_code
        hint = "check that the token may write there" if status in (401, 403) else "try again later"
        raise HubError(
            f"the hub refused {repo_id} (status {status}: {_first_line(error)}); {hint}; "
            f"the model is in {folder}"
        ) from error
    except Exception as error:  # what the hub's client uses for HTTP changes from version to version
        raise HubError(
            f"cannot reach the hub at {hub.endpoint} ({type(error).__name__}: {_first_line(error)}); "
            f"the model is in {folder}; publish it when there is a network"
        ) from error
    if is_public:
        raise HubError(
            f"{made.repo_id} is a public repository, expected a private one; nothing was uploaded; "
            "choose another name or make it private first"
        )
    return str(made)


def _first_line(error: Exception) -> str:
    server_message = getattr(error, "server_message", None)
    return str(server_message or error).strip().partition("\n")[0]
