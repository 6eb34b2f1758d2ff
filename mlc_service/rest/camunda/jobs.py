"""Jobs: work for later, and what people do about it (camunda7.md §4.10)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mlc_service.process.job_control import set_job_due, set_job_retries
from mlc_service.rest.camunda import fields, query
from mlc_service.rest.camunda.call import Answer, Call, Route
from mlc_service.rest.camunda.dates import format_moment
from mlc_service.rest.camunda.resource import Resource, Sets
from mlc_service.rest.camunda.tenants import tenant_filters
from mlc_service.rest.errors import bad_request
from mlc_service.store.jobs import JobFilter
from mlc_service.store.rows import JobRow

_TAG = "Job"
_TIMERS = ("timer",)
_MESSAGES = ("async", "delegate")


def _complete(call: Call, sets: Sets) -> Sets:
    """What a filter of Camunda's means here; jobs of no instance (signals under way) are listed too."""
    if sets.pop("executable", False):
        sets["executable_at"] = call.deps.clock.now()
    timers, messages = sets.pop("timers", False), sets.pop("messages", False)
    if timers and messages:
        raise bad_request("Parameter timers cannot be used together with parameter messages.")
    if timers or messages:
        sets["kinds"] = _TIMERS if timers else _MESSAGES
    return sets


def _due(row: JobRow) -> str | None:
    # Camunda gives a due date to timers and to what is tried again, not to what may run at once
    return format_moment(row.due) if row.kind in _TIMERS or row.due > row.created else None


JOBS: Resource[JobRow, JobFilter] = Resource(
    path="/job",
    tag=_TAG,
    noun="jobs",
    fields=(
        fields.text("id", "id"),
        fields.absent("jobDefinitionId"),
        fields.text("processInstanceId", "instance_id"),
        fields.text("processDefinitionId", "definition_id"),
        fields.text("processDefinitionKey", "definition_key"),
        fields.text("executionId", "execution_id"),
        fields.text("exceptionMessage", "exception_message"),
        fields.computed("failedActivityId", lambda row: row.activity_id if row.exception_message else None),
        fields.integer("retries", "retries"),
        fields.computed("dueDate", _due, {"type": "string", "format": "date-time", "nullable": True}),
        fields.flag("suspended", "suspended"),
        fields.integer("priority", "priority"),
        fields.absent("tenantId"),
        fields.moment("createTime", "created"),
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
            *query.unsupported("jobDefinitionId"),
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
    adjust=_complete,
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


def stacktrace(call: Call) -> Answer:
    """Why the job's last try failed, as plain text."""
    row = call.read(lambda unit: unit.jobs.get(call.path["id"]))
    return Answer((row.stacktrace or "").encode(), "text/plain; charset=utf-8")


ROUTES = [
    *JOBS.routes(),
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
