"""The folder beside an output that holds a run's state, written by the main process."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable

from crosslate.adaptation.settings import OutputSettings
from crosslate.training.checkpoints import remove_checkpoints, remove_torn
from crosslate.training.devices import make_accelerator


class Run:
    """``<folder>.run``: checkpoints, encoded corpora and the log during a run; only the log afterwards.

    Args:
        output: where the run writes its result.
        marker: file that identifies an earlier output of the same kind.

    Attributes:
        folder: the run's state.
        encoded: encoded corpora and their vocabularies.
        main_process_first: context manager in which the main process goes first, so that the others find
            what it built.

    Raises:
        InputError: the output exists and may not be replaced; checked before any work.
    """

    def __init__(self, output: OutputSettings, marker: str) -> None:
        output.check(marker)
        self.output, self.folder = output, output.run_folder
        self.encoded = self.folder / "encoded"
        self._processes = make_accelerator()
        self.device = self._processes.device
        self.main_process_first = self._processes.main_process_first
        if self._processes.is_main_process:
            remove_torn(self.folder, "text-*")  # the loop cleans up its own checkpoints
            remove_torn(self.encoded, "*")
        else:
            logging.getLogger("crosslate").setLevel(logging.WARNING)
        self._processes.wait_for_everyone()

    def finish(self, save: Callable[[], object]) -> None:
        """Saves the output and removes temporary state, in the main process; the others wait."""
        if self._processes.is_main_process:
            save()
            remove_checkpoints(self.folder)
            shutil.rmtree(self.encoded, ignore_errors=True)
        self._processes.wait_for_everyone()
