"""Pairs that two packs compose: composed, with pair packs, through several models, and supervised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import TYPE_CHECKING, Any

from crosslate.models.groups import Side
from crosslate.models.strategies import parse_strategy
from crosslate.studies.adapted import Adaptation, adapt_and_score, adapted, scored, translated
from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.estimate import training_operations
from crosslate.studies.inputs import Inputs
from crosslate.studies.plan import Plan
from crosslate.studies.recipe import PairPackRecipe, ParentRecipe
from crosslate.studies.report.tables import Row, Table, over_seeds
from crosslate.studies.store import Output, Results
from crosslate.studies.texts import PlacedText

if TYPE_CHECKING:
    from crosslate.models.parent import Parent
    from crosslate.text.corpora import ParallelCorpus

COMPOSED, THROUGH, SUPERVISED = "composed", "in several steps", "supervised"
REAL_SOURCE, BOTH_KINDS = "pair pack, real source", "pair pack, both kinds of synthetic text"
BRIDGED = "pair pack, real source, by a bridge"
_COMPOSED, _SYNTHETIC, _BRIDGE, _PAIR_PACK, _THROUGH, _SUPERVISED = (
    "composed pair", "synthetic text", "bridge", "pair pack", "several steps", "supervised pair",
)  # fmt: skip


class PairPacks(Analysis):
    kinds = (_COMPOSED, _SYNTHETIC, _BRIDGE, _PAIR_PACK, _THROUGH, _SUPERVISED)

    def cells(self, plan: Plan) -> Iterator[Cell]:
        for pair in plan.recipe.pair_packs:
            for seed in plan.recipe.seeds:
                yield from _Cells(plan, pair, seed).all()

    def comparisons(self, plan: Plan) -> Iterator[tuple[Cell, Cell]]:
        for pair in plan.recipe.pair_packs:
            for seed in plan.recipe.seeds:
                systems = systems_of(plan, pair, seed)
                others = [cell for name, cell in systems.items() if name != COMPOSED]
                yield from ((other, systems[COMPOSED]) for other in others)
                for name in (THROUGH, SUPERVISED):
                    if name in systems:
                        packs = [other for other in others if other.kind == _PAIR_PACK]
                        yield from ((other, systems[name]) for other in packs)

    def work(self, inputs: Inputs) -> Output:
        kind = inputs.cell.kind
        if kind == _SUPERVISED:
            return adapt_and_score(inputs)
        if kind == _SYNTHETIC:
            text = inputs.text("train")
            lines = text.target if inputs.spec["translated"] == "target" else text.source
            return Output({"lines": len(lines)}, _through(inputs, lines))
        if kind == _THROUGH:
            test = inputs.text("test")
            lines = _through(inputs, test.source)
            return Output(scored(lines, test), lines)
        if kind == _BRIDGE:
            parent = _child(inputs, "parent", "target")
            learnt = _synthetic_pairs(inputs, inputs.spec["new"]["source"], parent.target_language)
            _, values = adapted(inputs, parent, pairs=learnt)
            return Output(values)
        two = [inputs.pack("source"), inputs.pack("target")]
        if kind == _COMPOSED:
            return translated(inputs, {}, inputs.parent(), *two)
        placed = inputs.cell.texts["test"]
        is_synthetic = "synthetic" in inputs.spec
        pairs = _synthetic_pairs(inputs, placed.source, placed.target) if is_synthetic else None
        return adapt_and_score(inputs, pairs=pairs, start=two)

    def tables(self, results: Results) -> Iterator[Table]:
        for metric, name in (("bleu", "BLEU"), ("chrf", "chrF2")):
            columns = list(
                dict.fromkeys(_column(cell) for kind in _SYSTEMS for cell, _ in results.found(kind))
            )
            rows = list(_rows(results, metric, columns))
            note = (
                f"{name} on the test set; mean and deviation of several seeds. Pair packs on synthetic text "
                "use no sentence pair of their pair, neither to train nor to choose the best state; the "
                "others use real text for both. In brackets, per cent of the supervised score."
            )
            yield Table(f"Pairs that two packs compose: {name}", note, ("system", *columns), rows)


_SYSTEMS = (_COMPOSED, _PAIR_PACK, _THROUGH, _SUPERVISED)


def systems_of(plan: Plan, pair: PairPackRecipe, seed: int) -> dict[str, Cell]:
    """The planned systems of a pair by name."""
    parent = plan.recipe.child(pair.source_child).parent
    name = _name(plan, pair)
    found = (plan.find(kind, pair=name, parent=parent, seed=seed) for kind in _SYSTEMS)
    return {cell.labels["system"]: cell for cells in found for cell in cells}


def _name(plan: Plan, pair: PairPackRecipe) -> str:
    return f"{plan.recipe.child(pair.source_child).source}-{plan.recipe.child(pair.target_child).target}"


class _Cells:
    """The cells of one pair and one seed."""

    def __init__(self, plan: Plan, pair: PairPackRecipe, seed: int) -> None:
        recipe = plan.recipe
        self.plan, self.pair, self.seed = plan, pair, seed
        self.source_child, self.target_child = map(recipe.child, (pair.source_child, pair.target_child))
        self.parent = recipe.parent(self.source_child.parent)
        self.languages = self.source_child.source, self.target_child.target
        self.source = _trained(plan, pair.source_child, pair.source_strategy, seed)
        self.target = _trained(plan, pair.target_child, pair.target_strategy, seed)
        self.two = {
            "source": self.source.key, "target": self.target.key, "parent": plan.parent(self.parent.name).key,
        }  # fmt: skip

    def all(self) -> Iterator[Cell]:
        """All of them, each after those that it needs."""
        pair = self.pair
        texts = self.plan.texts(pair.text, *self.languages, "test")
        yield self._cell(_COMPOSED, COMPOSED, self.plan.scored(texts), self.two, texts)
        if pair.bridge_strategy:
            yield from self._by_bridge()
        if pair.reverse_parent:
            back = self.plan.recipe.parent(pair.reverse_parent)
            steps = self._steps((self.parent, self.source), (back, None), (self.parent, self.target))
            yield self._cell(_THROUGH, THROUGH, self.plan.scored(texts), steps, texts)
            yield from self._on_synthetic(back)
        for size in pair.real_sizes:
            yield self._pair_pack(f"pair pack, {size or 'all'} real pairs", size=size)
        if pair.supervised_strategy:
            yield self._supervised()

    def _on_synthetic(self, back: ParentRecipe) -> Iterator[Cell]:
        """Synthetic text and the pair packs on it."""
        pair = self.pair
        real_source = self._synthetic(
            self.source_child.text.train, (self.source_child.source, self.source_child.target), "target",
            self._steps((back, None), (self.parent, self.target)), self.languages[1],
        )  # fmt: skip
        yield real_source
        yield self._pair_pack(REAL_SOURCE, synthetic=[real_source])
        if pair.reverse_child:
            writer = _trained(self.plan, pair.reverse_child, pair.target_strategy, self.seed)
            real_target = self._synthetic(
                self.target_child.text.train, (self.target_child.source, self.target_child.target), "source",
                self._steps((self.parent, None), (back, writer)), self.languages[0],
            )  # fmt: skip
            yield real_target
            yield self._pair_pack(BOTH_KINDS, synthetic=[real_source, real_target])

    def _by_bridge(self) -> Iterator[Cell]:
        """The bridge from the parent's target language, the text that it makes, and the pair pack on that."""
        pair, plan, middle = self.pair, self.plan, self.parent.target
        ours, theirs = self.source_child, self.target_child
        learnt = self._synthetic(
            theirs.text.train, (theirs.source, theirs.target), "source", self._steps((self.parent, None)),
            f"{middle}, for a bridge,",
        )  # fmt: skip
        yield learnt
        strategy = parse_strategy(pair.bridge_strategy)
        settings = plan.recipe.training_settings(pair.bridge_strategy, self.seed)
        start = ours.initial_embeddings[0]
        spec = {
            "strategy": str(strategy), "new": {"source": middle, "target": None},
            "vocabulary": 0, "training": settings.to_values(),
            "synthetic": ["source"],
            **({} if start == "random" else {"initial_embeddings": {"method": start}}),
        }  # fmt: skip
        kept = {"kept 1": learnt.texts["train"]}
        spec |= plan.data() | {"text": plan.identities(kept)}
        needs = {"parent": self.two["parent"], "target": self.target.key, "synthetic 1": learnt.key}
        operations = training_operations(
            self.parent.size, kept["kept 1"].text.estimated_pairs, settings, trained=strategy.train
        )
        bridge = self._cell(
            _BRIDGE, f"bridge {middle}-{theirs.target}", spec, needs, kept, operations=operations
        )
        yield bridge
        steps = self._steps((self.parent, self.target)) | {"bridge 1": bridge.key}
        made = self._synthetic(
            ours.text.train, (ours.source, ours.target), "target", steps, f"{theirs.target}, by a bridge,"
        )
        yield made
        yield self._pair_pack(BRIDGED, synthetic=[made])

    def _steps(self, *steps: tuple[ParentRecipe, Cell | None]) -> dict[str, str]:
        """What models in a row need: the parent of each, and its pack if it has one."""
        needs = {}
        for number, (parent, child) in enumerate(steps, start=1):
            needs[f"parent {number}"] = self.plan.parent(parent.name).key
            if child is not None:
                needs[f"pack {number}"] = child.key
        return needs

    def _synthetic(
        self,
        text: Any,
        languages: tuple[str, str],
        side: Side,
        needs: Mapping[str, str],
        what: str,
    ) -> Cell:
        """One side of a training text, translated.

        Args:
            side: the one that is translated.
            what: the translations' language, and what else tells them from others.
        """
        placed = {"train": PlacedText(text, *languages)}
        spec = {
            "text": self.plan.identities(placed), "translated": side,
            "decoding": self.plan.recipe.decoding.to_values(),
        }  # fmt: skip
        return self._cell(_SYNTHETIC, f"synthetic {what} of {'-'.join(languages)}", spec, needs, placed)

    def _pair_pack(self, system: str, *, size: int = 0, synthetic: Sequence[Cell] = ()) -> Cell:
        plan, pair = self.plan, self.pair
        texts = plan.texts(pair.text, *self.languages, "test")
        needs = dict(self.two)
        spec: dict[str, Any] = {}
        if synthetic:
            for number, cell in enumerate(synthetic, start=1):
                texts[f"kept {number}"] = cell.texts["train"]
                needs[f"synthetic {number}"] = cell.key
            spec["synthetic"] = [cell.spec["translated"] for cell in synthetic]
            num_pairs = sum(cell.texts["train"].text.estimated_pairs for cell in synthetic)
        else:
            train = pair.text.train.cut(size) if size else pair.text.train
            texts |= plan.texts(pair.text.changed(train=train), *self.languages, "train", "valid")
            num_pairs = train.estimated_pairs
        settings = plan.recipe.training_settings(
            pair.strategy, self.seed, {} if synthetic else pair.real_training
        )
        parsed = parse_strategy(pair.strategy)
        spec |= {
            "strategy": str(parsed), "new": {"source": None, "target": None}, "vocabulary": 0,
            "training": settings.to_values(),
        }  # fmt: skip
        spec |= plan.data() | plan.scored(texts)
        operations = training_operations(self.parent.size, num_pairs, settings, trained=parsed.train)
        return self._cell(_PAIR_PACK, system, spec, needs, texts, size=size, operations=operations)

    def _supervised(self) -> Cell:
        source, target = self.languages
        start = self.source_child.initial_embeddings[0]
        return Adaptation(
            _SUPERVISED, self._title(SUPERVISED), self.plan.parent(self.parent.name), self.parent.size,
            self.pair.text, self.languages, {"source": source, "target": target},
            self.pair.supervised_strategy, self.source_child.vocabulary, self.seed,
            labels=self._labels(SUPERVISED),
            start={} if start == "random" else {"method": start},
        ).cell(self.plan)  # fmt: skip

    def _title(self, what: str) -> str:
        """Without the seed."""
        return f"{'-'.join(self.languages)} {what} on {self.parent.name}"

    def _labels(self, system: str, size: int = 0) -> dict[str, Any]:
        source, target = self.languages
        return {
            "pair": f"{source}-{target}", "source": source, "target": target, "parent": self.parent.name,
            "seed": self.seed, "size": size, "system": system,
        }  # fmt: skip

    def _cell(
        self,
        kind: str,
        system: str,
        spec: dict[str, Any],
        needs: Mapping[str, str],
        texts: dict[str, PlacedText],
        *,
        size: int = 0,
        **more: Any,
    ) -> Cell:
        title = self._title(system) + (f", seed {self.seed}" if len(self.plan.recipe.seeds) > 1 else "")
        return Cell(kind, title, spec, dict(needs), self._labels(system, size), texts, **more)


def _trained(plan: Plan, name: str, strategy: str, seed: int) -> Cell:
    """The child of a name and strategy, with the first of its initial embeddings, on its whole text."""
    child = plan.recipe.child(name)
    (found,) = plan.find(
        "child", child=name, parent=child.parent, strategy=str(parse_strategy(strategy)), seed=seed,
        size=plan.full_size, initial=child.initial_embeddings[0],
    )  # fmt: skip
    return found


def _through(inputs: Inputs, lines: Sequence[str]) -> list[str]:
    """Lines translated by the models that a cell needs, one after another."""
    from crosslate.translation.translator import Translator

    number, found = 1, list(lines)
    while f"parent {number}" in inputs.cell.needs:
        packs = [inputs.pack(role)] if (role := f"pack {number}") in inputs.cell.needs else []
        parent = inputs.parent(f"parent {number}")
        if (role := f"bridge {number}") in inputs.cell.needs:
            parent, packs = _child(inputs, f"parent {number}", f"pack {number}"), [inputs.pack(role)]
        found = Translator(parent, *packs, options=inputs.decoding).translate(found)
        number += 1
    return found


def _child(inputs: Inputs, parent: str, pack: str) -> Parent:
    """The child of the models in two roles, as the parent of a bridge."""
    from crosslate.packs.compose import apply_packs

    return apply_packs(inputs.parent(parent), [inputs.pack(pack)]).as_parent(inputs.cell.title)


def _synthetic_pairs(inputs: Inputs, source: str, target: str) -> ParallelCorpus:
    """The real sides of texts with the synthetic other sides, one text after another."""
    from crosslate.text.corpora import ParallelCorpus

    sides: tuple[list[str], list[str]] = ([], [])
    for number, side in enumerate(inputs.spec["synthetic"], start=1):
        text, made = inputs.text(f"kept {number}"), inputs.translations(f"synthetic {number}")
        both = (text.source, made) if side == "target" else (made, text.target)
        for lines, more in zip(sides, both, strict=True):
            lines += more
    return ParallelCorpus(*sides, source, target, "synthetic text")


def _column(cell: Cell) -> str:
    return f"{cell.labels['pair']} on {cell.labels['parent']}"


def _rows(results: Results, metric: str, columns: Sequence[str]) -> Iterator[Row]:
    """One row per system: its scores, and what share of the supervised score that is."""
    scores: dict[str, dict[str, list[float]]] = {}
    for kind in _SYSTEMS:
        for cell, values in results.found(kind):
            of_system = scores.setdefault(cell.labels["system"], {})
            of_system.setdefault(_column(cell), []).append(values["scores"][metric]["value"])
    supervised = scores.get(SUPERVISED, {})
    for system, by_column in scores.items():
        row: list[str | None] = []
        for column in columns:
            found = over_seeds(by_column.get(column, []))
            whole = mean(supervised[column]) if supervised.get(column) else 0.0
            if found and whole and system != SUPERVISED:
                found += f" ({100 * mean(by_column[column]) / whole:.0f} %)"
            row.append(found)
        yield (system, *row)
