"""Clients that people use, unchanged, against a running server: ``make test-clients``.

Every client has an environment of its own, made at first use (which needs the network; nothing after it
does). Ends with 1 where one fails.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.environments import ENVIRONMENTS, FOLDER, peer_python
from benchmarks.servers import ServerProcess
from tests.clients.tiny_server import TARGETS, tiny_server

HERE = Path(__file__).parent
GUIDE = HERE.parent.parent / "docs" / "guides" / "serving.md"
PYTHON_CLIENTS = ("libretranslatepy", "deep-translator", "translate", "argostranslate", "openai")
NODE_CLIENTS = ("translate", "libretranslate-ts")
# No client needs more than seconds.
SECONDS = 120
GERMAN = "Der Hund schläft und die Katze sieht das rote Buch."


def main() -> None:
    commands = {
        f"PyPI {ENVIRONMENTS[name].packages[0].replace('==', ' ')}": [
            peer_python(name), str(HERE / "with_python.py"), name
        ]
        for name in PYTHON_CLIENTS
    }  # fmt: skip
    folder = node_folder()
    versions = json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"]
    for name in NODE_CLIENTS:
        script = folder / f"with_{name.replace('-', '_')}.js"
        commands[f"npm {name} {versions[name]}"] = ["node", str(script)]
    with tiny_server() as server:
        facts = json.dumps(expected(server))
        outcomes = {name: outcome([*command, server.url, facts]) for name, command in commands.items()}
        if "Traceback" in server.log():
            outcomes["the server's log"] = server.log()[-2000:]
    print("| client | works unchanged |\n|---|---|")
    for name, failure in outcomes.items():
        print(f"| {name} | {'no' if failure else 'yes'} |")
    failures = {name: failure for name, failure in outcomes.items() if failure}
    for name, failure in failures.items():
        print(f"\n{name}:\n{failure}", file=sys.stderr)
    sys.exit(bool(failures))


def node_folder() -> Path:
    """A folder with the clients of npm, in the versions of the lock file, and their scripts."""
    if not shutil.which("npm"):
        sys.exit(
            "npm is not installed, and clients of npm are to be tried; Debian: apt-get install nodejs npm"
        )
    folder = FOLDER / "npm"
    lock = (HERE / "npm" / "package-lock.json").read_bytes()
    installed = folder / "installed"
    shutil.copytree(HERE / "npm", folder, dirs_exist_ok=True)
    if not installed.exists() or installed.read_bytes() != lock:
        print(f"installing clients of npm into {folder}", file=sys.stderr)
        npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(npm, cwd=folder, check=True)
        installed.write_bytes(lock)
    return folder


def expected(server: ServerProcess) -> dict[str, Any]:
    """What plain requests are answered with; every client must get the same."""

    def translated(q: Any, target: str) -> Any:
        return server.post("/translate", {"q": q, "source": "de", "target": target})["translatedText"]

    two = [GERMAN, "Ein Kind isst."]
    facts = {
        "german": GERMAN, "english": translated(GERMAN, "en"), "spanish": translated(GERMAN, "es"),
        "lines": "\n".join(two), "english_lines": "\n".join(translated(two, "en")), "targets": TARGETS,
        "morning": translated("Guten Morgen.", "en"), "example": example(server),
    }  # fmt: skip
    if len({facts["german"], facts["english"], facts["spanish"]}) < 3:
        sys.exit(f"the tiny models translate nothing: {facts}")
    return facts


def example(server: ServerProcess) -> str:
    """The guide's example of OpenAI's client, with the server's address."""
    (found,) = re.findall(r"```python\n(from openai .*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return found.replace("http://localhost:5000", server.url)


def outcome(command: list[str]) -> str:
    """What a client's script has to complain of; nothing where it works."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"did not end in {SECONDS} s"
    return "" if done.returncode == 0 else (done.stderr or done.stdout)[-2000:]


if __name__ == "__main__":
    main()
