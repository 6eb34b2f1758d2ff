"""FEEL expressions: the value each one has."""

from __future__ import annotations

from typing import Any

import pytest

from mlc_service.dmn.feel import EvaluationLimit, FeelSyntaxError, Run, Scope, expression, to_plain


def value(text: str, **variables: Any) -> Any:
    return to_plain(expression(text).value(Scope(Run(variables))))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 ** 2", 19),
        ("-5 ** 2", 25),
        ("0.1 + 0.2", 0.3),
        ("1 / 3 * 3", 1),
        ("1 / 0", None),
        (".5 + .25", 0.75),
        ("1.5e3", 1500),
        ('"a" + "b"', "ab"),
        ('"a" + 1', None),
        ("1 + null", None),
        ("(1 + 2) * 3", 9),
        ("10 - 3 - 2", 5),
        ("-(2 + 3)", -5),
        ("1 /* one */ + // and\n 1", 2),
    ],
)
def test_arithmetic(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 = 1.0", True),
        ('1 = "1"', None),
        ("null = null", True),
        ("1 = null", False),
        ("1 != 2", True),
        ("[1, 2] = [1, 2]", True),
        ("{a: 1, b: 2} = {b: 2, a: 1}", True),
        ("1 < null", None),
        ('"a" < "b"', True),
        ("4 between 1 and 5", True),
        ("x between 1 and 5", None),
        ("5 in (1, < 3, >= 5)", True),
        ("2 in [2..4[", True),
        ("4 in [2..4[", False),
        ('"a" in ["b", "a"]', True),
        ("x = null", True),
        ("1 instance of number", True),
        ('"1" instance of number', False),
        ("[1, 2] instance of list<number>", True),
        ('date("2024-01-01") instance of date and time', False),
    ],
)
def test_comparisons(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize("left", ["true", "false", "null"])
@pytest.mark.parametrize("right", ["true", "false", "null"])
def test_and_or_are_three_valued(left: str, right: str) -> None:
    both, either = value(f"{left} and {right}"), value(f"{left} or {right}")
    pair = {left, right}
    assert both == (False if "false" in pair else None if "null" in pair else True)
    assert either == (True if "true" in pair else None if "null" in pair else False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('if 1 < 2 then "a" else "b"', "a"),
        ('if null then "a" else "b"', "b"),
        ("for i in 1..3 return i * 2", [2, 4, 6]),
        ("for i in 3..1 return i", [3, 2, 1]),
        ("for i in [1, 2], j in [10, 20] return i + j", [11, 21, 12, 22]),
        ("for i in 1..4 return if i < 3 then 1 else sum(partial)", [1, 1, 2, 4]),
        ("some x in [1, 2] satisfies x > 1", True),
        ("every x in [1, 2] satisfies x > 1", False),
        ("[1, 2, 3, 4][item > 2]", [3, 4]),
        ("[10, 20, 30][-1]", 30),
        ("[10, 20, 30][2]", 20),
        ("[10][5]", None),
        ("[{a: 1}, {a: 2}][a > 1]", [{"a": 2}]),
        ("[{a: 1}, {a: 2}].a", [1, 2]),
        ("{a: 1, b: a + 1}.b", 2),
        ("{foo bar: 1}.foo bar", 1),
        ("null.a", None),
        ("(function(a, b) a + b)(1, 2)", 3),
        ("(function(a, b) a - b)(b: 1, a: 5)", 4),
        ("{fact: function(n) if n < 2 then 1 else n * fact(n - 1), of five: fact(5)}.of five", 120),
        ("[1..10].start included", True),
        ("nobody(1)", None),
    ],
)
def test_control_flow_lists_and_contexts(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum(1, 2, 3)", 6),
        ("sum([])", None),
        ("max([1, 5, 2])", 5),
        ("mean([1, 2])", 1.5),
        ("median([1, 9, 2])", 2),
        ("count([1, null])", 2),
        ("sort([3, 1, 2], function(x, y) x < y)", [1, 2, 3]),
        ("list contains([1, 2], 2)", True),
        ("distinct values([1, 2, 1.0])", [1, 2]),
        ("index of([1, 2, 1], 1)", [1, 3]),
        ("sublist([1, 2, 3], -2)", [2, 3]),
        ("flatten([[1], [[2]]])", [1, 2]),
        ('string length("\\U01F40Eab")', 3),
        ('substring("hello", 2, 3)', "ell"),
        ('substring(string: "hello", start position: -3)', "llo"),
        ('contains("foobar", "oba")', True),
        ('split("a;b", ";")', ["a", "b"]),
        ('replace("abc", "(b)", "[$1]")', "a[b]c"),
        ('matches("abc", "^a.c$")', True),
        ('upper case("ab")', "AB"),
        ("string(1.50)", "1.5"),
        ('number("1,000.5", ",", ".")', 1000.5),
        ("decimal(1 / 3, 2)", 0.33),
        ("floor(-1.5)", -2),
        ("modulo(-12, 5)", 3),
        ("not(true)", False),
        ("abs(-1)", 1),
        ('get value({a: 1}, "a")', 1),
        ('context put({a: 1}, "b", 2)', {"a": 1, "b": 2}),
        ("before([1..5], 6)", True),
    ],
)
def test_built_in_functions(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('date("2024-01-31") + duration("P1M")', "2024-02-29"),
        ('date("2024-03-01") - date("2024-02-01")', "P29D"),
        ('date("2024-02-30")', None),
        ('date("2024-01-01").year', 2024),
        ('date("2024-01-01").weekday', 1),
        ('date and time("2024-01-01T00:00:00Z") > date and time("2024-01-01T00:00:00+01:00")', True),
        ('time("23:00:00") + duration("PT2H")', "01:00:00"),
        ('@"2024-01-01"', "2024-01-01"),
        ('years and months duration(date("2020-01-01"), date("2021-03-01"))', "P1Y2M"),
        ('duration("P1DT36H")', "P2DT12H"),
        ('string(date and time("2011-12-31T10:15:30@Europe/Paris"))', "2011-12-31T10:15:30@Europe/Paris"),
        ('date("-0044-03-15") < date("2024-01-01")', True),
        ("now()", None),
    ],
)
def test_dates_and_durations(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("if <0 or >10 then true else false", 3, "'<' found"),
        ('"…High Risk Models"r', 19, "'r' is left over"),
        ("1 +", 3, "the end found"),
        ("a == b", 2, "equality is written '='"),
        ("x AND y", 2, "write 'and'"),
        ("not x", 0, "parentheses"),
        ('"open', 0, "no closing quote"),
        ("a # b", 2, "'#' does not belong here"),
        ("(" * 100 + "1" + ")" * 100, 40, "nested more than"),
    ],
)
def test_what_is_no_feel_is_refused_with_its_place(text: str, offset: int, says: str) -> None:
    with pytest.raises(FeelSyntaxError) as caught:
        expression(text)
    assert says in caught.value.message
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    "text",
    [
        "for i in 1..1000000000 return i",
        "for a in 1..1000, b in 1..1000, c in 1..1000 return a",
        "{f: function(n) f(n + 1), x: f(1)}.x",
        'matches("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "^(a+)+$")',
        '{f: function(s, n) if n = 0 then s else f(s + s, n - 1), x: f("aaaaaaaa", 40)}.x',
        "1 + " * 3000 + "1",
    ],
)
def test_an_expression_that_would_never_end_is_stopped(text: str) -> None:
    with pytest.raises((EvaluationLimit, FeelSyntaxError)):
        value(text)


def test_a_name_with_a_hyphen_is_a_variable_if_there_is_one_and_else_a_difference() -> None:
    text = "DataDrift_maxKolmogorov-SmirnovPValue * 2"
    assert value(text, **{"DataDrift_maxKolmogorov-SmirnovPValue": 0.25}) == 0.5
    assert value("a-b", a=3, b=1) == 2
    assert value("a-b", **{"a": 3, "b": 1, "a-b": 7}) == 7
    assert value(text) is None


def test_words_side_by_side_are_one_name() -> None:
    assert value("Service Response Time + 1", **{"Service Response Time": 2}) == 3


def test_a_known_name_may_hold_a_keyword() -> None:
    found = expression("Terms and Conditions = true", known=["Terms and Conditions"])
    assert found.value(Scope(Run({"Terms and Conditions": True}))) is True


def test_a_metric_that_is_called_like_a_function_hides_it_only_as_a_value() -> None:
    assert value("count + count([7, 8])", count=5) == 7
    assert value("mean > 0.5", mean=0.6) is True


def test_nan_and_unknown_objects_are_null() -> None:
    assert value("x = null", x=float("nan")) is True
    assert value("x = null", x=object()) is True
    assert value("x > 5", x=float("inf")) is True


def test_a_time_is_passed_in_and_never_read_from_a_clock() -> None:
    from datetime import UTC, datetime

    assert value("today()", __now__=datetime(2026, 1, 2, 3, tzinfo=UTC)) == "2026-01-02"
