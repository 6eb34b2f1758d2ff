"""One request to the Camunda API, and what a handler may answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Event
from typing import Any, TypeVar

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


@dataclass(frozen=True)
class Call:
    """A request whose sender is known.

    Handlers are plain functions of it and run in a thread. One that waits is a coroutine function: it must not block,
    and when the client has gone away `gone` is set and it is cancelled.
    """

    deps: Dependencies
    caller: Authenticated
    method: str
    path: Mapping[str, str]
    # the first value of each name, as Camunda reads them
    query: Mapping[str, str]
    raw_body: bytes
    content_type: str
    base_url: str
    waiting_room: WaitingRoom
    gone: Event = field(default_factory=Event)

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
            if self.gone.is_set():
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


# None is 204, an Answer is itself, everything else is 200 with that JSON; of a coroutine function, when it is done.
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
