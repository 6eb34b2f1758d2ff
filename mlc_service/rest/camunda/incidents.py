"""Incidents: what goes on only after a person has looked at it (camunda7.md §4.10)."""

from __future__ import annotations

from mlc_service.rest.camunda import fields, query
from mlc_service.rest.camunda.resource import Resource
from mlc_service.store.incidents import IncidentFilter
from mlc_service.store.rows import IncidentRow

INCIDENTS: Resource[IncidentRow, IncidentFilter] = Resource(
    path="/incident",
    tag="Incident",
    noun="incidents",
    fields=(
        fields.text("id", "id"),
        fields.text("processDefinitionId", "definition_id"),
        fields.text("processInstanceId", "instance_id"),
        fields.computed(
            "executionId", lambda row: row.execution_id or row.instance_id, {"type": "string", "nullable": True}
        ),
        fields.moment("incidentTimestamp", "created"),
        fields.text("incidentType", "kind"),
        fields.text("activityId", "activity_id"),
        # as Camunda: an external task did not fail at an activity, a worker did
        fields.computed("failedActivityId", lambda row: None if row.external_task_id else row.activity_id),
        # nothing calls anything yet: each incident is its own cause and root
        fields.text("causeIncidentId", "id"),
        fields.text("rootCauseIncidentId", "id"),
        fields.computed("configuration", lambda row: row.job_id or row.external_task_id),
        fields.text("incidentMessage", "message"),
        fields.absent("tenantId"),
        fields.absent("jobDefinitionId"),
        fields.absent("annotation"),
    ),
    queryable=query.Queryable(
        filters=(
            query.text("incidentId", "id"),
            query.text("incidentType", "kind"),
            query.text("incidentMessage", "message"),
            query.text("incidentMessageLike", "message_like"),
            query.text("processDefinitionId", "definition_id"),
            query.texts("processDefinitionKeyIn", "definition_keys"),
            query.text("processInstanceId", "instance_id"),
            query.text("executionId", "instance_id"),
            query.text("activityId", "activity_id"),
            query.text("failedActivityId", "activity_id"),
            query.text("causeIncidentId", "id"),
            query.text("rootCauseIncidentId", "id"),
            query.text("configuration", "configuration"),
            query.never("tenantIdIn"),
            query.never("jobDefinitionIdIn"),
            *query.unsupported("incidentTimestampBefore", "incidentTimestampAfter"),
        ),
        sorts={
            "incidentId": "id", "incidentMessage": "message", "incidentTimestamp": "created", "incidentType": "kind",
            "executionId": "instance_id", "activityId": "activity_id", "processInstanceId": "instance_id",
            "processDefinitionId": "definition_id", "causeIncidentId": "id", "rootCauseIncidentId": "id",
            "configuration": "job_id", "tenantId": "id",
        },
    ),
    wanted=IncidentFilter,
    find=lambda unit, wanted, page: unit.incidents.find(wanted, page),
    count=lambda unit, wanted: unit.incidents.count(wanted),
    get=lambda unit, id: unit.incidents.get(id),
)  # fmt: skip

ROUTES = INCIDENTS.routes()
