"""What is served, for clients and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import crosslate
from crosslate.config import to_values
from crosslate.languages.codes import public_code, public_name

if TYPE_CHECKING:
    from crosslate.server.catalogue import InstalledPack, Snapshot
    from crosslate.server.service import Service


def language_list(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Every language with what it can be translated into, by name.

    ``zeroShot`` and ``pivot`` list those targets that no model was trained for: composed of two packs, or
    through a third language.
    """

    def targets_of(source: str, kind: str) -> list[str]:
        return [
            target
            for (origin, target), direction in snapshot.directions.items()
            if origin == source and direction.kind == kind
        ]

    entries = [
        {
            "code": code,
            "name": public_name(code),
            "targets": list(snapshot.targets(code)),
            "zeroShot": targets_of(code, "zero-shot"),
            "pivot": targets_of(code, "pivot"),
        }
        for code in snapshot.languages
    ]
    return sorted(entries, key=lambda entry: (str(entry["name"]), str(entry["code"])))


def overview(service: Service) -> dict[str, Any]:
    """Packs, directions, what was refused and what is in memory."""
    snapshot = service.snapshot()
    return {
        "version": crosslate.__version__,
        "engine": service.engine,
        "parent": service.settings.parent,
        "parentLanguages": _parent_languages(snapshot),
        "insight": service.settings.insight,
        "alternativesLimit": service.settings.limits.alternatives,
        "packs": [_pack(pack) for pack in snapshot.packs],
        "directions": [
            {
                "source": source,
                "target": target,
                "kind": direction.kind,
                "packs": [pack.name for each in direction.models for pack in each.packs],
            }
            for (source, target), direction in snapshot.directions.items()
        ],
        # Only names: reasons show folders of this machine, which are the log's.
        "refused": list(snapshot.refused),
        "resident": service.residents(),
    }


def _parent_languages(snapshot: Snapshot) -> list[str]:
    """Source and target; none where neither the parent nor a pack says what they are."""
    for pack in snapshot.packs:
        named = pack.manifest.parent
        return [public_code(named.source_language), public_code(named.target_language)]
    return [code for pair, each in snapshot.directions.items() if each.kind == "parent" for code in pair]


def _pack(pack: InstalledPack) -> dict[str, Any]:
    manifest = pack.manifest
    parameters = manifest.training.get("parameters")
    return {
        "name": pack.name,
        "title": manifest.name,
        "source": manifest.source_language,
        "target": manifest.target_language,
        "renewed": list(manifest.renewed),
        "strategy": manifest.strategy,
        "bytes": pack.num_bytes,
        "parameters": parameters if isinstance(parameters, dict) else {},
        "scores": [to_values(score) for score in manifest.scores],
        "data": manifest.data,
        "licence": manifest.licence,
        "created": manifest.created,
    }
