"""How lists are cut and sorted, and how a filter's fields become conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, false
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from mlc_service.store.errors import UnknownSort


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list: `size` None means all of it, 0 nothing.

    `sort` holds pairs of a field of the row and `asc` or `desc`; without it the order is that of the repository.
    """

    first: int = 0
    size: int | None = None
    sort: tuple[tuple[str, str], ...] = ()


ALL = Page()


@dataclass(frozen=True, slots=True)
class VariableCondition:
    """A process variable compared with a plain value.

    `operator` is eq, neq, gt, gteq, lt, lteq or like. Values of different types never compare as equal.
    """

    name: str
    operator: str
    value: Any


def one_of(column: ColumnElement[Any], values: Sequence[Any] | None) -> list[ColumnElement[bool]]:
    """The column has one of the values; None asks for nothing, an empty list matches nothing."""
    if values is None:
        return []
    if not values:
        return [false()]
    if len(values) == 1:
        return [column == values[0]]
    return [column.in_(values)]


def equals(pairs: Iterable[tuple[ColumnElement[Any], Any]]) -> list[ColumnElement[bool]]:
    """Each column has its value; a None asks for nothing."""
    return [column == value for column, value in pairs if value is not None]


def renamed_to(column: ColumnElement[Any], renamed: Mapping[str, str]) -> ColumnElement[Any]:
    """The column's value, or what that is called now; two names may have changed places."""
    return case(dict(renamed), value=column, else_=column)


def paged(
    statement: Select[Any],
    page: Page,
    sortable: Mapping[str, ColumnElement[Any]] | ReadOnlyColumnCollection[str, Any],
    default: Sequence[ColumnElement[Any]],
) -> Select[Any]:
    """The statement in the page's order and cut to it; `default` orders what that leaves equal."""
    order: list[ColumnElement[Any]] = []
    for field, direction in page.sort:
        if field not in sortable:
            raise UnknownSort(field)
        order.append(sortable[field].desc() if direction == "desc" else sortable[field].asc())
    statement = statement.order_by(*order, *default)
    if page.size is not None:
        statement = statement.limit(page.size)
    if page.first:
        # SQLite knows OFFSET only behind a LIMIT; SQLAlchemy writes LIMIT -1 there by itself
        statement = statement.offset(page.first)
    return statement
