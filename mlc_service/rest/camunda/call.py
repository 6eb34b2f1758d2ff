"""One request to the Camunda API, and what a handler may answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import Scope

from mlc_service.identity import Authenticated
from mlc_service.rest.camunda.body import Body, as_flag
from mlc_service.rest.camunda.fields import Schema
from mlc_service.rest.camunda.waiting_room import WaitingRoom
from mlc_service.rest.dependencies import Dependencies
from mlc_service.rest.json_body import read_json
from mlc_service.store.units import UnitOfWork

Answered = TypeVar("Answered")


class ClientGone(Exception):
    """Nobody is there any more to be told what was done."""


class Call:
    """A request whose sender is known (`caller`), once somebody has asked.

    Handlers are plain functions of it and run in a thread. When the client of one that waits (`Later`) has gone away,
    it is `gone`.
    """

    caller: Authenticated

    def __init__(
        self, deps: Dependencies, method: str, scope: Scope, raw_body: bytes, waiting_room: WaitingRoom
    ) -> None:
        self.deps = deps
        self.method = method
        self.scope = scope
        self.raw_body = raw_body
        self.waiting_room = waiting_room
        self.path: Mapping[str, str] = scope["path_params"]
        self.gone = False

    @cached_property
    def headers(self) -> Mapping[bytes, bytes]:
        """By their names in lower case."""
        return dict(self.scope["headers"])

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The first value of each name, as Camunda reads them."""
        text: bytes = self.scope["query_string"]
        return dict(reversed(parse_qsl(text.decode("latin-1"), keep_blank_values=True))) if text else {}

    @property
    def content_type(self) -> str:
        return self.headers.get(b"content-type", b"").decode("latin-1")

    @property
    def base_url(self) -> str:
        """Where the client sees this service, without a slash at the end."""
        return str(Request(self.scope).base_url).rstrip("/")

    @cached_property
    def body(self) -> Body:
        """The JSON object that was sent; an empty one if nothing was. Raises a 400."""
        return Body(read_json(self.raw_body))

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean of the query string; anything that is neither true nor false is a 400."""
        value = self.query.get(name)
        return default if value is None or value == "" else as_flag(name, value)

    def read(self, work: Callable[[UnitOfWork], Answered]) -> Answered:
        """The answer of `work` with a unit of work that only reads."""
        return self.deps.units.read(work)

    def run(self, work: Callable[[UnitOfWork], Answered]) -> Answered:
        """The answer of `work` after its transaction is committed. Raises ClientGone, and then nothing is kept."""

        def for_somebody(unit: UnitOfWork) -> Answered:
            answer = work(unit)
            if self.gone:
                raise ClientGone
            return answer

        return self.deps.units.run(for_somebody)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer other than 200 with JSON or 204 without anything."""

    content: bytes
    media_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Later:
    """There is nothing to answer yet. `wait` is called in the event loop, must not block, and may be cancelled."""

    wait: Callable[[], Awaitable[Any]]


# None is 204, an Answer is itself, a Later is what it waits for, everything else is 200 with that JSON.
Handler = Callable[[Call], Any]


@dataclass(frozen=True)
class Route:
    """One operation: where it is, who answers, and what our OpenAPI says about it."""

    method: str
    path: str
    handler: Handler
    tag: str
    summary: str
    parameters: Sequence[Schema] = ()
    request: Schema | None = None
    answer: Schema | None = None
    # the media type of `request`
    consumes: str = "application/json"
    # answered without credentials
    is_public: bool = False
