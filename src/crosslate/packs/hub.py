"""The Hugging Face Hub: packs fetched by their ids, packs and exported models published.

huggingface_hub supplies the token (``HF_TOKEN`` or a login), the hub's address (``HF_ENDPOINT``), the cache
(``HF_HOME``) and the offline mode (``HF_HUB_OFFLINE``).
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crosslate.errors import Faults, HubError, PackError, UsageError
from crosslate.files import atomic_folder, sha256_file
from crosslate.models.groups import SIDES
from crosslate.models.hub_refusals import hub_refusals
from crosslate.packs.cards import CardDetails, pack_card
from crosslate.packs.manifest import (
    CARD_NAME,
    MANIFEST_NAME,
    WEIGHTS_NAME,
    Manifest,
    read_manifest,
    vocabulary_name,
)

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_PACK_FILES = (MANIFEST_NAME, WEIGHTS_NAME, CARD_NAME, *(vocabulary_name(side) for side in SIDES))
_PACK_NAME = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[^@\s]+))?", re.ASCII)
_ADDRESS = re.compile(r"https?:/+[^/]+/(?P<repo>[^/]+/[^/?#]+).*")


@dataclass(frozen=True)
class Published:
    """A folder on the hub.

    Attributes:
        url: of the repository.
        repo_id: ``ann/de-en``.
        commit: hex id of the commit, which pins what was published.
    """

    url: str
    repo_id: str
    commit: str


def pack_folder(name: str | Path, revision: str | None = None) -> Path:
    """The folder of a pack that is named by its folder or by its id on the hub.

    A folder of that name is taken before the hub is asked. Of a pack on the hub, the files are fetched into
    the hub's cache, and copied from there into a plain folder of the commit, since the cache holds links and
    a pack may not. The copy is compared with the pack's hashes.

    Args:
        name: a folder, ``OWNER/NAME``, or ``OWNER/NAME@REVISION``.
        revision: branch, tag or commit; also pins it.

    Returns:
        The folder; as given, and maybe missing, if ``name`` cannot be an id of the hub.

    Raises:
        PackError: the hub does not give it, it is not a pack, or its files are not those of its manifest.
        UsageError: two different revisions are given, or a revision of a folder.
    """
    folder = Path(name)
    if folder.exists():
        if revision:
            raise UsageError(f"{name} is a folder, which has no revision {revision}; leave out the revision")
        return folder
    found = _PACK_NAME.fullmatch(folder.as_posix())
    if found is None:
        if address := _ADDRESS.fullmatch(folder.as_posix()):
            raise PackError(f"{name} is an address; give the hub id in it, {address['repo']}")
        return folder
    if revision and found["revision"] not in (None, revision):
        raise UsageError(f"{name} names another revision than {revision}; give one of them")
    return _fetched(found["repo"], revision or found["revision"])


def names_pack(name: str) -> bool:
    """Whether ``name`` is a folder with a pack or the id of one on the hub; False if the hub cannot tell."""
    folder = Path(name)
    if folder.exists():
        return (folder / MANIFEST_NAME).is_file()
    found = _PACK_NAME.fullmatch(name)
    if found is None:
        return False
    from huggingface_hub import hf_hub_download

    try:
        hf_hub_download(found["repo"], MANIFEST_NAME, revision=found["revision"])
    except Exception:  # it is a parent's, unknown or out of reach; whoever loads it says which
        return False
    return True


def _fetched(repo_id: str, revision: str | None) -> Path:
    from huggingface_hub import cached_assets_path, snapshot_download

    name = repo_id if revision is None else f"{repo_id}@{revision}"
    with hub_refusals(name, PackError, "pack"):
        snapshot = Path(snapshot_download(repo_id, revision=revision, allow_patterns=list(_PACK_FILES)))
        commit = snapshot.name
        if not (snapshot / MANIFEST_NAME).is_file():
            raise PackError(
                f"{name} on the hub has no {MANIFEST_NAME}, so it is not a pack; expected the id of a pack"
            )
        # The last part is the pack's name, which installing it elsewhere keeps.
        place = cached_assets_path("crosslate", repo_id, commit) / repo_id.partition("/")[2]
        if not place.exists():
            _copy(snapshot, place, name)
    return place


def _copy(snapshot: Path, place: Path, name: str) -> None:
    """Copies a pack out of the hub's cache, if its files are those of its manifest."""
    manifest, faults = read_manifest(snapshot / MANIFEST_NAME), Faults(f"pack {name} is refused")
    try:
        with atomic_folder(place) as temporary:
            shutil.copyfile(snapshot / MANIFEST_NAME, temporary / MANIFEST_NAME)
            if (snapshot / CARD_NAME).is_file():
                shutil.copyfile(snapshot / CARD_NAME, temporary / CARD_NAME)
            for file, record in manifest.files.items():
                if not (snapshot / file).is_file():
                    faults.add(f"{file} is missing; fetch it with a network, or tell its owner")
                    continue
                shutil.copyfile(snapshot / file, temporary / file)
                if sha256_file(temporary / file) != record.sha256:
                    faults.add(
                        f"{file} is another file than the manifest's; remove it from the cache "
                        "(`hf cache rm`) and fetch it again, or tell its owner"
                    )
            faults.raise_as(PackError)
    except OSError:
        if not place.exists():  # else another process copied it at the same moment
            raise


def publish_pack(
    folder: Path,
    manifest: Manifest,
    repo_id: str,
    details: CardDetails,
    *,
    is_private: bool = False,
    revision: str | None = None,
    message: str = "",
) -> Published:
    """Uploads a pack with a card made for the hub; a pack that was there is replaced in a new commit.

    Args:
        folder: of the pack, which must have been verified; it is not modified.
        revision: branch, created if missing; None is the main one.
        message: of the commit.

    Raises:
        HubError, UsageError: see :func:`publish`; or the licence contradicts the manifest.
    """
    card = pack_card(manifest, details)
    with tempfile.TemporaryDirectory(prefix="crosslate-") as place:
        for name in (MANIFEST_NAME, *manifest.file_names):
            shutil.copyfile(folder / name, Path(place, name))
        Path(place, CARD_NAME).write_text(card, encoding="utf-8", newline="\n")
        return publish(
            Path(place), repo_id, is_private=is_private, revision=revision, replaced=_PACK_FILES,
            message=message or f"Upload pack {manifest.name}", kept="the pack here is unchanged",
        )  # fmt: skip


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


def publish(
    folder: Path,
    repo_id: str,
    *,
    is_private: bool = False,
    revision: str | None = None,
    replaced: Sequence[str] = (),
    message: str = "Upload a model merged by Crosslate",
    kept: str = "",
) -> Published:
    """Uploads a folder to a model repository, which is created if missing.

    Args:
        folder: files to upload; existing files of the same names are replaced.
        is_private: create a private repository; an existing one must be private.
        revision: branch, created if missing; None is the main one.
        replaced: names of files to remove from the repository if the folder lacks them.
        message: of the commit.
        kept: what is left if this fails, for messages; empty says that the model is saved in ``folder``.

    Raises:
        HubError: the hub cannot be reached or refuses the upload; the folder is not modified.
        UsageError: see :func:`check_publishing`.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    check_publishing(repo_id)
    kept = kept or f"the model is saved in {folder}"
    hub = HfApi(library_name="crosslate")
    try:
        made = hub.create_repo(repo_id, private=True if is_private else None, exist_ok=True)
        # The hub ignores `private` for an existing repository.
        is_public = is_private and not hub.repo_info(made.repo_id).private
        commit = "" if is_public else _upload(hub, folder, made.repo_id, revision, replaced, message)
    except HfHubHTTPError as error:
        status = error.response.status_code
        hint = "check that the token has write access" if status in (401, 403) else "try again later"
        raise HubError(
            f"the hub refused {repo_id} (status {status}: {_first_line(error)}); {hint}; {kept}"
        ) from error
    except Exception as error:  # the hub client's HTTP library changes between versions
        raise HubError(
            f"cannot reach the hub at {hub.endpoint} ({type(error).__name__}: {_first_line(error)}); "
            f"{kept}; check the network and publish it later"
        ) from error
    if is_public:
        raise HubError(
            f"the repository {made.repo_id} is public, expected a private one; nothing was uploaded: "
            "choose another name or make it private first"
        )
    return Published(str(made), made.repo_id, commit)


def _upload(
    hub: HfApi, folder: Path, repo_id: str, revision: str | None, replaced: Sequence[str], message: str
) -> str:
    """Uploads a folder; returns the id of the commit."""
    if revision:
        hub.create_branch(repo_id, branch=revision, exist_ok=True)
    done = hub.upload_folder(
        repo_id=repo_id, folder_path=folder, revision=revision, commit_message=message,
        delete_patterns=list(replaced) or None,
    )  # fmt: skip
    return done.oid


def _first_line(error: Exception) -> str:
    server_message = getattr(error, "server_message", None)
    return str(server_message or error).strip().partition("\n")[0]
