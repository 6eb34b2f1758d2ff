"""Literal and boxed expressions, and decisions that require others."""

from __future__ import annotations

from collections.abc import Callable

from mlc_service.dmn import parse_dmn

Table = Callable[..., str]
File = Callable[..., bytes]


def literal(key: str, text: str, *requires: str, kind: str = "requiredDecision") -> str:
    links = "".join(f"<informationRequirement><{kind} href='#{other}'/></informationRequirement>" for other in requires)
    return (
        f"<decision id='{key}' name='{key} name'><variable name='{key} value'/>{links}"
        f"<literalExpression><text>{text}</text></literalExpression></decision>"
    )


def test_a_literal_expression_gives_one_row_under_its_variable(dmn_file: File) -> None:
    (decision,) = parse_dmn(dmn_file(literal("total", "a + b")), "a.dmn")
    assert decision.evaluate({"a": 1, "b": 2.5}).rows == [{"total value": 3.5}]
    assert decision.evaluate({}).rows == [{"total value": None}]


def test_required_decisions_come_first_and_are_seen_by_id_name_and_variable(dmn_file: File) -> None:
    source = dmn_file(
        literal("top", "base + base name + base value + mid", "mid", "base"),
        literal("mid", "base * 10", "base"),
        literal("base", "x + 1"),
    )
    decisions = {decision.key: decision for decision in parse_dmn(source, "a.dmn")}
    assert decisions["top"].evaluate({"x": 1}).rows == [{"top value": 26}]
    assert decisions["base"].evaluate({"x": 1}).rows == [{"base value": 2}]


def test_the_outputs_of_a_required_table_are_variables_as_in_camunda(table: Table, dmn_file: File) -> None:
    rules = table(["auc"], ["risk", "weight"], ("< 0.7", '"high"', "2"), ("-", '"any"', "1"), key="rules")
    source = dmn_file(literal("top", "count(risk) * sum(weight)", "rules"), rules)
    decisions = {decision.key: decision for decision in parse_dmn(source, "a.dmn")}
    assert decisions["top"].evaluate({"auc": 0.5}).rows == [{"top value": 6}]
    first = dmn_file(literal("top", "risk + rules.risk", "rules"), rules.replace("COLLECT", "FIRST"))
    decisions = {decision.key: decision for decision in parse_dmn(first, "a.dmn")}
    assert decisions["top"].evaluate({"auc": 0.5}).rows == [{"top value": "highhigh"}]


def test_declared_inputs_arrive_as_text_and_are_dates(dmn_file: File) -> None:
    data = "<inputData id='since' name='since'><variable name='since' typeRef='date'/></inputData>"
    source = dmn_file(data, literal("age", 'date("2024-02-01") - since', "since", kind="requiredInput"))
    (decision,) = parse_dmn(source, "a.dmn")
    assert decision.evaluate({"since": "2024-01-01"}).rows == [{"age value": "P31D"}]


def test_boxed_expressions_and_knowledge_models_are_run(dmn_file: File) -> None:
    source = dmn_file(
        """<businessKnowledgeModel id="b" name="payment"><encapsulatedLogic><formalParameter name="p"/>
        <formalParameter name="n"/><literalExpression><text>p / n</text></literalExpression></encapsulatedLogic>
        </businessKnowledgeModel>
        <decision id="k" name="k"><knowledgeRequirement><requiredKnowledge href="#b"/></knowledgeRequirement>
        <context>
         <contextEntry><variable name="each"/><invocation><literalExpression><text>payment</text></literalExpression>
          <binding><parameter name="n"/><literalExpression><text>4</text></literalExpression></binding>
          <binding><parameter name="p"/><literalExpression><text>amount</text></literalExpression></binding>
         </invocation></contextEntry>
         <contextEntry><variable name="rows"/><relation><column name="a"/><row><literalExpression><text>each</text>
          </literalExpression></row></relation></contextEntry>
        </context></decision>"""
    )
    (decision,) = parse_dmn(source, "a.dmn")
    assert decision.evaluate({"amount": 10}).rows == [{"k": {"each": 2.5, "rows": [{"a": 2.5}]}}]
