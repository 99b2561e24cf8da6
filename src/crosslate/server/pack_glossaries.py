"""Glossaries that lie beside packs: ``de-en.glossary.tsv`` or ``de-en.glossary.tbx`` beside ``de-en``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from crosslate.engines.decoding import valid_unicode
from crosslate.errors import CrosslateError
from crosslate.text.glossaries import Glossary

log = logging.getLogger(__name__)

_SUFFIXES = (".glossary.tsv", ".glossary.tbx")  # terms of the latter go before those of the former


@dataclass(frozen=True)
class _Read:
    """What became of a file.

    Attributes:
        state: of the file and the languages of its pack when it was read.
        reason: why it is not used; empty if it is.
    """

    state: tuple[Any, ...]
    glossary: Glossary | None
    reason: str


class PackGlossaries:
    """The glossaries of a folder of packs."""

    def __init__(self) -> None:
        self._files: dict[str, _Read] = {}

    @staticmethod
    def is_one(name: str) -> bool:
        """Whether a file of this name is a glossary."""
        return name.endswith(_SUFFIXES)

    @property
    def refused(self) -> dict[str, str]:
        """Why a file is not used, by its name."""
        return {name: each.reason for name, each in self._files.items() if each.reason}

    def of(self, pack: str) -> Glossary | None:
        """The glossary of a pack, by its name."""
        read = [self._files[pack + suffix] for suffix in _SUFFIXES if pack + suffix in self._files]
        found = [each.glossary for each in read if each.glossary is not None]
        return reduce(Glossary.updated, found) if found else None

    def read(
        self, folder: Path, states: Mapping[str, tuple[Any, ...]], languages: Mapping[str, tuple[str, str]]
    ) -> None:
        """Reads what has changed. Of a file that cannot be read, what was read before stays in use.

        Args:
            states: of all files that lie in the folder now, by name.
            languages: of the packs beside them, by name.
        """
        self._files = {name: each for name, each in self._files.items() if name in states}
        for name, state in states.items():
            pack = next(name.removesuffix(each) for each in _SUFFIXES if name.endswith(each))
            pair = languages.get(pack)
            before = self._files.get(name)
            if before is None or before.state != (state, pair):
                self._files[name] = found = _read(folder / name, pack, (state, pair), pair, before)
                if found.reason:
                    kept = "; what was read before stays in use" if found.glossary else ""
                    log.error("not served: %s%s", found.reason, kept)


def _read(
    path: Path, pack: str, state: tuple[Any, ...], languages: tuple[str, str] | None, before: _Read | None
) -> _Read:
    if languages is None:
        return _Read(state, None, valid_unicode(f"glossary {path.name} has no pack {pack} beside it"))
    try:
        glossary = Glossary.read(path, *languages)
    except (CrosslateError, OSError) as error:
        return _Read(state, None if before is None else before.glossary, valid_unicode(str(error)))
    log.info("read glossary %s: %d terms", valid_unicode(path.name), len(glossary.terms))
    return _Read(state, glossary, "")
