"""The model card of a merged checkpoint, with the program that translates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crosslate.export.plain_tokenizers import PlainTokenizers
from crosslate.languages.codes import language_name
from crosslate.models.child import Child
from crosslate.packs.manifest import Manifest


def plain_card(
    child: Child, manifests: Sequence[Manifest], tokenizers: PlainTokenizers, precision: str
) -> str:
    """Markdown with the front matter that model hubs read."""
    lines = [
        *front_matter(child, manifests, "transformers"),
        f"# {title(child)}",
        "",
        f"Translates {pair(child)}. A plain checkpoint for transformers 5 or later, in {precision}: "
        f"{made_of(child, manifests)}.",
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


def front_matter(child: Child, manifests: Sequence[Manifest], library: str) -> list[str]:
    """The lines that model hubs read, and an empty one.

    Args:
        library: name of the program that translates with the model.
    """
    import yaml

    licences = dict.fromkeys(manifest.licence for manifest in manifests)
    front = {
        "license": next(iter(licences)) if len(licences) == 1 else "other",
        "language": list(dict.fromkeys([child.source_language, child.target_language])),
        "library_name": library,
        "pipeline_tag": "translation",
    }
    if not _is_folder(child.parent.name):
        front["base_model"] = child.parent.name
    return ["---", yaml.safe_dump(front, sort_keys=False, allow_unicode=True).rstrip("\n"), "---", ""]


def title(child: Child) -> str:
    """``German to English``."""
    return f"{language_name(child.source_language)} to {language_name(child.target_language)}"


def pair(child: Child) -> str:
    """``German (de) to English (en)``."""
    languages = child.source_language, child.target_language
    return " to ".join(f"{language_name(code)} ({code})" for code in languages)


def made_of(child: Child, manifests: Sequence[Manifest]) -> str:
    """Which parent and packs, with their licences."""
    name = child.parent.name
    # Where it lies here is nobody's business elsewhere.
    parent = Path(name).name if _is_folder(name) else name
    packs = "; ".join(f"{manifest.name}, licence {manifest.licence}" for manifest in manifests)
    return f"{parent} merged by Crosslate with {packs}"


def _is_folder(name: str) -> bool:
    return Path(name).expanduser().exists()


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
