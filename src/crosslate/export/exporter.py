"""What packs can be exported to: one class for each format, in a module of :mod:`crosslate.export.formats`.

The module's name is the format's name, as in ``crosslate pack export --to ctranslate2``. Adding a format is
adding such a module with a subclass of :class:`Exporter`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from crosslate.errors import InputError, UsageError, nearest
from crosslate.registry import Registry

if TYPE_CHECKING:
    from crosslate.models.child import Child
    from crosslate.packs.manifest import Manifest
    from crosslate.packs.stored_model import StoredModel


class Exporter(ABC):
    """Writes what packs make of their parent for a program that knows neither."""

    precisions: ClassVar[tuple[str, ...]]
    """The types that weights can be stored in."""
    is_for_hub: ClassVar[bool] = False
    """Whether the result is a folder that a model hub shows and serves."""

    def check(self, out: Path, precision: str) -> None:
        """Checks a request before anything is loaded.

        Raises:
            InputError: ``out`` exists.
            UsageError: unknown precision, or a name that the program would not take.
        """
        if precision not in self.precisions:
            raise UsageError(f"unknown precision {precision!r}; {nearest(precision, self.precisions)}")
        if out.exists():
            raise InputError(f"{out} already exists; give another name or remove it first")

    @abstractmethod
    def write(
        self, child: Child, manifests: Sequence[Manifest], out: Path, precision: str = "float32"
    ) -> str:
        """Writes ``out`` atomically.

        Args:
            child: made from packs; it is not altered.
            manifests: of the packs.
            out: file or folder to write; must not exist.
            precision: one of ``precisions``.

        Returns:
            What was checked, for people; may be empty.

        Raises:
            CrosslateError: the program has no place for something that the model needs; nothing is written.
        """


EXPORTERS: Registry[Exporter] = Registry(
    "crosslate.export.formats", "crosslate.export.exporter:Exporter", "format"
)
"""All formats by their names, which are those of their modules."""


def export(stored: StoredModel, out: Path, to: str, precision: str = "float32") -> str:
    """Writes what packs make of their parent; see :meth:`Exporter.write`.

    Args:
        stored: at least one pack.
        to: the name of the format.

    Raises:
        CrosslateError: see :meth:`Exporter.check` and :meth:`Exporter.write`.
        PackError: a pack does not fit the parent, or the packs do not compose.
    """
    from crosslate.packs.compose import apply_packs

    exporter = EXPORTERS[to]()
    exporter.check(out, precision)
    child = apply_packs(stored.load_parent(), stored.load_packs())
    return exporter.write(child, stored.manifests, out, precision)
