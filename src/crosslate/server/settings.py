"""What a server is started with. The command line's defaults come from here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import Faults, UsageError

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


@dataclass(frozen=True)
class Limits:
    """What one client may ask for; -1 sets no limit.

    Attributes:
        characters: of one text.
        texts: of one request.
        alternatives: beside the best translation; each widens the beam by one.
        requests_per_minute: per key or address, per route; 0 leaves the server to holders of keys.
        refusals_per_hour: a client that was refused so often for its rate is banned for the hour.
        body_bytes: of one request.
        file_bytes: of one file to translate.
        request_seconds: how long one request may take.
        waiting_requests: more are answered with 503.
        waiting_tokens: source tokens that may wait; a single request may be larger.
    """

    characters: int = -1
    texts: int = -1
    alternatives: int = 5
    requests_per_minute: int = -1
    refusals_per_hour: int = -1
    body_bytes: int = 4 << 20
    file_bytes: int = 32 << 20
    request_seconds: float = 300.0
    waiting_requests: int = 256
    waiting_tokens: int = 2_000_000

    def __post_init__(self) -> None:
        faults = Faults("these limits make no sense")
        for name in ("characters", "texts", "alternatives", "requests_per_minute", "refusals_per_hour"):
            if getattr(self, name) < -1:
                faults.add(f"{name} is {getattr(self, name)}, expected -1 (no limit), 0 or more")
        for name in ("body_bytes", "file_bytes", "request_seconds", "waiting_requests", "waiting_tokens"):
            if getattr(self, name) <= 0:
                faults.add(f"{name} is {getattr(self, name)}, expected more than 0")
        faults.raise_as(UsageError)


@dataclass(frozen=True)
class Batching:
    """How texts of all clients are put together.

    Attributes:
        window_seconds: how long an idle engine waits for more texts after the first.
        tokens: source tokens of one batch.
    """

    window_seconds: float = 0.002
    tokens: int = 4096

    def __post_init__(self) -> None:
        if self.window_seconds < 0 or self.tokens < 1:
            raise UsageError(
                f"a batch of {self.tokens} tokens within {self.window_seconds} s cannot be made; "
                "expected at least 1 token and 0 s"
            )


@dataclass(frozen=True)
class ServerSettings:
    """One server.

    Attributes:
        parent: hub id or folder.
        packs: the folder whose folders are packs; None serves the parent alone.
        parent_languages: of a parent whose files name none, or many.
        host: address to listen on.
        port: 0 takes a free one.
        engine: ``auto``, ``ctranslate2`` or ``pytorch``.
        quantization: of CTranslate2's weights.
        memory_bytes: models of the CTranslate2 engine above this are dropped, the least recently used
            first; None keeps all.
        pivot: also translate through a third language where no model translates a pair.
        options: how to search for translations.
        repetition_guard: translate a text again, without repeats, where the model ran in circles.
        limits: what clients may ask for.
        batching: how texts are put together.
        keys: file of API keys; None leaves keys unread.
        require_key: translate only for holders of a key.
        key_url: where to get one, for people.
        files: whether whole files are translated.
        page: whether there is a page for people at ``/``.
        insight: whether ``/v1/links``, ``/v1/neighbours`` and ``/v1/map`` answer; they need the parent in
            PyTorch.
        metrics: whether ``/metrics`` answers.
        metrics_token: what it must be asked with; empty for nothing.
        trust_forwarded_for: take a client's address from the proxy in front.
        log_text: write texts and translations to the log.
        url_prefix: path below which everything lies, like ``/translate-api``; empty for none.
    """

    parent: str
    packs: Path | None = None
    parent_languages: tuple[str, str] | None = None
    host: str = "127.0.0.1"
    port: int = 5000
    engine: str = "auto"
    quantization: str = "float32"
    memory_bytes: int | None = None
    pivot: bool = False
    options: DecodingOptions = field(default_factory=DecodingOptions)
    repetition_guard: bool = True
    limits: Limits = field(default_factory=Limits)
    batching: Batching = field(default_factory=Batching)
    keys: Path | None = None
    require_key: bool = False
    key_url: str = ""
    files: bool = True
    page: bool = True
    insight: bool = True
    metrics: bool = True
    metrics_token: str = ""
    trust_forwarded_for: bool = False
    log_text: bool = False
    url_prefix: str = ""

    def __post_init__(self) -> None:
        faults = Faults("cannot serve with these settings")
        if not 0 <= self.port <= 65535:
            faults.add(f"port is {self.port}, expected 0 to 65535")
        if self.require_key and self.keys is None:
            faults.add("a key is required of everybody, but there is no file of keys; give one")
        if self.limits.requests_per_minute == 0 and self.keys is None:
            faults.add("requests are for holders of keys, but there is no file of keys; give one")
        if self.memory_bytes is not None and self.memory_bytes < 1:
            faults.add(f"memory is {self.memory_bytes} bytes, expected more")
        if self.url_prefix and not re.fullmatch(r"(/[\w.~-]+)+", self.url_prefix):
            faults.add(
                f"the URL's prefix is {self.url_prefix!r}, expected a path like '/mt', without a last /"
            )
        faults.raise_as(UsageError)


def parse_bytes(text: str) -> int:
    """``800MB``, ``2G`` or ``1048576`` in bytes; a kilobyte is 1000 bytes, a KiB 1024.

    Raises:
        UsageError: it is no size.
    """
    match = _SIZE.fullmatch(text)
    if not match:
        raise UsageError(f"{text!r} is no size; expected bytes, or a number with a unit like 800MB or 2GB")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** _POWERS[match[2].lower()])
