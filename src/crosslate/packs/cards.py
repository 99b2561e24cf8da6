"""Model cards: ``README.md`` files with front matter for model hubs, filled in from templates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from pydantic import Field

from crosslate.config import Settings
from crosslate.errors import Faults, UsageError
from crosslate.languages.codes import language_name
from crosslate.packs.manifest import Line, Manifest, ScoreRecord

Languages = tuple[str, str]
"""Codes of source and target."""

NO_LICENCE = "unspecified"
"""In manifests of packs without a licence."""

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_DATA_SET_ID = re.compile(r"(?:[\w.-]+/)?[\w.-]+", re.ASCII)
_HUB_LICENCES = {
    "afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bsd-2-clause", "bsd-3-clause",
    "bsd-3-clause-clear", "bsl-1.0", "c-uda", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0",
    "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0",
    "cc-by-sa-4.0", "cc0-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0", "ecl-2.0",
    "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1", "eupl-1.2", "gpl-2.0", "gpl-3.0", "isc", "lgpl-2.1",
    "lgpl-3.0", "lppl-1.3c", "mit", "mpl-2.0", "ms-pl", "ncsa", "odbl", "odc-by", "ofl-1.1", "openrail",
    "osl-3.0", "pddl", "postgresql", "unlicense", "wtfpl", "zlib",
}  # fmt: skip
"""Licences that the hub knows by name; others are declared as ``other`` with their name.

Source: https://huggingface.co/docs/hub/repositories-licenses.
"""


class CardDetails(Settings):
    """What a card on a hub says beside what the manifest records."""

    spoken_name = "the card's details"

    licence: str = Field("", description="Licence, as an SPDX identifier. [default: the manifest's]")
    datasets: list[str] = Field(
        default_factory=list, description="Hub id of a data set that the pack was trained on."
    )
    tags: list[Line] = Field(default_factory=list, description="Further tag for searches on the hub.")
    base_model: str = Field(
        "", description="Hub id of the parent. [default: the manifest's, if it is an id and no folder here]"
    )

    def find_faults(self, faults: Faults) -> None:
        for name in self.datasets:
            if not _DATA_SET_ID.fullmatch(name):
                faults.add(f"the data set is {name!r}, expected an id on the hub like Helsinki-NLP/tatoeba")
        if self.base_model and not _HUB_ID.fullmatch(self.base_model):
            faults.add(f"the base model is {self.base_model!r}, expected an id on the hub like ann/fr-en")


def filled(template: Path, **values: Any) -> str:
    """A Markdown template with every ``$name`` replaced by its value."""
    return Template(template.read_text(encoding="utf-8")).substitute(values)


def front_matter(
    languages: Languages, licences: Sequence[str], library: str, parent: str, **more: Any
) -> str:
    """The front matter of a card, in the hub's terms.

    Args:
        licences: of all packs in the model.
        library: the program that translates with the model.
        parent: Hugging Face Hub id; empty for a local folder.
        more: further keys; empty values are left out.
    """
    import yaml

    front = {
        **_licence(licences),
        **_languages(languages),
        "library_name": library,
        "pipeline_tag": "translation",
        "base_model": parent,
        **more,
    }
    filled_in = {key: value for key, value in front.items() if value}
    return f"---\n{yaml.safe_dump(filled_in, sort_keys=False, allow_unicode=True)}---\n"


def _licence(licences: Sequence[str]) -> dict[str, str]:
    """The licence in the hub's spelling."""
    if len(set(licences)) != 1:
        return {"license": "other"}
    if licences[0] == NO_LICENCE:
        return {}
    name = licences[0].lower().removesuffix("-only").removesuffix("-or-later")
    if name in _HUB_LICENCES:
        return {"license": name}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.+]+", "-", licences[0].lower()).strip("-")}


def _languages(languages: Languages) -> dict[str, list[str]]:
    """The languages; the hub has a key of its own for codes with a script or region."""
    special = {"mul": "multilingual", "und": ""}
    bases = (code.partition("-")[0].lower() for code in languages)
    known = dict.fromkeys(special.get(base, base) for base in bases)
    longer = dict.fromkeys(code for code in languages if "-" in code)
    return {"language": [base for base in known if base], "language_bcp47": list(longer)}


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


def pack_card(manifest: Manifest, details: CardDetails | None = None) -> str:
    """The card of a pack, made from its manifest.

    File records and checksum are not used, since a pack gets its card before it has them.

    Args:
        details: what a hub is told beside.

    Raises:
        UsageError: the details contradict the manifest.
    """
    details = details or CardDetails()
    recorded = manifest.licence
    if details.licence and recorded not in (NO_LICENCE, details.licence):
        raise UsageError(
            f"the licence is {details.licence!r}, but pack {manifest.name!r} records {recorded!r}; "
            "leave it out"
        )
    licence = details.licence or recorded
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
        "licence": licence,
        "created": manifest.created,
        "version": manifest.crosslate_version,
    }
    return filled(
        Path(__file__).with_name("card.md"),
        front_matter=front_matter(
            languages,
            [licence],
            "crosslate",
            base := details.base_model or _hub_id(parent.name),
            base_model_relation="adapter" if base else "",
            datasets=list(dict.fromkeys(details.datasets)),
            tags=list(dict.fromkeys(["crosslate", "translation", *details.tags])),
            **{"model-index": _model_index(manifest)},
        ),
        name=manifest.name,
        source=language_name(languages[0]),
        target=language_name(languages[1]),
        added="".join(added),
        needs="its parent and two other packs" if manifest.packs else "the parent",
        scores=_scores(manifest),
        **{name: _cell(text) for name, text in cells.items()},
    )


def _hub_id(parent: str) -> str:
    """The parent's name if it is an id of the hub; empty for a folder."""
    return parent if _HUB_ID.fullmatch(parent) and not Path(parent).exists() else ""


def _model_index(manifest: Manifest) -> list[dict[str, Any]]:
    """The scores in the hub's form, a result for each test set; empty without scores.

    Source: https://github.com/huggingface/hub-docs/blob/main/modelcard.md.
    """
    by_test_set: dict[str, list[ScoreRecord]] = {}
    for score in manifest.scores:
        by_test_set.setdefault(score.test_set, []).append(score)
    languages = (manifest.source_language, manifest.target_language)
    results = [
        {
            "task": {"type": "translation", "name": f"Translation {title(languages)}"},
            "dataset": {"type": "custom", "name": test_set, "args": "-".join(languages)},
            "metrics": [_metric(score) for score in scores],
        }
        for test_set, scores in by_test_set.items()
    ]
    return [{"name": manifest.name, "results": results}] if results else []


def _metric(score: ScoreRecord) -> dict[str, Any]:
    arguments: dict[str, Any] = {"signature": score.signature} if score.signature else {}
    if score.interval is not None:
        arguments["interval_95"] = list(score.interval)
    name = score.metric.upper() if score.metric == "bleu" else score.metric
    named = {"type": score.metric.lower().replace(" ", "_"), "name": name, "value": score.value}
    return named | ({"args": arguments} if arguments else {})


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
