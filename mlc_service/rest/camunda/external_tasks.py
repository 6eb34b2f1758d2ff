"""External tasks: workers outside fetch them, hold them for a while, and report (camunda7.md §4.9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from mlc_service.engine.ids import derived_id, number_of
from mlc_service.process.external_tasks import (
    Failure,
    Fetched,
    Wish,
    complete_external_task,
    extend_lock,
    fetch_and_lock,
    handle_bpmn_error,
    handle_failure,
    lock_external_task,
    set_external_task_priority,
    set_external_task_retries,
    unlock_external_task,
)
from mlc_service.rest.camunda import fields, query
from mlc_service.rest.camunda.body import Body
from mlc_service.rest.camunda.call import Answer, Call, Later, Route
from mlc_service.rest.camunda.history import INSTANCES as HISTORIC_INSTANCES
from mlc_service.rest.camunda.process_instances import PROCESS_INSTANCES
from mlc_service.rest.camunda.resource import Resource, Sets
from mlc_service.rest.camunda.values import write_variables
from mlc_service.rest.camunda.waiting_room import Attempt
from mlc_service.rest.errors import HttpProblem, bad_request, not_found
from mlc_service.store.errors import NotFound
from mlc_service.store.external_tasks import ExternalTaskFilter, ExternalTaskInfo, FetchOrder, Topic
from mlc_service.store.selecting import VariableCondition
from mlc_service.store.units import UnitOfWork

_TAG = "External Task"
_INT32 = 2**31
# half an hour; Camunda's own limit
_LONGEST_WAIT_MILLISECONDS = 1_800_000


# --- lists ----------------------------------------------------------------------------------------------------------


def _resolved(call: Call, sets: Sets) -> Sets:
    """Locks are looked at as they are now, and an execution is the place of a task in its instance."""
    now = call.deps.clock.now()
    for flag, condition in (("locked", "locked_at"), ("not_locked", "unlocked_at")):
        if sets.pop(flag, False):
            sets[condition] = now
    execution_id = sets.pop("execution_id", None)
    if execution_id is not None:
        sets["places"] = call.read(lambda unit: _places(unit, execution_id))
    return sets


def _places(unit: UnitOfWork, execution_id: str) -> list[tuple[str, int]]:
    try:
        execution = UUID(execution_id)
    except ValueError:
        return []
    # what an instance gives birth to differs from it in the last group of its id only
    owners = unit.external_tasks.instances_with_prefix(str(execution)[:24])
    return [(id, number) for id in owners if (number := number_of(id, execution)) is not None]


def _place(info: ExternalTaskInfo) -> str:
    return derived_id(info.task.instance_id, info.task.activity)


_ID: fields.Schema = {"type": "string"}
_FIELDS = (
    fields.text("activityId", "task.activity_id"),
    fields.computed("activityInstanceId", _place, _ID),
    fields.text("errorMessage", "task.error_message"),
    fields.computed("executionId", _place, _ID),
    fields.text("id", "task.id"),
    fields.moment("lockExpirationTime", "task.lock_until"),
    fields.moment("createTime", "task.created"),
    fields.text("processDefinitionId", "task.definition_id"),
    fields.text("processDefinitionKey", "task.definition_key"),
    fields.text("processDefinitionVersionTag", "version_tag"),
    fields.text("processInstanceId", "task.instance_id"),
    fields.integer("retries", "task.retries"),
    fields.flag("suspended", "task.suspended"),
    fields.text("workerId", "task.worker"),
    fields.text("topicName", "task.topic"),
    fields.absent("tenantId"),
    fields.integer("priority", "task.priority"),
    fields.text("businessKey", "business_key"),
)
# what a worker is told beyond that
_LOCKED_FIELDS = (*_FIELDS, fields.text("errorDetails", "task.error_details"))

EXTERNAL_TASKS: Resource[ExternalTaskInfo, ExternalTaskFilter] = Resource(
    path="/external-task",
    tag=_TAG,
    noun="external tasks",
    fields=_FIELDS,
    queryable=query.Queryable(
        filters=(
            query.text("externalTaskId", "id"),
            query.texts("externalTaskIdIn", "ids"),
            query.text("topicName", "topic"),
            query.text("workerId", "worker"),
            query.flag("locked", locked=True),
            query.flag("notLocked", not_locked=True),
            query.flag("withRetriesLeft", with_retries_left=True),
            query.flag("noRetriesLeft", with_retries_left=False),
            query.moment("lockExpirationAfter", "lock_until_after"),
            query.moment("lockExpirationBefore", "lock_until_before"),
            query.text("activityId", "activity_id"),
            query.texts("activityIdIn", "activity_ids"),
            query.text("executionId", "execution_id"),
            query.text("processInstanceId", "instance_id"),
            query.texts("processInstanceIdIn", "instance_ids"),
            query.text("processDefinitionId", "definition_id"),
            query.text("processDefinitionKey", "definition_key"),
            query.texts("processDefinitionKeyIn", "definition_keys"),
            query.text("processDefinitionName", "definition_name"),
            query.text("processDefinitionNameLike", "definition_name_like"),
            query.flag("active", suspended=False),
            query.flag("suspended", suspended=True),
            query.long("priorityHigherThanOrEquals", "priority_at_least"),
            query.long("priorityLowerThanOrEquals", "priority_at_most"),
            query.variables("processVariables", "variables"),
            query.never("tenantIdIn"),
            *query.unsupported("variableNamesIgnoreCase", "variableValuesIgnoreCase"),
        ),
        sorts={
            "id": "id", "lockExpirationTime": "lock_until", "processInstanceId": "instance_id",
            "processDefinitionId": "definition_id", "processDefinitionKey": "definition_key",
            "taskPriority": "priority", "tenantId": "id", "createTime": "created",
        },
    ),
    wanted=ExternalTaskFilter,
    find=lambda unit, wanted, page: unit.external_tasks.find(wanted, page),
    count=lambda unit, wanted: unit.external_tasks.count(wanted),
    get=lambda unit, id: unit.external_tasks.info(id),
    adjust=_resolved,
    has_post=True,
)  # fmt: skip


def topic_names(call: Call) -> list[str]:
    """The topics in which there are tasks."""
    sets: Sets = {"locked": call.flag("withLockedTasks"), "not_locked": call.flag("withUnlockedTasks")}
    if call.flag("withRetriesLeft"):
        sets["with_retries_left"] = True
    wanted = ExternalTaskFilter(**_resolved(call, sets))
    return call.read(lambda unit: unit.external_tasks.topics(wanted))


def error_details(call: Call) -> Answer | None:
    """What a worker said about its last failure, as plain text; nothing if it said nothing."""
    id = call.path["id"]
    try:
        details = call.read(lambda unit: unit.external_tasks.get(id)).error_details
    except NotFound as missing:
        message = f"No external task found with id {id}: externalTask is null"
        raise HttpProblem(500, "NullValueException", message, 0) from missing
    return None if details is None else Answer(details.encode(), "text/plain; charset=utf-8")


# --- fetching -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Fetch:
    """What a worker asks for; `deserialized` names the topics whose objects are to be sent parsed."""

    worker: str
    limit: int
    order: FetchOrder
    wishes: Sequence[Wish]
    deserialized: frozenset[str]
    wait_seconds: float

    @property
    def topics(self) -> list[Topic]:
        return [wish.topic for wish in self.wishes]


def fetch(call: Call) -> list[dict[str, Any]] | Later:
    """The worker has the tasks; if there are none, they are waited for as long as it wants to."""
    wanted = _fetch_of(call.body)
    # nobody has had time to go away
    found = _attempt(call, wanted, for_good=True).found
    if found is not None or not (wanted.wait_seconds > 0 and wanted.wishes and wanted.limit):
        return found or []

    async def wait() -> list[dict[str, Any]]:
        topics = [topic.name for topic in wanted.topics]
        return await call.waiting_room.wait(topics, wanted.wait_seconds, lambda: _attempt(call, wanted)) or []

    return Later(wait)


def _attempt(call: Call, wanted: _Fetch, *, for_good: bool = False) -> Attempt[list[dict[str, Any]]]:
    if call.deps.units.writers_queue:
        # looked at first: workers that find nothing must not stand in line with those who write
        attempt = _when_free(call, wanted)
        if attempt.again_in_seconds is None or attempt.again_in_seconds > 0:
            return attempt
    around = call.deps.process

    def take(unit: UnitOfWork) -> list[Fetched]:
        return fetch_and_lock(unit, around, wanted.worker, wanted.wishes, wanted.limit, wanted.order, for_good=for_good)

    fetched = call.run(take)
    if fetched:
        return Attempt([_locked(one, wanted) for one in fetched])
    return _when_free(call, wanted) if wanted.wait_seconds > 0 else Attempt()


def _when_free(call: Call, wanted: _Fetch) -> Attempt[Any]:
    free = call.read(lambda unit: unit.external_tasks.next_free(wanted.topics))
    return Attempt() if free is None else Attempt(None, max(0.0, (free - call.deps.clock.now()).total_seconds()))


def _locked(one: Fetched, wanted: _Fetch) -> dict[str, Any]:
    deserialize = one.info.task.topic in wanted.deserialized
    return fields.write(_LOCKED_FIELDS, one.info) | {
        "variables": write_variables(one.variables, deserialize=deserialize),
        "extensionProperties": dict(one.properties),
    }


def _fetch_of(body: Body) -> _Fetch:
    wait = body.integer("asyncResponseTimeout") or 0
    if wait > _LONGEST_WAIT_MILLISECONDS:
        raise bad_request(
            "The asynchronous response timeout cannot be set to a value greater than "
            f"{_LONGEST_WAIT_MILLISECONDS} milliseconds"
        )
    worker = _worker(body)
    limit = _at_least(0, "maxResults", body.integer("maxTasks"))
    if limit >= _INT32:
        raise bad_request("maxTasks is out of range")
    topics = [Body(topic) for topic in body.objects("topics")]
    # the last of a name stands, as in Camunda; nothing belongs to a tenant
    wishes = {wish.topic.name: wish for wish in (_wish(topic) for topic in topics)}
    for topic in topics:
        if topic.texts("tenantIdIn"):
            wishes.pop(topic.text("topicName") or "", None)
    deserialized = frozenset(topic.text("topicName") or "" for topic in topics if topic.flag("deserializeValues"))
    return _Fetch(worker, limit, _order(body), list(wishes.values()), deserialized, wait / 1000)


def _wish(topic: Body) -> Wish:
    name = topic.text("topicName")
    if name is None:
        raise _missing("topicName")
    return Wish(
        Topic(
            name,
            business_key=topic.text("businessKey"),
            definition_id=topic.text("processDefinitionId"),
            definition_ids=topic.texts("processDefinitionIdIn") or None,
            definition_key=topic.text("processDefinitionKey"),
            definition_keys=topic.texts("processDefinitionKeyIn") or None,
            version_tag=topic.text("processDefinitionVersionTag"),
            variables=_conditions(topic.document.get("processVariables")),
        ),
        lock_milliseconds=_at_least(1, "lockTime", topic.integer("lockDuration")),
        names=topic.texts("variables"),
        local=topic.flag("localVariables"),
        with_properties=topic.flag("includeExtensionProperties"),
    )


def _conditions(values: Any) -> tuple[VariableCondition, ...]:
    if values is None:
        return ()
    if not isinstance(values, Mapping):
        raise bad_request("processVariables must be an object of plain values")
    if any(isinstance(value, list | dict) for value in values.values()):
        raise HttpProblem(500, "ProcessEngineException", "Object values cannot be used to query", 0)
    return tuple(VariableCondition(name, "eq", value) for name, value in values.items())


def _order(body: Body) -> FetchOrder:
    newest_first = False
    for sorting in body.objects("sorting"):
        by, order = sorting.get("sortBy"), sorting.get("sortOrder")
        if by is not None and by != "createTime":
            raise bad_request(f"Cannot set query sortBy parameter to value {by}")
        if order not in (None, "asc", "desc"):
            raise bad_request(f"Cannot set query sortOrder parameter to value {order}")
        if (by is None) != (order is None):
            raise bad_request("sortBy and sortOrder can only be set together")
        newest_first = order == "desc"
    return FetchOrder(body.flag("usePriority"), newest_first)


# --- reporting ------------------------------------------------------------------------------------------------------


def complete(call: Call) -> None:
    """The task is done and its instance has gone on to the next wait state."""
    worker, id = _worker(call.body), call.path["id"]
    variables, local = call.body.variables(), call.body.variables("localVariables")
    around, user = call.deps.process, call.caller.user_id
    call.run(lambda unit: complete_external_task(unit, around, id, worker, variables, local, user=user))


def failure(call: Call) -> None:
    """The worker could not do it: the task can be fetched again later, or an incident is open."""
    body, id = call.body, call.path["id"]
    worker = _worker(body)
    failed = Failure(
        body.text("errorMessage"),
        body.text("errorDetails"),
        _at_least(0, "retries", _int32(body, "retries")),
        _at_least(0, "retryDuration", body.integer("retryTimeout")),
    )
    variables, local = body.variables(), body.variables("localVariables")
    around, user = call.deps.process, call.caller.user_id
    call.run(lambda unit: handle_failure(unit, around, id, worker, failed, variables, local, user=user))


def bpmn_error(call: Call) -> None:
    """The task has ended with a BPMN error."""
    body, id = call.body, call.path["id"]
    worker, code = _worker(body), body.text("errorCode")
    if code is None:
        raise _missing("errorCode")
    message, variables = body.text("errorMessage"), body.variables()
    around, user = call.deps.process, call.caller.user_id
    call.run(lambda unit: handle_bpmn_error(unit, around, id, worker, code, message, variables, user=user))


def lock(call: Call) -> None:
    """The worker has the task for so long."""
    worker, milliseconds = _worker(call.body), _duration(call.body, "lockDuration", "lockDuration")
    call.run(lambda unit: lock_external_task(unit, call.deps.process, call.path["id"], worker, milliseconds))


def extend(call: Call) -> None:
    """The worker keeps the task for so long."""
    worker, milliseconds = _worker(call.body), _duration(call.body, "newDuration", "lockTime")
    call.run(lambda unit: extend_lock(unit, call.deps.process, call.path["id"], worker, milliseconds))


def unlock(call: Call) -> None:
    """Nobody has the task."""
    call.run(lambda unit: unlock_external_task(unit, call.deps.process, call.path["id"]))


# --- what people do -------------------------------------------------------------------------------------------------


def set_retries(call: Call) -> None:
    """The task has that many tries left."""
    retries = _retries(call.body, "BadUserRequestException")
    call.run(lambda unit: set_external_task_retries(unit, call.deps.process, [call.path["id"]], retries))


def set_retries_of_many(call: Call) -> None:
    """All these tasks, or none if one of them does not exist, have that many tries left."""
    retries = _retries(call.body, "InvalidRequestException")
    ids = _ids(call)
    if not ids:
        raise bad_request("externalTaskIds is empty")
    try:
        call.run(lambda unit: set_external_task_retries(unit, call.deps.process, ids, retries))
    except NotFound as missing:
        raise not_found(f"Cannot find external task with id {missing.id}: externalTask is null") from missing


def set_priority(call: Call) -> None:
    """The task is as urgent as that."""
    priority = call.body.integer("priority")
    if priority is None:
        raise bad_request("The priority cannot be null.")
    call.run(lambda unit: set_external_task_priority(unit, call.deps.process, call.path["id"], priority))


def _ids(call: Call) -> set[str]:
    """Tasks named by their ids, by their instances, or by a query for either."""
    document = call.body.document
    named = document.get("externalTaskIds")
    if isinstance(named, list) and None in named:
        raise bad_request("External task id cannot be null: externalTaskIds contains null value")
    ids = set(call.body.texts("externalTaskIds") or ())
    instances = set(call.body.texts("processInstanceIds") or ())
    if (wanted := _query(document, "externalTaskQuery")) is not None:
        ids |= {one.task.id for one in EXTERNAL_TASKS.matching(call, wanted)}
    if (wanted := _query(document, "processInstanceQuery")) is not None:
        instances |= {row.id for row in PROCESS_INSTANCES.matching(call, wanted)}
    if (wanted := _query(document, "historicProcessInstanceQuery")) is not None:
        instances |= {one.row.id for one in HISTORIC_INSTANCES.matching(call, wanted)}
    if instances:
        of_instances = ExternalTaskFilter(instance_ids=list(instances))
        ids |= set(call.read(lambda unit: unit.external_tasks.ids(of_instances)))
    return ids


def _query(document: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    wanted = document.get(name)
    if wanted is not None and not isinstance(wanted, Mapping):
        raise bad_request(f"{name} must be an object")
    return wanted


# --- what may be missing --------------------------------------------------------------------------------------------


def _worker(body: Body) -> str:
    worker = body.text("workerId")
    if worker is None:
        raise _missing("workerId")
    return worker


def _missing(name: str) -> HttpProblem:
    return HttpProblem(500, "NullValueException", f"{name} is null", 0)


def _at_least(least: int, name: str, number: int | None) -> int:
    """The number, 0 if missing; less than it may be is Camunda's 500."""
    found = 0 if number is None else number
    if found < least:
        bound = "greater than 0" if least else "greater than or equal to 0"
        raise HttpProblem(500, "ProcessEngineException", f"{name} is not {bound}", 0)
    return found


def _duration(body: Body, name: str, spoken: str) -> int:
    milliseconds = body.integer(name)
    if milliseconds is None or milliseconds <= 0:
        raise HttpProblem(400, "RestException", f"{spoken} is not greater than 0", 0)
    return milliseconds


def _int32(body: Body, name: str) -> int | None:
    number = body.integer(name)
    if number is not None and not -_INT32 <= number < _INT32:
        raise bad_request(f"{name} is out of range")
    return number


def _retries(body: Body, kind: str) -> int:
    retries = _int32(body, "retries")
    if retries is None:
        raise bad_request("The number of retries cannot be null.")
    if retries < 0:
        message = "The number of retries cannot be negative: retries is not greater than or equal to 0"
        raise HttpProblem(400, kind, message, 0)
    return retries


# --- routes ---------------------------------------------------------------------------------------------------------


def _object(**properties: str) -> fields.Schema:
    return {"type": "object", "properties": {name: {"type": kind} for name, kind in properties.items()}}


_TOPIC = _object(
    topicName="string", lockDuration="integer", variables="array", localVariables="boolean",
    deserializeValues="boolean", includeExtensionProperties="boolean", businessKey="string",
    processDefinitionId="string", processDefinitionIdIn="array", processDefinitionKey="string",
    processDefinitionKeyIn="array", processDefinitionVersionTag="string", processVariables="object",
    withoutTenantId="boolean", tenantIdIn="array",
)  # fmt: skip
_FETCH: fields.Schema = {
    "type": "object",
    "properties": {
        "workerId": {"type": "string"},
        "maxTasks": {"type": "integer"},
        "usePriority": {"type": "boolean"},
        "asyncResponseTimeout": {"type": "integer", "maximum": _LONGEST_WAIT_MILLISECONDS},
        "topics": {"type": "array", "items": _TOPIC},
        "sorting": {"type": "array", "items": _object(sortBy="string", sortOrder="string")},
    },
}
_LOCKED = fields.schema_of(_LOCKED_FIELDS)
_FETCHED: fields.Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            **_LOCKED["properties"], "variables": {"type": "object"}, "extensionProperties": {"type": "object"},
        },
    },
}  # fmt: skip
_COMPLETE = _object(workerId="string", variables="object", localVariables="object")
_FAILURE = _object(
    workerId="string", errorMessage="string", errorDetails="string", retries="integer", retryTimeout="integer",
    variables="object", localVariables="object",
)  # fmt: skip
_ERROR = _object(workerId="string", errorCode="string", errorMessage="string", variables="object")
_MANY = _object(
    retries="integer", externalTaskIds="array", processInstanceIds="array", externalTaskQuery="object",
    processInstanceQuery="object", historicProcessInstanceQuery="object",
)  # fmt: skip


def _flag(name: str) -> fields.Schema:
    return {"name": name, "in": "query", "schema": {"type": "boolean"}}


ROUTES = [
    *EXTERNAL_TASKS.routes(),
    Route(
        "GET", "/external-task/topic-names", topic_names, _TAG, "List the topics of external tasks",
        parameters=[_flag("withLockedTasks"), _flag("withUnlockedTasks"), _flag("withRetriesLeft")],
        answer={"type": "array", "items": {"type": "string"}},
    ),
    Route(
        "POST", "/external-task/fetchAndLock", fetch, _TAG, "Fetch external tasks and lock them for a worker",
        request=_FETCH, answer=_FETCHED,
    ),
    Route(
        "PUT", "/external-task/retries", set_retries_of_many, _TAG, "Set how often external tasks are tried",
        request=_MANY,
    ),
    Route("GET", "/external-task/{id}/errorDetails", error_details, _TAG, "Get why an external task failed"),
    Route(
        "POST", "/external-task/{id}/complete", complete, _TAG, "Complete an external task", request=_COMPLETE,
    ),
    Route(
        "POST", "/external-task/{id}/failure", failure, _TAG, "Report that an external task failed", request=_FAILURE,
    ),
    Route(
        "POST", "/external-task/{id}/bpmnError", bpmn_error, _TAG, "Report a BPMN error of an external task",
        request=_ERROR,
    ),
    Route(
        "POST", "/external-task/{id}/lock", lock, _TAG, "Lock an external task",
        request=_object(workerId="string", lockDuration="integer"),
    ),
    Route(
        "POST", "/external-task/{id}/extendLock", extend, _TAG, "Keep an external task locked for longer",
        request=_object(workerId="string", newDuration="integer"),
    ),
    Route("POST", "/external-task/{id}/unlock", unlock, _TAG, "Unlock an external task"),
    Route(
        "PUT", "/external-task/{id}/retries", set_retries, _TAG, "Set how often an external task is tried",
        request=_object(retries="integer"),
    ),
    Route(
        "PUT", "/external-task/{id}/priority", set_priority, _TAG, "Set how urgent an external task is",
        request=_object(priority="integer"),
    ),
]  # fmt: skip
