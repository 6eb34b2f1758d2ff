"""What the service says about itself, and checking a password."""

from __future__ import annotations

from typing import Any

from mlc_service.identity import NotAuthenticated
from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.middleware import ENGINE

# The version whose API this is: clients and Camunda Modeler decide by it what they may use.
CAMUNDA_VERSION = "7.24.0"


def version(_: Call) -> dict[str, str]:
    """The version of Camunda that this API is compatible with."""
    return {"version": CAMUNDA_VERSION}


def engines(_: Call) -> list[dict[str, str]]:
    """The one engine there is."""
    return [{"name": ENGINE}]


def verify(call: Call) -> dict[str, Any]:
    """Whether the password is the user's."""
    user = call.body.required_text("username", "Username and password are required")
    password = call.body.required_text("password", "Username and password are required")
    try:
        call.deps.gate.log_in(user, password, f"verified by {call.caller.user_id}")
    except NotAuthenticated:
        return {"authenticatedUser": user, "authenticated": False}
    return {"authenticatedUser": user, "authenticated": True}


_CREDENTIALS = {
    "type": "object",
    "properties": {"username": {"type": "string"}, "password": {"type": "string", "format": "password"}},
}

ROUTES = [
    # public: Camunda Modeler 4.8 parses this answer before it looks at the status
    Route("GET", "/version", version, "Service", "Get the API's version", is_public=True),
    Route("GET", "/engine", engines, "Service", "List the engines", is_public=True),
    Route("POST", "/identity/verify", verify, "Identity", "Check a password", request=_CREDENTIALS),
]
