"""Export formats: one subclass of :class:`Exporter` per module of :mod:`crosslate.export.formats`.

The module's name is the format's name, as in ``crosslate pack export --to ctranslate2``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from crosslate.errors import InputError, UsageError, nearest
from crosslate.files import described
from crosslate.registry import Registry

if TYPE_CHECKING:
    from crosslate.models.child import Child
    from crosslate.packs.manifest import Manifest
    from crosslate.packs.stored_model import StoredModel


class Exporter(ABC):
    """Writes the model that packs make of their parent in the format of another program."""

    precisions: ClassVar[tuple[str, ...]]
    """Types in which weights can be stored; the first is the default."""
    is_for_hub: ClassVar[bool] = False
    """Whether the result can be published on a model hub."""
    runtime_package: ClassVar[str] = ""
    """The package whose files are copied into the result; empty for none."""

    def __init__(self, runtime: Path | None = None) -> None:
        """
        Args:
            runtime: the user's copy of ``runtime_package``.
        """
        self.runtime = runtime

    def check(self, out: Path, precision: str) -> None:
        """Checks a request before anything is loaded.

        Raises:
            InputError: ``out`` exists, or the runtime's files cannot be used.
            UsageError: the precision is unknown, the program would not accept the file name, or a runtime is
                missing or given where none is used.
        """
        if precision not in self.precisions:
            raise UsageError(f"unknown precision {precision!r}; {nearest(precision, self.precisions)}")
        if self.runtime is None and self.runtime_package:
            raise UsageError(
                f"this format needs the npm package {self.runtime_package}; install it (npm install "
                f"--prefix engine {self.runtime_package}) and give its folder, engine, as the runtime"
            )
        if self.runtime is not None and not self.runtime_package:
            raise UsageError(f"a runtime, {self.runtime}, is given, but this format uses none; leave it out")
        self._check_output(out)

    def _check_output(self, out: Path) -> None:
        if out.exists():
            raise InputError(f"{out} already exists, {described(out)}; give another name or remove it first")

    @abstractmethod
    def write(
        self, child: Child, manifests: Sequence[Manifest], out: Path, precision: str = "float32"
    ) -> str:
        """Writes ``out`` atomically.

        Args:
            child: made from packs; not modified.
            manifests: of the packs.
            out: file or folder to write; must not exist.
            precision: one of ``precisions``.

        Returns:
            A message about the checks made, to show to the user; may be empty.

        Raises:
            CrosslateError: the format cannot express the model; nothing is written.
        """


EXPORTERS: Registry[Exporter] = Registry(
    "crosslate.export.formats", "crosslate.export.exporter:Exporter", "format"
)
"""All formats, by module name."""


def export(
    stored: StoredModel, out: Path, to: str, precision: str | None = None, *, runtime: Path | None = None
) -> str:
    """Exports the model that packs make of their parent; see :meth:`Exporter.write`.

    Args:
        stored: has at least one pack.
        to: name of the format.
        precision: None for the format's default.
        runtime: see :class:`Exporter`.

    Raises:
        CrosslateError: see :meth:`Exporter.check` and :meth:`Exporter.write`.
        PackError: a pack does not fit the parent, or the packs do not compose.
    """
    from crosslate.packs.compose import apply_packs

    exporter = EXPORTERS[to](runtime)
    precision = precision or exporter.precisions[0]
    exporter.check(out, precision)
    child = apply_packs(stored.load_parent(), stored.load_packs())
    return exporter.write(child, stored.manifests, out, precision)
