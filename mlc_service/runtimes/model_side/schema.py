"""Checks records against a schema: Avro's JSON form, with the attributes that ModelOp adds to fields (3.11)."""

from __future__ import annotations

import json
from typing import Any

JSON_NAMES = {
    type(None): "null", bool: "boolean", int: "long", float: "double", str: "string", list: "array", dict: "record"
}  # fmt: skip
INT_RANGE = {"int": 1 << 31, "long": 1 << 63}


class SchemaMismatch(ValueError):
    """A record the schema refuses; `str()` is the sentence after 'Record rejected by schema: '."""


class UnreadableSchema(ValueError):
    """Text that is no schema."""


class Schema:
    """A parsed schema. A bare list of fields counts as a record."""

    def __init__(self, text: str, name: str) -> None:
        try:
            parsed = json.loads(text)
        except ValueError as wrong:
            raise UnreadableSchema(f"{name} is not JSON: {wrong}") from wrong
        self._named: dict[str, Any] = {}
        self._top = {"type": "record", "name": name, "fields": parsed} if _are_fields(parsed) else parsed
        self._learn(self._top)

    def check(self, value: Any) -> None:
        """The value fits; raises SchemaMismatch."""
        self._check(self._top, value, "")

    def _learn(self, schema: Any) -> None:
        """Remembers named types, and refuses what is no schema at all."""
        if isinstance(schema, list):
            for each in schema:
                self._learn(each)
        elif isinstance(schema, dict):
            kind = schema.get("type")
            if kind is None:
                raise UnreadableSchema(f"no type in {json.dumps(schema)[:80]}")
            if kind in ("record", "enum", "fixed") and "name" in schema:
                self._named[schema["name"]] = schema
                self._named[f"{schema.get('namespace', '')}.{schema['name']}".lstrip(".")] = schema
            if kind == "record":
                fields = schema.get("fields") or None
                if fields is None or not _are_fields(fields):
                    raise UnreadableSchema(f"record {schema.get('name', '')!r} has no list of named fields")
                for each in fields:
                    self._learn(each)
            for inner in (kind, schema.get("items"), schema.get("values")):
                if isinstance(inner, (dict, list)):
                    self._learn(inner)
        elif not isinstance(schema, str):
            raise UnreadableSchema(f"{json.dumps(schema)[:80]} is no schema")

    def _check(self, schema: Any, value: Any, where: str) -> None:
        if isinstance(schema, list):
            self._check_union(schema, value, where)
        elif isinstance(schema, dict):
            kind = schema["type"]
            if kind == "record":
                self._check_record(schema, value, where)
            elif kind == "array":
                for index, each in enumerate(_expect(value, list, "Array", where)):
                    self._check(schema.get("items", "any"), each, f"{where}[{index}]")
            elif kind == "map":
                for key, each in _expect(value, dict, "Map", where).items():
                    self._check(schema.get("values", "any"), each, f"{where}.{key}")
            elif kind == "enum":
                symbols = schema.get("symbols", [])
                if value not in symbols:
                    raise SchemaMismatch(_expected("One of " + ", ".join(map(str, symbols)), value, where))
            else:
                self._check(kind, value, where)
        elif schema in self._named:
            self._check(self._named[schema], value, where)
        else:
            _check_primitive(schema, value, where)

    def _check_union(self, branches: list[Any], value: Any, where: str) -> None:
        faults: list[SchemaMismatch] = []
        for branch in branches:
            try:
                return self._check(branch, value, where)
            except SchemaMismatch as fault:
                faults.append(fault)
        real = [fault for branch, fault in zip(branches, faults) if branch != "null"]  # noqa: B905
        if len(real) == 1:
            raise real[0]
        raise SchemaMismatch(_expected(" or ".join(_name(branch) for branch in branches), value, where))

    def _check_record(self, schema: dict[str, Any], value: Any, where: str) -> None:
        record = _expect(value, dict, "Record", where)
        for field in schema["fields"]:
            name = field["name"]
            if name in record:
                # a field may be an array, map or enum itself, with its items beside its name
                own = isinstance(field["type"], str) and field["type"] in ("array", "map", "enum")
                self._check(field if own else field["type"], record[name], f"{where}.{name}" if where else name)
            elif "default" not in field and not field.get("scoringOptional", False):
                raise SchemaMismatch(f"Field '{name}' missing for record '{schema.get('name', '')}'")


def _are_fields(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) and "name" in each for each in value)


def _check_primitive(kind: str, value: Any, where: str) -> None:
    if kind in ("int", "long"):
        bound = INT_RANGE[kind]
        if isinstance(value, bool) or not isinstance(value, int) or not -bound <= value < bound:
            raise SchemaMismatch(_expected(kind.capitalize(), value, where))
    elif kind in ("float", "double", "number"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise SchemaMismatch(_expected(kind.capitalize(), value, where))
    elif kind in ("string", "bytes", "fixed"):
        _expect(value, str, kind.capitalize(), where)
    elif kind == "boolean":
        _expect(value, bool, "Boolean", where)
    elif kind == "null" and value is not None:
        raise SchemaMismatch(_expected("Null", value, where))


def _expect(value: Any, wanted: type, name: str, where: str) -> Any:
    if not isinstance(value, wanted):
        raise SchemaMismatch(_expected(name, value, where))
    return value


def _expected(name: str, value: Any, where: str) -> str:
    # the type of the value, never the value: record contents stay out of logs
    return f"{name} expected, not {_type_of(value)}" + (f", for field '{where}'" if where else "")


def _type_of(value: Any) -> str:
    return JSON_NAMES.get(type(value), type(value).__name__)


def _name(branch: Any) -> str:
    kind = branch.get("type", "record") if isinstance(branch, dict) else branch
    return str(kind).capitalize()
