"""Parents of every family in the layout of the hub, loaded once for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator
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


@pytest.fixture(scope="module", params=hub_folders.LAYOUTS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    name = request.param
    with hub_folders.plain_sacremoses() if name == "fsmt" else nullcontext():
        folder = tmp_path_factory.mktemp("hub") / name
        layout = hub_folders.write(name, folder)
        yield Case(name, folder, layout, Parent.load(folder, **layout.languages))
