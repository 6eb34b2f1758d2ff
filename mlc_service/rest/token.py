"""`POST /gocli/token`: ModelOp's login, a user and password (or a refresh token) for bearer tokens."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException

from mlc_service.identity import Gate, NotAuthenticated, TokenPair, TooManyAttempts
from mlc_service.rest.dependencies import address_of, dependencies_of
from mlc_service.rest.description import PUBLIC
from mlc_service.rest.errors import HttpProblem, bad_request, from_identity

router = APIRouter(tags=["Login"])

_FORM = {
    "type": "object",
    "properties": {
        "grant_type": {"type": "string", "enum": ["password", "refresh_token"], "default": "password"},
        "username": {"type": "string"},
        "password": {"type": "string", "format": "password"},
        "refresh_token": {"type": "string"},
    },
}


@router.post(
    "/gocli/token",
    summary="Get a bearer token",
    openapi_extra={
        **PUBLIC,
        "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": _FORM}}},
    },
)
async def token(request: Request) -> dict[str, Any]:
    """Tokens for a user and password, or for a refresh token."""
    try:
        form = await request.form(max_files=0, max_fields=20)
    except MultiPartException as error:
        raise bad_request(error.message) from error
    gate, address = dependencies_of(request).gate, address_of(request.scope)
    try:
        pair = await run_in_threadpool(_log_in, gate, form, address)
    except NotAuthenticated as error:
        # no challenge: a browser would open its own login window
        raise HttpProblem(401, "AuthenticationException", str(error)) from error
    except TooManyAttempts as error:
        raise from_identity(error) from error
    return {
        "access_token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "expires_in": pair.expires_in,
        "token_type": "bearer",
    }


def _log_in(gate: Gate, form: FormData, address: str) -> TokenPair:
    grant = _text(form, "grant_type") or ("refresh_token" if "refresh_token" in form else "password")
    if grant == "refresh_token":
        return gate.refresh(_required(form, "refresh_token"))
    if grant != "password":
        raise bad_request(f"grant_type must be password or refresh_token, not {grant[:50]}")
    return gate.log_in(_required(form, "username"), _required(form, "password"), address)


def _required(form: FormData, name: str) -> str:
    value = _text(form, name)
    if not value:
        raise bad_request(f"The form needs {name}")
    return value


def _text(form: FormData, name: str) -> str | None:
    value = form.get(name)
    return None if isinstance(value, UploadFile) else value
