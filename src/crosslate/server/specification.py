"""The API described: one table, from which OpenAPI, Swagger 2.0 and the page for people are made."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace
from typing import Any

import crosslate
from crosslate.server.schemas import SCHEMAS, TEXT, TEXTS, Schema, object_schema, reference
from crosslate.server.settings import ServerSettings

_NOT_EMPTY: Schema = {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class Field:
    """A field of a request."""

    name: str
    description: str
    is_required: bool = False
    schema: Schema | None = None
    json_schema: Schema | None = None  # what JSON allows beside what a form does


@dataclass(frozen=True)
class Operation:
    """One route.

    Attributes:
        fields: of the body; in a form, the query string or JSON.
        answer: name of the schema of a success, or a media type without a schema.
        errors: statuses of refusals.
        is_upload: the body is a multipart form with a file.
        is_json: the answer of a success is JSON.
    """

    path: str
    method: str
    summary: str
    answer: str
    fields: tuple[Field, ...] = ()
    errors: tuple[int, ...] = ()
    is_upload: bool = False
    is_json: bool = True


_KEY = Field("api_key", "API key, where the server wants one.", json_schema={"type": ["string", "null"]})
_LANGUAGES = (
    Field("source", "Code of the text's language, or auto.", True, _NOT_EMPTY),
    Field("target", "Code of the language to translate into.", True, _NOT_EMPTY),
)
_Q = Field(
    "q",
    "The text, or in JSON a list of texts.",
    True,
    _NOT_EMPTY,
    {"oneOf": [_NOT_EMPTY, {**TEXTS, "minItems": 1}]},
)
_TRANSLATE = (
    _Q,
    *_LANGUAGES,
    Field(
        "format",
        "text or html.",
        False,
        {"type": "string", "enum": ["text", "html", ""], "default": "text"},
        {"enum": ["text", "html", "", None], "default": "text"},
    ),
    Field(
        "alternatives",
        "How many other translations to give; a negative number is none.",
        False,
        {"type": "integer", "default": 0},
        {"type": ["number", "string", "null"], "default": 0},
    ),
    _KEY,
)
_PACK = "Name of the pack whose words are looked at"
_SIDE = Field(
    "side", "source or target; else the first that the pack has.", False,
    {"type": "string", "enum": ["source", "target"]},
)  # fmt: skip
_REFUSALS = (400, 403, 413, 429, 500, 503, 504)

_FILE = Field("file", "The file.", True, {"type": "string", "format": "binary"})
_BETTER = Field("s", "The better translation.", True)
_EVENTS, _BYTES = "text/event-stream", "application/octet-stream"
_NOT_READY = (503,)

OPERATIONS = (
    Operation("/translate", "post", "Translate texts.", "Translation", _TRANSLATE, _REFUSALS),
    Operation("/detect", "post", "Tell the language of a text.", "Detections", (_Q, _KEY), _REFUSALS),
    Operation("/languages", "get", "List the languages with their targets.", "Languages", (), _NOT_READY),
    Operation("/frontend/settings", "get", "Settings for pages and apps.", "Settings", (), _NOT_READY),
    Operation("/health", "get", "Whether the server is ready.", "Health", (), _NOT_READY),
    Operation(
        "/translate_file",
        "post",
        "Translate a file.",
        "FileTranslation",
        (_FILE, *_LANGUAGES, _KEY),
        _REFUSALS,
        is_upload=True,
    ),
    Operation(
        "/download_file/{name}", "get", "Fetch a translated file.", _BYTES, (), (404, 429), is_json=False
    ),
    Operation("/suggest", "post", "Switched off.", "Error", (_Q, _BETTER, *_LANGUAGES), (403, 429)),
    Operation(
        "/v1/stream",
        "post",
        "Translate a text sentence by sentence, as server-sent events.",
        _EVENTS,
        (replace(_Q, description="The text.", json_schema=None), *_TRANSLATE[1:]),
        _REFUSALS,
        is_json=False,
    ),
    Operation(
        "/v1/links",
        "post",
        "Tell which words of a translation belong to which words of its text.",
        "Links",
        (
            Field("q", "The text.", True),
            Field("translation", "Its translation.", True),
            Field("source", "Code of the text's language.", True),
            Field("target", "Code of the translation's language.", True),
            _KEY,
        ),
        _REFUSALS,
    ),
    Operation(
        "/v1/neighbours",
        "post",
        "Find the words nearest to a word in the other embeddings of the same side.",
        "Neighbours",
        (
            Field("q", "The word; it must be one piece of the vocabulary.", True),
            Field("pack", f"{_PACK}; empty for the parent."),
            _SIDE,
            _KEY,
        ),
        _REFUSALS,
    ),
    Operation(
        "/v1/map",
        "post",
        "Show frequent words of a pack and of the parent that are each other's nearest, on a plane.",
        "Map",
        (Field("pack", f"{_PACK}.", True), _SIDE, _KEY),
        _REFUSALS,
    ),
    Operation("/v1/packs", "get", "What is installed, and what is in memory.", "Packs", (), _NOT_READY),
    Operation("/metrics", "get", "Numbers for Prometheus.", "text/plain", (), (401, 404), is_json=False),
    Operation("/spec", "get", "This description as Swagger 2.0.", "Any", (), ()),
    Operation("/openapi.json", "get", "This description as OpenAPI 3.1.", "Any", (), ()),
)

_MEANINGS = {
    400: "The request cannot be meant so.",
    401: "The token is wrong.",
    403: "The key is wrong, or this is switched off.",
    404: "There is no such thing.",
    413: "The body is too large.",
    429: "Too many requests; Retry-After says when to come again.",
    500: "The server failed.",
    503: "Not ready, or too much is waiting; Retry-After says when to come again.",
    504: "It took too long.",
}


def openapi(settings: ServerSettings) -> dict[str, Any]:
    """The API as OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": _info(),
        "servers": [{"url": settings.url_prefix or "/"}],
        "paths": {each.path: {each.method: _operation(each)} for each in OPERATIONS},
        "components": {"schemas": SCHEMAS},
    }


def swagger(settings: ServerSettings) -> dict[str, Any]:
    """The API as Swagger 2.0, which knows neither alternatives of a schema nor several kinds of bodies."""
    return {
        "swagger": "2.0",
        "info": _info(),
        "basePath": settings.url_prefix or "/",
        "paths": {each.path: {each.method: _old_operation(each)} for each in OPERATIONS},
        "definitions": _old_schema(SCHEMAS),
    }


def docs_page(settings: ServerSettings) -> str:
    """The API as a page without scripts."""
    sections = "".join(_section(each, settings.url_prefix) for each in OPERATIONS)
    return _PAGE.format(version=html.escape(crosslate.__version__), prefix=settings.url_prefix, body=sections)


def _info() -> dict[str, str]:
    return {
        "title": "Crosslate",
        "version": crosslate.__version__,
        "description": "Machine translation with one parent and many packs.",
    }


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {"summary": operation.summary, "operationId": _name(operation)}
    if parameters := _path_parameters(operation):
        described["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": TEXT} for name in parameters
        ]
    if operation.fields:
        described["requestBody"] = {"required": True, "content": _bodies(operation)}
    described["responses"] = {
        str(status): {
            "description": _MEANINGS[status],
            "content": {
                "application/json": {
                    "schema": reference("Health" if operation.path == "/health" else "Error")
                }
            },
        }
        for status in operation.errors
    }
    if operation.answer != "Error":
        content = (
            {"application/json": {"schema": reference(operation.answer)}}
            if operation.is_json
            else {operation.answer: {}}
        )
        described["responses"]["200"] = {"description": "Success.", "content": content}
    return described


def _bodies(operation: Operation) -> dict[str, Any]:
    def body(*, is_json: bool) -> Schema:
        properties = {
            field.name: {
                **(field.json_schema if is_json and field.json_schema else field.schema or TEXT),
                "description": field.description,
            }
            for field in operation.fields
        }
        return object_schema([field.name for field in operation.fields if field.is_required], **properties)

    if operation.is_upload:
        return {"multipart/form-data": {"schema": body(is_json=False)}}
    form = {"schema": body(is_json=False)}
    return {
        "application/json": {"schema": body(is_json=True)},
        "application/x-www-form-urlencoded": form,
        "multipart/form-data": form,
    }


def _old_operation(operation: Operation) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "type": "string"}
        for name in _path_parameters(operation)
    ]
    for field in operation.fields:
        schema = dict(field.schema or TEXT)
        if schema.pop("format", None) == "binary":
            schema = {"type": "file"}
        parameters.append(
            {
                "name": field.name,
                "in": "formData",
                "required": field.is_required,
                "description": field.description,
                **schema,
            }
        )
    answers: dict[str, Any] = {
        str(status): {"description": _MEANINGS[status], "schema": {"$ref": "#/definitions/Error"}}
        for status in operation.errors
    }
    if operation.answer != "Error":
        answers["200"] = {"description": "Success."}
        if operation.is_json:
            answers["200"]["schema"] = {"$ref": f"#/definitions/{operation.answer}"}
    return {
        "summary": operation.summary,
        "operationId": _name(operation),
        "consumes": ["multipart/form-data" if operation.is_upload else "application/x-www-form-urlencoded"],
        "produces": ["application/json" if operation.is_json else operation.answer],
        "parameters": parameters,
        "responses": answers,
    }


def _old_schema(schema: Any) -> Any:
    """A schema as Swagger 2.0 has it: of alternatives, the first."""
    if isinstance(schema, list):
        return [_old_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "oneOf" in schema:
        return _old_schema(schema["oneOf"][0])
    return {
        key: value.replace("#/components/schemas/", "#/definitions/") if key == "$ref" else _old_schema(value)
        for key, value in schema.items()
    }


def _path_parameters(operation: Operation) -> list[str]:
    return [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]


def _name(operation: Operation) -> str:
    words = operation.path.strip("/").replace("{", "").replace("}", "").replace(".", "_")
    return f"{operation.method}_{words.replace('/', '_')}"


def _section(operation: Operation, prefix: str) -> str:
    rows = "".join(
        f"<tr><td><code>{field.name}</code></td><td>{'required' if field.is_required else ''}</td>"
        f"<td>{html.escape(field.description)}</td></tr>"
        for field in operation.fields
    )
    table = f"<table><tr><th>Field<th><th>Meaning</tr>{rows}</table>" if rows else ""
    return (
        f"<section><h2><code>{operation.method.upper()} {prefix}{operation.path}</code></h2>"
        f"<p>{html.escape(operation.summary)}</p>{table}</section>"
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Crosslate {version}: the API</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; }} td, th {{ text-align: left; padding: .2rem 1rem .2rem 0; }}
h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
</style></head><body>
<h1>Crosslate {version}</h1>
<p>Fields go in as JSON, as a form, as a multipart form or in the query string of a POST. Errors are JSON
with one entry, <code>error</code>. For programs: <a href="{prefix}/openapi.json">OpenAPI</a>,
<a href="{prefix}/spec">Swagger 2.0</a>.</p>
{body}
</body></html>
"""
