"""The page of a report in headless Chromium: quiet, without a request, no wider than a phone, light and dark."""

import pytest

import browser
import toy_report
from crosslate.studies.report.report import html

pytestmark = pytest.mark.skipif(
    browser.CHROMIUM is None, reason="there is no chromium on the PATH (Debian: apt-get install chromium)"
)
LIGHT, DARK = "rgb(253, 253, 251)", "rgb(21, 24, 28)"
LONG = "cionescionesciones" * 30


@pytest.fixture(scope="module")
def crowded():
    """A report with wide tables and words without end."""
    columns = ["child", *(f"column {number}" for number in range(30))]
    rows = [[LONG, *range(10**6, 10**6 + 30)] for _ in range(30)]
    report = toy_report.report(name=f"study-{LONG}", failures=[[LONG, LONG]], signatures=[LONG])
    report["tables"] = [*report["tables"], {"title": LONG, "note": LONG, "columns": columns, "rows": rows}]
    report["findings"] = [toy_report.finding("confirmed", LONG, toy_report.evidence(LONG, 1.0, 2.0, 0.5))]
    report["attention"][0] = {
        **toy_report.attention_map(), "source": [f"▁piece{number}" for number in range(40)], "target": [LONG],
        "weights": [[1 / 40] * 40],
    }  # fmt: skip
    report["samples"][0]["sentences"][0]["systems"]["de-en scratch"] = LONG
    return html(report)


def test_a_phone_in_the_light(crowded, tmp_path):
    seen = browser.visit(crowded, tmp_path)
    assert (seen.console, seen.requests) == ([], [])
    assert seen.measured["width"] == browser.WIDTH
    assert seen.measured["needed"] <= browser.WIDTH
    # The button is there because the script ran.
    assert (seen.measured["background"], seen.measured["button"], seen.measured["toggled"]) == (
        LIGHT,
        "Dark",
        DARK,
    )


def test_a_phone_in_the_dark(crowded, tmp_path):
    seen = browser.visit(crowded, tmp_path, is_dark=True)
    assert (seen.console, seen.requests) == ([], [])
    assert (seen.measured["background"], seen.measured["button"], seen.measured["toggled"]) == (
        DARK,
        "Light",
        LIGHT,
    )


def test_what_the_page_must_not_do_is_seen(tmp_path):
    """The checks above can fail: a request, a message and a wide element are planted and found."""
    planted = (
        '<img src="http://planted.invalid/a.png" alt="" /><div style="width:900px">wide</div>'
        '<script>console.error("planted")</script></main>'
    )
    guarded = html(toy_report.empty()).replace("</main>", planted)
    seen = browser.visit(guarded, tmp_path / "guarded")
    # The page's own policy forbids both.
    assert seen.requests == [] and len(seen.console) == 2
    assert all("Content Security Policy" in message for message in seen.console)
    assert seen.measured["needed"] >= 900
    unguarded = guarded.replace('http-equiv="Content-Security-Policy"', 'name="none"')
    seen = browser.visit(unguarded, tmp_path / "unguarded")
    assert seen.requests == ["http://planted.invalid/a.png"]
    assert any("planted" in message for message in seen.console)
