"""Process definitions: finding them, their diagrams, starting them (camunda7.md §4.5)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mlc_service.process.definitions import definition_xml, latest_definition, set_definition_suspended
from mlc_service.process.instances import StartInstance, start_instance
from mlc_service.process.modification import resolved
from mlc_service.rest.camunda import fields, query, time_to_live
from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.camunda.errors import explaining
from mlc_service.rest.camunda.instance_dto import STARTED, started_dto
from mlc_service.rest.camunda.modification import INSTRUCTION, read_start_instructions
from mlc_service.rest.camunda.resource import Resource
from mlc_service.rest.camunda.tenants import tenant_filters
from mlc_service.rest.errors import HttpProblem, bad_request
from mlc_service.store.definitions import DefinitionFilter
from mlc_service.store.history_filters import ActivityHistoryFilter
from mlc_service.store.incidents import IncidentFilter
from mlc_service.store.jobs import JobFilter
from mlc_service.store.rows import IncidentRow, JobRow, ProcessDefinitionRow
from mlc_service.store.units import UnitOfWork

_TAG = "Process Definition"
_PACKAGE = "org.camunda.bpm.engine.rest.dto.repository"

PROCESS_DEFINITIONS: Resource[ProcessDefinitionRow, DefinitionFilter] = Resource(
    path="/process-definition",
    tag=_TAG,
    noun="process definitions",
    fields=(
        fields.text("id", "id"),
        fields.text("key", "key"),
        fields.absent("category"),
        fields.text("description", "description"),
        fields.text("name", "name"),
        fields.integer("version", "version"),
        fields.text("resource", "resource_name"),
        fields.text("deploymentId", "deployment_id"),
        fields.absent("diagram"),
        fields.flag("suspended", "suspended"),
        fields.absent("tenantId"),
        fields.text("versionTag", "version_tag"),
        fields.integer("historyTimeToLive", "history_time_to_live"),
        fields.flag("startableInTasklist", "startable_in_tasklist"),
    ),
    queryable=query.Queryable(
        filters=(
            query.text("processDefinitionId", "id"),
            query.texts("processDefinitionIdIn", "ids"),
            query.text("name", "name"),
            query.text("nameLike", "name_like"),
            query.text("deploymentId", "deployment_id"),
            query.text("key", "key"),
            query.texts("keysIn", "keys"),
            query.text("keyLike", "key_like"),
            query.integer("version", "version"),
            query.flag("latestVersion", latest_version=True),
            query.text("resourceName", "resource_name"),
            query.flag("active", suspended=False),
            query.flag("suspended", suspended=True),
            query.text("versionTag", "version_tag"),
            query.flag("startableInTasklist", startable_in_tasklist=True),
            query.flag("notStartableInTasklist", startable_in_tasklist=False),
            query.ignored_flag("startablePermissionCheck"),
            query.never("category"),
            query.never("categoryLike"),
            *tenant_filters("includeProcessDefinitionsWithoutTenantId"),
            *query.unsupported(
                "deployedAfter", "deployedAt", "resourceNameLike", "startableBy", "incidentId", "incidentType",
                "incidentMessage", "incidentMessageLike", "versionTagLike", "withoutVersionTag",
            ),
        ),
        sorts={
            "category": "id", "key": "key", "id": "id", "name": "name", "version": "version",
            "deploymentId": "deployment_id", "deployTime": None, "tenantId": "id", "versionTag": "version_tag",
        },
    ),
    wanted=DefinitionFilter,
    find=lambda unit, wanted, page: unit.definitions.find(wanted, page),
    count=lambda unit, wanted: unit.definitions.count(wanted),
    get=lambda unit, id: unit.definitions.get(id),
)  # fmt: skip


def by_key(call: Call) -> dict[str, Any]:
    """The latest version of a key."""
    return PROCESS_DEFINITIONS.dto(call.read(lambda unit: latest_definition(unit, call.path["key"])))


def xml(call: Call) -> dict[str, Any]:
    """The diagram as it was deployed."""

    def find(unit: UnitOfWork) -> tuple[str, str]:
        id = _id(call, unit)
        return id, definition_xml(unit, id)

    id, text = call.read(find)
    return {"id": id, "bpmn20Xml": text}


def diagram(call: Call) -> None:
    """No picture is deployed beside the diagrams."""
    call.read(lambda unit: unit.definitions.get(_id(call, unit)))


def start(call: Call) -> dict[str, Any]:
    """Starts an instance, which runs to its first wait state."""
    name = call.path.get("id") or call.path["key"]
    with explaining(f"Cannot instantiate process definition {name}"):
        body = call.body
        instructions = read_start_instructions(body.objects("startInstructions"))
        command = StartInstance(
            definition_id=call.path.get("id"),
            definition_key=call.path.get("key"),
            variables=body.variables(),
            business_key=body.text("businessKey"),
            user=call.caller.user_id,
            instructions=resolved("", instructions),
            skips_listeners=body.flag("skipCustomListeners"),
            skips_mappings=body.flag("skipIoMappings"),
        )
        with_variables = body.flag("withVariablesInReturn")
        started = call.run(lambda unit: start_instance(unit, call.deps.process, command))
    return started_dto(call, started, with_variables=with_variables)


def suspend(call: Call) -> None:
    """The definition cannot be started any more, or can again."""
    suspended, with_instances = _suspension(call)

    def work(unit: UnitOfWork) -> None:
        set_definition_suspended(unit, call.deps.process, _id(call, unit), suspended, with_instances=with_instances)

    call.run(work)


def set_time_to_live(call: Call) -> None:
    """The history of instances that end from now on is kept for that many days; null is for ever."""
    days = time_to_live.read(call)
    call.run(lambda unit: unit.definitions.set_time_to_live(_id(call, unit), days))


def suspend_by_key(call: Call) -> None:
    """All versions of a key cannot be started any more, or can again."""
    if call.body.text("processDefinitionId"):
        raise bad_request("Only processDefinitionKey can be set to update the suspension state.")
    missing = "Either processDefinitionId or processDefinitionKey should be set to update the suspension state."
    key = call.body.required_text("processDefinitionKey", missing)
    suspended, with_instances = _suspension(call)

    def work(unit: UnitOfWork) -> None:
        for definition in unit.definitions.find(DefinitionFilter(key=key)):
            set_definition_suspended(unit, call.deps.process, definition.id, suspended, with_instances=with_instances)

    call.run(work)


def _suspension(call: Call) -> tuple[bool, bool]:
    if not call.body.has("suspended"):
        raise bad_request("suspended must be true or false")
    if call.body.moment("executionDate") is not None:
        raise HttpProblem(501, "NotSupportedException", "executionDate is not supported")
    by_id = "includeProcessInstances"
    return call.body.flag("suspended"), call.body.flag(by_id)


def statistics(call: Call) -> list[dict[str, Any]]:
    """Running instances of every definition, with failed jobs and incidents if asked for."""
    with_jobs, with_incidents = call.flag("failedJobs"), call.flag("incidents")

    def find(unit: UnitOfWork) -> list[dict[str, Any]]:
        instances = unit.instances.count_by_definition()
        jobs = _failed_jobs(unit, None) if with_jobs else []
        incidents = unit.incidents.find() if with_incidents else []
        failed = Counter(job.definition_id for job in jobs)
        return [
            {
                "@class": f"{_PACKAGE}.ProcessDefinitionStatisticsResultDto",
                "id": row.id,
                "instances": instances.get(row.id, 0),
                "failedJobs": failed[row.id],
                "incidents": _incident_counts([one for one in incidents if one.definition_id == row.id]),
                "definition": PROCESS_DEFINITIONS.dto(row),
            }
            for row in unit.definitions.find()
        ]

    return call.read(find)


def activity_statistics(call: Call) -> list[dict[str, Any]]:
    """Running activities of one definition, with failed jobs and incidents if asked for."""
    with_jobs, with_incidents = call.flag("failedJobs"), call.flag("incidents")

    def find(unit: UnitOfWork) -> list[dict[str, Any]]:
        definition = unit.definitions.get(_id(call, unit))
        open_activities = unit.history.find_activities(
            ActivityHistoryFilter(definition_id=definition.id, finished=False)
        )
        running = Counter(row.activity_id for row in open_activities)
        jobs = _failed_jobs(unit, definition.id) if with_jobs else []
        incidents = unit.incidents.find(IncidentFilter(definition_id=definition.id)) if with_incidents else []
        failed = Counter(job.activity_id for job in jobs)
        names = dict.fromkeys([*running, *failed, *(one.activity_id for one in incidents)])
        return [
            {
                "@class": f"{_PACKAGE}.ActivityStatisticsResultDto",
                "id": name,
                "instances": running[name] if name else 0,
                "failedJobs": failed[name],
                "incidents": _incident_counts([one for one in incidents if one.activity_id == name]),
            }
            for name in names
            if name is not None
        ]

    return call.read(find)


def _failed_jobs(unit: UnitOfWork, definition_id: str | None) -> list[JobRow]:
    return unit.jobs.find(JobFilter(definition_id=definition_id, with_retries_left=False))


def _incident_counts(incidents: list[IncidentRow]) -> list[dict[str, Any]]:
    kinds = Counter(one.kind for one in incidents)
    return [{"incidentType": kind, "incidentCount": count} for kind, count in kinds.items()]


def _id(call: Call, unit: UnitOfWork) -> str:
    id = call.path.get("id")
    return id if id is not None else latest_definition(unit, call.path["key"]).id


_XML: fields.Schema = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "bpmn20Xml": {"type": "string"}},
}
_START: fields.Schema = {
    "type": "object",
    "properties": {
        "businessKey": {"type": "string", "nullable": True},
        "variables": {"type": "object", "nullable": True},
        "startInstructions": {"type": "array", "items": INSTRUCTION},
        "skipCustomListeners": {"type": "boolean"},
        "skipIoMappings": {"type": "boolean"},
        "withVariablesInReturn": {"type": "boolean"},
    },
}
_SUSPENDED: fields.Schema = {
    "type": "object",
    "properties": {"suspended": {"type": "boolean"}, "includeProcessInstances": {"type": "boolean"}},
}
_COUNTED: list[fields.Schema] = [
    {"name": name, "in": "query", "schema": {"type": "boolean"}} for name in ("failedJobs", "incidents")
]


def _both(method: str, rest: str, handler: Any, summary: str, **described: Any) -> list[Route]:
    """The operation by id, and by key for the latest version."""
    return [
        Route(method, f"/process-definition/{{id}}{rest}", handler, _TAG, summary, **described),
        Route(method, f"/process-definition/key/{{key}}{rest}", handler, _TAG, f"{summary}, by key", **described),
    ]


ROUTES = [
    Route("GET", "/process-definition/statistics", statistics, _TAG, "Count instances", parameters=_COUNTED),
    Route(
        "PUT", "/process-definition/suspended", suspend_by_key, _TAG, "Suspend or activate by key", request=_SUSPENDED
    ),
    Route(
        "GET", "/process-definition/key/{key}", by_key, _TAG, "Get the latest version of a key",
        answer=fields.schema_of(PROCESS_DEFINITIONS.fields),
    ),
    *PROCESS_DEFINITIONS.routes(),
    *_both("GET", "/xml", xml, "Get the diagram", answer=_XML),
    *_both("GET", "/diagram", diagram, "Get the picture"),
    *_both("POST", "/start", start, "Start an instance", request=_START, answer=fields.schema_of(STARTED)),
    *_both("PUT", "/suspended", suspend, "Suspend or activate", request=_SUSPENDED),
    *_both(
        "PUT", "/history-time-to-live", set_time_to_live, "Set how long history is kept", request=time_to_live.BODY
    ),
    *_both("GET", "/statistics", activity_statistics, "Count running activities", parameters=_COUNTED),
]  # fmt: skip
