"""External tasks: workers fetch them, hold them for a while, and report. Lists: `unit.external_tasks.find(…)`.

A worker that reports has to be the last one that held the task. That its lock ran out meanwhile does not matter, as
long as nobody else took the task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from mlc_service.engine import Execution, NotWaiting
from mlc_service.engine.ids import derived_id, number_of
from mlc_service.process.errors import LockedByAnother, LockExpired, Suspended
from mlc_service.process.running import Step, read_execution
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.errors import NotFound
from mlc_service.store.external_tasks import OLDEST_FIRST, ExternalTaskFilter, ExternalTaskInfo, FetchOrder, Topic
from mlc_service.store.ids import new_id
from mlc_service.store.rows import ExternalTaskRow, IncidentRow
from mlc_service.store.units import UnitOfWork

T = TypeVar("T")

FAILED_EXTERNAL_TASK = "failedExternalTask"
# Camunda's column: what is longer is cut
_LONGEST_MESSAGE = 666
# a thousand years: a lock that lasts longer would leave the calendar
_LONGEST_MILLISECONDS = 1000 * 365 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Wish:
    """What a worker takes of a topic and for how long, and what it wants to know about each task.

    `names` are the variables it asks for, None all of them; `local` leaves out those of the scopes around the task.
    """

    topic: Topic
    lock_milliseconds: int
    names: Sequence[str] | None = None
    local: bool = False
    with_properties: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """A task that a worker now has; variables are plain values or TypedValue."""

    info: ExternalTaskInfo
    variables: dict[str, Any]
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a worker could not do it, how often it is to be tried again, and after which pause."""

    message: str | None = None
    details: str | None = None
    retries: int = 0
    pause_milliseconds: int = 0


# --- what workers do ------------------------------------------------------------------------------------------------


def fetch_and_lock(
    unit: UnitOfWork,
    around: Surroundings,
    worker: str,
    wishes: Sequence[Wish],
    limit: int,
    order: FetchOrder = OLDEST_FIRST,
    *,
    for_good: bool = False,
) -> list[Fetched]:
    """Up to `limit` free tasks of these topics (no name twice) are the worker's.

    `for_good`: also if the transaction is rolled back afterwards, which saves its beginning and end. They are free
    again when their time is over.
    """
    now = around.clock.now()
    by_topic = {wish.topic.name: wish for wish in wishes}
    wanted = [(wish.topic, _after(now, wish.lock_milliseconds)) for wish in wishes]
    ids = [row.id for row in unit.external_tasks.lock_next(worker, now, wanted, limit, order, by_itself=for_good)]
    if len(ids) > 1:
        infos = {one.task.id: one for one in unit.external_tasks.find(ExternalTaskFilter(ids=ids))}
    else:
        infos = {id: unit.external_tasks.info(id) for id in ids}
    executions: dict[str, Execution] = {}
    fetched = []
    for info in (infos[id] for id in ids):
        task = info.task
        if task.instance_id not in executions:
            executions[task.instance_id] = read_execution(unit, around, task.instance_id)
        wish = by_topic[task.topic]
        variables = executions[task.instance_id].variables(task.activity, local=wish.local)
        if wish.names is not None:
            variables = {name: variables[name] for name in wish.names if name in variables}
        properties = _properties(unit, around, task) if wish.with_properties else {}
        fetched.append(Fetched(info, variables, properties))
    return fetched


def complete_external_task(
    unit: UnitOfWork,
    around: Surroundings,
    id: str,
    worker: str,
    variables: Mapping[str, Any] | None = None,
    local_variables: Mapping[str, Any] | None = None,
    *,
    user: str | None = None,
) -> None:
    """The worker has done the task and its instance has run to the next wait.

    Raises NotFound, LockedByAnother, Suspended, engine.errors.ExecutionFailed.
    """

    def complete(execution: Execution, task: ExternalTaskRow) -> None:
        execution.complete_external_task(_number(task), variables, local_variables, _facts(task))

    step = Step(unit, around, user)
    _report(step, id, worker, "complete", complete)
    step.settle()


def handle_failure(
    unit: UnitOfWork,
    around: Surroundings,
    id: str,
    worker: str,
    failure: Failure,
    variables: Mapping[str, Any] | None = None,
    local_variables: Mapping[str, Any] | None = None,
    *,
    user: str | None = None,
) -> None:
    """The task can be fetched again after the pause, or (no retries left) an incident is open.

    Where the diagram says that such a failure is a BPMN error, that was thrown instead.

    Raises NotFound, LockedByAnother, Suspended, ValueError for numbers below 0, engine.errors.ExecutionFailed.
    """
    if failure.retries < 0 or failure.pause_milliseconds < 0:
        raise ValueError("neither the retries nor the pause of a failure can be negative")
    message = None if failure.message is None else failure.message[:_LONGEST_MESSAGE]

    def fail(execution: Execution, task: ExternalTaskRow) -> bool:
        details = task.error_details if failure.details is None else failure.details
        facts = _facts(task._replace(error_message=message, error_details=details))
        return execution.fail_external_task(_number(task), facts, variables or {}, local_variables or {})

    step = Step(unit, around, user)
    task, is_error = _report(step, id, worker, "fail", fail)
    if not is_error:
        now = around.clock.now()
        until = _after(now, failure.pause_milliseconds)
        # it may be gone: a variable that the worker set can have ended its activity
        if unit.external_tasks.fail(id, until, message, failure.details, failure.retries):
            _mind_incident(unit, task, failure.retries, message, now)
    step.settle()


def handle_bpmn_error(
    unit: UnitOfWork,
    around: Surroundings,
    id: str,
    worker: str,
    code: str,
    message: str | None = None,
    variables: Mapping[str, Any] | None = None,
    *,
    user: str | None = None,
) -> None:
    """The task has ended with a BPMN error, caught or not.

    Raises NotFound, LockedByAnother, Suspended, engine.errors.ExecutionFailed.
    """

    def throw(execution: Execution, task: ExternalTaskRow) -> None:
        execution.external_task_error(_number(task), code, message, variables or {})

    step = Step(unit, around, user)
    _report(step, id, worker, "throw", throw)
    step.settle()


def lock_external_task(unit: UnitOfWork, around: Surroundings, id: str, worker: str, milliseconds: int) -> None:
    """The worker has the task for so long from now. Raises NotFound, LockedByAnother."""
    now = around.clock.now()
    if not unit.external_tasks.lock(id, worker, now, _after(now, milliseconds)):
        raise LockedByAnother("lock", id, worker, unit.external_tasks.get(id).worker)


def extend_lock(unit: UnitOfWork, around: Surroundings, id: str, worker: str, milliseconds: int) -> None:
    """The worker, who has the task, has it for so long from now.

    Raises NotFound, LockedByAnother, Suspended, LockExpired.
    """
    now = around.clock.now()
    _must_hold(unit.external_tasks.get(id, lock=True), worker, "extend")
    if not unit.external_tasks.extend(id, worker, now, _after(now, milliseconds)):
        raise LockExpired(id, now)


def unlock_external_task(unit: UnitOfWork, around: Surroundings, id: str) -> None:  # noqa: ARG001
    """Nobody has the task. Raises NotFound."""
    unit.external_tasks.unlock(id)


# --- what people do -------------------------------------------------------------------------------------------------


def set_external_task_retries(unit: UnitOfWork, around: Surroundings, ids: Iterable[str], retries: int) -> None:
    """Each task has that many tries: none raises an incident, more than none resolves it.

    Raises NotFound, ValueError for less than none.
    """
    if retries < 0:
        raise ValueError("the number of retries cannot be negative")
    now = around.clock.now()
    # in id order, which is that of their instances: the order in which several may be locked
    for id in sorted(set(ids)):
        with _as_gone(id):
            unit.instances.lock(unit.external_tasks.get(id).instance_id)
        task = unit.external_tasks.get(id, lock=True)
        unit.external_tasks.set_retries(id, retries)
        _mind_incident(unit, task, retries, task.error_message, now)


def set_external_task_priority(unit: UnitOfWork, around: Surroundings, id: str, priority: int) -> None:  # noqa: ARG001
    """Raises NotFound."""
    unit.external_tasks.set_priority(id, priority)


# --- steps ----------------------------------------------------------------------------------------------------------


def _report(
    step: Step, id: str, worker: str, deed: str, what: Callable[[Execution, ExternalTaskRow], T]
) -> tuple[ExternalTaskRow, T]:
    """The task's instance has taken in what its worker reports; answers the task as it was before, and `what` did."""
    unit = step.unit
    outcome: list[T] = []
    with _as_gone(id):
        # the instance is locked first, then its tasks, whoever wants both
        row = unit.instances.lock_of_external_task(id)
        task = unit.external_tasks.get(id, lock=True)
        # who does not have it is told so before anything is loaded
        _must_hold(task, worker, deed)
        step.feed_locked(row, lambda execution: outcome.append(what(execution, task)))
    return task, outcome[0]


def _must_hold(task: ExternalTaskRow, worker: str, deed: str) -> None:
    if task.worker != worker:
        raise LockedByAnother(deed, task.id, worker, task.worker)
    if task.suspended:
        raise Suspended("external task", task.id)


@contextmanager
def _as_gone(id: str) -> Iterator[None]:
    """Inside, an instance that is gone or does not wait there any more means that the task is gone."""
    try:
        yield
    except NotWaiting:
        raise NotFound("external task", id) from None
    except NotFound as missing:
        if missing.kind == "process instance":
            raise NotFound("external task", id) from None
        raise


def _mind_incident(unit: UnitOfWork, task: ExternalTaskRow, retries: int, message: str | None, now: datetime) -> None:
    """An incident is open if the task has just lost its last try, and none if it has been given one."""
    had_some = task.retries is None or task.retries > 0
    if had_some and retries == 0:
        unit.incidents.open(
            IncidentRow(
                id=new_id(now),
                kind=FAILED_EXTERNAL_TASK,
                instance_id=task.instance_id,
                definition_id=task.definition_id,
                activity_id=task.activity_id,
                job_id=None,
                message=message,
                created=now,
                external_task_id=task.id,
                execution_id=derived_id(task.instance_id, task.activity),
            )
        )
    elif not had_some and retries > 0:
        unit.incidents.resolve_external_task(task.id)


def _properties(unit: UnitOfWork, around: Surroundings, task: ExternalTaskRow) -> Mapping[str, str]:
    return around.parsed.known(unit, task.definition_id).definition.nodes[task.activity_id].properties


def _facts(task: ExternalTaskRow) -> dict[str, Any]:
    """What expressions of the diagram see as `externalTask`."""
    place = derived_id(task.instance_id, task.activity)
    return {
        "id": task.id,
        "topicName": task.topic,
        "workerId": task.worker,
        "lockExpirationTime": task.lock_until,
        "retries": task.retries,
        "errorMessage": task.error_message,
        "errorDetails": task.error_details,
        "priority": task.priority,
        "createTime": task.created,
        "activityId": task.activity_id,
        "activityInstanceId": place,
        "executionId": place,
        "processInstanceId": task.instance_id,
        "processDefinitionId": task.definition_id,
        "processDefinitionKey": task.definition_key,
        "tenantId": None,
    }


def _number(task: ExternalTaskRow) -> int:
    number = number_of(task.instance_id, task.id)
    assert number is not None, "a task's id is derived from its instance's"
    return number


def _after(now: datetime, milliseconds: int) -> datetime:
    return now + timedelta(milliseconds=min(milliseconds, _LONGEST_MILLISECONDS))
