"""Export packs with their parent to Marian: ``.npz`` for ``marian-decoder``, 8-bit ``.bin`` for bergamot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from crosslate.export.exporter import Exporter
from crosslate.export.marian_folder import CONFIGURATION, MODEL, check_marian_folder, write_marian_folder
from crosslate.export.marian_model import Precision, marian_export
from crosslate.files import atomic_folder, write_text
from crosslate.packs.cards import exported_card
from crosslate.packs.manifest import Manifest

if TYPE_CHECKING:
    from crosslate.models.child import Child

_CARD = Path(__file__).with_suffix(".md")
_PROGRAMS: dict[Precision, tuple[str, str]] = {
    "float32": ("`marian-decoder`", "marian-decoder --config config.yml"),
    "int8": (
        "bergamot-translator, Firefox's engine",
        "bergamot --model-config-paths config.bergamot.yml",
    ),
}


class MarianModelFolder(Exporter):
    """A folder with a model, two SentencePiece vocabularies and options of the program that reads them."""

    precisions = get_args(Precision)

    def write(
        self, child: Child, manifests: Sequence[Manifest], out: Path, precision: str = "float32"
    ) -> str:
        """See :meth:`Exporter.write`.

        Raises:
            PackError: Marian cannot express the model, or computes something else with the files; nothing is
                written.
        """
        kind = cast("Precision", precision)
        export = marian_export(child, kind)
        program, command = _PROGRAMS[kind]
        card = exported_card(
            _CARD, (child.source_language, child.target_language), child.parent.name, manifests, "marian",
            program=program, command=command, model=MODEL[kind], options=CONFIGURATION[kind],
        )  # fmt: skip
        with atomic_folder(out) as folder:
            write_marian_folder(export, folder, kind)
            write_text(folder / "README.md", card)
            return check_marian_folder(folder, child, export, kind)
