"""Verdicts from stored results: each claim can be confirmed, contradicted, and left open."""

from pathlib import Path

import pytest

from crosslate.studies.claims import Findings, two_proportions
from crosslate.studies.grid import plan_study
from crosslate.studies.recipe import load_recipe
from crosslate.studies.store import Result
from crosslate.studies.texts import Library

CELLS = plan_study(load_recipe("multi30k"), Library(Path("nowhere")))
BLEU = {"scratch": 32.0, "embeddings": 32.0, "xattn": 35.0, "body": 36.0, "randxattn": 31.0}
DENOISING = {"embeddings": 20.0, "xattn": 28.0, "body": 33.0, "randxattn": 25.0}
FORGETTING = {"embeddings": 43.0, "xattn": 40.0, "body": 30.0, "randxattn": 1.0}
PRECISION = {"embeddings": 40.0, "xattn": 50.0, "body": 20.0, "randxattn": 1.0}


def score(cell, changes):
    part, kind = cell.labels.get("part"), cell.kind
    if (kind, part, cell.labels.get("side")) in changes:
        return changes[kind, part, cell.labels.get("side")]
    if (kind, part) in changes:
        return changes[kind, part]
    if kind == "supervised":
        return {2000: 8.0, 5000: 15.0}.get(cell.labels["size"], 25.0)
    table = {"child": BLEU, "denoising child": DENOISING, "forgetting": FORGETTING}
    return table[kind][part] if kind in table else {"zero-shot": 12.0, "pivot": 20.0}.get(kind, 0.0)


def stored(changes, p_value):
    results = {}
    for cell in CELLS:
        if cell.kind == "compare":
            values = {"bleu": {"p_value": p_value}}
        elif cell.kind == "lexicon":
            at_1 = changes.get(("lexicon", cell.labels["part"]), PRECISION[cell.labels["part"]])
            values = {"cosine": {"precision_at_1": at_1}, "words": 1000}
        else:
            values = {"scores": {"bleu": {"value": score(cell, changes)}}, "parent_is_identical": True}
        results[cell.key] = Result(cell.key, cell.kind, cell.title, cell.labels, {}, values, 1.0)
    return results


def verdicts(changes=None, p_value=0.001):
    findings = Findings(CELLS, stored(changes or {}, p_value))
    names = [
        "above_embeddings_on_target_sides", "above_embeddings_on_average", "close_to_body", "above_random", "aligned",
        "not_aligned_after_body", "forgets_less", "parent_stays", "embeddings_fail_with_denoiser",
        "zero_shot_against_little_text", "zero_shot_below_all_text",
    ]  # fmt: skip
    assert len(findings.all()) == len(names)
    return {name: getattr(findings, name)() for name in names}


def test_the_papers_numbers_confirm_every_claim():
    found = verdicts()
    assert {name: each.verdict for name, each in found.items()} == dict.fromkeys(found, "confirmed")
    assert len(found["above_embeddings_on_target_sides"].evidence) == 2
    assert len(found["above_embeddings_on_average"].evidence) == 4
    assert found["close_to_body"].evidence[0].difference == 1.0
    assert len(found["zero_shot_below_all_text"].evidence) == 2


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        ("above_embeddings_on_target_sides", {("child", "xattn", "target"): 30.0}),
        ("above_embeddings_on_average", {("child", "xattn"): 30.0}),
        ("close_to_body", {("child", "body"): 38.0}),
        ("above_random", {("child", "randxattn"): 36.0}),
        ("aligned", {("lexicon", "randxattn"): 60.0}),
        ("not_aligned_after_body", {("lexicon", "body"): 60.0}),
        ("forgets_less", {("forgetting", "body"): 42.0}),
        ("embeddings_fail_with_denoiser", {("denoising child", "embeddings"): 33.0}),
        ("zero_shot_against_little_text", {("zero-shot", "xattn"): 7.0}),
        ("zero_shot_below_all_text", {("zero-shot", "xattn"): 30.0}),
    ],
)
def test_each_claim_can_be_contradicted(claim, changes):
    assert verdicts(changes)[claim].verdict == "contradicted"


def test_differences_that_may_be_chance_decide_nothing():
    found = verdicts(p_value=0.3)
    for claim in (
        "above_embeddings_on_target_sides",
        "above_random",
        "forgets_less",
        "zero_shot_below_all_text",
    ):
        assert found[claim].verdict == "undecided"
    assert "4 are not significant" in found["above_random"].reason
    assert verdicts({("lexicon", "body"): 49.0})["not_aligned_after_body"].verdict == "undecided"


def test_one_child_beyond_two_bleu_leaves_the_gap_undecided():
    found = verdicts({("child", "body", "target"): 37.5})["close_to_body"]
    assert (found.verdict, found.reason) == (
        "undecided", "the gap is 1.8 BLEU on average, 2.5 at most, over 4 children",
    )  # fmt: skip


def test_what_has_no_result_is_not_measured():
    findings = Findings(CELLS, {})
    assert {each.verdict for each in findings.all()} == {"not measured"}


def test_proportions_differ_by_chance_or_not():
    assert two_proportions(50, 50, 100, 100) == 1.0
    assert two_proportions(50, 52, 100, 100) > 0.5
    assert two_proportions(55, 20, 500, 500) < 1e-6
    # 60 against 40 of 100: z = 2.83, two-sided p = 0.0047
    assert two_proportions(60, 40, 100, 100) == pytest.approx(0.0047, abs=1e-4)
    assert two_proportions(0, 0, 10, 10) == 1.0


def test_systems_that_translate_nothing_decide_nothing():
    low = {("child", part): 0.1 for part in BLEU} | {("child", "xattn"): 0.4}
    found = verdicts(low)
    assert {found[name].verdict for name in ("above_random", "close_to_body")} == {"undecided"}


def test_every_number_belongs_to_the_system_that_is_named_with_it():
    found = verdicts()
    denoising = found["embeddings_fail_with_denoiser"].evidence[0]
    assert (denoising.what, denoising.first, denoising.second) == (
        "de-en scratch against de-en embed on denoiser", 32.0, 20.0,
    )  # fmt: skip
    zero_shot = found["zero_shot_below_all_text"].evidence[0]
    assert zero_shot.what.startswith("de-cs scratch against de-cs composed of ")
    assert (zero_shot.first, zero_shot.second) == (25.0, 12.0)
    body = found["close_to_body"].evidence[0]
    assert (body.what, body.first, body.second) == ("de-en src+body against de-en src+xattn", 36.0, 35.0)
