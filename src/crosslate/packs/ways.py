"""Ways to translate a pair with one parent and its packs, their recorded scores, and which way is taken.

A pair may have several ways: a pack, a pair pack with its two packs, two packs composed, or models in a row.
Scores of ways are kept in one file in the folder of the packs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

from filelock import FileLock
from pydantic import AfterValidator, Field

from crosslate.errors import InputError, SettingsError
from crosslate.files import read_json, write_json
from crosslate.languages.codes import public_code
from crosslate.packs.manifest import ScoreRecord, Sha256

SCORES_NAME = "scores.json"
_LOCK_NAME = ".scores.lock"
_METRICS = ("BLEU", "chrF2", "chrF2++")

Step = tuple[str, ...]
"""A model: the checksums of its packs in alphabetical order, or the fingerprint of a parent without packs."""
Way = tuple[Step, ...]
"""One model, or several in a row."""


class WayScore(ScoreRecord):
    """A score of one way on one test set.

    Attributes:
        source_language, target_language: public codes of the pair.
        way: the models, each by the checksums of its packs or by the parent's fingerprint.
        test_set: origin of the test set, for people.
        test_sha256: hash of its sentences.
        decoding: how translations were searched for.
    """

    source_language: Annotated[str, AfterValidator(public_code)]
    target_language: Annotated[str, AfterValidator(public_code)]
    way: tuple[tuple[Sha256, ...], ...] = Field(min_length=1)
    test_sha256: Sha256
    decoding: dict[str, Any] = Field(default_factory=dict)

    @property
    def pair(self) -> tuple[str, str]:
        return self.source_language, self.target_language

    @property
    def conditions(self) -> tuple[str, ...]:
        """Scores are comparable if all of these are equal."""
        decoding = json.dumps(self.decoding, sort_keys=True)
        return self.metric, self.signature, self.test_sha256, decoding


def read_scores(folder: Path) -> tuple[WayScore, ...]:
    """The scores recorded in a folder of packs; none if it has no such file.

    Raises:
        InputError: there is no such folder, or the file is damaged.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give the folder of the packs")
    path = folder / SCORES_NAME
    if not path.is_file():
        return ()
    values = read_json(path)
    found = values.get("scores") if isinstance(values, dict) else None
    if not isinstance(found, list):
        raise InputError(f'{path}: expected an object with a list "scores"; remove it and record them again')
    try:
        return tuple(WayScore.from_values(each, where=f"score {row}") for row, each in enumerate(found, 1))
    except SettingsError as error:
        raise InputError(f"{path}: {error}; remove it and record the scores again") from None


def record_scores(folder: Path, scores: Iterable[WayScore]) -> Path:
    """Adds scores to those of a folder of packs, in place of earlier ones of the same ways and conditions.

    Returns:
        The file.

    Raises:
        InputError: there is no such folder, or the file in it is damaged.
    """
    read_scores(folder)  # first, so that nothing is made in its place
    with FileLock(folder / _LOCK_NAME):
        new = {(each.pair, each.way, each.conditions): each for each in scores}
        known = {(each.pair, each.way, each.conditions): each for each in read_scores(folder)}
        # What is recorded again moves to the end: the order is that of recording.
        kept = [each for key, each in known.items() if key not in new]
        values = [each.to_values() for each in (*kept, *new.values())]
        write_json(folder / SCORES_NAME, {"scores": values})
    return folder / SCORES_NAME


def best_way(
    pair: tuple[str, str], ways: Sequence[Way], scores: Iterable[WayScore]
) -> tuple[int, dict[int, WayScore]]:
    """Chooses one of the ways of a pair.

    The first is taken unless another has a higher score under the same conditions: metric, signature, test
    set and decoding. So a way whose score is unknown is neither preferred to the first nor, if it is the
    first itself, replaced. Of several conditions, those count under which the most ways were scored; of
    these BLEU before chrF, then what was recorded last.

    Args:
        pair: public codes of source and target language.
        ways: in the order in which they are preferred as long as nothing is known; at least one.

    Returns:
        Position of the chosen way; and the scores that decided, by position, empty if none did.
    """
    tables: dict[tuple[str, ...], dict[int, WayScore]] = {}
    for score in scores:
        if score.pair == pair and score.way in ways:
            table = tables.pop(score.conditions, {})  # to the end, as the last one recorded
            tables[score.conditions] = table | {ways.index(score.way): score}
    comparisons = [table for table in tables.values() if 0 in table and len(table) > 1]
    if not comparisons:
        return 0, {}
    *_, decisive = sorted(comparisons, key=lambda table: (len(table), -_metric_rank(table[0].metric)))
    chosen = min(decisive, key=lambda position: (-decisive[position].value, position))
    return chosen, decisive


def _metric_rank(metric: str) -> int:
    return _METRICS.index(metric) if metric in _METRICS else len(_METRICS)
