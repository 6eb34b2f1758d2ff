"""Whether the process is alive, and whether it can do its work."""

from __future__ import annotations

import structlog
from fastapi import APIRouter, Request, Response

from mlc_service.rest.dependencies import dependencies_of
from mlc_service.rest.description import PUBLIC
from mlc_service.rest.errors import HttpProblem, problem_response

router = APIRouter(tags=["Health"])
log = structlog.get_logger()


@router.get("/healthz", summary="Is the process alive?", openapi_extra=PUBLIC)
async def healthz() -> dict[str, str]:
    """Answers as long as the process does."""
    return {"status": "alive"}


@router.get("/readyz", summary="Can the service do its work?", response_model=None, openapi_extra=PUBLIC)
def readyz(request: Request) -> dict[str, str] | Response:
    """200 if the database answers and the background parts are up, else 503 with the reason."""
    deps = dependencies_of(request)
    try:
        deps.units.read(lambda unit: unit.settings.get("readyz"))
        if deps.is_ready():
            return {"status": "ready"}
        reason = "Background work is not running"
    except Exception as error:
        log.warning("not_ready", exc_info=error)
        reason = "The database does not answer"
    return problem_response(HttpProblem(503, "NotReady", reason))
