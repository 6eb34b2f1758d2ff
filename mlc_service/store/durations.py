"""How long something took, for sorting by it, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Double, Table
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Span(FunctionElement[float]):
    """Of (start, end): the time between them, NULL while there is no end."""

    type = Double()
    inherit_cache = True
    name = "span"


@compiles(_Span, "postgresql")
def _postgresql_span(element: _Span, compiler: SQLCompiler, **options: Any) -> str:
    start, end = (compiler.process(clause, **options) for clause in element.clauses)
    return f"extract(epoch FROM {end} - {start})"


@compiles(_Span, "sqlite")
def _sqlite_span(element: _Span, compiler: SQLCompiler, **options: Any) -> str:
    # times are text there
    start, end = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(julianday({end}) - julianday({start}))"


def with_duration(table: Table) -> dict[str, ColumnElement[Any]]:
    """The columns that a list of these rows can be sorted by, `duration` among them."""
    return {**table.c, "duration": _Span(table.c.started, table.c.ended)}
