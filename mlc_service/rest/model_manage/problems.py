"""Broken rules of the life cycle as HTTP answers: one table."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from mlc_service.lifecycle.errors import (
    IllegalMove,
    ImmutableDocument,
    InvalidDocument,
    LifecycleProblem,
    NoRuntime,
    StaleVersion,
    UnknownDocument,
)
from mlc_service.lifecycle.online import DeploymentFailed
from mlc_service.rest.errors import HttpProblem
from mlc_service.store.errors import UnknownSort

STATUS: dict[type[LifecycleProblem], tuple[int, str]] = {
    UnknownDocument: (404, "Not Found"),
    InvalidDocument: (400, "Bad Request"),
    ImmutableDocument: (409, "Conflict"),
    StaleVersion: (409, "Conflict"),
    IllegalMove: (409, "Conflict"),
    NoRuntime: (409, "Conflict"),
    DeploymentFailed: (409, "Conflict"),
}


def as_http(problem: LifecycleProblem) -> HttpProblem:
    """The answer: `status`, `error`, `message` and, where a field is to blame, `field`."""
    status, error = STATUS.get(type(problem), (400, "Bad Request"))
    return _answer(status, error, type(problem).__name__, problem.message, problem.field)


def bad_field(field: str, message: str) -> HttpProblem:
    """400 that names the field or query parameter."""
    return _answer(400, "Bad Request", "InvalidDocument", f"{field}: {message}", field)


def _answer(status: int, error: str, kind: str, message: str, field: str | None) -> HttpProblem:
    extra: dict[str, Any] = {"status": status, "error": error}
    if field is not None:
        extra["field"] = field
    return HttpProblem(status, kind, message, extra=extra)


class LifecycleRoute(APIRoute):
    """A route whose broken rules are answered by the table above."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except LifecycleProblem as problem:
                raise as_http(problem) from problem
            except UnknownSort as unknown:
                raise bad_field("sort", str(unknown)) from unknown

        return answer
