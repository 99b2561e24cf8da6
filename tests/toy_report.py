"""A made-up report with a little of everything, as ``report.json`` holds it, and with what wants escaping."""

from typing import Any

NASTY = '<b id="x">&\'"</b>'


def finding(verdict: str, claim: str, *evidence: dict[str, Any]) -> dict[str, Any]:
    return {
        "claim": claim, "source": "section 3.3, Table 2", "verdict": verdict, "reason": "2 of 2 support it",
        "basis": "de-en; 1 seed" if evidence else "", "test": "paired bootstrap, p < 0.05", "evidence": list(evidence),
    }  # fmt: skip


def evidence(what: str, first: float, second: float, p_value: float, chrf: Any = None) -> dict[str, Any]:
    interval = [first - second - 1, first - second + 1]
    return {
        "what": what, "first": first, "second": second, "interval": interval, "p_value": p_value, "chrf": chrf,
    }  # fmt: skip


def tables() -> list[dict[str, Any]]:
    return [
        {"title": "Children: BLEU", "note": "Ours.", "columns": ["trained", "de-en", "fr-es"],
         "rows": [["scratch", "31.1 ± 0.4", None], ["embeddings", "32.25", "7.5"]]},
        {"title": "The paper's numbers: BLEU", "note": "Theirs.", "columns": ["trained", "Ro–En", "Fr–Es"],
         "rows": [["scratch", 29.0, 24.4], ["embeddings + body", 31.0, 27.3]]},
        {"title": "Storage", "note": "", "columns": ["child", "% stored", "tensor bytes"],
         "rows": [["de-en src", 32.4, 1307200], [NASTY, 8.25, 642048]]},
        {"title": "Storage for N pairs", "note": "MB.", "columns": ["pairs", "a parent and N packs", "N full models"],
         "rows": [[1, 1.3, 1.0], [5, 2.8, 4.8], [50, 19.7, 47.7]]},
    ]  # fmt: skip


def curves() -> dict[str, Any]:
    return {
        "parent fr-en": [[1.0, 20, 12.5], [2.0, 40, 30.0]],
        "de-en scratch, seed 1": [[1.0, 20, 10.0], [2.0, 40, 20.0]],
        "de-en scratch, seed 2": [[1.0, 20, 12.0], [2.0, 40, 24.0]],
        "de-en src+xattn, seed 1": [[1.0, 20, 15.0], [2.0, 40, 34.0]],
        "de-en embed on denoiser": [[1.0, 20, 1.0]],
        "denoiser denoiser": [[1.0, 50, -5.0], [2.0, 100, float("nan")], [3.0, 150, -2.5]],
        "de-es scratch, 1000 pairs": [[1.0, 10, 2.0]],
        "de-es scratch, 5000 pairs": [[1.0, 50, 9.0]],
    }


def lexicon_map() -> dict[str, Any]:
    names = ("word", "translation", "x", "y", "translation_x", "translation_y")
    points = [("Hund", "chien", 0.0, 0.0, 0.1, 0.2), ("Katze", NASTY, 2.0, -1.0, 2.0, -1.0),
              ("Haus", "maison", float("nan"), 0.0, 1.0, 1.0)]  # fmt: skip
    return {
        "title": "de-en src+xattn",
        "languages": "de-fr",
        "points": [dict(zip(names, each)) for each in points],
    }


def attention_map(head: int | None = 4) -> dict[str, Any]:
    return {
        "title": "de-en src+xattn", "layer": 3, "head": head, "source": ["▁Ein", "▁Hund"], "target": ["▁A", "▁dog", NASTY],
        "weights": [[0.75, 0.25], [0.1, 0.9], [0.5, 0.5]], "alignment": [[0, 0], [1, 1]],
    }  # fmt: skip


def report(**changes: Any) -> dict[str, Any]:
    """The whole report with some keys changed."""
    values = {
        "name": "toy-quick",
        "about": f"What {NASTY} shows.",
        "notes": [f"no lexicon induction for {NASTY}"],
        "findings": [
            finding("confirmed", "The first claim.",
                    evidence("a against b", 35.04, 32.0, 0.001, {"first": 51.0, "second": 50.0, "interval": [0.5, 1.5]}),
                    evidence("c against d", 1.0, 3.5, 0.5), evidence("e against f", 2.0, 1.0, 1e-9)),
            finding("contradicted", f"The second claim {NASTY}."),
            finding("undecided", "The third claim."),
            finding("not measured", "The fourth claim."),
        ],
        "tables": tables(),
        "samples": [
            {"test": "de-en: toy text", "sentences": [
                {"source": "Ein Hund.", "reference": "A dog.",
                 "systems": {"de-en scratch": "A cat.", "de-en src": "", "de-en src+xattn": f"A {NASTY} dog\x00."}},
                {"source": "Zwei Hunde.", "reference": "Two dogs.", "systems": {"de-en scratch": "Two cats."}},
            ]}
        ],
        "failures": [["de-en src+body", f"OutOfMemoryError: {NASTY}"]],
        "missing": ["de-en src+body", "forgetting of de-en src+body"],
        "environment": {"crosslate": "0.1.0", "versions": "{'torch': '2.13.0', 'sacrebleu': '2.6.0'}", "cells": "7 done"},
        "texts": [{"use": "de-en train", "origin": "toy text", "pairs": 1500, "sha256": "71" * 32}],
        "signatures": ["nrefs:1|case:mixed|tok:13a|version:2.6.0"],
        "recipe": {"name": "toy-quick", "about": NASTY, "seeds": [1, 2]},
        "curves": curves(),
        "maps": [lexicon_map()],
        "attention": [attention_map(), attention_map(None)],
    }  # fmt: skip
    return values | changes


def empty() -> dict[str, Any]:
    """A report of a study of which nothing has a result, without the keys that may be missing."""
    lists = {
        key: [] for key in ("findings", "tables", "samples", "failures", "missing", "signatures", "notes")
    }
    return {"name": "empty", "about": "", "environment": {}, "recipe": {}, "curves": {}} | lists
