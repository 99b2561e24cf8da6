"""Exports in the programs that they are for, each in a fresh environment and without a network.

``make test-exports`` runs it on the models of ``make demo`` (or ``python -m tests.exports.run FOLDER``, a folder
with ``packs/de-en`` and ``packs/fr-es``). The first run installs with pip and needs the network; what is
tried after that runs where there is none, if this system can take it away (``unshare``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.environments import ROOT, peer_python

from crosslate.engines.decoding import DecodingOptions
from crosslate.export.exporter import export
from crosslate.packs.stored_model import StoredModel
from crosslate.text.phrasebook import Phrasebook
from crosslate.translation.translator import Translator

ARGOS_PROGRAM = """
import sys
import argostranslate.package, argostranslate.translate
argostranslate.package.install_from_path(sys.argv[1])
translation = argostranslate.translate.get_translation_from_codes(sys.argv[2], sys.argv[3])
for line in sys.stdin:
    print(translation.translate(line.rstrip("\\n")))
"""
NUM_LINES = 60
# Where a small model finds no end, each program stops at a limit of its own.
MAX_WORDS = 30


def offline(command: list[object], texts: list[str], home: Path, folder: Path | None = None) -> list[str]:
    """What a program in ``folder`` prints for the texts, without a network where that can be done."""
    alone = ["unshare", "--map-root-user", "--net"]
    can = shutil.which("unshare") and subprocess.run([*alone, "true"], check=False).returncode == 0
    if not can:
        print("unshare cannot take the network away here; only proxies are", file=sys.stderr)
    done = subprocess.run(
        [*(alone if can else []), *map(str, command)], input="\n".join(texts) + "\n", check=True,
        env={
            "PATH": os.environ["PATH"], "HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8",
            "ARGOS_COMPUTE_TYPE": "default", "https_proxy": "http://127.0.0.1:9",
        },
        stdout=subprocess.PIPE, text=True, encoding="utf-8", cwd=folder,
    )  # fmt: skip
    return done.stdout.split("\n")[:-1]


def compare(name: str, found: list[str], ours: list[str]) -> None:
    assert len(found) == len(ours) == NUM_LINES, (name, len(found), len(ours))
    ended = [
        (one, other)
        for one, other in zip(found, ours)
        if len(other.split()) <= MAX_WORDS and len(other) < 200
    ]
    unlike = [pair for pair in ended if pair[0] != pair[1]]
    assert not unlike, (name, unlike[:3])
    assert len(ended) >= NUM_LINES * 3 // 4, (name, "most translations have no end; train longer")
    print(f"{name}: {len(ended)} of {NUM_LINES} translations compared, all the same")


def main(folder: Path) -> None:
    if not (folder / "packs").is_dir():
        sys.exit(
            f"{folder} has no packs; `make demo` makes them, or give another folder: make test-exports EXPORTS=…"
        )
    german = (
        Phrasebook(seed=1).corpora("de", "en", train=100, valid=50, test=NUM_LINES, part="child")[2].source
    )
    german = list(german)
    for pair, names in (("de-en", ("de-en",)), ("de-es", ("de-en", "fr-es"))):
        packs = [folder / "packs" / name for name in names]
        with tempfile.TemporaryDirectory() as made:
            out, stored = Path(made), StoredModel(packs)
            translator = Translator.open(packs, engine="ctranslate2")
            export(stored, out / "model", "ctranslate2")
            readme = (out / "model" / "README.md").read_text(encoding="utf-8")
            program = readme.split("```python\n")[1].split("```")[0]
            (out / "model" / "translate.py").write_text(program, encoding="utf-8")
            found = offline([peer_python("ctranslate2-alone"), out / "model" / "translate.py"], german, out)
            compare(f"{pair} ctranslate2", found, translator.translate(german))
            export(stored, out / "x.argosmodel", "argos")
            command = [
                peer_python("argostranslate-whole"),
                "-c",
                ARGOS_PROGRAM,
                out / "x.argosmodel",
                *pair.split("-"),
            ]
            options = DecodingOptions(beam_size=4, length_penalty=0.2)
            ours = Translator.open(packs, engine="ctranslate2", options=options)
            compare(f"{pair} argos", offline(command, german, out), ours.translate(german))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "demo")
