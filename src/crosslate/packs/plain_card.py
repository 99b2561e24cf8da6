"""The model card of a merged checkpoint, with the program that translates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crosslate.languages import language_name
from crosslate.models.child import Child
from crosslate.packs.manifest import Manifest
from crosslate.packs.plain_tokenizers import PlainTokenizers


def plain_card(
    child: Child, manifests: Sequence[Manifest], tokenizers: PlainTokenizers, precision: str
) -> str:
    """Markdown with the front matter that model hubs read."""
    import yaml

    source, target = language_name(child.source_language), language_name(child.target_language)
    licences = dict.fromkeys(manifest.licence for manifest in manifests)
    front = {
        "license": next(iter(licences)) if len(licences) == 1 else "other",
        "language": list(dict.fromkeys([child.source_language, child.target_language])),
        "library_name": "transformers",
        "pipeline_tag": "translation",
    }
    parent = child.parent.name
    if Path(parent).expanduser().exists():
        parent = Path(parent).name  # where it lies here is nobody's business elsewhere
    else:
        front["base_model"] = parent
    packs = "; ".join(f"{manifest.name}, licence {manifest.licence}" for manifest in manifests)
    lines = [
        "---",
        yaml.safe_dump(front, sort_keys=False, allow_unicode=True).rstrip("\n"),
        "---",
        "",
        f"# {source} to {target}",
        "",
        f"Translates {source} ({child.source_language}) to {target} ({child.target_language}). A plain "
        f"checkpoint for transformers 5 or later, in {precision}: {parent} merged by Crosslate "
        f"with {packs}.",
        "",
        "## How to translate",
        "",
        _about(tokenizers),
        "",
        "```python",
        program(tokenizers),
        "```",
        "",
        "Saved as `translate.py` beside this file it runs by `python translate.py < in.txt > out.txt`, one "
        "sentence a line; it needs `pip install torch transformers sentencepiece`. How translations are "
        "searched for stands in `generation_config.json`.",
        "",
        "CTranslate2's converter for transformers reads one vocabulary and must not be used here; "
        "`crosslate pack export` makes such a model from the packs.",
    ]
    return "\n".join(lines) + "\n"


def program(tokenizers: PlainTokenizers) -> str:
    """The Python program that translates with a merged checkpoint and transformers alone."""
    writer = "tokenizer" if tokenizers.is_single else "target_tokenizer"
    lines = [
        "import sys",
        "",
        "from transformers import AutoModelForSeq2SeqLM, AutoTokenizer",
        "",
        'folder = "."  # of this file, or its name on the hub',
        f"tokenizer = {_opened(tokenizers.source_folder)}",
    ]
    if not tokenizers.is_single:
        lines.append(f"{writer} = {_opened(tokenizers.target_folder)}")
    text = f"{tokenizers.prefix!r} + line.strip()" if tokenizers.prefix else "line.strip()"
    lines += [
        "model = AutoModelForSeq2SeqLM.from_pretrained(folder)",
        "",
        f"texts = [{text} for line in sys.stdin]",
        'inputs = tokenizer(texts, return_tensors="pt", padding=True)',
        "ids = model.generate(inputs.input_ids, attention_mask=inputs.attention_mask)",
        f"for text in {writer}.batch_decode(ids, skip_special_tokens=True):",
        "    print(text.strip())",
    ]
    return "\n".join(lines)


def _opened(folder: str) -> str:
    place = f", subfolder={folder!r}".replace("'", '"') if folder else ""
    return f"AutoTokenizer.from_pretrained(folder{place})"


def _about(tokenizers: PlainTokenizers) -> str:
    if tokenizers.is_single:
        text = "One tokenizer reads and writes."
    else:
        reader = f"in `{tokenizers.source_folder}/`" if tokenizers.source_folder else "in this folder"
        text = (
            "No single tokenizer reads the one language and writes the other, so there are two: the one "
            f"{reader} reads, the one in `{tokenizers.target_folder}/` writes."
        )
    if tokenizers.prefix:
        text += f" Every text begins with `{tokenizers.prefix.strip()}`, as the parent was trained."
    return text
