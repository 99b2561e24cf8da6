"""The folder beside an output in which a run keeps its state."""

from __future__ import annotations

import shutil
from pathlib import Path

from crosslate.training.checkpoints import remove_checkpoints


class Run:
    """``<out>.run``: checkpoints, encoded corpora and the log while a run lasts; afterwards the log alone."""

    def __init__(self, out: Path) -> None:
        self.folder = out.with_name(out.name + ".run")
        self.folder.mkdir(parents=True, exist_ok=True)

    def finish(self) -> None:
        """Removes what is no longer needed once the output is saved."""
        remove_checkpoints(self.folder)
        shutil.rmtree(self.folder / "encoded", ignore_errors=True)
