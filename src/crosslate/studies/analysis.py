"""What an analysis is: its cells, their work, and what a report says of them."""

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
    """One thing that a study finds out; each is a class in a file of :mod:`crosslate.studies.analyses`.

    An analysis overrides the methods that it has something to say in. Nothing but ``work`` may load PyTorch
    or models: plans and reports are made without them.

    Attributes:
        is_optional: whether its cells are planned only where a recipe asks for them.
        kinds: of its cells; where none is named, its name.
    """

    is_optional: ClassVar[bool] = True
    kinds: ClassVar[tuple[str, ...]] = ()

    @property
    def name(self) -> str:
        """By which a recipe's ``analyses`` ask for it: that of its file, with hyphens."""
        return type(self).__module__.rpartition(".")[2].replace("_", "-")

    def cells(self, plan: Plan) -> Iterable[Cell]:
        """Its cells; those of the analyses before it are in the plan."""
        return ()

    def comparisons(self, plan: Plan) -> Iterable[tuple[Cell, Cell]]:
        """Systems that translate the same test set, to be compared by paired bootstrap."""
        return ()

    def work(self, inputs: Inputs) -> Output:
        """Does the work of one of its cells."""
        raise NotImplementedError(f"{self.name} has no cells")

    def tables(self, results: Results) -> Iterable[Table]:
        """Its tables, from stored results; those without rows are left out of the report."""
        return ()

    def findings(self, results: Results) -> Iterable[Finding]:
        """Claims of the paper with what the stored results say to each."""
        return ()

    def data(self, results: Results) -> Mapping[str, Any]:
        """What its figures are drawn from, by name: plain values that the report holds beside its tables."""
        return {}

    def figures(self, report: Mapping[str, Any]) -> Iterable[Figures]:
        """Its figures, from a report as ``report.json`` holds it."""
        return ()
