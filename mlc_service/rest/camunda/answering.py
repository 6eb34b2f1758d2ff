"""From a request whose route is known to its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope

from mlc_service.identity import Authenticated
from mlc_service.rest.camunda.call import Answer, Call, Later, Route
from mlc_service.rest.camunda.errors import translate
from mlc_service.rest.camunda.waiting_room import WaitingRoom
from mlc_service.rest.crew import Crew
from mlc_service.rest.dependencies import Dependencies, caller_of
from mlc_service.rest.json_body import dump_json

_NOBODY = Authenticated("")


@dataclass(frozen=True, slots=True)
class Answering:
    """Calls handlers, in threads."""

    deps: Dependencies
    crew: Crew
    waiting_room: WaitingRoom

    async def greet(self, scope: Scope) -> Authenticated:
        """The caller, for whoever wants to know before the body is read. Raises NotAuthenticated, TooManyAttempts."""
        return await self.crew.run(self._caller, scope, dict(scope["headers"]))

    async def answer(
        self, route: Route, scope: Scope, receive: Receive, body: bytes, caller: Authenticated | None = None
    ) -> Response:
        """What the handler says; a caller who is not known yet is asked for first, if the route wants to know.

        Raises HttpProblem, NotAuthenticated, TooManyAttempts, DatabaseUnavailable, and what nobody expected.
        """
        call = Call(self.deps, route.method, scope, body, self.waiting_room)
        answered = await self.crew.run(self._handle, route, call, _NOBODY if route.is_public else caller)
        if isinstance(answered, Later):
            return await _in_time(call, receive, answered)
        return answered

    def _handle(self, route: Route, call: Call, caller: Authenticated | None) -> Response | Later:
        call.caller = self._caller(call.scope, call.headers) if caller is None else caller
        try:
            result = route.handler(call)
        except Exception as error:
            _raise(error)
        return result if isinstance(result, Later) else _response(result)

    def _caller(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Authenticated:
        authorization = headers.get(b"authorization")
        return caller_of(self.deps, scope, None if authorization is None else authorization.decode("latin-1"))


async def _in_time(call: Call, receive: Receive, later: Later) -> Response:
    """What is waited for, which ends when the client goes away."""
    failure: Exception | None = None
    # read by nobody: it stays only if the client has gone
    response = Response(status_code=204)
    async with anyio.create_task_group() as group:

        async def watch_client() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            call.gone = True
            group.cancel_scope.cancel()

        group.start_soon(watch_client)
        try:
            response = _response(await later.wait())
        except Exception as error:
            failure = error
        group.cancel_scope.cancel()
    if failure is not None and not call.gone:
        _raise(failure)
    return response


def _raise(error: Exception) -> NoReturn:
    """Raises Camunda's answer, or the error itself if nobody expected it."""
    problem = translate(error)
    if problem is None:
        raise error
    raise problem from error


def _response(result: Any) -> Response:
    if result is None:
        return Response(status_code=204)
    if isinstance(result, Answer):
        return Response(result.content, result.status, result.headers, media_type=result.media_type)
    return Response(dump_json(result), media_type="application/json")
