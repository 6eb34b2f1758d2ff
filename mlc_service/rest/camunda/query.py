"""Filters, sort keys and paging of a list, declared once per resource and read from a query string or a JSON body."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mlc_service.rest.camunda.body import as_flag, as_integer, as_moment, as_text, as_texts
from mlc_service.rest.camunda.fields import Schema
from mlc_service.rest.errors import HttpProblem, bad_request
from mlc_service.store.selecting import ALL, Page, VariableCondition

_INT32 = 2**31
_OPERATORS = ("eq", "neq", "gt", "gteq", "lt", "lteq", "like")


class Filter(NamedTuple):
    """One filter: its name on the wire, what it sets in the store's filter, how its value is read, its schema.

    `read` gets the value as it came (a text from a query string, any JSON from a body) and answers the fields to
    set.
    """

    name: str
    read: Callable[[str, Any], Mapping[str, Any]]
    schema: Schema


class _NothingMatches(Exception):
    pass


_TEXTS: Schema = {"type": "array", "items": {"type": "string"}}


def text(name: str, to: str) -> Filter:
    """The store's field `to` has this text."""
    return Filter(name, lambda name, value: {to: as_text(name, value)}, {"type": "string"})


def texts(name: str, to: str) -> Filter:
    """The store's field `to` has one of these texts."""
    return Filter(name, lambda name, value: {to: as_texts(name, value)}, _TEXTS)


def single(name: str, to: str) -> Filter:
    """The store's field `to`, which takes a list, has this one text."""
    return Filter(name, lambda name, value: {to: [as_text(name, value)]}, {"type": "string"})


def integer(name: str, to: str) -> Filter:
    """The store's field `to` has this number."""

    def read(name: str, value: Any) -> Mapping[str, Any]:
        number = as_integer(name, value)
        if not -_INT32 <= number < _INT32:
            raise bad_request(f"{name} is out of range")
        return {to: number}

    return Filter(name, read, {"type": "integer"})


def long(name: str, to: str) -> Filter:
    """The store's field `to` has this number of up to 64 bits."""
    return Filter(name, lambda name, value: {to: as_integer(name, value)}, {"type": "integer", "format": "int64"})


def moment(name: str, to: str) -> Filter:
    """The store's field `to` is compared with this date."""
    schema = {"type": "string", "format": "date-time"}
    return Filter(name, lambda name, value: {to: as_moment(name, value)}, schema)


def flag(name: str, **sets: Any) -> Filter:
    """True sets these fields of the store's filter; false asks for nothing, as in Camunda."""
    return Filter(name, lambda name, value: sets if as_flag(name, value) else {}, {"type": "boolean"})


def ignored_flag(name: str) -> Filter:
    """Always fulfilled here, such as `withoutTenantId`; only its form is checked."""
    return flag(name)


def never(name: str) -> Filter:
    """Never fulfilled here, such as `tenantIdIn` or `caseInstanceId`: asking for it finds nothing."""

    def read(name: str, value: Any) -> Mapping[str, Any]:
        if as_texts(name, value) or value == "":
            raise _NothingMatches
        return {}

    return Filter(name, read, {"type": "string"})


def never_flag(name: str) -> Filter:
    """As `never`, for a boolean."""

    def read(name: str, value: Any) -> Mapping[str, Any]:
        if as_flag(name, value):
            raise _NothingMatches
        return {}

    return Filter(name, read, {"type": "boolean"})


def unsupported(*names: str) -> tuple[Filter, ...]:
    """Camunda's filters that we cannot apply yet: saying so is better than an answer that was not filtered."""

    def read(name: str, value: Any) -> Mapping[str, Any]:
        if value is False or value == "false" or value == []:
            return {}
        raise HttpProblem(501, "NotSupportedException", f"The filter '{name}' is not supported")

    return tuple(Filter(name, read, {}) for name in names)


def span(name: str, *, after: str, before: str) -> Filter:
    """Dates with operators: `gt_2013-01-23T14:42:45.000+0200,…` or `[{operator, value}]`."""
    fields = {"gt": after, "lt": before}

    def read(name: str, value: Any) -> Mapping[str, Any]:
        if isinstance(value, str):
            pieces = (part.partition("_") for part in value.split(",") if part)
            pairs: list[tuple[Any, Any]] = [(operator, date) for operator, _, date in pieces]
        elif isinstance(value, list) and all(isinstance(item, dict) for item in value):
            pairs = [(item.get("operator"), item.get("value")) for item in value]
        else:
            raise bad_request(f"{name} must be a list of conditions")
        sets = {}
        for operator, date in pairs:
            if operator not in fields:
                raise bad_request(f"Invalid operator specified: {operator}")
            sets[fields[operator]] = as_moment(name, date)
        return sets

    return Filter(name, read, {"type": "string"})


def variables(name: str, to: str) -> Filter:
    """The store's field `to` gets conditions on variables: `name_operator_value,…` or `[{name, operator, value}]`."""

    def read(name: str, value: Any) -> Mapping[str, Any]:
        if isinstance(value, str):
            return {to: tuple(_condition_from_text(name, part) for part in value.split(",") if part)}
        if not isinstance(value, list):
            raise bad_request(f"{name} must be a list of variable conditions")
        return {to: tuple(_condition(name, item) for item in value)}

    return Filter(name, read, {"type": "string"})


def _condition_from_text(name: str, text: str) -> VariableCondition:
    pieces = text.split("_")
    if len(pieces) != 3:
        raise bad_request(f"{name} query parameter has to have format KEY_OPERATOR_VALUE.")
    return _condition(name, {"name": pieces[0], "operator": pieces[1], "value": pieces[2]})


def _condition(name: str, item: Any) -> VariableCondition:
    if not isinstance(item, dict):
        raise bad_request(f"{name} must be a list of variable conditions")
    operator, value, variable = item.get("operator"), item.get("value"), item.get("name")
    if not isinstance(variable, str) or not variable:
        raise bad_request(f"A condition of {name} needs a name")
    if operator not in _OPERATORS:
        raise bad_request(f"Invalid variable comparator specified: {operator}")
    if isinstance(value, list | dict):
        raise bad_request(f"A condition of {name} needs a plain value")
    if operator == "like" and not isinstance(value, str):
        raise bad_request("Only texts can be compared with like")
    if isinstance(value, int) and not isinstance(value, bool):
        value = as_integer(name, value)
    return VariableCondition(variable, str(operator), value)


@dataclass(frozen=True, slots=True)
class Query:
    """What a client asked a list for: fields of the store's filter and a page of it."""

    sets: Mapping[str, Any] = field(default_factory=dict)
    page: Page = ALL
    # no row can match: the store need not be asked
    is_empty: bool = False


@dataclass(frozen=True)
class Queryable:
    """The filters and sort keys of one resource.

    `sorts` maps Camunda's key to a field of the row, or to None where we cannot sort by it yet.
    """

    filters: Sequence[Filter]
    sorts: Mapping[str, str | None]

    def read(self, given: Mapping[str, Any], page: Mapping[str, Any]) -> Query:
        """The query in `given` (a query string, or a body and then `page` is the query string). Raises a 400.

        Names that are not declared are ignored, as Camunda does.
        """
        sort = self._sort(given)
        cut = Page(_size("firstResult", page) or 0, _size("maxResults", page), sort)
        sets: dict[str, Any] = {}
        for wanted in self.filters:
            value = given.get(wanted.name)
            if value is None:
                continue
            try:
                sets.update(wanted.read(wanted.name, value))
            except _NothingMatches:
                return Query(page=cut, is_empty=True)
            except HttpProblem as problem:
                raise _not_settable(wanted.name, value, problem) from problem
        return Query(sets, cut)

    def _sort(self, given: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        sorting = given.get("sorting")
        if sorting is None:
            pairs = [(given.get("sortBy"), given.get("sortOrder"))]
        elif isinstance(sorting, list) and all(isinstance(item, dict) for item in sorting):
            pairs = [(item.get("sortBy"), item.get("sortOrder")) for item in sorting]
        else:
            raise bad_request("sorting must be a list of objects")
        return tuple(self._sort_key(by, order) for by, order in pairs if by is not None or order is not None)

    def _sort_key(self, by: Any, order: Any) -> tuple[str, str]:
        if by is not None and (not isinstance(by, str) or by not in self.sorts):
            raise bad_request(f"sortBy parameter has invalid value: {by}")
        if order is not None and order not in ("asc", "desc"):
            raise bad_request(f"sortOrder parameter has invalid value: {order}")
        if by is None or order is None:
            raise bad_request("Only a single sorting parameter specified. sortBy and sortOrder required")
        row_field = self.sorts[by]
        if row_field is None:
            raise HttpProblem(501, "NotSupportedException", f"Sorting by {by} is not supported")
        return row_field, order

    def parameters(self) -> list[Schema]:
        """The filters as OpenAPI query parameters."""
        return [{"name": wanted.name, "in": "query", "schema": _query_schema(wanted.schema)} for wanted in self.filters]

    def list_parameters(self) -> list[Schema]:
        """Filters, sorting and paging as OpenAPI query parameters."""
        sorting: list[Schema] = [
            {"name": "sortBy", "in": "query", "schema": {"type": "string", "enum": list(self.sorts)}},
            {"name": "sortOrder", "in": "query", "schema": {"type": "string", "enum": ["asc", "desc"]}},
        ]
        return self.parameters() + sorting + PAGING

    def body_schema(self) -> Schema:
        """The filters and sorting as an OpenAPI request body."""
        sorting = {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"sortBy": {"enum": list(self.sorts)}, "sortOrder": {"enum": ["asc", "desc"]}},
            },
        }
        properties = {wanted.name: wanted.schema for wanted in self.filters}
        return {"type": "object", "properties": {**properties, "sorting": sorting}}


PAGING: list[Schema] = [
    {"name": "firstResult", "in": "query", "schema": {"type": "integer", "minimum": 0}},
    {"name": "maxResults", "in": "query", "schema": {"type": "integer", "minimum": 0}},
]


def _query_schema(schema: Schema) -> Schema:
    # a list is divided by commas there
    return {"type": "string"} if schema.get("type") == "array" else schema


def _size(name: str, given: Mapping[str, Any]) -> int | None:
    value = given.get(name)
    if value is None or value == "":
        return None
    number = as_integer(name, value)
    if not 0 <= number < _INT32:
        raise bad_request(f"{name} must be a number from 0 to {_INT32 - 1}")
    return number


def _not_settable(name: str, value: Any, problem: HttpProblem) -> HttpProblem:
    if problem.status != 400:
        return problem
    shown = str(value)[:200]
    message = f"Cannot set query parameter '{name}' to value '{shown}': {problem.message}"
    return HttpProblem(problem.status, problem.kind, message)
