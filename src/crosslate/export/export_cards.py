"""What stands in ``README.md`` of models that were exported for other programs."""

from __future__ import annotations

from collections.abc import Sequence

from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.generation import Generation
from crosslate.export.argos import SUFFIX, argos_code, package_name
from crosslate.export.plain_card import front_matter, made_of, pair, title
from crosslate.models.child import Child
from crosslate.packs.manifest import Manifest
from crosslate.text.segmenters import SEGMENTERS
from crosslate.text.vocabularies import Vocabulary

_LIBRARIES = {
    "sentencepiece": (
        'sentencepiece.SentencePieceProcessor(model_file=f"{{folder}}/{side}.spm")',
        "source.encode({text}, out_type=str)",
        "target.decode({pieces})",
    ),
    "tokenizers": (
        'tokenizers.Tokenizer.from_file(f"{{folder}}/{side}.tokenizer.json")',
        "source.encode({text}, add_special_tokens=False).tokens",
        "target.decoder.decode({pieces})",
    ),
}
"""By kind of segmenter, which is the name of a package: how to open a side, cut a text and join pieces."""


def argos_card(child: Child, manifests: Sequence[Manifest]) -> str:
    """The description of an Argos package."""
    languages = child.source_language, child.target_language
    source, target = map(argos_code, languages)
    file = package_name(languages) + SUFFIX
    lines = [
        f"# {title(child)}",
        "",
        f"A package for Argos Translate 1.10 or later: {made_of(child, manifests)}.",
        "",
        "```python",
        "import argostranslate.package, argostranslate.translate",
        "",
        f'argostranslate.package.install_from_path("{file}")',
        f'print(argostranslate.translate.translate("…", "{source}", "{target}"))',
        "```",
        "",
        "`minisbd/sentences.onnx` finds the ends of sentences by punctuation, so that nothing is fetched. "
        "Without that folder MiniSBD fetches a model of the language's own when the package is first used.",
    ]
    return "\n".join(lines) + "\n"


def ctranslate2_card(child: Child, manifests: Sequence[Manifest], quantization: str) -> str:
    """How to translate with a CTranslate2 folder without Crosslate, and what a program must know."""
    generation, source, target = Generation.of(child), child.source, child.target
    forced = generation.forced_first
    lines = [
        *front_matter(child, manifests, "ctranslate2"),
        f"# {title(child)}",
        "",
        f"Translates {pair(child)}. A model for CTranslate2, its weights in {quantization}: "
        f"{made_of(child, manifests)}.",
        "",
        "| | |",
        "|---|---|",
        f"| source text | {_cut_by('source', source)} |",
        f"| before its pieces | {_shown(source, source.frame.before)} |",
        f"| after its pieces | {_shown(source, source.frame.after)} |",
        f"| every translation begins with | {_shown(target, [] if forced is None else [forced])} |",
        f"| target text | {_cut_by('target', target)} |",
        f"| a source sentence has at most | {generation.max_source_tokens} pieces, with those around |",
        "",
        "`crosslate.json` says the same to programs, and which pieces no translation may hold.",
        "",
        "## How to translate",
        "",
    ]
    kinds = (source.segmenter.kind, target.segmenter.kind)
    if all(kind in _LIBRARIES for kind in kinds):
        needed = " ".join(dict.fromkeys(["ctranslate2", *kinds]))
        lines += [
            "```python",
            ctranslate2_program(child),
            "```",
            "",
            "Saved as `translate.py` beside this file it runs by `python translate.py < in.txt > out.txt`, "
            f"one sentence a line; it needs `pip install {needed}`.",
        ]
    else:
        lines.append(
            "The tokenizer of one side exists only as Python code of transformers, so a program needs that, "
            "or Crosslate: `from crosslate.engines.ctranslate2 import CTranslate2Engine`."
        )
    return "\n".join(lines) + "\n"


def ctranslate2_program(child: Child) -> str:
    """The Python program that translates with such a folder, CTranslate2 and the sides' own libraries."""
    source, target, generation = child.source, child.target, Generation.of(child)
    options, forced = DecodingOptions(), generation.forced_first
    opened = {
        side: _LIBRARIES[each.segmenter.kind] for side, each in (("source", source), ("target", target))
    }
    text = f"{source.frame.text!r} + text" if source.frame.text else "text"
    before, after = (
        [source.pieces[index] for index in ids] for ids in (source.frame.before, source.frame.after)
    )
    cut = ", ".join([*map(repr, before), "*" + opened["source"][1].format(text=text), *map(repr, after)])
    pieces = "result.hypotheses[0]" + ("" if forced is None else "[1:]")
    libraries = sorted({"ctranslate2", source.segmenter.kind, target.segmenter.kind})
    prefix = [] if forced is None else [f"    target_prefix=[[{target.pieces[forced]!r}]] * len(texts),"]
    lines = [
        "import json",
        "import sys",
        "from pathlib import Path",
        "",
        *(f"import {library}" for library in libraries),
        "",
        "folder = Path(__file__).parent",
        f"source = {opened['source'][0].format(side='source')}",
        f"target = {opened['target'][0].format(side='target')}",
        "translator = ctranslate2.Translator(str(folder))",
        'facts = json.loads((folder / "crosslate.json").read_text(encoding="utf-8"))',
        "",
        "texts = [line.strip() for line in sys.stdin]",
        "results = translator.translate_batch(",
        f"    [[{cut}] for text in texts],",
        *prefix,
        '    suppress_sequences=[[piece] for piece in [*facts["never_generated"], facts["unknown"]]],',
        f"    beam_size={options.beam_size},",
        f"    length_penalty={options.length_penalty:g},",
        f"    max_decoding_length={min(options.max_new_tokens, generation.max_target_tokens)},",
        "    max_input_length=0,",
        "    max_batch_size=1024,",
        '    batch_type="tokens",',
        ")",
        "for text, result in zip(texts, results):",
        f"    translation = {opened['target'][2].format(pieces=pieces)}",
        '    print(translation.replace("▁", " ").strip() if text else "")',
    ]
    return "\n".join(lines)


def _cut_by(side: str, vocabulary: Vocabulary) -> str:
    kind = vocabulary.segmenter.kind
    names = {"sentencepiece": "a SentencePiece model", "tokenizers": "a tokenizer of the tokenizers library"}
    if kind not in names:
        return "a tokenizer that exists only as Python code of transformers"
    text = f"`{side}{SEGMENTERS[kind][0]}`, {names[kind]}"
    return f"{text}, after `{vocabulary.frame.text.strip()}`" if vocabulary.frame.text else text


def _shown(vocabulary: Vocabulary, ids: Sequence[int]) -> str:
    return " ".join(f"`{vocabulary.pieces[index]}`" for index in ids) or "nothing"
