"""Boxed expressions: everything a decision's logic can be besides a decision table (DMN 1.5 §7.3, §10.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlc_service.dmn.cells import Cells
from mlc_service.dmn.coercion import CannotCoerce, Declared, coerce, coerce_strictly, coerced_or_null, plain_as
from mlc_service.dmn.feel import Scope, loops
from mlc_service.dmn.feel.external import external
from mlc_service.dmn.feel.functions import invoke
from mlc_service.dmn.feel.scope import Evaluate
from mlc_service.dmn.feel.tree import TypeOf
from mlc_service.dmn.feel.values import Function
from mlc_service.dmn.languages import EvaluationFailed
from mlc_service.dmn.outcome import Outcome, outcome_of
from mlc_service.dmn.parse_table import parse_table
from mlc_service.dmn.results import DecisionError
from mlc_service.dmn.source import Element


@dataclass(frozen=True, slots=True)
class BoxedExpression:
    """A decision whose logic gives one value, under the variable's name."""

    decision: str
    variable: str
    expression: Evaluate
    type_ref: Declared
    id: str | None = None
    strict: bool = True  # else the value is converted to its type, as Camunda 7 does

    def evaluate(self, scope: Scope) -> Outcome:
        """One row with the value. Raises DecisionError."""
        try:
            take = coerce_strictly if self.strict or isinstance(self.type_ref, TypeOf) else coerce
            value = take(self.expression(scope), self.type_ref)
        except (EvaluationFailed, CannotCoerce) as error:
            raise DecisionError(str(error), self.decision, cell="expression") from error
        return outcome_of(self.variable, value, plain_as(value, self.type_ref), clause_id=self.id)


def is_boxed(element: Element) -> bool:
    """Whether the element is an expression of some kind."""
    return _kind(element) in _KINDS


def compile_boxed(cells: Cells, element: Element, decision: str) -> Evaluate | None:
    """The closure that gives the expression's value. None if a part is wrong, which is reported to `cells`.

    The value is of the type that the element or its variable declares, or null.
    """
    compiled = compile_untyped(cells, element, decision)
    declared = cells.declared(element.get("typeRef"))
    if compiled is None or declared is None:
        return compiled
    return _typed(compiled, declared)


def compile_untyped(cells: Cells, element: Element, decision: str) -> Evaluate | None:
    """The closure that gives the expression's value, whatever type it declares."""
    return _KINDS[_kind(element)](_Reader(cells, decision), element)


def compile_function(cells: Cells, logic: Element, decision: str) -> Evaluate | None:
    """The closure that gives the function of a `functionDefinition` or `encapsulatedLogic` element."""
    return _Reader(cells, decision).function(logic)


def _kind(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _typed(value: Evaluate, declared: Declared) -> Evaluate:
    return lambda scope: coerced_or_null(value(scope), declared)


class _Reader:
    def __init__(self, cells: Cells, decision: str) -> None:
        self._cells = cells
        self._decision = decision

    def _children(self, element: Element, kind: str) -> list[Element]:
        return element.findall(self._cells.namespace + kind)

    def _report(self, message: str, element: Element) -> None:
        self._cells.report(f"decision '{self._decision}': {message}", element)

    def _only(self, element: Element) -> Evaluate | None:
        """The one expression inside the element."""
        found = next((child for child in element if is_boxed(child)), None)
        if found is None:
            self._report(f"there is no expression in this {_kind(element)}", element)
            return None
        return compile_boxed(self._cells, found, self._decision)

    def _part(self, element: Element, name: str) -> Evaluate | None:
        """The one expression inside the named child."""
        part = element.find(self._cells.namespace + name)
        if part is None:
            self._report(f"this {_kind(element)} has no '{name}'", element)
            return None
        return self._only(part)

    def literal(self, element: Element) -> Evaluate | None:
        # not strict: in a table such a cell would be a rule that never holds, here it is a value that is null
        expression = self._cells.expression(element, f"decision '{self._decision}', literal expression", strict=False)
        return None if expression is None else expression.value

    def table(self, element: Element) -> Evaluate | None:
        table = parse_table(self._cells, element, self._decision, "result")
        return None if table is None else lambda scope: table.evaluate(scope).value

    def context(self, element: Element) -> Evaluate | None:
        entries: list[tuple[str | None, Evaluate]] = []
        for entry in self._children(element, "contextEntry"):
            variable = entry.find(self._cells.namespace + "variable")
            value = self._only(entry)
            if value is None:
                return None
            if variable is not None and variable.get("typeRef"):
                value = _typed(value, self._cells.declared(variable.get("typeRef")))
            entries.append((None if variable is None else variable.get("name"), value))

        def evaluate(scope: Scope) -> Any:
            values: dict[str, Any] = {}
            inner = scope.inside(values)
            for name, value in entries:
                if name is None:
                    return value(inner)
                values[name] = value(inner)
            return values

        return evaluate

    def list(self, element: Element) -> Evaluate | None:
        items = [compile_boxed(self._cells, child, self._decision) for child in element if is_boxed(child)]
        kept = [item for item in items if item is not None]
        return None if len(kept) < len(items) else lambda scope: [item(scope) for item in kept]

    def relation(self, element: Element) -> Evaluate | None:
        names = [column.get("name", "") for column in self._children(element, "column")]
        rows = [self.list(row) for row in self._children(element, "row")]
        kept = [row for row in rows if row is not None]
        if len(kept) < len(rows):
            return None
        return lambda scope: [dict(zip(names, row(scope), strict=False)) for row in kept]

    def invocation(self, element: Element) -> Evaluate | None:
        called = self._only(element)
        bindings: list[tuple[str, Evaluate]] = []
        for binding in self._children(element, "binding"):
            parameter = binding.find(self._cells.namespace + "parameter")
            value = self._only(binding)
            if parameter is None or value is None:
                return None
            bindings.append((parameter.get("name", ""), value))
        if called is None:
            return None
        names = tuple(name for name, _ in bindings)

        def evaluate(scope: Scope) -> Any:
            scope.run.spend(1)
            return invoke(called(scope), [value(scope) for _, value in bindings], names, scope.run)

        return evaluate

    def function(self, element: Element) -> Evaluate | None:
        kind = element.get("kind", "FEEL")
        parameters = self._children(element, "formalParameter")
        names = tuple(parameter.get("name", "") for parameter in parameters)
        if kind == "Java":
            mapping = self._only(element)
            return None if mapping is None else lambda scope: external({"java": mapping(scope)}, names)
        if kind != "FEEL":
            self._report(f"functions of kind {kind} are not run", element)
            return None
        declared = [self._cells.declared(parameter.get("typeRef")) for parameter in parameters]
        types = tuple(TypeOf(kind) if isinstance(kind, str) else kind for kind in declared)
        body = self._only(element)
        if body is None:
            return None

        def evaluate(scope: Scope) -> Function:
            def call(given: list[Any]) -> Any:
                taken = [coerced_or_null(value, kind) for value, kind in zip(given, declared, strict=True)]
                # an argument of another type makes the call null (DMN 1.5 §10.3.2.13.3)
                if any(value is not None and kept is None for value, kept in zip(given, taken, strict=True)):
                    return None
                return body(scope.inside(dict(zip(names, taken, strict=True))))

            return Function("", names, call, types)

        return evaluate

    def conditional(self, element: Element) -> Evaluate | None:
        condition, then, otherwise = (self._part(element, name) for name in ("if", "then", "else"))
        if condition is None or then is None or otherwise is None:
            return None

        def evaluate(scope: Scope) -> Any:
            held = condition(scope)
            if held is True:
                return then(scope)
            return otherwise(scope) if held is False or held is None else None

        return evaluate

    def filter(self, element: Element) -> Evaluate | None:
        source, match = self._part(element, "in"), self._part(element, "match")
        return None if source is None or match is None else loops.filter_by(source, match, strict=True)

    def for_each(self, element: Element) -> Evaluate | None:
        source, body = self._part(element, "in"), self._part(element, "return")
        if source is None or body is None:
            return None
        return loops.for_each([(element.get("iteratorVariable", "item"), source)], body)

    def some(self, element: Element) -> Evaluate | None:
        return self._quantify(element, every=False)

    def every(self, element: Element) -> Evaluate | None:
        return self._quantify(element, every=True)

    def _quantify(self, element: Element, *, every: bool) -> Evaluate | None:
        source, condition = self._part(element, "in"), self._part(element, "satisfies")
        if source is None or condition is None:
            return None
        return loops.quantify([(element.get("iteratorVariable", "item"), source)], condition, every=every, strict=True)


_KINDS: dict[str, Callable[[_Reader, Element], Evaluate | None]] = {
    "literalExpression": _Reader.literal,
    "decisionTable": _Reader.table,
    "context": _Reader.context,
    "list": _Reader.list,
    "relation": _Reader.relation,
    "invocation": _Reader.invocation,
    "functionDefinition": _Reader.function,
    "conditional": _Reader.conditional,
    "filter": _Reader.filter,
    "for": _Reader.for_each,
    "some": _Reader.some,
    "every": _Reader.every,
}
