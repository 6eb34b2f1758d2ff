"""Whether the process is alive, and whether it can do its work."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from mlc_service.readiness import database_checks, readiness
from mlc_service.rest.dependencies import dependencies_of
from mlc_service.rest.description import PUBLIC
from mlc_service.rest.errors import HttpProblem, problem_response

router = APIRouter(tags=["Health"])


@router.get("/healthz", summary="Is the process alive?", openapi_extra=PUBLIC)
async def healthz() -> dict[str, str]:
    """Answers as long as the process does."""
    return {"status": "alive"}


@router.get("/readyz", summary="Can the service do its work?", response_model=None, openapi_extra=PUBLIC)
def readyz(request: Request) -> dict[str, object] | Response:
    """200 if all that is required answers (`degraded` if something else does not), else 503 with what is missing."""
    deps = dependencies_of(request)
    found = readiness([*database_checks(deps.units), *deps.checks])
    if found.is_ready:
        return found.as_json()
    reason = "; ".join(problem for problem in found.problems.values() if problem is not None)
    return problem_response(HttpProblem(503, "NotReady", reason, extra=found.as_json()))
