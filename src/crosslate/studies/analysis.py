"""Base class of analyses: their cells, their work, and their part of the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from crosslate.studies.cells import Cell
from crosslate.studies.inputs import Inputs
from crosslate.studies.plan import Plan
from crosslate.studies.report.claims import Finding
from crosslate.studies.report.page import Figures
from crosslate.studies.report.tables import Table
from crosslate.studies.store import Output, Results


class Analysis:
    """One analysis of a study, defined in a file of :mod:`crosslate.studies.analyses`.

    Only ``work`` may load PyTorch or models; plans and reports are made without them.

    Attributes:
        is_optional: whether its cells are planned only if a recipe lists it.
        kinds: of its cells; empty uses its name.
    """

    is_optional: ClassVar[bool] = True
    kinds: ClassVar[tuple[str, ...]] = ()

    @property
    def name(self) -> str:
        """Its name in a recipe's ``analyses``: the file name, with hyphens."""
        return type(self).__module__.rpartition(".")[2].replace("_", "-")

    def cells(self, plan: Plan) -> Iterable[Cell]:
        """Its cells; the plan already contains those of earlier analyses."""
        return ()

    def comparisons(self, plan: Plan) -> Iterable[tuple[Cell, Cell]]:
        """Pairs of systems to compare by paired bootstrap.

        Pairs that differ in seed and parent only are compared together, and different children on average.
        """
        return ()

    def work(self, inputs: Inputs) -> Output:
        """Does the work of one of its cells."""
        raise NotImplementedError(f"{self.name} has no cells")

    def tables(self, results: Results) -> Iterable[Table]:
        """Its tables, from stored results; the report leaves out those without rows."""
        return ()

    def findings(self, results: Results) -> Iterable[Finding]:
        """Claims of the paper with their verdicts, from stored results."""
        return ()

    def data(self, results: Results) -> Mapping[str, Any]:
        """Data of its figures by name, as plain values for ``report.json``."""
        return {}

    def figures(self, report: Mapping[str, Any]) -> Iterable[Figures]:
        """Its figures, from the contents of ``report.json``."""
        return ()
