"""What happened: instances, activities, tasks, variables (camunda7.md §4.10)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID, uuid5

from mlc_service.engine.ids import derived_id
from mlc_service.engine.values import from_stored
from mlc_service.rest.camunda import fields, query
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


class RecordedInstance(NamedTuple):
    """An instance on record with its definition, which may be gone."""

    row: HistoricInstanceRow
    definition: ProcessDefinitionRow | None


def _with_definitions(unit: UnitOfWork, rows: Sequence[HistoricInstanceRow]) -> list[RecordedInstance]:
    ids = {row.definition_id for row in rows}
    known = {one.id: one for one in unit.definitions.find(DefinitionFilter(ids=sorted(ids)))} if ids else {}
    return [RecordedInstance(row, known.get(row.definition_id)) for row in rows]


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
                fields.absent("removalTime"),
                fields.duration("durationInMillis"),
                fields.text("startUserId", "start_user"),
                fields.text("startActivityId", "start_activity_id"),
                fields.text("deleteReason", "delete_reason"),
                fields.text("rootProcessInstanceId", "id"),
                fields.absent("superProcessInstanceId"),
                fields.absent("superCaseInstanceId"),
                fields.absent("caseInstanceId"),
                fields.absent("tenantId"),
                fields.text("state", "state"),
                fields.absent("restartedProcessInstanceId"),
            )
        ),
        fields.computed("processDefinitionName", lambda one: one.definition and one.definition.name),
        fields.computed("processDefinitionVersion", lambda one: one.definition and one.definition.version),
    ),
    queryable=query.Queryable(
        filters=(
            query.single("processInstanceId", "ids"),
            query.texts("processInstanceIds", "ids"),
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
            query.ignored_flag("rootProcessInstances"),
            query.single("rootProcessInstanceId", "ids"),
            query.never("superProcessInstanceId"),
            query.never("subProcessInstanceId"),
            query.never("superCaseInstanceId"),
            query.never("subCaseInstanceId"),
            query.never("caseInstanceId"),
            *tenant_filters(),
            *query.unsupported(
                "processInstanceIdNotIn", "processDefinitionName", "processDefinitionNameLike",
                "processDefinitionKeyNotIn", "processInstanceBusinessKeyIn", "withJobsRetrying", "incidentIdIn",
                "incidentType", "incidentStatus", "incidentMessage", "incidentMessageLike",
                "executedActivityAfter", "executedActivityBefore", "executedJobAfter", "executedJobBefore",
                "variables", "variableNamesIgnoreCase", "variableValuesIgnoreCase", "orQueries",
            ),
        ),
        sorts={
            "instanceId": "id", "definitionId": "definition_id", "definitionKey": "definition_key",
            "definitionName": None, "definitionVersion": None, "businessKey": "business_key",
            "startTime": "started", "endTime": "ended", "duration": None, "tenantId": "id",
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


ACTIVITIES: Resource[HistoricActivityRow, ActivityHistoryFilter] = Resource(
    path="/history/activity-instance",
    tag="Historic Activity Instance",
    noun="activity instances on record",
    fields=(
        fields.text("id", "id"),
        fields.computed("parentActivityInstanceId", lambda row: derived_id(row.instance_id, row.parent)),
        fields.text("activityId", "activity_id"),
        fields.text("activityName", "activity_name"),
        fields.text("activityType", "activity_type"),
        fields.text("processDefinitionKey", "definition_key"),
        fields.text("processDefinitionId", "definition_id"),
        fields.text("processInstanceId", "instance_id"),
        fields.text("executionId", "id"),
        fields.absent("taskId"),
        fields.absent("calledProcessInstanceId"),
        fields.absent("calledCaseInstanceId"),
        fields.absent("assignee"),
        fields.moment("startTime", "started"),
        fields.moment("endTime", "ended"),
        fields.duration("durationInMillis"),
        fields.flag("canceled", "canceled"),
        fields.always("completeScope", False),
        fields.absent("tenantId"),
        fields.absent("removalTime"),
        fields.text("rootProcessInstanceId", "instance_id"),
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
            *query.unsupported("taskAssignee", "completeScope"),
        ),
        sorts={
            "activityInstanceId": "id", "instanceId": "instance_id", "executionId": "id", "activityId": "activity_id",
            "activityName": "activity_name", "activityType": "activity_type", "startTime": "started",
            "endTime": "ended", "duration": None, "definitionId": "definition_id", "occurrence": "number",
            "tenantId": "id",
        },
    ),
    wanted=ActivityHistoryFilter,
    find=lambda unit, wanted, page: unit.history.find_activities(wanted, page),
    count=lambda unit, wanted: unit.history.count_activities(wanted),
    get=_activity,
    has_post=True,
)  # fmt: skip

_TASK_STATES = {None: "Created", "completed": "Completed"}

TASKS: Resource[HistoricTaskRow, TaskHistoryFilter] = Resource(
    path="/history/task",
    tag="Historic Task Instance",
    noun="tasks on record",
    fields=(
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
        fields.absent("removalTime"),
        fields.text("rootProcessInstanceId", "instance_id"),
        fields.computed("taskState", lambda row: _TASK_STATES.get(row.delete_reason, "Deleted")),
    ),
    queryable=query.Queryable(
        filters=(
            query.text("taskId", "id"),
            query.text("processInstanceId", "instance_id"),
            query.text("rootProcessInstanceId", "instance_id"),
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
            "processInstanceId": "instance_id", "executionId": None, "duration": None, "endTime": "ended",
            "startTime": "started", "taskName": "name", "taskDescription": "description", "assignee": "assignee",
            "owner": "owner", "dueDate": "due", "followUpDate": "follow_up", "deleteReason": "delete_reason",
            "taskDefinitionKey": "activity_id", "priority": "priority", "caseDefinitionId": "id",
            "caseInstanceId": "id", "caseExecutionId": "id", "tenantId": "id",
        },
    ),
    wanted=TaskHistoryFilter,
    find=lambda unit, wanted, page: unit.history.find_tasks(wanted, page),
    count=lambda unit, wanted: unit.history.count_tasks(wanted),
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
        fields.absent("removalTime"),
        fields.text("rootProcessInstanceId", "instance_id"),
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
    has_post=True,
    complete=lambda call, row, dto: dto
    | write_value(from_stored(row.value), deserialize=call.flag("deserializeValues", True)),
)  # fmt: skip

ROUTES = [*INSTANCES.routes(), *ACTIVITIES.routes(), *TASKS.routes(), *VARIABLES.routes()]
