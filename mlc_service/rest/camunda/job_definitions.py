"""Job definitions: the kinds of jobs that deployed definitions can have (camunda7.md §4.10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlc_service.process.job_definitions import (
    JobDefinition,
    JobDefinitionFilter,
    find_job_definitions,
    job_definition,
    set_job_definition_retries,
)
from mlc_service.process.surroundings import Surroundings
from mlc_service.rest.camunda import fields, query
from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.camunda.resource import Resource, Sets
from mlc_service.rest.camunda.tenants import tenant_filters
from mlc_service.rest.errors import bad_request
from mlc_service.store.selecting import Page
from mlc_service.store.units import UnitOfWork

_TAG = "Job Definition"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A filter, and the parsed diagrams it is applied to."""

    around: Surroundings
    wanted: JobDefinitionFilter


def _asked(around: Surroundings, **sets: Any) -> _Asked:
    return _Asked(around, JobDefinitionFilter(**sets))


def _with_surroundings(call: Call, sets: Sets) -> Sets:
    return sets | {"around": call.deps.process}


def _find(unit: UnitOfWork, asked: _Asked, page: Page) -> list[JobDefinition]:
    found = list(find_job_definitions(unit, asked.around, asked.wanted))
    for field, direction in reversed(page.sort):
        found.sort(key=lambda one: getattr(one, field), reverse=direction == "desc")
    end = None if page.size is None else page.first + page.size
    return found[page.first : end]


JOB_DEFINITIONS: Resource[JobDefinition, _Asked] = Resource(
    path="/job-definition",
    tag=_TAG,
    noun="job definitions",
    fields=(
        fields.text("id", "id"),
        fields.text("processDefinitionId", "definition_id"),
        fields.text("processDefinitionKey", "definition_key"),
        fields.text("jobType", "job_type"),
        fields.text("jobConfiguration", "configuration"),
        fields.text("activityId", "activity_id"),
        fields.flag("suspended", "suspended"),
        fields.absent("overridingJobPriority"),
        fields.absent("tenantId"),
        fields.absent("deploymentId"),
    ),
    queryable=query.Queryable(
        filters=(
            query.text("jobDefinitionId", "id"),
            query.texts("activityIdIn", "activity_ids"),
            query.text("processDefinitionId", "definition_id"),
            query.text("processDefinitionKey", "definition_key"),
            query.text("jobType", "job_type"),
            query.text("jobConfiguration", "configuration"),
            query.flag("active", suspended=False),
            query.flag("suspended", suspended=True),
            query.never_flag("withOverridingJobPriority"),
            *tenant_filters("includeJobDefinitionsWithoutTenantId"),
        ),
        sorts={
            "jobDefinitionId": "id", "activityId": "activity_id", "processDefinitionId": "definition_id",
            "processDefinitionKey": "definition_key", "jobType": "job_type", "jobConfiguration": "configuration",
            "tenantId": "id",
        },
    ),
    wanted=_asked,
    find=_find,
    count=lambda unit, asked: sum(1 for _ in find_job_definitions(unit, asked.around, asked.wanted)),
    adjust=_with_surroundings,
    has_post=True,
)  # fmt: skip


def one(call: Call) -> dict[str, Any]:
    """The job definition of that id."""
    return JOB_DEFINITIONS.dto(call.read(lambda unit: job_definition(unit, call.deps.process, call.path["id"])))


def set_retries(call: Call) -> None:
    """Its jobs that have failed for good have that many tries left."""
    retries = call.body.integer("retries")
    if retries is None or not 0 <= retries < 2**31:
        raise bad_request(
            f"The number of job retries must be a non-negative Integer, but '{retries}' has been provided."
        )
    due = call.body.moment("dueDate")
    call.run(lambda unit: set_job_definition_retries(unit, call.deps.process, call.path["id"], retries, due))


ROUTES = [
    *JOB_DEFINITIONS.routes(),
    Route(
        "GET", "/job-definition/{id}", one, _TAG, "Get one of job definitions",
        answer=fields.schema_of(JOB_DEFINITIONS.fields),
    ),
    Route(
        "PUT", "/job-definition/{id}/retries", set_retries, _TAG, "Set how often its failed jobs are tried",
        request={
            "type": "object",
            "properties": {"retries": {"type": "integer"}, "dueDate": {"type": "string", "format": "date-time"}},
        },
    ),
]  # fmt: skip
