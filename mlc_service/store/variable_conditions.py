"""Comparing a process variable inside a JSON column, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text, and_, case, false, not_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from mlc_service.store.selecting import VariableCondition


class _JsonKind(FunctionElement[str]):
    """string, number, boolean, null, array, object, or SQL NULL where there is nothing; of `column[name]`."""

    type = Text()
    inherit_cache = True
    name = "json_kind"


@compiles(_JsonKind, "postgresql")
def _postgresql_kind(element: _JsonKind, compiler: SQLCompiler, **options: Any) -> str:
    return f"jsonb_typeof({compiler.process(element.clauses, **options)})"


@compiles(_JsonKind, "sqlite")
def _sqlite_kind(element: _JsonKind, compiler: SQLCompiler, **options: Any) -> str:
    # -> answers JSON text, whose own type at its root is what we want
    kind = f"json_type({compiler.process(element.clauses, **options)})"
    return (
        f"CASE {kind} WHEN 'text' THEN 'string' WHEN 'integer' THEN 'number' WHEN 'real' THEN 'number'"
        f" WHEN 'true' THEN 'boolean' WHEN 'false' THEN 'boolean' ELSE {kind} END"
    )


def variable_holds(variables: ColumnElement[Any], condition: VariableCondition) -> ColumnElement[bool]:
    """The variable is there and compares as asked with a plain value of its own type.

    `neq` asks that it is there, too, as in Camunda. Raises ValueError for an unknown operator.
    """
    found = variables[condition.name]
    kind = _JsonKind(found)
    value = condition.value
    if value is None:
        is_equal: ColumnElement[bool] = kind == "null"
        compared: ColumnElement[Any] | None = None
    else:
        wanted_kind, compared = _typed(found, value)
        # CASE, because AND does not promise to look at the kind before the cast fails
        is_equal = case((kind == wanted_kind, compared == value), else_=false())
    if condition.operator == "eq":
        return is_equal
    if condition.operator == "neq":
        return and_(kind.is_not(None), not_(is_equal))
    if compared is None:
        return false()
    match condition.operator:
        case "gt":
            holds = compared > value
        case "gteq":
            holds = compared >= value
        case "lt":
            holds = compared < value
        case "lteq":
            holds = compared <= value
        case "like":
            holds = compared.like(value) if isinstance(value, str) else false()
        case _:
            raise ValueError(f"unknown operator {condition.operator!r}")
    return case((kind == wanted_kind, holds), else_=false())


def _typed(found: Any, value: Any) -> tuple[str, ColumnElement[Any]]:
    if isinstance(value, bool):
        return "boolean", found.as_boolean()
    if isinstance(value, int | float):
        return "number", found.as_float()
    if isinstance(value, str):
        return "string", found.as_string()
    raise ValueError(f"a variable cannot be compared with {type(value).__name__}")
