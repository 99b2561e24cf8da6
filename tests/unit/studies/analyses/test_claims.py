"""Verdicts from stored results: each claim can be confirmed, contradicted, and left open."""

import pytest

from crosslate.studies.analyses import CLAIMS, analyses
from crosslate.studies.analyses.lexicon import two_proportions
from crosslate.studies.recipe import load_recipe
from crosslate.studies.store import Results
from toy_study import planned, results

CELLS = planned(load_recipe("multi30k"))
NAMES = (
    "above_embeddings_on_target_sides", "above_embeddings_on_average", "close_to_body", "above_random", "aligned",
    "not_aligned_after_body", "forgets_less", "parent_stays", "embeddings_fail_with_denoiser",
    "zero_shot_against_little_text", "zero_shot_below_all_text",
)  # fmt: skip
BLEU = {
    "child": {"scratch": 32.0, "embeddings": 32.0, "xattn": 35.0, "body": 36.0, "randxattn": 31.0},
    "denoising child": {"embeddings": 20.0, "xattn": 28.0, "body": 33.0, "randxattn": 25.0},
    "forgetting": {"embeddings": 43.0, "xattn": 40.0, "body": 30.0, "randxattn": 1.0},
}
PRECISION = {"embeddings": 40.0, "xattn": 50.0, "body": 20.0, "randxattn": 1.0}


def score(cell, changes):
    part, kind = cell.labels.get("part"), cell.kind
    changed = changes.get((kind, part, cell.labels.get("side")), changes.get((kind, part)))
    if changed is not None:
        return changed
    if kind == "supervised":
        return {2000: 8.0, 5000: 15.0}.get(cell.labels["size"], 25.0)
    return BLEU[kind][part] if kind in BLEU else {"zero-shot": 12.0, "pivot": 20.0}.get(kind, 0.0)


def findings(stored):
    found = [finding for each in analyses(CLAIMS) for finding in each.findings(stored)]
    return dict(zip(NAMES, found, strict=True))


def verdicts(changes=None, p_value=0.001):
    changes = changes or {}
    found = []
    for cell in CELLS:
        values = {"scores": {"bleu": {"value": score(cell, changes)}}, "parent_is_identical": True}
        if cell.kind == "compare":
            values = {"bleu": {"p_value": p_value}}
        elif cell.kind == "lexicon":
            at_1 = changes.get(("lexicon", cell.labels["part"]), PRECISION[cell.labels["part"]])
            values = {"cosine": {"precision_at_1": at_1}, "words": 1000}
        found.append((cell, values))
    return findings(results(found))


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
    names = ("above_embeddings_on_target_sides", "above_random", "forgets_less", "zero_shot_below_all_text")
    assert {found[name].verdict for name in names} == {"undecided"}
    assert "4 are not significant" in found["above_random"].reason
    assert verdicts({("lexicon", "body"): 49.0})["not_aligned_after_body"].verdict == "undecided"


def test_systems_that_translate_nothing_decide_nothing():
    low = {("child", part): 0.1 for part in PRECISION} | {("child", "xattn"): 0.4}
    found = verdicts(low)
    assert {found[name].verdict for name in ("above_random", "close_to_body")} == {"undecided"}


def test_what_has_no_result_is_not_measured():
    assert {each.verdict for each in findings(Results(CELLS, {})).values()} == {"not measured"}


def test_every_number_belongs_to_the_system_that_is_named_with_it():
    found = verdicts()
    shown = {
        name: (each.what, each.first, each.second)
        for name in ("embeddings_fail_with_denoiser", "close_to_body", "zero_shot_below_all_text")
        for each in found[name].evidence[:1]
    }
    assert shown == {
        "embeddings_fail_with_denoiser": ("de-en scratch against de-en embed on denoiser", 32.0, 20.0),
        "close_to_body": ("de-en src+body against de-en src+xattn", 36.0, 35.0),
        "zero_shot_below_all_text": (
            "de-cs scratch against de-cs composed of de-en src+xattn and fr-cs tgt+xattn", 25.0, 12.0,
        ),
    }  # fmt: skip


def test_proportions_differ_by_chance_or_not():
    assert two_proportions(50, 50, 100, 100) == 1.0
    assert two_proportions(50, 52, 100, 100) > 0.5
    assert two_proportions(55, 20, 500, 500) < 1e-6
    # 60 against 40 of 100: z = 2.83, two-sided p = 0.0047
    assert two_proportions(60, 40, 100, 100) == pytest.approx(0.0047, abs=1e-4)
    assert two_proportions(0, 0, 10, 10) == 1.0
