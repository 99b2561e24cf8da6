"""The server's page in headless Chromium: a newcomer's path, errors, keyboard, phone, dark, right to left."""

from __future__ import annotations

import re
import threading
from urllib.parse import quote

import pytest
import uvicorn

from browser import Tab, needs_chromium
from crosslate.server.app import create_app
from crosslate.server.keys import KeyStore
from toy_server import GERMAN, wait_for

pytestmark = needs_chromium
LONG_WORD = "Rindfleischetikettierung" * 6
MARKUP = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def listen(make_server):
    """``listen(**settings)``: the address of a toy server that listens on loopback."""
    running = []

    def make(**settings):
        app = create_app(make_server(**settings).service)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        running.append((server, thread))
        wait_for(lambda: server.started, 20)
        port = server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}{settings.get('url_prefix', '')}/"

    yield make
    for server, thread in running:
        server.should_exit = server.force_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def site(listen):
    return listen()


@pytest.fixture
def tab(chromium, site):
    """A tab on the page; at the end: every request went to the server's own origin, and nothing failed."""
    found = Tab(chromium, permissions=["clipboard-read", "clipboard-write"]).open(site)
    yield found
    assert [url for url in found.requests if not url.startswith(site)] == []
    assert found.faults == []
    found.context.close()


def choose(tab, source, target):
    tab.page.select_option("#source", source)
    tab.page.select_option("#target", target)


class TestNewcomer:
    def test_types_reads_and_copies(self, tab):
        tab.page.fill("#text", GERMAN)  # which is translated after a pause
        tab.has("#output", "En:der hund")
        tab.has("#detected", "Detected: German")
        tab.has("#origin", "Translated by the pack de-en")
        # One request for what was typed at once, with alternatives to click.
        assert [each["q"] for each in tab.posted] == [GERMAN]
        best = tab.page.inner_text("#output")
        alternative = tab.page.locator("#alternative-list button").first
        assert alternative.inner_text() == f"{best[:-1]}*." or alternative.inner_text().startswith(best[:-1])
        other = alternative.inner_text()
        alternative.click()
        tab.has("#output", other)
        tab.page.click("#copy")
        tab.has("#copy", "Copied")
        assert tab.page.evaluate("navigator.clipboard.readText()") == other

    def test_only_what_is_served_can_be_chosen_and_what_nobody_trained_says_so(self, tab):
        codes = "all => all.map(each => each.value)"
        assert tab.page.locator("#source option").evaluate_all(codes) == ["auto", "fr", "de"]
        choose(tab, "de", "es")
        groups = tab.page.locator("#target optgroup").evaluate_all("all => all.map(each => each.label)")
        assert groups == ["By a pack", "Zero-shot: nobody trained these"]
        tab.type("Hund.")
        tab.has("#origin", "Zero-shot de-en + fr-es")
        tab.page.select_option("#source", "fr")
        assert tab.page.locator("#target option").evaluate_all(codes) == ["es", "en"]
        assert tab.page.input_value("#target") == "es"

    def test_words_that_belong_together_light_up(self, tab):
        choose(tab, "de", "en")
        tab.type("Hund sieht Katze.")
        tab.has("#output", "hund")
        tab.page.hover("#output")
        tab.page.wait_for_selector("#output .word")
        assert tab.page.locator("#mirror .word").all_inner_texts() == ["Hund", "sieht", "Katze", "."]
        tab.page.focus("#output")
        tab.page.keyboard.press("ArrowRight")
        assert tab.page.locator("#output .here").all_inner_texts() == ["En"]
        assert tab.page.locator("#mirror .lit").count() == 1
        assert tab.page.inner_text("#status").startswith("En: ")

    def test_a_link_is_shared_and_opened(self, tab, site):
        choose(tab, "de", "es")
        tab.type("Hund & Katze?")
        tab.has("#output", "katze")
        assert "Hund" not in tab.page.url  # the text is in no address that was not asked for
        tab.page.click("#share")
        tab.has("#share", "Copied")
        address = tab.page.evaluate("navigator.clipboard.readText()")
        assert address == f"{site}?source=de&target=es#q={quote('Hund & Katze?')}"
        tab.page.evaluate("sessionStorage.clear()")
        tab.page.goto("about:blank")
        tab.open(address)
        assert tab.page.input_value("#text") == "Hund & Katze?"
        tab.has("#output", "katze")
        assert not any("Hund" in url for url in tab.requests if "#" not in url)

    def test_a_file_is_dropped_translated_and_downloaded(self, tab):
        choose(tab, "de", "en")
        drop = """() => {
          const data = new DataTransfer();
          data.items.add(new File(["Hund.\\n"], "dog.txt", { type: "text/plain" }));
          data.items.add(new File(["x"], "dog.exe"));
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
        with tab.page.expect_download() as downloading:
            tab.page.evaluate(drop)
        assert downloading.value.path().read_text() == "En:hund.\n"
        tab.has("#file-list .failed", "This format is not read")

    def test_packs_with_size_scores_and_what_is_zero_shot(self, tab):
        tab.page.click('nav a[href="#packs"]')
        card = tab.page.locator(".pack-card").filter(has_text="de-en").filter(has_text="BLEU")
        text = card.inner_text()
        for expected in (
            "of 2.5 MB", "% of a full model", "31.3 BLEU (zh)", "30.0–32.5", "14,500 pairs", "src+xattn", "German → Spanish",
        ):  # fmt: skip
            assert expected in text, expected
        title = tab.page.locator("td.zero-shot").get_attribute("title")
        assert title == "zero-shot: two packs put together (de-en + fr-es)"

    def test_a_word_and_its_neighbours(self, tab):
        tab.page.click('nav a[href="#alignment"]')
        tab.has("#map figcaption", "each other's nearest")
        tab.page.fill("#word", "hund")
        tab.page.keyboard.press("Enter")
        tab.has("#lookup-note", "Hund: 8 nearest words")
        assert tab.page.locator(".near-word").first.inner_text() == "chien"
        assert "chien" in tab.page.locator("#map svg[role=img]").get_attribute("aria-label")


def test_keyboard_alone(tab):
    tab.page.focus("#text")
    tab.page.keyboard.type("Hund.")
    tab.page.keyboard.press("Control+Enter")
    tab.has("#output", "hund")
    assert len(tab.posted) == 1  # the pause has nothing more to send
    assert tab.page.inner_text("#status") == tab.page.inner_text("#output")
    # Everything that can be pressed can be reached, and has a name.
    tab.page.focus(".skip")
    names = []
    for _ in range(30):
        focused = "document.activeElement.id || document.activeElement.textContent.trim()"
        names.append(tab.page.evaluate(focused))
        tab.page.keyboard.press("Tab")
    for wanted in ("Packs", "theme", "source", "swap", "target", "text", "go", "output", "share", "copy"):
        assert wanted in names, wanted


def test_swap(tab):
    choose(tab, "auto", "en")
    tab.page.click("#swap", force=True)  # marked as disabled, it still says why
    tab.has("#detected", "its language is not known yet")
    tab.type(GERMAN)
    tab.has("#detected", "Detected: German")
    tab.page.click("#swap", force=True)  # marked as disabled, it still says why
    tab.has("#detected", "Nothing translates English to German")
    assert tab.page.input_value("#text") == GERMAN


def test_swap_takes_the_detected_language(tab, site):
    """No toy pack reads English, so a direction is planted in what the page is told."""

    def planted(route):
        answer = route.fetch().json()
        if "directions" in answer:
            answer["directions"].append({"source": "en", "target": "de", "kind": "pack", "packs": ["en-de"]})
        else:
            next(each for each in answer if each["code"] == "en")["targets"].append("de")
        route.fulfill(json=answer)

    tab.page.route("**/v1/packs", planted)
    tab.page.route("**/languages", planted)
    tab.open(f"{site}?source=auto&target=en")
    tab.type(GERMAN)
    tab.has("#output", "En:")
    before = tab.page.inner_text("#output")
    tab.page.click("#swap")
    assert (tab.page.input_value("#source"), tab.page.input_value("#target")) == ("en", "de")
    assert tab.page.input_value("#text") == before
    tab.has("#failure-text", "not available")  # the server knows nothing of what was planted
    tab.faults.clear()


def test_markup_stays_text_and_text_has_its_own_direction(tab):
    choose(tab, "de", "en")
    side = "getComputedStyle(document.querySelector('#text')).direction"
    tab.page.fill("#text", "שלום עולם")
    assert tab.page.evaluate(side) == "rtl"
    tab.type(f"Hund {MARKUP}")
    assert tab.page.evaluate(side) == "ltr"
    tab.has("#output", "onerror")
    assert not tab.page.locator("#is-html").is_hidden()
    assert tab.page.locator("#output img, #mirror img").count() == 0
    assert tab.page.title() == "Crosslate"


class TestErrors:
    def test_the_server_is_gone_and_comes_back(self, tab):
        tab.type("Hund.")
        tab.has("#output", "hund")
        tab.context.set_offline(True)
        tab.type("Katze.")
        tab.has("#failure-text", "cannot be reached")
        assert tab.page.input_value("#text") == "Katze."
        tab.context.set_offline(False)
        tab.has("#output", "katze")
        assert tab.page.locator("#failure").is_hidden()
        tab.faults.clear()  # the browser's own words about the failed request

    def test_a_refusal_keeps_the_text(self, tab):
        choose(tab, "auto", "es")
        tab.type("explode")
        tab.has("#failure-text", "The translation failed")
        assert tab.page.input_value("#text") == "explode"
        tab.page.click("#dismiss")
        assert tab.page.locator("#failure").is_hidden()
        tab.faults.clear()

    def test_limits_and_keys_under_a_prefix(self, chromium, listen, tmp_path):
        secret, _ = KeyStore(tmp_path / "keys.db").add("ann", None, 100)
        keys = {"keys": tmp_path / "keys.db", "require_key": True}
        limits = {"characters": 10, "alternatives": 1}
        site = listen(url_prefix="/mt", limits=limits, **keys)
        tab = Tab(chromium).open(f"{site}?source=de&target=en")
        tab.type("Hund und Katze")  # more than anybody may, less than the key may
        tab.has("#failure-text", "longer than 10 characters")
        assert tab.posted == [] and tab.page.locator("#count.over").inner_text() == "14 / 10"
        tab.type("Hund")
        tab.has("#count", "4 / 10")
        tab.has("#failure-text", "to get an API key")
        tab.page.click("#key")
        tab.page.fill("#key-value", secret)
        tab.page.click("text=Save")
        tab.has("#output", "hund")
        assert tab.posted[-1]["alternatives"] == 1
        tab.type("Hund und Katze")
        tab.has("#output", "katze")
        assert all(url.startswith(site) for url in tab.requests)
        tab.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone(chromium, site, scheme):
    tab = Tab(chromium, viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True)
    tab.open(f"{site}?source=de&target=en#q={LONG_WORD}%20Hund")
    tab.has("#output", "hund")
    assert tab.overflow <= 0
    background = tab.background
    assert background == {"light": "rgb(246, 246, 242)", "dark": "rgb(20, 23, 27)"}[scheme]
    tab.page.click("#theme")
    assert tab.background != background
    for view in ("packs", "alignment"):
        tab.page.click(f'nav a[href="#{view}"]')
        tab.page.wait_for_selector(f"#{view}-view >> css=.pack-card, #map svg[role=img]")
        assert tab.overflow <= 0
    assert tab.faults == []
    tab.context.close()


def test_the_page_can_be_left_out(make_server):
    without = make_server(page=False)
    assert without.get("/").status_code == 404 and without.get("/static/app.js").status_code == 404
    with_it = make_server()
    policy = with_it.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    index = with_it.get("/").text
    files = re.findall(r'(?:src|href)="(static/[^"]+)"', index)
    assert len(files) >= 4
    assert {with_it.get(f"/{file}").status_code for file in files} == {200}
