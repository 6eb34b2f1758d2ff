"""One answer for everything that goes wrong: `{"type", "message", "code"}`, as Camunda writes it.

FastAPI's own 404, 405 and 422 bodies never leave the service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from mlc_service.identity import NotAuthenticated, TooManyAttempts
from mlc_service.rest.dependencies import ABOUT_REQUEST
from mlc_service.rest.watching import REQUEST_ID
from mlc_service.store.errors import DatabaseUnavailable

log = structlog.get_logger()


class HttpProblem(Exception):
    """An answer other than success; `kind` is the simple name of Camunda's exception, `extra` adds body keys."""

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        code: int | None = None,
        *,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.kind = kind
        self.message = message
        self.code = code
        self.extra = extra or {}
        self.headers = headers or {}
        super().__init__(message)


def bad_request(message: str) -> HttpProblem:
    """The client's mistake, said in `message`."""
    return HttpProblem(400, "InvalidRequestException", message)


def not_found(message: str) -> HttpProblem:
    """What the path names does not exist."""
    return HttpProblem(404, "InvalidRequestException", message)


def problem_response(problem: HttpProblem) -> Response:
    """The problem as an HTTP answer."""
    body = {"type": problem.kind, "message": problem.message, "code": problem.code, **problem.extra}
    return Response(orjson.dumps(body, default=str), problem.status, problem.headers, media_type="application/json")


def from_identity(error: NotAuthenticated | TooManyAttempts) -> HttpProblem:
    """401 with Camunda's challenge, or 429 with the seconds to wait."""
    if isinstance(error, TooManyAttempts):
        headers = {"Retry-After": str(error.retry_after_seconds)}
        return HttpProblem(429, "AuthenticationException", str(error), headers=headers)
    headers = {"WWW-Authenticate": 'Basic realm="default"'}
    return HttpProblem(401, "AuthenticationException", str(error), headers=headers)


def expected_answer(error: Exception) -> Response | None:
    """The answer to what is known to go wrong, None for anything else."""
    if isinstance(error, HttpProblem):
        return problem_response(error)
    if isinstance(error, NotAuthenticated | TooManyAttempts):
        return problem_response(from_identity(error))
    if isinstance(error, ClientDisconnect):
        # nobody is there to read it
        return Response(status_code=400)
    if isinstance(error, DatabaseUnavailable):
        log.warning("database_unavailable", error=str(error))
        message = (
            "The database does not answer. Whether the request was carried out is not known; look before repeating."
        )
        return problem_response(HttpProblem(503, "ProcessEngineException", message, 0, headers={"Retry-After": "5"}))
    return None


def install(app: FastAPI) -> None:
    """Every error of `app` is answered in the one form."""

    def on_expected(_: Request, error: Exception) -> Response:
        answer = expected_answer(error)
        assert answer is not None, "it is installed for these only"
        return answer

    def on_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        findings = (
            f"{'.'.join(str(part) for part in finding['loc'][1:]) or finding['loc'][0]}: {finding['msg']}"
            for finding in error.errors()
        )
        return problem_response(bad_request("; ".join(findings)))

    def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        texts = {
            404: f"There is nothing at {request.url.path}",
            405: f"{request.method} is not possible at {request.url.path}",
        }
        message = texts.get(error.status_code, str(error.detail))
        kind = "NotFoundException" if error.status_code == 404 else "RestException"
        return problem_response(HttpProblem(error.status_code, kind, message, headers=error.headers))

    def on_anything(request: Request, error: Exception) -> Response:
        log.error("request_failed", method=request.method, path=request.url.path, exc_info=error)
        message = "The service could not carry out the request. The log of the service has the details."
        # nothing else reaches this answer any more, not even the middleware that gave the request its id
        headers = {REQUEST_ID: request.scope.get(ABOUT_REQUEST, {}).get("request_id", "")}
        return problem_response(HttpProblem(500, "ProcessEngineException", message, 0, headers=headers))

    for expected in (HttpProblem, NotAuthenticated, TooManyAttempts, ClientDisconnect, DatabaseUnavailable):
        app.add_exception_handler(expected, on_expected)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_anything)
