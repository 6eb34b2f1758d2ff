"""Comparing a process variable inside a JSON column, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, Double, Text, and_, case, cast, false, literal, not_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from mlc_service.store.selecting import VariableCondition


class _Kind(FunctionElement[str]):
    """Of (JSON object, name): string, number, boolean, null, array, object, or SQL NULL if the name is not there."""

    type = Text()
    inherit_cache = True
    name = "json_kind"


class _Value(FunctionElement[Any]):
    """Of (JSON object, name): the value as PostgreSQL's text, or as SQLite's own number, text or 0 and 1."""

    type = Text()
    inherit_cache = True
    name = "json_value"


@compiles(_Kind, "postgresql")
def _postgresql_kind(element: _Kind, compiler: SQLCompiler, **options: Any) -> str:
    document, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"jsonb_typeof({document} -> {name})"


@compiles(_Value, "postgresql")
def _postgresql_value(element: _Value, compiler: SQLCompiler, **options: Any) -> str:
    document, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({document} ->> {name})"


# On SQLite json_each and not json_extract: a path cannot name a variable that has a quote in its name.
# What is put together is SQL that SQLAlchemy has compiled; values stay bound parameters.
_KINDS = "CASE {0} WHEN 'text' THEN 'string' WHEN 'integer' THEN 'number' WHEN 'real' THEN 'number' \
WHEN 'true' THEN 'boolean' WHEN 'false' THEN 'boolean' ELSE {0} END"


@compiles(_Kind, "sqlite")
def _sqlite_kind(element: _Kind, compiler: SQLCompiler, **options: Any) -> str:
    document, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(SELECT {_KINDS.format('json_each.type')} FROM json_each({document}) WHERE json_each.key = {name})"  # noqa: S608


@compiles(_Value, "sqlite")
def _sqlite_value(element: _Value, compiler: SQLCompiler, **options: Any) -> str:
    document, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(SELECT json_each.atom FROM json_each({document}) WHERE json_each.key = {name})"  # noqa: S608


def variable_holds(variables: ColumnElement[Any], condition: VariableCondition) -> ColumnElement[bool]:
    """The variable is there and compares as asked with a plain value of its own type.

    `neq` asks that it is there, too, as in Camunda. Raises ValueError for an unknown operator and for a value that
    cannot be compared.
    """
    name = literal(condition.name, Text())
    kind = _Kind(variables, name)
    if condition.value is None:
        return _null_holds(kind, condition.operator)
    wanted_kind, found = _typed(_Value(variables, name), condition.value)
    # CASE, because AND does not promise to look at the kind before the cast fails
    holds = case((kind == wanted_kind, _compared(found, condition)), else_=false())
    if condition.operator == "neq":
        return and_(kind.is_not(None), not_(holds))
    return holds


def _null_holds(kind: ColumnElement[str], operator: str) -> ColumnElement[bool]:
    if operator == "eq":
        return kind == "null"
    if operator == "neq":
        return kind != "null"
    return false()


def _compared(found: ColumnElement[Any], condition: VariableCondition) -> ColumnElement[bool]:
    value = condition.value
    holds: ColumnElement[bool]
    match condition.operator:
        case "eq" | "neq":
            holds = found == value
        case "gt":
            holds = found > value
        case "gteq":
            holds = found >= value
        case "lt":
            holds = found < value
        case "lteq":
            holds = found <= value
        case "like":
            holds = found.like(value) if isinstance(value, str) else false()
        case _:
            raise ValueError(f"unknown operator {condition.operator!r}")
    return holds


def _typed(found: ColumnElement[Any], value: Any) -> tuple[str, ColumnElement[Any]]:
    if isinstance(value, bool):
        return "boolean", cast(found, Boolean)
    if isinstance(value, int | float):
        return "number", cast(found, Double)
    if isinstance(value, str):
        return "string", found
    raise ValueError(f"a variable cannot be compared with a value of type {type(value).__name__}")
