"""The folder beside an output in which a run keeps its state, and who of several processes writes."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable

from crosslate.adaptation.settings import OutputSettings
from crosslate.errors import InputError
from crosslate.files import RUN_SUFFIX
from crosslate.training.checkpoints import remove_checkpoints, remove_torn
from crosslate.training.devices import make_accelerator


class Run:
    """``<folder>.run``: checkpoints, encoded corpora and the log while a run lasts; afterwards the log alone.

    Args:
        output: what the run will write at its end.
        marker: a file by which an earlier output of the kind is known.

    Attributes:
        folder: of the run's state.
        encoded: where encoded corpora and their vocabularies are kept.
        main_process_first: a context; what the main process has built inside, the others find there.

    Raises:
        InputError: the output exists and may not be replaced; found now, not when the work is done.
    """

    def __init__(self, output: OutputSettings, marker: str) -> None:
        check_output(output, marker)
        folder = output.folder.absolute()
        self.output, self.folder = output, folder.with_name(folder.name + RUN_SUFFIX)
        self.encoded = self.folder / "encoded"
        self._processes = make_accelerator()
        self.main_process_first = self._processes.main_process_first
        if self._processes.is_main_process:
            remove_torn(self.folder, "text-*")  # the loop looks after its checkpoints
            remove_torn(self.encoded, "*")
        else:
            logging.getLogger("crosslate").setLevel(logging.WARNING)
        self._processes.wait_for_everyone()

    def finish(self, save: Callable[[], object]) -> None:
        """Saves the output, then removes what is no longer needed; in the main process, the others wait."""
        if self._processes.is_main_process:
            save()
            remove_checkpoints(self.folder)
            shutil.rmtree(self.encoded, ignore_errors=True)
        self._processes.wait_for_everyone()


def check_output(output: OutputSettings, marker: str) -> None:
    """Refuses an output folder that may not be written, or replaced.

    Raises:
        InputError: it exists and is not to be replaced, or is no earlier output with the file ``marker``.
    """
    out = output.folder
    if not out.exists():
        return
    if not output.replace:
        raise InputError(f"{out} already exists; give another folder or ask to replace it")
    if not out.is_dir():
        raise InputError(f"{out} is a file and is not replaced; give another folder")
    if any(out.iterdir()) and not (out / marker).is_file():
        raise InputError(f"{out} holds something else (no {marker}) and is not replaced; give another folder")
