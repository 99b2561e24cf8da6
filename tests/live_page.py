"""The server's page in headless Chromium, driven by Playwright: a real server on loopback, every request noted."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import uvicorn

import browser
from crosslate.server.app import create_app

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Site:
    """A toy server that listens, until it is stopped."""

    def __init__(self, server, prefix=""):
        config = uvicorn.Config(create_app(server.service), port=0, log_config=None, lifespan="off")
        self.server = server
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._uvicorn.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._uvicorn.started:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        port = self._uvicorn.servers[0].sockets[0].getsockname()[1]
        self.origin = f"http://127.0.0.1:{port}"
        self.url = f"{self.origin}{prefix}/"

    def stop(self):
        self._uvicorn.should_exit = self._uvicorn.force_exit = True
        self._thread.join(20)


@contextmanager
def chromium():
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser.CHROMIUM, args=FLAGS)
        yield running
        running.close()


class Tab:
    """A page that notes what it asks for and what goes wrong in it."""

    def __init__(self, chromium, **options):
        self.context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.context.set_default_timeout(30_000)  # for machines with much else to do
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.posted: list[dict] = []
        self.faults: list[str] = []
        self.page.on("request", self._requested)
        self.page.on(
            "console",
            lambda message: message.type in ("error", "warning") and self.faults.append(message.text),
        )
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def _requested(self, request):
        self.requests.append(request.url)
        if request.method == "POST" and request.url.endswith("/translate"):
            self.posted.append(request.post_data_json)

    def open(self, url):
        self.page.goto(url)
        self.page.wait_for_selector("html[data-ready]")
        return self

    def shows(self, selector, text):
        """Waits until an element's text is this."""
        self.page.wait_for_function(
            "([selector, text]) => document.querySelector(selector)?.textContent === text",
            arg=[selector, text],
        )

    def has(self, selector, text):
        """Waits until an element's text holds this."""
        self.page.wait_for_function(
            "([selector, text]) => document.querySelector(selector)?.textContent.includes(text)",
            arg=[selector, text],
        )

    def type(self, text):
        self.page.fill("#text", text)

    @property
    def overflow(self):
        """By how many pixels the page is wider than the window."""
        return self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
