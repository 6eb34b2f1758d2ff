"""A syntax tree becomes closures: everything that can be decided once is decided here, not per evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, cast

from mlc_service.dmn.feel import arithmetic, compare, loops, tree
from mlc_service.dmn.feel.external import external
from mlc_service.dmn.feel.functions import FUNCTIONS, invoke
from mlc_service.dmn.feel.properties import property_of
from mlc_service.dmn.feel.scope import Evaluate, Scope
from mlc_service.dmn.feel.types import coerced, conforms, type_of
from mlc_service.dmn.feel.values import Function, Range

Test = Callable[[Any, Scope], bool | None]


def compile_node(node: tree.Node) -> Evaluate:
    """The closure that gives the node's value in a scope."""
    return _COMPILERS[type(node)](node)


def compile_tests(tests: tree.UnaryTests) -> Test | None:
    """The closure that says whether an input value passes the cell; None for a cell that passes everything.

    Three-valued, so that `not(> 5)` does not hold for a value that is missing.
    """
    if not tests.tests:
        return None
    compiled = [_test(test) for test in tests.tests]
    holds = compiled[0] if len(compiled) == 1 else _any_of(compiled)
    return (lambda value, scope: compare.negate(holds(value, scope))) if tests.negated else holds


def _any_of(tests: list[Test]) -> Test:
    def holds(value: Any, scope: Scope) -> bool | None:
        answer: bool | None = False
        for test in tests:
            answer = compare.either(answer, test(value, scope))
            if answer is True:
                return True
        return answer

    return holds


def _test(node: tree.Node) -> Test:
    if isinstance(node, tree.OperatorTest):
        compare_to, end = compare.COMPARISONS[node.operator], compile_node(node.end)
        if isinstance(node.end, tree.Literal):
            constant = node.end.value
            return lambda value, _: compare_to(value, constant)
        return lambda value, scope: compare_to(value, end(scope))
    evaluate = compile_node(node)
    if isinstance(node, tree.Literal):
        constant = node.value
        return lambda value, _: compare.equal(value, constant)
    if _uses_input(node):
        return lambda value, scope: _truth(evaluate(scope.inside({"?": value})))
    if isinstance(node, tree.RangeOf):

        def inside(value: Any, scope: Scope) -> bool | None:
            span = evaluate(scope)
            return None if span is None else compare.belongs(value, span)

        return inside
    # `limit > 5` in a cell is a condition of its own; `flag` is a value to compare with
    if isinstance(node, _CONDITIONS):

        def condition(value: Any, scope: Scope) -> bool | None:
            answer = evaluate(scope)
            if isinstance(answer, bool) and not isinstance(value, bool):
                return answer
            return compare.belongs(value, answer)

        return condition
    return lambda value, scope: compare.belongs(value, evaluate(scope))


def _truth(answer: Any) -> bool | None:
    return answer if isinstance(answer, bool) else None


def _uses_input(node: object) -> bool:
    if isinstance(node, tree.Name):
        return node.name == "?"
    if isinstance(node, tuple):
        return any(_uses_input(part) for part in node)
    return is_dataclass(node) and any(_uses_input(getattr(node, part.name)) for part in fields(node))


def _literal(node: tree.Literal) -> Evaluate:
    value = node.value
    return lambda _: value


def _name(node: tree.Name) -> Evaluate:
    name = node.name
    built_in = FUNCTIONS.get(name)
    if built_in is None:
        return lambda scope: scope.find(name)
    return lambda scope: scope.find(name) if scope.knows(name) else built_in


def _arithmetic(node: tree.Arithmetic) -> Evaluate:
    operate, left, right = arithmetic.ARITHMETIC[node.operator], compile_node(node.left), compile_node(node.right)
    return lambda scope: operate(left(scope), right(scope))


def _negative(node: tree.Negative) -> Evaluate:
    operand = compile_node(node.operand)
    if isinstance(node.operand, tree.Literal):
        constant = arithmetic.negative(node.operand.value)
        return lambda _: constant
    return lambda scope: arithmetic.negative(operand(scope))


def _comparison(node: tree.Comparison) -> Evaluate:
    compare_with, left, right = compare.COMPARISONS[node.operator], compile_node(node.left), compile_node(node.right)
    return lambda scope: compare_with(left(scope), right(scope))


def _logic(node: tree.Logic) -> Evaluate:
    left, right = compile_node(node.left), compile_node(node.right)
    decided, join = (False, compare.both) if node.operator == "and" else (True, compare.either)

    def evaluate(scope: Scope) -> bool | None:
        first = left(scope)
        return decided if first is decided else join(first, right(scope))

    return evaluate


def _between(node: tree.Between) -> Evaluate:
    value, low, high = compile_node(node.value), compile_node(node.low), compile_node(node.high)

    def evaluate(scope: Scope) -> bool | None:
        found = value(scope)
        return compare.both(compare.at_least(found, low(scope)), compare.at_most(found, high(scope)))

    return evaluate


def _membership(node: tree.Membership) -> Evaluate:
    value = compile_node(node.value)
    holds = _any_of([_test(test) for test in node.tests])

    return lambda scope: holds(value(scope), scope)


def _operator_test(node: tree.OperatorTest) -> Evaluate:
    # `=5` and `!=5` inside a list: a range of one value, or nothing FEEL has a value for
    end = compile_node(node.end)
    if node.operator == "=":
        return lambda scope: Range(value := end(scope), value, only=True)
    return lambda _: None


def _range(node: tree.RangeOf) -> Evaluate:
    low = compile_node(node.low) if node.low is not None else None
    high = compile_node(node.high) if node.high is not None else None
    low_included, high_included = node.low_included, node.high_included

    def evaluate(scope: Scope) -> Range | None:
        start = low(scope) if low else None
        end = high(scope) if high else None
        # an end that is written but null makes the range null, else a missing limit would let everything pass
        if (low and start is None) or (high and end is None):
            return None
        if low and high and compare.order(start, end) not in (-1, 0):
            return None
        return Range(start, end, low_included, high_included)

    if isinstance(node.low, tree.Literal) and isinstance(node.high, tree.Literal):
        constant = evaluate(cast(Scope, None))
        return lambda _: constant
    return evaluate


def _list(node: tree.ListOf) -> Evaluate:
    items = [compile_node(item) for item in node.items]
    return lambda scope: [item(scope) for item in items]


def _context(node: tree.ContextOf) -> Evaluate:
    entries = [(key, compile_node(value)) for key, value in node.entries]

    def evaluate(scope: Scope) -> dict[str, Any]:
        values: dict[str, Any] = {}
        inner = scope.inside(values)
        for key, value in entries:
            values[key] = value(inner)
        return values

    return evaluate


def _path(node: tree.Path) -> Evaluate:
    source, name = compile_node(node.source), node.name
    return lambda scope: property_of(source(scope), name)


def _filter(node: tree.Filter) -> Evaluate:
    indexed = isinstance(node.condition, tree.Literal | tree.Negative)
    return loops.filter_by(compile_node(node.source), compile_node(node.condition), indexed=indexed)


def _called(node: tree.Node) -> Evaluate:
    """The function to call: a variable called `count` that is a number does not hide the function of that name."""
    built_in = FUNCTIONS.get(node.name) if isinstance(node, tree.Name) else None
    found = compile_node(node)
    if built_in is None:
        return found

    def evaluate(scope: Scope) -> Any:
        bound = found(scope)
        return bound if isinstance(bound, Function) else built_in

    return evaluate


def _call(node: tree.Call) -> Evaluate:
    function = _called(node.function)
    arguments = [compile_node(argument) for argument in node.arguments]
    names = node.names

    def evaluate(scope: Scope) -> Any:
        scope.run.spend(1)
        return invoke(function(scope), [argument(scope) for argument in arguments], names, scope.run)

    return evaluate


def _if(node: tree.If) -> Evaluate:
    condition, then, otherwise = compile_node(node.condition), compile_node(node.then), compile_node(node.otherwise)
    return lambda scope: then(scope) if condition(scope) is True else otherwise(scope)


def _loops(declared: tuple[tuple[str, tree.Node], ...]) -> list[tuple[str, Evaluate]]:
    return [(name, compile_node(source)) for name, source in declared]


def _steps(node: tree.Steps) -> Evaluate:
    first, last = compile_node(node.first), compile_node(node.last)
    return lambda scope: loops.steps(first(scope), last(scope))


def _for(node: tree.For) -> Evaluate:
    return loops.for_each(_loops(node.loops), compile_node(node.body))


def _quantified(node: tree.Quantified) -> Evaluate:
    return loops.quantify(_loops(node.loops), compile_node(node.condition), every=node.every)


def _function(node: tree.FunctionOf) -> Evaluate:
    parameters, body = node.parameters, compile_node(node.body)
    names, types = tuple(name for name, _ in parameters), tuple(declared for _, declared in parameters)
    result = type_of(node.body)

    def evaluate(scope: Scope) -> Function:
        def call(arguments: list[Any]) -> Any:
            values: dict[str, Any] = {}
            for (name, declared), argument in zip(parameters, arguments, strict=True):
                values[name] = argument if declared is None else coerced(argument, declared)
                if argument is not None and values[name] is None:
                    return None
            return body(scope.inside(values))

        return Function("", names, call, types, result)

    return evaluate


def _external(node: tree.External) -> Evaluate:
    mapping = compile_node(node.mapping)
    return lambda scope: external(mapping(scope), node.parameters)


def _instance_of(node: tree.InstanceOf) -> Evaluate:
    value, declared = compile_node(node.value), node.type
    return lambda scope: conforms(value(scope), declared)


_CONDITIONS = (
    tree.Comparison,
    tree.Logic,
    tree.Between,
    tree.Membership,
    tree.Quantified,
    tree.InstanceOf,
    tree.Call,
    tree.If,
)
_COMPILERS: dict[type, Callable[..., Evaluate]] = {
    tree.Literal: _literal,
    tree.Name: _name,
    tree.Arithmetic: _arithmetic,
    tree.Negative: _negative,
    tree.Comparison: _comparison,
    tree.Logic: _logic,
    tree.Between: _between,
    tree.Membership: _membership,
    tree.OperatorTest: _operator_test,
    tree.RangeOf: _range,
    tree.ListOf: _list,
    tree.ContextOf: _context,
    tree.Path: _path,
    tree.Filter: _filter,
    tree.Call: _call,
    tree.If: _if,
    tree.For: _for,
    tree.Steps: _steps,
    tree.Quantified: _quantified,
    tree.FunctionOf: _function,
    tree.External: _external,
    tree.InstanceOf: _instance_of,
}
