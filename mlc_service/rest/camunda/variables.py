"""Variables of something that has them: read all, read, set and delete one, change several, download."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlc_service.rest.camunda import fields
from mlc_service.rest.camunda.call import Answer, Call, Route
from mlc_service.rest.camunda.downloads import attachment
from mlc_service.rest.camunda.multipart import Part, read_parts
from mlc_service.rest.camunda.values import binary_content, read_value, write_value, write_variables
from mlc_service.rest.errors import bad_request, not_found
from mlc_service.store.units import UnitOfWork

Read = Callable[[UnitOfWork, Call], Mapping[str, Any]]
Change = Callable[[UnitOfWork, Call, Mapping[str, Any], Iterable[str]], None]

_TYPED: fields.Schema = {
    "type": "object",
    "properties": {
        "value": {"nullable": True},
        "type": {"type": "string", "nullable": True},
        "valueInfo": {"type": "object"},
    },
}
_MAP: fields.Schema = {"type": "object", "additionalProperties": _TYPED}
_UPLOAD: fields.Schema = {
    "type": "object",
    "properties": {
        "data": {"type": "string", "format": "binary"},
        "valueType": {"type": "string", "enum": ["Bytes", "File"]},
        "type": {"type": "string"},
    },
}
_ENCODING = re.compile(r"(?:encoding|charset)=[\"']?([\w.:-]+)", re.ASCII)
_CHANGES: fields.Schema = {
    "type": "object",
    "properties": {"modifications": _MAP, "deletions": {"type": "array", "items": {"type": "string"}}},
}


@dataclass(frozen=True)
class VariableResource:
    """The operations on variables below `path`; `owner` is the word for it in messages."""

    path: str
    tag: str
    owner: str
    read: Read
    change: Change

    def routes(self) -> list[Route]:
        """All of them."""
        one, what = self.path + "/{varName}", f"of a {self.owner}"
        plural, singular = [_flag("deserializeValues")], [_flag("deserializeValue")]
        return [
            Route("GET", self.path, self._all, self.tag, f"Get the variables {what}", parameters=plural, answer=_MAP),
            Route("POST", self.path, self._modify, self.tag, f"Change variables {what}", request=_CHANGES),
            Route("GET", one, self._one, self.tag, f"Get a variable {what}", parameters=singular, answer=_TYPED),
            Route("PUT", one, self._put, self.tag, f"Set a variable {what}", request=_TYPED),
            Route("DELETE", one, self._delete, self.tag, f"Delete a variable {what}"),
            Route("GET", one + "/data", self._data, self.tag, f"Download a variable {what}"),
            Route(
                "POST", one + "/data", self._upload, self.tag, f"Upload a variable {what}",
                request=_UPLOAD, consumes="multipart/form-data",
            ),
        ]  # fmt: skip

    def _all(self, call: Call) -> dict[str, Any]:
        deserialize = call.flag("deserializeValues", True)
        return write_variables(call.read(lambda unit: self.read(unit, call)), deserialize=deserialize)

    def _modify(self, call: Call) -> None:
        written = call.body.variables("modifications")
        deleted = call.body.texts("deletions") or []
        call.run(lambda unit: self.change(unit, call, written, deleted))

    def _one(self, call: Call) -> dict[str, Any]:
        deserialize = call.flag("deserializeValue", True)
        return write_value(self._find(call), deserialize=deserialize)

    def _put(self, call: Call) -> None:
        name = call.path["varName"]
        value = read_value(name, call.body.document)
        call.run(lambda unit: self.change(unit, call, {name: value}, ()))

    def _delete(self, call: Call) -> None:
        call.run(lambda unit: self.change(unit, call, {}, [call.path["varName"]]))

    def _data(self, call: Call) -> Answer:
        name = call.path["varName"]
        content = binary_content(self._find(call))
        if content is None:
            raise bad_request(f"Value of variable with name {name} is not a binary value.")
        data, media_type, filename = content
        return Answer(data, media_type, headers=attachment(filename or name))

    def _upload(self, call: Call) -> None:
        name = call.path["varName"]
        value = _uploaded(name, {part.name: part for part in read_parts(call.content_type, call.raw_body)})
        call.run(lambda unit: self.change(unit, call, {name: value}, ()))

    def _find(self, call: Call) -> Any:
        name = call.path["varName"]
        variables = call.read(lambda unit: self.read(unit, call))
        if name not in variables:
            raise not_found(f"{self.owner} variable with name {name} does not exist")
        return variables[name]


def _uploaded(name: str, parts: Mapping[str, Part]) -> Any:
    """The value of an upload: `data` as the `valueType` File or Bytes, or as JSON of the Java class `type`."""
    data = parts.get("data")
    if data is None:
        raise bad_request("The form needs a part named data")
    if "type" in parts:
        info = {"objectTypeName": parts["type"].text(), "serializationDataFormat": "application/json"}
        return read_value(name, {"value": data.text(), "type": "Object", "valueInfo": info})
    kind = parts["valueType"].text() if "valueType" in parts else "Bytes"
    if kind not in ("File", "Bytes"):
        raise bad_request(f"Unsupported value type '{kind}'")
    media_type, _, options = (data.media_type or "").partition(";")
    found = _ENCODING.search(options)
    facts = {"filename": data.filename, "mimeType": media_type.strip(), "encoding": found and found[1]}
    info = {fact: text for fact, text in facts.items() if text} if kind == "File" else {}
    return read_value(name, {"value": base64.b64encode(data.content).decode(), "type": kind, "valueInfo": info})


def _flag(name: str) -> fields.Schema:
    return {"name": name, "in": "query", "schema": {"type": "boolean", "default": True}}
