"""Decision definitions: finding them, their tables, evaluating them (camunda7.md §4.10)."""

from __future__ import annotations

from typing import Any

from mlc_service.dmn import DecisionResult
from mlc_service.engine.values import as_variable, expression_value
from mlc_service.process.decisions import Asker, evaluate_decision
from mlc_service.process.errors import DefinitionNotFound
from mlc_service.rest.camunda import fields, query, time_to_live
from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.camunda.errors import explaining
from mlc_service.rest.camunda.resource import Resource
from mlc_service.rest.camunda.tenants import tenant_filters
from mlc_service.rest.camunda.values import write_variables
from mlc_service.store.definitions import DefinitionFilter
from mlc_service.store.rows import DecisionDefinitionRow
from mlc_service.store.units import UnitOfWork

_TAG = "Decision Definition"

DECISION_DEFINITIONS: Resource[DecisionDefinitionRow, DefinitionFilter] = Resource(
    path="/decision-definition",
    tag=_TAG,
    noun="decision definitions",
    fields=(
        fields.text("id", "id"),
        fields.text("key", "key"),
        fields.absent("category"),
        fields.text("name", "name"),
        fields.integer("version", "version"),
        fields.text("resource", "resource_name"),
        fields.text("deploymentId", "deployment_id"),
        fields.absent("tenantId"),
        fields.absent("decisionRequirementsDefinitionId"),
        fields.absent("decisionRequirementsDefinitionKey"),
        fields.integer("historyTimeToLive", "history_time_to_live"),
        fields.text("versionTag", "version_tag"),
    ),
    queryable=query.Queryable(
        filters=(
            query.text("decisionDefinitionId", "id"),
            query.texts("decisionDefinitionIdIn", "ids"),
            query.text("name", "name"),
            query.text("nameLike", "name_like"),
            query.text("deploymentId", "deployment_id"),
            query.text("key", "key"),
            query.text("keyLike", "key_like"),
            query.integer("version", "version"),
            query.flag("latestVersion", latest_version=True),
            query.text("resourceName", "resource_name"),
            query.text("versionTag", "version_tag"),
            query.never("category"),
            query.never("categoryLike"),
            query.never("decisionRequirementsDefinitionId"),
            query.never("decisionRequirementsDefinitionKey"),
            query.ignored_flag("withoutDecisionRequirementsDefinition"),
            *tenant_filters("includeDecisionDefinitionsWithoutTenantId"),
            *query.unsupported("deployedAfter", "deployedAt", "resourceNameLike", "versionTagLike"),
        ),
        sorts={
            "category": "id", "decisionRequirementsDefinitionKey": "id", "key": "key", "id": "id", "name": "name",
            "version": "version", "deploymentId": "deployment_id", "deployTime": None,
            "versionTag": "version_tag", "tenantId": "id",
        },
    ),
    wanted=DefinitionFilter,
    find=lambda unit, wanted, page: unit.decisions.find(wanted, page),
    count=lambda unit, wanted: unit.decisions.count(wanted),
    get=lambda unit, id: unit.decisions.get(id),
)  # fmt: skip


def by_key(call: Call) -> dict[str, Any]:
    """The latest version of a key."""
    return DECISION_DEFINITIONS.dto(call.read(lambda unit: _row(call, unit)))


def xml(call: Call) -> dict[str, Any]:
    """The table as it was deployed."""

    def find(unit: UnitOfWork) -> tuple[str, bytes]:
        row = _row(call, unit)
        return row.id, _content(unit, row)

    id, content = call.read(find)
    return {"id": id, "dmnXml": content.decode("utf-8", "replace")}


def evaluate(call: Call) -> list[dict[str, Any]]:
    """One object of typed values for every row that holds."""
    variables = {name: expression_value(value) for name, value in call.body.variables().items()}

    def evaluated(unit: UnitOfWork) -> DecisionResult:
        row = _row(call, unit)
        with explaining(f"Cannot evaluate decision {row.key}"):
            return evaluate_decision(unit, call.deps.process, row, variables, Asker(user_id=call.caller.user_id))

    result = call.run(evaluated)
    return [write_variables({name: as_variable(value) for name, value in row.items()}) for row in result.rows]


def set_time_to_live(call: Call) -> None:
    """What is evaluated from now on is kept for that many days; null is for ever."""
    days = time_to_live.read(call)
    call.run(lambda unit: unit.decisions.set_time_to_live(_row(call, unit).id, days))


def _row(call: Call, unit: UnitOfWork) -> DecisionDefinitionRow:
    if "id" in call.path:
        return unit.decisions.get(call.path["id"])
    row = unit.decisions.latest(call.path["key"])
    if row is None:
        raise DefinitionNotFound("decision definition", call.path["key"])
    return row


def _content(unit: UnitOfWork, row: DecisionDefinitionRow) -> bytes:
    return unit.deployments.resource(row.deployment_id, row.resource_name).content


_XML: fields.Schema = {"type": "object", "properties": {"id": {"type": "string"}, "dmnXml": {"type": "string"}}}
_EVALUATE: fields.Schema = {"type": "object", "properties": {"variables": {"type": "object"}}}
_ROWS: fields.Schema = {"type": "array", "items": {"type": "object"}}

ROUTES = [
    *DECISION_DEFINITIONS.routes(),
    Route(
        "GET", "/decision-definition/key/{key}", by_key, _TAG, "Get the latest version of a key",
        answer=fields.schema_of(DECISION_DEFINITIONS.fields),
    ),
    *(
        route
        for at, by in (("{id}", ""), ("key/{key}", ", by key"))
        for route in (
            Route("GET", f"/decision-definition/{at}/xml", xml, _TAG, f"Get the table{by}", answer=_XML),
            Route(
                "POST", f"/decision-definition/{at}/evaluate", evaluate, _TAG, f"Evaluate{by}",
                request=_EVALUATE, answer=_ROWS,
            ),
            Route(
                "PUT", f"/decision-definition/{at}/history-time-to-live", set_time_to_live, _TAG,
                f"Set how long evaluations are kept{by}", request=time_to_live.BODY,
            ),
        )
    ),
]  # fmt: skip
