"""Refusals of the Hugging Face Hub as errors of ours that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from crosslate.errors import CrosslateError


@contextmanager
def hub_refusals(name: str, kind: type[CrosslateError], thing: str) -> Iterator[None]:
    """Turns what the hub's client raises into ``kind``; errors of ours pass.

    Args:
        name: the hub id that was asked for.
        thing: what it stands for, such as "model".
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    what = f"{name} is no folder here and could not be fetched from the hub"
    try:
        yield
    except CrosslateError:
        raise
    except GatedRepoError as error:
        raise kind(
            f"{what}: it is gated; ask for access on its page (https://huggingface.co/{name}), then log in "
            "with `hf auth login`, or put a token into HF_TOKEN"
        ) from error
    except RevisionNotFoundError as error:
        raise kind(f"{what}: it has no such revision; give a branch, a tag or a commit of it") from error
    except RepositoryNotFoundError as error:
        raise kind(
            f"{what}: there is no such {thing}, or it is private; check the name, or log in with "
            "`hf auth login` if it is private"
        ) from error
    except HFValidationError as error:
        raise kind(f"{what}: {name!r} is no id of a {thing}; expected OWNER/NAME") from error
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        not_valid = "log in again with `hf auth login`: the token is not valid, or may not read it"
        missing = f"check the name of the {thing}, or log in with `hf auth login` if it is private"
        remedies = {401: not_valid, 403: not_valid, 404: missing}
        remedy = remedies.get(getattr(error.response, "status_code", 0), "try again later")
        raise kind(f"{what}: the hub answers with status {status}; {remedy}") from error
    except (LocalEntryNotFoundError, ConnectionError, OSError) as error:
        raise kind(
            f"{what}: the hub cannot be reached ({first_sentence(error)}), and the {thing} was not fetched "
            "before; check the network, or give a folder"
        ) from error
    except Exception as error:  # what the hub's client uses for HTTP changes from version to version
        raise kind(f"{what}: {first_sentence(error)}") from error


def first_sentence(error: Exception) -> str:
    """The first sentence or so of what a library says."""
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return text.partition(". ")[0].rstrip(".")
