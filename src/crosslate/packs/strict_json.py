"""JSON without its loose ends, for files that come from strangers."""

from __future__ import annotations

import json
import math
from typing import Any

from crosslate.errors import Faults, PackError

MAX_DEPTH = 32


def strict_json(data: bytes, where: str) -> dict[str, Any]:
    """Reads ``data`` as a JSON object.

    Args:
        where: what is read, for messages.

    Raises:
        PackError: not UTF-8, not JSON, not an object on top, a key twice in one object, NaN or an
            infinite number, nested deeper than :data:`MAX_DEPTH`, or half a surrogate pair.
    """
    faults = Faults(f"cannot use {where}")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in pairs:
            if key in result:
                faults.add(f"the key {key!r} occurs twice in one object")
            result[key] = value
        return result

    def finite(text: str) -> float:
        if not math.isfinite(float(text)):
            faults.add(f"{text} is not a finite number")
        return float(text)

    try:
        values = json.loads(
            data.decode("utf-8"), object_pairs_hook=unique, parse_float=finite, parse_constant=finite
        )
        json.dumps(values, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise PackError(f"{where}: not UTF-8 at byte {error.start}") from None
    except UnicodeEncodeError:
        raise PackError(f"{where}: holds half of a surrogate pair, which is not a character") from None
    except json.JSONDecodeError as error:
        raise PackError(
            f"{where}: not JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except RecursionError:
        raise PackError(f"{where}: nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:  # a whole number of thousands of digits
        raise PackError(f"{where}: holds a number that cannot be read: {error}") from None
    if _depth_exceeds(values, MAX_DEPTH):
        faults.add(f"nested deeper than {MAX_DEPTH} levels")
    if not isinstance(values, dict):
        faults.add(f"the top level is {type(values).__name__}, expected an object")
    faults.raise_as(PackError)
    return values


def _depth_exceeds(values: Any, limit: int) -> bool:
    level = [values]
    for _ in range(limit + 1):
        if not level:
            return False
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    return bool(level)
