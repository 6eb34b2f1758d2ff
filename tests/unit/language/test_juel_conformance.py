"""Expressions give what Camunda 7.24 gives: the table beside this file, and the list of what differs on purpose.

The table was checked on 2026-11-21 against the real thing: camunda-engine 7.24.0 with its camunda-juel 7.24.0, joda-time
2.12.5 and camunda-spin 7.24.0 from Maven Central, on OpenJDK 17, time zone UTC, clock at 2026-11-21T08:56:00Z. Each
expression went through the engine's own expression manager on a waiting execution that held the variables below (whole
numbers as Integer, `big` as Long, `status` and `job.jobStatus` as a Java enum, `job` as a Java bean, `date` as
java.util.Date, `local` as java.time.LocalDate). All agreed in value, in Java type (Integer and Long count as one), and
in whether they are refused. What did not agree stands in DELIBERATE, with Camunda's answer beside ours.
"""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mlc_service.language.errors import ExpressionError
from mlc_service.language.juel import compile
from mlc_service.language.page_texts import DIFFERENCES

NOW = datetime(2026, 11, 21, 8, 56, tzinfo=UTC)
REFUSED = object()

PERSON = """{"name": "Ann", "age": 41, "height": 1.7, "member": true, "none": null, "tags": ["a", "b"],
  "orders": [{"id": 1, "price": 8.5, "kind": "book"}, {"id": 2, "price": 12, "kind": "pen"}, {"id": 3, "kind": "book"}],
  "address": {"city": "Bern"}}"""
CUSTOMERS = (
    '<?xml version="1.0"?><customers region="eu"><customer id="1" vip="true"><name>Ann</name><note/></customer>'
    '<customer id="2"><name>Bob</name></customer><total>2</total></customers>'
)
VARIABLES: dict[str, Any] = {
    "n": 5, "big": 9_000_000_000, "x": 1.5, "s": "Hello", "num": "42", "dec": "1.50", "flag": True, "off": False,
    "nothing": None, "blank": "", "zero": 0, "items": [1, "two", {"k": "v"}], "none": [], "numbers": [3, 1, 2],
    "order": {"id": 7, "lines": [{"sku": "a", "n": 2}, {"sku": "b", "n": 3}], "note": "", "open": True, "gone": None},
    "bare": {}, "key": "id", "status": "ACTIVE", "text": "a,b,,c,,", "json": PERSON, "xml": CUSTOMERS,
    "job": {"id": "j-1", "jobStatus": "ACTIVE", "done": True, "tries": 3, "tags": ["a", "b"], "missing": None},
    "date": NOW, "later": datetime(2026, 11, 22, 8, 56, tzinfo=UTC), "local": date(2026, 11, 21),
}  # fmt: skip


class Execution:
    __juel__: ClassVar[Mapping[str, str]] = {
        "getVariable": "get", "hasVariable": "has", "getVariables": "all", "businessKey": "business_key",
        "processBusinessKey": "business_key", "getCurrentActivityId": "activity", "getId": "number",
        "tenantId": "tenant", "variables": "variables",
    }  # fmt: skip
    business_key = "order-7"
    tenant = None
    variables = VARIABLES

    def get(self, name: str) -> Any:
        return VARIABLES.get(name)

    def has(self, name: str) -> bool:
        return name in VARIABLES

    def all(self) -> dict[str, Any]:
        return VARIABLES

    def activity(self) -> str:
        return "wait"

    def number(self) -> str:
        return "4711"


NAMES = ChainMap(
    VARIABLES,
    {"execution": Execution(), "__now__": NOW, "authenticatedUserId": "demo", "authenticatedUserGroups": ["staff"]},
)


def table() -> Iterator[Any]:
    rule = ""
    for line in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            rule = line[3:]
        elif rule and line:
            text, _, expected = line.rpartition("  =>  ")
            yield pytest.param(text, REFUSED if expected == "refused" else json.loads(expected), id=f"{text} | {rule}")


def answer(text: str) -> Any:
    try:
        return compile(text).evaluate(NAMES)
    except ExpressionError:
        return REFUSED


@pytest.mark.parametrize(("text", "expected"), list(table()))
def test_an_expression_gives_what_camunda_gives(text: str, expected: Any) -> None:
    value = answer(text)
    assert type(value) is type(expected)
    assert value == expected or (value != value and expected != expected)


def test_the_table_is_whole() -> None:
    assert len(list(table())) >= 900


@pytest.mark.parametrize(
    ("text", "expected"),
    [("${'a\nb'.matches('a.b')}", False), ("${'a\nb'.matches('(?s)a.b')}", True)],
)
def test_a_dot_matches_a_line_break_only_when_told_to(text: str, expected: bool) -> None:
    assert answer(text) is expected


# expression, Camunda's answer, ours, the number of the difference in DIFFERENCES that explains it
DELIBERATE: list[tuple[str, Any, Any, str]] = [
    ("${1 + 9223372036854775807}", -(2**63), REFUSED, "overflow"),
    ("${status == 'NOPE'}", REFUSED, False, "enums"),
    ("${status.equals('ACTIVE')}", False, True, "enums"),
    ("${status.ordinal()}", 0, REFUSED, "enums"),
    ("${job.nope}", REFUSED, None, "beans"),
    ("${job.getNope()}", REFUSED, None, "beans"),
    ("${n.equals(5)}", False, True, "numbers"),
    ("${items.contains(1)}", False, True, "numbers"),
    ("${items.indexOf(1)}", -1, 0, "numbers"),
    ("${order.containsValue(7)}", False, True, "numbers"),
    ("${order.values().contains(7)}", False, True, "numbers"),
    ("${n.compareTo(6)}", REFUSED, -1, "numbers"),
    ("#{n} ${n}", REFUSED, "5 5", "lenient"),
    ("${flag ? n:now()}", REFUSED, 5, "lenient"),
    ("${order.empty}", REFUSED, None, "lenient"),
    ("${s.contains(5)}", REFUSED, False, "lenient"),
    ("${S(1).numberValue()}", REFUSED, 1, "lenient"),
    ("${S(flag).boolValue()}", REFUSED, True, "lenient"),
    ("${now()}!", "Sat Nov 21 08:56:00 UTC 2026!", "2026-11-21T08:56:00.000Z!", "dates"),
    ("${date.toInstant().toString()}", "2026-11-21T08:56:00Z", "2026-11-21T08:56:00.000Z", "dates"),
    ("${now().year}", 126, 2026, "dates"),
    ("${'\U0001f600'.length()}", 2, 1, "characters"),
    ("${s.getClass().name}", "java.lang.String", REFUSED, "closed"),
    ("${s.class}", "class java.lang.String", REFUSED, "closed"),
    ("${s.hashCode()}", 69609650, REFUSED, "closed"),
    ("${numbers.stream().count()}", 3, REFUSED, "closed"),
    ("${dateTime().year().get()}", 2026, REFUSED, "closed"),
    ("${S(json).prop('tags').append('x').toString()}", '["a","b","x"]', REFUSED, "reading"),
    ("${S(json).prop('name', 'x').toString()}", "{…}", REFUSED, "reading"),
    ("${order.put('id', 8)}", 7, REFUSED, "reading"),
    (
        "${XML('<a><b/></a>').toString()}",
        "…<a>\n  <b/>\n</a>\n",
        '<?xml version="1.0" encoding="UTF-8"?><a><b/></a>',
        "xml",
    ),
    ("${'aab'.matches('a++b')}", True, REFUSED, "patterns"),
]


@pytest.mark.parametrize(("text", "camunda", "ours", "why"), DELIBERATE)
def test_what_differs_from_camunda_differs_on_purpose(text: str, camunda: Any, ours: Any, why: str) -> None:
    assert answer(text) == ours
    assert camunda != ours
    assert why in DIFFERENCES


def test_every_difference_on_the_page_is_shown_by_an_example() -> None:
    assert {why for *_, why in DELIBERATE} == set(DIFFERENCES)
