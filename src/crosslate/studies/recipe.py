"""Recipes: a study as data. Unknown keys are refused; defaults stand here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from crosslate.config import Settings, load_yaml
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import CrosslateError, Faults, SettingsError, nearest
from crosslate.languages.codes import language_code
from crosslate.models.groups import Side
from crosslate.models.initialisers.initial_embeddings import RANDOM, Method
from crosslate.models.sizes import parse_size
from crosslate.models.strategies import parse_strategy
from crosslate.studies.texts import Text
from crosslate.text.vocabulary_training import MIN_SIZE
from crosslate.training.settings import MAX_SEED, TrainingChanges, TrainingSettings

DEFAULT_ANALYSES = ("lexicon", "attention", "forgetting", "zero-shot", "compare")
PHRASEBOOK = "phrasebook"
ALL = "all"


def _checked(check: Callable[[Any], Any]) -> AfterValidator:
    """Keeps a value of which a check finds nothing wrong."""

    def keep(value: Any) -> Any:
        check(value)
        return value

    return AfterValidator(keep)


def _check_pieces(size: int) -> None:
    if size and size < MIN_SIZE:
        raise SettingsError(f"{size} pieces, expected 0 (chosen from the text) or {MIN_SIZE} and more")


StrategyName = Annotated[str, _checked(parse_strategy)]
SizeName = Annotated[str, _checked(parse_size)]
Language = Annotated[str, _checked(language_code)]
Pieces = Annotated[int, _checked(_check_pieces)]
Training = Annotated[dict[str, Any], _checked(lambda values: TrainingChanges.from_values(values).resolved())]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Count = Annotated[int, Field(ge=0)]

_SIZE = "`tiny`, `small`, `base` or `layers,width,heads,feed_forward`."
_TRAINING = "changes to the training settings; the key `preset` names what they start from."


class PairText(Settings):
    """The texts of a pair."""

    train: Text = Field(description="what is trained on.")
    valid: Text = Field(description="what settings and the best state are chosen on.")
    test: Text = Field(description="what scores are reported on.")


class ParentRecipe(Settings):
    """A translation parent."""

    name: str = Field(description="how children name it.")
    source: Language = Field(description="code of its source language.")
    target: Language = Field(description="code of its target language.")
    text: PairText = Field(description="its texts.")
    load: str = Field(
        "",
        description="folder or hub id of a parent that exists; nothing is trained then, and `text.test` "
        "alone is used.",
    )
    size: SizeName = Field("small", description=_SIZE)
    source_vocabulary: Pieces = Field(0, description="pieces; 0 chooses from the text.")
    target_vocabulary: Pieces = Field(0, description="likewise.")
    training: Training = Field(default_factory=dict, description=_TRAINING)


class DenoiserRecipe(Settings):
    """A parent that has learnt to restore noised text of several languages and no translation."""

    name: str = Field(description="how the report names it.")
    languages: list[Language] = Field(description="codes; all share one vocabulary and one embedding table.")
    train: Text = Field(description="monolingual text, where `{language}` stands for each code.")
    valid: Text = Field(description="likewise, for choosing the best state.")
    size: SizeName = Field("small", description=_SIZE)
    vocabulary: Pieces = Field(8_000, description="pieces, for all languages together.")
    mask_share: float = Field(0.35, ge=0, lt=1, description="share of the words that are masked, in [0, 1).")
    mean_span_words: float = Field(
        3.5, gt=0, description="mean of the Poisson distribution of the lengths of masked spans, in words."
    )
    training: Training = Field(default_factory=dict, description=_TRAINING)

    def find_faults(self, faults: Faults) -> None:
        _check_once("languages", self.languages, faults)
        for role, text in (("train", self.train), ("valid", self.valid)):
            if text.kind not in ("files", "phrasebook"):
                faults.add(f"{role} is text from {text.kind}, expected files or the phrasebook")
            elif len(text.files) > 1:
                faults.add(
                    f"{role} names {len(text.files)} files, expected one for each language: "
                    "a name with {language} in it"
                )


class ChildRecipe(Settings):
    """A child pair, which shares one side with its parent."""

    parent: str = Field(description="name of the translation parent.")
    source: Language = Field(description="code of its source language.")
    target: Language = Field(description="code of its target language.")
    text: PairText = Field(description="its texts.")
    vocabulary: Pieces = Field(0, description="pieces of the new side; 0 chooses from the text.")
    strategies: list[StrategyName] = Field(
        default_factory=list,
        description="of this child alone; empty takes those of the recipe that renew its side.",
    )
    is_target_of_denoisers: bool = Field(
        True, description="whether the denoising parents are adapted to this pair, too."
    )
    initial_embeddings: list[Method] = Field(
        default_factory=lambda: [RANDOM],
        description="where the new embeddings start, each a child of its own: `random`, `mean`, `copied`, "
        "`dictionary` (one of the recipe's), `aligned`; from `scratch` only at random.",
    )

    @property
    def name(self) -> str:
        return f"{self.source}-{self.target}"

    def find_faults(self, faults: Faults) -> None:
        _check_once("initial_embeddings", self.initial_embeddings, faults)
        if self.source == self.target:
            faults.add(f"child {self.name} translates from {self.source} into itself, expected two languages")
        _check_once("strategies", _parsed(self.strategies), faults, may_be_empty=True)


class ZeroShotRecipe(Settings):
    """A pair that nothing was trained on: a source child and a target child composed."""

    source_child: str = Field(description="pair of the child that brings the new source, like `de-en`.")
    target_child: str = Field(description="pair of the child that brings the new target, like `fr-es`.")
    text: PairText = Field(
        description="of the composed pair; `train` and `valid` serve the supervised models."
    )
    source_strategies: list[StrategyName] = Field(
        default_factory=lambda: ["src+xattn"], description="packs of the source child that are composed."
    )
    target_strategy: StrategyName = Field("tgt+xattn", description="pack of the target child.")
    supervised_sizes: list[Count] = Field(
        default_factory=list,
        description="pairs that models from scratch are trained on for comparison; 0 takes all.",
    )
    pivot: bool = Field(
        True,
        description="also translate in two steps, by the source child and by a model from scratch from its "
        "target language into the new one (which needs the text of that pair).",
    )

    def find_faults(self, faults: Faults) -> None:
        _check_once("source_strategies", _parsed(self.source_strategies), faults)


class CompressionRecipe(Settings):
    """A way in which packs are stored in fewer bytes."""

    rank: Count = Field(
        0,
        description="of the deltas that matrices between the embeddings are stored as; 0 stores whole "
        "matrices.",
    )
    dtype: Literal["", "bfloat16", "int8"] = Field(
        "", description="of the stored numbers, `bfloat16` or `int8`; empty leaves what they are."
    )

    def find_faults(self, faults: Faults) -> None:
        if not (self.rank or self.dtype):
            faults.add("rank is 0 and dtype is ''; expected a rank from 1, bfloat16 or int8, or both")


class Recipe(Settings):
    """A study."""

    name: str = Field(description="short, without blanks: names the folder of the study.")
    about: str = Field("", description="what it shows, for people.")
    parents: list[ParentRecipe] = Field(default_factory=list, description="translation parents.")
    children: list[ChildRecipe] = Field(default_factory=list, description="child pairs.")
    denoisers: list[DenoiserRecipe] = Field(default_factory=list, description="denoising parents.")
    zero_shot: list[ZeroShotRecipe] = Field(default_factory=list, description="composed pairs.")
    strategies: list[StrategyName] = Field(
        default_factory=lambda: [
            "scratch", "src", "tgt", "src+body", "tgt+body", "src+xattn", "tgt+xattn", "src+randxattn",
            "tgt+randxattn",
        ],
        description="of all children; each child takes those that renew its side, and `scratch`.",
    )  # fmt: skip
    denoising_strategies: list[StrategyName] = Field(
        default_factory=lambda: ["embed", "embed+body", "embed+xattn", "embed+randxattn"],
        description="of the children of denoising parents.",
    )
    seeds: list[Seed] = Field(
        default_factory=lambda: [1], description="every child is trained once for each."
    )
    sizes: list[Count] = Field(
        default_factory=lambda: [0],
        description="training pairs of a child, the first ones; 0 takes all. Analyses look at the largest.",
    )
    compressed: list[StrategyName] = Field(
        default_factory=lambda: ["src+xattn", "tgt+xattn"],
        description="strategies of which packs are compressed, each in every way of `compressions`.",
    )
    compressions: list[CompressionRecipe] = Field(
        default_factory=list,
        description="ways of storing a pack in fewer bytes, each with the score it costs.",
    )
    training: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="changes to the training settings of children, by strategy; `all` holds for every one.",
    )
    dictionaries: dict[str, str] = Field(
        default_factory=dict,
        description="by languages, like `de-fr`: a file in MUSE's format inside the folder of the data, or "
        "`phrasebook`. Where one is missing, it is composed through a third language if that is there.",
    )
    words: dict[str, list[str]] = Field(
        default_factory=dict, description="words whose nearest neighbours are shown, by language."
    )
    analyses: list[str] = Field(
        default_factory=lambda: list(DEFAULT_ANALYSES),
        description="`lexicon` (of the first seed also at every validation), `attention` (of the first "
        "seed), `forgetting`, `zero-shot` and `compare` (paired bootstrap).",
    )
    decoding: DecodingOptions = Field(
        default_factory=lambda: DecodingOptions(beam_size=5, length_penalty=1.2),
        description="of test sets; the defaults are the paper's (section 3.2).",
    )
    phrasebook_seed: Seed = Field(1, description="of the built-in phrasebook.")

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

    def find_faults(self, faults: Faults) -> None:
        if not self.name or not set(self.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-"):
            faults.add(f"name is {self.name!r}, expected small letters, digits and hyphens")
        if not self.parents and not self.denoisers:
            faults.add("it has neither parents nor denoisers; expected at least one of them")
        parents = [each.name for each in self.parents] + [each.name for each in self.denoisers]
        _check_once("parents", parents, faults, may_be_empty=True)
        _check_once("children", [child.name for child in self.children], faults, may_be_empty=True)
        _check_once("seeds", self.seeds, faults)
        _check_once("sizes", self.sizes, faults)
        for kind in ("strategies", "denoising_strategies"):
            _check_once(kind, _parsed(getattr(self, kind)), faults, may_be_empty=True)
        for name in self.denoising_strategies:
            if parse_strategy(name).renews != frozenset():
                faults.add(
                    f"denoising_strategies has {name}; expected those that keep the vocabulary, like embed"
                )
        for name in self.training:
            try:
                self.training_settings("scratch" if name == ALL else name, 1)
            except CrosslateError as error:
                faults.add(f"training.{name}: " + str(error).replace("\n", "\n  "))
        for pair, file in self.dictionaries.items():
            if len(pair.split("-")) != 2 or not file:
                faults.add(f"dictionaries has {pair!r}: {file!r}, expected two codes like de-fr and a file")
            elif set(file) & set("{}"):
                faults.add(
                    f"dictionaries has {pair}: {file!r}, expected a path without braces; "
                    "write the codes of its languages out"
                )
        for child in self.children:
            self._check_child(child, faults)
        for composed in self.zero_shot if not faults else ():
            self._check_zero_shot(composed, faults)

    def _check_child(self, child: ChildRecipe, faults: Faults) -> None:
        """Whether a child has a parent of which it keeps one side, and strategies that renew the other."""
        names = [parent.name for parent in self.parents]
        if child.parent not in names:
            faults.add(f"child {child.name} has the parent {child.parent!r}; {nearest(child.parent, names)}")
            return
        parent = self.parent(child.parent)
        if (child.source == parent.source) == (child.target == parent.target):
            faults.add(
                f"child {child.name} must share exactly one side with its parent, "
                f"{parent.source}-{parent.target}"
            )
            return
        side = self.new_side(child)
        for name in child.strategies:
            if parse_strategy(name).renews not in (None, frozenset({side})):
                faults.add(f"child {child.name} renews its {side}, {name} does not")

    def _check_zero_shot(self, pair: ZeroShotRecipe, faults: Faults) -> None:
        self._check_composed("source", pair.source_child, pair.source_strategies, faults)
        self._check_composed("target", pair.target_child, [pair.target_strategy], faults)
        if faults:
            return
        source, target = self.child(pair.source_child), self.child(pair.target_child)
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

    def _check_composed(self, side: Side, name: str, strategies: Sequence[str], faults: Faults) -> None:
        """One of the two children that are composed."""
        names = [child.name for child in self.children]
        if name not in names:
            faults.add(f"zero_shot names the child {name!r}; {nearest(name, names)}")
            return
        child = self.child(name)
        if self.new_side(child) != side:
            faults.add(f"zero_shot takes a new {side} from {name}, which renews the other side")
            return
        if RANDOM not in child.initial_embeddings:
            faults.add(f"zero_shot composes {name} with {RANDOM} initial embeddings; add them to it")
        has = _parsed(self.strategies_of(child))
        for each in strategies:
            strategy = parse_strategy(each)
            if strategy.renews != frozenset({side}):
                faults.add(
                    f"zero_shot composes {each} of {name}, expected a strategy that renews the {side} and "
                    "keeps the other"
                )
            elif str(strategy) not in has:
                known = ", ".join(has)
                faults.add(f"zero_shot composes {each} of {name}, which is trained with {known} only")


def _parsed(strategies: Sequence[str]) -> list[str]:
    """Strategies in their usual words."""
    return [str(parse_strategy(name)) for name in strategies]


def _check_once(where: str, values: Sequence[Any], faults: Faults, *, may_be_empty: bool = False) -> None:
    if not values and not may_be_empty:
        faults.add(f"{where} is empty, expected at least one")
    for value in dict.fromkeys(each for each in values if values.count(each) > 1):
        faults.add(f"{where} names {value} twice")


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
