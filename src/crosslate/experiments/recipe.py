"""Recipes: a study as data. Unknown keys are refused; defaults stand here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.resources import files
from math import inf
from pathlib import Path
from typing import Any, Literal, cast, get_args

from crosslate.corpora.vocabulary_training import MIN_SIZE
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import CrosslateError, Faults, SettingsError, StrategyError, nearest
from crosslate.experiments.texts import Text
from crosslate.languages import language_code
from crosslate.models.initial_embeddings import RANDOM, Method
from crosslate.models.parent import parse_size
from crosslate.models.strategies import Side, Strategy, parse_strategy
from crosslate.settings import from_values, load_yaml
from crosslate.training.settings import EMBEDDINGS, GROUPS, MAX_SEED, TrainingSettings, preset

Analysis = Literal["lexicon", "attention", "forgetting", "zero-shot", "compare"]
Part = Literal[
    "scratch", "embeddings", "body", "xattn", "randxattn", "limited",
    "all", "bitfit", "lora-xattn", "lora-attention", "ia3", "adapters", "prefix",
]  # fmt: skip
RIVALS: tuple[Part, ...] = get_args(Part)[6:]
"""Parts that the paper does not have."""
ANALYSES: tuple[Analysis, ...] = get_args(Analysis)
PHRASEBOOK = "phrasebook"
ALL = "all"
_PRESET = "preset"


@dataclass(frozen=True)
class PairText:
    """The texts of a pair.

    Attributes:
        train: what is trained on.
        valid: what settings and the best state are chosen on.
        test: what scores are reported on.
    """

    train: Text
    valid: Text
    test: Text


@dataclass(frozen=True)
class ParentRecipe:
    """A translation parent.

    Attributes:
        name: how children name it.
        source: code of its source language.
        target: code of its target language.
        text: its texts.
        load: folder or hub id of a parent that exists; nothing is trained then, and ``text.test`` alone is
            used.
        size: ``tiny``, ``small``, ``base`` or ``layers,width,heads,feed_forward``.
        source_vocabulary: pieces; 0 chooses from the text.
        target_vocabulary: likewise.
        training: changes to the training settings; the key ``preset`` names what they start from.
    """

    name: str
    source: str
    target: str
    text: PairText
    load: str = ""
    size: str = "small"
    source_vocabulary: int = 0
    target_vocabulary: int = 0
    training: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DenoiserRecipe:
    """A parent that has learnt to restore noised text of several languages and no translation.

    Attributes:
        name: how the report names it.
        languages: codes; all share one vocabulary and one table of embeddings.
        train: monolingual text, where ``{language}`` stands for each code.
        valid: likewise, for choosing the best state.
        size: as of a parent.
        vocabulary: pieces, for all languages together.
        mask_share: share of the words that are masked, in [0, 1).
        mean_span_words: mean of the Poisson distribution of the lengths of masked spans, in words.
        training: as of a parent.
    """

    name: str
    languages: list[str]
    train: Text
    valid: Text
    size: str = "small"
    vocabulary: int = 8_000
    mask_share: float = 0.35
    mean_span_words: float = 3.5
    training: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ChildRecipe:
    """A child pair, which shares one side with its parent.

    Attributes:
        parent: name of the translation parent.
        source: code of its source language.
        target: code of its target language.
        text: its texts.
        vocabulary: pieces of the new side; 0 chooses from the text.
        strategies: of this child alone; empty takes those of the recipe that renew its side.
        is_target_of_denoisers: whether the denoising parents are adapted to this pair, too.
        initial_embeddings: where the new embeddings start, each a child of its own: ``random``, ``mean``,
            ``copied``, ``dictionary`` (one of the recipe's), ``aligned``; from ``scratch`` only at random.
    """

    parent: str
    source: str
    target: str
    text: PairText
    vocabulary: int = 0
    strategies: list[str] = field(default_factory=list)
    is_target_of_denoisers: bool = True
    initial_embeddings: list[Method] = field(default_factory=lambda: [RANDOM])

    @property
    def name(self) -> str:
        return f"{self.source}-{self.target}"


@dataclass(frozen=True)
class ZeroShotRecipe:
    """A pair that nothing was trained on: a source child and a target child composed.

    Attributes:
        source_child: pair of the child that brings the new source, like ``de-en``.
        target_child: pair of the child that brings the new target, like ``fr-es``.
        text: of the composed pair; ``train`` and ``valid`` serve the supervised models.
        source_strategies: packs of the source child that are composed.
        target_strategy: pack of the target child.
        supervised_sizes: pairs that models from scratch are trained on for comparison; 0 takes all.
        pivot: also translate in two steps, by the source child and by a model from scratch from its target
            language into the new one (which needs the text of that pair).
    """

    source_child: str
    target_child: str
    text: PairText
    source_strategies: list[str] = field(default_factory=lambda: ["src+xattn"])
    target_strategy: str = "tgt+xattn"
    supervised_sizes: list[int] = field(default_factory=list)
    pivot: bool = True


@dataclass(frozen=True)
class CompressionRecipe:
    """A way in which packs are stored in fewer bytes.

    Attributes:
        rank: of the deltas that matrices between the embeddings are stored as; 0 stores whole matrices.
        dtype: of the stored numbers, ``bfloat16`` or ``int8``; empty leaves what they are.
    """

    rank: int = 0
    dtype: str = ""


@dataclass(frozen=True)
class Recipe:
    """A study.

    Attributes:
        name: short, without blanks: names the folder of the study.
        about: what it shows, for people.
        parents: translation parents.
        children: child pairs.
        denoisers: denoising parents.
        zero_shot: composed pairs.
        strategies: of all children; each child takes those that renew its side, and ``scratch``.
        denoising_strategies: of the children of denoising parents.
        seeds: every child is trained once for each.
        sizes: training pairs of a child, the first ones; 0 takes all. Analyses look at the largest.
        compressed: strategies of which packs are compressed, each in every way of ``compressions``.
        compressions: ways of storing a pack in fewer bytes, each with the score it costs.
        training: changes to the training settings of children, by strategy; ``all`` holds for every one.
        dictionaries: by languages, like ``de-fr``: a file in MUSE's format inside the folder of the data, or
            ``phrasebook``. Where one is missing, it is composed through a third language if that is there.
        words: words whose nearest neighbours are shown, by language.
        analyses: ``lexicon`` (of the first seed also at every validation), ``attention`` (of the first seed),
            ``forgetting``, ``zero-shot`` and ``compare`` (paired bootstrap).
        decoding: of test sets; the defaults are the paper's (section 3.2).
        phrasebook_seed: of the built-in phrasebook.
    """

    name: str
    about: str = ""
    parents: list[ParentRecipe] = field(default_factory=list)
    children: list[ChildRecipe] = field(default_factory=list)
    denoisers: list[DenoiserRecipe] = field(default_factory=list)
    zero_shot: list[ZeroShotRecipe] = field(default_factory=list)
    strategies: list[str] = field(
        default_factory=lambda: [
            "scratch", "src", "tgt", "src+body", "tgt+body", "src+xattn", "tgt+xattn", "src+randxattn",
            "tgt+randxattn",
        ]
    )  # fmt: skip
    denoising_strategies: list[str] = field(
        default_factory=lambda: ["embed", "embed+body", "embed+xattn", "embed+randxattn"]
    )
    seeds: list[int] = field(default_factory=lambda: [1])
    sizes: list[int] = field(default_factory=lambda: [0])
    compressed: list[str] = field(default_factory=lambda: ["src+xattn", "tgt+xattn"])
    compressions: list[CompressionRecipe] = field(default_factory=list)
    training: dict[str, dict[str, Any]] = field(default_factory=dict)
    dictionaries: dict[str, str] = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)
    analyses: list[Analysis] = field(default_factory=lambda: list(ANALYSES))
    decoding: DecodingOptions = field(
        default_factory=lambda: DecodingOptions(beam_size=5, length_penalty=1.2)
    )
    phrasebook_seed: int = 1

    def __post_init__(self) -> None:
        faults = Faults(f"recipe {self.name!r} makes no study")
        if not self.name or not set(self.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-"):
            faults.add(f"name is {self.name!r}, expected small letters, digits and hyphens")
        _check_names(self, faults)
        _check_children(self, faults)
        _check_denoisers(self, faults)
        _check_zero_shot(self, faults)
        _check_settings(self, faults)
        faults.raise_as(SettingsError)

    def parent(self, name: str) -> ParentRecipe:
        """The translation parent of a name."""
        return next(parent for parent in self.parents if parent.name == name)

    def child(self, name: str) -> ChildRecipe:
        """The child of a pair's name."""
        return next(child for child in self.children if child.name == name)

    def new_side(self, child: ChildRecipe) -> Side:
        """The side of a child that its parent does not know."""
        return "source" if child.source != self.parent(child.parent).source else "target"

    def strategies_of(self, child: ChildRecipe) -> list[str]:
        """The strategies that a child is trained with on its translation parent."""
        if child.strategies:
            return list(child.strategies)
        side = self.new_side(child)
        return [name for name in self.strategies if parse_strategy(name).renews in (None, frozenset({side}))]

    def training_settings(self, strategy: str, seed: int) -> TrainingSettings:
        """The settings in full that a strategy is trained with."""
        parsed = parse_strategy(strategy)
        changes: dict[str, Any] = {}
        for name in dict.fromkeys((ALL, parsed.name, strategy)):  # limits inherit from what they limit
            changes |= self.training.get(name, {})
        return resolved(changes, parsed.train, parsed.reinitialise, seed=seed)


def resolved(
    changes: dict[str, Any],
    trained: frozenset[str] = frozenset(GROUPS),
    fresh: frozenset[str] = frozenset(GROUPS),
    **more: Any,
) -> TrainingSettings:
    """Training settings from a recipe's changes to a preset.

    Raises:
        SettingsError: an unknown preset or setting, or a value of a wrong type or out of range.
    """
    from dataclasses import asdict

    values = {key: value for key, value in changes.items() if key != _PRESET} | more
    base = asdict(preset(str(changes.get(_PRESET, "default")), trained_groups=trained, fresh_groups=fresh))
    return from_values(TrainingSettings, base | values, where="the training settings")


def part_of(strategy: Strategy) -> Part:
    """What a strategy trains beside embeddings, whichever the side: the rows of the paper's tables.

    Those that train cross-attention in part are ``limited``, and have tables of their own.
    """
    if strategy.renews is None:
        return "scratch"
    if strategy.method is not None:
        return cast(Part, strategy.method.label)
    if strategy.limits:
        return "limited"
    if strategy.renews and not strategy.train & EMBEDDINGS <= strategy.reinitialise:
        return "all"
    body = strategy.train - {"src", "tgt"}
    if not body:
        return "embeddings"
    if body != {"xattn"}:
        return "body"
    return "randxattn" if "xattn" in strategy.reinitialise else "xattn"


def load_recipe(name: str | Path) -> Recipe:
    """A shipped recipe by its name, or one from a YAML file.

    Raises:
        SettingsError: no such recipe, or one with unknown keys, wrong types or contradictions.
    """
    shipped = shipped_recipes()
    if str(name) in shipped:
        return load_yaml(Recipe, shipped[str(name)])
    path = Path(name)
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        raise SettingsError(
            f"no recipe {str(name)!r}; {nearest(str(name), list(shipped))}; or give a YAML file"
        )
    return load_yaml(Recipe, path)


def shipped_recipes() -> dict[str, Path]:
    """The files of the recipes that come with the package, by name."""
    folder = Path(str(files("crosslate.experiments"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


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
            resolved(each.training)
    for pair, name in recipe.dictionaries.items():
        if len(pair.split("-")) != 2 or not name:
            faults.add(f"dictionaries has {pair!r}: {name!r}, expected two codes like de-fr and a file")
        elif set(name) & set("{}"):
            faults.add(
                f"dictionaries has {pair}: {name!r}, expected a path without braces; "
                "write the codes of its languages out"
            )
