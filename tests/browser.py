"""A page as Chromium on this machine shows it: measured in a frame of a phone's width, every request listed.

Only the command line of Chromium is used, so that tests need no driver.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WIDTH = 360
HARNESS = """<!DOCTYPE html><meta charset="utf-8"><pre id="measured"></pre>
<iframe src="page.html" style="width:%dpx;height:800px;border:0"></iframe>
<script>
window.addEventListener("load", () => {
  const frame = document.querySelector("iframe"), shown = frame.contentDocument, root = shown.documentElement;
  const background = () => frame.contentWindow.getComputedStyle(shown.body).backgroundColor;
  const button = shown.getElementById("theme");
  const found = {
    width: root.clientWidth, needed: root.scrollWidth, background: background(),
    button: button.hidden ? null : button.textContent,
  };
  button.click();
  found.toggled = background();
  document.getElementById("measured").textContent = JSON.stringify(found);
});
</script>
"""


@dataclass(frozen=True)
class Visit:
    """What was seen.

    Attributes:
        measured: sizes and colours.
        console: messages.
        requests: addresses that the page, not the browser itself, asked for over a network.
    """

    measured: dict[str, Any]
    console: list[str]
    requests: list[str]


def visit(text: str, folder: Path, *, is_dark: bool = False) -> Visit:
    """Opens a page from disk; names are not resolved, so that nothing leaves this machine.

    Raises:
        ValueError: the browser gave no measurements.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "page.html").write_text(text, encoding="utf-8")
    (folder / "harness.html").write_text(HARNESS % WIDTH, encoding="utf-8")
    log = folder / "requests.json"
    options = [
        "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--disable-extensions",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--allow-file-access-from-files", "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr",
        f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}",
        *(["--force-dark-mode"] if is_dark else []),
    ]  # fmt: skip
    address = (folder / "harness.html").as_uri()
    ran = subprocess.run(
        [str(CHROMIUM), *options, "--dump-dom", address],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    measured = re.search(r'<pre id="measured">(.+?)</pre>', ran.stdout)
    if not measured:
        raise ValueError(f"nothing was measured; the browser said: {ran.stderr[-2000:]}")
    console = re.findall(r"CONSOLE:\d+\] (.*)", ran.stderr)
    return Visit(json.loads(unescape(measured[1])), console, _requests(log))


def _requests(log: Path) -> list[str]:
    noted = json.loads(log.read_text(encoding="utf-8"))
    kind = noted["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    started = [
        each["params"] for each in noted["events"] if each["type"] == kind and "url" in each.get("params", {})
    ]
    # What the browser does for itself (its updates, its clock) has no page behind it.
    return [each["url"] for each in started if each.get("initiator") != "not an origin"]
