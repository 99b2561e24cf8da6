"""What stands in ``README.md`` of models that were exported for other programs."""

from __future__ import annotations

from collections.abc import Sequence

from crosslate.engines.argos import SUFFIX, argos_code, package_name
from crosslate.models.child import Child
from crosslate.packs.manifest import Manifest
from crosslate.packs.plain_card import made_of, title


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
