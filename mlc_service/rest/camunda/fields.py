"""The fields of an answer, declared once: from them come the JSON of a row and its description in our OpenAPI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from mlc_service.rest.camunda.dates import format_moment

Schema = dict[str, Any]


class Field(NamedTuple):
    """One field: its name on the wire, how to read it off a row, and its OpenAPI schema."""

    name: str
    read: Callable[[Any], Any]
    schema: Schema


Fields = Sequence[Field]


def text(name: str, attribute: str) -> Field:
    """A text or null."""
    return Field(name, attrgetter(attribute), {"type": "string", "nullable": True})


def integer(name: str, attribute: str) -> Field:
    """A whole number or null."""
    return Field(name, attrgetter(attribute), {"type": "integer", "nullable": True})


def flag(name: str, attribute: str) -> Field:
    """True or false."""
    return Field(name, attrgetter(attribute), {"type": "boolean"})


def moment(name: str, attribute: str) -> Field:
    """A date in Camunda's form, or null."""
    read = attrgetter(attribute)
    schema = {"type": "string", "format": "date-time", "nullable": True}
    return Field(name, lambda row: format_moment(read(row)), schema)


def absent(name: str) -> Field:
    """Always null: Camunda has it, we have nothing to put there."""
    return Field(name, lambda _: None, {"nullable": True})


def always(name: str, value: Any) -> Field:
    """The same for every row."""
    return Field(name, lambda _: value, {"default": value})


def no_links() -> Field:
    """Camunda's `links`, which it only fills on answers to a creation."""
    return Field("links", lambda _: [], {"type": "array", "items": {"type": "object"}})


def computed(name: str, read: Callable[[Any], Any], schema: Schema | None = None) -> Field:
    """Whatever `read` makes of the row."""
    return Field(name, read, schema or {"nullable": True})


def duration(name: str) -> Field:
    """Milliseconds from a row's `started` to its `ended`, null until then."""

    def read(row: Any) -> int | None:
        return None if row.ended is None else int((row.ended - row.started).total_seconds() * 1000)

    return Field(name, read, {"type": "integer", "nullable": True})


def write(fields: Fields, row: Any) -> dict[str, Any]:
    """The row on the wire; every field is present."""
    return {field.name: field.read(row) for field in fields}


def schema_of(fields: Fields) -> Schema:
    """The OpenAPI schema of `write`'s answer."""
    return {"type": "object", "properties": {field.name: field.schema for field in fields}}
