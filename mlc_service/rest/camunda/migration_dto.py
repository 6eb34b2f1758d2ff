"""How migration plans, and what is wrong with them, are written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from mlc_service.engine import MigrationInstruction, NotMigratable, PlanProblem, Unfit
from mlc_service.engine.ids import derived_id
from mlc_service.rest.camunda import fields


def instruction_dto(instruction: MigrationInstruction) -> dict[str, Any]:
    """An instruction; Camunda's lists of ids have one each."""
    return {
        "sourceActivityIds": [instruction.source_id],
        "targetActivityIds": [instruction.target_id],
        "updateEventTrigger": instruction.updates_trigger,
    }


def plan_report(problems: Sequence[PlanProblem]) -> dict[str, Any]:
    """What is wrong with a plan, by instruction."""
    reports = []
    # by the very instruction: the same one may be there twice, which is a mistake of both
    for _, found in groupby(problems, lambda problem: id(problem.instruction)):
        first, *others = found
        failures = [problem.message for problem in (first, *others)]
        reports.append({"instruction": instruction_dto(first.instruction), "failures": failures})
    return {
        "instructionReports": reports,
        # values that could not be kept are refused before
        "variableReports": {},
    }


def instance_report(refused: NotMigratable) -> dict[str, Any]:
    """What of an instance cannot be migrated."""
    return {
        "processInstanceId": refused.instance_id,
        "failures": [],
        "activityInstanceValidationReports": [
            {"activityInstanceId": derived_id(refused.instance_id, one.number), **_unfit(one)}
            for one in refused.unfit
            if not one.is_continuation
        ],
        "transitionInstanceValidationReports": [
            {"transitionInstanceId": derived_id(refused.instance_id, one.number), **_unfit(one)}
            for one in refused.unfit
            if one.is_continuation
        ],
    }


def _unfit(one: Unfit) -> dict[str, Any]:
    return {
        "migrationInstruction": None if one.instruction is None else instruction_dto(one.instruction),
        "sourceScopeId": one.activity_id,
        "failures": list(one.failures),
    }


_TEXTS: fields.Schema = {"type": "array", "items": {"type": "string"}}
PLAN: fields.Schema = {
    "type": "object",
    "properties": {
        "sourceProcessDefinitionId": {"type": "string"},
        "targetProcessDefinitionId": {"type": "string"},
        "instructions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "sourceActivityIds": _TEXTS,
                    "targetActivityIds": _TEXTS,
                    "updateEventTrigger": {"type": "boolean"},
                },
            },
        },
        "variables": {"type": "object", "nullable": True},
    },
}
REPORT: fields.Schema = {
    "type": "object",
    "properties": {"instructionReports": {"type": "array"}, "variableReports": {"type": "object"}},
}
