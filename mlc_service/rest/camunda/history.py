"""What happened: instances, activities, tasks, variables (camunda7.md §4.10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from mlc_service.engine.ids import derived_id
from mlc_service.engine.values import from_stored
from mlc_service.rest.camunda import fields, query
from mlc_service.rest.camunda.call import Call
from mlc_service.rest.camunda.resource import Resource
from mlc_service.rest.camunda.tenants import tenant_filters
from mlc_service.rest.camunda.values import write_value
from mlc_service.store.definitions import DefinitionFilter
from mlc_service.store.errors import NotFound
from mlc_service.store.history_filters import (
    ActivityHistoryFilter,
    InstanceHistoryFilter,
    TaskHistoryFilter,
    VariableHistoryFilter,
)
from mlc_service.store.rows import (
    HistoricActivityRow,
    HistoricInstanceRow,
    HistoricTaskRow,
    HistoricVariableRow,
    ProcessDefinitionRow,
)
from mlc_service.store.units import UnitOfWork

_TEXT: fields.Schema = {"type": "string", "nullable": True}
# ids in one statement
_PORTION = 1000


class Root(NamedTuple):
    """The topmost caller of an instance, and from when on history of both may be removed."""

    id: str
    removal: datetime | None


class RecordedInstance(NamedTuple):
    """An instance on record with its definition, which may be gone, and its topmost caller."""

    row: HistoricInstanceRow
    definition: ProcessDefinitionRow | None
    root: Root


def _with_definitions(unit: UnitOfWork, rows: Sequence[HistoricInstanceRow]) -> list[RecordedInstance]:
    ids = {row.definition_id for row in rows}
    known = {one.id: one for one in unit.definitions.find(DefinitionFilter(ids=sorted(ids)))} if ids else {}
    roots = _roots_of_instances(unit, rows)
    return [RecordedInstance(row, known.get(row.definition_id), roots[row.id]) for row in rows]


class RecordedActivity(NamedTuple):
    """An activity instance on record with the task that it was, and the topmost caller of its instance."""

    row: HistoricActivityRow
    task: HistoricTaskRow | None
    root: Root


class Rooted(NamedTuple):
    """A task or a variable on record with the topmost caller of its instance."""

    row: Any
    root: Root


def _with_tasks(_: Call, unit: UnitOfWork, rows: Sequence[HistoricActivityRow]) -> list[RecordedActivity]:
    roots = roots_of(unit, {row.instance_id for row in rows})
    owners = {row.instance_id for row in rows if row.activity_type == "userTask"}
    tasks = {
        (task.instance_id, task.activity): task
        for ids in _portions(owners)
        for task in unit.history.find_tasks(TaskHistoryFilter(instance_ids=ids))
    }
    return [RecordedActivity(row, tasks.get((row.instance_id, row.number)), roots[row.instance_id]) for row in rows]


def _rooted(_: Call, unit: UnitOfWork, rows: Sequence[HistoricTaskRow | HistoricVariableRow]) -> list[Rooted]:
    roots = roots_of(unit, {row.instance_id for row in rows})
    return [Rooted(row, roots[row.instance_id]) for row in rows]


def roots_of(unit: UnitOfWork, instance_ids: Iterable[str]) -> dict[str, Root]:
    """Of each instance its topmost caller; one that is not on record is its own."""
    ids = set(instance_ids)
    found = _roots_of_instances(unit, _instances(unit, ids))
    return {id: found.get(id) or Root(id, None) for id in ids}


def _roots_of_instances(unit: UnitOfWork, rows: Sequence[HistoricInstanceRow]) -> dict[str, Root]:
    removals = {row.id: row.removal for row in rows}
    unknown = {row.root_id for row in rows if row.root_id is not None and row.root_id not in removals}
    removals.update({row.id: row.removal for row in _instances(unit, unknown)})
    # a caller whose definition was deleted is gone, and has left its removal to those it had called
    return {row.id: Root(row.root_id or row.id, row.removal or removals.get(row.root_id or row.id)) for row in rows}


def _instances(unit: UnitOfWork, ids: Iterable[str]) -> list[HistoricInstanceRow]:
    return [row for some in _portions(ids) for row in unit.history.find_instances(InstanceHistoryFilter(ids=some))]


def _portions(ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids in portions that a database takes in one statement."""
    ordered = sorted(ids)
    return (ordered[start : start + _PORTION] for start in range(0, len(ordered), _PORTION))


def _of_row(declared: Iterable[fields.Field]) -> tuple[fields.Field, ...]:
    """The same fields, read off the row inside a `RecordedInstance`."""

    def inside(field: fields.Field) -> fields.Field:
        return field._replace(read=lambda recorded: field.read(recorded.row))

    return tuple(inside(field) for field in declared)


_SPAN = (
    query.flag("finished", finished=True),
    query.flag("unfinished", finished=False),
    query.moment("startedBefore", "started_before"),
    query.moment("startedAfter", "started_after"),
    query.moment("finishedBefore", "ended_before"),
    query.moment("finishedAfter", "ended_after"),
)

INSTANCES: Resource[RecordedInstance, InstanceHistoryFilter] = Resource(
    path="/history/process-instance",
    tag="Historic Process Instance",
    noun="process instances on record",
    fields=(
        *_of_row(
            (
                fields.text("id", "id"),
                fields.text("businessKey", "business_key"),
                fields.text("processDefinitionId", "definition_id"),
                fields.text("processDefinitionKey", "definition_key"),
                fields.moment("startTime", "started"),
                fields.moment("endTime", "ended"),
                fields.duration("durationInMillis"),
                fields.text("startUserId", "start_user"),
                fields.text("startActivityId", "start_activity_id"),
                fields.text("deleteReason", "delete_reason"),
                fields.computed("rootProcessInstanceId", lambda row: row.root_id or row.id, _TEXT),
                fields.text("superProcessInstanceId", "caller_id"),
                fields.absent("superCaseInstanceId"),
                fields.absent("caseInstanceId"),
                fields.absent("tenantId"),
                fields.text("state", "state"),
                fields.absent("restartedProcessInstanceId"),
            )
        ),
        fields.computed("processDefinitionName", lambda one: one.definition and one.definition.name),
        fields.computed("processDefinitionVersion", lambda one: one.definition and one.definition.version),
        fields.moment("removalTime", "root.removal"),
    ),
    queryable=query.Queryable(
        filters=(
            query.single("processInstanceId", "ids"),
            query.texts("processInstanceIds", "ids"),
            query.texts("processInstanceIdNotIn", "without_ids"),
            query.text("processDefinitionName", "definition_name"),
            query.text("processDefinitionNameLike", "definition_name_like"),
            query.texts("processDefinitionKeyNotIn", "without_definition_keys"),
            query.texts("processInstanceBusinessKeyIn", "business_keys"),
            query.variables("variables", "variables"),
            query.text("processDefinitionId", "definition_id"),
            query.text("processDefinitionKey", "definition_key"),
            query.texts("processDefinitionKeyIn", "definition_keys"),
            query.text("processInstanceBusinessKey", "business_key"),
            query.text("processInstanceBusinessKeyLike", "business_key_like"),
            *_SPAN,
            query.text("startedBy", "started_by"),
            query.flag("withIncidents", with_incident=True),
            query.flag("withRootIncidents", with_incident=True),
            query.texts("executedActivityIdIn", "executed_activity_ids"),
            query.texts("activeActivityIdIn", "active_activity_ids"),
            query.texts("activityIdIn", "active_activity_ids"),
            query.flag("active", state="ACTIVE"),
            query.flag("suspended", state="SUSPENDED"),
            query.flag("completed", state="COMPLETED"),
            query.flag("externallyTerminated", state="EXTERNALLY_TERMINATED"),
            query.flag("internallyTerminated", state="INTERNALLY_TERMINATED"),
            query.flag("rootProcessInstances", is_root=True),
            query.text("rootProcessInstanceId", "root_id"),
            query.text("superProcessInstanceId", "caller_id"),
            query.text("subProcessInstanceId", "called_id"),
            query.never("superCaseInstanceId"),
            query.never("subCaseInstanceId"),
            query.never("caseInstanceId"),
            *tenant_filters(),
            *query.unsupported(
                "withJobsRetrying", "incidentIdIn",
                "incidentType", "incidentStatus", "incidentMessage", "incidentMessageLike",
                "executedActivityAfter", "executedActivityBefore", "executedJobAfter", "executedJobBefore",
                "variableNamesIgnoreCase", "variableValuesIgnoreCase", "orQueries",
            ),
        ),
        sorts={
            "instanceId": "id", "definitionId": "definition_id", "definitionKey": "definition_key",
            "definitionName": None, "definitionVersion": None, "businessKey": "business_key",
            "startTime": "started", "endTime": "ended", "duration": "duration", "tenantId": "id",
        },
    ),
    wanted=InstanceHistoryFilter,
    find=lambda unit, wanted, page: _with_definitions(unit, unit.history.find_instances(wanted, page)),
    count=lambda unit, wanted: unit.history.count_instances(wanted),
    get=lambda unit, id: _with_definitions(unit, [unit.history.instance(id)])[0],
    has_post=True,
)  # fmt: skip


def _activity(unit: UnitOfWork, id: str) -> HistoricActivityRow:
    found = unit.history.find_activities(ActivityHistoryFilter(id=id))
    if not found:
        raise NotFound("historic activity instance", id)
    return found[0]


def _completes_scope(row: HistoricActivityRow) -> bool:
    # an end event that was reached; Camunda also counts a token that ends for want of an outgoing flow
    return row.activity_type.endswith("EndEvent") and row.ended is not None and not row.canceled


ACTIVITIES: Resource[HistoricActivityRow, ActivityHistoryFilter] = Resource(
    path="/history/activity-instance",
    tag="Historic Activity Instance",
    noun="activity instances on record",
    fields=(
        *_of_row(
            (
                fields.text("id", "id"),
                fields.computed("parentActivityInstanceId", lambda row: derived_id(row.instance_id, row.parent)),
                fields.text("activityId", "activity_id"),
                fields.text("activityName", "activity_name"),
                fields.text("activityType", "activity_type"),
                fields.text("processDefinitionKey", "definition_key"),
                fields.text("processDefinitionId", "definition_id"),
                fields.text("processInstanceId", "instance_id"),
                fields.text("executionId", "id"),
                fields.text("calledProcessInstanceId", "called_instance_id"),
                fields.absent("calledCaseInstanceId"),
                fields.moment("startTime", "started"),
                fields.moment("endTime", "ended"),
                fields.duration("durationInMillis"),
                fields.flag("canceled", "canceled"),
                fields.computed("completeScope", _completes_scope, {"type": "boolean"}),
                fields.absent("tenantId"),
            )
        ),
        fields.computed("taskId", lambda one: one.task and one.task.id, _TEXT),
        fields.computed("assignee", lambda one: one.task and one.task.assignee, _TEXT),
        fields.text("rootProcessInstanceId", "root.id"),
        fields.moment("removalTime", "root.removal"),
    ),
    queryable=query.Queryable(
        filters=(
            query.text("activityInstanceId", "id"),
            query.text("processInstanceId", "instance_id"),
            query.text("processDefinitionId", "definition_id"),
            query.text("executionId", "id"),
            query.text("activityId", "activity_id"),
            query.text("activityName", "activity_name"),
            query.text("activityType", "activity_type"),
            *_SPAN,
            query.flag("canceled", canceled=True),
            *tenant_filters(),
            query.text("taskAssignee", "assignee"),
            query.flag("completeScope", complete_scope=True),
        ),
        sorts={
            "activityInstanceId": "id", "instanceId": "instance_id", "executionId": "id", "activityId": "activity_id",
            "activityName": "activity_name", "activityType": "activity_type", "startTime": "started",
            "endTime": "ended", "duration": "duration", "definitionId": "definition_id", "occurrence": "number",
            "tenantId": "id",
        },
    ),
    wanted=ActivityHistoryFilter,
    find=lambda unit, wanted, page: unit.history.find_activities(wanted, page),
    count=lambda unit, wanted: unit.history.count_activities(wanted),
    get=_activity,
    enrich=_with_tasks,
    has_post=True,
)  # fmt: skip

_TASK_STATES = {None: "Created", "completed": "Completed"}

TASKS: Resource[HistoricTaskRow, TaskHistoryFilter] = Resource(
    path="/history/task",
    tag="Historic Task Instance",
    noun="tasks on record",
    fields=(
        *_of_row(
            (
                fields.text("id", "id"),
                fields.text("processDefinitionKey", "definition_key"),
                fields.text("processDefinitionId", "definition_id"),
                fields.text("processInstanceId", "instance_id"),
                fields.computed("executionId", lambda row: derived_id(row.instance_id, row.activity)),
                fields.absent("caseDefinitionKey"),
                fields.absent("caseDefinitionId"),
                fields.absent("caseInstanceId"),
                fields.absent("caseExecutionId"),
                fields.computed("activityInstanceId", lambda row: derived_id(row.instance_id, row.activity)),
                fields.text("name", "name"),
                fields.text("description", "description"),
                fields.text("deleteReason", "delete_reason"),
                fields.text("owner", "owner"),
                fields.text("assignee", "assignee"),
                fields.moment("startTime", "started"),
                fields.moment("endTime", "ended"),
                fields.duration("duration"),
                fields.text("taskDefinitionKey", "activity_id"),
                fields.integer("priority", "priority"),
                fields.moment("due", "due"),
                fields.absent("parentTaskId"),
                fields.moment("followUp", "follow_up"),
                fields.absent("tenantId"),
                fields.computed("taskState", lambda row: _TASK_STATES.get(row.delete_reason, "Deleted")),
            )
        ),
        fields.text("rootProcessInstanceId", "root.id"),
        fields.moment("removalTime", "root.removal"),
    ),
    queryable=query.Queryable(
        filters=(
            query.text("taskId", "id"),
            query.text("processInstanceId", "instance_id"),
            query.text("rootProcessInstanceId", "root_id"),
            query.text("processDefinitionId", "definition_id"),
            query.text("processDefinitionKey", "definition_key"),
            query.text("taskName", "name"),
            query.text("taskNameLike", "name_like"),
            query.text("taskDefinitionKey", "activity_id"),
            query.texts("taskDefinitionKeyIn", "activity_ids"),
            query.text("taskDeleteReason", "delete_reason"),
            query.text("taskAssignee", "assignee"),
            *_SPAN,
            query.never("taskParentTaskId"),
            query.never("caseInstanceId"),
            query.never("caseExecutionId"),
            query.never("caseDefinitionId"),
            query.never("caseDefinitionKey"),
            query.never("caseDefinitionName"),
            *tenant_filters(),
            *query.unsupported(
                "processInstanceBusinessKey", "processInstanceBusinessKeyIn", "processInstanceBusinessKeyLike",
                "executionId", "processDefinitionName", "activityInstanceIdIn", "taskDescription",
                "taskDescriptionLike", "taskDeleteReasonLike", "taskAssigneeLike", "taskOwner", "taskOwnerLike",
                "taskPriority", "assigned", "unassigned", "processFinished", "processUnfinished", "taskDueDate",
                "taskDueDateBefore", "taskDueDateAfter", "withoutTaskDueDate", "taskFollowUpDate",
                "taskFollowUpDateBefore", "taskFollowUpDateAfter", "taskVariables", "processVariables",
                "variableNamesIgnoreCase", "variableValuesIgnoreCase", "taskInvolvedUser", "taskInvolvedGroup",
                "taskHadCandidateUser", "taskHadCandidateGroup", "withCandidateGroups", "withoutCandidateGroups",
                "orQueries",
            ),
        ),
        sorts={
            "taskId": "id", "activityInstanceId": None, "processDefinitionId": "definition_id",
            "processInstanceId": "instance_id", "executionId": None, "duration": "duration", "endTime": "ended",
            "startTime": "started", "taskName": "name", "taskDescription": "description", "assignee": "assignee",
            "owner": "owner", "dueDate": "due", "followUpDate": "follow_up", "deleteReason": "delete_reason",
            "taskDefinitionKey": "activity_id", "priority": "priority", "caseDefinitionId": "id",
            "caseInstanceId": "id", "caseExecutionId": "id", "tenantId": "id",
        },
    ),
    wanted=TaskHistoryFilter,
    find=lambda unit, wanted, page: unit.history.find_tasks(wanted, page),
    count=lambda unit, wanted: unit.history.count_tasks(wanted),
    enrich=_rooted,
    has_post=True,
)  # fmt: skip


def variable_id(instance_id: str, scope: int, name: str) -> str:
    """The id of a variable, which has none of its own in the store."""
    return str(uuid5(UUID(instance_id), f"{scope}/{name}"))


VARIABLES: Resource[HistoricVariableRow, VariableHistoryFilter] = Resource(
    path="/history/variable-instance",
    tag="Historic Variable Instance",
    noun="variables on record",
    fields=(
        *_of_row(
            (
                fields.computed("id", lambda row: variable_id(row.instance_id, row.scope, row.name)),
                fields.text("name", "name"),
                fields.text("processDefinitionKey", "definition_key"),
                fields.text("processDefinitionId", "definition_id"),
                fields.text("processInstanceId", "instance_id"),
                fields.computed("executionId", lambda row: derived_id(row.instance_id, row.scope)),
                fields.computed("activityInstanceId", lambda row: derived_id(row.instance_id, row.scope)),
                fields.absent("caseDefinitionKey"),
                fields.absent("caseDefinitionId"),
                fields.absent("caseInstanceId"),
                fields.absent("caseExecutionId"),
                fields.absent("taskId"),
                fields.absent("errorMessage"),
                fields.absent("tenantId"),
                fields.text("state", "state"),
                fields.moment("createTime", "created"),
            )
        ),
        fields.text("rootProcessInstanceId", "root.id"),
        fields.moment("removalTime", "root.removal"),
    ),
    queryable=query.Queryable(
        filters=(
            query.text("variableName", "name"),
            query.text("variableNameLike", "name_like"),
            query.texts("variableNameIn", "names"),
            query.text("processInstanceId", "instance_id"),
            query.texts("processInstanceIdIn", "instance_ids"),
            query.text("processDefinitionId", "definition_id"),
            query.text("processDefinitionKey", "definition_key"),
            query.flag("includeDeleted", include_deleted=True),
            query.never("caseInstanceId"),
            query.never("caseExecutionIdIn"),
            query.never("caseActivityIdIn"),
            *tenant_filters(),
            *query.unsupported(
                "variableValue", "variableNamesIgnoreCase", "variableValuesIgnoreCase", "variableTypeIn",
                "executionIdIn", "taskIdIn", "activityInstanceIdIn",
            ),
        ),
        sorts={"instanceId": "instance_id", "variableName": "name", "tenantId": "name"},
    ),
    wanted=VariableHistoryFilter,
    find=lambda unit, wanted, page: unit.history.find_variables(wanted, page),
    count=lambda unit, wanted: unit.history.count_variables(wanted),
    enrich=_rooted,
    has_post=True,
    complete=lambda call, row, dto: dto
    | write_value(from_stored(row.row.value), deserialize=call.flag("deserializeValues", True)),
)  # fmt: skip

ROUTES = [*INSTANCES.routes(), *ACTIVITIES.routes(), *TASKS.routes(), *VARIABLES.routes()]
