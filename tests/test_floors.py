"""A module imports only from lower floors. The table in docs/architecture.md is the rule, read from there."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "crosslate"
TABLE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
NEEDS_TORCH = ("torch", "transformers", "accelerate", "safetensors.torch", "ctranslate2")
# The package itself exports names of all floors, so it stands above them.
TOP = {"__init__", "__main__"}


@dataclass(frozen=True)
class Unit:
    """What has a floor: a package, or a module of its own."""

    name: str
    floor: int
    is_package: bool
    has_torch: bool


def read_table(text: str) -> dict[str, Unit]:
    """Rows like ``| 4 | `training/` `engines/` | what is in it. No torch. |``."""
    units = {}
    for floor, names, content in re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", text, flags=re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", names):
            plain = name.rstrip("/")
            units[plain] = Unit(plain, int(floor), name.endswith("/"), "No torch" not in content)
    return units


def imported(path: Path, package: list[str]) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a file imports, inside functions too.

    ``from a import b`` gives ``a.b``: whether ``b`` is a module or a name in one does not matter here.
    So does ``a.b`` after ``import a``, where ``a`` is the package itself, whose names load lazily.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{prefix}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == package[0]:
                yield node.lineno, f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def violations(source: Path, units: dict[str, Unit]) -> list[str]:
    found = []
    present = {
        path.stem for path in source.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    found += [f"{name} has no floor" for name in sorted(present - TOP - units.keys())]
    found += [f"{name} is in the table but not in the code" for name in sorted(units.keys() - present)]
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        own = units.get(parts[0])
        if own is None:
            continue
        for line, name in imported(path, [source.name, *parts[:-1]]):
            where = f"{path.relative_to(source)}:{line}"
            if not own.has_torch and any(f"{name}.".startswith(f"{heavy}.") for heavy in NEEDS_TORCH):
                found.append(f"{where} imports {name} on floor {own.floor}, which is without torch")
            if name == source.name or name.startswith(f"{source.name}."):
                found += [f"{where} {fault}" for fault in own_fault(own, name.split(".")[1:], units)]
    return found


def own_fault(own: Unit, names: list[str], units: dict[str, Unit]) -> list[str]:
    """What is wrong with ``own`` importing the module or name ``names`` of the package itself."""
    if not names or names[0] == "__version__":
        return []
    other = units.get(names[0])
    if other is None:
        return [f"imports {'.'.join(names)} from the package itself, not from its module"]
    is_allowed = (
        other.floor < own.floor
        or other == own
        or (other.floor == own.floor and not other.is_package and not own.is_package)
    )
    if is_allowed:
        return []
    return [f"(floor {own.floor}) imports {'.'.join(names)} (floor {other.floor})"]


def test_the_table_is_read():
    units = read_table(TABLE)
    assert units["errors"] == Unit("errors", 0, False, False)
    assert units["corpora"] == Unit("corpora", 1, True, False)
    assert units["models"] == Unit("models", 2, True, True)
    assert units["training"].floor == units["engines"].floor == 4
    assert max(unit.floor for unit in units.values()) >= units["cli"].floor > units["jobs"].floor


def test_every_import_goes_down():
    assert violations(SOURCE, read_table(TABLE)) == []


class TestTheChecker:
    """On a small tree with its own table: each violation is found, and nothing else."""

    TABLE = """
| floor | package | what is in it |
|---|---|---|
| 0 | `errors` `files` | No torch. |
| 1 | `corpora/` | Reads text. No torch. |
| 2 | `training/` `engines/` | Neither imports the other. |
| 3 | `cli/` | commands |
"""

    @pytest.fixture
    def tree(self, tmp_path) -> Path:
        source = tmp_path / "crosslate"
        for name in ("corpora", "training", "engines", "cli"):
            (source / name).mkdir(parents=True)
            (source / name / "__init__.py").write_text("")
        (source / "__init__.py").write_text("from crosslate.cli import run\nimport torch\n")
        (source / "errors.py").write_text("import json\n")
        (source / "files.py").write_text(
            "from crosslate.errors import E\nfrom crosslate import __version__\n"
        )
        (source / "corpora" / "readers.py").write_text("import numpy\nfrom crosslate.files import write\n")
        (source / "corpora" / "inner").mkdir()
        (source / "corpora" / "inner" / "deep.py").write_text(
            "from .. import readers\nfrom ...files import x\n"
        )
        (source / "training" / "loop.py").write_text(
            "import torch\nfrom . import batches\nimport torchvision\n"
        )
        (source / "training" / "batches.py").write_text("from crosslate.corpora.readers import read\n")
        (source / "cli" / "run.py").write_text("from crosslate.training.loop import train\n")
        return source

    def test_a_good_tree(self, tree):
        assert violations(tree, read_table(self.TABLE)) == []

    @pytest.mark.parametrize(
        ("file", "code", "expected"),
        [
            ("corpora/bad.py", "from crosslate.cli import run", "corpora/bad.py:1 (floor 1) imports cli.run (floor 3)"),
            ("corpora/bad.py", "import crosslate.training.loop", "(floor 1) imports training.loop (floor 2)"),
            ("corpora/bad.py", "from crosslate import training", "(floor 1) imports training (floor 2)"),
            ("corpora/bad.py", "from ..training import loop", "(floor 1) imports training.loop (floor 2)"),
            ("corpora/bad.py", "from .. import cli", "(floor 1) imports cli (floor 3)"),
            ("corpora/inner/bad.py", "from ... import cli", "(floor 1) imports cli (floor 3)"),
            ("corpora/bad.py", "def f():\n    from crosslate.cli import run", "bad.py:2 (floor 1) imports cli.run"),
            ("corpora/bad.py", "if TYPE_CHECKING:\n    import crosslate.cli", "bad.py:2 (floor 1) imports cli"),
            ("corpora/bad.py", "import_module('crosslate.cli')", "(floor 1) imports cli (floor 3)"),
            ("corpora/bad.py", "importlib.import_module('crosslate.cli.run')", "(floor 1) imports cli.run"),
            ("training/bad.py", "from crosslate.engines import x", "(floor 2) imports engines.x (floor 2)"),
            ("engines/bad.py", "from ..training.loop import x", "(floor 2) imports training.loop.x (floor 2)"),
            ("errors.py", "from crosslate.corpora import x", "errors.py:1 (floor 0) imports corpora.x (floor 1)"),
            ("corpora/bad.py", "from crosslate import Parent", "imports Parent from the package itself"),
            ("corpora/bad.py", "import crosslate\ncrosslate.Parent", "bad.py:2 imports Parent from the package itself"),
            ("corpora/bad.py", "import crosslate\nx = crosslate.cli.run()", "bad.py:2 (floor 1) imports cli"),
            ("corpora/bad.py", "import torch", "imports torch on floor 1, which is without torch"),
            ("corpora/bad.py", "def f():\n    import torch.nn as n", "bad.py:2 imports torch.nn on floor 1"),
            ("corpora/bad.py", "from transformers import A", "imports transformers.A on floor 1"),
            ("corpora/bad.py", "from safetensors.torch import load", "imports safetensors.torch.load on floor 1"),
            ("files.py", "__import__('torch')", "files.py:1 imports torch on floor 0"),
            ("stray.py", "", "stray has no floor"),
            ("stray/__init__.py", "", "stray has no floor"),
        ],
    )  # fmt: skip
    def test_a_planted_violation_is_found(self, tree, file, code, expected):
        (tree / file).parent.mkdir(exist_ok=True)
        (tree / file).write_text(code)
        (only,) = violations(tree, read_table(self.TABLE))
        assert expected in only

    def test_a_row_without_code_is_found(self, tree):
        table = self.TABLE + "| 4 | `server/` | HTTP |\n"
        assert violations(tree, read_table(table)) == ["server is in the table but not in the code"]
