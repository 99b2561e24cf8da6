"""The table of families says what the tests of the families assert."""

import hub_folders
import support


def test_every_layout_has_a_row():
    assert set(support.FAMILIES) == set(hub_folders.LAYOUTS)


def test_the_page_shows_what_is_asserted():
    page = support.PAGE.read_text(encoding="utf-8")
    shown = page.partition(support.BEGIN)[2].partition(support.END)[0].strip()
    assert shown == support.table(), "write it anew: python tests/support.py"
