"""Functions "from outside": the pure static methods of Java's own classes that diagrams name (DMN 1.5 §10.3.2.13.2).

There is no Java here: each is written out, and no other can be reached.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from mlc_service.dmn.feel.values import NUMBERS, EvaluationLimit, Function, is_whole, to_text

_SIGNATURE = re.compile(r"\s*(\w+)\s*\(([^)]*)\)\s*")
_WHOLE_BITS = {"byte": 8, "short": 16, "int": 32, "long": 64, "Byte": 8, "Short": 16, "Integer": 32, "Long": 64}
_REAL = frozenset(["double", "float", "Double", "Float"])
_SPECIFIER = re.compile(r"%(?:(s|d|%|n)|\.(\d{1,2})f|f)")
_UNFIT = object()


def external(mapping: Any, parameters: tuple[str, ...]) -> Function:
    """The function that `{java: {class: ..., method signature: ...}}` names. Raises EvaluationLimit if none does."""
    java = mapping.get("java") if isinstance(mapping, dict) else None
    named = java if isinstance(java, dict) else {}
    class_name, signature = named.get("class"), named.get("method signature")
    found = _SIGNATURE.fullmatch(signature) if isinstance(signature, str) else None
    method = METHODS.get((str(class_name), found[1])) if found else None
    if found is None or method is None:
        raise EvaluationLimit(f"{class_name}.{signature} is not among the Java functions that run here")
    kinds = [kind.strip().rpartition(".")[2] for kind in found[2].split(",") if kind.strip()]

    def call(given: list[Any]) -> Any:
        taken = [_taken(value, kind) for value, kind in zip(given, kinds, strict=False)]
        if len(given) != len(kinds) or any(value is _UNFIT for value in taken):
            return None
        try:
            return _given(method(*taken))
        except (ArithmeticError, ValueError, TypeError):
            return None

    return Function("", parameters, call)


def _taken(value: Any, kind: str) -> Any:
    """The FEEL value as Java's type of that name."""
    if kind in _WHOLE_BITS and isinstance(value, Decimal) and is_whole(value):
        limit = 2 ** (_WHOLE_BITS[kind] - 1)
        return int(value) if -limit <= value < limit else _UNFIT
    if kind in _REAL and isinstance(value, Decimal):
        return float(value)
    if kind in ("char", "Character"):
        return value if isinstance(value, str) and len(value) == 1 else _UNFIT
    if kind == "String":
        return value if isinstance(value, str) else _UNFIT
    if kind in ("boolean", "Boolean"):
        return value if isinstance(value, bool) else _UNFIT
    return value if kind in ("Object", "Object;") else _UNFIT


def _given(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return NUMBERS.create_decimal(repr(value)) if math.isfinite(value) else None
    return value


def _real(function: Callable[..., float]) -> Callable[..., float]:
    return lambda *given: _number(function, given)


def _number(function: Callable[..., float], given: tuple[Any, ...]) -> float:
    if any(isinstance(value, str | bool) for value in given):
        raise TypeError
    return function(*given)


def _formatted(template: str, *given: Any) -> str:
    """Java's `String.format` for `%s`, `%d`, `%f`, `%.2f`, `%n` and `%%`."""
    left = list(given)

    def put(found: re.Match[str]) -> str:
        if found[1] in ("%", "n"):
            return "%" if found[1] == "%" else "\n"
        value = left.pop(0)
        if found[1] == "s":
            return to_text(value)
        if found[1] == "d":
            return str(int(value))
        return f"{value:.{int(found[2] or 6)}f}"

    if "%" in _SPECIFIER.sub("", template):
        raise ValueError
    try:
        return _SPECIFIER.sub(put, template)
    except IndexError:
        raise ValueError from None


def _parsed(kind: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: kind(value) if isinstance(value, str) else value


_MATH: dict[str, Callable[..., float]] = {
    **{name: getattr(math, name) for name in ("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh")},
    **{name: getattr(math, name) for name in ("tanh", "exp", "log", "log10", "sqrt", "hypot", "floor", "ceil", "pow")},
    "abs": abs,
    "max": max,
    "min": min,
    "cbrt": math.cbrt,
    "round": lambda value: math.floor(value + 0.5),
    "signum": lambda value: math.copysign(1.0, value) if value else value,
    "toDegrees": math.degrees,
    "toRadians": math.radians,
}
METHODS: dict[tuple[str, str], Callable[..., Any]] = {
    **{("java.lang.Math", name): _real(function) for name, function in _MATH.items()},
    **{(f"java.lang.{name}", "valueOf"): _parsed(int) for name in ("Byte", "Short", "Integer", "Long")},
    **{(f"java.lang.{name}", "valueOf"): _parsed(float) for name in ("Float", "Double")},
    ("java.lang.Boolean", "valueOf"): lambda value: value if isinstance(value, bool) else value.lower() == "true",
    ("java.lang.String", "valueOf"): lambda value: value if isinstance(value, str) else to_text(_given(value)),
    ("java.lang.String", "format"): _formatted,
}
