"""The server's page as an installed app: what its service worker keeps, and what it never does; right to left."""

from __future__ import annotations

import re
from functools import partial

import pytest

from browser import Tab, needs_chromium
from crosslate.server.routes import page
from crosslate.server.routes.page import PAGE

pytestmark = needs_chromium
KEPT = "async () => Object.fromEntries(await Promise.all((await caches.keys()).map(async (name) => [name, (await (await caches.open(name)).keys()).map((each) => each.url)])))"
IN_CHARGE = "() => navigator.serviceWorker.controller !== null"


@pytest.fixture(params=["", "/mt"])
def site(listen, request):
    return listen(url_prefix=request.param)


def fulfil(script, route):
    route.fulfill(body=script, content_type="text/javascript")


def opened(chromium, site, **options):
    tab = Tab(chromium, **options).open(f"{site}?source=de&target=en&q=Geheimnis")
    tab.page.wait_for_function(IN_CHARGE)
    return tab


def test_it_can_be_installed(chromium, site):
    tab = opened(chromium, site)
    session = tab.context.new_cdp_session(tab.page)
    faults = {
        each["errorId"] for each in session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    }
    assert faults <= {"in-incognito"}  # as all of the tests' windows are
    found = session.send("Page.getAppManifest")
    assert found["errors"] == [] and found["url"] == f"{site}static/manifest.json"
    assert (found["manifest"]["startUrl"], found["manifest"]["scope"]) == (site, site)
    for file in ("icon-192.png", "icon-512.png"):
        edge = int(re.search(r"\d+", file)[0])
        data = (PAGE / file).read_bytes()
        assert (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) == (edge, edge)
    assert tab.faults == []
    tab.context.close()


def test_it_keeps_its_own_files_and_no_texts(chromium, site):
    tab = opened(chromium, site)
    answered = []
    tab.page.on("response", lambda each: answered.append(each))
    tab.type("Hund.")
    tab.has("#output", "hund")
    tab.page.reload()
    tab.page.wait_for_selector("html[data-ready]")
    tab.page.click('nav a[href="#packs"]')
    kept = tab.page.evaluate(KEPT)
    own = {path.name for path in PAGE.iterdir()} - {"index.html", "service-worker.js"}
    ((name, urls),) = kept.items()
    assert name.startswith(f"crosslate {site} ")
    assert sorted(urls) == sorted([site, *(f"{site}static/{each}" for each in own)])
    by_worker = {each.url for each in answered if each.from_service_worker}
    assert len(by_worker) > 10 and {each.partition("?")[0] for each in by_worker} <= {*urls}
    assert any(each.url == f"{site}v1/stream" for each in answered)
    assert tab.faults == []
    tab.context.close()


def test_it_opens_without_the_server(chromium, listen):
    site = listen()
    tab = opened(chromium, site)
    listen.stop(site)
    tab.page.goto(f"{site}?source=de&target=en#q=Hund")
    tab.has("#failure-text", "The server cannot be reached.")
    assert tab.page.locator("h1:visible").inner_text() == "Translate texts and files"
    tab.page.fill("#text", "Katze.")
    assert tab.page.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius") != "0px"
    fetched = "async () => fetch('languages').then((each) => each.status, () => 'none')"
    assert tab.page.evaluate(fetched) == "none"
    tab.context.close()


def test_a_changed_file_is_a_new_version_and_the_old_one_goes(chromium, listen, monkeypatch):
    site = listen()
    tab = opened(chromium, site)
    (old,) = tab.page.evaluate("caches.keys()")
    changed = page._service_worker().replace('VERSION = "', 'VERSION = "x')
    monkeypatch.setattr(page, "_service_worker", lambda: changed)
    tab.page.evaluate("navigator.serviceWorker.getRegistration().then((each) => each.update())")
    tab.page.wait_for_function(
        "(old) => caches.keys().then((names) => names.length === 1 && names[0] !== old)", arg=old
    )
    tab.context.close()


def test_right_to_left(chromium, listen):
    """The page speaks no such language, so one of its columns is taken for Arabic."""
    site = listen()
    for width, height in ((1280, 900), (390, 844)):
        tab = Tab(chromium, locale="ar", viewport={"width": width, "height": height}, service_workers="block")
        texts = (PAGE / "texts.js").read_text().replace('["de", "fr", "es"]', '["de", "fr", "ar"]')
        tab.page.route("**/static/texts.js", partial(fulfil, texts))
        tab.open(f"{site}?source=de&target=en")
        tab.type("Hund sieht Katze. Katze.")
        tab.has("#output", "katze")
        tab.has("#origin", " ← ")
        assert tab.page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == [
            "ar",
            "rtl",
        ]
        assert tab.page.evaluate("getComputedStyle(document.querySelector('#output')).direction") == "ltr"
        source, target = (tab.page.locator(part).bounding_box() for part in ("#source", "#target"))
        assert source["x"] > target["x"]  # the first comes first
        tab.page.click("#output .sentence >> nth=0")
        for view in ("translate", "packs", "alignment"):
            tab.page.click(f'nav a[href="#{view}"]')
            tab.page.wait_for_selector(f"#{view}-view:visible")
            assert tab.overflow <= 0, view
        tab.context.close()
