"""The shapes of what goes in and out, as JSON Schema; the specification refers to them."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}


def object_schema(required: list[str], **properties: Schema) -> Schema:
    """An object with these properties."""
    return {"type": "object", "required": required, "properties": properties}


def reference(name: str) -> Schema:
    """What stands for one of :data:`SCHEMAS` in OpenAPI."""
    return {"$ref": f"#/components/schemas/{name}"}


def _one_or_list(schema: Schema) -> Schema:
    return {"oneOf": [schema, {"type": "array", "items": schema}]}


_NUMBER: Schema = {"type": "number"}
_NUMBER_PAIRS: Schema = {
    "type": "array",
    "items": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2},
}
_LANGUAGE = object_schema(["code", "name"], code=TEXT, name=TEXT)
SCHEMAS: dict[str, Schema] = {
    "Error": object_schema(["error"], error=TEXT),
    "Any": {"type": "object"},
    "Detection": object_schema(
        ["confidence", "language"],
        confidence={"type": "number", "minimum": 0, "maximum": 100},
        language=TEXT,
    ),
    "Detections": {"type": "array", "minItems": 1, "items": reference("Detection")},
    "Translation": object_schema(
        ["translatedText"],
        translatedText=_one_or_list(TEXT),
        detectedLanguage=_one_or_list(reference("Detection")),
        alternatives={"type": "array", "items": _one_or_list(TEXT)},
    ),
    "Language": object_schema(
        ["code", "name", "targets"], code=TEXT, name=TEXT, targets=TEXTS, zeroShot=TEXTS, pivot=TEXTS
    ),
    "Languages": {"type": "array", "items": reference("Language")},
    "Settings": object_schema(
        ["charLimit", "frontendTimeout", "apiKeys", "keyRequired", "suggestions", "language"],
        apiKeys={"type": "boolean"},
        charLimit={"type": "integer"},
        filesTranslation={"type": "boolean"},
        frontendTimeout={"type": "integer"},
        keyRequired={"type": "boolean"},
        suggestions={"type": "boolean"},
        supportedFilesFormat=TEXTS,
        language=object_schema(["source", "target"], source=_LANGUAGE, target=_LANGUAGE),
    ),
    "Health": object_schema(["status"], status=TEXT),
    "FileTranslation": object_schema(["translatedFileUrl"], translatedFileUrl=TEXT),
    "Links": object_schema(
        ["source", "target", "links"],
        source=_NUMBER_PAIRS | {"description": "Words: first character, and the one after the last."},
        target=_NUMBER_PAIRS | {"description": "Likewise of the translation."},
        links=_NUMBER_PAIRS | {"description": "Indices of a target word and a source word."},
    ),
    "Neighbours": object_schema(
        ["word", "language", "neighbours"],
        word=TEXT,
        language=TEXT,
        x=_NUMBER,
        y=_NUMBER,
        neighbours={
            "type": "array",
            "items": object_schema(
                ["pack", "language", "words"],
                pack=TEXT,
                language=TEXT,
                words={
                    "type": "array",
                    "items": object_schema(
                        ["word", "cosine"], word=TEXT, cosine=_NUMBER, x=_NUMBER, y=_NUMBER
                    ),
                },
            ),
        },
    ),
    "Map": object_schema(
        ["language", "parentLanguage", "share", "pairs"],
        language=TEXT,
        parentLanguage=TEXT,
        share={"type": "number", "minimum": 0, "maximum": 1},
        pairs={
            "type": "array",
            "items": object_schema(
                ["word", "translation"],
                word=TEXT,
                translation=TEXT,
                x=_NUMBER,
                y=_NUMBER,
                translationX=_NUMBER,
                translationY=_NUMBER,
            ),
        },
    ),
    "Packs": object_schema(
        ["engine", "packs", "directions"],
        version=TEXT,
        engine=TEXT,
        alternativesLimit={"type": "integer"},
        parentLanguages=TEXTS,
        insight={"type": "boolean"},
        packs={"type": "array", "items": {"type": "object"}},
        directions={"type": "array", "items": {"type": "object"}},
        refused=TEXTS,
        resident={"type": "array", "items": object_schema(["name", "bytes"], name=TEXT, bytes=_NUMBER)},
    ),
}
