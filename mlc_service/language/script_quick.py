"""Small Python scripts without a trip to the sandbox: a whitelist of syntax, compiled to closures.

`execution.setVariable('n', n + 1)` is most of what scripts in diagrams do, and takes microseconds here. There is no
loop, no definition, no mutation and no attribute access in the subset, so a run is as short as its source.
Whatever is not in the subset, and every run that meets a value, size or error outside it, raises `Unfit`:
nothing has happened yet, and the sandbox runs the script from its start. So the sandbox alone decides what an error
looks like, and this module only has to agree with Python on what succeeds.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from mlc_service.language.script_outcome import Journal, NotStorable, ScriptOutcome, ThrownError, storable
from mlc_service.language.script_quick_values import (
    ARITHMETIC,
    COMPARISONS,
    FUNCTIONS,
    LONGEST_TEXT,
    PLAIN,
    SCALARS,
    Unfit,
    arithmetic,
    element,
    plain,
    signed,
    text_of,
    variable_name,
)

_LONGEST_SOURCE = 4_000
_BUDGET = 20_000
_SMALL = 2**31  # no product or sum of two smaller numbers leaves 64 bits


class _Run:
    """One run's variables, its own names, and its journal."""

    __slots__ = ("journal", "own", "variables")

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self.variables = variables
        self.own: dict[str, Any] = {}
        self.journal = Journal(variables, _NO_FACTS)


class _Thrown(Exception):
    """The script threw a BPMN error."""

    def __init__(self, error: ThrownError) -> None:
        self.error = error


_NO_FACTS: Mapping[str, Any] = {}
# names that no variable has in the sandbox either
_GIVEN = ("execution", "BpmnError")
_Value = Callable[[_Run], Any]
_Step = Callable[[_Run], None]


class QuickScript:
    """A script within the subset, ready to run any number of times, from any thread."""

    def __init__(self, steps: list[_Step], result: _Value | None) -> None:
        self._steps = steps
        self._result = result

    def run(self, variables: Mapping[str, Any]) -> ScriptOutcome:
        """The outcome; raises Unfit, and has had no effect, if the sandbox has to run it."""
        run = _Run(variables)
        error: ThrownError | None = None
        result: Any = None
        try:
            for step in self._steps:
                step(run)
            result = storable(self._result(run), _BUDGET) if self._result is not None else None
        except _Thrown as thrown:
            error = thrown.error
        except (Unfit, NotStorable, LookupError, ArithmeticError, TypeError, ValueError, RecursionError):
            raise Unfit from None
        return ScriptOutcome(result, run.journal.written, run.journal.removed, error)


def quick(tree: ast.Module, source: str) -> QuickScript | None:
    """The script, or None if it uses anything beyond the subset."""
    if len(source) > _LONGEST_SOURCE:
        return None
    try:
        body, result = tree.body, None
        if body and isinstance(body[-1], ast.Expr):
            result = _value(body[-1].value)
            body = body[:-1]
        return QuickScript([_step(statement) for statement in body], result)
    except (Unfit, RecursionError):
        return None


def _step(node: ast.stmt) -> _Step:
    match node:
        case ast.Pass():
            return lambda _: None
        case ast.Expr(value=expression):
            work_out = _value(expression)
            return lambda run: (work_out(run), None)[1]
        case ast.Assign(targets=[ast.Name(id=name)], value=expression):
            return _assignment(name, _value(expression))
        case ast.AugAssign(target=ast.Name(id=name), op=kind, value=expression):
            # += changes a list in place, which its other names would see
            return _assignment(name, _arithmetic(kind, _name(name), _value(expression), scalars_only=True))
        case ast.If():
            return _branch(node)
        case ast.Raise(exc=ast.Call(func=ast.Name(id="BpmnError"), args=arguments, keywords=[]), cause=None):
            return _throw([_value(argument) for argument in arguments])
    raise Unfit


def _throw(arguments: list[_Value]) -> _Step:
    if len(arguments) not in (1, 2):
        raise Unfit

    def throw(run: _Run) -> None:
        code, message = [*(argument(run) for argument in arguments), None][:2]
        if type(code) is not str or not code or type(message) not in (str, type(None)):
            raise Unfit
        raise _Thrown(ThrownError(code, message or None))

    return throw


def _assignment(name: str, work_out: _Value) -> _Step:
    if name in _GIVEN or name in FUNCTIONS or name.startswith("_"):
        raise Unfit

    def assign(run: _Run) -> None:
        run.own[name] = work_out(run)

    return assign


def _branch(node: ast.If) -> _Step:
    condition = _value(node.test)
    yes = [_step(statement) for statement in node.body]
    no = [_step(statement) for statement in node.orelse]

    def choose(run: _Run) -> None:
        for step in yes if condition(run) else no:
            step(run)

    return choose


def _value(node: ast.expr) -> _Value:
    match node:
        case ast.Constant(value=value) if type(value) in SCALARS:
            return lambda _: value
        case ast.Name(id=name):
            return _name(name)
        case ast.BinOp(left=left, op=kind, right=right):
            return _arithmetic(kind, _value(left), _value(right))
        case ast.UnaryOp(op=kind, operand=operand):
            return _unary(kind, _value(operand))
        case ast.BoolOp(op=kind, values=parts):
            return _logic(isinstance(kind, ast.Or), [_value(part) for part in parts])
        case ast.Compare():
            return _comparison(node)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            condition, yes, no = _value(test), _value(body), _value(orelse)
            return lambda run: yes(run) if condition(run) else no(run)
        case ast.Subscript(value=base, slice=key):
            whole, wanted = _value(base), _value(key)
            return lambda run: element(whole(run), wanted(run))
        case ast.List(elts=elements):
            items = [_value(item) for item in elements]
            return lambda run: [item(run) for item in items]
        case ast.Dict(keys=keys, values=values):
            return _display(keys, values)
        case ast.JoinedStr(values=values):
            return _formatted(values)
        case ast.Call(func=function, args=arguments, keywords=[]):
            return _call(function, [_value(argument) for argument in arguments])
    raise Unfit


def _name(name: str) -> _Value:
    if name in _GIVEN or name.startswith("_"):
        raise Unfit

    def read(run: _Run) -> Any:
        value = run.own[name] if name in run.own else run.variables[name]
        if type(value) not in PLAIN:
            raise Unfit
        return value

    return read


def _arithmetic(kind: ast.operator, left: _Value, right: _Value, *, scalars_only: bool = False) -> _Value:
    apply = ARITHMETIC.get(type(kind))
    if apply is None:
        raise Unfit

    def work_out(run: _Run) -> Any:
        one, other = left(run), right(run)
        if type(one) is int and type(other) is int and -_SMALL < one < _SMALL and -_SMALL < other < _SMALL:
            return apply(one, other)
        return arithmetic(apply, one, other, scalars_only=scalars_only)

    return work_out


def _unary(kind: ast.unaryop, operand: _Value) -> _Value:
    if isinstance(kind, ast.Not):
        return lambda run: not operand(run)
    if not isinstance(kind, ast.USub | ast.UAdd):
        raise Unfit
    apply = operator.neg if isinstance(kind, ast.USub) else operator.pos

    return lambda run: signed(apply, operand(run))


def _logic(decides: bool, parts: list[_Value]) -> _Value:
    def work_out(run: _Run) -> Any:
        value = None
        for part in parts:
            value = part(run)
            if bool(value) is decides:
                return value
        return value

    return work_out


def _comparison(node: ast.Compare) -> _Value:
    first = _value(node.left)
    rest = [(COMPARISONS[type(kind)], _value(one)) for kind, one in zip(node.ops, node.comparators, strict=True)]

    def work_out(run: _Run) -> bool:
        left = first(run)
        for compare, part in rest:
            right = part(run)
            if not compare(left, right):
                return False
            left = right
        return True

    return work_out


def _display(keys: list[ast.expr | None], values: list[ast.expr]) -> _Value:
    if any(key is None for key in keys):
        raise Unfit
    pairs = [(_value(key), _value(value)) for key, value in zip(keys, values, strict=True) if key is not None]

    def build(run: _Run) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key, value in pairs:
            name = key(run)
            if type(name) is not str:
                raise Unfit
            built[name] = value(run)
        return built

    return build


def _formatted(values: list[ast.expr]) -> _Value:
    parts: list[_Value] = []
    for value in values:
        match value:
            case ast.Constant():
                parts.append(_value(value))
            case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
                parts.append(_value(inner))
            case _:
                raise Unfit

    def write(run: _Run) -> str:
        text = "".join([text_of(part(run)) for part in parts])
        if len(text) > LONGEST_TEXT:
            raise Unfit
        return text

    return write


def _call(function: ast.expr, arguments: list[_Value]) -> _Value:
    match function:
        case ast.Name(id=name) if name in FUNCTIONS and len(arguments) == 1:
            return _function(name, arguments[0])
        case ast.Attribute(value=ast.Name(id="execution"), attr=method):
            return _execution(method, arguments)
        case ast.Attribute(value=base, attr="get") if len(arguments) in (1, 2):
            return _get(_value(base), arguments)
    raise Unfit


def _function(name: str, argument: _Value) -> _Value:
    apply = FUNCTIONS[name]

    def call(run: _Run) -> Any:
        if name in run.variables:
            raise Unfit
        return apply(argument(run))

    return call


def _get(base: _Value, arguments: list[_Value]) -> _Value:
    def call(run: _Run) -> Any:
        container = base(run)
        given = [argument(run) for argument in arguments]
        if type(container) is not dict or type(given[0]) is not str:
            raise Unfit
        return container.get(*given)

    return call


def _execution(method: str, arguments: list[_Value]) -> _Value:
    match method, arguments:
        case "getVariable", [name]:
            return lambda run: plain(run.journal.get(variable_name(name(run))))
        case "hasVariable", [name]:
            return lambda run: run.journal.has(variable_name(name(run)))
        case "setVariable", [name, value]:
            return lambda run: run.journal.set(variable_name(name(run)), storable(value(run), _BUDGET))
        case "removeVariable", [name]:
            return lambda run: run.journal.remove(variable_name(name(run)))
        case "getVariables", []:
            return lambda run: run.journal.all()
    raise Unfit
