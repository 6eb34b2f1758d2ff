"""Online scoring: `POST /{runtime}/api/roundtrip/0/1`, one JSON record in, the model's answer out (ModelOp §4.5)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from mlc_service.lifecycle.errors import ScoringRefused
from mlc_service.rest.dependencies import dependencies_of
from mlc_service.rest.errors import HttpProblem
from mlc_service.rest.json_body import dump_json, read_json

router = APIRouter(tags=["Online scoring"])


async def _record(request: Request) -> Any:
    body = await request.body()
    if not body.strip():
        raise HttpProblem(400, "InvalidRequestException", "The body must be one JSON record")
    return read_json(body)


@router.post(
    "/{engine_name}/api/roundtrip/0/1",
    summary="Score one record",
    response_class=Response,
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}},
)
def roundtrip(engine_name: str, request: Request, record: Annotated[Any, Depends(_record)]) -> Response:
    """The answer of the model that is deployed on the runtime; refusals are plain text, as ModelOp's."""
    score = dependencies_of(request).score
    assert score is not None
    try:
        answer = score(engine_name, record)
    except ScoringRefused as refused:
        return Response(refused.message, refused.status, media_type="text/plain")
    return Response(dump_json(answer), media_type="application/json")
