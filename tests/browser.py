"""Pages in headless Chromium, driven by Playwright: what they ask for is noted, and what goes wrong in them."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium on the PATH (Debian: apt-get install chromium)"
)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip


@contextmanager
def running_chromium():
    """A browser that resolves no names, so that nothing leaves this machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


class Tab:
    """A page that notes what it asks for over a network and what goes wrong in it."""

    def __init__(self, chromium, **options):
        self.context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.context.set_default_timeout(30_000)  # for machines with much else to do
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.posted: list[dict] = []
        self.faults: list[str] = []
        self.page.on("request", self._requested)
        self.page.on("requestfailed", self._failed)
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def _requested(self, request):
        if not request.url.startswith("file:"):
            self.requests.append(request.url)
        if request.method == "POST" and request.url.endswith("/v1/stream"):
            self.posted.append(request.post_data_json)

    def _failed(self, request):
        if request.failure == "csp":  # the page's own policy forbade it
            self.requests.remove(request.url)

    def open(self, url):
        """Opens an address of the server's page."""
        self.page.goto(url)
        self.page.wait_for_selector("html[data-ready]")
        return self

    def has(self, selector, text):
        """Waits until an element's text holds this."""
        self.page.wait_for_function(
            "([selector, text]) => document.querySelector(selector)?.textContent.includes(text)",
            arg=[selector, text],
        )

    def type(self, text):
        """Types a text and has it translated at once."""
        self.page.fill("#text", text)
        self.page.press("#text", "Control+Enter")

    @property
    def background(self):
        return self.page.evaluate("getComputedStyle(document.body).backgroundColor")

    @property
    def overflow(self):
        """By how many pixels the page is wider than the window."""
        return self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
