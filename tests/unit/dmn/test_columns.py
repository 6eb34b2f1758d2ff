"""Typed columns, cells in other languages, and how an evaluation fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlc_service.dmn import DecisionError, parse_dmn

Table = Callable[..., str]
File = Callable[..., bytes]


@pytest.mark.parametrize(
    ("kind", "given", "cell", "holds"),
    [
        ("double", "0.5", "0.5", True),
        ("double", 1, "1", True),
        ("integer", 3.0, "3", True),
        ("integer", "7", "7", True),
        ("long", 2**40, "> 1", True),
        ("boolean", "TRUE", "true", True),
        ("string", 5, '"5"', True),
        ("string", True, '"true"', True),
        ("date", "2024-05-01", '> date("2024-01-01")', True),
        ("date", "2024-05-01T00:00:00.000+0000", '> date and time("2024-01-01T00:00:00Z")', True),
        ("date", datetime(2024, 5, 1, tzinfo=UTC), '< date and time("2024-01-01T00:00:00Z")', False),
        ("date", date(2024, 5, 1), '[date("2024-05-01")..date("2024-05-02")]', True),
        ("somethingElse", "a", '"a"', True),
        ("double", None, "> 0", False),
        ("double", "NaN", "> 0", False),
    ],
)
def test_an_input_is_taken_as_its_column_says(
    kind: str, given: Any, cell: str, holds: bool, table: Table, dmn_file: File
) -> None:
    (decision,) = parse_dmn(dmn_file(table([f"x:{kind}"], ["y"], (cell, "1"))), "a.dmn")
    assert bool(decision.evaluate({"x": given}).rows) is holds


@pytest.mark.parametrize(
    ("kind", "given"),
    [("double", "much"), ("integer", 1.5), ("integer", 2**31), ("boolean", "yes"), ("boolean", 1), ("date", "May")],
)
def test_an_input_that_is_not_of_its_type_is_an_error_with_its_place(
    kind: str, given: Any, table: Table, dmn_file: File
) -> None:
    (decision,) = parse_dmn(dmn_file(table([f"x:{kind}"], ["y"], ("-", "1"))), "a.dmn")
    with pytest.raises(DecisionError, match=f"cannot be taken as {kind}") as caught:
        decision.evaluate({"x": given})
    assert (caught.value.decision, caught.value.rule, caught.value.cell) == ("check", None, "input 'x'")


@pytest.mark.parametrize(
    ("kind", "cell", "expected"),
    [
        ("double", "1", 1.0),
        ("double", "1.5", 1.5),
        ("integer", "2.0", 2),
        ("long", "2", 2),
        ("string", "5", "5"),
        ("boolean", '"false"', False),
        ("date", 'date("2024-05-01")', "2024-05-01"),
        ("", "", None),
        ("", "2.0", 2),
        ("", "[1, 0.5, {a: null}]", [1, 0.5, {"a": None}]),
        ("", 'duration("P1D")', "P1D"),
    ],
)
def test_an_output_is_plain_and_of_its_type(kind: str, cell: str, expected: Any, table: Table, dmn_file: File) -> None:
    column = f"y:{kind}" if kind else "y"
    (decision,) = parse_dmn(dmn_file(table(["x"], [column], ("-", cell))), "a.dmn")
    rows = decision.evaluate({}).rows
    assert rows == [{"y": expected}]
    assert type(rows[0]["y"]) is type(expected)
    assert json.loads(json.dumps(rows)) == rows


def test_an_output_that_is_not_of_its_type_names_rule_and_cell(table: Table, dmn_file: File) -> None:
    (decision,) = parse_dmn(dmn_file(table(["x"], ["y:integer"], ("> 5", "1"), ("-", '"a"'))), "a.dmn")
    with pytest.raises(DecisionError) as caught:
        decision.evaluate({"x": 1})
    assert (caught.value.rule, caught.value.cell) == ("2 (r2)", "output 'y'")
    assert str(caught.value).startswith("decision 'check', rule 2 (r2), cell output 'y': ")


def test_a_cell_that_runs_away_names_rule_and_cell(table: Table, dmn_file: File) -> None:
    endless = "count(for i in 1..100000000 return i) > ?"
    (decision,) = parse_dmn(dmn_file(table(["x"], ["y"], (endless, "1"))), "a.dmn")
    with pytest.raises(DecisionError, match="steps") as caught:
        decision.evaluate({"x": 1})
    assert (caught.value.rule, caught.value.cell) == ("1 (r1)", "input 'x'")


@given(
    given_value=st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.decimals(allow_nan=False),
    kind=st.sampled_from(["string", "boolean", "integer", "long", "double", "date", "number", "dateTime", "time"]),
)
def test_any_value_is_taken_or_refused(given_value: Any, kind: str, table: Table, dmn_file: File) -> None:
    (decision,) = parse_dmn(dmn_file(table([f"x:{kind}"], [f"y:{kind}"], ("-", "x"))), "a.dmn")
    try:
        rows = decision.evaluate({"x": given_value}).rows
    except DecisionError as error:
        refused: str | None = error.cell
    else:
        refused = None
        json.dumps(rows, allow_nan=False)
    assert refused in (None, "input 'x'", "output 'y'")


def juel(text: str) -> str:
    return text.replace("<inputEntry", '<inputEntry expressionLanguage="juel"')


@pytest.mark.parametrize(
    ("cell", "variables", "holds"),
    [
        (
            "${currentDay_ActualRate < currentDay_Threshold}",
            {"currentDay_ActualRate": 1, "currentDay_Threshold": 2},
            True,
        ),
        (
            "${currentDay_ActualRate < currentDay_Threshold}",
            {"currentDay_ActualRate": 3, "currentDay_Threshold": 2},
            False,
        ),
        ("${currentDay_ActualRate < currentDay_Threshold}", {}, False),
        ("cellInput > 5", {"x": 6}, True),
        ("${x > 5 && y == 'a'}", {"x": 6, "y": "a"}, True),
        ("", {}, True),
    ],
)
def test_a_cell_may_be_written_in_juel(
    cell: str, variables: dict[str, Any], holds: bool, table: Table, dmn_file: File
) -> None:
    (decision,) = parse_dmn(dmn_file(juel(table(["x"], ["y"], (cell, "1")))), "a.dmn")
    assert bool(decision.evaluate(variables).rows) is holds


def test_outputs_depend_on_variables(table: Table, dmn_file: File) -> None:
    text = table(["auc"], ["reason"], ("< 0.7", '"auc is only " + string(auc)'))
    (decision,) = parse_dmn(dmn_file(text), "a.dmn")
    assert decision.evaluate({"auc": 0.65}).rows == [{"reason": "auc is only 0.65"}]
    assert parse_dmn(dmn_file(text), "a.dmn")[0].evaluate({"auc": 0.8}).rows == []


def test_a_result_document_can_be_reached_into(table: Table, dmn_file: File) -> None:
    text = table(["performance[1].values.auc"], ["passes"], ("< 0.7", "false"))
    (decision,) = parse_dmn(dmn_file(text), "a.dmn")
    assert decision.evaluate({"performance": [{"values": {"auc": 0.6}}]}).rows == [{"passes": False}]
