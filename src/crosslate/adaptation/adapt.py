"""The main job: a parent and a corpus of a new language become a pack."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from crosslate.adaptation.auto_heads import choose_heads, trainee_of, without_choice
from crosslate.adaptation.data import DataSettings, encode, prepare
from crosslate.adaptation.new_sides import (
    Dictionary,
    NewSides,
    NewVocabulary,
    VocabularyKind,
)
from crosslate.adaptation.new_sides import (
    initial_embeddings as start_of,
)
from crosslate.adaptation.runs import Run
from crosslate.adaptation.validation import make_validate
from crosslate.errors import InputError, Interrupted, StrategyError, TrainingError, UsageError
from crosslate.languages.codes import language_code
from crosslate.models.child import Child
from crosslate.models.groups import SIDES, Side
from crosslate.models.initialisers.initial_embeddings import ALIGNED, Method, check_initial, default_method
from crosslate.models.parent import Parent
from crosslate.models.strategies import Strategy, parse_strategy
from crosslate.packs.compose import pack_child
from crosslate.packs.manifest import MANIFEST_NAME, ScoreRecord
from crosslate.packs.pack import Pack
from crosslate.text.corpora import Corpus
from crosslate.text.vocabularies import NoVocabulary
from crosslate.training.loop import train
from crosslate.training.memory import PeakMemory
from crosslate.training.progress import Progress
from crosslate.training.settings import TrainingChanges, TrainingSettings


def adapt(
    parent: Parent,
    corpus: Corpus,
    *,
    new_source: str | None = None,
    new_target: str | None = None,
    valid: Corpus | None = None,
    strategy: str | Strategy | None = None,
    vocabulary: VocabularyKind | NewVocabulary = "separate",
    settings: TrainingSettings | None = None,
    data: DataSettings | None = None,
    out: str | Path | None = None,
    name: str = "",
    licence: str = "",
    replace: bool = False,
    progress: Progress | None = None,
    tensorboard: bool = False,
    measure: Callable[[Child], dict[str, float]] | None = None,
    initial_embeddings: Method | None = None,
    dictionaries: Mapping[Side, Dictionary] | None = None,
    gradient_checkpointing: bool = False,
    shard_frozen: bool = False,
) -> Pack:
    """Teaches a parent a new language on one side (or both) and returns the pack of what changed.

    The parent is not altered. Interrupted, the same call with the same ``out`` goes on where it was; the
    state is kept in ``<out>.run``.

    Args:
        corpus: sentence pairs of the new pair, in the direction of translation; files are read as a stream.
        new_source: code of the new source language.
        new_target: code of the new target language.
        valid: validation corpus; None holds part of ``corpus`` out.
        strategy: see docs/strategies.md; by default ``src+xattn``, ``tgt+xattn`` or ``src+tgt+xattn``.
        vocabulary: ``separate`` gives a new side rows of its own for all of its pieces; ``appended`` keeps
            the parent's rows for the pieces that the parent has, frozen, and adds rows for the others and
            for the language's code (docs/multilingual.md).
        out: folder of the pack; None saves nothing.
        licence: of the pack, best an SPDX expression.
        replace: overwrite an existing pack.
        measure: called with the child after every validation, in evaluation mode; what it finds is kept in
            the pack's record beside the validation's score. It must alter nothing, and chooses nothing.
        initial_embeddings: where the new side's embeddings start: ``random`` values as in the paper, the
            ``mean`` of the parent's, or rows ``copied`` where the parent has the same piece, or rows of
            translations, from a ``dictionary`` or ``aligned`` with ``corpus``; None takes the mean where the
            parent's rows mean something to the child. See docs/strategies.md.
        dictionaries: by new side, translations of the new language's words into the parent's language of that
            side; needed for ``dictionary`` alone.
        gradient_checkpointing: compute every layer again for its gradients, for less memory; see
            docs/large-parents.md, where parents in lower precision (:meth:`Parent.lower`) are described too.
        shard_frozen: of the frozen matrices each of several processes holds a part.

    Raises:
        UsageError: neither side is new, the parent reads speech or images, or initial embeddings that mean
            nothing here.
        StrategyError: unknown strategy, or one that does not fit the new sides.
        MissingExtra: the strategy's method needs PEFT, which is not installed.
        InputError: the corpus is not of the new pair, or ``out`` exists (where it should be replaced: and
            is not a pack).
        Interrupted: asked to stop; the state is saved.

    Source: Gheini, Ren & May 2021, section 3.1.
    """
    if isinstance(parent.source, NoVocabulary):
        raise UsageError(parent.source.reason)
    if out is None:
        with tempfile.TemporaryDirectory(prefix="crosslate-") as folder:
            try:
                pack = adapt(
                    parent, corpus, new_source=new_source, new_target=new_target, valid=valid,
                    strategy=strategy, vocabulary=vocabulary, settings=settings, data=data,
                    out=Path(folder) / "pack", name=name,
                    licence=licence, progress=progress, tensorboard=tensorboard,
                    measure=measure, initial_embeddings=initial_embeddings, dictionaries=dictionaries,
                    gradient_checkpointing=gradient_checkpointing, shard_frozen=shard_frozen,
                )  # fmt: skip
            except Interrupted:
                raise Interrupted("stopped; nothing is kept, since no output folder was given") from None
            pack.folder = None
            return pack
    data, out = data or DataSettings(), Path(out)
    wanted = NewVocabulary(vocabulary) if isinstance(vocabulary, str) else vocabulary
    new_source, new_target = (code and language_code(code) for code in (new_source, new_target))
    if wanted.code and new_source and new_target:
        raise UsageError(f"both sides are new, and {wanted.code!r} can be the code of one language only")
    chosen = _strategy(strategy, new_source, new_target, wanted.kind)
    new: dict[Side, str | None] = {"source": new_source, "target": new_target}
    renewed = [side for side in SIDES if new[side]] if chosen.renews is None else chosen.renews
    method = initial_embeddings or default_method(renewed, chosen, is_appended=wanted.kind == "appended")
    check_initial(method, renewed if method == ALIGNED else dictionaries or {}, renewed, chosen)
    settings = settings or TrainingChanges().resolved(
        trained_groups=chosen.train, fresh_groups=chosen.reinitialise
    )
    settings = settings.changed(
        gradient_checkpointing=gradient_checkpointing, shard_frozen=shard_frozen, tensorboard=tensorboard
    )
    _check_languages(parent, corpus, new_source, new_target)
    run = Run(out, MANIFEST_NAME, replace=replace)
    prepared = prepare(corpus, valid, data, settings.seed, run.folder)
    start = start_of(method, dictionaries or {}, parent, prepared, new)
    memory = PeakMemory()
    sides = NewSides(parent, chosen, new, wanted, start, prepared, data, run)
    child = sides.child(without_choice(chosen) if chosen.limits.auto else chosen, settings.seed)
    before = parent.fingerprint()
    held: dict[str, Any] = {"frozen": "bfloat16"} if parent.lowering else {}
    with run.main_process_first():
        pairs = encode(prepared, child.source, child.target, data, run.encoded, parent.max_tokens)
    identity = {"parent": before, "strategy": str(chosen), "data": asdict(data),
                "corpus": prepared.record["train"]["sha256"], "valid": prepared.record["valid"]["sha256"],
                **sides.identity, **held}  # fmt: skip
    heads: dict[str, Any] = {}
    if chosen.limits.auto:
        chosen, heads["heads"] = choose_heads(
            child, chosen, pairs, settings, run.encoded, identity=identity,
            main_process_first=run.main_process_first, progress=progress,
        )  # fmt: skip
        child, identity["strategy"] = sides.child(chosen, settings.seed), str(chosen)
    validate = make_validate(child, prepared.valid, data.metric, measure and partial(measure, child))
    record = train(
        trainee_of(child),
        pairs,
        settings,
        memory.leaving_out(validate),
        run.folder,
        identity=identity,
        title=f"{corpus.source_language}-{corpus.target_language} {chosen}",
        progress=progress,
    )  # fmt: skip
    if gradient_checkpointing:
        record["gradient_checkpointing"] = True
    if parent.fingerprint() != before:
        raise TrainingError("training altered the parent; this is a fault of Crosslate, please report it")
    pack = pack_child(
        child,
        name=name,
        training={
            **record,
            **held,
            "parameters": _counts(child),
            **sides.record(child),
            **heads,
            "memory_before_bytes": memory.before,
            "peak_memory_bytes": memory.bytes(),
        },
        data=prepared.record,
        scores=_validation_scores(record, prepared.valid.origin),
        licence=licence,
    )  # fmt: skip
    run.finish(lambda: pack.save(out, replace=replace))
    return pack


def _strategy(
    strategy: str | Strategy | None, new_source: str | None, new_target: str | None, kind: VocabularyKind
) -> Strategy:
    if new_source is None and new_target is None:
        raise UsageError("neither the source nor the target is new; name the language of one of them")
    if strategy is None:
        parts = [group for group, new in (("src", new_source), ("tgt", new_target)) if new]
        strategy = "+".join([*parts, "xattn"])
    chosen = parse_strategy(strategy) if isinstance(strategy, str) else strategy
    new = {side for side, language in (("source", new_source), ("target", new_target)) if language}
    # No renewed side means that the parent's vocabularies stay (embed); None that any side may be new.
    if chosen.renews and chosen.renews != new:
        raise StrategyError(
            f"{chosen} is for a new {' and '.join(sorted(chosen.renews))}, "
            f"but the new side is {' and '.join(sorted(new))}"
        )
    if kind == "appended" and not chosen.renews:
        raise StrategyError(
            f"{chosen} {'starts everything anew' if chosen.renews is None else 'keeps the vocabularies'}, so "
            "nothing is appended to them; take a strategy of the new side, such as src+xattn"
        )
    return chosen


def _check_languages(parent: Parent, corpus: Corpus, new_source: str | None, new_target: str | None) -> None:
    expected = (new_source or parent.source_language, new_target or parent.target_language)
    if (corpus.source_language, corpus.target_language) != expected:
        raise InputError(
            f"the corpus is {corpus.source_language}-{corpus.target_language}, "
            f"expected {'-'.join(expected)}: "
            f"the parent ({parent.source_language}-{parent.target_language}) with what is new"
        )


def _counts(child: Child) -> dict[str, Any]:
    plan = child.plan
    if plan is None:
        return {}
    return {
        "share_stored": round(plan.share, 4),
        "pack_bytes": plan.pack_bytes,
        "model_bytes": plan.model_bytes,
        "groups": {account.group: asdict(account) for account in plan.account()},
    }


def _validation_scores(record: dict[str, Any], origin: str) -> list[ScoreRecord]:
    """The score of the state that the pack holds; none where nothing was validated."""
    return [
        ScoreRecord(entry["metric"], round(entry["score"], 4), entry["signature"], f"validation: {origin}")
        for entry in record["validations"]
        if entry["updates"] == record["best_updates"]
    ][:1]
