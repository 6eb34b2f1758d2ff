"""How built-in functions are declared, chosen by their arguments, and called.

A signature such as `"string:string, start position:number, length:number?"` names parameters and their types; `?` may
be left out, `...` takes all that is left. One name can have several signatures: the first that fits is called. No fit,
or null where a type is named, gives null (DMN 1.5 §10.3.2.13.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from mlc_service.dmn.feel.arithmetic import at_midnight
from mlc_service.dmn.feel.scope import Run
from mlc_service.dmn.feel.times import Date, DateTime, DaysTime, Time, YearsMonths
from mlc_service.dmn.feel.values import Function, Range

_KINDS: dict[str, tuple[type, ...]] = {
    "any": (object,),
    "string": (str,),
    "number": (Decimal,),
    "boolean": (bool,),
    "list": (list,),
    "context": (dict,),
    "date": (Date,),
    "time": (Time,),
    "date and time": (DateTime,),
    "duration": (YearsMonths, DaysTime),
    "range": (Range,),
    "function": (Function,),
}
_UNFIT = object()
_Declared = TypeVar("_Declared", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    kind: str
    optional: bool
    many: bool

    def take(self, value: Any) -> Any:
        """The argument as this parameter wants it, or _UNFIT."""
        if self.kind == "any" or (value is None and self.optional):
            return value
        if isinstance(value, _KINDS[self.kind]):
            return _UNFIT if isinstance(value, Decimal) and not value.is_finite() else value
        if self.kind == "list":
            return _UNFIT if value is None else [value]
        if self.kind == "date and time" and isinstance(value, Date):
            return at_midnight(value)
        if isinstance(value, list) and len(value) == 1:
            return self.take(value[0]) if not isinstance(value[0], list) else _UNFIT
        return _UNFIT


@dataclass(frozen=True, slots=True)
class Signature:
    parameters: tuple[Parameter, ...]
    implementation: Callable[..., Any]
    needs_run: bool

    def bind(self, arguments: list[Any], names: tuple[str, ...] | None) -> list[Any] | None:
        """The implementation's arguments, or None if these do not fit."""
        parameters = self.parameters
        if names is not None:
            given = dict(zip(names, arguments, strict=True))
            if len(given) != len(names) or not given.keys() <= {parameter.name for parameter in parameters}:
                return None
            if any(not (p.optional or p.kind == "any") and p.name not in given for p in parameters):
                return None
            # what a named call leaves out is null, which `any` takes too (TCK 0103)
            taken = [p.take(given[p.name]) if p.name in given else None for p in parameters]
        elif parameters and parameters[-1].many:
            if len(arguments) < len(parameters):
                return None
            fixed = len(parameters) - 1
            taken = [p.take(a) for p, a in zip(parameters, arguments[:fixed], strict=False)]
            rest = [parameters[-1].take(argument) for argument in arguments[fixed:]]
            taken += [_UNFIT if _UNFIT in rest else rest]
        else:
            if not sum(not p.optional for p in parameters) <= len(arguments) <= len(parameters):
                return None
            taken = [p.take(a) for p, a in zip(parameters, arguments, strict=False)]
        return None if any(value is _UNFIT for value in taken) else taken


@dataclass(frozen=True, slots=True)
class BuiltIn(Function):
    signatures: list[Signature] = field(default_factory=list)


FUNCTIONS: dict[str, BuiltIn] = {}


def function(name: str, signature: str = "", *, needs_run: bool = False) -> Callable[[_Declared], _Declared]:
    """The decorated Python function is the FEEL function `name` for arguments that fit `signature`."""
    parameters = tuple(_parameter(part) for part in signature.split(",") if part.strip())

    def declare(implementation: _Declared) -> _Declared:
        built_in = FUNCTIONS.setdefault(name, BuiltIn(name, (), lambda _: None, is_built_in=True))
        built_in.signatures.append(Signature(parameters, implementation, needs_run))
        return implementation

    return declare


def _parameter(text: str) -> Parameter:
    name, _, kind = text.strip().partition(":")
    return Parameter(name, kind.rstrip("?."), kind.endswith("?"), kind.endswith("..."))


def invoke(called: Any, arguments: list[Any], names: tuple[str, ...] | None, run: Run) -> Any:
    """What the function answers; null if it is no function or the arguments do not fit."""
    if isinstance(called, BuiltIn):
        for signature in called.signatures:
            bound = signature.bind(arguments, names)
            if bound is not None:
                answer = signature.implementation(*([run, *bound] if signature.needs_run else bound))
                if isinstance(answer, list):
                    run.spend(len(answer))
                return answer
        return None
    if not isinstance(called, Function):
        return None
    if names is not None:
        if len(set(names)) != len(names) or set(names) != set(called.parameters):
            return None
        given = dict(zip(names, arguments, strict=True))
        arguments = [given[name] for name in called.parameters]
    if len(arguments) != len(called.parameters):
        return None
    return called.call(arguments)
