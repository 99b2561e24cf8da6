"""From a recipe to the grid of its cells. Nothing is run, and only files are read, for their hashes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from crosslate.errors import CrosslateError, Faults, InputError, SettingsError
from crosslate.models.initialisers.initial_embeddings import RANDOM
from crosslate.models.strategies import parse_strategy
from crosslate.studies.cells import Cell, PlacedText, find, in_order, needs
from crosslate.studies.comparisons import OTHER_START, comparisons
from crosslate.studies.dictionaries import dictionary_steps
from crosslate.studies.estimate import ANALYSIS_OPERATIONS, training_operations
from crosslate.studies.lexicon_cells import Lexicons
from crosslate.studies.recipe import (
    ChildRecipe,
    DenoiserRecipe,
    PairText,
    ParentRecipe,
    Recipe,
    ZeroShotRecipe,
    part_of,
)
from crosslate.studies.texts import Library
from crosslate.training.settings import TrainingChanges

ATTENTION_PAIRS = 200
"""The first pairs of a test set on which cross-attention is looked at."""


def plan_study(recipe: Recipe, library: Library) -> list[Cell]:
    """All cells of a study, each behind what it needs."""
    return in_order(_Grid(recipe, library).cells())


def check_texts(cells: Sequence[Cell], library: Library) -> None:
    """Refuses cells whose texts are not there or cannot be read, before anything is run.

    Of training text that is found out by reading it, which comes first; validation and test text would be
    read after hours.

    Raises:
        InputError: lists every missing file, or every validation or test text that cannot be read.
    """
    check_files(cells, library)
    faults = Faults("the study needs text that cannot be read")
    small = {
        repr(placed): placed
        for cell in cells
        for role, placed in cell.texts.items()
        if role in ("valid", "test") and placed.text.files
    }
    for placed in small.values():
        try:
            library.load(placed.text, placed.source, placed.target)
        except CrosslateError as error:
            faults.add(str(error))
    faults.raise_as(InputError)


def check_files(cells: Sequence[Cell], library: Library) -> None:
    """Refuses cells whose files of text are not there: without them no cell's key is known.

    Raises:
        InputError: lists every missing file.
    """
    faults = Faults("the study needs text that is not there (give the folder that holds it)")
    missing = [
        path
        for cell in cells
        for placed in cell.texts.values()
        for path in library.missing(placed.text, placed.source, placed.target)
    ]
    for path in dict.fromkeys(missing):
        faults.add(path)
    faults.raise_as(InputError)


class _Grid:
    def __init__(self, recipe: Recipe, library: Library) -> None:
        self.recipe, self.library = recipe, library
        self.decoding = recipe.decoding.to_values()
        self.parents: dict[str, Cell] = {}
        self.lexicons = Lexicons(recipe, library)
        self.full_size = 0 if 0 in recipe.sizes else max(recipe.sizes)

    def cells(self) -> list[Cell]:
        recipe = self.recipe
        made = [self.parent(parent) for parent in recipe.parents]
        self.parents = {parent.name: cell for parent, cell in zip(recipe.parents, made)}
        children = [cell for child in recipe.children for cell in self.children(child)]
        made += children
        for denoiser in recipe.denoisers:
            made += self.denoiser(denoiser)
        if "lexicon" in recipe.analyses:
            full = self.full(children)
            for cell in full:
                made += self.lexicons.of_child(cell, self.parents[cell.labels["parent"]])
            made += self.lexicons.between(full)
            for cell in find(made, "denoising child"):
                made += self.lexicons.of_languages(cell)
        if "attention" in recipe.analyses:
            looked_at = self.full(children) + find(made, "denoising child")
            first = [cell for cell in looked_at if cell.labels["seed"] == recipe.seeds[0]]
            made += [self.attention(cell) for cell in [*self.parents.values(), *first]]
        if "forgetting" in recipe.analyses:
            made += [
                self.forgetting(cell) for cell in self.full(children) if cell.labels["part"] != "scratch"
            ]
        made += list(self.compressed(self.full(children)))
        if "zero-shot" in recipe.analyses:
            plain = find(children, "child", initial=RANDOM)
            for pair in recipe.zero_shot:
                made += self.zero_shot(pair, plain)
        if "compare" in recipe.analyses:
            made += comparisons(made, self.full_size)
        return made

    def full(self, cells: Sequence[Cell]) -> list[Cell]:
        """Children trained on the most text that the recipe asks for."""
        return [cell for cell in cells if cell.labels["size"] == self.full_size]

    def is_watched(self, strategy: str, seed: int, size: int = 0) -> bool:
        """Whether a child is measured while it trains: the first seed's on all text, but not from scratch."""
        is_scratch = part_of(parse_strategy(strategy)) == "scratch"
        is_first = seed == self.recipe.seeds[0] and size == self.full_size
        return "lexicon" in self.recipe.analyses and is_first and not is_scratch

    def texts(self, text: PairText, source: str, target: str, *roles: str) -> dict[str, PlacedText]:
        return {role: PlacedText(getattr(text, role), source, target) for role in roles}

    def identities(self, texts: dict[str, PlacedText]) -> dict[str, Any]:
        return {
            role: self.library.identity(each.text, each.source, each.target) for role, each in texts.items()
        }

    def parent(self, parent: ParentRecipe) -> Cell:
        texts = self.texts(parent.text, parent.source, parent.target, "train", "valid", "test")
        labels = {"parent": parent.name, "source": parent.source, "target": parent.target, "size": 0}
        if parent.load:
            texts = {"test": texts["test"]}
            spec: dict[str, Any] = {"load": parent.load, "languages": [parent.source, parent.target]}
            operations = ANALYSIS_OPERATIONS
        else:
            settings = TrainingChanges.from_values(parent.training).resolved()
            spec = {
                "size": parent.size,
                "vocabularies": [parent.source_vocabulary, parent.target_vocabulary],
                "training": settings.to_values(),
            }
            operations = training_operations(parent.size, texts["train"].text.estimated_pairs, settings)
        spec |= {"text": self.identities(texts), "decoding": self.decoding}
        return Cell("parent", f"parent {parent.name}", spec, {}, labels, texts, operations)

    def children(self, child: ChildRecipe) -> Iterator[Cell]:
        for strategy in self.recipe.strategies_of(child):
            is_scratch = part_of(parse_strategy(strategy)) == "scratch"
            for method in [RANDOM] if is_scratch else child.initial_embeddings:
                for size in self.recipe.sizes:
                    for seed in self.recipe.seeds:
                        yield self.child(child, strategy, size, seed, method)

    def child(self, child: ChildRecipe, strategy: str, size: int, seed: int, method: str = RANDOM) -> Cell:
        parent = self.recipe.parent(child.parent)
        side = self.recipe.new_side(child)
        text = self.cut(child.text, size)
        new = {"source": child.source if side == "source" else None,
               "target": child.target if side == "target" else None}  # fmt: skip
        labels = {"child": child.name, "parent": parent.name, "side": side, "initial": method}
        lexicon = self.lexicons.watched(side, getattr(child, side), getattr(parent, side))
        start = self.start(method, getattr(child, side), getattr(parent, side))
        return self.trained(
            f"{child.name} {strategy}" + (f", {method} embeddings" if start else ""),
            self.parents[parent.name], parent.size, text, child.source,
            child.target, strategy, new, child.vocabulary, seed, size, labels,
            lexicon=lexicon if self.is_watched(strategy, seed, size) else {}, start=start,
        )  # fmt: skip

    def start(self, method: str, ours: str, theirs: str) -> dict[str, Any]:
        """Where a child's new embeddings start; empty for the default, so that it is in no key."""
        if method == RANDOM:
            return {}
        if method != "dictionary":
            return {"method": method}
        steps = dictionary_steps(self.recipe, self.library, ours, theirs)
        if not steps:
            raise SettingsError(
                f"initial embeddings from a dictionary need one from {ours} to {theirs}; "
                f"the recipe names {', '.join(self.recipe.dictionaries) or 'none'}"
            )
        return {"method": method, "dictionaries": steps}

    def trained(
        self,
        title: str,
        parent: Cell,
        model_size: str,
        text: PairText,
        source: str,
        target: str,
        strategy: str,
        new: dict[str, str | None],
        vocabulary: int,
        seed: int,
        size: int,
        labels: dict[str, Any],
        kind: str = "child",
        lexicon: dict[str, Any] | None = None,
        start: dict[str, Any] | None = None,
    ) -> Cell:
        texts = self.texts(text, source, target, "train", "valid", "test")
        parsed = parse_strategy(strategy)
        settings = self.recipe.training_settings(strategy, seed)
        title += f", {size} pairs" if size else ""
        title += f", seed {seed}" if len(self.recipe.seeds) > 1 else ""
        spec = {
            "strategy": str(parsed),
            "new": new,
            "vocabulary": vocabulary,
            "training": settings.to_values(),
            "text": self.identities(texts),
            "decoding": self.decoding,
        } | ({"initial_embeddings": start} if start else {})
        labels = labels | {
            "source": source, "target": target, "strategy": str(parsed), "seed": seed, "size": size,
            "part": part_of(parsed) if not start else OTHER_START,
        }  # fmt: skip
        pairs = texts["train"].text.estimated_pairs
        operations = training_operations(model_size, pairs, settings, trained=parsed.train)
        watched = {"lexicon": lexicon} if lexicon else {}
        texts |= self.lexicons.texts(lexicon or {}) | self.lexicons.texts(start or {})
        return Cell(kind, title, spec, needs(parent=parent), labels, texts, operations, watched)

    def cut(self, text: PairText, size: int) -> PairText:
        """The first pairs of the training text; 0 takes all."""
        if not size:
            return text
        last = text.train.first_line + size - 1
        if text.train.last_line:
            last = min(last, text.train.last_line)
        return replace(text, train=replace(text.train, last_line=last, num_pairs=0))

    def denoiser(self, denoiser: DenoiserRecipe) -> list[Cell]:
        """A denoising parent, its trimmed copies and their children."""
        settings = TrainingChanges.from_values(denoiser.training).resolved()
        texts = {
            f"{role} {language}": PlacedText(getattr(denoiser, role), language, language)
            for role in ("train", "valid")
            for language in denoiser.languages
        }
        spec = {
            "languages": denoiser.languages, "size": denoiser.size, "vocabulary": denoiser.vocabulary,
            "mask_share": denoiser.mask_share, "mean_span_words": denoiser.mean_span_words,
            "training": settings.to_values(), "text": self.identities(texts),
        }  # fmt: skip
        lines = denoiser.train.estimated_pairs * len(denoiser.languages)
        operations = training_operations(denoiser.size, lines, settings)
        labels = {"denoiser": denoiser.name}
        made = [Cell("denoiser", f"denoiser {denoiser.name}", spec, {}, labels, texts, operations)]
        for child in self.recipe.children:
            if child.is_target_of_denoisers and {child.source, child.target} <= set(denoiser.languages):
                made += self.denoising_children(denoiser, made[0], child)
        return made

    def denoising_children(self, denoiser: DenoiserRecipe, cell: Cell, child: ChildRecipe) -> Iterator[Cell]:
        texts = self.texts(child.text, child.source, child.target, "train")
        labels = {"denoiser": denoiser.name, "child": child.name}
        trimmed = Cell(
            "trimmed", f"{denoiser.name} trimmed to {child.name}", {"text": self.identities(texts)},
            needs(denoiser=cell), labels, texts, ANALYSIS_OPERATIONS / 4,
        )  # fmt: skip
        yield trimmed
        new: dict[str, str | None] = {"source": child.source, "target": child.target}
        lexicon = self.lexicons.watched_between(child.source, child.target)
        for strategy in self.recipe.denoising_strategies:
            for seed in self.recipe.seeds:
                yield self.trained(
                    f"{child.name} {strategy} on {denoiser.name}", trimmed, denoiser.size, child.text,
                    child.source, child.target, strategy, new, 0, seed, 0, labels, kind="denoising child",
                    lexicon=lexicon if self.is_watched(strategy, seed, self.full_size) else {},
                )  # fmt: skip

    def forgetting(self, cell: Cell) -> Cell:
        """The parent's embeddings plugged back into a child's body, on the parent's pair."""
        parent = next(each for each in self.parents.values() if each.key == cell.needs["parent"])
        texts = {"test": parent.texts["test"]}
        spec = {"text": self.identities(texts), "decoding": self.decoding}
        return Cell(
            "forgetting", f"forgetting of {cell.title}", spec,
            {"child": cell.key, "parent": parent.key}, cell.labels, texts, ANALYSIS_OPERATIONS,
        )  # fmt: skip

    def attention(self, cell: Cell) -> Cell:
        """The cross-attention of a model on the first pairs of its test set."""
        texts = {"test": cell.texts["test"]}
        lexicon = self.lexicons.watched_between(cell.labels["source"], cell.labels["target"])
        spec = {"text": self.identities(texts), "pairs": ATTENTION_PAIRS, "lexicon": lexicon}
        texts |= self.lexicons.texts(lexicon)
        is_parent = cell.kind == "parent"
        roles = {"parent": cell.key} if is_parent else {"child": cell.key, "parent": cell.needs["parent"]}
        labels = cell.labels | ({"part": "parent"} if is_parent else {})
        return Cell(
            "attention", f"attention of {cell.title}", spec, roles, labels, texts, ANALYSIS_OPERATIONS / 2
        )

    def compressed(self, children: Sequence[Cell]) -> Iterator[Cell]:
        """Packs in fewer bytes, with the score of each."""
        wanted = {str(parse_strategy(name)) for name in self.recipe.compressed}
        for cell in children:
            for way in self.recipe.compressions if cell.labels["strategy"] in wanted else ():
                texts = {"test": cell.texts["test"]}
                spec = {
                    "rank": way.rank,
                    "dtype": way.dtype,
                    "text": self.identities(texts),
                    "decoding": self.decoding,
                }
                how = ", ".join([*([f"rank {way.rank}"] if way.rank else []), *filter(None, [way.dtype])])
                yield Cell(
                    "compressed", f"{cell.title} in {how}", spec,
                    {"child": cell.key, "parent": cell.needs["parent"]},
                    cell.labels | {"how": how, "whole": cell.title}, texts, ANALYSIS_OPERATIONS,
                )  # fmt: skip

    def zero_shot(self, pair: ZeroShotRecipe, children: Sequence[Cell]) -> Iterator[Cell]:
        recipe = self.recipe
        source = recipe.child(pair.source_child).source
        target = recipe.child(pair.target_child).target
        name = f"{source}-{target}"
        texts = self.texts(pair.text, source, target, "test")
        spec = {"text": self.identities(texts), "decoding": self.decoding}
        full = self.full(children)
        for seed in recipe.seeds:
            made: dict[str, Cell] = {}
            for strategy in pair.source_strategies:
                (first,) = find(
                    full, "child", child=pair.source_child, strategy=str(parse_strategy(strategy)), seed=seed
                )
                (second,) = find(
                    full, "child", child=pair.target_child,
                    strategy=str(parse_strategy(pair.target_strategy)), seed=seed,
                )  # fmt: skip
                labels = {
                    "pair": name,
                    "strategy": strategy,
                    "seed": seed,
                    "size": 0,
                    "part": first.labels["part"],
                }
                made[strategy] = Cell(
                    "zero-shot", f"{name} composed of {first.title} and {second.title}", spec,
                    {"source": first.key, "target": second.key, "parent": first.needs["parent"]}, labels,
                    texts, ANALYSIS_OPERATIONS,
                )  # fmt: skip
            yield from made.values()
            yield from self.supervised(pair, source, target, seed)
            if pair.pivot:
                yield from self.pivot(pair, source, target, seed, full, texts, spec)

    def supervised(self, pair: ZeroShotRecipe, source: str, target: str, seed: int) -> Iterator[Cell]:
        """Models from scratch for a composed pair, on several amounts of text."""
        child = self.recipe.child(pair.source_child)
        parent = self.recipe.parent(child.parent)
        vocabulary = child.vocabulary
        new: dict[str, str | None] = {"source": source, "target": target}
        for size in pair.supervised_sizes:
            yield self.trained(
                f"{source}-{target} scratch", self.parents[parent.name], parent.size,
                self.cut(pair.text, size), source, target, "scratch", new, vocabulary, seed, size,
                {"pair": f"{source}-{target}"},
                kind="supervised",
            )  # fmt: skip

    def pivot(
        self,
        pair: ZeroShotRecipe,
        source: str,
        target: str,
        seed: int,
        children: Sequence[Cell],
        texts: dict[str, PlacedText],
        spec: dict[str, Any],
    ) -> Iterator[Cell]:
        """Two steps: the source child, then a model from scratch from its target language."""
        child = self.recipe.child(pair.source_child)
        parent = self.recipe.parent(child.parent)
        new: dict[str, str | None] = {"source": child.target, "target": target}
        second = self.trained(
            f"{child.target}-{target} scratch", self.parents[parent.name], parent.size, pair.text,
            child.target, target, "scratch", new, child.vocabulary, seed, 0,
            {"pair": f"{child.target}-{target}"},
            kind="supervised",
        )  # fmt: skip
        strategy = str(parse_strategy(pair.source_strategies[0]))
        (first,) = find(children, "child", child=child.name, strategy=strategy, seed=seed)
        yield second
        labels = {"pair": f"{source}-{target}", "seed": seed, "size": 0}
        title = f"{source}-{target} through {child.target}"
        title += f", seed {seed}" if len(self.recipe.seeds) > 1 else ""
        yield Cell(
            "pivot", title, spec,
            {"first": first.key, "second": second.key, "parent": first.needs["parent"]}, labels, texts,
            ANALYSIS_OPERATIONS,
        )  # fmt: skip
