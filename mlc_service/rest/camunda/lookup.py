"""Finds the route of a request at once: FastAPI would try one pattern after the other, and there are hundreds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from fastapi import Request, Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]


class Found(BaseRoute):
    """A route that has been found already; `path` is its template."""

    def __init__(self, path: str, endpoint: Endpoint) -> None:
        self.path = path
        self.endpoint = endpoint
        self.names = [part[1:-1] for part in _segments(path) if part.startswith("{")]

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


class Lookup(BaseRoute):
    """Stands before all other routes and knows the way to those that were added here.

    What it does not find is left to the others: a wrong method, a path that nobody serves, a parameter with slashes.
    """

    def __init__(self) -> None:
        self._first = _Place()
        self._last_path = ContextVar("last_path", default="")

    @property
    def path(self) -> str:
        """The template that the request in hand has matched: OpenTelemetry asks each route of the list for its own."""
        return self._last_path.get()

    def add(self, method: str, path: str, endpoint: Endpoint) -> None:
        """The endpoint answers requests of that method whose path fits; a fixed segment goes before a parameter."""
        if ":path}" in path:
            return
        place = self._first
        for part in _segments(path):
            if part.startswith("{"):
                place.any = place.any or _Place()
                place = place.any
            else:
                place = place.named.setdefault(part, _Place())
        place.routes.setdefault(method, Found(path, endpoint))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        values: list[str] = []
        found = _found(self._first, _segments(scope["path"]), 0, scope["method"], values)
        if found is None:
            return Match.NONE, {}
        self._last_path.set(found.path)
        parameters = dict(zip(found.names, values, strict=True))
        return Match.FULL, {"endpoint": found.endpoint, "path_params": parameters, "route": found}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        route: Any = scope["route"]
        await route.handle(scope, receive, send)


class _Place:
    """What may follow a part of a path."""

    __slots__ = ("any", "named", "routes")

    def __init__(self) -> None:
        self.named: dict[str, _Place] = {}
        self.any: _Place | None = None
        self.routes: dict[str, Found] = {}


def _segments(path: str) -> list[str]:
    return path.split("/")[1:]


def _found(place: _Place, parts: list[str], at: int, method: str, values: list[str]) -> Found | None:
    if at == len(parts):
        return place.routes.get(method)
    part = parts[at]
    named = place.named.get(part)
    if named is not None:
        found = _found(named, parts, at + 1, method, values)
        if found is not None:
            return found
    if place.any is not None and part:
        values.append(part)
        found = _found(place.any, parts, at + 1, method, values)
        if found is not None:
            return found
        values.pop()
    return None
