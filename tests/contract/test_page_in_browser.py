"""The page of a report in headless Chromium: quiet, without a request, no wider than a phone, light and dark."""

import pytest

import toy_report
from browser import Tab, needs_chromium
from crosslate.studies.report.report import html

pytestmark = needs_chromium
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


@pytest.fixture
def visit(chromium, tmp_path):
    """``visit(html)``: a tab of a phone's width on a page on disk."""
    made = []

    def open_page(text, **options):
        (tmp_path / "page.html").write_text(text, encoding="utf-8")
        made.append(Tab(chromium, viewport={"width": 360, "height": 800}, **options))
        made[-1].page.goto((tmp_path / "page.html").as_uri())
        return made[-1]

    yield open_page
    for tab in made:
        tab.context.close()


@pytest.mark.parametrize(
    ("scheme", "colours", "other"), [("light", [LIGHT, DARK], "Dark"), ("dark", [DARK, LIGHT], "Light")]
)
def test_a_phone(crowded, visit, scheme, colours, other):
    tab = visit(crowded, color_scheme=scheme)
    before = tab.background
    assert tab.page.inner_text("#theme") == other  # the button is there because the script ran
    tab.page.click("#theme")
    assert [before, tab.background] == colours
    assert tab.overflow <= 0 and (tab.faults, tab.requests) == ([], [])


def test_what_the_page_must_not_do_is_seen(visit):
    """The checks above can fail: a request, a message and a wide element are planted and found."""
    planted = (
        '<img src="http://planted.invalid/a.png" alt="" /><div style="width:900px">wide</div>'
        '<script>console.error("planted")</script></main>'
    )
    guarded = html(toy_report.empty()).replace("</main>", planted)
    tab = visit(guarded)
    # The page's own policy forbids both.
    assert tab.requests == [] and len(tab.faults) == 2 and tab.overflow > 500
    assert all("Content Security Policy" in fault for fault in tab.faults)
    tab = visit(guarded.replace('http-equiv="Content-Security-Policy"', 'name="none"'))
    assert tab.requests == ["http://planted.invalid/a.png"]
    assert any("planted" in fault for fault in tab.faults)
