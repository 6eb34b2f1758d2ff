"""Process instances: finding, ending, variables, what is active (camunda7.md §4.6)."""

from __future__ import annotations

from typing import Any

from mlc_service.process.activity_tree import ActivityNode, Transition, activity_tree
from mlc_service.process.instances import (
    delete_instance,
    instance_variables,
    set_instance_suspended,
    set_instance_variables,
)
from mlc_service.rest.camunda import query
from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.camunda.instance_dto import INSTANCE
from mlc_service.rest.camunda.resource import Resource
from mlc_service.rest.camunda.tenants import tenant_filters
from mlc_service.rest.camunda.variables import VariableResource
from mlc_service.rest.errors import bad_request
from mlc_service.store.errors import NotFound
from mlc_service.store.instances import InstanceFilter
from mlc_service.store.rows import IncidentRow, InstanceInfo

_TAG = "Process Instance"

PROCESS_INSTANCES: Resource[InstanceInfo, InstanceFilter] = Resource(
    path="/process-instance",
    tag=_TAG,
    noun="process instances",
    fields=INSTANCE,
    queryable=query.Queryable(
        filters=(
            query.texts("processInstanceIds", "ids"),
            query.text("businessKey", "business_key"),
            query.text("businessKeyLike", "business_key_like"),
            query.text("processDefinitionId", "definition_id"),
            query.text("processDefinitionKey", "definition_key"),
            query.texts("processDefinitionKeyIn", "definition_keys"),
            query.text("deploymentId", "deployment_id"),
            query.flag("active", suspended=False),
            query.flag("suspended", suspended=True),
            query.flag("withIncident", with_incident=True),
            query.text("incidentMessage", "incident_message"),
            query.texts("activityIdIn", "activity_ids"),
            query.variables("variables", "variables"),
            # nothing calls anything yet: every instance is its own root and a leaf
            query.ignored_flag("rootProcessInstances"),
            query.ignored_flag("leafProcessInstances"),
            query.single("rootProcessInstanceId", "ids"),
            query.never("superProcessInstance"),
            query.never("subProcessInstance"),
            query.never("superCaseInstance"),
            query.never("subCaseInstance"),
            query.never("caseInstanceId"),
            query.ignored_flag("processDefinitionWithoutTenantId"),
            *tenant_filters(),
            *query.unsupported(
                "processDefinitionKeyNotIn", "incidentId", "incidentType", "incidentMessageLike",
                "variableNamesIgnoreCase", "variableValuesIgnoreCase", "orQueries",
            ),
        ),
        sorts={
            "instanceId": "id", "definitionKey": "definition_key", "definitionId": "definition_id",
            "tenantId": "id", "businessKey": "business_key",
        },
    ),
    wanted=InstanceFilter,
    find=lambda unit, wanted, page: unit.instances.find(wanted, page),
    count=lambda unit, wanted: unit.instances.count(wanted),
    get=lambda unit, id: unit.instances.info(id),
    has_post=True,
)  # fmt: skip


def delete(call: Call) -> None:
    """Ends an instance."""
    must_exist = call.flag("failIfNotExists", True)
    try:
        call.run(lambda unit: delete_instance(unit, call.deps.process, call.path["id"], user=call.caller.user_id))
    except NotFound:
        if must_exist:
            raise


def suspend(call: Call) -> None:
    """The instance rests, or goes on."""
    if not call.body.has("suspended"):
        raise bad_request("suspended must be true or false")
    suspended = call.body.flag("suspended")
    call.run(lambda unit: set_instance_suspended(unit, call.deps.process, call.path["id"], suspended))


def activity_instances(call: Call) -> dict[str, Any]:
    """What is active in an instance, as a tree."""
    return _node(call.read(lambda unit: activity_tree(unit, call.deps.process, call.path["id"])))


def _node(node: ActivityNode) -> dict[str, Any]:
    return {
        "id": node.id,
        "parentActivityInstanceId": node.parent_id,
        "activityId": node.activity_id,
        "activityType": node.activity_type,
        "processInstanceId": node.instance_id,
        "processDefinitionId": node.definition_id,
        "childActivityInstances": [_node(child) for child in node.children],
        "childTransitionInstances": [_transition(waiting, node) for waiting in node.transitions],
        "executionIds": list(node.execution_ids),
        "activityName": node.activity_name,
        **_incidents(node.incidents),
        "name": node.activity_name,
    }


def _transition(waiting: Transition, parent: ActivityNode) -> dict[str, Any]:
    return {
        "id": waiting.id,
        "parentActivityInstanceId": waiting.parent_id,
        "processInstanceId": parent.instance_id,
        "processDefinitionId": parent.definition_id,
        "activityId": waiting.activity_id,
        "activityName": waiting.activity_name,
        "activityType": waiting.activity_type,
        "executionId": waiting.execution_id,
        # Camunda 7.0's name for activityId, still sent
        "targetActivityId": waiting.activity_id,
        **_incidents(waiting.incidents),
    }


def _incidents(incidents: tuple[IncidentRow, ...]) -> dict[str, Any]:
    return {
        "incidentIds": [one.id for one in incidents],
        "incidents": [{"id": one.id, "activityId": one.activity_id} for one in incidents],
    }


VARIABLES = VariableResource(
    path="/process-instance/{id}/variables",
    tag=_TAG,
    owner="process instance",
    read=lambda unit, call: instance_variables(unit, call.path["id"]),
    change=lambda unit, call, written, deleted: set_instance_variables(
        unit, call.deps.process, call.path["id"], written, deleted, user=call.caller.user_id
    ),
)

ROUTES = [
    *PROCESS_INSTANCES.routes(),
    Route(
        "DELETE", "/process-instance/{id}", delete, _TAG, "End an instance",
        parameters=[{"name": "failIfNotExists", "in": "query", "schema": {"type": "boolean", "default": True}}],
    ),
    Route(
        "PUT", "/process-instance/{id}/suspended", suspend, _TAG, "Suspend or activate",
        request={"type": "object", "properties": {"suspended": {"type": "boolean"}}},
    ),
    Route("GET", "/process-instance/{id}/activity-instances", activity_instances, _TAG, "Get what is active"),
    *VARIABLES.routes(),
]  # fmt: skip
