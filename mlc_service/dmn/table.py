"""Decision tables: which rules hold, and what the hit policy makes of them (DMN 1.5 §8.2.8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any

from mlc_service.dmn.coercion import CannotCoerce, Declared, coerce, local_name, plain_as
from mlc_service.dmn.feel import Scope, arithmetic, compare, to_plain
from mlc_service.dmn.index import RuleIndex
from mlc_service.dmn.languages import EvaluationFailed, Expression, Tests
from mlc_service.dmn.outcome import Account, Outcome
from mlc_service.dmn.results import DecisionError, InputValue, OutputValue

HIT_POLICIES = ("UNIQUE", "ANY", "FIRST", "PRIORITY", "RULE ORDER", "OUTPUT ORDER", "COLLECT")
AGGREGATIONS = ("SUM", "MIN", "MAX", "COUNT")


@dataclass(frozen=True, slots=True)
class Input:
    """A column of values to compare; `label` names it in messages."""

    label: str
    expression: Expression
    type_ref: Declared
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """A column of answers; `ranking` lists its values, best first, for PRIORITY and OUTPUT ORDER."""

    name: str
    label: str
    type_ref: Declared
    ranking: tuple[Any, ...] = ()
    default: Expression | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Constant:
    """The answers of a rule whose output cells are all literals of their types, and the plain row of them."""

    answers: list[Any]
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """A row; `tests` holds the cells that ask something, each with its column's index."""

    id: str
    number: int
    tests: tuple[tuple[int, Tests], ...]
    outputs: tuple[Expression | None, ...]
    constant: Constant | None = None

    def __str__(self) -> str:
        return f"{self.number} ({self.id})"


def plain_row(outputs: Sequence[Output], answers: list[Any]) -> dict[str, Any]:
    """The answers by the names of their columns, as plain Python."""
    return {out.name: plain_as(value, out.type_ref) for out, value in zip(outputs, answers, strict=True)}


@dataclass(frozen=True, slots=True)
class DecisionTable:
    decision: str
    hit_policy: str
    aggregation: str | None
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rules: tuple[Rule, ...]
    index: RuleIndex

    def evaluate(self, scope: Scope) -> Outcome:
        """The rows of the rules that hold, as the hit policy wants them. Raises DecisionError."""
        values = [self._input(column, scope) for column in self.inputs]
        matched = self._matching(values, scope)
        answers = [self._answers(rule, scope) for rule in matched]
        if not answers and any(output.default for output in self.outputs):
            answers = [self._defaults(scope)]
        rows = self._by_policy(matched, answers)
        return Outcome(
            rows=self._plain(matched, rows),
            value=self._value(rows),
            bindings=self._bindings(rows),
            matched_rules=[rule.id for rule in matched],
            inputs={column.label: to_plain(value) for column, value in zip(self.inputs, values, strict=True)},
            hit_policy=self.hit_policy,
            account=lambda: self._account(values, matched, answers, rows),
        )

    def _plain(self, matched: list[Rule], rows: list[list[Any]]) -> list[dict[str, Any]]:
        known = {id(rule.constant.answers): rule.constant.row for rule in matched if rule.constant is not None}
        return [dict(known[id(row)]) if id(row) in known else plain_row(self.outputs, row) for row in rows]

    def _account(
        self, values: list[Any], matched: list[Rule], answers: list[list[Any]], rows: list[list[Any]]
    ) -> Account:
        ruled: list[Rule | None] = [*matched] or [None] * len(answers)
        return Account(
            inputs=tuple(
                InputValue(
                    column.id, column.label, local_name(column.type_ref) or None, plain_as(value, column.type_ref)
                )
                for column, value in zip(self.inputs, values, strict=True)
            ),
            outputs=tuple(
                OutputValue(
                    clause_id=out.id,
                    clause_name=out.label,
                    rule_id=None if rule is None else rule.id,
                    rule_order=None if rule is None else order,
                    variable_name=out.name,
                    type_name=local_name(out.type_ref) or None,
                    value=plain_as(value, out.type_ref),
                )
                for order, (rule, row) in enumerate(zip(ruled, answers, strict=True), 1)
                for out, value in zip(self.outputs, row, strict=True)
            ),
            collected=None if self.aggregation is None else to_plain(rows[0][0]),
        )

    def _input(self, column: Input, scope: Scope) -> Any:
        try:
            return coerce(column.expression.value(scope), column.type_ref)
        except (EvaluationFailed, CannotCoerce) as error:
            raise DecisionError(str(error), self.decision, cell=f"input '{column.label}'") from error

    def _matching(self, values: list[Any], scope: Scope) -> list[Rule]:
        first_only = self.hit_policy == "FIRST"
        matched = []
        for at, cells in self.index.candidates(values):
            if not cells or self._hold(cells, self.rules[at], values, scope):
                matched.append(self.rules[at])
                if first_only:
                    break
        return matched

    def _hold(self, cells: list[tuple[int, Tests]], rule: Rule, values: list[Any], scope: Scope) -> bool:
        column = 0
        try:
            for column, tests in cells:
                if not tests.hold(values[column], scope):
                    return False
        except EvaluationFailed as error:
            cell = f"input '{self.inputs[column].label}'"
            raise DecisionError(str(error), self.decision, str(rule), cell) from error
        return True

    def _answers(self, rule: Rule, scope: Scope) -> list[Any]:
        if rule.constant is not None:
            return rule.constant.answers
        return [
            self._answer(output, expression, scope, str(rule))
            for output, expression in zip(self.outputs, rule.outputs, strict=True)
        ]

    def _defaults(self, scope: Scope) -> list[Any]:
        return [self._answer(output, output.default, scope, None) for output in self.outputs]

    def _answer(self, output: Output, expression: Expression | None, scope: Scope, rule: str | None) -> Any:
        if expression is None:
            return None
        try:
            return coerce(expression.value(scope), output.type_ref)
        except (EvaluationFailed, CannotCoerce) as error:
            raise DecisionError(str(error), self.decision, rule, f"output '{output.label}'") from error

    def _by_policy(self, matched: list[Rule], answers: list[list[Any]]) -> list[list[Any]]:
        if self.hit_policy == "UNIQUE" and len(matched) > 1:
            raise self._violation("UNIQUE allows one rule to hold", matched)
        if self.hit_policy == "ANY":
            if any(compare.equal(answers[0], other) is not True for other in answers[1:]):
                raise self._violation("ANY wants the same answer from every rule that holds", matched)
            return answers[:1]
        if self.hit_policy in ("PRIORITY", "OUTPUT ORDER"):
            ordered = sorted(answers, key=self._rank)
            return ordered[:1] if self.hit_policy == "PRIORITY" else ordered
        if self.aggregation is not None:
            return [[_AGGREGATE[self.aggregation](self, [row[0] for row in answers])]]
        return answers

    def _violation(self, message: str, matched: list[Rule]) -> DecisionError:
        rules = ", ".join(str(rule) for rule in matched)
        return DecisionError(f"{message}; here hold the rules {rules}", self.decision, rules)

    def _rank(self, row: list[Any]) -> tuple[int, ...]:
        """Where the row stands in the order of the output values, first column first; unlisted values come last."""
        ranks = []
        for output, value in zip(self.outputs, row, strict=True):
            places = (place for place, listed in enumerate(output.ranking) if compare.equal(listed, value) is True)
            ranks.append(next(places, len(output.ranking)))
        return tuple(ranks)

    def sum_of(self, values: list[Any]) -> Any:
        found = [value for value in values if value is not None]
        total = reduce(arithmetic.add, found) if found else None
        if found and total is None:
            raise DecisionError("SUM wants numbers in the output column", self.decision, cell=self._first_output())
        return total

    def extreme_of(self, values: list[Any], wanted: int) -> Any:
        found = [value for value in values if value is not None]
        best = found[0] if found else None
        for value in found:
            order = compare.order(value, best)
            if order is None:
                message = f"{self.aggregation} wants output values that have an order"
                raise DecisionError(message, self.decision, cell=self._first_output())
            best = value if order == wanted else best
        return best

    def _first_output(self) -> str:
        return f"output '{self.outputs[0].label}'"

    @property
    def _gives_many(self) -> bool:
        return self.hit_policy in ("RULE ORDER", "OUTPUT ORDER", "COLLECT") and self.aggregation is None

    def _value(self, rows: list[list[Any]]) -> Any:
        """DMN's value of the decision: one column gives bare values, several give contexts."""
        single = len(self.outputs) == 1
        names = [output.name for output in self.outputs]
        found = [row[0] if single else dict(zip(names, row, strict=True)) for row in rows]
        if self._gives_many:
            return found
        return found[0] if found else None

    def _bindings(self, rows: list[list[Any]]) -> dict[str, Any]:
        """Camunda's view of a required decision: its outputs by name, lists where several rows may come."""
        return {
            output.name: [row[at] for row in rows] if self._gives_many else (rows[0][at] if rows else None)
            for at, output in enumerate(self.outputs)
        }


_AGGREGATE: dict[str, Callable[[DecisionTable, list[Any]], Any]] = {
    "SUM": lambda table, values: table.sum_of(values),
    "MIN": lambda table, values: table.extreme_of(values, -1),
    "MAX": lambda table, values: table.extreme_of(values, 1),
    "COUNT": lambda _, values: Decimal(len(values)),
}
