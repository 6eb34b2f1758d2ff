"""Restarting ended instances."""

from __future__ import annotations

from mlc_service.process.modification import resolved
from mlc_service.process.restart import RestartInstances, restart_instances
from mlc_service.rest.camunda import fields
from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.camunda.errors import naming_a_definition
from mlc_service.rest.camunda.modification import INSTRUCTION, read_start_instructions
from mlc_service.rest.camunda.process_instances import instances_of
from mlc_service.rest.errors import bad_request
from mlc_service.store.units import UnitOfWork


def restart(call: Call) -> None:
    """New instances run with what the named ones, which have ended, had."""
    body = call.body
    instructions = resolved("", read_start_instructions(body.objects("instructions")))
    if not instructions:
        raise bad_request("Restart instructions cannot be empty: instructions is empty")
    find = instances_of(call)
    initial, without_key = body.flag("initialVariables"), body.flag("withoutBusinessKey")
    skips_listeners, skips_mappings = body.flag("skipCustomListeners"), body.flag("skipIoMappings")

    def work(unit: UnitOfWork) -> None:
        ids = find(unit)
        if not ids:
            raise bad_request("processInstanceIds is empty")
        command = RestartInstances(
            call.path["id"],
            ids,
            instructions,
            initial_variables=initial,
            without_business_key=without_key,
            skips_listeners=skips_listeners,
            skips_mappings=skips_mappings,
            user=call.caller.user_id,
        )
        restart_instances(unit, call.deps.process, command)

    with naming_a_definition():
        call.run(work)


_RESTART: fields.Schema = {
    "type": "object",
    "properties": {
        "processInstanceIds": {"type": "array", "items": {"type": "string"}},
        "historicProcessInstanceQuery": {"type": "object"},
        "instructions": {"type": "array", "items": INSTRUCTION},
        "initialVariables": {"type": "boolean"},
        "withoutBusinessKey": {"type": "boolean"},
        "skipCustomListeners": {"type": "boolean"},
        "skipIoMappings": {"type": "boolean"},
    },
}

ROUTES = [
    Route(
        "POST", "/process-definition/{id}/restart", restart, "Process Definition", "Restart ended instances",
        request=_RESTART,
    ),
]  # fmt: skip
