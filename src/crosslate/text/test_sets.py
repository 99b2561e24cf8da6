"""Well-known test sets, read from a folder that the user has: FLORES+, NTREX-128 and WMT24++.

Users fetch them themselves, from where their makers keep them away from crawlers.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from crosslate.errors import CorpusError, MissingExtra, UsageError, nearest
from crosslate.languages.codes import language_name, match_language, match_pair
from crosslate.text.corpora import ParallelCorpus
from crosslate.text.reading import one_line
from crosslate.text.streams import read_lines

_NAMES_SHOWN = 12


class TestSet(ABC):
    """A test set.

    Attributes:
        title: for people.
        expected: its files, for messages.
    """

    __test__ = False  # for pytest
    title: ClassVar[str]
    expected: ClassVar[str]

    @abstractmethod
    def read(self, folder: Path, source: str, target: str) -> ParallelCorpus:
        """The pairs of two languages.

        Raises:
            CorpusError: the folder lacks the files, or they are not as expected.
        """

    def _corpus(
        self, lines: tuple[list[str], list[str]], pair: tuple[str, str], origin: str
    ) -> ParallelCorpus:
        counts = [len(side) for side in lines]
        if counts[0] != counts[1]:
            raise CorpusError(
                f"{self.title}, {origin}: {counts[0]:,} and {counts[1]:,} sentences, expected as many of "
                "both; get the files again, of one version"
            )
        return ParallelCorpus(*lines, *pair, f"{self.title} {origin}")

    def _chosen(self, files: Mapping[str, Path], pair: tuple[str, str], folder: Path) -> tuple[str, str]:
        """The names of both languages among those of the files."""
        found = match_pair(pair, list(files))
        for language, name in zip(pair, found):
            if name is None:
                raise self._missing(files, language, folder)
        return str(found[0]), str(found[1])

    def _missing(self, files: Mapping[str, Path], language: str, folder: Path) -> CorpusError:
        if not files:
            return CorpusError(f"{folder} has no files of {self.title}; expected {self.expected}")
        return CorpusError(
            f"{folder}: {self.title} has no {language_name(language)} ({language}) here; it has "
            f"{_listed(files)}"
        )


class Flores(TestSet):
    """FLORES+ and FLORES-200: a file for each language, in ``dev`` and ``devtest``.

    Source: https://oldi.org; NLLB Team 2022 (https://arxiv.org/abs/2207.04672).
    """

    title = "FLORES+"
    expected = (
        "devtest/deu_Latn.devtest, devtest/devtest.deu_Latn, devtest/deu_Latn.parquet or "
        "devtest/deu_Latn.jsonl, or the same in dev"
    )
    _NAME = re.compile(
        r"(?:(?P<split>dev|devtest)\.)?(?P<language>[a-z]{3}_[A-Z][a-z]{3}\w*)"
        r"(?:\.(?P<ending>dev|devtest|parquet|jsonl))?"
    )

    def read(self, folder: Path, source: str, target: str) -> ParallelCorpus:
        places = [place for place in (folder / "devtest", folder) if place.is_dir()]
        files: dict[str, Path] = {}
        for path in sorted(path for place in places[:1] for path in place.iterdir() if path.is_file()):
            name = self._NAME.fullmatch(path.name)
            if name and (name["split"] or name["ending"]):
                files[name["language"]] = path
        one, other = self._chosen(files, (source, target), folder)
        lines = _sentences(files[one]), _sentences(files[other])
        return self._corpus(lines, (source, target), f"{files[one].parent.name}, {one}-{other}")


class Ntrex(TestSet):
    """NTREX-128: the English news of newstest2019 and its translations.

    Source: Federmann, Kocmi & Xin 2022 (https://aclanthology.org/2022.sumeval-1.4).
    """

    title = "NTREX-128"
    expected = "newstest2019-src.eng.txt and newstest2019-ref.deu.txt"
    _NAME = re.compile(r"newstest2019-(?P<role>src|ref)\.(?P<language>[\w-]+)\.txt")

    def read(self, folder: Path, source: str, target: str) -> ParallelCorpus:
        place = folder / "NTREX-128" if (folder / "NTREX-128").is_dir() else folder
        files: dict[str, Path] = {}
        for path in sorted(place.iterdir()):
            # The original goes before a translation of the same name.
            if (name := self._NAME.fullmatch(path.name)) and (
                name["role"] == "src" or name["language"] not in files
            ):
                files[name["language"]] = path
        one, other = self._chosen(files, (source, target), folder)
        lines = _sentences(files[one]), _sentences(files[other])
        return self._corpus(lines, (source, target), f"{one}-{other}")


class Wmt24pp(TestSet):
    """WMT24++: English paragraphs of WMT24 with post-edited translations.

    Sources that its makers marked as bad are left out, and so is its canary. Pairs into English are the same
    files, read the other way round.

    Source: Deutsch et al. 2025 (https://arxiv.org/abs/2502.12404).
    """

    title = "WMT24++"
    expected = "en-de_DE.jsonl"
    _NAME = re.compile(r"en-(?P<language>[a-z]{2,3}_[A-Z]{2})\.jsonl")

    def read(self, folder: Path, source: str, target: str) -> ParallelCorpus:
        found = ((self._NAME.fullmatch(path.name), path) for path in sorted(folder.iterdir()))
        files = {match["language"]: path for match, path in found if match}
        sides = [match_language(language, ["en"]) for language in (source, target)]
        if sides.count("en") != 1:
            raise CorpusError(
                f"{self.title} has pairs with English alone, but {source}-{target} is asked for"
            )
        is_into_english = sides[1] == "en"
        other = source if is_into_english else target
        name = match_language(other, list(files))
        if name is None:
            raise self._missing(files, other, folder)
        records = list(_records(files[name], ("source", "target")))
        kept = [each for each in records if not each.get("is_bad_source") and each.get("domain") != "canary"]
        lines = [one_line(each["source"]) for each in kept], [one_line(each["target"]) for each in kept]
        pair = f"en-{name}, {len(kept):,} of {len(records):,} segments"
        if is_into_english:
            lines, pair = lines[::-1], f"{pair}, the other way round"
        return self._corpus((lines[0], lines[1]), (source, target), pair)


TEST_SETS: dict[str, TestSet] = {"flores+": Flores(), "ntrex": Ntrex(), "wmt24++": Wmt24pp()}
"""By the name that users give."""


def read_test_set(name: str, folder: Path, source_language: str, target_language: str) -> ParallelCorpus:
    """The pairs of a well-known test set in two languages, in the direction given.

    Raises:
        UsageError: the name is unknown.
        CorpusError: the folder is missing, or lacks the files of a language.
        MissingExtra: its files are parquet, and the library for them is not installed.
    """
    if name not in TEST_SETS:
        raise UsageError(f"unknown test set {name!r}; {nearest(name, list(TEST_SETS))}")
    test_set = TEST_SETS[name]
    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such folder; expected {test_set.title} with {test_set.expected}")
    return test_set.read(folder, source_language, target_language)


def _sentences(path: Path) -> list[str]:
    """The sentences of a file of one language: lines, or records with ids and texts."""
    if path.suffix not in (".parquet", ".jsonl"):
        return list(read_lines(str(path)))
    records = list(_records(path, ("id", "text")))
    return [one_line(each["text"]) for each in sorted(records, key=lambda each: int(each["id"]))]


def _records(path: Path, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        try:
            from pyarrow import parquet
        except ImportError:
            raise MissingExtra(
                f"{path}: reading parquet needs the 'datasets' library; install crosslate[data]"
            ) from None
        records = parquet.read_table(path).to_pylist()
    else:
        records = []
        for number, line in enumerate(read_lines(str(path)), start=1):
            try:
                records.append(json.loads(line))
            except ValueError as error:
                raise CorpusError(f"{path}, line {number}: not JSON: {error}") from None
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict) or any(key not in record for key in keys):
            raise CorpusError(f"{path}, record {number}: expected an object with {' and '.join(keys)}")
    return records


def _listed(names: Mapping[str, Path]) -> str:
    shown = ", ".join(list(names)[:_NAMES_SHOWN])
    return f"{shown} and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else shown
