"""What the HTTP room is given by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry
from starlette.types import Scope

from mlc_service.clock import Clock
from mlc_service.identity import Authenticated, Gate
from mlc_service.process.surroundings import Surroundings
from mlc_service.readiness import Check
from mlc_service.store.units import Units
from mlc_service.tickets.board_rows import BoardUnit

MEBIBYTE = 1024 * 1024
# where in a request's scope the facts are kept that its log lines carry
ABOUT_REQUEST = "mlc.request"


class Score(Protocol):
    """Scores a record online."""

    def __call__(self, engine_name: str, record: Any) -> Any:
        """The answer of the model that this runtime serves, as JSON values. Safe to repeat.

        Raises `lifecycle.errors.ScoringRefused`, whose `status` is the one to answer with.
        """


class RunJob(Protocol):
    """Carries a job out now, in the calling thread."""

    def __call__(self, job_id: str) -> None:
        """The job is done. Raises `store.errors.NotFound`, or what made the job fail (which is on record then)."""


@dataclass(frozen=True)
class Dependencies:
    """Everything `create_app` needs; the optional parts leave their routes out when they are None."""

    units: Units
    clock: Clock
    gate: Gate
    process: Surroundings
    run_job: RunJob
    score: Score | None = None
    # begins a transaction on the built-in ticket board, such as `units.begin`
    board: Callable[[], AbstractContextManager[BoardUnit]] | None = None
    # routers of other APIs (`/model-manage/api`); mounted behind the same login
    routers: Sequence[APIRouter] = ()
    # what /readyz looks at besides the database
    checks: Sequence[Check] = ()
    # what /metrics shows; None leaves it out
    metrics: CollectorRegistry | None = None
    version: str = "0.1.0"
    max_body_bytes: int = 64 * MEBIBYTE
    # sync endpoints run in this many threads; more than the database has connections would only wait
    threads: int = 16


def dependencies_of(request: Request) -> Dependencies:
    """The dependencies of the application that answers this request."""
    deps = request.app.state.deps
    assert isinstance(deps, Dependencies)
    return deps


def address_of(scope: Scope) -> str:
    """Where the request came from, for counting failed logins."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def caller_of(deps: Dependencies, scope: Scope, authorization: str | None) -> Authenticated:
    """Who sent the request, whose log lines know it then. Raises NotAuthenticated or TooManyAttempts: 401 and 429."""
    caller = deps.gate.authenticate(authorization, address_of(scope))
    scope.setdefault(ABOUT_REQUEST, {})["user"] = caller.user_id
    return caller


def current_user(request: Request) -> Authenticated:
    """FastAPI dependency: the caller. Raises as `caller_of`."""
    return caller_of(dependencies_of(request), request.scope, request.headers.get("authorization"))
