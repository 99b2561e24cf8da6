"""An installed Crosslate, tried in a minute: a parent, a pack, translations by two engines, and a server.

Run by a Python that has the package, and nothing of this checkout but this file; see :mod:`tests.releases.versions`.
"""

import json
import platform
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import URLError

import torch

import crosslate
from crosslate.text.phrasebook import Phrasebook

SMALL = ["--vocab-size", "200", "--updates", "4", "--max-tokens", "400", "--no-cleaning"]
PORT = "47113"


def program(*arguments: str, stdin: str = "") -> str:
    command = [str(Path(sys.executable).with_name("crosslate")), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=600)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def write(pair: str, part: str) -> list[str]:
    """Files of sentence pairs, as options."""
    source, target = pair.split("-")
    sizes = {"train": 100, "valid": 8, "test": 4}
    options = []
    for name, corpus in zip(("train", "valid"), Phrasebook().corpora(source, target, part=part, **sizes)):
        files = [f"{part}.{name}.{language}" for language in (source, target)]
        for file, lines in zip(files, (corpus.source, corpus.target)):
            Path(file).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        options += [f"--{name}", *files]
    return options


def answer(path: str, fields: dict[str, object] | None = None) -> bytes:
    data = None if fields is None else json.dumps(fields).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}{path}", data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        body: bytes = response.read()
        return body


assert crosslate.__version__ in program("--version")
size = ["--size", "1,32,2,64"]
program(
    "parent", "train", "--langs", "fr-en", *write("fr-en", "parent"), *size, *SMALL, "--out", "parents/fr-en"
)
program(
    "adapt", "--parent", "parents/fr-en", "--new-source", "de", *write("de-en", "child"), *SMALL,
    "--strategy", "src+xattn", "--out", "packs/de-en",
)  # fmt: skip
text = "Der Hund schläft.\n\nDie Katze!\n"
for engine in ("pytorch", "ctranslate2"):
    lines = program("translate", "--pack", "packs/de-en", "--engine", engine, stdin=text).split("\n")
    assert len(lines) == 4 and lines[1] == lines[3] == "", lines

server = subprocess.Popen(
    [str(Path(sys.executable).with_name("crosslate")), "serve", "--parent", "parents/fr-en", "--packs", "packs", "--port", PORT],
    stderr=subprocess.DEVNULL,
)  # fmt: skip
try:
    for _ in range(600):
        try:
            assert json.loads(answer("/health")) == {"status": "ok"}
            break
        except URLError:
            time.sleep(0.2)
    found = json.loads(answer("/translate", {"q": "12:30", "source": "de", "target": "en"}))
    assert found == {"translatedText": "12:30"}, found
    for file in ("/", "/static/app.js", "/service-worker.js", "/openapi.json", "/v1/models"):
        assert answer(file)
finally:
    server.terminate()
    server.wait(60)
print(f"{platform.python_version()}, torch {torch.__version__}: adapted, translated by two engines, served")
