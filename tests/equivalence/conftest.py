"""Parents of every family in the layout of the hub, loaded once for each file of tests."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

import families
import hub_folders
from crosslate.models.parent import Parent


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    with families.one_thread():
        yield


@dataclass(frozen=True)
class Case:
    """A folder, its layout and the parent that was loaded from it."""

    name: str
    folder: Path
    layout: hub_folders.Layout
    parent: Parent


@pytest.fixture(scope="session")
def load_case(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    """Writes and loads a parent by the name of its layout, once; no test alters it."""

    @functools.cache
    def load(name: str) -> Case:
        folder = tmp_path_factory.mktemp("hub") / name
        layout = hub_folders.write(name, folder)
        return Case(name, folder, layout, Parent.load(folder, **layout.languages))

    return load


@pytest.fixture(scope="module", params=hub_folders.LAYOUTS)
def case(request: pytest.FixtureRequest, load_case: Callable[[str], Case]) -> Iterator[Case]:
    with hub_folders.plain_sacremoses() if request.param == "fsmt" else nullcontext():
        yield load_case(request.param)
