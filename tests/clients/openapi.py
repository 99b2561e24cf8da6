"""Requests that schemathesis makes from the server's own description: ``make test-openapi``.

    python -m tests.clients.openapi [--requests 5000]

Two runs: everything that the description allows and much that it does not, on all routes; and what a client
of this server would send, with languages that it serves, where nothing but success will do. Ends with 1 on
any answer above 499, any that the description does not have, or none within half a minute.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.environments import peer_python
from tests.clients.tiny_server import tiny_server

# Requests for one route per request of the whole, found by trying: most routes have few different ones.
_SHARE = 1 / 6
_MOST_SECONDS = 1800


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000, help="at least so many, of both runs together")
    arguments = parser.parse_args()
    schemathesis = str(Path(peer_python("schemathesis")).parent / "schemathesis")
    with tiny_server() as server, tempfile.TemporaryDirectory() as folder:
        narrowed = Path(folder) / "served.json"
        narrowed.write_text(json.dumps(served(server.get("/openapi.json"))), encoding="utf-8")
        common = [
            schemathesis, "run", "--url", server.url, "--checks", "all", "--request-timeout", "30", "--seed", "1",
            "--no-color", "--continue-on-failure", "--generation-database", "none",
        ]  # fmt: skip
        most = ["--max-examples", str(max(1, int(arguments.requests * _SHARE)))]
        # That a language is served is not in the description, so what it allows may be refused.
        runs = {
            "anything": [f"{server.url}/openapi.json", "--exclude-checks", "positive_data_acceptance"],
            "what clients send": [str(narrowed), "--mode", "positive"],
        }
        total, is_well = 0, True
        for name, options in runs.items():
            done = subprocess.run(
                [*common, *most, *options], cwd=folder, capture_output=True, text=True, timeout=_MOST_SECONDS
            )  # fmt: skip
            print(f"== {name}\n{done.stdout}{done.stderr}")
            total += int((re.search(r"(\d[\d,]*) generated", done.stdout) or [0, "0"])[1].replace(",", ""))
            is_well &= done.returncode == 0
        is_well &= "Traceback" not in server.log()
    print(f"{total:,} requests: {'as described' if is_well else 'not as described'}")
    sys.exit(not is_well or total < arguments.requests)


def served(description: dict[str, Any]) -> dict[str, Any]:
    """The description of the routes that translate, in JSON, from and into languages that are served."""
    translating = ("/translate", "/detect", "/v1/stream", "/v1/chat/completions")
    paths = {path: description["paths"][path] for path in translating}
    for operations in paths.values():
        content = operations["post"]["requestBody"]["content"]
        for kind in set(content) - {"application/json"}:
            del content[kind]
        fields = content["application/json"]["schema"]["properties"]
        for name, codes in (("source", ["de", "fr", "DE", "fr-FR"]), ("target", ["en", "es", "en_US"])):
            if name in fields:
                fields[name]["enum"] = codes
        if "messages" in fields:
            said = fields["messages"]["items"]
            said["properties"] |= {"role": {"enum": ["user"]}, "content": {"type": "string", "minLength": 1}}
            said["required"] = ["role", "content"]
            fields["model"]["enum"] = ["de-en", "auto-en", "German-es"]
        if "packs" in fields:
            fields["packs"] = {"type": "array", "items": {"enum": ["de-en", "fr-es"]}}
        if "alternatives" in fields:
            fields["alternatives"] = {"type": "integer", "maximum": 5}
    return {**description, "paths": paths}


if __name__ == "__main__":
    main()
