"""The exported page in headless Chromium, with a stand-in for the engine: texts, scripts, errors, a phone."""

from __future__ import annotations

import functools
import http.server
import threading
from types import SimpleNamespace

import pytest

import web_engine
from browser import Tab, needs_chromium
from crosslate.export.formats.web import Web
from marian_children import child_of_transformers

pytestmark = needs_chromium


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments): ...


@pytest.fixture(scope="module")
def site(tmp_path_factory, tiny_children):
    """An address with the pairs de-en, en-de and de-fr."""
    folder = tmp_path_factory.mktemp("web")
    runtime = web_engine.write(folder / "package")
    for child in tiny_children:
        child.parent.name = "Helsinki-NLP/opus-mt-fr-en"
        packs = [SimpleNamespace(name="de-en", licence="CC0-1.0")] if child is tiny_children[0] else []
        Web(runtime).write(child, packs, folder / "web")
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder / "web"))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def tiny_children():
    made = []
    for source, target in (("de", "en"), ("en", "de"), ("de", "fr")):
        child = child_of_transformers()
        child.source_language, child.target_language = source, target
        made.append(child)
    return made


@pytest.fixture
def tab(chromium, site):
    found = Tab(chromium).open(f"{site}?from=de&to=en")
    yield found
    assert [url for url in found.requests if not url.startswith(site)] == []
    found.context.close()


def translated(tab, text):
    tab.type(text)
    tab.page.wait_for_selector("#output:not(.stale)", state="attached")
    return tab.page.evaluate("document.querySelector('#output').textContent")


@pytest.mark.parametrize(
    ("text", "translation"),
    [
        ("Ein Hund. Zwei Hunde!", "«Ein Hund.» «Zwei Hunde!»"),
        ("Ein Hund\n\n  zwei Hunde\nEnde\n", "«Ein Hund»\n\n  «zwei Hunde»\n«Ende»\n"),
        ("猫が好きです。犬も好きです。", "«猫が好きです。» «犬も好きです。»"),
        ("यह बिल्ली है। वह कुत्ता है।", "«यह बिल्ली है।» «वह कुत्ता है।»"),
        ("كيف حالك؟ أنا بخير.", "«كيف حالك؟» «أنا بخير.»"),
        ("<b>&amp;</b>", "«<b>&amp;</b>»"),
        ("model?", "de-en true 2 sentence"),
        (" \n ", ""),
    ],
)
def test_sentences_lines_and_scripts(tab, text, translation):
    assert translated(tab, text) == translation
    assert tab.faults == []


def test_it_translates_while_one_types(tab):
    tab.page.fill("#text", "Hund")
    tab.has("#output", "«Hund»")
    tab.has("#note", "Translated on this device")
    tab.page.click("#clear")
    assert tab.page.inner_text("#output") == "" and tab.page.is_disabled("#copy")
    assert tab.faults == []


def test_languages(tab):
    def choices(select):
        return tab.page.eval_on_selector_all(
            f"{select} option", "options => options.map((each) => each.value)"
        )

    assert (choices("#source"), choices("#target")) == (["en", "de"], ["en", "fr"])
    translated(tab, "model?")
    tab.page.click("#swap")  # the translation becomes the text
    tab.has("#output", "«de-en")
    assert (tab.page.input_value("#source"), tab.page.input_value("#target")) == ("en", "de")
    tab.page.select_option("#source", "de")
    tab.page.select_option("#target", "fr")
    assert tab.page.is_disabled("#swap")  # there is no fr-de
    assert translated(tab, "model?").startswith("de-fr")
    assert tab.page.get_attribute("#output", "lang") == "fr"


def test_a_failure_is_shown_and_the_text_kept(tab):
    tab.type("fail")
    tab.has("#failure", "The translation failed. Your text is kept")
    assert tab.page.input_value("#text") == "fail"
    assert translated(tab, "Hund") == "«Hund»"
    assert tab.page.is_hidden("#failure")


def test_a_damaged_model_is_not_used(chromium, site):
    tab = Tab(chromium)
    tab.page.route("**/*.bin", lambda route: route.fulfill(body=b"something else"))
    tab.open(f"{site}?from=de&to=en")
    tab.type("Hund")
    tab.has("#failure", "cannot be loaded, or is not the file that was exported")
    tab.context.close()


@pytest.mark.parametrize("width", [320, 1280])
def test_about_says_what_the_page_is_and_whose_models_it_has(chromium, site, width):
    tab = Tab(chromium, viewport={"width": width, "height": 740}, locale="en-GB").open(site)
    assert not tab.page.is_visible("#models")
    tab.page.click("summary")
    said = tab.page.inner_text("footer details")
    assert "This page translates text in your browser." in said
    assert "Your texts stay in this browser: the page sends them nowhere" in said
    models = tab.page.eval_on_selector_all("#models li", "items => items.map((each) => each.textContent)")
    assert len(models) == 3 and models[0].startswith("German → English, ")
    assert models[0].endswith(
        "made from the model Helsinki-NLP/opus-mt-fr-en and the pack “de-en” (licence CC0-1.0)"
    )
    assert "bergamot-translator 0.0.1, licence MPL-2.0" in said
    assert tab.overflow <= 0 and tab.faults == []
    tab.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone(chromium, site, scheme):
    tab = Tab(chromium, viewport={"width": 360, "height": 740}, color_scheme=scheme).open(
        f"{site}?from=de&to=en"
    )
    translated(tab, "Rindfleischetikettierung" * 9)
    tab.page.click("summary")
    assert tab.overflow <= 0 and tab.faults == []
    assert tab.background == {"light": "rgb(246, 246, 242)", "dark": "rgb(20, 23, 27)"}[scheme]
    tab.context.close()
