"""Finds the route of a request at once: FastAPI would try one pattern after the other, and there are hundreds."""

from __future__ import annotations

from mlc_service.rest.camunda.call import Route


class Found:
    """A route; `path` is its template with the prefix, as logs and metrics tell it."""

    __slots__ = ("names", "path", "route")

    def __init__(self, path: str, route: Route) -> None:
        self.path = path
        self.route = route
        self.names = [part[1:-1] for part in _segments(path) if part.startswith("{")]


class Lookup:
    """Knows the way to the routes that were added.

    What it does not find is left to others: a wrong method, a path that nobody serves, a parameter with slashes.
    """

    def __init__(self) -> None:
        self._first = _Place()

    def add(self, path: str, route: Route) -> None:
        """Requests of the route's method whose path fits are its own; a fixed segment goes before a parameter."""
        if ":path}" in path:
            return
        place = self._first
        for part in _segments(path):
            if part.startswith("{"):
                place.any = place.any or _Place()
                place = place.any
            else:
                place = place.named.setdefault(part, _Place())
        place.routes.setdefault(route.method, Found(path, route))

    def find(self, method: str, path: str) -> tuple[Found, dict[str, str]] | None:
        """The route and what the path says of its parameters."""
        values: list[str] = []
        found = _found(self._first, _segments(path), 0, method, values)
        return None if found is None else (found, dict(zip(found.names, values, strict=True)))


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
