"""What is known of each request: in its log lines, in the metrics, and by its id in the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from time import monotonic
from typing import Any
from uuid import uuid4

import structlog
from fastapi import APIRouter, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlc_service import logs, metrics
from mlc_service.probes import exposition
from mlc_service.rest.dependencies import ABOUT_REQUEST, dependencies_of
from mlc_service.rest.description import PUBLIC

log = structlog.get_logger(__name__)
router = APIRouter(tags=["Health"])

REQUEST_ID = "X-Request-ID"
_REQUEST_ID = REQUEST_ID.lower().encode()
# nothing that could pass for the end of a line or of a JSON text
_WELL_FORMED = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# asked for every few seconds by machines
_NOT_LOGGED = frozenset({"/healthz", "/readyz", "/metrics"})
# nginx's word for a client that went away before it was answered
_CLIENT_LEFT = 499
# routes whose path says what the request is about, and which parameter
_SUBJECTS = (
    ("/process-instance/{id}", "id", "instance_id"),
    ("/job/{id}", "id", "job_id"),
    ("/process-definition/key/{key}", "key", "definition_key"),
)


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response, openapi_extra=PUBLIC)
def scrape(request: Request) -> Response:
    """What is counted and measured, in Prometheus's text form. To be kept inside: it needs no login."""
    registry = dependencies_of(request).metrics
    assert registry is not None, "the route is left out otherwise"
    body, content_type = exposition(registry, request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": content_type})


class Watch:
    """The outermost middleware. Each request has an id, its lines say what it is, and its end is logged and counted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        id = _id_of(scope)
        scope[ABOUT_REQUEST] = {"request_id": id, "method": scope["method"]}
        logs.about_request(lambda: _facts(scope))
        status = _CLIENT_LEFT
        began = monotonic()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (_REQUEST_ID, id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            # it is answered further out
            status = 500
            raise
        finally:
            _record(scope, status, monotonic() - began)


def _id_of(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _REQUEST_ID:
            given: str = value.decode("latin-1")
            return given if _WELL_FORMED.fullmatch(given) else uuid4().hex
    return uuid4().hex


def _route(scope: Scope) -> str:
    """The template, of which there are few; never the address, of which there is no end."""
    return getattr(scope.get("route"), "path", "none")


def _facts(scope: Scope) -> Mapping[str, Any]:
    route, parameters = _route(scope), scope.get("path_params", {})
    about = {fact: parameters[name] for part, name, fact in _SUBJECTS if part in route and name in parameters}
    return {**scope[ABOUT_REQUEST], "route": route, **about}


def _record(scope: Scope, status: int, seconds: float) -> None:
    method, route = scope["method"], _route(scope)
    metrics.REQUEST_SECONDS.labels(method if method in _METHODS else "other", route, str(status)).observe(seconds)
    if route not in _NOT_LOGGED:
        log.info("request_done", status=status, seconds=round(seconds, 4))
