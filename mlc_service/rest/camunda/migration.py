"""Migrating live instances from one definition to another."""

from __future__ import annotations

from typing import Any

from mlc_service.engine import MigrationInstruction
from mlc_service.process.migration import MigrationPlan, generated_instructions, migrate_instances, plan_problems
from mlc_service.rest.camunda import fields
from mlc_service.rest.camunda.body import Body
from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.camunda.migration_dto import PLAN, REPORT, instruction_dto, plan_report
from mlc_service.rest.camunda.process_instances import instances_of
from mlc_service.rest.camunda.values import write_variables
from mlc_service.rest.errors import HttpProblem, bad_request
from mlc_service.store.units import UnitOfWork

_TAG = "Migration"


def generate(call: Call) -> dict[str, Any]:
    """A plan that maps everything that is the same in both definitions."""
    body = call.body
    source, target = _ends(body)
    updates, variables = body.flag("updateEventTriggers"), body.variables()
    found = call.read(
        lambda unit: generated_instructions(unit, call.deps.process, source, target, updates_triggers=updates)
    )
    return {
        "sourceProcessDefinitionId": source,
        "targetProcessDefinitionId": target,
        "instructions": [instruction_dto(one) for one in found],
        "variables": write_variables(variables) if variables else None,
    }


def validate(call: Call) -> dict[str, Any]:
    """What is wrong with a plan."""
    plan = _plan(call.body)
    return plan_report(call.read(lambda unit: plan_problems(unit, call.deps.process, plan)))


def execute(call: Call) -> None:
    """The instances follow the plan's target, all of them or none."""
    body = call.body
    document = body.document.get("migrationPlan")
    if not isinstance(document, dict):
        raise bad_request("migrationPlan is null")
    plan, find = _plan(Body(document)), instances_of(call)
    skips_listeners, skips_mappings = body.flag("skipCustomListeners"), body.flag("skipIoMappings")

    def work(unit: UnitOfWork) -> None:
        ids = find(unit)
        migrate_instances(
            unit, call.deps.process, plan, ids,
            skips_listeners=skips_listeners, skips_mappings=skips_mappings, user=call.caller.user_id,
        )  # fmt: skip
        if not ids:
            message = "Process instance ids cannot empty: process instance ids is empty"
            raise HttpProblem(400, "BadUserRequestException", message, 0)

    call.run(work)


def _ends(body: Body) -> tuple[str, str]:
    source = body.required_text("sourceProcessDefinitionId", "Source process definition id is null")
    return source, body.required_text("targetProcessDefinitionId", "Target process definition id is null")


def _plan(body: Body) -> MigrationPlan:
    source, target = _ends(body)
    instructions = [_instruction(Body(one)) for one in body.objects("instructions")]
    return MigrationPlan(source, target, instructions, body.variables())


def _instruction(body: Body) -> MigrationInstruction:
    source, target = _one(body, "sourceActivityIds"), _one(body, "targetActivityIds")
    return MigrationInstruction(source, target, body.flag("updateEventTrigger"))


def _one(body: Body, name: str) -> str:
    """Camunda's lists are for mappings of several activities, which it never had."""
    ids = body.texts(name) or []
    if len(ids) != 1:
        raise bad_request(f"A migration instruction needs exactly one id in {name}")
    return ids[0]


_GENERATE: fields.Schema = {
    "type": "object",
    "properties": {
        "sourceProcessDefinitionId": {"type": "string"},
        "targetProcessDefinitionId": {"type": "string"},
        "updateEventTriggers": {"type": "boolean"},
        "variables": {"type": "object", "nullable": True},
    },
}
_EXECUTE: fields.Schema = {
    "type": "object",
    "properties": {
        "migrationPlan": PLAN,
        "processInstanceIds": {"type": "array", "items": {"type": "string"}},
        "processInstanceQuery": {"type": "object"},
        "skipCustomListeners": {"type": "boolean"},
        "skipIoMappings": {"type": "boolean"},
    },
}

ROUTES = [
    Route("POST", "/migration/generate", generate, _TAG, "Generate a plan", request=_GENERATE, answer=PLAN),
    Route("POST", "/migration/validate", validate, _TAG, "Check a plan", request=PLAN, answer=REPORT),
    Route("POST", "/migration/execute", execute, _TAG, "Migrate instances", request=_EXECUTE),
]
