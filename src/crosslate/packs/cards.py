"""Model cards: ``README.md`` files with front matter for model hubs, filled in from templates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from crosslate.languages.codes import language_name
from crosslate.packs.manifest import Manifest

Languages = tuple[str, str]
"""Codes of source and target."""


def filled(template: Path, **values: Any) -> str:
    """A Markdown template with every ``$name`` replaced by its value."""
    return Template(template.read_text(encoding="utf-8")).substitute(values)


def front_matter(languages: Languages, licences: Sequence[str], library: str, parent: str) -> str:
    """The front matter of a card.

    Args:
        licences: of all packs in the model.
        library: the program that translates with the model.
        parent: Hugging Face Hub id; empty for a local folder.
    """
    import yaml

    front = {
        "license": licences[0] if len(set(licences)) == 1 else "other",
        "language": list(dict.fromkeys(languages)),
        "library_name": library,
        "pipeline_tag": "translation",
        **({"base_model": parent} if parent else {}),
    }
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n"


def title(languages: Languages) -> str:
    """``German to English``."""
    return " to ".join(map(language_name, languages))


def pair(languages: Languages) -> str:
    """``German (de) to English (en)``."""
    return " to ".join(f"{language_name(code)} ({code})" for code in languages)


def exported_card(
    template: Path,
    languages: Languages,
    parent: str,
    manifests: Sequence[Manifest],
    library: str,
    **values: Any,
) -> str:
    """The card of an exported model.

    Args:
        template: may use ``$front_matter``, ``$title``, ``$pair``, ``$made_of`` (parent, packs and licences)
            and the names of ``values``.
        parent: name of the parent; a local path is shortened to the folder's name.
        library: the program that translates with the model.
    """
    is_folder = Path(parent).expanduser().exists()
    licences = [manifest.licence for manifest in manifests]
    return filled(
        template,
        front_matter=front_matter(languages, licences, library, "" if is_folder else parent),
        title=title(languages),
        pair=pair(languages),
        made_of=made_of(parent, manifests),
        **values,
    )


def made_of(parent: str, manifests: Sequence[Manifest]) -> str:
    """What a model was made of: parent, packs and licences."""
    packs = "; ".join(f"{manifest.name}, licence {manifest.licence}" for manifest in manifests)
    return f"{shown_name(parent)} merged by Crosslate with {packs}"


def shown_name(parent: str) -> str:
    """The name of a parent for readers: a local path is shortened to the folder's name."""
    return Path(parent).name if Path(parent).expanduser().exists() else parent


def pack_card(manifest: Manifest) -> str:
    """The card of a pack, made from its manifest.

    File records and checksum are not used, because they cover the card itself.
    """
    languages, parent = (manifest.source_language, manifest.target_language), manifest.parent
    renewed = [f"{side}, {manifest.vocabulary_size(side)} pieces" for side in manifest.renewed]
    added = (
        [f"| Works together with | {_cell(' and '.join(map(str, manifest.packs)))} |\n"]
        if manifest.packs
        else []
    )
    num_bytes = sum(each.num_bytes for each in manifest.tensors.values())
    added += [
        f"| Added | {each}; translates with the PyTorch and ONNX engines only |\n" for each in manifest.added
    ]
    cells = {
        "pair": pair(languages),
        "strategy": manifest.strategy,
        "renewed": ", ".join(renewed) or "none",
        "parent": parent.name,
        "parent_pair": f"{parent.source_language}-{parent.target_language}",
        "fingerprint": parent.fingerprint,
        "stored": f"{len(manifest.tensors)} tensors, {num_bytes / 1e6:.2f} MB",
        "licence": manifest.licence,
        "created": manifest.created,
        "version": manifest.crosslate_version,
    }
    return filled(
        Path(__file__).with_name("card.md"),
        front_matter=front_matter(languages, [manifest.licence], "crosslate", parent.name),
        name=manifest.name,
        source=language_name(languages[0]),
        target=language_name(languages[1]),
        added="".join(added),
        needs="its parent and two other packs" if manifest.packs else "the parent",
        scores=_scores(manifest),
        **{name: _cell(text) for name, text in cells.items()},
    )


def _scores(manifest: Manifest) -> str:
    """The section with scores; empty without scores."""
    if not manifest.scores:
        return ""
    lines = ["| metric | score | 95 % interval | test set | signature |", "|---|---|---|---|---|"]
    for score in manifest.scores:
        interval = "" if score.interval is None else f"{score.interval[0]:.1f} to {score.interval[1]:.1f}"
        cells = (score.metric, f"{score.value:.1f}", interval, score.test_set, score.signature)
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join(["## Scores", "", *lines, "", ""])


def _cell(text: str) -> str:
    """Escapes text for a table cell."""
    return " ".join(text.split()).replace("|", "\\|")
