"""What makes a recipe no study: all that can be known before any text is read or model trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from math import inf
from typing import Any

from crosslate.errors import CrosslateError, Faults, SettingsError, StrategyError, nearest
from crosslate.languages.codes import language_code
from crosslate.models.groups import Side
from crosslate.models.initialisers.initial_embeddings import RANDOM
from crosslate.models.parent import parse_size
from crosslate.models.strategies import parse_strategy
from crosslate.studies.recipe import ALL, ChildRecipe, Recipe
from crosslate.text.vocabulary_training import MIN_SIZE
from crosslate.training.settings import MAX_SEED, TrainingChanges


def check_recipe(recipe: Recipe) -> None:
    """Refuses a recipe with contradictions or values out of range.

    Raises:
        SettingsError: lists all of them.
    """
    faults = Faults(f"recipe {recipe.name!r} makes no study")
    if not recipe.name or not set(recipe.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-"):
        faults.add(f"name is {recipe.name!r}, expected small letters, digits and hyphens")
    _check_names(recipe, faults)
    _check_children(recipe, faults)
    _check_denoisers(recipe, faults)
    _check_zero_shot(recipe, faults)
    _check_settings(recipe, faults)
    faults.raise_as(SettingsError)


@contextmanager
def _placed(where: str, faults: Faults) -> Iterator[None]:
    """Turns an error inside the block into a fault that says where."""
    try:
        yield
    except CrosslateError as error:
        faults.add(f"{where}: " + str(error).replace("\n", "\n  "))


def _check_names(recipe: Recipe, faults: Faults) -> None:
    parents: list[Any] = [*recipe.parents, *recipe.denoisers]
    named: dict[str, list[Any]] = {
        "parents": [parent.name for parent in parents],
        "children": [child.name for child in recipe.children],
        "seeds": recipe.seeds,
        "sizes": recipe.sizes,
    }
    for kind, names in named.items():
        for name in {name for name in names if names.count(name) > 1}:
            faults.add(f"{kind} names {name} twice")
    if not parents:
        faults.add("it has neither parents nor denoisers; expected at least one of them")
    for name in ("seeds", "sizes"):
        values = getattr(recipe, name)
        if not values or min(values) < 0:
            faults.add(f"{name} is {values}, expected at least one number, none below 0")
    for name, seeds in (("seeds", recipe.seeds), ("phrasebook_seed", [recipe.phrasebook_seed])):
        faults.messages += [
            f"{name} has {seed}, expected at most {MAX_SEED}" for seed in seeds if seed > MAX_SEED
        ]
    if recipe.phrasebook_seed < 0:
        faults.add(f"phrasebook_seed is {recipe.phrasebook_seed}, expected 0 or more")
    vocabularies = {
        **{f"source_vocabulary of parent {each.name}": each.source_vocabulary for each in recipe.parents},
        **{f"target_vocabulary of parent {each.name}": each.target_vocabulary for each in recipe.parents},
        **{f"vocabulary of denoiser {each.name}": each.vocabulary for each in recipe.denoisers},
        **{f"vocabulary of child {each.name}": each.vocabulary for each in recipe.children},
    }
    for name, size in vocabularies.items():
        if size and size < MIN_SIZE:
            faults.add(f"{name} is {size}, expected 0 (chosen from the text) or {MIN_SIZE} and more")
    languages = [each for parent in recipe.parents for each in (parent.source, parent.target)]
    languages += [each for child in recipe.children for each in (child.source, child.target)]
    languages += [each for denoiser in recipe.denoisers for each in denoiser.languages]
    for language in dict.fromkeys(languages):
        with faults.catch():
            language_code(language)


def _check_children(recipe: Recipe, faults: Faults) -> None:
    names = [parent.name for parent in recipe.parents]
    for child in recipe.children:
        if child.parent not in names:
            faults.add(f"child {child.name} has the parent {child.parent!r}; {nearest(child.parent, names)}")
            continue
        starts = child.initial_embeddings
        if not starts or len(set(starts)) < len(starts):
            faults.add(f"child {child.name} has initial_embeddings {starts}, expected some, each once")
        parent = recipe.parent(child.parent)
        if child.source == child.target:
            faults.add(
                f"child {child.name} translates from {child.source} into itself, expected two languages"
            )
            continue
        if (child.source == parent.source) == (child.target == parent.target):
            faults.add(
                f"child {child.name} must share exactly one side with its parent, "
                f"{parent.source}-{parent.target}"
            )
            continue
        _check_once(f"child {child.name}", child.strategies, faults)
        for name in child.strategies:
            with faults.catch():
                if parse_strategy(name).renews not in (None, frozenset({recipe.new_side(child)})):
                    faults.add(f"child {child.name} renews its {recipe.new_side(child)}, {name} does not")


def _check_once(where: str, strategies: list[str], faults: Faults) -> None:
    """Refuses a strategy that stands twice, if in other words; unknown ones are refused elsewhere."""
    seen: set[str] = set()
    for name in strategies:
        with suppress(StrategyError):
            if (parsed := str(parse_strategy(name))) in seen:
                faults.add(f"{where} names the strategy {name} twice")
            seen.add(parsed)


def _check_denoisers(recipe: Recipe, faults: Faults) -> None:
    for denoiser in recipe.denoisers:
        where, languages = f"denoiser {denoiser.name}", denoiser.languages
        if not languages or len(set(languages)) < len(languages):
            faults.add(f"{where} has the languages {languages}, expected at least one, each once")
        if not 0 <= denoiser.mask_share < 1:
            faults.add(f"{where} has mask_share {denoiser.mask_share}, expected 0 or more and below 1")
        if not 0 < denoiser.mean_span_words < inf:
            faults.add(
                f"{where} has mean_span_words {denoiser.mean_span_words}, expected a positive, finite number"
            )
        for role, text in (("train", denoiser.train), ("valid", denoiser.valid)):
            if text.kind not in ("files", "phrasebook"):
                faults.add(f"{where} has {role} text from {text.kind}, expected files or the phrasebook")
            elif len(text.files) > 1:
                faults.add(
                    f"{where} has {role} text in {len(text.files)} files, expected one for each language: "
                    "a name with {language} in it"
                )


def _check_zero_shot(recipe: Recipe, faults: Faults) -> None:
    if faults:  # of its children, perhaps
        return
    children = {child.name: child for child in recipe.children}
    for pair in recipe.zero_shot:
        if not pair.source_strategies:
            faults.add(
                f"zero_shot of {pair.source_child} and {pair.target_child} has no source_strategies, "
                "expected at least one"
            )
        if pair.supervised_sizes and min(pair.supervised_sizes) < 0:
            faults.add(
                f"zero_shot of {pair.source_child} and {pair.target_child} has supervised_sizes "
                f"{pair.supervised_sizes}, expected none below 0"
            )
        _check_composed(recipe, children, "source", pair.source_child, pair.source_strategies, faults)
        _check_composed(recipe, children, "target", pair.target_child, [pair.target_strategy], faults)
        if faults:
            continue
        source, target = children[pair.source_child], children[pair.target_child]
        if source.parent != target.parent:
            faults.add(
                f"zero_shot composes {source.name} of the parent {source.parent} and {target.name} of "
                f"{target.parent}, expected children of one parent"
            )
        if source.source == target.target:
            faults.add(
                f"zero_shot composes {source.name} and {target.name} to translate from {source.source} into "
                "itself, expected two languages"
            )


def _check_composed(
    recipe: Recipe,
    children: Mapping[str, ChildRecipe],
    side: Side,
    name: str,
    strategies: list[str],
    faults: Faults,
) -> None:
    """One of the two children that are composed."""
    if name not in children:
        faults.add(f"zero_shot names the child {name!r}; {nearest(name, list(children))}")
    elif recipe.new_side(children[name]) != side:
        faults.add(f"zero_shot takes a new {side} from {name}, which renews the other side")
    else:
        if RANDOM not in children[name].initial_embeddings:
            faults.add(f"zero_shot composes {name} with {RANDOM} initial embeddings; add them to it")
        has = [str(parse_strategy(each)) for each in recipe.strategies_of(children[name])]
        for each in strategies:
            with faults.catch():
                strategy = parse_strategy(each)
                if strategy.renews != frozenset({side}):
                    faults.add(
                        f"zero_shot composes {each} of {name}, expected a strategy that renews the {side} "
                        "and keeps the other"
                    )
                elif str(strategy) not in has:
                    faults.add(
                        f"zero_shot composes {each} of {name}, which is trained with {', '.join(has)} only"
                    )


def _check_settings(recipe: Recipe, faults: Faults) -> None:
    _check_once("strategies", recipe.strategies, faults)
    _check_once("denoising_strategies", recipe.denoising_strategies, faults)
    for name in (*recipe.strategies, *recipe.compressed):
        with faults.catch():
            parse_strategy(name)
    for name in recipe.denoising_strategies:
        with faults.catch():
            if parse_strategy(name).renews != frozenset():
                faults.add(
                    f"denoising_strategies has {name}; expected those that keep the vocabulary, like embed"
                )
    for way in recipe.compressions:
        if way.rank < 0 or way.dtype not in ("", "bfloat16", "int8") or not (way.rank or way.dtype):
            faults.add(
                f"compressions has rank {way.rank} and dtype {way.dtype!r}; expected a rank from 1, "
                "bfloat16 or int8, or both"
            )
    for name in recipe.training:
        with _placed(f"training.{name}", faults):
            recipe.training_settings("scratch" if name == ALL else name, 1)
    parents: list[Any] = [*recipe.parents, *recipe.denoisers]
    for each in parents:
        with _placed(f"size of {each.name}", faults):
            parse_size(each.size)
        with _placed(f"training of {each.name}", faults):
            TrainingChanges.from_values(each.training).resolved()
    for pair, name in recipe.dictionaries.items():
        if len(pair.split("-")) != 2 or not name:
            faults.add(f"dictionaries has {pair!r}: {name!r}, expected two codes like de-fr and a file")
        elif set(name) & set("{}"):
            faults.add(
                f"dictionaries has {pair}: {name!r}, expected a path without braces; "
                "write the codes of its languages out"
            )
