"""Our OpenAPI document: what FastAPI cannot know about logging in and about errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

_ERROR: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "message": {"type": "string"},
        "code": {"type": "integer", "nullable": True},
    },
}
_SCHEMES = {"basic": {"type": "http", "scheme": "basic"}, "bearer": {"type": "http", "scheme": "bearer"}}
# for `openapi_extra` of operations that need no login
PUBLIC: dict[str, Any] = {"security": []}


def describe(app: FastAPI) -> None:
    """The document says how to log in, and that errors come in one form and never as FastAPI's 422."""
    generate: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        components = document.setdefault("components", {})
        components["securitySchemes"] = _SCHEMES
        schemas = components.setdefault("schemas", {})
        schemas["Error"] = _ERROR
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        document["security"] = [{name: []} for name in _SCHEMES]
        for item in document["paths"].values():
            for operation in item.values():
                _errors(operation["responses"])
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _errors(responses: dict[str, Any]) -> None:
    responses.pop("422", None)
    schema = {"schema": {"$ref": "#/components/schemas/Error"}}
    responses.setdefault("default", {"description": "Refused or failed", "content": {"application/json": schema}})
