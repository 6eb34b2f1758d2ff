"""What holds for all FEEL values and texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlc_service.dmn.feel import (
    EvaluationLimit,
    FeelSyntaxError,
    Run,
    Scope,
    compare,
    expression,
    times,
    to_feel,
    to_plain,
    unary_tests,
)

numbers = st.decimals(-(10**6), 10**6, places=3, allow_nan=False)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=5)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
truths = st.sampled_from([True, False, None])


def value(text: str, **variables: Any) -> Any:
    return expression(text).value(Scope(Run(variables)))


@given(numbers, numbers)
def test_sums_are_exact_and_order_agrees_with_difference(left: Decimal, right: Decimal) -> None:
    assert value("a + b - b = a", a=left, b=right) is True
    assert value("a < b", a=left, b=right) is (left - right < 0)


@given(values, values)
def test_equality_is_symmetric_and_reflexive(left: Any, right: Any) -> None:
    one, other = to_feel(left), to_feel(right)
    assert compare.equal(one, one) is True
    assert compare.equal(one, other) is compare.equal(other, one)


@given(scalars, scalars)
def test_order_is_antisymmetric(left: Any, right: Any) -> None:
    one, other = compare.order(left, right), compare.order(right, left)
    assert (one is None) == (other is None)
    assert one is None or other is None or one == -other


@given(truths, truths)
def test_de_morgan_holds_with_null(left: bool | None, right: bool | None) -> None:
    assert compare.negate(compare.both(left, right)) is compare.either(compare.negate(left), compare.negate(right))


@given(numbers, numbers, numbers)
def test_a_range_is_the_two_comparisons(low: Decimal, high: Decimal, x: Decimal) -> None:
    cell = f"[{low:f}..{high:f}["
    expected = low <= x < high
    assert unary_tests(cell).hold(x, Scope(Run({}))) is expected


@given(values)
def test_values_come_out_as_json(found: Any) -> None:
    plain = to_plain(to_feel(found))
    assert json.loads(json.dumps(plain)) == plain


@given(st.floats())
def test_any_float_gives_a_json_safe_number_or_null(number: float) -> None:
    json.dumps(to_plain(to_feel(number)), allow_nan=False)


@given(st.dates(), st.integers(-4000, 4000))
def test_days_are_counted_as_python_counts_them(day: date, by: int) -> None:
    ours = times.Date(day.year, day.month, day.day)
    assert ours.weekday() == day.isoweekday()
    assert ours.ordinal() == (day - date(1970, 1, 1)).days
    moved = times.date_of_ordinal(ours.ordinal() + by)
    if date(1, 1, 1) <= date.min and abs(by) < 3000 and date(10, 1, 1) < day < date(9980, 1, 1):
        assert str(moved) == (day + timedelta(days=by)).isoformat()


@given(st.integers(-999_999_999, 999_999_999), st.integers(1, 12), st.integers(1, 28))
def test_a_date_survives_its_text_and_its_number(year: int, month: int, day: int) -> None:
    found = times.Date(year, month, day)
    assert times.parse_date(str(found)) == found
    assert times.date_of_ordinal(found.ordinal()) == found


@given(st.integers(-(10**25), 10**25))
def test_a_duration_survives_its_text(nanos: int) -> None:
    found = times.DaysTime(nanos)
    assert times.parse_duration(str(found)) == found


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    for read in (expression, unary_tests):
        assert 0 <= _offset_of_refusal(read, text) <= len(text)


def _offset_of_refusal(read: Callable[[str], Any], text: str) -> int:
    try:
        read(text)
    except FeelSyntaxError as error:
        return error.offset
    return 0


_FUNCTIONS = [
    "sum",
    "count",
    "min",
    "max",
    "mean",
    "median",
    "mode",
    "stddev",
    "product",
    "sqrt",
    "exp",
    "log",
    "abs",
    "floor",
    "ceiling",
    "string",
    "number",
    "date",
    "time",
    "duration",
    "sort",
    "reverse",
    "flatten",
    "all",
    "any",
    "not",
    "odd",
    "even",
    "context",
]
_TWO = (
    "modulo",
    "decimal",
    "contains",
    "substring",
    "split",
    "matches",
    "append",
    "concatenate",
    "round up",
    "sublist",
)
_atoms = st.sampled_from(
    [
        *(
            "1",
            "-2.5",
            "1e6000",
            "0",
            '"a"',
            '""',
            "null",
            "true",
            "x",
            "big",
            '@"2024-01-31"',
            '@"P1M"',
            '@"PT1H"',
            "[]",
        ),
        *("[1..3]", '@"10:00:00Z"', '@"999999999-12-31"', '"P1D"', "{a: 1}", "inf"),
    ]
)
_expressions = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "**", "=", "<", ">=", "and", "or", "in"]), inner).map(
            lambda found: f"({found[0]} {found[1]} {found[2]})"
        ),
        st.tuples(st.sampled_from(_FUNCTIONS), inner).map(lambda found: f"{found[0]}({found[1]})"),
        st.tuples(st.sampled_from(_TWO), inner, inner).map(lambda found: f"{found[0]}({found[1]}, {found[2]})"),
        st.lists(inner, max_size=3).map(lambda found: f"[{', '.join(found)}]"),
        st.tuples(inner, inner).map(lambda found: f"{found[0]}[{found[1]}]"),
        st.tuples(inner, st.sampled_from(["a", "year", "days", "start"])).map(lambda found: f"{found[0]}.{found[1]}"),
        st.tuples(inner, inner).map(lambda found: f"for i in {found[0]} return {found[1]}"),
        st.tuples(inner, inner, inner).map(lambda found: f"if {found[0]} then {found[1]} else {found[2]}"),
    ),
    max_leaves=8,
)


@settings(max_examples=400)
@given(_expressions)
def test_every_expression_has_a_value_or_hits_a_limit(text: str) -> None:
    variables = {"x": [1, "b", None], "big": 10**30, "inf": float("inf")}
    try:
        found = value(text, **variables)
    except (EvaluationLimit, FeelSyntaxError):
        return
    json.dumps(to_plain(found), allow_nan=False)


def test_a_number_keeps_thirty_four_digits() -> None:
    assert value("1 / 3") == Decimal("0." + "3" * 34)
    assert value("9007199254740993 + 0") == Decimal(9007199254740993)
    assert to_plain(value("9007199254740993")) == pytest.approx(9007199254740993, abs=0)
