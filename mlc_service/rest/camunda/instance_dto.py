"""How a process instance is written, wherever it comes up."""

from __future__ import annotations

from typing import Any

from mlc_service.process.instances import StartedInstance
from mlc_service.rest.camunda import fields
from mlc_service.rest.camunda.call import Call
from mlc_service.rest.camunda.values import write_variables

INSTANCE = (
    fields.no_links(),
    fields.text("id", "id"),
    fields.text("definitionId", "definition_id"),
    fields.text("definitionKey", "definition_key"),
    fields.text("businessKey", "business_key"),
    fields.absent("caseInstanceId"),
    fields.always("ended", False),
    fields.flag("suspended", "suspended"),
    fields.absent("tenantId"),
)
STARTED = tuple(fields.flag("ended", "ended") if field.name == "ended" else field for field in INSTANCE)


def started_dto(call: Call, started: StartedInstance, *, with_variables: bool) -> dict[str, Any]:
    """An instance that was just started; `variables` is there only if it was asked for."""
    href = f"{call.base_url}/mlc-service/rest/process-instance/{started.id}"
    dto = fields.write(STARTED, started) | {"links": [{"method": "GET", "href": href, "rel": "self"}]}
    if with_variables:
        dto["variables"] = write_variables(started.variables)
    return dto
