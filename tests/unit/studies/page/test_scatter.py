"""Quality against bytes: a point for every pack, at the place that its numbers say."""

import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest

import toy_report
from crosslate.studies.page.document import page
from crosslate.studies.page.scatter import quality_by_bytes

STRATEGIES = {
    "title": "Strategies side by side", "note": "", "columns": ["strategy", "BLEU", "95 % interval", "tensor bytes"],
    "rows": [["de-en src", 30.0, "", 1_000_000], ["de-en src+xattn", 35.0, "", 4_000_000],
             ["de-en src+lora[xattn;rank=8]", 33.0, "", 2_000_000], ["fr-es tgt+all", 20.5, "", 9_000_000]],
}  # fmt: skip
SMALLER = {
    "title": "Packs in fewer bytes", "note": "",
    "columns": ["pack", "stored as", "tensor bytes", "% of the whole", "BLEU"],
    "rows": [["de-en src+xattn", "int8", 1_000_000, 25.0, 34.0], ["cs-en src+xattn", "int8", 1, 25.0, 34.0]],
}  # fmt: skip


@pytest.fixture(scope="module")
def pictures():
    found = quality_by_bytes(STRATEGIES, SMALLER)
    return {child: ElementTree.fromstring(picture) for child, picture in found}


def dots(picture):
    return {
        each.find("title").text: (float(each.get("cx")), float(each.get("cy")), each.get("class"))
        for each in picture.iter("circle")
    }


def test_a_picture_for_each_child_with_all_its_packs(pictures):
    assert list(pictures) == ["de-en", "fr-es"]
    assert list(dots(pictures["de-en"])) == [
        "src: 30.0 BLEU, 1.00 MB", "src+xattn: 35.0 BLEU, 4.00 MB", "src+lora[xattn;rank=8]: 33.0 BLEU, 2.00 MB",
        "src+xattn in int8: 34.0 BLEU, 1.00 MB",
    ]  # fmt: skip


def test_points_are_at_their_numbers(pictures):
    source, xattn, lora, smaller = dots(pictures["de-en"]).values()
    assert source[0] == smaller[0] < lora[0] < xattn[0]
    assert math.isclose(lora[0] - source[0], xattn[0] - lora[0], abs_tol=0.2)  # both twice as many bytes
    assert xattn[1] < smaller[1] < lora[1] < source[1]
    assert math.isclose((source[1] - lora[1]) / (source[1] - xattn[1]), 3 / 5, abs_tol=0.01)


def test_kinds_have_colours_of_their_own(pictures):
    classes = [each[2] for each in dots(pictures["de-en"]).values()]
    assert classes == ["dot series-3", "dot series-3", "dot series-1", "dot series-2"]
    assert dots(pictures["fr-es"])["tgt+all: 20.5 BLEU, 9.00 MB"][2] == "dot series-1"


def test_names_and_axes_are_there_and_nothing_overlaps(pictures):
    texts = list(pictures["de-en"].iter("text"))
    names = [each.text for each in texts if each.get("class").startswith("name")]
    assert names == ["MB of tensors (logarithmic)", "BLEU"]
    assert {"1", "2", "5"} & {each.text for each in texts if each.get("class") == "tick"} >= {"1", "2"}
    rows = sorted(float(each.get("y")) for each in texts if each.get("class").startswith("direct"))
    assert len(rows) == 4 and min(b - a for a, b in pairwise(rows)) >= 13.9


def test_without_the_table_there_is_no_picture():
    assert quality_by_bytes(None, SMALLER) == []
    assert "Quality against bytes" not in page(toy_report.report())
    tables = [*toy_report.tables(), STRATEGIES, SMALLER]
    assert "Quality against bytes" in page(toy_report.report(tables=tables))
