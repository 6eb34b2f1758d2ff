"""A `decisionTable` element becomes a compiled table."""

from __future__ import annotations

from typing import Any

from mlc_service.dmn.cells import Cells
from mlc_service.dmn.coercion import CannotCoerce, coerce
from mlc_service.dmn.feel import Run, Scope
from mlc_service.dmn.index import RuleIndex
from mlc_service.dmn.languages import EvaluationFailed, Expression, FeelExpression
from mlc_service.dmn.source import CAMUNDA, Element
from mlc_service.dmn.table import AGGREGATIONS, HIT_POLICIES, Constant, DecisionTable, Input, Output, Rule, plain_row


def parse_table(cells: Cells, table: Element, decision: str, variable: str) -> DecisionTable | None:
    """The table, or None if a column is missing or wrong; every problem of its cells is reported to `cells`."""
    return _TableReader(cells, table, decision, variable).read()


class _TableReader:
    def __init__(self, cells: Cells, table: Element, decision: str, variable: str) -> None:
        self._cells = cells
        self._table = table
        self._decision = decision
        self._variable = variable

    def read(self) -> DecisionTable | None:
        before = len(self._cells.errors())
        hit_policy, aggregation = self._policy()
        columns = self._children(self._table, "input")
        inputs = [self._input(column, number) for number, column in enumerate(columns, 1)]
        names = [column.get(f"{{{CAMUNDA}}}inputVariable") for column in columns]
        outputs = self._outputs(ranked=hit_policy in ("PRIORITY", "OUTPUT ORDER"))
        if aggregation and len(outputs) > 1:
            self._report(f"COLLECT with {aggregation} works on one output column, and here are {len(outputs)}")
        labels = [f"input '{column.label}'" if column else "input" for column in inputs]
        rules = [
            self._rule(rule, number, labels, names, outputs)
            for number, rule in enumerate(self._children(self._table, "rule"), 1)
        ]
        if len(self._cells.errors()) > before:
            return None
        kept = tuple(column for column in inputs if column is not None)
        index = RuleIndex([rule.tests for rule in rules], len(kept))
        return DecisionTable(self._decision, hit_policy, aggregation, kept, tuple(outputs), tuple(rules), index)

    def _children(self, element: Element, kind: str) -> list[Element]:
        return element.findall(self._cells.namespace + kind)

    def _place(self, place: str) -> str:
        return f"decision '{self._decision}', {place}"

    def _report(self, message: str, element: Element | None = None) -> None:
        self._cells.report(f"decision '{self._decision}': {message}", self._table if element is None else element)

    def _policy(self) -> tuple[str, str | None]:
        hit_policy = self._table.get("hitPolicy", "UNIQUE")
        aggregation = self._table.get("aggregation")
        if hit_policy not in HIT_POLICIES:
            self._report(f"there is no hit policy '{hit_policy}'; there are {', '.join(HIT_POLICIES)}")
        if aggregation is not None and aggregation not in AGGREGATIONS:
            self._report(f"there is no aggregation '{aggregation}'; there are {', '.join(AGGREGATIONS)}")
        if aggregation is not None and hit_policy != "COLLECT":
            self._report(f"the aggregation {aggregation} needs the hit policy COLLECT, not {hit_policy}")
        return hit_policy, aggregation

    def _input(self, column: Element, number: int) -> Input | None:
        holder = column.find(self._cells.namespace + "inputExpression")
        variable = column.get(f"{{{CAMUNDA}}}inputVariable")
        text = "" if holder is None else self._cells.text(holder).strip()
        label = column.get("label") or text or variable or f"input {number}"
        type_ref = None if holder is None else self._cells.declared(holder.get("typeRef"))
        place = self._place(f"input '{label}'")
        expression: Expression | None
        if text and holder is not None:
            expression = self._cells.expression(holder, place)
        elif variable:
            expression = self._cells.named(variable)
        else:
            self._cells.report(f"{place}: there is neither an input expression nor an input variable", column)
            return None
        return None if expression is None else Input(label, expression, type_ref, column.get("id"))

    def _outputs(self, *, ranked: bool) -> list[Output]:
        columns = self._children(self._table, "output")
        if not columns:
            self._report("there is no output column")
        outputs = [self._output(column, number, len(columns)) for number, column in enumerate(columns, 1)]
        names = [output.name for output in outputs]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self._report(f"{names.count(name)} output columns have the name '{name}'")
        if ranked and columns and not any(output.ranking for output in outputs):
            self._report("PRIORITY and OUTPUT ORDER need the output values listed in their order (outputValues)")
        return outputs

    def _output(self, column: Element, number: int, of: int) -> Output:
        name = column.get("name") or column.get("label") or (self._variable if of == 1 else f"output {number}")
        label = column.get("label") or name
        place = self._place(f"output '{label}'")
        default = column.find(self._cells.namespace + "defaultOutputEntry")
        return Output(
            name=name,
            label=label,
            type_ref=self._cells.declared(column.get("typeRef")),
            ranking=self._ranking(column, place),
            default=None if default is None else self._cells.expression(default, place, optional=True),
            id=column.get("id"),
        )

    def _ranking(self, column: Element, place: str) -> tuple[Any, ...]:
        listed = column.find(self._cells.namespace + "outputValues")
        if listed is None or not self._cells.text(listed).strip():
            return ()
        expression = self._cells.list_of(listed, f"{place}, output values")
        try:
            return () if expression is None else tuple(expression.value(Scope(Run({}))))
        except EvaluationFailed as error:
            self._cells.report(f"{place}, output values: {error}", listed)
            return ()

    def _rule(
        self, rule: Element, number: int, labels: list[str], names: list[str | None], outputs: list[Output]
    ) -> Rule:
        rule_id = rule.get("id") or f"rule {number}"
        place = self._place(f"rule {number} ({rule_id})")
        questions, answers = self._children(rule, "inputEntry"), self._children(rule, "outputEntry")
        for kind, found, wanted in (("input", questions, labels), ("output", answers, outputs)):
            if len(found) != len(wanted):
                self._cells.report(f"{place}: {len(found)} {kind} cells for {len(wanted)} {kind} columns", rule)
        tests = []
        for at, (cell, label, name) in enumerate(zip(questions, labels, names, strict=False)):
            test = self._cells.tests(cell, f"{place}, cell {label}", name)
            tests += [(at, test)] if test is not None else []
        expressions = [
            self._cells.expression(cell, f"{place}, cell output '{output.label}'", optional=True)
            for cell, output in zip(answers, outputs, strict=False)
        ]
        return Rule(rule_id, number, tuple(tests), tuple(expressions), _constant(expressions, outputs))


def _constant(expressions: list[Expression | None], outputs: list[Output]) -> Constant | None:
    """The answers of the output cells if all of them are literals of their columns' types."""
    if len(expressions) != len(outputs):
        return None  # reported already
    found: list[Any] = []
    for expression, output in zip(expressions, outputs, strict=True):
        if expression is None:
            found.append(None)
            continue
        if not (isinstance(expression, FeelExpression) and expression.is_constant):
            return None
        try:
            found.append(coerce(expression.value(Scope(Run({}))), output.type_ref))
        except (EvaluationFailed, CannotCoerce):
            return None  # an error when the rule holds, and not before
    return Constant(found, plain_row(outputs, found))
