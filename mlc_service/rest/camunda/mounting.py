"""Routes of the Camunda API on FastAPI: described there, and found by a quicker way (`Front`) where that will do."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mlc_service.rest.camunda.answering import Answering
from mlc_service.rest.camunda.call import Route
from mlc_service.rest.camunda.fields import Schema
from mlc_service.rest.camunda.lookup import Lookup
from mlc_service.rest.description import PUBLIC
from mlc_service.rest.errors import expected_answer
from mlc_service.rest.middleware import canonical_path, is_readable

_PARAMETER = re.compile(r"\{(\w+)(?::path)?\}")
# a body that is said to be no larger costs nothing to read, whoever sends it
_SMALL = 64 * 1024


def mount(app: FastAPI, prefix: str, routes: Iterable[Route], answering: Answering) -> Lookup:
    """Every route is served by `app` and described in its OpenAPI document; answers what a `Front` goes by."""
    lookup = Lookup()
    for route in routes:
        lookup.add(prefix + route.path, route)
        app.add_api_route(
            prefix + route.path,
            _endpoint(route, answering),
            methods=[route.method],
            tags=[route.tag],
            summary=route.summary,
            operation_id=_operation_id(route),
            response_model=None,
            openapi_extra=_description(route),
        )
    return lookup


def _endpoint(route: Route, answering: Answering) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        # before the body: a stranger's upload is not worth reading
        caller = None if route.is_public else await answering.greet(request.scope)
        # read here, used in a thread, which must not wait for a slow sender
        body = await request.body()
        return await answering.answer(route, request.scope, request.receive, body, caller)

    return endpoint


class Front:
    """Answers requests to known routes itself, if their body is small; all others go on to the application.

    What the layers behind it do one after the other (one spelling of addresses, a limit for bodies, routes, one form of
    errors) costs as much as the work of many a request.
    """

    def __init__(self, app: ASGIApp, lookup: Lookup, answering: Answering) -> None:
        self._app = app
        self._lookup = lookup
        self._answering = answering
        self._most_bytes = min(_SMALL, answering.deps.max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._route(scope) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        try:
            body = await _read(receive)
            response = await self._answering.answer(route, scope, receive, body)
        except Exception as error:
            expected = expected_answer(error)
            if expected is None:
                raise
            response = expected
        await response(scope, receive, send)

    def _route(self, scope: Scope) -> Route | None:
        """The way of a request that is this one's to answer; the scope knows it then."""
        if not self._is_small(scope["headers"]) or not is_readable(scope["path"], scope["query_string"]):
            return None
        path = canonical_path(scope["path"])
        found = self._lookup.find(scope["method"], path)
        if found is None:
            return None
        place, parameters = found
        # in place: whoever watches the request from further out finds its route there
        scope.update(path=path, route=place, path_params=parameters)
        return place.route

    def _is_small(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        is_small = True
        for name, value in headers:
            if name == b"transfer-encoding":
                # it says nothing of its length
                return False
            if name == b"content-length":
                is_small = value.isdigit() and len(value) < 10 and int(value) <= self._most_bytes
        return is_small


async def _read(receive: Receive) -> bytes:
    """The whole body. Raises ClientDisconnect."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def _operation_id(route: Route) -> str:
    words = re.sub(r"[^0-9A-Za-z]+", " ", route.path).split()
    return route.method.lower() + "".join(word[0].upper() + word[1:] for word in words)


def _description(route: Route) -> dict[str, Any]:
    in_path: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    described: dict[str, Any] = {"parameters": in_path + list(route.parameters)}
    if route.request is not None:
        described["requestBody"] = {"content": {route.consumes: {"schema": route.request}}}
    if route.answer is not None:
        described["responses"] = {
            "200": {"description": "OK", "content": {"application/json": {"schema": route.answer}}}
        }
    return described | PUBLIC if route.is_public else described
