"""Verdicts from stored comparisons: each claim can come out in every way."""

from statistics import mean

import pytest

from crosslate.studies.analyses import CLAIMS, analyses
from crosslate.studies.analyses.zero_shot import ZeroShot
from crosslate.studies.recipe import load_recipe
from crosslate.studies.store import Results
from toy_study import difference, planned, results

CELLS = planned(load_recipe("multi30k"))
BY_KEY = {cell.key: cell for cell in CELLS}


def child(part, side=None, kind="child"):
    return {"kind": kind, "part": part} | ({"side": side} if side else {})


COMPOSED, SUPERVISED = child("xattn", kind="zero-shot"), {"kind": "supervised"}
SYSTEMS = {
    "above_embeddings_with_new_targets": [(child("xattn", "target"), 1), (child("embeddings", "target"), 0)],
    "above_embeddings_with_new_sources": [(child("xattn", "source"), 1), (child("embeddings", "source"), 0)],
    "close_to_body": [(child("body"), 1), (child("xattn"), 0)],
    "above_random": [(child("xattn"), 1), (child("randxattn"), 0)],
    "above_scratch": [(child("xattn"), 1), (child("scratch"), 0)],
    "body_above_scratch": [(child("body"), 1), (child("scratch"), 0)],
    "new_targets_alone_below_scratch": [(child("scratch", "target"), 1), (child("embeddings", "target"), 0)],
    "new_sources_alone_above_scratch": [(child("embeddings", "source"), 1), (child("scratch", "source"), 0)],
    "small_packs": [],
    "less_aligned_after_body": [(child("xattn", kind="lexicon"), 1), (child("body", kind="lexicon"), 0)],
    "children_less_aligned_after_body": [
        (child("xattn", kind="lexicon between"), 1), (child("body", kind="lexicon between"), 0)
    ],
    "not_aligned_by_random": [(child("xattn", kind="lexicon"), 1), (child("randxattn", kind="lexicon"), 0)],
    "forgets_less_than_body": [(child("xattn", kind="forgetting"), 1), (child("body", kind="forgetting"), 0)],
    "sources_forget_less": [({"kind": "forgetting", "side": "source"}, 1), ({"kind": "forgetting", "side": "target"}, 0)],
    "parent_stays": [],
    "embeddings_need_a_translation_parent": [
        (child("embeddings"), 1), (child("embeddings", kind="denoising child"), 0)
    ],
    "denoising_embeddings_below_scratch": [
        (child("scratch"), 1), (child("embeddings", kind="denoising child"), 0)
    ],
    "same_order_on_denoising_parent": [
        (child("body", kind="denoising child"), 1), (child("xattn", kind="denoising child"), 0),
        (child("randxattn", kind="denoising child"), -1),
    ],
    "zero_shot_above_little_text": [(COMPOSED, 1), (SUPERVISED | {"size": 2000}, 0)],
    "zero_shot_below_all_text": [(SUPERVISED | {"size": 0}, 1), (COMPOSED, 0)],
}  # fmt: skip
"""Which systems each claim compares, in the order of the report; those with higher numbers are said to be better."""
JUDGED = [name for name, systems in SYSTEMS.items() if systems]


def findings(stored):
    found = [finding for each in analyses(CLAIMS) for finding in each.findings(stored)]
    return dict(zip(SYSTEMS, found, strict=True))


def judged(systems=(), by=0.0, spread=1.0, p_value=None, at=30.0, lacking="nothing", chrf=1.0):
    """Findings of a study where the systems of a claim differ by so much.

    Args:
        lacking: comparisons with this in their title have no result.
        chrf: the difference in chrF2 as a multiple of that in BLEU.
    """

    def score(cell):
        labels = {"kind": cell.kind, **cell.labels}
        return next((at + by * rank for each, rank in systems if each.items() <= labels.items()), at)

    found = []
    for cell in CELLS:
        values = {
            "parent_is_identical": True,
            "stored": {"share_stored": 0.1 if cell.labels.get("part") == "xattn" else 0.8},
        }
        if cell.kind == "compare":
            one, other = (
                mean(score(BY_KEY[key]) for role, key in cell.needs.items() if role.startswith(which))
                for which in ("first", "second")
            )
            likely = 0.0001 if abs(one - other) > spread else 0.5
            made = difference(one, other, spread, likely if p_value is None else p_value)
            lexicon = "lexicon" in cell.labels["one"]["kind"]
            other = difference(chrf * (one - other), 0.0, spread)
            values = {"units": 1000} | ({"precision": made} if lexicon else {"bleu": made, "chrf": other})
        if cell.kind != "compare" or lacking not in cell.title:
            found.append((cell, values))
    return findings(Results(CELLS, results(found).by_key))


@pytest.mark.parametrize("claim", JUDGED)
def test_each_claim_can_come_out_in_every_way(claim):
    is_close = claim == "close_to_body"
    verdicts = {
        (name, by, spread): judged(SYSTEMS[claim], by, spread)[claim].verdict
        for name, by, spread in (
            ("confirmed", 1.5 if is_close else 4.0, 0.4), ("contradicted", 4.0 if is_close else -4.0, 0.4),
            ("equivalent", 0.0, 0.4), ("undecided", 1.5, 2.0),
        )
    }  # fmt: skip
    assert {key: verdict for key, verdict in verdicts.items() if key[0] != verdict} == {}


def test_claims_rest_on_the_comparisons_that_they_name():
    found = judged()
    counts = {name: len(each.evidence) for name, each in found.items()}
    # Averages are one comparison; the others one for each child or composed pair.
    assert counts == {
        "above_embeddings_with_new_targets": 2, "above_embeddings_with_new_sources": 1, "close_to_body": 4,
        "above_random": 4, "above_scratch": 4, "body_above_scratch": 4, "new_targets_alone_below_scratch": 2,
        "new_sources_alone_above_scratch": 1, "small_packs": 0, "less_aligned_after_body": 4,
        "children_less_aligned_after_body": 2, "not_aligned_by_random": 4, "forgets_less_than_body": 4,
        "sources_forget_less": 2, "parent_stays": 0, "embeddings_need_a_translation_parent": 2,
        "denoising_embeddings_below_scratch": 2, "same_order_on_denoising_parent": 4,
        "zero_shot_above_little_text": 2, "zero_shot_below_all_text": 2,
    }  # fmt: skip
    shown = [each.what for finding in found.values() for each in finding.evidence]
    assert len(shown) == len(set(shown))  # no two verdicts from one number


def test_one_child_against_a_claim_about_every_child_contradicts_it():
    worse = [(child("xattn", "source"), 1), (child("xattn", "target"), -1)]
    found = judged(worse, 2.0, 0.4)["above_scratch"]
    assert found.verdict == "contradicted"
    assert found.reason == (
        "2 of 4 differences support it, 2 speak against it, 0 are equivalent, 0 are open; on average +0.0"
    )


def test_the_number_of_comparisons_counts():
    claim = "above_embeddings_with_new_targets"
    assert judged(SYSTEMS[claim], 4.0, 0.4, p_value=0.0001)[claim].verdict == "confirmed"
    assert judged(SYSTEMS[claim], 4.0, 0.4, p_value=0.01)[claim].verdict == "undecided"


def test_a_claim_that_lacks_results_can_only_be_contradicted():
    claim = "above_random"
    found = judged(SYSTEMS[claim], 4.0, 0.4, lacking="fr-cs tgt+xattn against fr-cs tgt+randxattn")[claim]
    assert found.verdict == "undecided" and found.reason.endswith("; 1 more have no result yet")
    found = judged(SYSTEMS[claim], -4.0, 0.4, lacking="fr-cs tgt+xattn against fr-cs tgt+randxattn")[claim]
    assert found.verdict == "contradicted"
    # The average is not replaced by the children whose comparisons are there.
    average = "above_embeddings_with_new_sources"
    found = judged(SYSTEMS[average], 4.0, 0.4, lacking="child src+xattn of")[average]
    assert found.verdict == "not measured"


def test_comparisons_without_a_result_count_in_the_correction():
    claim = "above_embeddings_with_new_targets"
    # Of about a hundred planned comparisons few have a result.
    few = judged(SYSTEMS[claim], 4.0, 0.4, p_value=0.001, lacking="-en")[claim]
    assert few.verdict == "undecided" and few.evidence[0].p_value > 0.05


def test_a_difference_in_chrf_the_other_way_is_named():
    claim = "above_random"
    found = judged(SYSTEMS[claim], 4.0, 0.4, chrf=-1.0)[claim]
    assert found.verdict == "confirmed" and found.reason.endswith("; in chrF2, 4 lie on the other side of 0")


def test_a_single_size_of_text_bears_on_one_claim():
    for sizes, judged_on in (([2000], (2, 0)), ([0], (0, 2)), ([2000, 5000, 0], (2, 2))):
        recipe = load_recipe("multi30k")
        pairs = [pair.changed(supervised_sizes=sizes, pivot=False) for pair in recipe.zero_shot]
        cells = planned(recipe.changed(zero_shot=pairs))
        made = [
            (cell, {"units": 9, "bleu": difference(1.0, 2.0), "chrf": difference(1.0, 2.0)})
            for cell in cells
            if cell.kind == "compare"
        ]
        found = list(ZeroShot().findings(Results(cells, results(made).by_key)))
        assert tuple(len(each.evidence) for each in found) == judged_on


def test_systems_that_translate_nothing_decide_nothing():
    claim = "above_random"
    assert judged(SYSTEMS[claim], 0.9, 0.1, at=0.0)[claim].verdict == "undecided"


def test_properties_of_the_construction_are_called_that():
    found = judged()
    assert {found[name].verdict for name in ("parent_stays", "small_packs")} == {"by construction"}
    assert found["parent_stays"].reason.startswith("16 of 16 packs")
    assert found["small_packs"].reason == "10 % of a full model's parameters against 80 %"


def test_a_verdict_says_on_what_it_was_found():
    found = judged()
    assert found["close_to_body"].basis == (
        "de-en, cs-en, fr-de, fr-cs; 1 parent; 1 seed; test sets of 1,000 sentences"
    )
    assert found["less_aligned_after_body"].basis.endswith("; lexicons of 1,000 words")
    assert found["above_embeddings_with_new_sources"].basis.startswith("de-en, cs-en; 1 parent")


def test_what_has_no_result_is_not_measured():
    assert {each.verdict for each in findings(Results(CELLS, {})).values()} == {"not measured"}


def test_every_number_belongs_to_the_system_that_is_named_with_it():
    shown = {
        name: (each.what, each.first, each.second)
        for name in ("denoising_embeddings_below_scratch", "close_to_body", "zero_shot_below_all_text")
        for each in judged(SYSTEMS[name], 2.0)[name].evidence[:1]
    }
    assert shown == {
        "denoising_embeddings_below_scratch": ("de-en scratch against de-en embed on denoiser", 32.0, 30.0),
        "close_to_body": ("de-en src+body against de-en src+xattn", 32.0, 30.0),
        "zero_shot_below_all_text": (
            "de-cs scratch against de-cs composed of de-en src+xattn and fr-cs tgt+xattn", 32.0, 30.0,
        ),
    }  # fmt: skip
