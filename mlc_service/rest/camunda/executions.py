"""Executions: whatever can wait in a live instance, its own variables, the messages it waits for."""

from __future__ import annotations

from typing import Any

from mlc_service.process.executions import execution_variables, set_execution_variables
from mlc_service.rest.camunda import fields, query
from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.camunda.events import SUBSCRIPTIONS
from mlc_service.rest.camunda.resource import Resource
from mlc_service.rest.camunda.variables import VariableResource
from mlc_service.rest.errors import not_found
from mlc_service.store.executions import ExecutionFilter
from mlc_service.store.rows import ExecutionRow
from mlc_service.store.selecting import Page
from mlc_service.store.subscriptions import SubscriptionFilter

_TAG = "Execution"

EXECUTIONS: Resource[ExecutionRow, ExecutionFilter] = Resource(
    path="/execution",
    tag=_TAG,
    noun="executions",
    fields=(
        fields.text("id", "id"),
        fields.text("processInstanceId", "instance_id"),
        # one that has ended is not there any more
        fields.always("ended", False),
        fields.absent("tenantId"),
    ),
    queryable=query.Queryable(
        filters=(
            query.text("businessKey", "business_key"),
            query.text("processDefinitionId", "definition_id"),
            query.text("processDefinitionKey", "definition_key"),
            query.text("processInstanceId", "instance_id"),
            query.text("activityId", "activity_id"),
            query.text("signalEventSubscriptionName", "signal_name"),
            query.text("messageEventSubscriptionName", "message_name"),
            query.flag("active", suspended=False),
            query.flag("suspended", suspended=True),
            query.text("incidentId", "incident_id"),
            query.text("incidentType", "incident_kind"),
            query.text("incidentMessage", "incident_message"),
            query.text("incidentMessageLike", "incident_message_like"),
            query.never("tenantIdIn"),
            query.variables("variables", "variables"),
            query.variables("processVariables", "instance_variables"),
            *query.unsupported("variableNamesIgnoreCase", "variableValuesIgnoreCase"),
        ),
        sorts={
            "instanceId": "instance_id", "definitionKey": "definition_key", "definitionId": "definition_id",
            "tenantId": "id",
        },
    ),
    wanted=ExecutionFilter,
    find=lambda unit, wanted, page: unit.executions.find(wanted, page),
    count=lambda unit, wanted: unit.executions.count(wanted),
    get=lambda unit, id: unit.executions.get(id),
    has_post=True,
)  # fmt: skip

LOCAL_VARIABLES = VariableResource(
    path="/execution/{id}/localVariables",
    tag=_TAG,
    owner="execution",
    read=lambda unit, call: execution_variables(unit, call.deps.process, call.path["id"]),
    change=lambda unit, call, written, deleted: set_execution_variables(
        unit, call.deps.process, call.path["id"], written, deleted, user=call.caller.user_id
    ),
)


def message_subscription(call: Call) -> dict[str, Any]:
    """The execution's subscription to a message."""
    id, name = call.path["id"], call.path["messageName"]
    wanted = SubscriptionFilter(kind="message", event_name=name, execution_id=id)
    found = call.read(lambda unit: unit.subscriptions.find(wanted, Page(size=1)))
    if not found:
        raise not_found(f"Message event subscription for execution {id} named {name} does not exist")
    return SUBSCRIPTIONS.dto(found[0])


ROUTES = [
    *EXECUTIONS.routes(),
    *LOCAL_VARIABLES.routes(),
    Route(
        "GET", "/execution/{id}/messageSubscriptions/{messageName:path}", message_subscription, _TAG,
        "Get an execution's subscription to a message", answer=fields.schema_of(SUBSCRIPTIONS.fields),
    ),
]  # fmt: skip
