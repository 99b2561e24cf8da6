"""Recipes: a study as data. Unknown keys are refused; defaults stand here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, cast, get_args

from crosslate.config import load_yaml
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import SettingsError, nearest
from crosslate.models.groups import BODY, EMBEDDINGS, Side
from crosslate.models.initialisers.initial_embeddings import RANDOM, Method
from crosslate.models.strategies import Strategy, parse_strategy
from crosslate.studies.texts import Text
from crosslate.training.settings import TrainingChanges, TrainingSettings

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
        from crosslate.studies.recipe_checks import check_recipe

        check_recipe(self)

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
        return TrainingChanges.from_values(changes | {"seed": seed}).resolved(
            trained_groups=parsed.train, fresh_groups=parsed.reinitialise
        )


def part_of(strategy: Strategy) -> Part:
    """What a strategy trains beside embeddings, whichever the side: the rows of the paper's tables.

    Those that train cross-attention in part are ``limited``, and have tables of their own.
    """
    if strategy.renews is None:
        return "scratch"
    if strategy.label:
        return cast(Part, strategy.label)
    if strategy.limits:
        return "limited"
    if strategy.renews and not strategy.train & EMBEDDINGS <= strategy.reinitialise:
        return "all"
    body = strategy.train & BODY
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
    folder = Path(str(files("crosslate.studies"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
