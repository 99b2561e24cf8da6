"""Recipes: studies as YAML data. Unknown keys are refused; all defaults are here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from crosslate.adaptation.settings import DataSettings
from crosslate.config import Settings, load_yaml
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import CrosslateError, Faults, SettingsError, nearest
from crosslate.languages.codes import language_code
from crosslate.models.groups import SIDES, Side
from crosslate.models.initialisers.initial_embeddings import RANDOM, Method
from crosslate.models.sizes import parse_size
from crosslate.models.strategies import default_strategy, parse_strategy
from crosslate.studies.texts import Text
from crosslate.text.vocabulary_training import MIN_SIZE
from crosslate.training.settings import MAX_SEED, TrainingChanges, TrainingSettings

DEFAULT_ANALYSES = ("lexicon", "attention", "forgetting", "zero-shot", "compare")
PHRASEBOOK = "phrasebook"
ALL = "all"


def _checked(check: Callable[[Any], Any]) -> AfterValidator:
    """Validates a value with a check that raises."""

    def keep(value: Any) -> Any:
        check(value)
        return value

    return AfterValidator(keep)


def _check_pieces(size: int) -> None:
    if size and size < MIN_SIZE:
        raise SettingsError(f"{size} pieces, expected 0 (chosen from the text) or at least {MIN_SIZE}")


def _check_data(values: Any) -> None:
    DataSettings.from_values(values)
    if named := sorted(name for name in values if name.endswith("_vocabulary_size")):
        raise SettingsError(f"{', '.join(named)} is given; expected sizes in parents and children alone")


StrategyName = Annotated[str, _checked(parse_strategy)]
SizeName = Annotated[str, _checked(parse_size)]
Language = Annotated[str, _checked(language_code)]
Pieces = Annotated[int, _checked(_check_pieces)]
Training = Annotated[dict[str, Any], _checked(lambda values: TrainingChanges.from_values(values).resolved())]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Count = Annotated[int, Field(ge=0)]

Data = Annotated[dict[str, Any], _checked(_check_data)]

_SIZE = (
    "`tiny`, `small`, `base` or `layers,width,heads,feed_forward`; with `-paper` after it, the paper's "
    "architecture. Of a loaded model, for time estimates only."
)
_PUBLISHED = "name of the model and where it is published, shown if its folder is missing."
_TRAINING = (
    "changes to the training settings; the keys `preset` and `effort` select the values that they change."
)


class PairText(Settings):
    """The texts of a pair."""

    train: Text = Field(description="training text.")
    valid: Text = Field(description="validation text, which selects the best state.")
    test: Text = Field(description="test text, for reported scores.")


class ParentRecipe(Settings):
    """A translation parent."""

    name: str = Field(description="name that children refer to.")
    source: Language = Field(description="code of the source language.")
    target: Language = Field(description="code of the target language.")
    text: PairText = Field(description="texts of the pair.")
    load: str = Field(
        "",
        description="folder or Hugging Face Hub id of an existing parent, to use instead of training one; "
        "only `text.test` is used then.",
    )
    published: str = Field("", description=_PUBLISHED)
    size: SizeName = Field("small", description=_SIZE)
    source_vocabulary: Pieces = Field(0, description="source pieces; 0 chooses from the text.")
    target_vocabulary: Pieces = Field(0, description="target pieces; 0 chooses from the text.")
    training: Training = Field(default_factory=dict, description=_TRAINING)


class DenoiserRecipe(Settings):
    """A parent trained to reconstruct noised text in several languages, but not to translate.

    Either `load` is given, or both `train` and `valid`.
    """

    name: str = Field(description="name in the report.")
    languages: list[Language] = Field(
        description="language codes; all share one vocabulary and one embedding table."
    )
    load: str = Field(
        "",
        description="folder or Hugging Face Hub id of an existing parent of these languages, such as mBART, "
        "to use instead of training one.",
    )
    published: str = Field("", description=_PUBLISHED)
    train: Text | None = Field(None, description="monolingual text, with `{language}` for each code.")
    valid: Text | None = Field(None, description="monolingual text that selects the best state.")
    size: SizeName = Field("small", description=_SIZE)
    vocabulary: Pieces = Field(8_000, description="pieces for all languages together.")
    mask_share: float = Field(0.35, ge=0, lt=1, description="share of masked words, in [0, 1).")
    mean_span_words: float = Field(
        3.5, gt=0, description="mean length of masked spans in words (Poisson distribution)."
    )
    training: Training = Field(default_factory=dict, description=_TRAINING)

    def find_faults(self, faults: Faults) -> None:
        _check_once("languages", self.languages, faults)
        for role, text in (("train", self.train), ("valid", self.valid)):
            if (text is None) != bool(self.load):
                given = f"load and {role} are both" if text else f"neither load nor {role} is"
                faults.add(f"{given} given, expected load alone, or train and valid")
            elif text is None:
                continue
            elif text.kind not in ("files", "phrasebook"):
                faults.add(f"{role} is text from {text.kind}, expected files or the phrasebook")
            elif len(text.files) > 1:
                faults.add(
                    f"{role} names {len(text.files)} files, expected one name that contains {{language}}"
                )


class ChildRecipe(Settings):
    """A child pair, which shares one side with its parent."""

    parent: str = Field(
        description="name of the translation parent. The same pair with other parents is pooled with it in "
        "comparisons."
    )
    source: Language = Field(description="code of the source language.")
    target: Language = Field(description="code of the target language.")
    text: PairText = Field(description="texts of the pair.")
    vocabulary: Pieces = Field(0, description="pieces of the new side; 0 chooses from the text.")
    strategies: list[StrategyName] = Field(
        default_factory=list,
        description="strategies for this child only; empty uses those of the recipe that fit its new side.",
    )
    is_target_of_denoisers: bool = Field(
        True, description="whether to also adapt the denoising parents to this pair."
    )
    initial_embeddings: list[Method] = Field(
        default_factory=lambda: [RANDOM],
        description="initial embeddings, with a separate child for each: `random`, `mean`, `copied`, "
        "`dictionary` (one of the recipe's) or `aligned`. `scratch` always uses `random`.",
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
    """An unseen pair: a source child and a target child composed."""

    source_child: str = Field(description="child with the new source language, like `de-en`.")
    target_child: str = Field(description="child with the new target language, like `fr-es`.")
    text: PairText = Field(
        description="texts of the composed pair; `train` and `valid` are for the supervised models."
    )
    source_strategies: list[StrategyName] = Field(
        default_factory=lambda: ["src+xattn"],
        description="strategies of the source child whose packs are composed.",
    )
    target_strategy: StrategyName = Field(
        "tgt+xattn", description="strategy of the target child whose pack is composed."
    )
    supervised_sizes: list[Count] = Field(
        default_factory=list,
        description="numbers of training pairs of models from scratch, for comparison; 0 uses all.",
    )
    pivot: bool = Field(
        True,
        description="whether to also translate through a pivot: by the source child, then by a model trained "
        "from scratch on text from the child's target into the new target language.",
    )

    def find_faults(self, faults: Faults) -> None:
        _check_once("source_strategies", _parsed(self.source_strategies), faults)


class PairPackRecipe(Settings):
    """A pair that a source child and a target child of one parent compose, and pair packs for it.

    The study compares the composition with pair packs, with several models in a row, and with a model that is
    trained on the pair.
    """

    source_child: str = Field(description="child with the new source language, like `eo-en`.")
    target_child: str = Field(description="child with the new target language, like `pt-fr`.")
    text: PairText = Field(
        description="texts of the pair; `train` and `valid` are for the supervised model and for pair packs "
        "on real pairs."
    )
    source_strategy: StrategyName = Field(
        str(default_strategy(["source"])), description="strategy of the source child's pack."
    )
    target_strategy: StrategyName = Field(
        str(default_strategy(["target"])),
        description="strategy of the target child's pack, and of the reverse child's.",
    )
    strategy: StrategyName = Field(str(default_strategy([])), description="strategy of the pair packs.")
    reverse_parent: str = Field(
        "",
        description="name of a parent of the opposite direction, for several models in a row and for "
        "synthetic text: the source child's text, with its target side translated by it and on by the target "
        "child. Empty leaves out both.",
    )
    reverse_child: str = Field(
        "",
        description="child of the reverse parent that writes the pair's source language, like `en-eo`, for a "
        "pair pack with a second kind of synthetic text: the target child's, with its source side translated "
        "by the parent and on by this child. Empty leaves it out.",
    )
    bridge_strategy: str = Field(
        "",
        description="strategy of a bridge, for a pair pack that needs no models but the two packs and their "
        "parent: the target child learns the parent's target language as a new source, on its own text in "
        "the parent's translation, and translates the source child's text. Empty leaves it out.",
    )
    real_sizes: list[Count] = Field(
        default_factory=list,
        description="numbers of real pairs of pair packs, from the start of the text; 0 uses all.",
    )
    real_training: Training = Field(
        default_factory=dict,
        description="further changes to the training settings of pair packs on real pairs.",
    )
    supervised_strategy: str = Field(
        "src+tgt+all",
        description="strategy of the model that is trained on all pairs, with both sides new; empty leaves "
        "it out.",
    )
    aligned: Text | None = Field(
        None,
        description="text of the new source language and the parent's source language, for the analysis "
        "`composition-gap`.",
    )

    def find_faults(self, faults: Faults) -> None:
        _check_once("real_sizes", self.real_sizes, faults, may_be_empty=True)
        if parse_strategy(self.strategy).renews != frozenset():
            faults.add(
                f"strategy is {self.strategy}, expected one that keeps both vocabularies, like pair+xattn"
            )
        if self.bridge_strategy and parse_strategy(self.bridge_strategy).renews != frozenset({"source"}):
            faults.add(
                f"bridge_strategy is {self.bridge_strategy}, expected one with a new source, like src+xattn"
            )
        if self.supervised_strategy and len(parse_strategy(self.supervised_strategy).renews or SIDES) != 2:
            faults.add(
                f"supervised_strategy is {self.supervised_strategy}, expected one with both sides new, like "
                "src+tgt+all"
            )
        if self.reverse_child and not self.reverse_parent:
            faults.add("reverse_child is given without reverse_parent, whose child it is")


class CompressionRecipe(Settings):
    """A way to store packs in fewer bytes."""

    rank: Count = Field(
        0,
        description="rank of the deltas that replace all matrices but embeddings; 0 stores whole matrices.",
    )
    dtype: Literal["", "bfloat16", "int8"] = Field(
        "", description="type of the stored numbers, `bfloat16` or `int8`; empty keeps their type."
    )

    def find_faults(self, faults: Faults) -> None:
        if not (self.rank or self.dtype):
            faults.add("rank is 0 and dtype is empty; set a rank from 1, a dtype (bfloat16, int8), or both")


class Recipe(Settings):
    """A study."""

    name: str = Field(description="name of the study and its folder: lower-case letters, digits and hyphens.")
    about: str = Field("", description="short description of the study, shown in its report.")
    parents: list[ParentRecipe] = Field(default_factory=list, description="translation parents.")
    children: list[ChildRecipe] = Field(default_factory=list, description="child pairs.")
    denoisers: list[DenoiserRecipe] = Field(default_factory=list, description="denoising parents.")
    zero_shot: list[ZeroShotRecipe] = Field(default_factory=list, description="composed pairs.")
    pair_packs: list[PairPackRecipe] = Field(
        default_factory=list,
        description="pairs that two packs compose, with pair packs; needs the analysis `pair-packs`.",
    )
    strategies: list[StrategyName] = Field(
        default_factory=lambda: [
            "scratch", "src", "tgt", "src+body", "tgt+body", "src+xattn", "tgt+xattn", "src+randxattn",
            "tgt+randxattn",
        ],
        description="strategies for all children; each child uses `scratch` and those for its new side.",
    )  # fmt: skip
    denoising_strategies: list[StrategyName] = Field(
        default_factory=lambda: ["embed", "embed+body", "embed+xattn", "embed+randxattn"],
        description="strategies for children of denoising parents.",
    )
    seeds: list[Seed] = Field(
        default_factory=lambda: [1], description="random seeds; every child is trained once per seed."
    )
    sizes: list[Count] = Field(
        default_factory=lambda: [0],
        description="numbers of training pairs per child, from the start of the text; 0 uses all. Analyses "
        "use the largest.",
    )
    compressed: list[StrategyName] = Field(
        default_factory=lambda: ["src+xattn", "tgt+xattn"],
        description="strategies whose packs are stored in each of the `compressions`.",
    )
    compressions: list[CompressionRecipe] = Field(
        default_factory=list,
        description="ways to store packs in fewer bytes; each is scored.",
    )
    training: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="changes to the training settings of children, by strategy; `all` applies to every "
        "strategy. `encoder_cache` is off for all strategies of a child if one of them trains its encoder or "
        "source, so that compared children have the same dropout.",
    )
    data: Data = Field(
        default_factory=dict,
        description="changes to how text becomes training data, for all translation models: `metric` (of "
        "validation: `bleu`, `chrf`, `chrf++` or `loss`), `max_validation_pairs` (0 uses all), `max_tokens`, "
        "`vocabulary_kind` and `cleaning`.",
    )
    dictionaries: dict[str, str] = Field(
        default_factory=dict,
        description="dictionaries by languages, like `de-fr`: a file in MUSE's format in the folder of the "
        "data, or `phrasebook`. A missing one is composed through a third language if possible.",
    )
    dictionaries_may_be_missing: bool = Field(
        False,
        description="Whether to do without dictionaries whose files are missing, and without the analyses "
        "that need them; the plan and the report name both.",
    )
    words: dict[str, list[str]] = Field(
        default_factory=dict, description="words whose nearest neighbours are shown, by language."
    )
    analyses: list[str] = Field(
        default_factory=lambda: list(DEFAULT_ANALYSES),
        description="analyses to run: `lexicon` (for the first seed also at every validation), `attention` "
        "(first seed only), `forgetting`, `zero-shot`, `pair-packs`, `composition-gap` (first seed only), "
        "`by-frequency` (of words in the training text, and by length; first seed only) and `compare` "
        "(paired bootstrap of 10,000 resamples).",
    )
    decoding: DecodingOptions = Field(
        default_factory=lambda: DecodingOptions(beam_size=5, length_penalty=1.2),
        description="decoding options for test sets; the defaults are the paper's (section 3.2).",
    )
    phrasebook_seed: Seed = Field(1, description="seed of the built-in phrasebook.")

    def parent(self, name: str) -> ParentRecipe:
        """The translation parent with a name."""
        return next(parent for parent in self.parents if parent.name == name)

    def child(self, name: str) -> ChildRecipe:
        """The first child with a pair's name; others have other parents."""
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

    def training_settings(
        self, strategy: str, seed: int, further: Mapping[str, Any] | None = None
    ) -> TrainingSettings:
        """The complete training settings of a strategy; further changes come last."""
        parsed = parse_strategy(strategy)
        changes: dict[str, Any] = {}
        for name in dict.fromkeys((ALL, parsed.name, strategy)):  # limited strategies inherit
            changes |= self.training.get(name, {})
        changes |= further or {}
        return TrainingChanges.from_values(changes | {"seed": seed}).resolved(parsed)

    def find_faults(self, faults: Faults) -> None:
        if not self.name or not set(self.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-"):
            faults.add(f"name is {self.name!r}, expected lower-case letters, digits and hyphens")
        if not self.parents and not self.denoisers:
            faults.add("parents and denoisers are both empty; add at least one parent or denoiser")
        parents = [each.name for each in self.parents] + [each.name for each in self.denoisers]
        _check_once("parents", parents, faults, may_be_empty=True)
        children = [f"{child.name} of {child.parent}" for child in self.children]
        _check_once("children", children, faults, may_be_empty=True)
        _check_once("seeds", self.seeds, faults)
        _check_once("sizes", self.sizes, faults)
        for kind in ("strategies", "denoising_strategies"):
            _check_once(kind, _parsed(getattr(self, kind)), faults, may_be_empty=True)
        for name in self.denoising_strategies:
            if parse_strategy(name).renews != frozenset():
                faults.add(
                    f"denoising_strategies has {name}; expected only those that keep the vocabulary (embed)"
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
                    "write out the language codes"
                )
        for child in self.children:
            self._check_child(child, faults)
        for composed in self.zero_shot if not faults else ():
            self._check_zero_shot(composed, faults)
        for planned in self.pair_packs if not faults else ():
            self._check_pair_pack(planned, faults)

    def _check_child(self, child: ChildRecipe, faults: Faults) -> None:
        """Checks that a child shares one side with its parent and has strategies for the other."""
        names = [parent.name for parent in self.parents]
        if child.parent not in names:
            faults.add(f"child {child.name}: unknown parent {child.parent!r}; {nearest(child.parent, names)}")
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
                faults.add(f"child {child.name} has a new {side}, but {name} does not replace the {side}")

    def _check_pair_pack(self, pair: PairPackRecipe, faults: Faults) -> None:
        """Checks the children and the reverse parent of a pair."""
        where = f"pair_packs {pair.source_child} and {pair.target_child}"
        names = [child.name for child in self.children]
        given = {
            pair.source_child: pair.source_strategy, pair.target_child: pair.target_strategy,
            **({pair.reverse_child: pair.target_strategy} if pair.reverse_child else {}),
        }  # fmt: skip
        for name, strategy in given.items():
            if name not in names:
                faults.add(f"{where}: unknown child {name!r}; {nearest(name, names)}")
            elif str(parse_strategy(strategy)) not in (has := _parsed(self.strategies_of(self.child(name)))):
                faults.add(f"{where}: {name} is not trained with {strategy}, only with {', '.join(has)}")
        parents = [parent.name for parent in self.parents]
        if pair.reverse_parent and pair.reverse_parent not in parents:
            faults.add(
                f"{where}: unknown parent {pair.reverse_parent!r}; {nearest(pair.reverse_parent, parents)}"
            )
        if faults:
            return
        source, target = self.child(pair.source_child), self.child(pair.target_child)
        parent = self.parent(source.parent)
        sides = self.new_side(source), self.new_side(target)
        if source.parent != target.parent or sides != ("source", "target") or source.source == target.target:
            faults.add(
                f"{where}: expected children of one parent, the first with a new source and the second with "
                "a new target, in two languages"
            )
        if pair.reverse_parent:
            back = self.parent(pair.reverse_parent)
            if (back.source, back.target) != (parent.target, parent.source):
                faults.add(
                    f"{where}: {back.name} translates {back.source}-{back.target}, expected "
                    f"{parent.target}-{parent.source}, the opposite of {parent.name}"
                )
            if pair.reverse_child:
                child = self.child(pair.reverse_child)
                if (child.parent, child.target) != (back.name, source.source):
                    faults.add(
                        f"{where}: {child.name} is a child of {child.parent}, expected one of {back.name} "
                        f"into {source.source}"
                    )

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
        """Checks one of the two composed children."""
        names = [child.name for child in self.children]
        if name not in names:
            faults.add(f"zero_shot: unknown child {name!r}; {nearest(name, names)}")
            return
        child = self.child(name)
        if self.new_side(child) != side:
            faults.add(f"zero_shot needs a child with a new {side}, but {name} keeps its parent's {side}")
            return
        if RANDOM not in child.initial_embeddings:
            faults.add(
                f"zero_shot needs {name} with {RANDOM} initial embeddings; add them to initial_embeddings"
            )
        has = _parsed(self.strategies_of(child))
        for each in strategies:
            strategy = parse_strategy(each)
            if strategy.renews != frozenset({side}):
                faults.add(
                    f"zero_shot composes {each} of {name}, expected a strategy that replaces only the {side}"
                )
            elif str(strategy) not in has:
                known = ", ".join(has)
                faults.add(f"zero_shot composes {each} of {name}, which is trained only with {known}")


def _parsed(strategies: Sequence[str]) -> list[str]:
    """Strategies in canonical spelling."""
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
    """Files of the shipped recipes, by name."""
    folder = Path(str(files("crosslate.studies"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
