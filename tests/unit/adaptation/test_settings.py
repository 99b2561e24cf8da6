"""Settings of adaptations, and jobs as data: what is refused before any work."""

from __future__ import annotations

from typing import Any

import pytest

from crosslate.adaptation.jobs import AdaptJob, ParentJob
from crosslate.adaptation.settings import NewLanguages
from crosslate.errors import SettingsError
from crosslate.training.effort import EFFORTS

JOB = {"parent": "p", "train": ["a", "b"], "new": {"source": "de"}, "output": {"folder": "out"}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": None, "strategy": "src"}, "give a new source \\(--new-source\\) or target"),
        ({"source": "Germany"}, "source: 'Germany' is not a language code"),
        ({"target": "es", "code": "x"}, "both sides are new, but the code 'x' stands for one new language"),
        ({"related": "fr"}, "the related language 'fr' has no effect with a separate vocabulary; leave it out"),
        ({"vocabulary": "joint"}, "vocabulary is 'joint', expected 'separate' or 'appended'"),
        ({"strategy": "src+atn"}, "src\\+atn"),
        ({"strategy": "tgt"}, "tgt is for a new target, but the new side is source"),
        ({"strategy": "scratch", "vocabulary": "appended"}, "scratch replaces all vocabularies, so none can be appended"),
        ({"strategy": "embed", "vocabulary": "appended"}, "embed keeps the vocabularies, so none can be appended"),
        ({"initial_embeddings": "median"}, "unknown initial embeddings 'median'; did you mean 'mean'"),
        ({"initial_embeddings": "dictionary"}, "0 dictionaries are given, expected 1"),
        ({"dictionaries": ["de-fr.txt"]}, "1 dictionaries are given, expected 0"),
        ({"initial_embeddings": "aligned", "target": "es"}, "both sides are new"),
        ({"initial_embeddings": "mean", "strategy": "scratch"}, "scratch starts the whole model from random values"),
    ],
)  # fmt: skip
def test_new_languages_that_make_no_sense(changes: dict[str, Any], message: str):
    with pytest.raises(SettingsError, match=message):
        NewLanguages(**({"source": "de"} | changes))


@pytest.mark.parametrize(
    ("new", "strategy", "start"),
    [
        ({"source": "de"}, "src+xattn+low-rank(enc,dec;rank=32)", "mean"),
        ({"target": "es"}, "tgt+xattn+low-rank(enc,dec;rank=32)", "mean"),
        ({"source": "de", "target": "es"}, "src+tgt+xattn+low-rank(enc,dec;rank=32)", "mean"),
        ({"source": "de", "strategy": "scratch"}, "scratch", "random"),
        ({}, "pair+xattn+low-rank(enc,dec;rank=32)", "random"),
        ({"strategy": "embed+xattn"}, "embed+xattn", "random"),
        ({"source": "de", "vocabulary": "appended"}, "src+xattn+low-rank(enc,dec;rank=32)", "random"),
    ],
)
def test_defaults(new: dict[str, Any], strategy: str, start: str):
    made = NewLanguages(**new)
    assert (str(made.parsed_strategy), made.start) == (strategy, start)


def test_all_faults_of_a_job_come_together():
    values = {"train": [], "new": {"source": "de", "strategi": "src"}, "output": {}, "outptu": 1}
    data = {"metric": "blue", "max_tokens": 1}
    with pytest.raises(SettingsError) as refused:
        AdaptJob.from_values(values | {"data": data, "training": {"max_epochs": -1}})
    assert str(refused.value).splitlines() == [
        "cannot use these settings, 7 faults:",
        "  - train is [], expected at least 1",
        "  - data.max_tokens is 1, expected 2 or more",
        "  - data.metric is 'blue', expected 'bleu', 'chrf', 'chrf++' or 'loss'; did you mean 'bleu'?",
        "  - training.max_epochs is -1, expected 0 or more",
        "  - unknown key new.strategi; did you mean 'strategy'?",
        "  - output.folder is missing",
        "  - unknown key outptu; did you mean 'output'?",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parent": None}, "no parent is given; give one .--parent., or packs to start from"),
        ({"new": {}}, "no new language is given"),
        ({"start": ["a"] * 4, "new": {}}, "4 packs to start from are given, expected one that goes on"),
        ({"start": ["a"]}, "a new language is given beside packs to start from"),
        ({"start": ["a", "b"]}, "a new language is given beside packs to start from"),
        (
            {"start": ["a", "b"], "new": {}, "data": {"target_vocabulary_size": 8}},
            "the size or kind of a new",
        ),
        (
            {"start": ["a", "b"], "new": {"strategy": "src+xattn"}},
            "learns a new vocabulary, but no language is",
        ),
        ({"start": ["a", "b"], "new": {"strategy": "scratch"}}, "scratch learns a new vocabulary"),
        ({"start": ["a", "b"], "new": {"code": "x"}}, "neither side is new, but the code 'x'"),
        ({"start": ["a", "b"], "new": {"initial_embeddings": "mean"}}, "keeps all embeddings"),
    ],
)
def test_what_a_job_may_start_from(changes: dict[str, Any], message: str):
    with pytest.raises(SettingsError, match=message):
        AdaptJob.from_values(JOB | changes)


def test_a_pair_packs_job_needs_neither_parent_nor_language():
    values = {name: value for name, value in JOB.items() if name not in ("parent", "new")}
    job = AdaptJob.from_values(values | {"start": ["a", "b"]})
    assert str(job.new.parsed_strategy) == "pair+xattn+low-rank(enc,dec;rank=32)"


def test_training_is_resolved_for_the_strategy():
    def settings(strategy: str, preset: str):
        job = {"new": {"source": "de", "strategy": strategy}, "training": {"preset": preset}}
        return AdaptJob.from_values(JOB | job).settings

    rates = [settings(name, "default").fresh_learning_rate for name in ("src", "src+xattn", "scratch")]
    assert rates == [3e-3, 3e-3, 1e-3]
    assert [settings(name, "paper").schedule for name in ("src", "src+xattn")] == ["inverse_sqrt", "linear"]


def test_the_effort_sets_strategy_and_training():
    def job(effort: str, **new: Any) -> AdaptJob:
        return AdaptJob.from_values(
            JOB | {"new": {"source": "de"} | new, "training": {"effort": effort, "max_updates": 900}}
        )

    for effort, strategy, rank in [("fast", None, ""), ("best", None, 32), ("fast", "src+all", "")]:
        made = job(effort, **({"strategy": strategy} if strategy else {}))
        assert str(made.new.with_effort(effort).parsed_strategy) == (
            strategy or "src+xattn" + f"+low-rank(enc,dec;rank={rank})" * bool(rank)
        )
        assert (made.settings.max_epochs, made.settings.max_updates) == (0, 900)
        assert made.settings.min_epoch_updates == EFFORTS[effort]["min_epoch_updates"]
    assert job("fast").settings.fresh_learning_rate == 3e-3


def test_a_limit_of_updates_alone_is_the_only_limit():
    for training, limits in [
        ({"max_updates": 5}, (0, 5)),
        ({"max_updates": 5, "max_epochs": 2}, (2, 5)),
        ({"max_updates": 0}, (15, 0)),
    ]:
        job = ParentJob.from_values(
            {"langs": "fr-en", "train": ["a", "b"], "output": {"folder": "out"}, "training": training}
        )
        assert (job.settings.max_epochs, job.settings.max_updates) == limits
    with pytest.raises(SettingsError, match="max_epochs and max_updates are both 0"):
        AdaptJob.from_values(JOB | {"training": {"max_epochs": 0}})


def test_the_preset_of_the_paper_selects_by_loss_unless_a_metric_is_given():
    def metric(**values: Any) -> str:
        return AdaptJob.from_values(JOB | {"new": {"source": "de"}} | values)._data.metric

    assert metric() == "bleu"
    assert metric(training={"preset": "paper"}) == "loss"
    assert metric(training={"preset": "paper"}, data={"metric": "chrf"}) == "chrf"
