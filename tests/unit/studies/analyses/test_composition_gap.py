"""What the analysis of the gap reads off made-up numbers, and what it measures on a real composition."""

from __future__ import annotations

import pytest

from crosslate.engines.decoding import DecodingOptions
from crosslate.models.parent import Parent
from crosslate.packs.pack import Pack
from crosslate.studies.analyses.composition_gap import (
    COMPOSED,
    EXCHANGES,
    ORACLE,
    REVERSED,
    layer_rows,
    measured,
    reading,
)
from crosslate.studies.analyses.pair_packs import SUPERVISED
from crosslate.text.corpora import ParallelCorpus

OF_PACKS = [name for name, parts in EXCHANGES.items() if "supervised" not in parts]
WORST, BETTER = "encoder of the parent", "cross-attention of the source pack"


def values(found=90.0, supervised=None, **chrf):
    """A cell's values; exchanged parts score 30 in chrF2 unless they are named."""
    scores = dict.fromkeys(OF_PACKS, 30.0) | chrf
    if supervised:
        scores |= dict(zip((ORACLE, REVERSED, SUPERVISED), supervised, strict=True))
    states = [{"cka": 0.1, "found": 5.0}, {"cka": 0.8, "found": found}]
    exchanges = [
        {"name": name, "parts": EXCHANGES[name], "bleu": 1.0, "chrf": each} for name, each in scores.items()
    ]
    return {"layers": {"parent": states, "composed": states}, "exchanges": exchanges}


MEETS, MISSES = "where the target pack's decoder expects it", "does not expect them"
READINGS = {
    "states meet": (values(), [MEETS, "90.0 % of the sentences (CKA 0.80)"], [MISSES]),
    "states miss": (values(found=40.0), [MISSES, "only 40.0 %"], [MEETS]),
    "nothing is better": (values(), ["No other choice of parts", "None costs much"], ["wrong parts"]),
    "differences within the margin": (values(**{BETTER: 30.9, WORST: 29.1}), ["No other", "None costs"], ["wrong"]),
    "composition takes the wrong parts": (
        values(**{BETTER: 33.0, "decoder of the parent": 36.0, WORST: 5.0}),
        [f"decoder of the parent (+6.0), {BETTER} (+3.0)", f"costs most is {WORST} (-25.0)"], ["No other"],
    ),
    "the supervised child is not named among the packs' parts": (
        values(supervised=(60.0, 10.0, 70.0)), ["No other choice"], ["wrong parts"],
    ),
    "the gap is in the encoder": (
        values(supervised=(45.0, 33.0, 50.0)),
        ["in the encoder (+15.0 by its encoder and embeddings, +3.0 by its decoder, of a gap of 20.0)"], ["fit of the two"],
    ),
    "the gap is in the decoder": (values(supervised=(31.5, 44.0, 50.0)), ["in the decoder"], ["in the encoder"]),
    "either half helps": (values(supervised=(40.0, 40.5, 50.0)), ["Either half"], ["More of the gap"]),
    "the halves do not fit": (
        values(supervised=(12.0, 11.0, 50.0)), ["Neither half", "-18.0 by its encoder"], ["More of the gap"],
    ),
    "there is no gap": (values(supervised=(12.0, 11.0, 30.5)), ["no gap to explain"], ["Neither"]),
}  # fmt: skip


@pytest.mark.parametrize(("given", "has", "has_not"), READINGS.values(), ids=READINGS)
def test_the_reading(given, has, has_not):
    text = reading(given)
    assert all(each in text for each in has), text
    assert not any(each in text for each in has_not), text


def test_rows_of_layers():
    columns, rows = layer_rows(values())
    assert columns == ("layer", "parent: CKA", "parent: found, %", "composed: CKA", "composed: found, %")
    assert rows == [("0", 0.1, 5.0, 0.1, 5.0), ("1", 0.8, 90.0, 0.8, 90.0)]


def test_on_a_composition(tiny):
    parent = Parent.load(tiny / "parents" / "fr-en")
    source, target = (Pack.load(tiny / "packs" / name) for name in ("de-en", "fr-es"))
    aligned = ParallelCorpus(
        ["Hund sieht Katze.", "Haus.", "Buch"], ["chien voit chat.", "maison.", "livre"], "de", "fr"
    )
    test = ParallelCorpus(["Hund sieht Katze."], ["perro ve gato."], "de", "es")
    options = DecodingOptions(beam_size=1, max_new_tokens=6)
    found = measured(parent, source, target, None, aligned, test, options)
    assert set(found["layers"]) == {"parent", "source", "composed"}
    assert [len(each) for each in found["layers"].values()] == [2, 2, 2]
    # The target pack left the encoder alone, and both encoders are the parent's.
    assert all(each == {"cka": pytest.approx(1.0), "found": 100.0} for each in found["layers"]["parent"])
    assert [each["name"] for each in found["exchanges"]] == OF_PACKS
    assert OF_PACKS[0] == COMPOSED and reading(found)
