"""What each hit policy makes of the rules that hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlc_service.dmn import DecisionError, DecisionResult, parse_dmn

Table = Callable[..., str]
File = Callable[..., bytes]


@pytest.fixture
def decide(table: Table, dmn_file: File) -> Callable[..., DecisionResult]:
    """The result of a table over `x` with rules `x > 1`, `x > 2`, `x > 3` for the given outputs."""

    def evaluate(policy: str, x: Any, outputs: tuple[str, ...], column: str = "y") -> DecisionResult:
        rules = [(f"> {at}", output) for at, output in enumerate(outputs, 1)]
        (decision,) = parse_dmn(dmn_file(table(["x"], [column], *rules, policy=policy)), "a.dmn")
        return decision.evaluate({"x": x})

    return evaluate


Decide = Callable[..., DecisionResult]


def test_unique_gives_the_one_rule_that_holds(decide: Decide) -> None:
    result = decide('hitPolicy="UNIQUE"', 2, ("10", "20", "30"))
    assert (result.rows, result.matched_rules) == ([{"y": 10}], ["r1"])
    assert (result.hit_policy, result.decision_key, result.inputs) == ("UNIQUE", "check", {"x": 2})


def test_unique_is_the_default_and_two_rules_violate_it(decide: Decide) -> None:
    with pytest.raises(DecisionError, match=r"1 \(r1\), 2 \(r2\)") as caught:
        decide("", 3, ("10", "20", "30"))
    assert caught.value.decision == "check"


def test_any_wants_one_answer(decide: Decide) -> None:
    assert decide('hitPolicy="ANY"', 4, ("10", "10", "10")).rows == [{"y": 10}]
    with pytest.raises(DecisionError, match="ANY"):
        decide('hitPolicy="ANY"', 4, ("10", "10", "11"))


def test_first_stops_at_the_first_rule(decide: Decide) -> None:
    result = decide('hitPolicy="FIRST"', 4, ("10", "20", "30"))
    assert (result.rows, result.matched_rules) == ([{"y": 10}], ["r1"])


RANKED = 'y|"low", "mid", "high"'


def test_priority_gives_the_best_ranked_output(decide: Decide) -> None:
    outputs = ('"high"', '"low"', '"mid"')
    assert decide('hitPolicy="PRIORITY"', 4, outputs, RANKED).rows == [{"y": "low"}]
    assert decide('hitPolicy="PRIORITY"', 2, outputs, RANKED).rows == [{"y": "high"}]


def test_output_order_sorts_by_rank_and_rule_order_by_rule(decide: Decide) -> None:
    outputs = ('"high"', '"unlisted"', '"low"')
    ordered = decide('hitPolicy="OUTPUT ORDER"', 4, outputs, RANKED)
    assert [row["y"] for row in ordered.rows] == ["low", "high", "unlisted"]
    assert ordered.matched_rules == ["r1", "r2", "r3"]
    by_rule = decide('hitPolicy="RULE ORDER"', 4, outputs, RANKED)
    assert [row["y"] for row in by_rule.rows] == ["high", "unlisted", "low"]


def test_priority_ranks_the_first_column_first(table: Table, dmn_file: File) -> None:
    columns = ['a|"x", "y"', 'b|"1st", "2nd"']
    rules = [("-", '"y"', '"1st"'), ("-", '"x"', '"2nd"'), ("-", '"x"', '"1st"')]
    source = dmn_file(table(["q"], columns, *rules, policy='hitPolicy="OUTPUT ORDER"'))
    (decision,) = parse_dmn(source, "a.dmn")
    assert [tuple(row.values()) for row in decision.evaluate({}).rows] == [
        ("x", "1st"),
        ("x", "2nd"),
        ("y", "1st"),
    ]


@pytest.mark.parametrize(
    ("aggregation", "x", "expected"),
    [
        ("SUM", 4, 60.5),
        ("MIN", 4, 10),
        ("MAX", 4, 30.5),
        ("COUNT", 4, 3),
        ("SUM", 2, 10),
        ("SUM", 0, None),
        ("MIN", 0, None),
        ("COUNT", 0, 0),
    ],
)
def test_collect_aggregates(decide: Decide, aggregation: str, x: int, expected: Any) -> None:
    result = decide(f'hitPolicy="COLLECT" aggregation="{aggregation}"', x, ("10", "20", "30.5"))
    assert result.rows == [{"y": expected}]


def test_collect_without_aggregation_gives_every_row(decide: Decide) -> None:
    assert decide('hitPolicy="COLLECT"', 3, ("10", "20", "30")).rows == [{"y": 10}, {"y": 20}]
    assert decide('hitPolicy="COLLECT"', 0, ("10", "20", "30")).rows == []


def test_a_sum_of_texts_is_an_error_with_its_place(decide: Decide) -> None:
    with pytest.raises(DecisionError, match="MIN wants") as caught:
        decide('hitPolicy="COLLECT" aggregation="MIN"', 4, ("1", '"a"', "2"))
    assert (caught.value.decision, caught.value.cell) == ("check", "output 'y'")


def test_default_outputs_are_given_when_no_rule_holds(table: Table, dmn_file: File) -> None:
    text = table(["x"], ["y"], ("> 1", "10"), policy="").replace(
        "</output>", "<defaultOutputEntry><text>-1</text></defaultOutputEntry></output>"
    )
    (decision,) = parse_dmn(dmn_file(text), "a.dmn")
    assert decision.evaluate({"x": 0}).rows == [{"y": -1}]
    assert decision.evaluate({"x": 5}).rows == [{"y": 10}]


@pytest.mark.parametrize("missing", [{}, {"x": None}, {"x": float("nan")}])
def test_a_metric_that_was_not_measured_lets_no_comparison_hold(missing: dict[str, Any], decide: Decide) -> None:
    result = decide('hitPolicy="COLLECT"', missing.get("x"), ("10", "20", "30"))
    assert (result.rows, result.inputs) == ([], {"x": None})
