"""What happens to every request before a route sees it: one spelling of each path, no NUL, a size limit."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlc_service.rest.errors import HttpProblem, bad_request, problem_response

CAMUNDA = "/mlc-service/rest"
ENGINE = "default"
_ALIASES = ("/engine-rest", CAMUNDA)
_SLASHES = re.compile("//+")
# half a surrogate pair, or what stands for bytes that are no UTF-8
_BROKEN = re.compile("[\ud800-\udfff\ufffd]")
_UNTOUCHED = ("/docs", "/redoc")


class OneSpelling:
    """Rewrites the path: `/engine-rest` and `…/engine/default` lead to the same place, as do doubled slashes.

    Camunda Modeler sends `//deployment` if the address was typed with a slash at the end.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        problem = _unreadable(path, scope.get("query_string", b""))
        if problem is None:
            canonical = canonical_path(path)
            engine = _foreign_engine(canonical)
            if engine is not None:
                message = f"Process engine {engine} not available"
                problem = HttpProblem(404, "InvalidRequestException", message)
            else:
                # in place: whoever watches the request from further out finds its route in this scope
                scope["path"] = canonical
        if problem is not None:
            await problem_response(problem)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class SharedWithPages(CORSMiddleware):
    """Lets pages of other servers read answers. A request that names no page has nothing to do with that."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not any(name == b"origin" for name, _ in scope["headers"]):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def canonical_path(path: str) -> str:
    """The one spelling of a path; a trailing slash means nothing."""
    if "//" in path:
        path = _SLASHES.sub("/", path)
    if len(path) > 1 and path.endswith("/") and not path.startswith(_UNTOUCHED):
        path = path[:-1]
    for alias in _ALIASES:
        if path == alias or path.startswith(alias + "/"):
            path = CAMUNDA + path[len(alias) :]
            break
    infix = f"{CAMUNDA}/engine/{ENGINE}"
    if path.startswith(infix + "/"):
        path = CAMUNDA + path[len(infix) :]
    return path


def _foreign_engine(path: str) -> str | None:
    prefix = f"{CAMUNDA}/engine/"
    return path[len(prefix) :].split("/", 1)[0] if path.startswith(prefix) else None


def is_readable(path: str, query: bytes) -> bool:
    """Whether nothing in the address is refused."""
    return _unreadable(path, query) is None


def _unreadable(path: str, query: bytes) -> HttpProblem | None:
    if "\x00" in path or b"%00" in query or b"\x00" in query:
        return bad_request("The NUL character is not allowed in an address")
    if not path.isascii() and _BROKEN.search(path):
        return bad_request("The address is not valid UTF-8")
    return None


class BodyLimit:
    """A body over `limit` bytes is answered 413, declared or not: reading it stops there."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _declared_length(scope["headers"]) > self._limit:
            await problem_response(self._problem())(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise self._problem()
            return message

        await self._app(scope, counted, send)

    def _problem(self) -> HttpProblem:
        return HttpProblem(413, "RestException", f"The body is larger than {self._limit} bytes")


def _declared_length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    for name, value in headers:
        if name.lower() == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0
