"""Every benchmark runs, at its smallest size; what it measures is of no interest here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from crosslate.text.phrasebook import Phrasebook

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "allocator": "--updates 2 --turns 1",
    "compare": "--size tiny --pairs 200 --turns 1 --theirs all src+xattn lora --ours all src+xattn tgt+xattn src+body",
    "corpora": "--pairs 4000",
    "engines": "--turns 1",
    "glossary": "--parent {tiny}/parents/fr-en --train {texts}/train.de {texts}/train.en"
    " --text {texts}/train.de {texts}/train.en --sentences 2",
    "large": "--shape tiny --updates 1",
    "learning": "--parent {tiny}/parents/fr-en --train {texts}/train.de {texts}/train.en"
    " --valid {texts}/valid.de {texts}/valid.en --pairs 100 --vocabulary 200 --epochs 1 --turns 1",
    "noise": "de-en --text {texts}/train.de {texts}/train.en --other {texts}/valid.de",
    "profiling": "--size tiny --batches 1",
    "readiness": "--pack {tiny}/packs/de-en --turns 1",
    "robustness": "--size tiny --seconds 2 --turns 1 --clients 2",
    "serving": "--size tiny --seconds 0.5 --turns 1 --clients 1 2 --no-rival",
    "sharing": "--size tiny --texts 1 --turns 1",
    "soak": "--minutes 0.1 --clients 2 --pause 0.5 --strict",
    "streaming": "--pairs 2000",
    "training": "src+xattn --size tiny --pairs 200",
    "translation": "--turns 1",
}
WITH_PEERS = ("compare", "learning")
NO_COMMAND = {
    "__init__", "__main__", "counted_clients", "environments", "generated", "load", "peak", "servers", "targets"
}  # fmt: skip


@pytest.fixture(scope="session")
def texts(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    train, valid, _ = Phrasebook(seed=1).corpora("de", "en", train=200, valid=10, test=1)
    for name, corpus in (("train", train), ("valid", valid)):
        for language, lines in (("de", corpus.source), ("en", corpus.target)):
            (folder / f"{name}.{language}").write_text(
                "".join(f"{line}\n" for line in lines), encoding="utf-8"
            )
    return folder


@pytest.fixture(scope="session")
def peers(tmp_path_factory) -> Path:
    """An environment of Seq2SeqTrainer's that is this one, so that nothing is installed."""
    folder = tmp_path_factory.mktemp("peers")
    python = folder / "trainer" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    (folder / "trainer" / "installed").touch()
    return folder


def test_every_benchmark_has_a_command_here():
    assert {path.stem for path in (ROOT / "benchmarks").glob("*.py")} - NO_COMMAND == set(COMMANDS)


@pytest.mark.full
@pytest.mark.parametrize("name", COMMANDS)
def test_a_benchmark_runs(name: str, tiny: Path, texts: Path, peers: Path):
    arguments = COMMANDS[name].format(tiny=tiny, texts=texts).split()
    if name in WITH_PEERS:
        arguments += ["--peers", str(peers)]
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()
