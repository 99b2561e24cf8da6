"""Manifests as plain values, sealed again after a test has changed them."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def sealed(values: dict[str, Any]) -> bytes:
    """The bytes of a ``pack.json`` with these values and the right checksum."""
    blank = (json.dumps(values | {"checksum": "0" * 64}, indent=2) + "\n").encode()
    return blank.replace(b"0" * 64, hashlib.sha256(blank).hexdigest().encode())
