"""Conditional start events (camunda7.md §4.7)."""

from __future__ import annotations

from typing import Any

from mlc_service.process.conditions import EvaluateConditions, evaluate_conditions
from mlc_service.process.running import StartedInstance
from mlc_service.rest.camunda import fields
from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.camunda.instance_dto import STARTED
from mlc_service.rest.errors import HttpProblem, bad_request
from mlc_service.store.subscriptions import SubscriptionFilter
from mlc_service.store.units import UnitOfWork

_CONDITIONAL = "conditional"


def evaluate(call: Call) -> list[dict[str, Any]]:
    """Starts every definition whose condition holds for the variables."""
    body = call.body
    command = EvaluateConditions(
        variables=body.variables(),
        business_key=body.text("businessKey"),
        definition_id=body.text("processDefinitionId"),
        user=call.caller.user_id,
    )
    if body.text("tenantId"):
        raise bad_request("No subscriptions were found during evaluation of the conditional start events.")

    def work(unit: UnitOfWork) -> list[StartedInstance]:
        if command.definition_id is not None:
            _check(unit, command.definition_id)
        return evaluate_conditions(unit, call.deps.process, command)

    return [fields.write(STARTED, started) for started in call.run(work)]


def _check(unit: UnitOfWork, definition_id: str) -> None:
    unit.definitions.get(definition_id)
    listening = SubscriptionFilter(kind=_CONDITIONAL, definition_id=definition_id, of_instances=False)
    if not unit.subscriptions.count(listening):
        message = f"Process definition with id '{definition_id}' does not declare conditional start event."
        raise HttpProblem(400, "BadUserRequestException", message, 0)


_EVALUATE: fields.Schema = {
    "type": "object",
    "properties": {
        "variables": {"type": "object"},
        "businessKey": {"type": "string", "nullable": True},
        "processDefinitionId": {"type": "string", "nullable": True},
        "withoutTenantId": {"type": "boolean"},
    },
}

ROUTES = [
    Route(
        "POST", "/condition", evaluate, "Condition", "Start what a condition holds for", request=_EVALUATE,
        answer={"type": "array", "items": fields.schema_of(STARTED)},
    ),
]  # fmt: skip
