"""The API described for programs and people, from what FastAPI makes of the routes.

FastAPI describes answers. :func:`takes` adds the body of a request, which comes in several encodings, and
:func:`refusals` the errors.
"""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

from crosslate.server.answers import Answer

if TYPE_CHECKING:
    from fastapi import FastAPI
    from pydantic import BaseModel

    from crosslate.server.requests import Fields

Schema = dict[str, Any]

_MEANINGS = {
    400: "The request cannot be meant so.",
    401: "The token is wrong.",
    403: "The key is wrong, or this is switched off.",
    404: "There is no such thing.",
    408: "The request did not arrive in time.",
    413: "The body is too large.",
    429: "Too many requests; Retry-After says when to come again.",
    500: "The server failed.",
    503: "Not ready, or too much is waiting; Retry-After says when to come again.",
    504: "It took too long.",
}


class Error(Answer):
    """What is answered instead."""

    error: str


def refusals(*statuses: int, model: type[BaseModel] = Error) -> dict[int | str, dict[str, Any]]:
    """Descriptions of answers with an error, for ``responses`` of a route."""
    return {status: {"model": model, "description": _MEANINGS[status]} for status in statuses}


def takes(
    fields: type[Fields], responses: dict[int | str, Any] | None = None, *, is_upload: bool = False
) -> dict[str, Any]:
    """What a route says about its request: options of FastAPI's decorators.

    Args:
        responses: other answers than errors that need a description.
        is_upload: the fields come in a multipart form only.
    """
    schema = _inlined(fields.model_json_schema())
    form = {"schema": {**schema, "properties": {n: _of_form(s) for n, s in schema["properties"].items()}}}
    content = {"multipart/form-data": form}
    if fields.is_json:
        content = {"application/json": {"schema": schema}}
    elif not is_upload:
        content |= {"application/json": {"schema": schema}, "application/x-www-form-urlencoded": form}
    return {
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
        "responses": refusals(400, 403, 408, 413, 429, 500, 503, 504) | (responses or {}),
    }


def _inlined(schema: Schema) -> Schema:
    """A schema with its definitions in the places of the references to them."""
    definitions = schema.pop("$defs", {})

    def inlined(value: Any) -> Any:
        if isinstance(value, list):
            return [inlined(each) for each in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return inlined(definitions[value["$ref"].rpartition("/")[2]])
        return {name: inlined(each) for name, each in value.items()}

    found: Schema = inlined(schema)
    return found


def _of_form(schema: Schema) -> Schema:
    """A field's schema in a form, which holds neither null nor lists: of alternatives, the first."""
    found = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    if "anyOf" in schema:
        found = {**schema["anyOf"][0], **found}
    if "enum" in found:
        found["enum"] = [value for value in found["enum"] if value is not None]
    return found


def openapi(app: FastAPI) -> dict[str, Any]:
    """The API, all of it below the prefix of the settings, as OpenAPI 3.1."""

    def untitled(values: dict[str, Any]) -> dict[str, Any]:
        """Without the titles that pydantic makes of names, like ``Translatedtext``."""
        return {name: value for name, value in values.items() if name != "title" or isinstance(value, dict)}

    found: dict[str, Any] = json.loads(json.dumps(app.openapi()), object_hook=untitled)
    prefix = app.state.service.settings.url_prefix or "/"
    found |= {"info": app.openapi()["info"], "servers": [{"url": prefix}]}
    for _, _, operation in _operations(found):
        operation["responses"].pop("422", None)  # which no route answers
    for name in ("HTTPValidationError", "ValidationError"):
        found["components"]["schemas"].pop(name, None)
    return found


def swagger(description: dict[str, Any]) -> dict[str, Any]:
    """The same as Swagger 2.0, which knows neither alternatives of a schema nor several kinds of bodies."""
    paths = {
        path: {method: _old_operation(operation) for method, operation in methods.items()}
        for path, methods in description["paths"].items()
    }
    return {
        "swagger": "2.0",
        "info": description["info"],
        "basePath": description["servers"][0]["url"],
        "paths": paths,
        "definitions": _old_schema(description["components"]["schemas"]),
    }


def docs_page(description: dict[str, Any]) -> str:
    """The same as a page without scripts."""
    prefix = description["servers"][0]["url"].rstrip("/")
    sections = []
    for path, method, operation in _operations(description):
        fields, required = _fields(operation)
        rows = "".join(
            f"<tr><td><code>{name}</code></td><td>{'required' if name in required else ''}</td>"
            f"<td>{html.escape(schema.get('description', ''))}</td></tr>"
            for name, schema in fields.items()
        )
        table = f"<table><tr><th>Field<th><th>Meaning</tr>{rows}</table>" if rows else ""
        sections.append(
            f"<section><h2><code>{method.upper()} {prefix}{path}</code></h2>"
            f"<p>{html.escape(operation['description'])}</p>{table}</section>"
        )
    return _PAGE.format(
        version=html.escape(description["info"]["version"]), prefix=prefix, body="".join(sections)
    )


def _operations(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


def _fields(operation: dict[str, Any]) -> tuple[dict[str, Schema], list[str]]:
    """The fields of a request, as a form has them if it may be one; the names of those that must be there."""
    if "requestBody" not in operation:
        return {}, []
    content = operation["requestBody"]["content"]
    schema = content.get("multipart/form-data", content.get("application/json"))["schema"]
    return schema["properties"], schema.get("required", [])


def _old_operation(operation: dict[str, Any]) -> dict[str, Any]:
    fields, required = _fields(operation)
    is_form = "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
    parameters: list[dict[str, Any]] = [
        {"name": each["name"], "in": each["in"], "required": each["required"], "type": "string"}
        for each in operation.get("parameters", [])
    ]
    if fields and not is_form:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        parameters.append({"name": "body", "in": "body", "required": True, "schema": _old_schema(schema)})
    for name, schema in fields.items() if is_form else ():
        plain = _old_schema(schema)
        if plain.get("format") == "binary":
            plain = {"type": "file", "description": plain["description"]}
        parameters.append({"name": name, "in": "formData", "required": name in required, **plain})
    is_upload = any(each.get("type") == "file" for each in parameters)
    consumes = "multipart/form-data" if is_upload else "application/x-www-form-urlencoded"
    responses = {}
    for status, answer in operation["responses"].items():
        responses[status] = {"description": answer["description"]}
        if schema := answer.get("content", {}).get("application/json", {}).get("schema"):
            responses[status]["schema"] = _old_schema(schema)
    produces = operation["responses"].get("200", {}).get("content", {})
    return {
        "summary": operation["summary"],
        "description": operation["description"],
        "operationId": operation["operationId"],
        "consumes": [consumes if is_form or not fields else "application/json"],
        "produces": sorted(produces) or ["application/json"],
        "parameters": parameters,
        "responses": responses,
    }


def _old_schema(schema: Any) -> Any:
    """A schema as Swagger 2.0 has it: of alternatives, the first."""
    if isinstance(schema, list):
        return [_old_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "anyOf" in schema:
        return _old_schema({**schema["anyOf"][0], **{k: v for k, v in schema.items() if k != "anyOf"}})
    return {
        key: value.replace("#/components/schemas/", "#/definitions/") if key == "$ref" else _old_schema(value)
        for key, value in schema.items()
        if key != "const"
    }


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
with one entry, <code>error</code>. Routes in the shapes of OpenAI's API read JSON alone and have its errors.
For programs: <a href="{prefix}/openapi.json">OpenAPI</a>,
<a href="{prefix}/spec">Swagger 2.0</a>.</p>
{body}
</body></html>
"""
