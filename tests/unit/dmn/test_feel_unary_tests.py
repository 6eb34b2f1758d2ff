"""Input cells: which values pass."""

from __future__ import annotations

from typing import Any

import pytest

from mlc_service.dmn.feel import FeelSyntaxError, Run, Scope, to_feel, unary_tests


def passes(cell: str, value: Any, **variables: Any) -> bool:
    return unary_tests(cell).hold(to_feel(value), Scope(Run(variables)))


@pytest.mark.parametrize(
    ("cell", "holds", "fails"),
    [
        ("<= 0.90", [0.9, -1], [0.91, None, "0.5"]),
        ("<=.7", [0.7], [0.70001]),
        (">0", [0.001], [0, None]),
        ('"High"', ["High"], ["high", 1, None]),
        ("-99", [-99, -99.0], [99, None]),
        ("[0.1..0.2]", [0.1, 0.15, 0.2], [0.09, 0.21, None]),
        ("[0..0.1[", [0, 0.099], [0.1]),
        ("]1..5[", [2], [1, 5]),
        ("(1..5)", [2], [1, 5]),
        ("]0.2..1]", [1, 0.3], [0.2]),
        ('"a","b"', ["a", "b"], ["c", None]),
        ("< 10, > 20", [9, 21], [10, 15, 20]),
        ("[1..3], 7, > 10", [2, 7, 11], [5]),
        ("not(5)", [4], [5]),
        ("not(> 5)", [5], [6, None]),
        ('not("a", "b")', ["c"], ["a", "b"]),
        ("null", [None], [0, "", False]),
        ("not(null)", [0], [None]),
        ("true", [True], [False, None, "true"]),
        ("false", [False], [None, 0]),
        ('starts with(?, "ab")', ["abc"], ["b", None, 1]),
        ("? > 5 and ? < 9", [6], [5, 9, None]),
        ("not(? > 5)", [5], [6, None]),
        ("!= 5", [4], [5]),
        ("= 5", [5], [4]),
        ("[1, 2]", [1, 2], [3]),
        ("limit", [10], [9]),
        ("< limit", [9], [10, None]),
        ("<= limit * 2", [20], [21]),
        ("other > 3", [1, None], []),
        ("other > 9", [], [1, None]),
        ("missing", [None], [1]),
        ("< missing", [], [1, None]),
        ("[missing..5]", [], [1, None]),
        ("not([missing..5])", [], [1]),
        ('date("2024-01-01")', ["2024-01-01"], []),
    ],
)
def test_cells(cell: str, holds: list[Any], fails: list[Any]) -> None:
    def given(value: Any) -> Any:
        from datetime import date

        return date.fromisoformat(value) if isinstance(value, str) and value.startswith("20") else value

    for value in holds:
        assert passes(cell, given(value), limit=10, other=4), value
    for value in fails:
        assert not passes(cell, given(value), limit=10, other=4), value


@pytest.mark.parametrize("cell", ["", "  ", "-", " - "])
def test_an_empty_cell_passes_everything(cell: str) -> None:
    assert all(passes(cell, value) for value in (None, 1, "a", True, []))


def test_dates_and_durations_in_cells() -> None:
    from datetime import UTC, date, datetime, timedelta

    assert passes('>= date("2024-01-01")', date(2024, 6, 1))
    assert passes('[date("2024-01-01")..date("2024-12-31")]', date(2024, 6, 1))
    assert passes('< date and time("2024-01-01T00:00:00Z")', datetime(2023, 12, 31, tzinfo=UTC))
    assert passes('[duration("P1D")..duration("P7D")]', timedelta(days=3))
    assert not passes('> duration("P1D")', timedelta(hours=3))


@pytest.mark.parametrize("cell", ["<", "1,", "[1..", "not(", '"a" "b"', "<= 0,5 6", '@"2024-13-01"', "> > 5"])
def test_a_broken_cell_is_refused(cell: str) -> None:
    with pytest.raises(FeelSyntaxError):
        unary_tests(cell)
