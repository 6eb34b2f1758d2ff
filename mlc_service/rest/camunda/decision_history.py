"""What decisions decided (camunda7.md §4.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlc_service.engine.values import as_variable
from mlc_service.rest.camunda import fields, query
from mlc_service.rest.camunda.call import Call
from mlc_service.rest.camunda.dates import format_moment
from mlc_service.rest.camunda.history import roots_of
from mlc_service.rest.camunda.resource import Resource
from mlc_service.rest.camunda.tenants import tenant_filters
from mlc_service.rest.camunda.values import write_value
from mlc_service.store.decision_history import DecisionHistoryFilter, HistoricDecisionRow
from mlc_service.store.units import UnitOfWork


def _with_removals(_: Call, unit: UnitOfWork, rows: Sequence[HistoricDecisionRow]) -> list[HistoricDecisionRow]:
    """A decision of an instance is removed with it."""
    roots = roots_of(unit, {row.instance_id for row in rows if row.instance_id is not None})
    return [row if row.instance_id is None else row._replace(removal=roots[row.instance_id].removal) for row in rows]


def _complete(call: Call, row: HistoricDecisionRow, dto: dict[str, Any]) -> dict[str, Any]:
    """Inputs and outputs only if they are asked for, as in Camunda; a single one has them unless it is told not to."""
    single = "id" in call.path
    wants_inputs = not call.flag("disableInputs", False) if single else call.flag("includeInputs", False)
    wants_outputs = not call.flag("disableOutputs", False) if single else call.flag("includeOutputs", False)
    dto["inputs"] = [_value(row, number, one) for number, one in enumerate(row.inputs)] if wants_inputs else None
    dto["outputs"] = [_value(row, number, one) for number, one in enumerate(row.outputs)] if wants_outputs else None
    return dto


def _value(row: HistoricDecisionRow, number: int, recorded: dict[str, Any]) -> dict[str, Any]:
    described = {name: value for name, value in recorded.items() if name != "value"}
    kind = "output" if "ruleId" in recorded else "input"
    return {
        "id": f"{row.id}:{kind}:{number}",
        "decisionInstanceId": row.id,
        **described,
        "errorMessage": None,
        "createTime": format_moment(row.evaluated),
        "removalTime": format_moment(row.removal),
        "rootProcessInstanceId": row.instance_id,
        **write_value(as_variable(recorded["value"])),
    }


_CLAUSES: fields.Schema = {"type": "array", "nullable": True, "items": {"type": "object"}}

DECISIONS: Resource[HistoricDecisionRow, DecisionHistoryFilter] = Resource(
    path="/history/decision-instance",
    tag="Historic Decision Instance",
    noun="decisions on record",
    fields=(
        fields.text("id", "id"),
        fields.text("decisionDefinitionId", "decision_id"),
        fields.text("decisionDefinitionKey", "decision_key"),
        fields.text("decisionDefinitionName", "decision_name"),
        fields.moment("evaluationTime", "evaluated"),
        fields.moment("removalTime", "removal"),
        fields.text("processDefinitionId", "definition_id"),
        fields.text("processDefinitionKey", "definition_key"),
        fields.text("processInstanceId", "instance_id"),
        fields.text("rootProcessInstanceId", "instance_id"),
        fields.absent("caseDefinitionId"),
        fields.absent("caseDefinitionKey"),
        fields.absent("caseInstanceId"),
        fields.text("activityId", "activity_id"),
        fields.text("activityInstanceId", "activity_instance_id"),
        fields.text("userId", "user_id"),
        fields.computed("inputs", lambda row: row.inputs, _CLAUSES),
        fields.computed("outputs", lambda row: row.outputs, _CLAUSES),
        fields.computed("collectResultValue", lambda row: row.collected, {"type": "number", "nullable": True}),
        fields.text("rootDecisionInstanceId", "root"),
        fields.absent("decisionRequirementsDefinitionId"),
        fields.absent("decisionRequirementsDefinitionKey"),
        fields.absent("tenantId"),
    ),
    queryable=query.Queryable(
        filters=(
            query.text("decisionInstanceId", "id"),
            query.texts("decisionInstanceIdIn", "ids"),
            query.text("decisionDefinitionId", "decision_id"),
            query.texts("decisionDefinitionIdIn", "decision_ids"),
            query.text("decisionDefinitionKey", "decision_key"),
            query.texts("decisionDefinitionKeyIn", "decision_keys"),
            query.text("decisionDefinitionName", "decision_name"),
            query.text("processDefinitionId", "definition_id"),
            query.text("processDefinitionKey", "definition_key"),
            query.text("processInstanceId", "instance_id"),
            query.texts("activityIdIn", "activity_ids"),
            query.texts("activityInstanceIdIn", "activity_instance_ids"),
            query.moment("evaluatedBefore", "evaluated_before"),
            query.moment("evaluatedAfter", "evaluated_after"),
            query.text("userId", "user_id"),
            query.text("rootDecisionInstanceId", "root"),
            query.flag("rootDecisionInstancesOnly", is_root=True),
            query.ignored_flag("includeInputs"),
            query.ignored_flag("includeOutputs"),
            query.ignored_flag("disableBinaryFetching"),
            query.ignored_flag("disableCustomObjectDeserialization"),
            query.never("caseDefinitionId"),
            query.never("caseDefinitionKey"),
            query.never("caseInstanceId"),
            query.never("decisionRequirementsDefinitionId"),
            query.never("decisionRequirementsDefinitionKey"),
            *tenant_filters(),
            *query.unsupported("decisionDefinitionNameLike"),
        ),
        sorts={"evaluationTime": "evaluated", "tenantId": "id"},
    ),
    wanted=DecisionHistoryFilter,
    find=lambda unit, wanted, page: unit.decision_history.find(wanted, page),
    count=lambda unit, wanted: unit.decision_history.count(wanted),
    get=lambda unit, id: unit.decision_history.get(id),
    complete=_complete,
    enrich=_with_removals,
)

ROUTES = DECISIONS.routes()
