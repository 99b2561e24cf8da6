"""A stand-in for the npm package of bergamot's engine: the same files, a translator that marks what it is given."""

from __future__ import annotations

import json
from pathlib import Path

PACKAGE = "@browsermt/bergamot-translator"
# Every line becomes «line», with its model's name before it if it asks for it; "fail" fails.
TRANSLATOR = """
export class SupersededError extends Error {}

export class TranslatorBacking {
  constructor(options) {
    this.options = options;
    this.registry = this.loadModelRegistery();
  }
}

export class LatencyOptimisedTranslator {
  constructor(options, backing) {
    this.backing = backing;
    this.worker = Promise.resolve();
  }

  async translate({ from, to, text }) {
    const pair = (await this.backing.registry).find((each) => each.from === from && each.to === to);
    const { model, vocabs, config } = await this.backing.loadTranslationModel(pair);
    if (text.includes("fail")) throw new Error("the engine failed");
    const sizes = `${model.byteLength > 0} ${vocabs.length} ${config["ssplit-mode"]}`;
    const lines = text.split("\\n").map((line) => (line === "model?" ? `${from}-${to} ${sizes}` : `«${line}»`));
    return { target: { text: lines.join("\\n") } };
  }
}
"""


def write(folder: Path, translator: str = TRANSLATOR) -> Path:
    """Writes the package's files into a new folder."""
    described = {"name": PACKAGE, "version": "0.0.1", "license": "MPL-2.0"}
    files = {
        "package.json": json.dumps(described).encode(),
        "translator.js": translator.encode(),
        "worker/translator-worker.js": b"// worker\n",
        "worker/bergamot-translator-worker.js": b"// glue\n",
        "worker/bergamot-translator-worker.wasm": b"\0asm\1\0\0\0",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder
