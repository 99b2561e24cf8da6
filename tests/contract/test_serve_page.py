"""The server's page in headless Chromium: a newcomer's path, errors, keyboard, phone, dark, right to left."""

from __future__ import annotations

import json
import re
import shutil
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from browser import Tab, needs_chromium
from crosslate.server.keys import KeyStore
from crosslate.server.routes.page import PAGE
from toy_server import GERMAN, build, wait_for

pytestmark = needs_chromium
LONG_WORD = "Rindfleischetikettierung" * 6
MARKUP = '<img src=x onerror="document.title=1">'


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
        tab.has("#source", "German (detected)")
        tab.has("#origin", "German → English model")
        assert tab.page.get_attribute("#origin span", "title") == "de-en"
        tab.has("#count", f"{len(GERMAN)} characters")
        # One request for what was typed at once, with alternatives to click.
        assert [each["q"] for each in tab.posted] == [GERMAN]
        best = tab.page.inner_text("#output")
        alternative = tab.page.locator(".result #alternative-list button").first
        other = alternative.inner_text()
        assert other.startswith(best[:-1]) and other != best
        alternative.click()
        tab.has("#output", other)
        assert tab.page.inner_text("#output") == other
        tab.page.click("#copy")
        tab.has("#copy", "Copied")
        assert tab.page.evaluate("navigator.clipboard.readText()") == other

    def test_only_what_is_served_can_be_chosen_and_what_nobody_trained_says_so(self, tab):
        codes = "all => all.map(each => each.value)"
        assert tab.page.locator("#source option").evaluate_all(codes) == ["auto", "fr", "de"]
        choose(tab, "de", "es")
        groups = tab.page.locator("#target optgroup").evaluate_all("all => all.map(each => each.label)")
        assert groups == ["Experimental pairs"]
        tab.type("Hund.")
        tab.has("#origin", "experimental pair German → Spanish")
        assert tab.page.get_attribute("#origin span", "title") == "de-en + fr-es"
        tab.page.select_option("#source", "fr")
        assert tab.page.locator("#target option").evaluate_all(codes) == ["en", "es"]
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
        tab.page.click('nav a[href="#packs"]')
        over = "document.body.dispatchEvent(new DragEvent('%s', { dataTransfer: %s, bubbles: true }))"
        files = (
            "(() => { const some = new DataTransfer(); some.items.add(new File([''], 'a')); return some; })()"
        )
        tab.page.evaluate(over % ("dragover", files))
        tab.has("#drop-target:not([hidden])", "translate them into English")
        tab.page.evaluate(over % ("dragleave", "null"))
        assert tab.page.locator("#drop-target").is_hidden()
        with tab.page.expect_download() as downloading:
            tab.page.evaluate(drop)
        assert downloading.value.suggested_filename == "dog_en.txt"
        assert downloading.value.path().read_text() == "En:hund.\n"
        tab.has("#file-list .failed", "This format is not read")

    def test_packs_with_size_scores_and_what_is_zero_shot(self, tab):
        tab.page.click('nav a[href="#packs"]')
        assert tab.page.title() == "Packs – Crosslate"
        card = tab.page.locator(".pack-card").filter(has_text="de-en").filter(has_text="BLEU")
        text = card.inner_text()
        for expected in (
            "of 2.5 MB", "% of a full model", "31.3 BLEU (zh)", "30.0–32.5", "14,500 pairs", "src+xattn", "German → Spanish",
        ):  # fmt: skip
            assert expected in text, expected
        title = tab.page.locator("td.zero-shot").get_attribute("title")
        assert title == "experimental: two packs put together (de-en + fr-es)"
        colour = "each => getComputedStyle(each).color"
        ring = tab.page.locator("td.zero-shot").evaluate(colour)
        assert tab.page.locator(".legend .zero-shot").evaluate(colour) == ring
        assert tab.page.locator(".choice").count() == 0  # each pair has one pack

    def test_a_word_and_its_neighbours(self, tab):
        tab.page.click('nav a[href="#alignment"]')
        tab.page.wait_for_selector("#map.waiting, #map figcaption")
        tab.has("#map figcaption", "each other's nearest")
        assert tab.page.locator("#lookup-busy").is_hidden()
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
    assert tab.page.inner_text("#status") == "Translated"  # and not all of it at each pause
    assert tab.page.locator("h1:visible").count() == 1
    # Everything that can be pressed can be reached, and has a name.
    tab.page.focus(".skip")
    names = []
    for _ in range(30):
        focused = "document.activeElement.id || document.activeElement.textContent.trim()"
        names.append(tab.page.evaluate(focused))
        tab.page.keyboard.press("Tab")
    for wanted in ("Packs", "theme", "source", "swap", "target", "text", "go", "output", "share", "copy"):
        assert wanted in names, wanted


@pytest.mark.parametrize("view", ["packs", "translate"])
def test_the_first_link_leads_to_the_text_from_everywhere(tab, view):
    tab.page.click(f'nav a[href="#{view}"]')
    tab.page.focus(".skip")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_function("() => document.activeElement.id === 'text'")
    tab.page.keyboard.type("Hund.")
    tab.has("#output", "hund")


def test_arrow_keys_work_in_a_translation_that_was_waited_for(tab):
    choose(tab, "de", "en")
    tab.page.fill("#text", "Hund sieht Katze.")
    tab.page.focus("#output")
    tab.page.wait_for_selector("#output .word")
    tab.page.keyboard.press("ArrowRight")
    assert tab.page.locator("#output .here").count() == 1


def test_what_an_input_method_has_in_hand_is_not_sent(tab):
    choose(tab, "de", "en")
    devtools = tab.context.new_cdp_session(tab.page)
    tab.page.focus("#text")
    pause = tab.page.evaluate("fetch('frontend/settings').then(each => each.json())")["frontendTimeout"]
    for typed in ("n", "ni", "nihao"):
        composed = {"text": typed, "selectionStart": len(typed), "selectionEnd": len(typed)}
        devtools.send("Input.imeSetComposition", composed)
        tab.page.wait_for_timeout(1.2 * pause)
    tab.page.keyboard.press("Control+Enter")
    devtools.send("Input.insertText", {"text": "你好"})
    tab.has("#output", "你好")
    assert [each["q"] for each in tab.posted] == ["你好"]


def test_swap(tab):
    choose(tab, "auto", "en")
    tab.page.click("#swap", force=True)  # marked as disabled, it still says why
    tab.has("#origin", "its language is not known yet")
    tab.type(GERMAN)
    tab.has("#source", "German (detected)")
    tab.page.click("#swap", force=True)  # marked as disabled, it still says why
    tab.has("#origin", "Nothing translates English → German")
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
        tab.has("#countdown", "Trying again in ")
        assert tab.page.input_value("#text") == "Katze."
        # What is still shown is the translation of another text.
        assert "hund" in tab.page.inner_text("#output.stale")
        assert tab.page.is_disabled("#copy")
        tab.context.set_offline(False)
        tab.has("#output:not(.stale)", "katze")
        assert tab.page.locator("#failure").is_hidden() and tab.page.is_enabled("#copy")
        tab.faults.clear()  # the browser's own words about the failed request

    def test_a_file_that_failed_can_be_tried_again(self, tab):
        choose(tab, "de", "en")
        answer = {"status": 502, "body": "<html>", "content_type": "text/html"}
        tab.page.route("**/translate_file", lambda route: route.fulfill(**answer), times=1)
        tab.page.click("#files-mode")
        dog = {"name": "dog.txt", "mimeType": "text/plain", "buffer": b"Hund.\n"}
        tab.page.set_input_files("#file", dog)
        tab.has("#file-list .failed", "starting or busy")
        with tab.page.expect_download() as downloading:
            tab.page.click("#file-list button")
        assert downloading.value.path().read_text() == "En:hund.\n"
        assert tab.page.locator("#file-list .failed").count() == 0
        tab.faults.clear()

    def test_the_rate_limit_is_waited_for_and_tried_again(self, tab):
        answered = []

        def refuse_once(route):
            answered.append(route.request.post_data_json["q"])
            if len(answered) > 1:
                return route.continue_()
            headers = {"Retry-After": "3", "Content-Type": "application/json"}
            return route.fulfill(status=429, headers=headers, body='{"error": "Slowdown: 1 per 1 minute"}')

        tab.page.route("**/v1/stream", refuse_once)
        tab.type("Hund.")
        tab.has("#failure-text", "Too many requests")
        tab.has("#countdown", "Trying again in 3 s.")
        assert tab.page.is_disabled("#copy")
        tab.page.fill("#text", "Katze.")  # sends nothing before the time has come
        tab.has("#output", "katze")
        assert answered == ["Hund.", "Katze."]
        assert tab.page.locator("#failure").is_hidden()
        tab.faults.clear()

    @pytest.mark.parametrize("status", [503, 504])
    def test_a_stream_that_breaks_off(self, tab, status):
        """A server that is busy is asked again; what took too long once is not."""
        blocks = [
            ("start", {"source": "de", "target": "en"}),
            ("error", {"error": "so", "status": status} | ({"retryAfter": 1} if status == 503 else {})),
        ]
        body = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in blocks)
        fulfil = {"body": body, "content_type": "text/event-stream"}
        tab.page.route("**/v1/stream", lambda route: route.fulfill(**fulfil), times=1)
        tab.type("Hund.")
        if status == 503:
            tab.has("#output", "hund")
            assert len(tab.posted) == 2 and tab.page.locator("#failure").is_hidden()
        else:
            tab.has("#failure-text", "took too long")
            assert tab.page.inner_text("#countdown") == ""
            tab.page.click("#retry")
            tab.has("#output", "hund")

    def test_a_refusal_keeps_the_text(self, tab):
        choose(tab, "auto", "es")
        tab.type("explode")
        tab.has("#failure-text", "The translation failed. Your text is kept.")
        assert tab.page.inner_text("#countdown") == ""  # trying again would not help
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
        assert tab.posted == [] and tab.page.locator("#count.over").inner_text() == "14 of 10 characters"
        tab.type("Hund")
        tab.has("#count", "4 of 10 characters")
        tab.has("#failure-text", "to get an API key")
        tab.page.click("#key")
        tab.page.click("text=Cancel")
        tab.page.click("#key")
        tab.page.fill("#key-value", secret)
        tab.page.press("#key-value", "Enter")
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


def test_the_smallest_screen_cuts_no_words(chromium, site):
    tab = Tab(chromium, viewport={"width": 320, "height": 640}, locale="de-DE").open(
        f"{site}?source=de&target=es"
    )
    tab.type("Hund.")
    tab.has("#origin", "experimentell")
    assert tab.overflow <= 0
    origin, pane = (tab.page.locator(part).bounding_box() for part in ("#origin", ".pane.result"))
    assert origin["x"] >= pane["x"] and origin["x"] + origin["width"] <= pane["x"] + pane["width"]
    for part in tab.page.locator("#origin *").all():
        assert part.bounding_box()["x"] >= pane["x"]
    tab.context.close()


def test_no_part_of_a_phone_s_page_is_cut_and_all_of_it_can_be_hit(chromium, site):
    tab = Tab(chromium, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    tab.open(f"{site}?source=auto&target=en")
    tab.type(GERMAN)
    tab.has("#source", "German (detected)")
    tab.has("#link-tip", "Tap a word")
    for view in ("translate", "packs", "alignment"):
        tab.page.click(f'nav a[href="#{view}"]')
        tab.page.wait_for_selector(f"#{view}-view:visible")
        small = tab.page.locator("button:visible, select:visible, nav a:visible").evaluate_all(
            "all => all.filter(each => each.getBoundingClientRect().height < 44).map(each => each.textContent)"
        )
        assert small == []
        high = tab.page.locator("button:visible, nav a:visible").evaluate_all(
            "all => all.filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.textContent)"
        )
        assert high == []
    tab.context.close()


def test_many_sentences_do_not_stop_the_page(tab):
    """Showing all of them anew for each would take a minute."""
    lines = [f"Satz {number} 😀." for number in range(5000)]
    whole = "\n".join(lines).upper()
    blocks = [("start", {"source": "de", "target": "en"})]
    for index, line in enumerate(lines):
        source = line.replace(" 😀", "")
        blocks.append(("sentence", {"index": index, "source": source, "translation": source.upper()}))
    parts = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in blocks)
    end = f"event: end\ndata: {json.dumps({'translatedText': whole})}\n\n"
    held = []

    def answer(route):
        held.append(route)
        if len(held) == 1:
            route.fulfill(body=parts, content_type="text/event-stream")

    tab.page.route("**/v1/stream", answer)
    tab.page.evaluate("text => (document.querySelector('#text').value = text)", "\n".join(lines))
    tab.page.click("#go")
    tab.has("#failure-text", "broke off")
    # Line breaks are there before the end.
    assert tab.page.inner_text("#output").startswith("SATZ 0.\nSATZ 1.\n")
    wait_for(lambda: tab.page.wait_for_timeout(50) or len(held) == 2)  # it tries again by itself
    held[1].fulfill(body=parts + end, content_type="text/event-stream")
    tab.has("#output:not(.stale)", "SATZ 4999")
    assert tab.page.inner_text("#output") == whole


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)])
def test_a_long_text_leaves_languages_and_buttons_in_sight(chromium, site, size):
    tab = Tab(chromium, viewport=dict(zip(("width", "height"), size)))
    tab.open(f"{site}?source=de&target=en")
    tab.type("\n".join(f"Das ist der Satz {number}." for number in range(150)))
    tab.has("#output", "satz 149")
    for part in ("#source", "#target", "#go", "#copy"):
        box = tab.page.locator(part).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= size[1], part
    assert tab.page.evaluate("document.documentElement.scrollHeight") < 1.5 * size[1]
    # A word far down brings its origin into its pane.
    tab.page.focus("#output")
    tab.page.wait_for_selector("#output .word")
    tab.page.locator("#output .word").last.scroll_into_view_if_needed()
    tab.page.locator("#output .word").last.hover()
    tab.page.wait_for_function("document.querySelector('#mirror').parentElement.scrollTop > 1000")
    assert tab.faults == []
    tab.context.close()


class TestAlternatives:
    def test_of_one_sentence_in_its_place(self, tab):
        choose(tab, "de", "en")
        tab.type("Hund sieht Katze. Katze schläft.\nHaus & Hof!")
        tab.has("#output", "En:haus & hof!")
        assert tab.page.locator("#alternatives").is_hidden()
        tab.page.click("#output .sentence >> nth=1")
        first = tab.page.locator("#alternative-list button").first
        assert first.inner_text().startswith("En:katze")
        assert first.locator("mark").all_inner_texts() != []
        first.click()
        other = first.inner_text()  # what stood there before
        assert other == "En:katze schläft."
        lines = tab.page.inner_text("#output").split("\n")
        assert lines[0].startswith("En:hund sieht katze. En:katze schläft.") and "*" in lines[0]
        assert lines[1] == "En:haus & hof!"
        tab.page.hover("#output")
        tab.page.wait_for_selector("#output .word")
        assert tab.page.inner_text("#output .sentence.open") in lines[0]  # also when words were put in
        tab.page.click("#output .sentence >> nth=2")  # behind the one that has grown
        assert "hof" in tab.page.locator("#alternative-list button").first.inner_text()
        tab.page.click("#close-alternatives")
        assert tab.page.locator("#alternatives").is_hidden()

    def test_keep_what_is_not_translated(self, tab):
        choose(tab, "de", "en")
        tab.type("Hund 😀 sieht {name}. AT&amp;T schläft.\nSiehe https://example.org/a?b=1&c!")
        tab.has("#output", "siehe")
        assert tab.page.locator("#output .sentence").all_inner_texts() == [
            "En:hund 😀 sieht {name}.", "En:at&t schläft.", "En:siehe https://example.org/a?b=1&c!",
        ]  # fmt: skip
        tab.page.click("#output .sentence >> nth=0")
        tab.page.locator("#alternative-list button").first.click()
        tab.has("#output", "{name}.*")
        assert tab.page.inner_text("#output") == (
            "En:hund 😀 sieht {name}.* En:at&t schläft.\nEn:siehe https://example.org/a?b=1&c!"
        )

    def test_by_the_keyboard(self, tab):
        choose(tab, "de", "en")
        tab.type("Hund. Katze.")
        tab.has("#output", "katze")
        tab.page.focus("#output")
        tab.page.keyboard.press("Enter")
        tab.has("#alternative-list", "En:hund.")
        tab.page.keyboard.press("Escape")
        assert tab.page.locator("#alternatives").is_hidden()


@pytest.mark.parametrize(
    ("text", "is_html"),
    [
        ("List<String> namen = neu;", False), ("wenn a < b und c > d", False), ("<0>Hund</0>", False),
        ("Map<String, List<Hund>>", False), ("Ich <3 Hunde", False), ("<p>Der Hund", False),
        ("<p>Der <b>Hund</b></p>", True), ("Hund<br>Katze", True), ("<B>Hund</B>", True),
        ("<custom-part>Hund</custom-part>", True), ('<img src="hund.png">', True),
    ],
)  # fmt: skip
def test_what_is_taken_for_html(tab, text, is_html):
    choose(tab, "de", "en")
    tab.type(text)
    tab.has("#output", "n" if "n" in text else "hund")
    assert tab.posted[-1]["format"] == ("html" if is_html else "text")


@pytest.mark.parametrize(
    ("detected", "label"),
    [
        ({"language": "ar", "confidence": 75.0}, "ar (not served)"),
        ({"language": "en", "confidence": 0.0}, "Language not served"),
        ({"language": "fr", "confidence": 93.0}, "French (detected)"),
    ],
)
def test_what_was_detected_stands_in_its_list(tab, detected, label):
    text = "الكلب ينام"
    blocks = [
        ("start", {"source": "en", "target": "en", "detectedLanguage": detected}), ("end", {"translatedText": text})
    ]  # fmt: skip
    body = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in blocks)
    tab.page.route("**/v1/stream", lambda route: route.fulfill(body=body, content_type="text/event-stream"))
    tab.type(text)
    tab.has("#source option:checked", label)
    with tab.page.expect_response("**/v1/packs"):
        tab.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # fills the lists again
    tab.has("#source option:checked", label)
    tab.page.fill("#text", "")
    tab.has("#source option:checked", "Detect language")


def test_one_of_several_packs_is_chosen(chromium, listen, tiny, tmp_path):
    for name in ("de-en", "fr-es"):
        shutil.copytree(tiny / "packs" / name, tmp_path / name)
    shutil.copytree(tiny / "packs" / "de-en", tmp_path / "de-en-other")
    server = build(tiny / "parents" / "fr-en", tmp_path)
    tab = Tab(chromium).open(f"{listen(server)}?source=auto&target=en")
    tab.type(GERMAN)
    tab.has("#origin", "German → English model")
    assert "packs" not in tab.posted[-1]
    tab.page.click('nav a[href="#packs"]')
    used = tab.page.locator(".pack-card:has(.used)")
    expect(used.locator("code")).to_have_text(["de-en"])
    tab.page.click("text=Use this pack")
    expect(used.locator("code")).to_have_text(["de-en-other"])
    tab.page.click('nav a[href="#translate"]')
    tab.page.wait_for_selector('#origin span[title="de-en-other"]')
    assert tab.posted[-1]["packs"] == ["de-en-other"]
    assert tab.page.evaluate("localStorage.packs") == '["de-en-other"]'
    assert tab.faults == []
    tab.context.close()
    server.service.stop()


def test_doubtful_words_are_underlined_where_somebody_asks_for_it(tab, site):
    asked = []

    def answer(route):
        asked.append(route.request.post_data_json)
        sure = {"hund": (0.341, None), "sieht": (0.9, None), "katze": (0.5, 0.12)}
        words = [
            {
                "start": asked[-1]["translation"].index(word), "end": asked[-1]["translation"].index(word) + len(word),
                "probability": probability, "likelihood": likelihood, "doubtful": probability < 0.6,
            }
            for word, (probability, likelihood) in sure.items()
        ]  # fmt: skip
        route.fulfill(json={"sentences": [{"words": words[:2]}, {"words": words[2:]}]})

    tab.page.route("**/v1/scores", answer)
    choose(tab, "de", "en")
    assert tab.page.is_hidden("#doubts-label")
    tab.type("😀 Hund sieht. Katze.")
    tab.has("#output", "hund")
    translation = tab.page.inner_text("#output")
    assert tab.page.locator("#output .doubtful").count() == 0 and asked == []
    tab.page.check("#doubts")
    tab.page.wait_for_selector("#output .doubtful")
    assert asked == [
        {"q": "😀 Hund sieht. Katze.", "translation": translation, "source": "de", "target": "en"}
    ]
    # Places are in characters, of which the browser counts some as two.
    doubtful = tab.page.locator("#output .doubtful")
    assert doubtful.all_inner_texts() == ["hund", "katze"]
    titles = doubtful.evaluate_all("all => all.map(each => each.title)")
    assert titles == ["Doubtful: 34 %", "Doubtful: 12 %"]
    style = "each => getComputedStyle(each).textDecorationStyle"
    assert doubtful.first.evaluate(style) == "wavy"  # not by colour alone
    tab.has("#status", "2 doubtful words")
    assert tab.page.inner_text("#output") == translation
    tab.open(site)  # it is remembered
    assert tab.page.is_checked("#doubts")


@pytest.mark.parametrize("held", ['{"', "null", "7", '"de"', "[]", "[null, 3]", '{"0": "de"}', "[[1], {}]"])
def test_a_storage_that_holds_something_else(tab, site, held):
    for name in ("languages", "packs", "theme"):
        tab.page.evaluate("([name, held]) => localStorage.setItem(name, held)", [name, held])
    tab.page.goto("about:blank")
    tab.open(site)
    assert tab.page.input_value("#source") == "auto"
    assert tab.page.is_enabled("#target")


@pytest.mark.parametrize(
    ("locale", "placeholder", "language", "copy"),
    [
        ("de-AT", "Text eingeben oder einfügen", "Deutsch (erkannt)", "Kopieren"),
        ("fr-CA", "Saisissez ou collez un texte", "Allemand (détecté)", "Copier"),
        ("es-MX", "Escriba o pegue un texto", "Alemán (detectado)", "Copiar"),
        ("pt-BR", "Type or paste a text", "German (detected)", "Copy"),
    ],
)
def test_the_reader_s_language(chromium, site, locale, placeholder, language, copy):
    tab = Tab(chromium, locale=locale).open(f"{site}?source=auto&target=en")
    assert tab.page.get_attribute("#text", "placeholder") == placeholder
    assert tab.page.get_attribute("html", "lang") == (locale[:2] if locale != "pt-BR" else "en")
    tab.type(GERMAN)
    tab.has("#source", language)
    assert tab.page.inner_text("#copy") == copy
    assert tab.faults == []
    tab.context.close()


def test_every_text_is_in_the_table_in_every_language():
    rows = re.findall(r"^  (\".*\"): (\[.*\]),$", (PAGE / "texts.js").read_text(), re.M)
    table = {json.loads(english): json.loads(others) for english, others in rows}
    assert len(table) == len(rows) > 100
    modules = {path.name: path.read_text() for path in PAGE.glob("*.js")}
    called = {json.loads(text) for code in modules.values() for text in re.findall(r'\bt\(("[^"]*")', code)}
    index = re.sub(
        r"<!--.*?-->|<(style|script|noscript)\b.*?</\1>", "", (PAGE / "index.html").read_text(), flags=re.S
    )
    shown = {text.strip() for text in re.findall(r">([^<>]+)<", index.partition("<body>")[2])}
    shown |= {
        value for _, value in re.findall(r'(aria-label|placeholder)="([^"]+)"', re.sub(r"\s+", " ", index))
    }
    untranslated = {"", "Crosslate", "API"}
    assert (called | shown) - set(table) == untranslated
    assert set(table) - called - shown == set()
    for english, others in table.items():
        assert len(others) == 3
        for other in others:
            assert set(re.findall(r"{\w+}", other)) == set(re.findall(r"{\w+}", english)), english
            assert other.count("|") == english.count("|"), english


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
