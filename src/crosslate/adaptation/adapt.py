"""Adapt a parent to a new language, or go on from packs, and pack the result."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from crosslate.adaptation.data import Prepared, encode, prepare
from crosslate.adaptation.dropout_choice import choose_dropout
from crosslate.adaptation.going_on import GoingOn
from crosslate.adaptation.head_choice import choose_heads, without_choice
from crosslate.adaptation.learnt_terms import with_learnt_terms
from crosslate.adaptation.new_vocabularies import NewVocabularies
from crosslate.adaptation.run_folder import Run
from crosslate.adaptation.settings import (
    DataSettings,
    NewLanguages,
    PackOutput,
    TermSettings,
)
from crosslate.adaptation.signals import checked_files, longest_target, pair_files, signals_of
from crosslate.adaptation.validation import make_validate, measure_confidence
from crosslate.errors import Faults, InputError, Interrupted, TrainingError, UsageError
from crosslate.languages.codes import contradicts
from crosslate.models.child import Child
from crosslate.models.groups import ADDED
from crosslate.models.initialisers.initial_embeddings import ALIGNED
from crosslate.models.parent import Parent
from crosslate.models.signals import processor_of
from crosslate.models.strategies import Strategy, parse_strategy
from crosslate.packs.compact import stored_as
from crosslate.packs.compose import ComposedParent, apply_packs, pack_child, start_of
from crosslate.packs.manifest import MANIFEST_NAME, ScoreRecord
from crosslate.packs.pack import Pack
from crosslate.signals.corpora import SignalCorpus
from crosslate.text.corpora import Corpus
from crosslate.text.earlier import EarlierText
from crosslate.text.synthetic import SyntheticText
from crosslate.training.batches import PairIds
from crosslate.training.devices import on_device
from crosslate.training.effort import Effort
from crosslate.training.loop import Validation, train
from crosslate.training.memory import PeakMemory
from crosslate.training.optimiser import Trainee
from crosslate.training.progress import Progress
from crosslate.training.settings import TrainingChanges, TrainingSettings

log = logging.getLogger(__name__)


def adapt(
    parent: Parent,
    corpus: Corpus,
    valid: Corpus | None = None,
    *,
    synthetic: SyntheticText | None = None,
    new: NewLanguages | None = None,
    start: Sequence[Pack] = (),
    earlier: EarlierText | None = None,
    data: DataSettings | None = None,
    terms: TermSettings | None = None,
    training: TrainingSettings | None = None,
    effort: Effort | None = None,
    output: PackOutput | None = None,
    progress: Progress | None = None,
) -> Pack:
    """Teaches a parent a new source language, target language or both; returns a pack of what changed.

    Starting from packs, it trains the model that they make further. One pack goes on with new text: the
    result is a pack of the same parent, strategy and vocabulary, which takes its place. Two packs that
    compose give a pair pack for their pair, beside them. With their pair pack, that one goes on.

    The parent is not modified. After an interruption, the same call with the same output resumes from the
    state in ``<folder>.run``. For parents in lower precision see :meth:`Parent.lower` and
    docs/large-parents.md.

    A parent that reads recordings or images gets a corpus of these, as :func:`crosslate.read_signals` reads
    it. Recordings that are too long are dropped and counted.

    Args:
        corpus: sentence pairs of the new language pair, in the direction of translation; files are streamed.
        valid: validation corpus; None holds out part of ``corpus``.
        synthetic: pairs of which one side is a machine translation, trained on beside ``corpus``.
        new: the new languages; of a pair pack, only the strategy; None if one goes on.
        start: packs of the parent to start from, which must have been saved.
        earlier: earlier text of the pack to go on from.
        terms: whether the model learns to use terms; a pack that has learnt it always goes on doing so.
        training: all settings of the training; None takes those of the effort, and if a pack goes on without
            earlier text, a decay towards its values.
        effort: sets what is not given, the strategy included; None is ``default``, and is not recorded.
        output: where to write the pack; None saves nothing.
        progress: watches the run and may measure the child after every validation.

    Raises:
        UsageError: the new languages do not fit the parent; no language is new and no packs are given to
            start from, or both are given; earlier text where no pack goes on; or what needs text is asked of
            a parent that reads recordings or images.
        PackError: the packs to start from do not compose, or do not fit the parent.
        StrategyError: the strategy does not fit the model.
        VocabularyError: a vocabulary cannot be learnt, or terms cannot with the one that is kept.
        MissingExtra: the strategy's method needs PEFT, which is not installed.
        InputError: the corpus has the wrong languages, or the output exists and may not be replaced; or files
            of recordings or images cannot be read.
        Interrupted: the run was asked to stop; its state is saved.

    Source: Gheini, Ren & May 2021, section 3.1.
    """
    given = new or NewLanguages()
    if not parent.reads_text:
        corpus, valid = signals_of(corpus), None if valid is None else signals_of(valid)
        _check_files(synthetic, earlier, given, terms)
    parent, going_on = start_of(parent, start)
    _check_start(parent, given, going_on, corpus, earlier)
    data, progress = data or DataSettings(), progress or Progress()
    changes = TrainingChanges(effort=effort or "default")
    trained: NewLanguages | Pack
    if going_on is not None:
        trained, has_earlier = going_on, earlier is not None and earlier.corpus is not None
        training = training or changes.going_on(has_earlier=has_earlier)
    else:
        trained = given.with_effort(effort or "default")
        training = training or changes.resolved(trained.parsed_strategy)
    dial = {"effort": effort} if effort else {}
    texts = _Texts(corpus, valid, synthetic, earlier, terms or TermSettings())
    adaptation = _Adaptation(parent, trained, texts, data, training, dial, progress)
    if output is not None:
        return adaptation.pack(output)
    with tempfile.TemporaryDirectory(prefix="crosslate-") as folder:
        output = PackOutput(folder=Path(folder) / "pack")
        try:
            pack = adaptation.pack(output)
        except Interrupted:
            raise Interrupted("stopped; nothing was saved because no output folder was given") from None
    pack.folder = None
    return pack


@dataclass(frozen=True)
class _Texts:
    """What a child is trained and validated on; see :func:`adapt`."""

    corpus: Corpus
    valid: Corpus | None
    synthetic: SyntheticText | None
    earlier: EarlierText | None
    terms: TermSettings


@dataclass(frozen=True)
class _Ready:
    """A child that is ready for its training.

    Attributes:
        strategy: with the heads that were chosen, where it leaves them open.
        identity: what a resumed run must have in common with the stopped one.
        before: fingerprint of the parent.
        settings: of the training, with what was chosen for the parent.
        record: what was chosen and used, for the pack's record.
        memory: the largest that is used from here on.
    """

    child: Child
    strategy: Strategy
    pairs: PairIds
    identity: dict[str, Any]
    before: str
    settings: TrainingSettings
    record: dict[str, Any]
    memory: PeakMemory


class _Adaptation:
    """One adaptation, in steps: its text, a child that is ready, the training, and the pack."""

    def __init__(
        self,
        parent: Parent,
        new: NewLanguages | Pack,
        texts: _Texts,
        data: DataSettings,
        training: TrainingSettings,
        dial: dict[str, Any],
        progress: Progress,
    ) -> None:
        self._parent, self._new, self._texts, self._data = parent, new, texts, data
        self._training, self._dial, self._progress = training, dial, progress
        self._start = new if isinstance(new, Pack) else None
        self._strategy = (
            parse_strategy(new.manifest.strategy) if isinstance(new, Pack) else new.parsed_strategy
        )

    def pack(self, output: PackOutput) -> Pack:
        """Runs all steps and saves the pack."""
        run = Run(output, MANIFEST_NAME)
        log.info("%s: %s", self._strategy, self._training.summary)
        prepared = self._prepared(run)
        ready = self._ready(prepared, run)
        record = self._trained(ready, prepared, run)
        pack = self._packed(ready, record, prepared, output, run)
        run.finish(lambda: pack.save(output.folder, replace=output.replace))
        return pack

    def _prepared(self, run: Run) -> Prepared:
        """The text, or the files that are recordings or images."""
        corpus, valid, texts, seed = self._texts.corpus, self._texts.valid, self._texts, self._training.seed
        files: dict[str, Any] = {}
        if isinstance(corpus, SignalCorpus):
            processor = processor_of(self._parent.source)
            corpus, files["files"] = checked_files(corpus, processor, drop_long=True)
            if isinstance(valid, SignalCorpus):
                checked_files(valid, processor, drop_long=False)
        prepared = prepare(corpus, valid, self._data, seed, run.folder, texts.synthetic, texts.earlier)
        prepared.record["train"] |= files
        return with_learnt_terms(prepared, self._parent, self._new, texts.terms, seed, run.folder)

    def _ready(self, prepared: Prepared, run: Run) -> _Ready:
        """The child, with its text as ids, and what is chosen for the parent."""
        parent, new, data, training = self._parent, self._new, self._data, self._training
        strategy, seed = self._strategy, training.seed
        vocabularies = (
            GoingOn(parent, new)
            if isinstance(new, Pack)
            else NewVocabularies(parent, new, prepared, data, run)
        )
        memory = PeakMemory()
        child = vocabularies.child(without_choice(strategy) if strategy.limits.auto else strategy, seed)
        before = parent.fingerprint()
        held = {"frozen": "bfloat16"} if parent.lowering else {}
        with run.main_process_first():
            pairs: PairIds = (
                encode(prepared, child.source, child.target, data, run.encoded, parent.max_tokens, seed)
                if parent.reads_text
                else pair_files(
                    prepared.train, child, longest_target(parent, data.max_tokens), prepared.record
                )
            )
        identity = {
            "parent": before, "strategy": str(strategy), "data": data.to_values(), **prepared.identity,
            **vocabularies.identity, **held,
        }  # fmt: skip
        with run.main_process_first():
            training, dropout = choose_dropout(parent, strategy, prepared.train.lines("source"), training)
        heads: dict[str, Any] = {}
        if strategy.limits.auto:
            strategy, heads["heads"] = choose_heads(
                child, strategy, pairs, training, run, identity=identity, progress=self._progress
            )
            child, identity["strategy"] = vocabularies.child(strategy, seed), str(strategy)
        record = {
            **self._dial, **held, "parameters": _counts(child), **vocabularies.record(child), **heads,
            **dropout,
        }  # fmt: skip
        return _Ready(child, strategy, pairs, identity, before, training, record, memory)

    def _trained(self, ready: _Ready, prepared: Prepared, run: Run) -> dict[str, Any]:
        """Trains the child to its best state; the record of the training.

        Raises:
            TrainingError: the parent has changed, which must not be.
        """
        child, training, parent, start = ready.child, ready.settings, self._parent, self._start
        measure = partial(self._progress.measure, child) if self._progress.measure else None
        validate = make_validate(
            child, prepared.valid, self._data.metric, measure, label_smoothing=training.label_smoothing
        )
        scores_at_start: Sequence[ScoreRecord] = ()
        if start or isinstance(parent, ComposedParent):
            scores_at_start, _ = self._scores(child if start else parent, prepared)
        if start and prepared.earlier is None:
            guard = f"a decay of {training.l2_sp:g} towards its values" if training.l2_sp else "nothing"
            log.info(
                "no earlier text is replayed, which would guard best: %s keeps it from forgetting", guard
            )
        fresh = frozenset[str]() if start else ready.strategy.reinitialise | {ADDED}
        record = train(
            Trainee.of(child, child.trained, fresh), ready.pairs, training,
            ready.memory.leaving_out(validate), run.folder, identity=ready.identity,
            title=f"{'-'.join(self._texts.corpus.languages)} {ready.strategy}", progress=self._progress,
        )  # fmt: skip
        if parent.fingerprint() != ready.before:
            raise TrainingError("training changed the parent; this is a bug in Crosslate, please report it")
        record |= ready.record
        record |= {"memory_before_bytes": ready.memory.before, "peak_memory_bytes": ready.memory.bytes()}
        if scores_at_start:
            name = start.manifest.name if start else parent.name
            record["start"] = {"name": name, "scores": [each.to_values() for each in scores_at_start]}
        return record

    def _packed(
        self, ready: _Ready, record: dict[str, Any], prepared: Prepared, output: PackOutput, run: Run
    ) -> Pack:
        """The pack as it is stored, with the scores and the calibration of what is stored."""
        child, start = ready.child, self._start
        licence = output.licence or (start.manifest.licence if start else "")
        pack = pack_child(
            child, name=output.name, training=record, data=prepared.record, licence=licence, start=start
        )
        scores: Sequence[ScoreRecord]
        if output.dtype != "float32":
            pack = stored_as(pack, output.dtype)
            record["parameters"]["pack_bytes"] = sum(each.nbytes for each in pack.tensors.values())
            stored = apply_packs(self._parent, [pack])
            # Whole, a model that was trained in shards may not fit on the device.
            is_sharded = ready.settings.shard_frozen
            with nullcontext() if is_sharded else on_device(stored.model, run.device):
                scores, translations = self._scores(stored, prepared)
                calibration = measure_confidence(stored, prepared.valid, translations)
        else:
            best = next(each for each in record["validations"] if each["updates"] == record["best_updates"])
            score = Validation(best["metric"], best["score"], best["signature"])
            of_earlier, _ = self._scores(child, prepared, only_earlier=True)
            scores = (_record_of(score, prepared.valid.origin), *of_earlier)
            calibration = measure_confidence(child, prepared.valid)
        pack.manifest = pack.manifest.changed(
            training=record, scores=tuple(scores), calibration=calibration,
            terms=None if prepared.annotated is None else prepared.annotated.markers,
        )  # fmt: skip
        return pack

    def _scores(
        self, model: Parent | Child, prepared: Prepared, *, only_earlier: bool = False
    ) -> tuple[tuple[ScoreRecord, ...], Sequence[str]]:
        """Scores of the validation text, and of the earlier one if there is any; the first's translations."""
        metric, smoothing = self._data.metric, self._training.label_smoothing
        texts = [] if only_earlier else [(prepared.valid, "validation")]
        if prepared.earlier_valid is not None:
            texts.append((prepared.earlier_valid, "earlier validation"))
        found = [make_validate(model, text, metric, label_smoothing=smoothing)() for text, _ in texts]
        records = (_record_of(each, text.origin, kind) for each, (text, kind) in zip(found, texts))
        return tuple(records), found[0].translations if found else ()


def _check_start(
    parent: Parent, new: NewLanguages, going_on: Pack | None, corpus: Corpus, earlier: EarlierText | None
) -> None:
    """Refuses what contradicts what the training starts from."""
    is_pair = isinstance(parent, ComposedParent)
    if (is_pair or going_on is not None) == bool(new.sides):
        found = "new languages beside packs" if new.sides else "neither a new language nor packs"
        raise UsageError(f"{found} to start from are given; expected one of them")
    if going_on is not None and new.model_fields_set:
        raise UsageError(
            f"{', '.join(sorted(new.model_fields_set))} of new languages is given, but pack "
            f"{going_on.manifest.name!r} goes on with its own languages, vocabulary and strategy; leave it "
            "out"
        )
    if going_on is None and earlier is not None:
        raise UsageError("earlier text is given, but no pack goes on; start from the pack of that text")
    expected = (new.source or parent.source_language, new.target or parent.target_language)
    why = f"the parent's {parent.source_language}-{parent.target_language} with the new language in place"
    if going_on is not None:
        manifest, why = going_on.manifest, "the pair of the pack"
        expected = (manifest.source_language, manifest.target_language)
    elif is_pair:
        why = "the pair that the two packs compose"
    if any(map(contradicts, corpus.languages, expected)):
        raise InputError(f"the corpus is {'-'.join(corpus.languages)}, expected {'-'.join(expected)}: {why}")


def _check_files(
    synthetic: SyntheticText | None,
    earlier: EarlierText | None,
    new: NewLanguages,
    terms: TermSettings | None,
) -> None:
    """Refuses what needs a text on the source side."""
    faults = Faults("the parent reads recordings or images")
    if new.source:
        faults.add(
            f"it has no vocabulary of the source, so {new.source} cannot be a new source; give a target"
        )
    if synthetic is not None:
        faults.add("there are no synthetic pairs of recordings or images; leave them out")
    if earlier is not None:
        faults.add("earlier recordings or images cannot be replayed; leave them out")
    if terms is not None and terms.learn:
        faults.add("terms are learnt in texts alone; leave them out")
    if new.start == ALIGNED:
        faults.add("words are aligned in texts alone; choose other initial embeddings, such as mean")
    faults.raise_as(UsageError)


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


def _record_of(score: Validation, origin: str, kind: str = "validation") -> ScoreRecord:
    return ScoreRecord(
        metric=score.metric, value=round(score.score, 4), signature=score.signature,
        test_set=f"{kind}: {origin}",
    )  # fmt: skip
