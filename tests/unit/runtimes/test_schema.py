from __future__ import annotations

import json
from typing import Any

import pytest

from mlc_service.runtimes.model_side.schema import Schema, SchemaMismatch, UnreadableSchema

PERSON = {
    "type": "record",
    "name": "person",
    "fields": [
        {"name": "age", "type": "int"},
        {"name": "income", "type": ["null", "double"]},
        {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
        {"name": "home", "type": {"type": "record", "name": "home", "fields": [{"name": "city", "type": "string"}]}, "scoringOptional": True},
        {"name": "kind", "type": {"type": "enum", "name": "kind", "symbols": ["a", "b"]}, "default": "a"},
        {"name": "more", "type": {"type": "map", "values": "boolean"}, "default": {}},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "record",
    [
        {"age": 3, "income": None},
        {"age": 3, "income": 2},
        {
            "age": 3,
            "income": 2.5,
            "tags": ["x"],
            "home": {"city": "Bern"},
            "kind": "b",
            "more": {"y": True},
            "extra": 1,
        },
    ],
)
def test_a_fitting_record_passes(record: Any) -> None:
    Schema(json.dumps(PERSON), "input_schema").check(record)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"income": 1.0}, "Field 'age' missing for record 'person'"),
        ({"age": "x", "income": 1.0}, "Int expected, not string, for field 'age'"),
        ({"age": True, "income": 1.0}, "Int expected, not boolean, for field 'age'"),
        ({"age": 1.5, "income": 1.0}, "Int expected, not double, for field 'age'"),
        ({"age": 1 << 31, "income": 1.0}, "Int expected, not long, for field 'age'"),
        ({"age": 1, "income": "secret"}, "Double expected, not string, for field 'income'"),
        ({"age": 1, "income": 1.0, "tags": ["a", 2]}, r"String expected, not long, for field 'tags\[1\]'"),
        ({"age": 1, "income": 1.0, "home": {}}, "Field 'city' missing for record 'home'"),
        ({"age": 1, "income": 1.0, "home": 3}, "Record expected, not long, for field 'home'"),
        ({"age": 1, "income": 1.0, "kind": "z"}, "One of a, b expected, not string, for field 'kind'"),
        ({"age": 1, "income": 1.0, "more": {"q": 1}}, "Boolean expected, not long, for field 'more.q'"),
        ([1], "Record expected, not array"),
    ],
)
def test_a_wrong_record_is_refused_without_telling_its_contents(record: Any, message: str) -> None:
    with pytest.raises(SchemaMismatch, match=message) as caught:
        Schema(json.dumps(PERSON), "input_schema").check(record)
    assert "secret" not in str(caught.value)


def test_a_bare_list_of_fields_is_a_record_with_the_name_of_the_schema() -> None:
    schema = Schema('[{"name": "input", "type": "double"}]', "input_schema")
    schema.check({"input": 1})
    with pytest.raises(SchemaMismatch, match="Field 'input' missing for record 'input_schema'"):
        schema.check({})


def test_a_plain_type_is_a_schema() -> None:
    Schema('"double"', "input_schema").check(1.5)
    with pytest.raises(SchemaMismatch, match="Double expected, not string"):
        Schema('"double"', "input_schema").check("1.5")


@pytest.mark.parametrize("text", ["{", '{"name": "x"}', '{"type": "record", "name": "x", "fields": 3}', "7"])
def test_what_is_no_schema_is_refused(text: str) -> None:
    with pytest.raises(UnreadableSchema):
        Schema(text, "input_schema")
