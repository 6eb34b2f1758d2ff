"""Process instances: finding, ending, variables, what is active (camunda7.md §4.6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mlc_service.process.activity_tree import ActivityNode, Transition, activity_tree
from mlc_service.process.instances import (
    delete_instance,
    instance_variables,
    set_instance_suspended,
    set_instance_variables,
)
from mlc_service.process.suspension import set_instances_suspended
from mlc_service.rest.camunda import query
from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.camunda.history import INSTANCES as HISTORIC_INSTANCES
from mlc_service.rest.camunda.instance_dto import INSTANCE
from mlc_service.rest.camunda.resource import Resource
from mlc_service.rest.camunda.tenants import tenant_filters
from mlc_service.rest.camunda.variables import VariableResource
from mlc_service.rest.errors import bad_request
from mlc_service.store.errors import NotFound
from mlc_service.store.instances import InstanceFilter
from mlc_service.store.rows import IncidentRow, InstanceInfo
from mlc_service.store.units import UnitOfWork

_TAG = "Process Instance"
_QUERIES = ("processInstanceIds", "processInstanceQuery", "historicProcessInstanceQuery")

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
            query.texts("processDefinitionKeyNotIn", "without_definition_keys"),
            query.text("deploymentId", "deployment_id"),
            query.flag("active", suspended=False),
            query.flag("suspended", suspended=True),
            query.flag("withIncident", with_incident=True),
            query.text("incidentId", "incident_id"),
            query.text("incidentType", "incident_kind"),
            query.text("incidentMessage", "incident_message"),
            query.text("incidentMessageLike", "incident_message_like"),
            query.texts("activityIdIn", "activity_ids"),
            query.variables("variables", "variables"),
            query.flag("rootProcessInstances", is_root=True),
            query.flag("leafProcessInstances", is_leaf=True),
            query.text("rootProcessInstanceId", "root_id"),
            query.text("superProcessInstance", "caller_id"),
            query.text("subProcessInstance", "called_id"),
            query.never("superCaseInstance"),
            query.never("subCaseInstance"),
            query.never("caseInstanceId"),
            query.ignored_flag("processDefinitionWithoutTenantId"),
            *tenant_filters(),
            *query.unsupported("variableNamesIgnoreCase", "variableValuesIgnoreCase", "orQueries"),
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


def suspend_many(call: Call) -> None:
    """The instances that were named, found or belong to a definition rest, or go on."""
    find = _group(call)
    if not call.body.has("suspended"):
        raise bad_request("suspended must be true or false")
    suspended = call.body.flag("suspended")
    call.run(lambda unit: set_instances_suspended(unit, call.deps.process, find(unit), suspended))


def _group(call: Call) -> Callable[[UnitOfWork], Sequence[str]]:
    """How to find the instances that a body names: by one definition, or by ids and queries."""
    body = call.body
    definition_id, key = body.text("processDefinitionId"), body.text("processDefinitionKey")
    queries = [name for name in _QUERIES if body.document.get(name) is not None]
    if (definition_id or key) and queries:
        raise bad_request(
            "Choose either a single processInstance with processDefinitionId or processDefinitionKey or a group of "
            "processInstances with processInstanceIds, procesInstanceQuery or historicProcessInstanceQuery."
        )
    if definition_id and key:
        raise bad_request(
            "Only one of processDefinitionId or processDefinitionKey should be set to update the suspension state."
        )
    if definition_id or key:
        wanted = InstanceFilter(definition_id=definition_id, definition_key=key)
        return lambda unit: unit.instances.ids(wanted)
    if not queries:
        raise bad_request(
            "Either processDefinitionId or processDefinitionKey should be set to update the suspension state."
        )
    by_queries = instances_of(call)

    def find(unit: UnitOfWork) -> Sequence[str]:
        found = by_queries(unit)
        if not found:
            raise bad_request("No process instance ids given: Process Instance ids is empty")
        return found

    return find


def instances_of(call: Call) -> Callable[[UnitOfWork], Sequence[str]]:
    """How to find the instances that a body names by ids and by queries of live and of past ones. Raises a 400."""
    ids = call.body.texts("processInstanceIds") or []
    live = PROCESS_INSTANCES.wanted_by(call, call.body.document.get("processInstanceQuery"))
    past = HISTORIC_INSTANCES.wanted_by(call, call.body.document.get("historicProcessInstanceQuery"))

    def find(unit: UnitOfWork) -> Sequence[str]:
        found = list(ids)
        if live is not None:
            found += unit.instances.ids(live)
        if past is not None:
            found += [row.id for row in unit.history.find_instances(past)]
        return found

    return find


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
    Route(
        "PUT", "/process-instance/suspended", suspend_many, _TAG, "Suspend or activate several",
        request={
            "type": "object",
            "properties": {
                "suspended": {"type": "boolean"},
                "processDefinitionId": {"type": "string"},
                "processDefinitionKey": {"type": "string"},
                "processInstanceIds": {"type": "array", "items": {"type": "string"}},
                "processInstanceQuery": {"type": "object"},
                "historicProcessInstanceQuery": {"type": "object"},
            },
        },
    ),
    Route("GET", "/process-instance/{id}/activity-instances", activity_instances, _TAG, "Get what is active"),
    *VARIABLES.routes(),
]  # fmt: skip
