"""Parents from other programs' checkpoints: one class for each program."""

from __future__ import annotations

from abc import ABC, abstractmethod

from crosslate.models.parent import Parent
from crosslate.registry import Registry


class Importer(ABC):
    """The files of another program's model, and what they do not say; its fields are the options."""

    @abstractmethod
    def parent(self, source_language: str, target_language: str) -> Parent:
        """A parent, float32, that computes what the other program does. No code in the files is run.

        Raises:
            ParentError: a file is missing or damaged, or the model is of a kind that cannot be imported.
        """


IMPORTERS: Registry[Importer] = Registry(
    "crosslate.models.importers", "crosslate.models.importer:Importer", "kind of checkpoint"
)
