"""ONNX exports in Optimum and transformers.js, as their README says.

``make test-exports`` runs it on the models of ``make demo``, or on those in another folder. Optimum comes from PyPI,
transformers.js from npm; the first run needs the network, and the programs run without it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.environments import ROOT, peer_python
from tests.exports.npm import npm_folder
from tests.exports.run import NUM_LINES, compare, offline

from crosslate.engines.decoding import DecodingOptions
from crosslate.export.exporter import export
from crosslate.packs.stored_model import StoredModel
from crosslate.text.phrasebook import Phrasebook
from crosslate.translation.translator import Translator

TRANSFORMERS_JS = "@huggingface/transformers@4.3.2"


def program(readme: str, language: str, texts: list[str]) -> str:
    """A sample program with other texts."""
    code = readme.split(f"```{language}\n")[1].split("```")[0]
    assert code.count('["A sentence."]') == 1
    return code.replace('["A sentence."]', json.dumps(texts))


def main(folder: Path) -> None:
    german = list(
        Phrasebook(seed=1).corpora("de", "en", train=100, valid=50, test=NUM_LINES, part="child")[2].source
    )
    npm = npm_folder("transformers-js", TRANSFORMERS_JS)
    for pair, names in (("de-en", ("de-en",)), ("de-es", ("de-en", "fr-es"))):
        packs = [folder / "packs" / name for name in names]
        with tempfile.TemporaryDirectory(dir=npm) as made:  # where node finds the package
            out = Path(made, "model")
            export(StoredModel(packs), out, "onnx")
            readme = (out / "README.md").read_text(encoding="utf-8")
            python, javascript = Path(made, "translate.py"), Path(made, "translate.mjs")
            python.write_text(program(readme, "python", german), encoding="utf-8")
            found = offline([peer_python("optimum"), python], [], Path(made), out)
            ours = Translator.open(packs, engine="pytorch")
            compare(f"{pair} Optimum", found, ours.translate(german))
            javascript.write_text(program(readme, "javascript", german), encoding="utf-8")
            found = offline(["node", javascript], [], Path(made), out)
            greedy = Translator.open(packs, engine="pytorch", options=DecodingOptions(beam_size=1))
            compare(f"{pair} transformers.js", found, greedy.translate(german))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "demo")
