"""Cleaning history: asking for it, what it would remove, and reports about what may be removed."""

from __future__ import annotations

from typing import Any

from mlc_service.process.cleanup import ask_for_cleanup, cleanup_job
from mlc_service.rest.camunda import fields, query
from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.camunda.dates import format_moment
from mlc_service.rest.camunda.jobs import JOBS, with_definitions
from mlc_service.rest.camunda.resource import Resource, Sets
from mlc_service.rest.camunda.tenants import tenant_filters
from mlc_service.rest.errors import not_found
from mlc_service.store.retention import CleanableFilter, CleanableRow, by_table
from mlc_service.store.rows import JobRow
from mlc_service.store.units import UnitOfWork

_TAG = "History Cleanup"


def ask(call: Call) -> dict[str, Any]:
    """History is cleaned at once, or else in the window; answers the job that does it."""
    immediately = call.flag("immediatelyDue", True)
    job = call.run(lambda unit: ask_for_cleanup(unit, call.deps.process, immediately=immediately))
    return call.read(lambda unit: _dto(call, unit, job))


def jobs(call: Call) -> list[dict[str, Any]]:
    """The one job that cleans history."""

    def find(unit: UnitOfWork) -> list[dict[str, Any]]:
        job = cleanup_job(unit)
        if job is None:
            raise not_found("History cleanup jobs are empty")
        return [_dto(call, unit, job)]

    return call.read(find)


def job(call: Call) -> dict[str, Any]:
    """The same, by Camunda's older name."""

    def find(unit: UnitOfWork) -> dict[str, Any]:
        job = cleanup_job(unit)
        if job is None:
            raise not_found("History cleanup job does not exist")
        return _dto(call, unit, job)

    return call.read(find)


def _dto(call: Call, unit: UnitOfWork, job: JobRow) -> dict[str, Any]:
    (listed,) = with_definitions(call, unit, [job])
    return JOBS.dto(listed)


def configuration(call: Call) -> dict[str, Any]:
    """The window that is open, or else the next one; null if history is cleaned on demand only."""
    window = call.deps.process.retention.window
    now = call.deps.clock.now()
    return {
        "batchWindowStartTime": None if window is None else format_moment(window.start_at(now)),
        "batchWindowEndTime": None if window is None else format_moment(window.end_at(now)),
        "enabled": True,
    }


def dry_run(call: Call) -> dict[str, Any]:
    """What cleaning would remove now, by the definition whose time to live is over, and by table."""
    now = call.deps.clock.now()
    due = call.read(lambda unit: unit.retention.due(now))
    found: dict[tuple[str, str | None], dict[str, Any]] = {}
    for one in due:
        definition = found.setdefault(
            (one.kind, one.definition_id),
            {"kind": one.kind, "definitionId": one.definition_id, "definitionKey": one.definition_key, "rows": {}},
        )
        definition["rows"][one.table] = one.rows
    return {"at": format_moment(now), "rows": by_table(due), "definitions": list(found.values())}


def _at_this_time(call: Call, sets: Sets) -> Sets:
    return sets | {"at": call.deps.clock.now()}


def _report(kind: str, find: Any, count: Any) -> Resource[CleanableRow, CleanableFilter]:
    """Definitions of processes or decisions with how much history they have."""
    noun = kind.capitalize()
    return Resource(
        path=f"/history/{kind}-definition/cleanable-{kind}-instance-report",
        tag=f"Historic {noun} Definition",
        noun=f"{kind} definitions with how much of their history may be removed",
        fields=(
            fields.text(f"{kind}DefinitionId", "id"),
            fields.text(f"{kind}DefinitionKey", "key"),
            fields.text(f"{kind}DefinitionName", "name"),
            fields.integer(f"{kind}DefinitionVersion", "version"),
            fields.integer("historyTimeToLive", "history_time_to_live"),
            fields.integer(f"finished{noun}InstanceCount", "finished"),
            fields.integer(f"cleanable{noun}InstanceCount", "cleanable"),
            fields.absent("tenantId"),
        ),
        queryable=query.Queryable(
            filters=(
                query.texts(f"{kind}DefinitionIdIn", "definition_ids"),
                query.texts(f"{kind}DefinitionKeyIn", "definition_keys"),
                *tenant_filters(),
                query.flag("compact", compact=True),
            ),
            sorts={"finished": "finished"},
        ),
        wanted=CleanableFilter,
        find=find,
        count=count,
        adjust=_at_this_time,
    )


_PROCESSES = _report(
    "process",
    lambda unit, wanted, page: unit.retention.report_processes(wanted, page),
    lambda unit, wanted: unit.retention.count_processes(wanted),
)
_DECISIONS = _report(
    "decision",
    lambda unit, wanted, page: unit.retention.report_decisions(wanted, page),
    lambda unit, wanted: unit.retention.count_decisions(wanted),
)

_JOB: fields.Schema = fields.schema_of(JOBS.fields)
_MOMENT: fields.Schema = {"type": "string", "format": "date-time", "nullable": True}
_ROWS: fields.Schema = {"type": "object", "additionalProperties": {"type": "integer"}}

ROUTES = [
    Route(
        "POST", "/history/cleanup", ask, _TAG, "Clean history",
        parameters=[{"name": "immediatelyDue", "in": "query", "schema": {"type": "boolean", "default": True}}],
        answer=_JOB,
    ),
    Route("GET", "/history/cleanup/job", job, _TAG, "Get the job that cleans history", answer=_JOB),
    Route(
        "GET", "/history/cleanup/jobs", jobs, _TAG, "List the jobs that clean history",
        answer={"type": "array", "items": _JOB},
    ),
    Route(
        "GET", "/history/cleanup/configuration", configuration, _TAG, "Get when history is cleaned",
        answer={
            "type": "object",
            "properties": {
                "batchWindowStartTime": _MOMENT, "batchWindowEndTime": _MOMENT, "enabled": {"type": "boolean"},
            },
        },
    ),
    Route(
        "GET", "/history/cleanup/dry-run", dry_run, _TAG, "Get what cleaning would remove (not in Camunda)",
        answer={
            "type": "object",
            "properties": {
                "at": _MOMENT,
                "rows": _ROWS,
                "definitions": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "kind": {"enum": ["process", "decision"]},
                            "definitionId": {"type": "string", "nullable": True},
                            "definitionKey": {"type": "string"},
                            "rows": _ROWS,
                        },
                    },
                },
            },
        },
    ),
    *_PROCESSES.routes(),
    *_DECISIONS.routes(),
]  # fmt: skip
