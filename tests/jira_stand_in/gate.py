"""What stands in front of the stand-in: it keeps every exchange and makes the trouble that a test orders."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Literal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as they went over the wire (`answer_body` is empty where none was sent)."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    status: int
    answer_headers: dict[str, str]
    answer_body: bytes


@dataclass
class _Fault:
    kind: Literal["status", "hang", "drop", "half", "text"]
    on: str
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Faults:
    """Orders of trouble, first in first out. `on` is "METHOD /path-part"; the next request that fits is hit.

    A fault waits until a request fits it, and is then spent.
    """

    def __init__(self) -> None:
        self._orders: list[_Fault] = []
        self._lock = threading.Lock()
        self._released = threading.Event()

    def answer(self, status: int, *, on: str = "", retry_after: str | None = None, times: int = 1) -> None:
        """The next fitting requests are answered with this status, before the tracker sees them."""
        headers = {} if retry_after is None else {"retry-after": retry_after}
        body = json.dumps({"errorMessages": [f"ordered by the test: {status}"], "errors": {}}).encode()
        self._order(*(_Fault("status", on, status, headers, body) for _ in range(times)))

    def answer_text(self, text: str, *, on: str = "") -> None:
        """The next fitting request is answered 200 with a page that is not JSON."""
        self._order(_Fault("text", on, 200, {"content-type": "text/html"}, text.encode()))

    def hang(self, *, on: str = "") -> None:
        """The next fitting request gets no answer until `release`."""
        self._order(_Fault("hang", on))

    def drop_after(self, *, on: str = "POST /issue") -> None:
        """The next fitting request is carried out, and then the connection is cut without an answer."""
        self._order(_Fault("drop", on))

    def half_answer_after(self, *, on: str = "POST /issue") -> None:
        """The next fitting request is carried out; half its answer is sent and the connection cut."""
        self._order(_Fault("half", on))

    def release(self) -> None:
        """Every hanging request ends (its connection is cut), and orders not yet carried out are forgotten."""
        with self._lock:
            self._orders.clear()
            self._released.set()
            self._released = threading.Event()

    def _order(self, *faults: _Fault) -> None:
        with self._lock:
            self._orders.extend(faults)

    def _take(self, method: str, path: str) -> _Fault | None:
        with self._lock:
            for fault in self._orders:
                wanted, _, part = fault.on.partition(" ")
                if not fault.on or (method == wanted and path.endswith(part)):
                    self._orders.remove(fault)
                    return fault
        return None

    async def _wait_for_release(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._released.wait)


class Gate:
    """An ASGI application around the stand-in's."""

    def __init__(self, app: App, faults: Faults, exchanges: list[Exchange]) -> None:
        self._app = app
        self._faults = faults
        self._exchanges = exchanges

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/rest/"):
            await self._app(scope, receive, send)
            return
        body = await _whole_body(receive)
        fault = self._faults._take(scope["method"], scope["path"])
        answer = _Answer()
        if fault is not None and fault.kind == "hang":
            await self._faults._wait_for_release()
        elif fault is not None and fault.kind in ("status", "text"):
            answer.status, answer.headers, answer.body = fault.status, dict(fault.headers), fault.body
            answer.headers.setdefault("content-type", "application/json")
        else:
            await self._app(scope, _replay(body), answer.take)
        cut = fault is not None and fault.kind in ("hang", "drop")
        sent = b"" if cut else answer.body[: len(answer.body) // 2] if fault and fault.kind == "half" else answer.body
        self._exchanges.append(
            Exchange(
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"].decode(),
                headers={name.decode().lower(): value.decode() for name, value in scope["headers"]},
                body=body,
                status=0 if cut else answer.status,
                answer_headers=answer.headers,
                answer_body=sent,
            )
        )
        if cut:
            _cut_connection(receive)
            return
        headers = {**answer.headers, "content-length": str(len(answer.body))}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        if len(sent) < len(answer.body):
            await send({"type": "http.response.body", "body": sent, "more_body": True})
            _cut_connection(receive, flush=True)
            return
        await send({"type": "http.response.body", "body": sent})


class _Answer:
    """Takes an application's answer instead of sending it."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")


async def _whole_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def _replay(body: bytes) -> Receive:
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return {"type": "http.disconnect"}
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _cut_connection(receive: Receive, *, flush: bool = False) -> None:
    """The client sees its connection end. ASGI has no word for this: it goes through uvicorn's object."""
    transport = receive.__self__.transport  # type: ignore[attr-defined]
    if flush:
        transport.close()
    else:
        transport.abort()
