"""Routes of the Camunda API on FastAPI: one way in and out for all of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NoReturn

import anyio
from fastapi import FastAPI, Request, Response

from mlc_service.identity import Authenticated
from mlc_service.rest.camunda.call import Answer, Call, Route
from mlc_service.rest.camunda.errors import translate
from mlc_service.rest.camunda.fields import Schema
from mlc_service.rest.camunda.lookup import Lookup
from mlc_service.rest.crew import Crew
from mlc_service.rest.dependencies import current_user, dependencies_of
from mlc_service.rest.description import PUBLIC
from mlc_service.rest.json_body import dump_json

_PARAMETER = re.compile(r"\{(\w+)(?::path)?\}")
_NOBODY = Authenticated("")
_SMALL = 64 * 1024


def mount(app: FastAPI, prefix: str, routes: Iterable[Route]) -> None:
    """Every route is served by `app` and described in its OpenAPI document."""
    lookup = Lookup()
    app.router.routes.insert(0, lookup)
    for route in routes:
        endpoint = _endpoint(route)
        lookup.add(route.method, prefix + route.path, endpoint)
        app.add_api_route(
            prefix + route.path,
            endpoint,
            methods=[route.method],
            tags=[route.tag],
            summary=route.summary,
            operation_id=_operation_id(route),
            response_model=None,
            openapi_extra=_description(route),
        )


def _endpoint(route: Route) -> Callable[[Request], Awaitable[Response]]:
    waits = inspect.iscoroutinefunction(route.handler)

    async def endpoint(request: Request) -> Response:
        crew: Crew = request.app.state.crew
        caller: Authenticated | None = _NOBODY if route.is_public else None
        if caller is None and (waits or not _is_small(request)):
            # before the body: a stranger's upload is not worth reading
            caller = await crew.run(current_user, request)
        # read here, used in a thread, which must not wait for a slow sender
        body = await request.body()
        if waits:
            assert caller is not None
            return await _answer_in_time(route, request, _call(request, caller, body))
        return await crew.run(_answer, route, request, caller, body)

    return endpoint


def _is_small(request: Request) -> bool:
    """Whether the body, if there is any, is said to be one that costs nothing to read."""
    length = request.headers.get("content-length", "")
    return "transfer-encoding" not in request.headers and (not length or (length.isdigit() and int(length) <= _SMALL))


def _call(request: Request, caller: Authenticated, body: bytes) -> Call:
    return Call(
        deps=dependencies_of(request),
        caller=caller,
        method=request.method,
        path=request.path_params,
        query=_first_values(request),
        raw_body=body,
        content_type=request.headers.get("content-type", ""),
        base_url=str(request.base_url).rstrip("/"),
        waiting_room=request.app.state.waiting_room,
    )


def _answer(route: Route, request: Request, caller: Authenticated | None, body: bytes) -> Response:
    caller = current_user(request) if caller is None else caller
    try:
        return _response(route.handler(_call(request, caller, body)))
    except Exception as error:
        _raise(error)


async def _answer_in_time(route: Route, request: Request, call: Call) -> Response:
    """The answer of a handler that waits, which ends when the client goes away."""
    failure: Exception | None = None
    # read by nobody: it stays only if the client has gone
    response = Response(status_code=204)
    async with anyio.create_task_group() as group:

        async def watch_client() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            call.gone.set()
            group.cancel_scope.cancel()

        group.start_soon(watch_client)
        try:
            response = _response(await route.handler(call))
        except Exception as error:
            failure = error
        group.cancel_scope.cancel()
    if failure is not None and not call.gone.is_set():
        _raise(failure)
    return response


def _raise(error: Exception) -> NoReturn:
    """Raises Camunda's answer, or the error itself if nobody expected it."""
    problem = translate(error)
    if problem is None:
        raise error
    raise problem from error


def _first_values(request: Request) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        values.setdefault(name, value)
    return values


def _response(result: Any) -> Response:
    if result is None:
        return Response(status_code=204)
    if isinstance(result, Answer):
        return Response(result.content, result.status, result.headers, media_type=result.media_type)
    return Response(dump_json(result), media_type="application/json")


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
