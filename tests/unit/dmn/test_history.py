"""What history is told: which rules held on which inputs, of the decision and of those it requires."""

from __future__ import annotations

from collections.abc import Callable

from mlc_service.dmn import InputValue, OutputValue, parse_dmn

Table = Callable[..., str]
File = Callable[..., bytes]


def test_a_record_names_inputs_rules_and_outputs(table: Table, dmn_file: File) -> None:
    rules = table(
        ["auc:double", "model risk:string"], ["passes:boolean", "reason"],
        ("< 0.7", "-", "false", '"low auc"'), ("-", '"High"', "false", '"risky"'), ("> 2", "-", "true", '""'),
    )  # fmt: skip
    (decision,) = parse_dmn(dmn_file(rules), "a.dmn")
    result = decision.evaluate({"auc": 0.6, "model risk": "High"})
    (record,) = result.records
    assert (record.decision_key, record.decision_name, record.hit_policy) == ("check", "check", "COLLECT")
    assert record.matched_rules == ("r1", "r2")
    assert record.inputs == (
        InputValue("i_auc", "auc", "double", 0.6),
        InputValue("i_model risk", "model risk", "string", "High"),
    )
    assert record.outputs == (
        OutputValue("o_passes", "passes", "r1", 1, "passes", "boolean", False),
        OutputValue("o_reason", "reason", "r1", 1, "reason", None, "low auc"),
        OutputValue("o_passes", "passes", "r2", 2, "passes", "boolean", False),
        OutputValue("o_reason", "reason", "r2", 2, "reason", None, "risky"),
    )


def test_required_decisions_are_recorded_first_and_once(table: Table, dmn_file: File) -> None:
    link = "<informationRequirement><requiredDecision href='#{}'/></informationRequirement>"
    base = table(["x"], ["level"], ("> 1", '"high"'), policy='hitPolicy="UNIQUE"', key="base")
    middle = (
        f"<decision id='middle' name='middle'>{link.format('base')}"
        "<literalExpression id='e'><text>level</text></literalExpression></decision>"
    )
    top = (
        f"<decision id='top' name='top'>{link.format('base')}{link.format('middle')}"
        "<literalExpression><text>[level, middle]</text></literalExpression></decision>"
    )
    decisions = {one.key: one for one in parse_dmn(dmn_file(base, middle, top), "a.dmn")}
    result = decisions["top"].evaluate({"x": 2})
    assert result.rows == [{"top": ["high", "high"]}]
    assert [record.decision_key for record in result.records] == ["base", "middle", "top"]
    assert result.records[0].matched_rules == ("r1",)
    assert result.records[1].outputs == (OutputValue("e", "middle", None, None, "middle", None, "high"),)


def test_an_aggregate_is_recorded_beside_the_values_it_is_made_of(table: Table, dmn_file: File) -> None:
    rules = table(["x"], ["n"], ("> 1", "2"), ("> 0", "3"), policy='hitPolicy="COLLECT" aggregation="SUM"')
    (decision,) = parse_dmn(dmn_file(rules), "a.dmn")
    (record,) = decision.evaluate({"x": 5}).records
    assert record.collected == 5
    assert [output.value for output in record.outputs] == [2, 3]


def test_default_outputs_belong_to_no_rule(table: Table, dmn_file: File) -> None:
    source = dmn_file(table(["x"], ["n"], ("> 1", "2"))).replace(
        b'<output id="o_n" name="n">',
        b'<output id="o_n" name="n"><defaultOutputEntry><text>9</text></defaultOutputEntry>',
    )
    (decision,) = parse_dmn(source, "a.dmn")
    (record,) = decision.evaluate({"x": 0}).records
    assert [(output.rule_id, output.value) for output in record.outputs] == [(None, 9)]
