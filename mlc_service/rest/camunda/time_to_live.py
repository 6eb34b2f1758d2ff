"""How long history of a definition is kept: the body that says so, for processes and decisions alike."""

from __future__ import annotations

from mlc_service.rest.camunda.call import Call
from mlc_service.rest.camunda.fields import Schema
from mlc_service.rest.errors import HttpProblem

_INT32 = 2**31

BODY: Schema = {
    "type": "object",
    "properties": {"historyTimeToLive": {"type": "integer", "minimum": 0, "nullable": True}},
}


def read(call: Call) -> int | None:
    """Days; None is for ever. Raises a 400."""
    days = call.body.integer("historyTimeToLive")
    if days is not None and not 0 <= days < _INT32:
        message = f"historyTimeToLive must be a number of days from 0 to {_INT32 - 1}, or null to keep history for ever"
        raise HttpProblem(400, "BadUserRequestException", message, 0)
    return days
