"""The web application: middlewares, mounts, one form for errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio.to_thread
from fastapi import Depends, FastAPI

from mlc_service.rest import errors, health, token, watching
from mlc_service.rest.app import board, scoring
from mlc_service.rest.camunda.answering import Answering
from mlc_service.rest.camunda.mounting import Front, mount
from mlc_service.rest.camunda.routes import routes
from mlc_service.rest.camunda.waiting_room import WaitingRoom
from mlc_service.rest.crew import Crew
from mlc_service.rest.dependencies import Dependencies, current_user
from mlc_service.rest.description import describe
from mlc_service.rest.middleware import CAMUNDA, BodyLimit, OneSpelling, SharedWithPages

_DESCRIPTION = """
Runs the life cycle of machine-learning models as BPMN processes.

The process API is Camunda 7's: everything under `/mlc-service/rest` is also at `/engine-rest`, and at both with
`/engine/default` in between. Log in with Basic, or with a bearer token from `POST /gocli/token`.
"""


def create_app(deps: Dependencies) -> FastAPI:
    """The application over these dependencies; it starts and stops nothing of its own but its threads."""
    app = FastAPI(
        title="MLC Service",
        version=deps.version,
        description=_DESCRIPTION,
        redirect_slashes=False,
        lifespan=_lifespan(deps),
    )
    app.state.deps = deps
    app.state.waiting_room = waiting_room = WaitingRoom()
    deps.units.on_new_external_tasks(waiting_room.call)
    errors.install(app)
    app.include_router(health.router)
    if deps.metrics is not None:
        app.include_router(watching.router)
    app.include_router(token.router)
    answering = Answering(deps, Crew(deps.threads), waiting_room)
    lookup = mount(app, CAMUNDA, routes(), answering)
    behind_login = [Depends(current_user)]
    for router in deps.routers:
        app.include_router(router, dependencies=behind_login)
    if deps.board is not None:
        app.include_router(board.router, dependencies=behind_login)
    if deps.score is not None:
        # last: its first path segment is a name of somebody's choosing
        app.include_router(scoring.router, dependencies=behind_login)
    describe(app)
    app.add_middleware(BodyLimit, limit=deps.max_body_bytes)
    app.add_middleware(OneSpelling)
    app.add_middleware(Front, lookup=lookup, answering=answering)
    # Camunda Modeler sends `Origin: file://`; credentials travel in a header and never in a cookie, so that a
    # page of somebody else's cannot borrow them
    app.add_middleware(
        SharedWithPages,
        allow_origins=["*"],
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["Content-Disposition", "Retry-After", watching.REQUEST_ID],
        max_age=3600,
    )
    app.add_middleware(watching.Watch)
    return app


def close_waiting_room(app: FastAPI) -> None:
    """Requests that wait are answered now, and later ones do not wait. To be called in the application's event loop.

    A server that finishes the requests in hand before it ends the application's lifespan calls this first.
    """
    app.state.waiting_room.close()


def _lifespan(deps: Dependencies) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = deps.threads
        app.state.waiting_room.open()
        yield
        close_waiting_room(app)

    return lifespan
