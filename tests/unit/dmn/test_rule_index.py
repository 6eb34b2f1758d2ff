"""The index of a table's rules says what asking every cell says, for any cells and any values."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlc_service.dmn.feel import Run, Scope, to_feel
from mlc_service.dmn.index import RuleIndex
from mlc_service.dmn.languages import FeelTests, Vocabulary, compile_tests
from mlc_service.dmn.languages import Tests as CellTests

NUMBERS = st.sampled_from(["-2", "0", "1", "1.0", "1.5", "2", "10"])
TEXTS = st.sampled_from(['""', '"a"', '"b"', '"ab"'])
DAYS = st.sampled_from(['date("2024-01-01")', '@"2024-02-29"', 'date("2025-01-01")', 'date("nonsense")'])
DURATIONS = st.sampled_from(['duration("P1D")', '@"P1M"', '@"P1Y"', '@"-P2D"'])
MOMENTS = st.sampled_from(['date and time("2024-01-01T00:00:00")', '@"12:00:00"'])
OTHERS = st.sampled_from(["null", "true", "false", "x", "x + 1", '["a", "b"]', "{a: 1}"])
CONSTANTS = st.one_of(NUMBERS, TEXTS, DAYS, DURATIONS, MOMENTS, OTHERS)
OPERATORS = st.sampled_from(["<", "<=", ">", ">=", "=", "!="])
OPERATED = st.builds(lambda operator, end: f"{operator} {end}", OPERATORS, CONSTANTS)


def _range(ends: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{}{}..{}{}".format, st.sampled_from("[(]"), ends, ends, st.sampled_from("])["))


RANGES = st.one_of(_range(NUMBERS), _range(TEXTS), _range(DAYS), _range(DURATIONS), _range(CONSTANTS))
OPEN = st.sampled_from(["(..5]", "[1..)", "(..)"])
TESTS = st.one_of(CONSTANTS, OPERATED, RANGES, OPEN, st.sampled_from(["? > 1", "? = x", "x > 1"]))
SEVERAL = st.lists(TESTS, min_size=1, max_size=3).map(", ".join)
CELLS = st.one_of(st.just("-"), SEVERAL, SEVERAL.map("not({})".format))
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-3, -2, 0, 1, 1.25, 1.5, 2, 10, 11, 10**30, float("inf")]),
    st.sampled_from(["", "a", "aa", "ab", "b", "c"]),
    st.sampled_from(
        [date(2023, 1, 1), date(2024, 1, 1), date(2024, 2, 29), datetime(2024, 1, 1, tzinfo=UTC), time(12)]
    ),
    st.sampled_from([timedelta(days=1), timedelta(days=-2), timedelta(days=40)]),
    st.sampled_from([["a", "b"], [1], {"a": 1}]),
)


def _compiled(text: str) -> CellTests | None:
    try:
        return compile_tests(None, text, Vocabulary(), None)
    except ValueError:
        return compile_tests(None, "-", Vocabulary(), None)


@settings(max_examples=600, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=12), st.tuples(VALUES, VALUES, VALUES), VALUES)
def test_the_index_finds_the_rules_that_asking_every_cell_finds(
    cells: list[tuple[str, ...]], values: tuple[Any, ...], x: Any
) -> None:
    rules = [[(at, tests) for at, text in enumerate(row) if (tests := _compiled(text)) is not None] for row in cells]
    scope = Scope(Run({"x": x}))
    given = [to_feel(value) for value in values]
    asked = [at for at, rule in enumerate(rules) if all(tests.hold(given[column], scope) for column, tests in rule)]
    found = [
        rule
        for rule, left in RuleIndex(rules, 3).candidates(given)
        if all(tests.hold(given[column], scope) for column, tests in left)
    ]
    assert found == asked


@pytest.mark.parametrize(
    ("cell", "value"),
    [('"high"', "high"), ("> 0.8", 0.9), ("[1..5[", 1), ('not("a", "b")', "c"), ("true", True), ("-99", -99),
     ('< date("2024-01-01")', date(2023, 1, 1)), ('duration("P1D")', timedelta(days=1)), ("null", None)],
)  # fmt: skip
def test_cells_of_constants_are_not_asked_at_all(cell: str, value: Any) -> None:
    tests = _compiled(cell)
    assert isinstance(tests, FeelTests)
    assert list(RuleIndex([[(0, tests)]], 1).candidates([to_feel(value)])) == [(0, [])]


@pytest.mark.parametrize("cell", ["x", "? > 1", "> x", "a-b", '["a"]', "count(?) > 1"])
def test_cells_with_names_or_functions_are_asked(cell: str) -> None:
    tests = _compiled(cell)
    assert isinstance(tests, FeelTests)
    assert list(RuleIndex([[(0, tests)]], 1).candidates([to_feel(1)])) == [(0, [(0, tests)])]
