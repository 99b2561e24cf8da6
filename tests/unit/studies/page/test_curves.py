"""Learning curves by pair with a line for each strategy, and the storage curve."""

from xml.etree import ElementTree

import pytest

import toy_report
from crosslate.studies.page.curves import learning_curves, storage_curve


def read(picture) -> ElementTree.Element:
    return ElementTree.fromstring(picture)


def labels(picture: ElementTree.Element, kind: str) -> list[str]:
    return [each.text for each in picture.iter("text") if each.get("class", "").split()[0] == kind]


def lines(picture: ElementTree.Element, kind: str) -> list[list[tuple[float, float]]]:
    found = [each.get("points") for each in picture.iter("polyline") if each.get("class").split()[0] == kind]
    return [[tuple(map(float, point.split(","))) for point in points.split()] for points in found]


@pytest.fixture(scope="module")
def pictures():
    return {each.find("title").text: each for each in map(read, learning_curves(toy_report.curves()))}


def test_a_panel_for_each_pair_and_parent(pictures):
    assert list(pictures) == [
        "parent fr-en: validation BLEU by epoch",
        "de-en: validation BLEU by epoch",
        "de-en on denoiser: validation BLEU by epoch",
        "denoiser denoiser: negative loss in nats per token by epoch",
        "de-es: validation BLEU by epoch",
    ]


def test_axes_have_names_and_numbers(pictures):
    picture = pictures["de-en: validation BLEU by epoch"]
    assert labels(picture, "name") == ["epoch", "validation BLEU"]
    assert labels(picture, "tick") == ["0", "10", "20", "30", "40", "0", "1", "2"]


def test_a_line_for_each_strategy_is_the_mean_of_its_seeds(pictures):
    picture = pictures["de-en: validation BLEU by epoch"]
    assert labels(picture, "direct") == ["scratch", "src+xattn"]
    assert len(lines(picture, "line")) == 2 and len(lines(picture, "seed")) == 2
    (_, first), (_, last) = lines(picture, "line")[0]
    seeds = lines(picture, "seed")
    assert first == pytest.approx((seeds[0][0][1] + seeds[1][0][1]) / 2, abs=0.1)
    assert last == pytest.approx((seeds[0][1][1] + seeds[1][1][1]) / 2, abs=0.1)
    assert picture.find("desc").text == (
        "scratch from 11.0 to 22.0 (mean of 2 runs), at most 24.0; src+xattn from 15.0 to 34.0, at most 34.0."
    )


def test_higher_scores_stand_higher(pictures):
    ((_, scratch), (_, xattn)) = (
        line[-1] for line in lines(pictures["de-en: validation BLEU by epoch"], "line")
    )
    assert xattn < scratch  # y grows downwards


def test_the_same_strategy_has_the_same_colour_in_every_panel(pictures):
    styles = {
        each.text: each.get("class").split()[1]
        for picture in pictures.values()
        for each in picture.iter("text")
        if each.get("class", "").startswith("direct")
    }
    assert (styles["scratch"], styles["src+xattn"], styles["embed"]) == ("series-0", "series-3", "series-1")


def test_sizes_of_one_strategy_share_a_panel(pictures):
    picture = pictures["de-es: validation BLEU by epoch"]
    assert labels(picture, "direct") == ["scratch, 1000 pairs", "scratch, 5000 pairs"]


def test_sizes_of_several_strategies_have_panels_of_their_own():
    curves = {
        f"de-en {strategy}, {size} pairs": [[1.0, 5, 1.0]]
        for size in (250, 500)
        for strategy in ("src", "src+body")
    }
    titles = [read(each).find("title").text.split(":")[0] for each in learning_curves(curves)]
    assert titles == ["de-en, 250 pairs", "de-en, 500 pairs"]


def test_numbers_that_are_none_are_left_out(pictures):
    (line,) = lines(pictures["denoiser denoiser: negative loss in nats per token by epoch"], "line")
    assert len(line) == 2
    assert learning_curves({"de-en src": [[1.0, 1, float("nan")]]}) == []
    assert learning_curves({}) == []


def test_updates_stand_for_epochs_that_do_not_grow():
    (picture,) = learning_curves({"de-en src": [[1.0, 100, 1.0], [1.0, 200, 2.0]]})
    assert labels(read(picture), "name") == ["updates", "validation BLEU"]


def test_seeds_of_different_length_are_all_drawn():
    curves = {"de-en src, seed 1": [[1.0, 1, 1.0]], "de-en src, seed 2": [[1.0, 1, 2.0], [2.0, 2, 3.0]]}
    (picture,) = learning_curves(curves)
    assert len(lines(read(picture), "line")) == 2


def test_storage_has_a_point_for_each_row():
    picture = read(storage_curve(toy_report.tables()[3]))
    packs, models = lines(picture, "line")
    assert len(packs) == len(models) == 3
    assert packs[-1][1] > models[-1][1]  # fewer bytes, lower
    assert labels(picture, "name") == ["number of pairs", "MB"]
    assert labels(picture, "direct") == ["parent + packs", "full models"]


def test_no_storage_curve_without_numbers():
    assert storage_curve(None) is None
    assert storage_curve({"rows": [[1, 1.0, 2.0]]}) is None
    assert storage_curve({"rows": [[1, None, 2.0], [2, 1.0, 2.0]]}) is None
