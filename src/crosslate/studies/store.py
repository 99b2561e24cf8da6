"""Results of a study, stored as small JSON files with the translations of test sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock
from pydantic import Field

from crosslate.config import Settings
from crosslate.errors import InputError, SettingsError
from crosslate.evaluation.significance import holm
from crosslate.files import read_json, read_optional_object, write_json, write_text
from crosslate.studies.cells import Cell, find

RESULTS = "results"
FAILURES = "failures"
MODELS = "models"
TRANSLATIONS = "translations"
LOCKS = ".locks"


@dataclass(frozen=True)
class Output:
    """Result of a cell's work: values for JSON, and translations of the test set, if any."""

    values: dict[str, Any]
    translations: list[str] | None = None


class Result(Settings):
    """A stored result of a cell. Its translations are in a file beside it."""

    key: str
    kind: str
    title: str
    labels: dict[str, Any]
    spec: dict[str, Any]
    needs: dict[str, str] = Field(default_factory=dict)
    values: dict[str, Any]
    seconds: float = Field(description="duration of the work in its last session; training counts in full")
    environment: dict[str, Any] = Field(default_factory=dict, description="versions, machine, end time")
    file: Path | None = Field(None, exclude=True, description="file that it was read from")

    @property
    def translations(self) -> Path | None:
        """The file of the test set's translations, or None."""
        path = self.file.with_suffix(".txt") if self.file else None
        return path if path and path.is_file() else None

    def lines(self) -> list[str]:
        """The translations of the test set, one per sentence.

        Raises:
            InputError: they are missing or damaged.
        """
        path, remedy = self.translations, f"remove {self.file} and run the study again"
        if path is None:
            raise InputError(f"{self.title} has no stored translations; {remedy}")
        try:
            lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not UTF-8 at byte {error.start}; {remedy}") from None
        wanted = self.values.get("test", {}).get("sentences", len(lines))
        if len(lines) != wanted:
            raise InputError(f"{path} has {len(lines)} lines, expected {wanted}; {remedy}")
        return lines


class Store:
    """The folder of a study. Several processes may write to it, since every file belongs to one cell."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def models(self, cell: Cell) -> Path:
        """Folder for a cell's models and training state."""
        return self.folder / MODELS / cell.slug

    def lock(self, cell: Cell) -> BaseFileLock:
        """Held by a process while it works on a cell; the system frees it when the process dies."""
        folder = self.folder / LOCKS
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{cell.key[:12]}.lock")

    def is_done(self, cell: Cell) -> bool:
        """Whether a result of this cell is stored, under any title."""
        return self._file(cell.key) is not None

    def save(self, cell: Cell, output: Output, seconds: float, environment: Mapping[str, Any]) -> None:
        """Stores a result and removes an earlier failure of the cell."""
        path = self.folder / RESULTS / f"{cell.slug}.json"
        if output.translations is not None:
            write_text(path.with_suffix(".txt"), "".join(line + "\n" for line in output.translations))
        write_json(
            path,
            {
                "key": cell.key, "kind": cell.kind, "title": cell.title, "labels": cell.labels,
                "spec": cell.spec, "needs": cell.needs, "values": output.values,
                "seconds": round(seconds, 1), "environment": dict(environment),
            },
        )  # fmt: skip
        self._failure(cell).unlink(missing_ok=True)

    def load(self, key: str) -> Result:
        """The result of a cell.

        Raises:
            InputError: the result is missing or damaged.
        """
        path = self._file(key)
        if path is None:
            raise InputError(f"{self.folder} has no result with the key {key[:12]}; run the study again")
        try:
            values = read_json(path)
            if not isinstance(values, dict) or values.get("key") != key:
                raise InputError(f"it is not the result of {key[:12]}")
            return Result.from_values(values | {"file": str(path)}, where="it")
        except (InputError, OSError, SettingsError) as error:
            raise InputError(f"{path} is damaged ({error}); remove it and run the study again") from None

    def results(self, cells: Sequence[Cell]) -> dict[str, Result]:
        """Results of finished cells by key, with the titles and labels of the plan."""
        return {
            cell.key: self.load(cell.key).changed(kind=cell.kind, title=cell.title, labels=cell.labels)
            for cell in cells
            if self.is_done(cell)
        }

    def publish_translations(self, cells: Sequence[Cell], folder: Path) -> int:
        """Writes the translations of test sets to a folder, one file per cell; returns their number."""
        count = 0
        for result in self.results(cells).values():
            if result.translations is not None and "test" in result.values:
                write_text(folder / result.translations.name, "".join(f"{line}\n" for line in result.lines()))
                count += 1
        return count

    def record_failure(self, cell: Cell, error: str, trace: str) -> None:
        """Records why a cell failed; the next run tries it again."""
        write_json(
            self._failure(cell),
            {"key": cell.key, "kind": cell.kind, "title": cell.title, "error": error, "trace": trace},
        )

    def failure(self, cell: Cell) -> str | None:
        """The error of a cell's last failure, or None."""
        path = self._failure(cell)
        if not path.is_file():
            return None
        return str(read_optional_object(path).get("error", f"{path} cannot be read"))

    def _failure(self, cell: Cell) -> Path:
        return self.folder / FAILURES / f"{cell.slug}.json"

    def _file(self, key: str) -> Path | None:
        """The file of a result, whose name ends in the start of the key."""
        return min((self.folder / RESULTS).glob(f"*-{key[:12]}.json"), default=None)


Found = tuple[Cell, dict[str, Any]]
"""A cell and the values of its result."""


class Results:
    """The cells of a study with their available results, by key."""

    def __init__(self, cells: Sequence[Cell], by_key: Mapping[str, Result]) -> None:
        self.cells, self.by_key = cells, by_key

    def found(self, kind: str, **labels: Any) -> list[Found]:
        """Cells of a kind with these labels that have a result."""
        return [
            (cell, self.by_key[cell.key].values)
            for cell in find(self.cells, kind, **labels)
            if cell.key in self.by_key
        ]

    def names(self, kind: str, label: str) -> list[Any]:
        """The values of a label, in the order of the study."""
        return list(dict.fromkeys(cell.labels[label] for cell in find(self.cells, kind)))

    @cached_property
    def sizes(self) -> list[int]:
        """Numbers of training pairs in ascending order; 0 means all and comes last."""
        return sorted(self.names("child", "size") or [0], key=lambda size: size or 10**12)

    @property
    def full_size(self) -> int:
        """Training pairs of the children that are analysed; 0 means all."""
        return self.sizes[-1]

    @property
    def first_seed(self) -> int:
        return int((self.names("child", "seed") or [1])[0])

    def bleu(self, cell: Cell) -> float:
        return float(self.by_key[cell.key].values["scores"]["bleu"]["value"])

    def scores(self, kind: str, metric: str = "bleu", **labels: Any) -> list[float]:
        """The scores of all cells of a kind with these labels."""
        return [values["scores"][metric]["value"] for _, values in self.found(kind, **labels)]

    @cached_property
    def corrected(self) -> dict[str, float]:
        """The p-values of comparisons by key, by Holm's correction for all that the study plans.

        Those without a result count as 1, so no p-value grows when they get one.
        """
        found = self.found("compare")
        p_values = [(values.get("bleu") or values["precision"])["p_value"] for _, values in found]
        missing = len(find(self.cells, "compare")) - len(found)
        return {cell.key: each for (cell, _), each in zip(found, holm([*p_values, *[1.0] * missing]))}

    @cached_property
    def _by_pair(self) -> dict[tuple[str, str], tuple[Cell, bool]]:
        """Comparisons of single children by the keys of each compared pair, and whether it is turned."""
        pairs: dict[tuple[str, str], tuple[Cell, bool]] = {}
        for cell, _ in self.found("compare"):
            if not cell.labels["is_average"]:
                for number in range(1, len(cell.spec["runs"]) + 1):
                    pair = cell.needs[f"first {number}"], cell.needs[f"second {number}"]
                    pairs |= {pair: (cell, False), pair[::-1]: (cell, True)}
        return pairs

    def difference(self, one: Cell, other: Cell) -> dict[str, Any] | None:
        """The stored comparison of two systems in all their seeds with the corrected p-value, or None."""
        cell, is_turned = self._by_pair.get((one.key, other.key), (None, False))
        if cell is None:
            return None
        found = self.by_key[cell.key].values["bleu"] | {"p_value": self.corrected[cell.key]}
        return turned(found) if is_turned else found


def turned(found: Mapping[str, Any]) -> dict[str, Any]:
    """A stored difference with the two systems in the other order."""
    low, high = found["interval"]
    return {**found, "first": found["second"], "second": found["first"], "interval": [0 - high, 0 - low]}
