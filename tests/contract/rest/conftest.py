"""Camunda's OpenAPI document as a judge of answers, and an application over both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from mlc_service.identity import OpenDoor
from mlc_service.jobs.one import Workbench
from mlc_service.jobs.runner import execute_now
from mlc_service.language.scripts import ScriptRunner
from mlc_service.process.surroundings import Surroundings
from mlc_service.process.work import DelegateCall, handlers, together
from mlc_service.rest.application import create_app
from mlc_service.rest.dependencies import Dependencies
from mlc_service.store.units import Units

DOCUMENT = Path(__file__).parents[4] / "shared" / "reference" / "camunda-openapi.json"
REST = "/mlc-service/rest"
# there only when they were asked for (camunda7.md, rule 4 and §4.8)
ON_REQUEST = {"variables", "attachment", "comment"}


class FailingDelegates:
    """Every delegate fails."""

    def __contains__(self, name: object) -> bool:
        return True

    def __call__(self, call: DelegateCall) -> Any:
        raise RuntimeError(f"{call.implementation} is broken")


@pytest.fixture
def client(units: Units, clock: Any) -> Iterator[TestClient]:
    """An application whose delegates all fail, without job threads: jobs run when somebody executes them."""
    delegates = FailingDelegates()
    around = Surroundings(clock, ScriptRunner(), delegates)
    bench = Workbench(units, clock, handlers(units, around, delegates), together=together(units, around))
    app = create_app(
        Dependencies(
            units=units,
            clock=clock,
            gate=OpenDoor(),
            process=around,
            run_job=lambda job_id: execute_now(bench, job_id),
        )
    )
    with TestClient(app, base_url=f"http://testserver{REST}") as client:
        yield client


class CamundaDocument:
    """Says whether an answer has the documented shape, and whether every documented field is there."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.paths = document["paths"]
        self._schemas = document["components"]["schemas"]
        self._definitions = {name: _as_json_schema(schema) for name, schema in self._schemas.items()}

    def problems(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What is wrong with the answer of an operation; an undocumented status has no shape to keep."""
        operation = self.paths[path][method.lower()]
        schema = (
            operation["responses"].get(str(status), {}).get("content", {}).get("application/json", {}).get("schema")
        )
        if schema is None:
            return []
        validator = Draft202012Validator({**_as_json_schema(schema), "components": {"schemas": self._definitions}})
        found = [
            f"{'/'.join(str(part) for part in error.path)}: {error.message}" for error in validator.iter_errors(body)
        ]
        return found + self._missing(schema, body, "")

    def _missing(self, schema: dict[str, Any], body: Any, at: str) -> list[str]:
        if schema.get("type") == "array" and isinstance(body, list):
            return [problem for item in body for problem in self._missing(schema["items"], item, at + "[]")]
        if not isinstance(body, dict):
            return []
        wanted = set(self._properties(schema)) - ON_REQUEST
        return [f"{at}: {name} is missing" for name in sorted(wanted - set(body))]

    def _properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            return self._properties(self._schemas[schema["$ref"].rpartition("/")[2]])
        found: dict[str, Any] = {}
        for part in schema.get("allOf", ()):
            found |= self._properties(part)
        return found | schema.get("properties", {})


def _as_json_schema(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` becomes a type, and so it does for references, as Camunda answers."""
    if isinstance(schema, list):
        return [_as_json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {name: _as_json_schema(value) for name, value in schema.items() if name not in ("example", "format")}
    if "properties" in converted:
        converted["properties"] = {
            # a decision's value is called an object there; the text beside it says that it depends on the type
            name: {} if name == "value" and value.get("type") == "object" else {"anyOf": [value, {"type": "null"}]}
            for name, value in converted["properties"].items()
        }
    return converted


@pytest.fixture(scope="session")
def camunda() -> CamundaDocument:
    """Camunda's OpenAPI document."""
    if not DOCUMENT.exists():
        pytest.skip(f"Camunda's OpenAPI document is not at {DOCUMENT}")
    return CamundaDocument(json.loads(DOCUMENT.read_text()))
