"""Incidents: what goes on only after a person has looked at it (camunda7.md §4.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from mlc_service.process.incidents import annotate_incident, report_incident, resolve_incident
from mlc_service.process.job_definitions import job_definition_ids
from mlc_service.rest.camunda import fields, query
from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.camunda.jobs import jobs_of_definition
from mlc_service.rest.camunda.resource import Resource, Sets
from mlc_service.rest.errors import bad_request
from mlc_service.store.errors import NotFound
from mlc_service.store.incidents import IncidentFilter
from mlc_service.store.jobs import JobFilter
from mlc_service.store.rows import IncidentRow
from mlc_service.store.units import UnitOfWork

_TAG = "Incident"
_TEXT: fields.Schema = {"type": "string", "nullable": True}


class ListedIncident(NamedTuple):
    """An incident and the job definition of its job."""

    row: IncidentRow
    job_definition_id: str | None


def _with_definitions(call: Call, unit: UnitOfWork, rows: Sequence[IncidentRow]) -> list[ListedIncident]:
    job_ids = [row.job_id for row in rows if row.job_id is not None]
    jobs = unit.jobs.find(JobFilter(ids=job_ids)) if job_ids else []
    known = job_definition_ids(unit, call.deps.process, jobs)
    return [ListedIncident(row, known.get(row.job_id or "")) for row in rows]


def _adjust(call: Call, sets: Sets) -> Sets:
    """Job definitions are read off diagrams: the store is asked for the jobs they stand for."""
    ids = sets.pop("job_definition_ids", None)
    if ids is not None:
        sets["jobs"] = call.read(lambda unit: [jobs_of_definition(unit, call, id) for id in ids])
    return sets


def _configuration(incident: ListedIncident) -> str | None:
    row = incident.row
    return row.configuration or row.job_id or row.external_task_id


def _failed_activity(incident: ListedIncident) -> str | None:
    # as Camunda: an external task did not fail at an activity, a worker did
    return incident.row.activity_id if incident.row.job_id or incident.row.cause_id else None


INCIDENTS: Resource[IncidentRow, IncidentFilter] = Resource(
    path="/incident",
    tag=_TAG,
    noun="incidents",
    fields=(
        fields.text("id", "row.id"),
        fields.text("processDefinitionId", "row.definition_id"),
        fields.text("processInstanceId", "row.instance_id"),
        fields.computed("executionId", lambda one: one.row.execution_id or one.row.instance_id, _TEXT),
        fields.moment("incidentTimestamp", "row.created"),
        fields.text("incidentType", "row.kind"),
        fields.text("activityId", "row.activity_id"),
        fields.computed("failedActivityId", _failed_activity, _TEXT),
        # the first of a chain is its own cause
        fields.computed("causeIncidentId", lambda one: one.row.cause_id or one.row.id, _TEXT),
        fields.computed("rootCauseIncidentId", lambda one: one.row.root_cause_id or one.row.id, _TEXT),
        fields.computed("configuration", _configuration, _TEXT),
        fields.text("incidentMessage", "row.message"),
        fields.absent("tenantId"),
        fields.text("jobDefinitionId", "job_definition_id"),
        fields.text("annotation", "row.annotation"),
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
            query.text("executionId", "execution_id"),
            query.text("activityId", "activity_id"),
            query.text("failedActivityId", "failed_activity_id"),
            query.text("causeIncidentId", "cause_id"),
            query.text("rootCauseIncidentId", "root_cause_id"),
            query.text("configuration", "configuration"),
            query.never("tenantIdIn"),
            query.texts("jobDefinitionIdIn", "job_definition_ids"),
            query.moment("incidentTimestampBefore", "created_before"),
            query.moment("incidentTimestampAfter", "created_after"),
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
    adjust=_adjust,
    enrich=_with_definitions,
)  # fmt: skip


def create(call: Call) -> dict[str, Any]:
    """The execution has an incident of a kind of the client's."""
    id, body = call.path["id"], call.body
    kind = body.required_text("incidentType", "incidentType is null")
    configuration, message = body.text("configuration"), body.text("message")

    def work(unit: UnitOfWork) -> IncidentRow:
        try:
            return report_incident(
                unit, call.deps.process, id, kind, configuration=configuration, message=message
            )  # fmt: skip
        except NotFound as error:
            raise bad_request(f"Cannot find an execution with executionId '{id}': execution is null") from error

    return INCIDENTS.dto(ListedIncident(call.run(work), None))


def resolve(call: Call) -> None:
    """The incident, which a client made, is over."""
    call.run(lambda unit: resolve_incident(unit, call.deps.process, call.path["id"]))


def annotate(call: Call) -> None:
    """The incident has that note."""
    annotation = call.body.text("annotation")
    call.run(lambda unit: annotate_incident(unit, call.deps.process, call.path["id"], annotation))


def clear_annotation(call: Call) -> None:
    """The incident has no note."""
    call.run(lambda unit: annotate_incident(unit, call.deps.process, call.path["id"], None))


_NEW: fields.Schema = {
    "type": "object",
    "required": ["incidentType"],
    "properties": {name: {"type": "string"} for name in ("incidentType", "configuration", "message")},
}

ROUTES = [
    *INCIDENTS.routes(),
    Route(
        "POST", "/execution/{id}/create-incident", create, "Execution", "Create an incident",
        request=_NEW, answer=fields.schema_of(INCIDENTS.fields),
    ),
    Route("DELETE", "/incident/{id}", resolve, _TAG, "Resolve an incident that was created"),
    Route(
        "PUT", "/incident/{id}/annotation", annotate, _TAG, "Note something on an incident",
        request={"type": "object", "properties": {"annotation": {"type": "string", "nullable": True}}},
    ),
    Route("DELETE", "/incident/{id}/annotation", clear_annotation, _TAG, "Take the note off an incident"),
]  # fmt: skip
