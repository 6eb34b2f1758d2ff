"""A resource of the Camunda API: declared once, served as list, count, POST query and single item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.camunda.fields import Field, Schema, schema_of, write
from mlc_service.rest.camunda.query import PAGING, Query, Queryable
from mlc_service.rest.errors import bad_request
from mlc_service.store.selecting import ALL, Page
from mlc_service.store.units import UnitOfWork

Row = TypeVar("Row")
Wanted = TypeVar("Wanted")

COUNT: Schema = {"type": "object", "properties": {"count": {"type": "integer"}}}
Sets = dict[str, Any]


def _unchanged(_: Call, sets: Sets) -> Sets:
    return sets


@dataclass(frozen=True)
class Resource(Generic[Row, Wanted]):
    """What the API says about one kind of thing.

    `wanted` makes the store's filter from what the filters set, `find` and `count` ask the store with it, `get` finds
    one by id. `adjust` may change what the filters set, where two of them only make sense together.
    """

    path: str
    tag: str
    noun: str
    fields: Sequence[Field]
    queryable: Queryable
    wanted: Callable[..., Wanted]
    find: Callable[[UnitOfWork, Wanted, Page], Sequence[Row]]
    count: Callable[[UnitOfWork, Wanted], int]
    get: Callable[[UnitOfWork, str], Row] | None = None
    adjust: Callable[[Call, Sets], Sets] = _unchanged
    # adds to a row's fields what depends on the request
    complete: Callable[[Call, Any, dict[str, Any]], dict[str, Any]] | None = None
    # makes of the store's rows what `fields` read, with what else has to be looked up
    enrich: Callable[[Call, UnitOfWork, Sequence[Row]], Sequence[Any]] | None = None
    # whether the query can also be sent as a body
    has_post: bool = False

    def routes(self) -> list[Route]:
        """The operations every resource has."""
        many = {"type": "array", "items": schema_of(self.fields)}
        query = self.queryable
        routes = [
            self._route("GET", "", self._list, f"List {self.noun}", query.list_parameters(), None, many),
            self._route("GET", "/count", self._count, f"Count {self.noun}", query.parameters(), None, COUNT),
        ]
        if self.has_post:
            body = query.body_schema()
            routes += [
                self._route("POST", "", self._list, f"List {self.noun} (query in the body)", PAGING, body, many),
                self._route("POST", "/count", self._count, f"Count {self.noun} (query in the body)", (), body, COUNT),
            ]
        if self.get is not None:
            one = schema_of(self.fields)
            routes.append(self._route("GET", "/{id}", self._one, f"Get one of {self.noun}", (), None, one))
        return routes

    def dto(self, row: Any) -> dict[str, Any]:
        """The row on the wire."""
        return write(self.fields, row)

    def matching(self, call: Call, document: Mapping[str, Any]) -> Sequence[Row]:
        """All rows that a query, sent as part of a body, asks for. Raises a 400."""
        query = self.queryable.read(document, {})
        if query.is_empty:
            return []
        wanted = self._wanted(call, query)
        return call.read(lambda unit: self.find(unit, wanted, ALL))

    def wanted_by(self, call: Call, document: Any) -> Wanted | None:
        """The store's filter for a query inside another body; None if there is none, or none that finds anything."""
        if document is None:
            return None
        if not isinstance(document, dict):
            raise bad_request(f"A query of {self.noun} must be an object")
        query = self.queryable.read(document, {})
        return None if query.is_empty else self._wanted(call, query)

    def _route(
        self,
        method: str,
        path: str,
        handler: Callable[[Call], Any],
        summary: str,
        parameters: Sequence[Schema],
        request: Schema | None,
        answer: Schema,
    ) -> Route:
        return Route(
            method, self.path + path, handler, self.tag, summary,
            parameters=parameters, request=request, answer=answer,
        )  # fmt: skip

    def _list(self, call: Call) -> list[dict[str, Any]]:
        query = self._query(call)
        if query.is_empty:
            return []
        wanted = self._wanted(call, query)
        rows = call.read(lambda unit: self._enriched(call, unit, self.find(unit, wanted, query.page)))
        return [self._complete(call, row) for row in rows]

    def _count(self, call: Call) -> dict[str, int]:
        query = self._query(call)
        if query.is_empty:
            return {"count": 0}
        wanted = self._wanted(call, query)
        return {"count": call.read(lambda unit: self.count(unit, wanted))}

    def _one(self, call: Call) -> dict[str, Any]:
        assert self.get is not None
        get = self.get
        [row] = call.read(lambda unit: self._enriched(call, unit, [get(unit, call.path["id"])]))
        return self._complete(call, row)

    def _enriched(self, call: Call, unit: UnitOfWork, rows: Sequence[Row]) -> Sequence[Any]:
        return rows if self.enrich is None else self.enrich(call, unit, rows)

    def _complete(self, call: Call, row: Any) -> dict[str, Any]:
        dto = self.dto(row)
        return dto if self.complete is None else self.complete(call, row, dto)

    def _query(self, call: Call) -> Query:
        given: Mapping[str, Any] = call.query
        if self.has_post and call.method == "POST":
            given = call.body.document
        return self.queryable.read(given, call.query)

    def _wanted(self, call: Call, query: Query) -> Wanted:
        return self.wanted(**self.adjust(call, dict(query.sets)))
