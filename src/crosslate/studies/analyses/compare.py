"""Comparisons of two systems by paired bootstrap, pooled over seeds and parents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from crosslate.errors import InputError
from crosslate.evaluation.significance import NUM_SAMPLES, Run, paired_bootstrap
from crosslate.studies.adapted import METRICS
from crosslate.studies.analyses import CLAIMS, analyses
from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.inputs import Inputs
from crosslate.studies.plan import Plan
from crosslate.studies.report.tables import Table, difference_shown, interval_shown, p_value
from crosslate.studies.store import Output, Results

if TYPE_CHECKING:
    import numpy

_REPLICATES = ("seed", "parent")
_SHARED = ("strategy", "side", "size", "initial")
"""Labels that systems of different children share in an average over these children."""

Pair = tuple[Cell, Cell]


class Compare(Analysis):
    """Compares the systems that other analyses name in their ``comparisons``.

    One cell compares two systems of a child in all their seeds and parents. Another averages over the
    children with the same new side.
    """

    def cells(self, plan: Plan) -> Iterator[Cell]:
        named = [each for analysis in analyses(CLAIMS) for each in analysis.comparisons(plan)]
        by_system: dict[str, list[Pair]] = {}
        averages: dict[str, list[Pair]] = {}
        for one, other in {(one.key, other.key): (one, other) for one, other in named}.values():
            if one.labels.get("child") == other.labels.get("child"):
                by_system.setdefault(f"{_system(one)} {_system(other)}", []).append((one, other))
            if "side" in one.labels.keys() & other.labels and one.labels["size"] == plan.full_size:
                key = [(each.kind, *(each.labels[name] for name in _SHARED)) for each in (one, other)]
                averages.setdefault(repr(key), []).append((one, other))
        for pairs in by_system.values():
            yield _cell(pairs, *(_name(pairs, role) for role in (0, 1)))
        for pairs in averages.values():
            children = [list(dict.fromkeys(pair[role].labels["child"] for pair in pairs)) for role in (0, 1)]
            if max(map(len, children)) > 1 or children[0] != children[1]:
                names = [
                    f"{each.kind} {each.labels['strategy']} of {', '.join(of_role)}"
                    for each, of_role in zip(pairs[0], children)
                ]
                yield _cell(pairs, *names)

    def work(self, inputs: Inputs) -> Output:
        from crosslate.evaluation.scores import corpus_scores, scorer_of, sentence_statistics, signature_of

        runs = inputs.spec["runs"]
        if "text" not in inputs.spec:
            return Output(_of_words(inputs))
        tests = {run["test"]: inputs.text(f"test {run['test']}") for run in runs}
        translations = {role: inputs.translations(role) for role in inputs.cell.needs}
        values: dict[str, Any] = {"units": min(len(test) for test in tests.values())}
        for metric in METRICS:
            # Tests in several languages may have several tokenizers, but all have one formula.
            scorers = {number: scorer_of(metric, test) for number, test in tests.items()}

            def statistics(role: str, number: int, test: int, scorers: Any = scorers) -> numpy.ndarray:
                return sentence_statistics(scorers[test], translations[f"{role} {number}"], tests[test])

            found = paired_bootstrap(_runs(runs, statistics), corpus_scores(scorers[1]))
            signatures = dict.fromkeys(signature_of(each, NUM_SAMPLES) for each in scorers.values())
            values[metric] = {**asdict(found), "signature": "; ".join(signatures)}
        return Output(values)

    def tables(self, results: Results) -> Iterator[Table]:
        rows = []
        for cell, values in results.found("compare"):
            first, *others = (values[name] for name in ("bleu", "precision", "chrf") if name in values)
            rows.append(
                (
                    cell.labels["first"], cell.labels["second"], len(cell.labels["seeds"]),
                    len(cell.labels["parents"]),
                    round(first["first"] - first["second"], 2), interval_shown(first),
                    p_value(results.corrected[cell.key]),
                    *([difference_shown(others[0])] if others else [None]),
                )
            )  # fmt: skip
        columns = (
            "first", "second", "seeds", "parents", "difference", "95 % interval", "p", "chrF2 difference",
        )  # fmt: skip
        note = (
            f"Differences in BLEU, or in precision@1 of lexicon induction; paired bootstrap, {NUM_SAMPLES:,} "
            "resamples of sentences (of words), and of seeds and parents if there are several; two-sided p "
            "by Holm's correction for all comparisons of this report."
        )
        yield Table("Comparisons", note, columns, rows)


def _system(cell: Cell) -> str:
    """What a cell shares with those that differ from it in seed and parent only."""
    labels = {name: value for name, value in sorted(cell.labels.items()) if name not in _REPLICATES}
    return repr((cell.kind, labels, cell.spec.get("text", {}).get("test")))


def _name(pairs: Sequence[Pair], role: int) -> str:
    """The title of a system without its seeds, and without its parent if there are several."""
    cells = [pair[role] for pair in pairs]
    title = re.sub(r", seed \d+", "", cells[0].title)
    parents = dict.fromkeys(cell.labels.get("parent") for cell in cells)
    return title.replace(f" on {cells[0].labels['parent']}", "") if len(parents) > 1 else title


def _groups(pairs: Sequence[Pair]) -> dict[str, int]:
    """Numbers of groups of systems, by system: those that are compared with a common one are in one group."""
    groups: dict[str, int] = {}
    for number, pair in enumerate(pairs):
        one, other = (groups.setdefault(_system(each), number) for each in pair)
        groups = {name: one if group == other else group for name, group in groups.items()}
    return groups


def _cell(pairs: Sequence[Pair], first: str, second: str) -> Cell:
    needs: dict[str, str] = {}
    runs: list[dict[str, Any]] = []
    tests: dict[str, int] = {}
    texts, identities = {}, {}
    parents = list(dict.fromkeys(map(_parents, pairs)))
    groups = _groups(pairs)
    tested = {f"{_system(one)} {_system(other)}": groups[_system(one)] for one, other in pairs}
    seeds = list(dict.fromkeys(each.labels.get("seed") for each, _ in pairs))
    is_shared = len(seeds) > 1 and len(set(tested.values())) < len(tested)
    for number, (one, other) in enumerate(pairs, start=1):
        needs |= {f"first {number}": one.key, f"second {number}": other.key}
        test = tests.setdefault(f"{_system(one)} {_system(other)}", len(tests) + 1)
        if "test" in one.texts:
            texts[f"test {test}"] = one.texts["test"]
            identities[f"test {test}"] = one.spec["text"]["test"]
        runs.append({"test": test, "parent": parents.index(_parents((one, other))) + 1})
        if is_shared:
            runs[-1]["group"] = groups[_system(one)]
    spec: dict[str, Any] = {"runs": runs, "samples": NUM_SAMPLES}
    if texts:
        spec["text"] = identities
    one, other = pairs[0]
    labels = {
        "first": first, "second": second, "one": one.labels | {"kind": one.kind},
        "other": other.labels | {"kind": other.kind}, "is_average": len(tests) > 1,
        "children": list(dict.fromkeys(name for pair in pairs for each in pair for name in _children(each))),
        "parents": parents, "seeds": seeds,
    }  # fmt: skip
    return Cell("compare", f"{first} against {second}", spec, needs, labels, texts)


def _parents(pair: Pair) -> str:
    """The parent of both systems, or each one's, if one of them learnt denoising."""
    names = (str(each.labels.get("denoiser") or each.labels.get("parent", "")) for each in pair)
    return " and ".join(dict.fromkeys(names))


def _children(cell: Cell) -> list[str]:
    """The pairs of a system: its child, two that are compared with each other, or a composed pair."""
    return [cell.labels[name] for name in ("child", "other", "pair") if name in cell.labels]


def _runs(runs: Sequence[dict[str, int]], statistics: Callable[[str, int, int], numpy.ndarray]) -> list[Run]:
    """The runs of a comparison.

    Args:
        statistics: of a role, the number of its run, and the number of its test.
    """
    return [
        Run(
            statistics("first", number, run["test"]),
            statistics("second", number, run["test"]),
            run["test"],
            run["parent"],
            run.get("group"),
        )
        for number, run in enumerate(runs, start=1)
    ]


def _of_words(inputs: Inputs) -> dict[str, Any]:
    """Compares precision@1 on the words that all tables of a child have.

    Raises:
        InputError: there is no such word.
    """
    import numpy

    hits = {role: inputs.store.load(key).values["hits"] for role, key in inputs.cell.needs.items()}
    words: dict[int, set[str]] = {}
    for number, run in enumerate(inputs.spec["runs"], start=1):
        both = set(hits[f"first {number}"]) & set(hits[f"second {number}"])
        words[run["test"]] = words.get(run["test"], both) & both
    if not all(words.values()):
        raise InputError(
            f"{inputs.cell.title}: no word was tested in all tables, so they cannot be compared; use a "
            "larger dictionary or vocabulary"
        )

    def statistics(role: str, number: int, test: int) -> numpy.ndarray:
        found = hits[f"{role} {number}"]
        return numpy.array([[found[word], 1] for word in sorted(words[test])])

    runs = _runs(inputs.spec["runs"], statistics)
    found = paired_bootstrap(runs, lambda sums: 100 * sums[:, 0] / sums[:, 1])
    return {"units": min(map(len, words.values())), "precision": asdict(found)}
