"""Jobs: work for later, and what people do about it (camunda7.md §4.10)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from mlc_service.language.errors import ExpressionError, TimerError
from mlc_service.process.cleanup import HISTORY_CLEANUP
from mlc_service.process.job_control import (
    delete_job,
    recalculate_job_due,
    set_job_due,
    set_job_priority,
    set_job_retries,
    set_job_suspended,
)
from mlc_service.process.job_definitions import job_definition, job_definition_ids, jobs_of
from mlc_service.rest.camunda import fields, query
from mlc_service.rest.camunda.call import Answer, Call, Route
from mlc_service.rest.camunda.dates import format_moment
from mlc_service.rest.camunda.errors import explaining
from mlc_service.rest.camunda.resource import Resource, Sets
from mlc_service.rest.camunda.tenants import tenant_filters
from mlc_service.rest.errors import HttpProblem, bad_request
from mlc_service.store.errors import NotFound
from mlc_service.store.jobs import JobFilter
from mlc_service.store.rows import JobRow
from mlc_service.store.units import UnitOfWork

_TAG = "Job"
_TIMERS = ("timer", "timer_start")
_MESSAGES = ("async", "delegate")
# what jobs can be suspended by, and the store's field for it
_OWNERS = {
    "jobId": "id", "jobDefinitionId": "", "processInstanceId": "instance_id", "processDefinitionId": "definition_id",
    "processDefinitionKey": "definition_key",
}  # fmt: skip
_TEXT: fields.Schema = {"type": "string", "nullable": True}


def _adjust(call: Call, sets: Sets) -> Sets:
    """What a filter of Camunda's means here; jobs of no instance (signals under way) are listed too."""
    job_definition_id = sets.pop("job_definition_id", None)
    if job_definition_id is not None:
        sets["within"] = call.read(lambda unit: jobs_of_definition(unit, call, job_definition_id))
    if sets.pop("executable", False):
        sets["executable_at"] = call.deps.clock.now()
    timers, messages = sets.pop("timers", False), sets.pop("messages", False)
    if timers and messages:
        raise bad_request("Parameter timers cannot be used together with parameter messages.")
    if timers or messages:
        sets["kinds"] = _TIMERS if timers else _MESSAGES
    return sets


class ListedJob(NamedTuple):
    """A job and the id of its job definition, None if no diagram asked for it."""

    row: JobRow
    job_definition_id: str | None


def with_definitions(call: Call, unit: UnitOfWork, rows: Sequence[JobRow]) -> list[ListedJob]:
    ids = job_definition_ids(unit, call.deps.process, rows)
    return [ListedJob(row, ids.get(row.id)) for row in rows]


def _due(job: ListedJob) -> str | None:
    # Camunda gives a due date to timers and to what is tried again, not to what may run at once
    row = job.row
    is_planned = row.kind in _TIMERS or row.kind == HISTORY_CLEANUP
    return format_moment(row.due) if is_planned or row.due > row.created else None


def jobs_of_definition(unit: UnitOfWork, call: Call, job_definition_id: str) -> JobFilter:
    """The jobs of a job definition; none if it is not there."""
    try:
        return jobs_of(job_definition(unit, call.deps.process, job_definition_id))
    except NotFound:
        return JobFilter(ids=[])


JOBS: Resource[JobRow, JobFilter] = Resource(
    path="/job",
    tag=_TAG,
    noun="jobs",
    fields=(
        fields.text("id", "row.id"),
        fields.text("jobDefinitionId", "job_definition_id"),
        fields.text("processInstanceId", "row.instance_id"),
        fields.text("processDefinitionId", "row.definition_id"),
        fields.text("processDefinitionKey", "row.definition_key"),
        fields.text("executionId", "row.execution_id"),
        fields.text("exceptionMessage", "row.exception_message"),
        fields.computed(
            "failedActivityId", lambda job: job.row.activity_id if job.row.exception_message else None, _TEXT
        ),
        fields.integer("retries", "row.retries"),
        fields.computed("dueDate", _due, {"type": "string", "format": "date-time", "nullable": True}),
        fields.flag("suspended", "row.suspended"),
        fields.integer("priority", "row.priority"),
        fields.absent("tenantId"),
        fields.moment("createTime", "row.created"),
        fields.absent("batchId"),
    ),
    queryable=query.Queryable(
        filters=(
            query.text("jobId", "id"),
            query.texts("jobIds", "ids"),
            query.text("processInstanceId", "instance_id"),
            query.texts("processInstanceIds", "instance_ids"),
            query.text("executionId", "execution_id"),
            query.text("processDefinitionId", "definition_id"),
            query.text("processDefinitionKey", "definition_key"),
            query.text("activityId", "activity_id"),
            query.flag("withRetriesLeft", with_retries_left=True),
            query.flag("noRetriesLeft", with_retries_left=False),
            query.flag("executable", executable=True),
            query.flag("timers", timers=True),
            query.flag("messages", messages=True),
            query.span("dueDates", after="due_after", before="due_before"),
            query.span("createTimes", after="created_after", before="created_before"),
            query.flag("withException", with_exception=True),
            query.text("exceptionMessage", "exception_message"),
            query.flag("active", suspended=False),
            query.flag("suspended", suspended=True),
            query.integer("priorityLowerThanOrEquals", "priority_at_most"),
            query.integer("priorityHigherThanOrEquals", "priority_at_least"),
            query.flag("acquired", state="running"),
            *tenant_filters("includeJobsWithoutTenantId"),
            query.text("failedActivityId", "failed_activity_id"),
            query.text("jobDefinitionId", "job_definition_id"),
        ),
        sorts={
            "jobId": "id", "executionId": "instance_id", "processInstanceId": "instance_id",
            "processDefinitionId": "definition_id", "processDefinitionKey": "definition_key",
            "jobPriority": "priority", "jobRetries": "retries", "jobDueDate": "due", "tenantId": "id",
        },
    ),
    wanted=JobFilter,
    find=lambda unit, wanted, page: unit.jobs.find(wanted, page),
    count=lambda unit, wanted: unit.jobs.count(wanted),
    get=lambda unit, id: unit.jobs.get(id),
    adjust=_adjust,
    enrich=with_definitions,
    has_post=True,
)  # fmt: skip


def execute(call: Call) -> None:
    """The job has run, in this request."""
    call.deps.run_job(call.path["id"])


def set_retries(call: Call) -> None:
    """The job has that many tries left."""
    retries = call.body.integer("retries")
    if retries is None or not 0 <= retries < 2**31:
        raise bad_request("The number of job retries must not be null or negative.")
    due = call.body.moment("dueDate")

    def work(unit: Any) -> None:
        set_job_retries(unit, call.deps.process, call.path["id"], retries)
        if due is not None:
            set_job_due(unit, call.deps.process, call.path["id"], due)

    call.run(work)


def set_due_date(call: Call) -> None:
    """The job is due then; without a date it is due now."""
    due: datetime | None = call.body.moment("duedate")
    call.run(lambda unit: set_job_due(unit, call.deps.process, call.path["id"], due))


def recalculate(call: Call) -> None:
    """The timer is due as its diagram says, counted from now or from its creation."""
    id, from_creation = call.path["id"], call.flag("creationDateBased", True)
    with explaining(f"Cannot recalculate the due date of job {id}"):
        try:
            call.run(lambda unit: recalculate_job_due(unit, call.deps.process, id, from_creation=from_creation))
        except (ExpressionError, TimerError) as error:
            raise bad_request(str(error)) from error


def set_priority(call: Call) -> None:
    """The job has that priority."""
    id, priority = call.path["id"], call.body.integer("priority")
    if priority is None:
        raise bad_request(f"Priority for job '{id}' cannot be null.")
    if not -(2**31) <= priority < 2**31:
        raise bad_request("priority is out of range")
    call.run(lambda unit: set_job_priority(unit, call.deps.process, id, priority))


def suspend(call: Call) -> None:
    """The job is not run by workers, or is again."""
    suspended = _suspended(call)
    call.run(lambda unit: set_job_suspended(unit, call.deps.process, call.path["id"], suspended))


def suspend_many(call: Call) -> None:
    """The jobs of an instance or of a definition are not run by workers, or are again."""
    given = {name: value for name in _OWNERS if (value := call.body.text(name))}
    if len(given) != 1:
        names = "jobId, jobDefinitionId, processInstanceId, processDefinitionId or processDefinitionKey"
        which = "Only one of" if given else "Either"
        raise bad_request(f"{which} {names} should be set to update the suspension state.")
    suspended = _suspended(call)
    [(name, value)] = given.items()

    def work(unit: UnitOfWork) -> None:
        owner: Sets = {_OWNERS[name]: value}
        wanted = jobs_of_definition(unit, call, value) if name == "jobDefinitionId" else JobFilter(**owner)
        for job in unit.jobs.find(wanted):
            set_job_suspended(unit, call.deps.process, job.id, suspended)

    call.run(work)


def _suspended(call: Call) -> bool:
    if not call.body.has("suspended"):
        raise bad_request("suspended must be true or false")
    if call.body.moment("executionDate") is not None:
        raise HttpProblem(501, "NotSupportedException", "executionDate is not supported")
    return call.body.flag("suspended")


def delete(call: Call) -> None:
    """The job is gone; what waited for it waits on."""
    call.run(lambda unit: delete_job(unit, call.deps.process, call.path["id"]))


def stacktrace(call: Call) -> Answer:
    """Why the job's last try failed, as plain text."""
    row = call.read(lambda unit: unit.jobs.get(call.path["id"]))
    return Answer((row.stacktrace or "").encode(), "text/plain; charset=utf-8")


_SUSPENDED: fields.Schema = {"type": "object", "properties": {"suspended": {"type": "boolean"}}}

ROUTES = [
    *JOBS.routes(),
    Route("DELETE", "/job/{id}", delete, _TAG, "Delete a job"),
    Route(
        "PUT", "/job/suspended", suspend_many, _TAG, "Suspend or activate jobs",
        request={
            "type": "object",
            "properties": {"suspended": {"type": "boolean"}, **{name: {"type": "string"} for name in _OWNERS}},
        },
    ),
    Route("PUT", "/job/{id}/suspended", suspend, _TAG, "Suspend or activate a job", request=_SUSPENDED),
    Route(
        "PUT", "/job/{id}/priority", set_priority, _TAG, "Set how urgent a job is",
        request={"type": "object", "properties": {"priority": {"type": "integer"}}},
    ),
    Route(
        "POST", "/job/{id}/duedate/recalculate", recalculate, _TAG, "Work out anew when a timer is due",
        parameters=[{"name": "creationDateBased", "in": "query", "schema": {"type": "boolean", "default": True}}],
    ),
    Route("POST", "/job/{id}/execute", execute, _TAG, "Run a job now"),
    Route(
        "PUT", "/job/{id}/retries", set_retries, _TAG, "Set how often a job is tried",
        request={
            "type": "object",
            "properties": {"retries": {"type": "integer"}, "dueDate": {"type": "string", "format": "date-time"}},
        },
    ),
    Route(
        "PUT", "/job/{id}/duedate", set_due_date, _TAG, "Set when a job is due",
        request={"type": "object", "properties": {"duedate": {"type": "string", "format": "date-time"}}},
    ),
    Route("GET", "/job/{id}/stacktrace", stacktrace, _TAG, "Get why a job failed"),
]  # fmt: skip
