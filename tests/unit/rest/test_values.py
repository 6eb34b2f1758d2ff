"""Variables on the wire (camunda7.md §4.2)."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlc_service.engine.values import TypedValue, from_stored, plain, to_stored
from mlc_service.rest.camunda.values import binary_content, read_value, read_variables, write_value
from mlc_service.rest.errors import HttpProblem
from mlc_service.rest.json_body import dump_json

LIST_INFO = {"objectTypeName": "java.util.ArrayList", "serializationDataFormat": "application/json"}
MAP_INFO = {"objectTypeName": "java.util.LinkedHashMap", "serializationDataFormat": "application/json"}


def outcome(work, *arguments):
    try:
        return work(*arguments)
    except HttpProblem as problem:
        return problem


def round_trip(document, deserialize=True):
    value = from_stored(json.loads(json.dumps(to_stored(read_value("x", document)))))
    return write_value(value, deserialize=deserialize)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "Null"), (True, "Boolean"), (5, "Integer"), (-(2**31), "Integer"), (2**31, "Long"), (2**63 - 1, "Long"),
        (0.5, "Double"), ("a", "String"), ("", "String"),
    ],
)  # fmt: skip
def test_without_a_type_it_is_inferred(value, kind):
    assert round_trip({"value": value}) == {"type": kind, "value": value, "valueInfo": {}}


@pytest.mark.parametrize("value", [[1, 2], {"a": {"b": 1}}, {"$type": "Date", "value": 1}, []])
def test_a_plain_object_is_one_without_saying_so(value):
    answer = round_trip({"value": value})
    assert answer == {
        "type": "Object",
        "value": value,
        "valueInfo": LIST_INFO if value == [] or value == [1, 2] else MAP_INFO,
    }
    assert json.loads(round_trip({"value": value}, deserialize=False)["value"]) == value


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("integer", "5", 5), ("Integer", 5.0, 5), ("Short", 7, 7), ("Long", 7, 7), ("long", "7", 7),
        ("Double", 5, 5.0), ("double", "1e3", 1000.0), ("Boolean", "TRUE", True), ("boolean", False, False),
        ("String", 5, "5"), ("String", True, "true"), ("string", None, None), ("Integer", None, None), ("Null", None, None),
        ("Number", 1.5, 1.5),
    ],
)  # fmt: skip
def test_primitives_are_converted_through_text(kind, given, kept):
    answer = round_trip({"value": given, "type": kind})
    assert answer["value"] == kept
    if kind != "Number":
        assert answer["type"] == kind[0].upper() + kind[1:]
    assert answer["valueInfo"] == {}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("Integer", "x"), ("Integer", 2**31), ("Integer", 1.5), ("Integer", []), ("Integer", True), ("Short", 40000),
        ("Integer", "9" * 5000), ("Long", 2**63), ("Long", 1e300), ("Double", "x"), ("Double", "nan"), ("Double", "1e999"),
        ("Double", {}), ("Boolean", "yes"), ("Boolean", 1), ("String", []), ("String", {}), ("Null", 1), ("Date", 5),
        ("Date", "yesterday"), ("Date", "2013-13-40T00:00:00.000+0000"), ("Date", "0001-01-01T00:00:00.000+1400"),
        ("Json", {"a": 1}), ("Json", "{"), ("Xml", 5), ("Object", {"a": 1}), ("Object", "{}"), ("Bytes", "%%%"),
        ("Bytes", 5), ("File", "YQ=="), ("Banana", 1), (5, 1), ([], 1), (None, 2**63), (None, -(2**63) - 1),
    ],
)  # fmt: skip
def test_what_does_not_fit_its_type_is_a_bad_request(kind, value):
    with pytest.raises(HttpProblem) as refused:
        read_value("x", {"value": value, "type": kind})
    assert refused.value.status == 400


def test_an_unknown_type_is_told_in_camundas_words():
    with pytest.raises(HttpProblem, match="Unsupported value type 'Banana'"):
        read_value("x", {"value": 1, "type": "Banana"})


@pytest.mark.parametrize("document", [5, "a", [], {"value": 1, "valueInfo": 5}])
def test_a_value_that_is_no_typed_value_is_a_bad_request(document):
    with pytest.raises(HttpProblem):
        read_variables({"x": document})
    with pytest.raises(HttpProblem):
        read_variables([document])


@pytest.mark.parametrize(
    "text",
    ["2013-01-23T13:42:42.657+0200", "2013-01-23T13:42:42.657+02:00", "2013-01-23T11:42:42.657Z", "2013-01-23T11:42:42.657",
     "2013-01-23T13:42:42.657 0200"],
)  # fmt: skip
def test_dates_are_written_in_utc_whatever_zone_they_came_in(text):
    answer = round_trip({"value": text, "type": "Date"})
    assert answer == {"type": "Date", "value": "2013-01-23T11:42:42.657+0000", "valueInfo": {}}


def test_a_date_the_engine_made_is_written_like_any_other():
    assert write_value(TypedValue("Date", "2026-01-01T00:00:00.000+00:00"))["value"] == "2026-01-01T00:00:00.000+0000"


def test_a_serialised_object_comes_back_parsed_or_as_text():
    document = {"value": '{"a": [1]}', "type": "Object", "valueInfo": {**MAP_INFO, "objectTypeName": "com.acme.Order"}}
    assert round_trip(document) == {"type": "Object", "value": {"a": [1]}, "valueInfo": document["valueInfo"]}
    assert round_trip(document, deserialize=False)["value"] == '{"a": [1]}'
    assert plain(read_value("x", document)) == {"a": [1]}


def test_a_serialised_list_is_a_list_for_the_engine():
    assert read_value("x", {"value": "[1, 2]", "type": "Object", "valueInfo": LIST_INFO}) == [1, 2]


def test_an_object_in_another_format_is_kept_as_it_came():
    info = {"objectTypeName": "a.B", "serializationDataFormat": "application/x-java-serialized-object"}
    document = {"value": "rO0AB", "type": "Object", "valueInfo": info}
    assert round_trip(document) == document


def test_json_is_text_inside_and_parsed_outside():
    assert round_trip({"value": '{"a": 1}', "type": "Json"})["value"] == {"a": 1}
    assert round_trip({"value": '{"a": 1}', "type": "Json"}, deserialize=False)["value"] == '{"a": 1}'
    assert round_trip({"value": "<a/>", "type": "Xml"})["value"] == "<a/>"


def test_a_file_is_left_out_of_answers_and_can_be_fetched():
    content = base64.b64encode(b"hello").decode()
    info = {"filename": "a.txt", "mimeType": "text/plain", "encoding": "utf-8"}
    value = read_value("x", {"value": content, "type": "File", "valueInfo": info})
    assert write_value(value) == {"type": "File", "value": None, "valueInfo": info}
    assert binary_content(value) == (b"hello", "text/plain; charset=utf-8", "a.txt")
    assert binary_content("text") is None


def test_a_value_nested_too_deeply_to_be_written_is_a_bad_request():
    with pytest.raises(HttpProblem):
        read_value("x", {"value": "[" * 240 + "]" * 240, "type": "Object", "valueInfo": LIST_INFO})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)
KINDS = (
    st.sampled_from(
        [
            "Boolean",
            "Bytes",
            "Short",
            "Integer",
            "Long",
            "Double",
            "Number",
            "Date",
            "String",
            "Null",
            "File",
            "Object",
            "Json",
            "Xml",
        ]
    )
    | st.text()
)
INFO = st.fixed_dictionaries(
    {},
    optional={
        "objectTypeName": JSON, "serializationDataFormat": st.just("application/json") | JSON, "filename": JSON,
        "mimeType": JSON, "encoding": JSON,
    },
)  # fmt: skip


@given(st.fixed_dictionaries({"value": JSON}, optional={"type": KINDS | JSON, "valueInfo": INFO | JSON}))
def test_any_document_is_read_and_written_back_or_refused(document):
    value = outcome(read_value, "x", document)
    if isinstance(value, HttpProblem):
        assert value.status == 400
        return
    stored = from_stored(json.loads(dump_json(to_stored(value))))
    for deserialize in (True, False):
        written = write_value(stored, deserialize=deserialize)
        assert set(written) == {"value", "type", "valueInfo"}
        dump_json(written)
    binary_content(stored)
