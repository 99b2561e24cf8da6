"""What a server is started with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from crosslate.config import Settings
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import Faults, UsageError
from crosslate.languages.codes import language_pair
from crosslate.packs.collections import is_collection

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_bytes(size: Any) -> Any:
    """``800MB``, ``2G`` or ``1048576`` in bytes; a kilobyte is 1000 bytes, a KiB 1024. What is no text stays.

    Raises:
        UsageError: it is no size.
    """
    if not isinstance(size, str):
        return size
    match = _SIZE.fullmatch(size)
    if not match:
        raise UsageError(f"{size!r} is no size; expected bytes, or a number with a unit like 800MB or 2GB")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** _POWERS[match[2].lower()])


def _pair(languages: Any) -> Any:
    return language_pair(languages) if isinstance(languages, str) else languages


Bytes = Annotated[int, BeforeValidator(parse_bytes), Field(gt=0)]


class Limits(Settings):
    """What one client may ask for."""

    characters: int = Field(-1, ge=-1, description="Characters of one text; -1 sets no limit.")
    texts: int = Field(
        5000, ge=-1, description="Texts of one request, empty ones included; -1 sets no limit."
    )
    alternatives: int = Field(
        5,
        ge=-1,
        description="Alternatives of one translation, each of which widens the beam; -1 sets no limit.",
    )
    terms: int = Field(
        1000, ge=0, le=10_000, description="Terms in the glossary of one request; 0 allows none."
    )
    requests_per_minute: int = Field(
        -1,
        ge=-1,
        description="Requests per minute of one key or address, a list counting with its length; -1 sets no "
        "limit, 0 leaves the server to holders of keys.",
    )
    refusals_per_hour: int = Field(
        -1,
        ge=-1,
        description="Ban who was refused more than N times for its rate, until an hour is over; -1 never.",
    )
    body_bytes: Bytes = Field("4MiB", validate_default=True, description="Size of one request.")
    file_bytes: Bytes = Field("32MiB", validate_default=True, description="Size of one file to translate.")
    request_seconds: float = Field(300.0, gt=0, description="How long one request may take.")
    arrival_seconds: float = Field(
        20.0,
        gt=0,
        description="How long a request may take to arrive; a large body may take longer if it arrives with "
        "16 kB per second or more.",
    )
    connections: int = Field(
        512, gt=0, description="Open connections; another one takes the place of one that is silent."
    )
    kept_bytes: Bytes = Field(
        "1GiB",
        validate_default=True,
        description="Size of all translated files that wait to be fetched; the oldest are removed first.",
    )


class QueueSettings(Settings):
    """The queue in which the texts of all clients wait, and how batches are cut from it."""

    waiting_requests: int = Field(
        256, gt=0, description="Requests that may wait; more are answered with 503."
    )
    waiting_tokens: int = Field(
        2_000_000, gt=0, description="Source tokens that may wait; a single request may be larger."
    )
    batch_tokens: int = Field(4096, gt=0, description="Source tokens that are translated together.")
    window_milliseconds: float = Field(
        2.0, ge=0, description="Milliseconds that an idle engine waits for more texts."
    )
    repetition_guard: bool = Field(
        True, description="Translate a sentence again, without repeats, where the model repeats itself."
    )


class ServerSettings(Settings):
    """One server."""

    parent: str = Field("", description="Folder or hub id of the parent.")
    packs: Path | None = Field(
        None,
        description="Folder whose folders are packs; it is watched, packs come and go while the server runs.",
    )
    collection: str = Field(
        "",
        description="Collection of packs on the hub that the folder of packs follows: what is new or changed "
        "in it is installed.",
    )
    collection_minutes: float = Field(60.0, gt=0, description="Minutes between two looks at the collection.")
    parent_languages: Annotated[tuple[str, str] | None, BeforeValidator(_pair)] = Field(
        None,
        description="Languages of the parent, where its files name none or many (mBART, NLLB): fr-en, or in "
        "its own codes fra_Latn-eng_Latn.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(5000, ge=0, le=65535, description="Port; 0 takes a free one.")
    url_prefix: Annotated[str, AfterValidator(lambda path: path.rstrip("/"))] = Field(
        "", description="Serve below this path, like /mt."
    )
    engine: str = Field(
        "auto", description="auto, ctranslate2 or pytorch; auto is PyTorch on a GPU, else CTranslate2."
    )
    quantization: str = Field(
        "float32", description="Type of CTranslate2's weights: float32, int8, int16, float16, bfloat16, …"
    )
    memory_bytes: Bytes | None = Field(
        None,
        description="CTranslate2 models above this size, like 2GB, are dropped, the least recently used "
        "first; no limit if not given.",
    )
    pivot: bool = Field(False, description="Also offer pairs through a third language.")
    options: DecodingOptions = Field(DecodingOptions(), description="How to search for translations.")
    limits: Limits = Limits()
    queue: QueueSettings = QueueSettings()
    keys: Path | None = Field(None, description="Read API keys from this file.")
    require_key: bool = Field(False, description="Translate only for holders of a key.")
    key_url: str = Field("", description="Where to get a key, for people.")
    files: bool = Field(True, description="Translate whole files.")
    page: bool = Field(True, description="Show a page at /.")
    insight: bool = Field(
        True,
        description="Answer /v1/links, /v1/neighbours and /v1/map; when one is asked for first, the parent "
        "is loaded in PyTorch.",
    )
    metrics: bool = Field(True, description="Answer /metrics.")
    metrics_token: str = Field("", description="Bearer token that /metrics asks for.")
    trust_forwarded_for: bool = Field(
        False, description="Take a client's address from the proxy in front, if there is one."
    )
    log_text: bool = Field(False, description="Write texts and translations to the log.")

    def find_faults(self, faults: Faults) -> None:
        """Checks that keys can be required, and the prefix."""
        if self.require_key and self.keys is None:
            faults.add("a key is required of everybody, but there is no file of keys; give one")
        if self.limits.requests_per_minute == 0 and self.keys is None:
            faults.add("requests are for holders of keys, but there is no file of keys; give one")
        if self.collection and self.packs is None:
            faults.add("a collection is given, but no folder of packs that could follow it; give one")
        if self.collection and not is_collection(self.collection):
            faults.add(
                f"the collection is {self.collection!r}, expected its slug on the hub: owner, title and 24 "
                "hexadecimal digits, like ann/packs-64f9a55bb3115b4f513ec026"
            )
        if self.url_prefix and not re.fullmatch(r"(/[\w.~-]+)+", self.url_prefix):
            faults.add(f"the URL's prefix is {self.url_prefix!r}, expected a path like '/mt'")
