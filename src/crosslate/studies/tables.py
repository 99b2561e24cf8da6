"""The tables of a report, from stored results alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from crosslate.studies.cells import Cell, find
from crosslate.studies.store import Result

Value = str | float | int | None
PARTS = ("scratch", "embeddings", "body", "xattn", "randxattn")
NAMES = {
    "scratch": "scratch", "embeddings": "embeddings", "body": "embeddings + body",
    "xattn": "embeddings + cross-attention", "randxattn": "embeddings + random cross-attention",
}  # fmt: skip
PAPER_CHILDREN = ("Ro–En", "Ja–En", "De–En", "Ha–En", "Fr–Es", "Fr–De")
PAPER_SCORES = {
    "scratch": (29.0, 9.2, 30.8, 5.4, 24.4, 18.5),
    "embeddings": (29.8, 8.7, 32.4, 8.6, 21.6, 11.6),
    "body": (31.0, 11.8, 36.2, 8.8, 27.3, 21.4),
    "xattn": (30.9, 9.8, 35.0, 8.4, 26.5, 19.6),
    "randxattn": (27.9, 8.4, 33.3, 7.0, 26.0, 18.8),
}


@dataclass(frozen=True)
class Table:
    """A table of a report.

    Attributes:
        title: its heading.
        note: what the numbers are, in a sentence or two.
        columns: names; the first column names the rows.
        rows: values; None where nothing was measured.
    """

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


class Tables:
    """All tables of a study.

    Args:
        cells: of the study.
        results: by key.
    """

    def __init__(self, cells: Sequence[Cell], results: dict[str, Result]) -> None:
        self.cells, self.results = cells, results

    def all(self) -> list[Table]:
        """Every table that has a number, in the order of the report."""
        tables = (
            self.scores("bleu", "BLEU"), self.scores("chrf", "chrF2"), self.paper(), self.sizes(),
            self.denoising(), self.storage(), self.costs(), self.lexicons(), self.lexicon_epochs(),
            self.bands(), self.between(), self.lexicons_of_languages(), self.neighbours(),
            self.forgetting(), self.zero_shot(), self.comparisons(), self.training(),
        )  # fmt: skip
        return [table for table in tables if table.rows]

    def found(self, kind: str, **labels: Any) -> Iterator[tuple[Cell, dict[str, Any]]]:
        """Cells that have a result, with their values."""
        for cell in find(self.cells, kind, **labels):
            if cell.key in self.results:
                yield cell, self.results[cell.key].values

    def names(self, kind: str, label: str) -> list[Any]:
        """The values of a label, in the order of the study."""
        return list(dict.fromkeys(cell.labels[label] for cell in find(self.cells, kind)))

    def scores(self, metric: str, name: str) -> Table:
        """Children by what they train (the rows of the paper's Table 2)."""
        children = self.names("child", "child")
        size = self._full_size()
        rows = self._by_part("child", metric, PARTS, children, size=size)
        parents = [
            f"{cell.labels['parent']} {_number(values['scores'][metric])}"
            for cell, values in self.found("parent")
        ]
        note = f"{name} on the test set, detokenised and cased; mean and deviation of several seeds. "
        note += f"Parent: {', '.join(parents)}."
        return Table(f"Children: {name}", note, ("trained", *children), tuple(rows) if children else ())

    def paper(self) -> Table:
        """The paper's own Table 2, to compare with."""
        if not any(True for _ in self.found("child")):
            return Table("", "", (), ())
        rows = tuple((NAMES[part], *PAPER_SCORES[part]) for part in PARTS)
        note = "Gheini, Ren & May 2021, Table 2: another parent and other, mostly larger, data."
        return Table("The paper's numbers: BLEU", note, ("trained", *PAPER_CHILDREN), rows)

    def sizes(self) -> Table:
        """Children by the number of training pairs."""
        sizes = sorted(self.names("child", "size"), key=lambda size: size or 10**12)
        rows = []
        for child in self.names("child", "child"):
            for part in PARTS:
                row = [
                    over_seeds(self._scores("child", "bleu", child=child, part=part, size=size))
                    for size in sizes
                ]
                if any(row):
                    rows.append((f"{child} {NAMES[part]}", *row))
        columns = ("child", *(f"{size:,} pairs" if size else "all pairs" for size in sizes))
        return Table("Children by training pairs: BLEU", "", columns, tuple(rows) if len(sizes) > 1 else ())

    def denoising(self) -> Table:
        """Children of denoising parents (the paper's Figure 2), beside the model from scratch."""
        children = self.names("denoising child", "child")
        rows: list[tuple[Value, ...]] = []
        scratch = [
            over_seeds(self._scores("child", "bleu", child=child, part="scratch")) for child in children
        ]
        if any(scratch):
            rows.append(("scratch", *scratch))
        rows += self._by_part("denoising child", "bleu", PARTS[1:], children)
        losses = [
            f"{cell.title}: {values['validation_loss']:.3f} nats per token"
            for cell, values in self.found("denoiser")
            if values.get("validation_loss") is not None
        ]
        note = "BLEU of children whose parent has learnt denoising and no translation. " + "; ".join(losses)
        return Table(
            "Denoising parent", note.strip(), ("trained", *children), tuple(rows) if children else ()
        )

    def storage(self) -> Table:
        """What each strategy stores."""
        rows = []
        for cell, values in self.found("child", size=self._full_size(), seed=self._first_seed()):
            stored = values["stored"]
            rows.append(
                (
                    cell.title,
                    round(100 * stored["share_stored"], 1),
                    stored["pack_bytes"],
                    values["bytes_on_disk"],
                )
            )
        note = (
            "Share of a full model's parameters (tied ones once); bytes of tensors, and of the whole folder."
        )
        return Table("Storage", note, ("child", "% stored", "tensor bytes", "bytes on disk"), tuple(rows))

    def costs(self) -> Table:
        """One parent and N packs against N full models."""
        size, seed = self._full_size(), self._first_seed()
        packs = [values for _, values in self.found("child", part="xattn", size=size, seed=seed)]
        if not packs:
            return Table("", "", (), ())
        pack, model = (
            mean(values["stored"][name] for values in packs) for name in ("pack_bytes", "model_bytes")
        )
        rows = tuple(
            (count, round((model + count * pack) / 1e6, 1), round(count * model / 1e6, 1))
            for count in (1, 2, 5, 10, 50)
        )
        note = "MB of tensors, with the mean pack and model of this study's cross-attention children."
        return Table("Storage for N pairs", note, ("pairs", "a parent and N packs", "N full models"), rows)

    def lexicons(self) -> Table:
        """Lexicon induction by strategy."""
        rows = [
            (
                cell.title.removeprefix("lexicon of "), cell.labels["languages"], values["words"],
                round(values["coverage"], 1), *_precisions(values["cosine"]),
                round(values["csls"]["precision_at_1"], 1), round(values["authors"]["precision_at_1"], 1),
            )
            for cell, values in self.found("lexicon")
        ]  # fmt: skip
        note = (
            "Percent of whole-word pieces with a translation among the 1, 5 or 10 nearest words of the "
            "parent, by cosine; @1 also by CSLS, and the authors' way (largest dot product, one entry per "
            "word, words of the corpus)."
        )
        columns = ("child", "languages", "words", "coverage %", "@1", "@5", "@10", "@1 CSLS", "@1 authors")
        return Table("Lexicon induction", note, columns, tuple(rows))

    def lexicon_epochs(self) -> Table:
        """How alignment comes about while children train."""
        curves = {
            cell.title: {epoch: found[0] for epoch, _, _, *found in values["training"]["curve"] if found}
            for kind in ("child", "denoising child")
            for cell, values in self.found(kind)
            if values.get("watched") == cell.watched  # not with a dictionary that has changed since
        }
        epochs = _some_epochs(max((epoch for curve in curves.values() for epoch in curve), default=0))
        rows = [
            (title, *(_until(curve, epoch) for epoch in epochs)) for title, curve in curves.items() if curve
        ]
        note = (
            "By cosine, at validations of the first seed, the last one by the end of each epoch: "
            "new words among the parent's; on a denoising parent, one language's words among the other's."
        )
        columns = ("child", *(f"epoch {epoch}" for epoch in epochs))
        return Table("Lexicon precision@1 by epoch", note, columns, tuple(rows))

    def lexicons_of_languages(self) -> Table:
        """Lexicon induction inside the tables of denoising parents' children."""
        rows = [
            (
                cell.title.removeprefix("lexicon of "), cell.labels["languages"], values["words"],
                *_precisions(values["before training"])[:1], *_precisions(values["cosine"]),
                round(values["csls"]["precision_at_1"], 1),
            )
            for cell, values in self.found("lexicon of languages")
        ]  # fmt: skip
        note = (
            "Children of denoising parents: words of one language among the other's, both from the table "
            "that they share, without the words that both have; before training is the parent, trimmed."
        )
        columns = ("child", "languages", "words", "@1 before", "@1", "@5", "@10", "@1 CSLS")
        return Table("Lexicon induction between the languages of one table", note, columns, tuple(rows))

    def bands(self) -> Table:
        """Lexicon induction by frequency."""
        rows = [
            (
                cell.title.removeprefix("lexicon of "),
                *(round(band["precision_at_1"], 1) for band in values["bands"]),
            )
            for cell, values in self.found("lexicon")
            if len(values["bands"]) == 4
        ]
        note = (
            "Precision@1 by cosine, in quarters of the tested words by their frequency in the training text."
        )
        columns = ("child", "most frequent", "second", "third", "least frequent")
        return Table("Lexicon induction by frequency", note, columns, tuple(rows))

    def between(self) -> Table:
        """Child against child."""
        rows = [
            (
                cell.title.removeprefix("lexicon of "), cell.labels["languages"], values["words"],
                *_precisions(values["cosine"]), *_precisions(values["through the parent"])[:1],
            )
            for cell, values in self.found("lexicon between")
        ]  # fmt: skip
        note = (
            "Words of one child among another's: directly by cosine, and through the parent's nearest word."
        )
        columns = ("children", "languages", "words", "@1", "@5", "@10", "@1 through the parent")
        return Table("Lexicon induction between children", note, columns, tuple(rows))

    def neighbours(self) -> Table:
        """Nearest neighbours of chosen words."""
        rows = [
            (cell.title.removeprefix("lexicon of "), near["word"], ", ".join(near["words"]))
            for cell, values in self.found("lexicon", seed=self._first_seed())
            for near in values["neighbours"]
        ]
        return Table(
            "Nearest neighbours", "By cosine, the nearest first.", ("child", "word", "nearest"), tuple(rows)
        )

    def forgetting(self) -> Table:
        """The parent's embeddings plugged back into each child."""
        children = self.names("forgetting", "child")
        rows = []
        for part in PARTS:
            row = [
                over_seeds(self._scores("forgetting", "bleu", child=child, part=part)) for child in children
            ]
            if any(row):
                rows.append((NAMES[part], *row))
        parents = [
            f"{cell.labels['parent']} {_number(values['scores']['bleu'])}"
            for cell, values in self.found("parent")
        ]
        note = (
            "BLEU on the parent's pair of a child's body with the parent's embeddings plugged back in "
            f"(parent: {', '.join(parents)}). The parent with a pack in use is unaltered."
        )
        return Table("Forgetting", note, ("trained", *children), tuple(rows) if children else ())

    def zero_shot(self) -> Table:
        """Composed pairs, models from scratch and pivoting."""
        rows: list[tuple[Value, ...]] = []
        for pair in self.names("zero-shot", "pair"):
            for kind in ("zero-shot", "pivot", "supervised"):
                for cell, values in self.found(kind, pair=pair):
                    scores = values["scores"]
                    rows.append((pair, cell.title, _number(scores["bleu"]), _number(scores["chrf"])))
        note = "Pairs that no pack was trained on: composed, in two passes, and trained from scratch."
        return Table("Zero-shot translation", note, ("pair", "system", "BLEU", "chrF2"), tuple(rows))

    def comparisons(self) -> Table:
        """Every paired bootstrap."""
        rows = [
            (cell.labels["first"], cell.labels["second"], round(values["bleu"]["difference"], 2),
             _p_value(values["bleu"]["p_value"]), round(values["chrf"]["difference"], 2),
             _p_value(values["chrf"]["p_value"]))
            for cell, values in self.found("compare")
        ]  # fmt: skip
        columns = ("first", "second", "BLEU difference", "p", "chrF2 difference", "p (chrF2)")
        return Table("Comparisons", "Paired bootstrap, 1,000 samples.", columns, tuple(rows))

    def training(self) -> Table:
        """What every training run took."""
        names = ("updates", "best_updates")
        rows = []
        for kind in ("parent", "denoiser", "child", "denoising child", "supervised"):
            for cell, values in self.found(kind):
                if training := values.get("training"):
                    best = max((score for _, _, score, *_ in training["curve"]), default=None)
                    rows.append(
                        (cell.title, values["data"]["train"]["pairs"], *(training[name] for name in names),
                         None if best is None else round(best, 2), round(training["training_seconds"]),
                         training["tokens_per_second"], training["precision"])
                    )  # fmt: skip
        columns = ("model", "pairs", "updates", "best at", "validation", "seconds", "tokens/s", "precision")
        return Table(
            "Training", "Validation: greedy BLEU, or the negative loss of a denoiser.", columns, tuple(rows)
        )

    def _scores(self, kind: str, metric: str, **labels: Any) -> list[float]:
        return [values["scores"][metric]["value"] for _, values in self.found(kind, **labels)]

    def _by_part(
        self, kind: str, metric: str, parts: Sequence[str], children: Sequence[str], **labels: Any
    ) -> list[tuple[Value, ...]]:
        """A row per part that is trained, a column per child; parts that no child has are left out."""
        rows: list[tuple[Value, ...]] = []
        for part in parts:
            row = [
                over_seeds(self._scores(kind, metric, child=child, part=part, **labels)) for child in children
            ]
            if any(row):
                rows.append((NAMES[part], *row))
        return rows

    def _full_size(self) -> int:
        sizes = self.names("child", "size") or [0]
        return 0 if 0 in sizes else max(sizes)

    def _first_seed(self) -> int:
        return (self.names("child", "seed") or [1])[0]


def over_seeds(scores: Sequence[float]) -> str | None:
    """One score, or the mean and deviation of several; None of none."""
    if not scores:
        return None
    return f"{scores[0]:.1f}" if len(scores) == 1 else f"{mean(scores):.1f} ± {stdev(scores):.1f}"


def _number(score: dict[str, Any]) -> str:
    """A score with its interval."""
    interval = score["interval"]
    return f"{score['value']:.1f}" + (f" [{interval[0]:.1f}, {interval[1]:.1f}]" if interval else "")


def _precisions(values: dict[str, float]) -> tuple[float, float, float]:
    one, five, ten = (round(values[f"precision_at_{rank}"], 1) for rank in (1, 5, 10))
    return one, five, ten


_MAX_EPOCHS_SHOWN = 8


def _some_epochs(last: float) -> list[int]:
    """Epochs to show of so many: all of few, else 1, 2, 4, … and the last."""
    whole = math.ceil(last)
    if whole <= _MAX_EPOCHS_SHOWN:
        return list(range(1, whole + 1))
    return [2**power for power in range(whole.bit_length()) if 2**power < whole] + [whole]


def _until(curve: dict[float, float], epoch: int) -> float | None:
    """The last value by the end of an epoch; None where the curve ends before it or starts after it."""
    values = [value for at, value in curve.items() if at <= epoch]
    return round(values[-1], 1) if values and math.ceil(max(curve)) >= epoch else None


def shown_p_value(value: float) -> str:
    """A p-value to three decimals; a bootstrap's 0 is only a bound."""
    return "< 0.001" if value < 0.0005 else f"= {value:.3f}"


def _p_value(value: float | None) -> str | None:
    return None if value is None else shown_p_value(value).removeprefix("= ")
