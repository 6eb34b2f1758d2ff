"""Signals, messages, and who waits for them (camunda7.md §4.7)."""

from __future__ import annotations

from typing import Any

from mlc_service.engine.ids import derived_id
from mlc_service.process.messages import (
    Correlated,
    CorrelateMessage,
    correlate_message,
    message_execution,
    trigger_execution,
)
from mlc_service.process.running import StartedInstance, Step
from mlc_service.process.signals import broadcast_signal, signal_execution
from mlc_service.rest.camunda import fields, query
from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.camunda.instance_dto import started_dto
from mlc_service.rest.camunda.resource import Resource
from mlc_service.rest.camunda.tenants import tenant_filters
from mlc_service.rest.camunda.values import write_variables
from mlc_service.store.rows import SubscriptionRow
from mlc_service.store.subscriptions import SubscriptionFilter
from mlc_service.store.units import UnitOfWork


def _execution_id(row: SubscriptionRow) -> str | None:
    return None if row.instance_id is None else derived_id(row.instance_id, row.activity or 0)


SUBSCRIPTIONS: Resource[SubscriptionRow, SubscriptionFilter] = Resource(
    path="/event-subscription",
    tag="Event Subscription",
    noun="event subscriptions",
    fields=(
        fields.text("id", "id"),
        fields.text("eventType", "kind"),
        fields.text("eventName", "event_name"),
        fields.computed("executionId", _execution_id, {"type": "string", "nullable": True}),
        fields.text("processInstanceId", "instance_id"),
        fields.text("activityId", "activity_id"),
        fields.moment("createdDate", "created"),
        fields.absent("tenantId"),
    ),
    queryable=query.Queryable(
        filters=(
            query.text("eventSubscriptionId", "id"),
            query.text("eventName", "event_name"),
            query.text("eventType", "kind"),
            query.text("processInstanceId", "instance_id"),
            query.text("activityId", "activity_id"),
            *tenant_filters("includeEventSubscriptionsWithoutTenantId"),
            query.text("executionId", "execution_id"),
        ),
        sorts={"created": "created", "tenantId": "id"},
    ),
    wanted=SubscriptionFilter,
    find=lambda unit, wanted, page: unit.subscriptions.find(wanted, page),
    count=lambda unit, wanted: unit.subscriptions.count(wanted),
)


def signal(call: Call) -> None:
    """Everybody who waits for the signal has gone on, or only the execution that was named."""
    name, variables = _signal_of(call)
    execution_id = call.body.text("executionId")
    around, user = call.deps.process, call.caller.user_id
    if execution_id:
        call.run(lambda unit: signal_execution(unit, around, execution_id, name, variables, user=user))
    else:
        call.run(lambda unit: broadcast_signal(unit, around, name, variables, user=user))


def signal_responsive(call: Call) -> dict[str, Any]:
    """ModelOp's extension: as a signal to everybody, and tells which instances it reached."""
    name, variables = _signal_of(call)
    started, resumed = call.run(lambda unit: _reach(unit, call, name, variables))
    return {
        "signal": name,
        "startedProcessInstances": [started_dto(call, one, with_variables=False) for one in started],
        "processInstanceIds": [*(one.id for one in started), *resumed],
    }


def _reach(
    unit: UnitOfWork, call: Call, name: str, variables: dict[str, Any]
) -> tuple[list[StartedInstance], list[str]]:
    """As `broadcast_signal`, which only counts: the instances that were started, and ids of those that went on."""
    step = Step(unit, call.deps.process, call.caller.user_id)
    started: list[StartedInstance] = []
    resumed: list[str] = []
    for waiting in unit.subscriptions.find(SubscriptionFilter(kind="signal", event_name=name, is_active=True)):
        if waiting.instance_id is None:
            definition = unit.definitions.get(waiting.definition_id)
            started.append(step.start(definition, at=waiting.activity_id, variables=variables))
        elif step.receive(waiting, variables):
            resumed.append(waiting.instance_id)
    step.settle()
    return started, resumed


def _signal_of(call: Call) -> tuple[str, dict[str, Any]]:
    return call.body.required_text("name", "No signal name given"), call.body.variables()


def message(call: Call) -> list[dict[str, Any]] | None:
    """The one that fits has received the message, or with `all` everybody who fits."""
    body = call.body
    command = CorrelateMessage(
        name=body.required_text("messageName", "No message name supplied"),
        business_key=body.text("businessKey"),
        instance_id=body.text("processInstanceId"),
        correlation_keys=body.variables("correlationKeys"),
        local_keys=body.variables("localCorrelationKeys"),
        variables=body.variables("processVariables"),
        local_variables=body.variables("processVariablesLocal") | body.variables("processVariablesToTriggeredScope"),
        all=body.flag("all"),
        later=not body.flag("resultEnabled"),
        user=call.caller.user_id,
    )
    wants_result, with_variables = body.flag("resultEnabled"), body.flag("variablesInResultEnabled")
    reached = call.run(lambda unit: correlate_message(unit, call.deps.process, command))
    if not wants_result:
        return None
    return [_correlated(call, one, with_variables) for one in reached]


def _correlated(call: Call, one: Correlated, with_variables: bool) -> dict[str, Any]:
    is_start = one.kind == "definition"
    execution = {
        "id": one.execution_id,
        "processInstanceId": one.instance.id,
        "ended": one.instance.ended,
        "tenantId": None,
    }
    dto: dict[str, Any] = {
        "resultType": "ProcessDefinition" if is_start else "Execution",
        "execution": None if is_start else execution,
        "processInstance": started_dto(call, one.instance, with_variables=False) if is_start else None,
    }
    if with_variables:
        dto["variables"] = write_variables(one.instance.variables)
    return dto


def trigger_message(call: Call) -> None:
    """That execution has received the message."""
    variables = call.body.variables()
    id, name = call.path["id"], call.path["messageName"]
    call.run(lambda unit: message_execution(unit, call.deps.process, id, name, variables, user=call.caller.user_id))


def signal_one(call: Call) -> None:
    """That execution, which waits in a receive task or the like, has gone on."""
    variables = call.body.variables()
    id = call.path["id"]
    call.run(lambda unit: trigger_execution(unit, call.deps.process, id, variables, user=call.caller.user_id))


_VARIABLES: fields.Schema = {"type": "object", "properties": {"variables": {"type": "object"}}}
_SIGNAL: fields.Schema = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "executionId": {"type": "string", "nullable": True},
        "variables": {"type": "object", "nullable": True},
    },
}
_MESSAGE: fields.Schema = {
    "type": "object",
    "required": ["messageName"],
    "properties": {
        "messageName": {"type": "string"},
        "businessKey": {"type": "string", "nullable": True},
        "processInstanceId": {"type": "string", "nullable": True},
        **{
            name: {"type": "object", "nullable": True}
            for name in ("correlationKeys", "localCorrelationKeys", "processVariables", "processVariablesLocal")
        },
        **{name: {"type": "boolean"} for name in ("all", "resultEnabled", "variablesInResultEnabled")},
    },
}

ROUTES = [
    Route("POST", "/signal", signal, "Signal", "Send a signal", request=_SIGNAL),
    Route(
        "POST", "/signalResponsive", signal_responsive, "Signal", "Send a signal and get what it reached",
        request=_SIGNAL,
    ),
    Route("POST", "/message", message, "Message", "Send a message", request=_MESSAGE),
    *SUBSCRIPTIONS.routes(),
    Route("POST", "/execution/{id}/signal", signal_one, "Execution", "Trigger an execution", request=_VARIABLES),
    Route(
        "POST", "/execution/{id}/messageSubscriptions/{messageName:path}/trigger", trigger_message, "Execution",
        "Send a message to an execution", request=_VARIABLES,
    ),
]  # fmt: skip
