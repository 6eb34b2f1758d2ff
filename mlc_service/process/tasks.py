"""User tasks: who has them, and completing them. Lists: `unit.tasks.find(TaskFilter(…))`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mlc_service.engine import Execution, NotWaiting
from mlc_service.engine.ids import number_of
from mlc_service.process.errors import AlreadyClaimed, NotCaught, Suspended
from mlc_service.process.running import Step, read_execution
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.errors import NotFound
from mlc_service.store.rows import HistoricTaskRow, TaskRow
from mlc_service.store.units import UnitOfWork

# what people can change; `delegation_state` is None, PENDING or RESOLVED
TASK_FIELDS = ("name", "description", "assignee", "owner", "due", "follow_up", "priority", "delegation_state")
Changes = Mapping[str, Any]


def claim_task(unit: UnitOfWork, around: Surroundings, id: str, user: str) -> None:
    """The task is the user's. Claiming one's own task changes nothing. Raises NotFound, AlreadyClaimed, Suspended."""

    def claim(task: TaskRow) -> Changes:
        if task.assignee is not None and task.assignee != user:
            raise AlreadyClaimed(id, task.assignee)
        return {"assignee": user}

    _change(unit, around, id, claim, user)


def unclaim_task(unit: UnitOfWork, around: Surroundings, id: str, *, user: str | None = None) -> None:
    """The task is nobody's. Raises NotFound, Suspended."""
    _change(unit, around, id, lambda _: {"assignee": None}, user)


def assign_task(
    unit: UnitOfWork, around: Surroundings, id: str, assignee: str | None, *, user: str | None = None
) -> None:
    """The task is the assignee's, whoever had it. Raises NotFound, Suspended."""
    _change(unit, around, id, lambda _: {"assignee": assignee}, user)


def delegate_task(
    unit: UnitOfWork, around: Surroundings, id: str, assignee: str | None, *, user: str | None = None
) -> None:
    """Somebody else works on it for its owner, who is whoever had it first. Raises NotFound, Suspended."""

    def delegate(task: TaskRow) -> Changes:
        return {"owner": task.owner or task.assignee, "assignee": assignee, "delegation_state": "PENDING"}

    _change(unit, around, id, delegate, user)


def resolve_task(
    unit: UnitOfWork,
    around: Surroundings,
    id: str,
    variables: Mapping[str, Any] | None = None,
    *,
    user: str | None = None,
) -> None:
    """What was delegated is done, with these variables, and the task is its owner's again.

    Raises NotFound, Suspended, ExecutionFailed.
    """
    if variables:
        set_task_variables(unit, around, id, variables, user=user)
    _change(unit, around, id, lambda task: {"assignee": task.owner, "delegation_state": "RESOLVED"}, user)


def update_task(
    unit: UnitOfWork, around: Surroundings, id: str, changes: Mapping[str, Any], *, user: str | None = None
) -> None:
    """The task has these values in these fields (`TASK_FIELDS`). Raises NotFound, Suspended."""
    _change(unit, around, id, lambda _: changes, user)


def complete_task(
    unit: UnitOfWork,
    around: Surroundings,
    id: str,
    variables: Mapping[str, Any] | None = None,
    *,
    user: str | None = None,
) -> dict[str, Any]:
    """The task is done and its instance has run to the next wait; answers the instance's variables afterwards.

    Raises NotFound (also if somebody completed it just now), Suspended, engine.errors.ExecutionFailed.
    """
    task = unit.tasks.get(id)
    if task.suspended:
        raise Suspended("task", id)
    step = Step(unit, around, user)
    try:
        fed = step.feed(
            task.instance_id, lambda execution: execution.complete_task(_number(task), variables or {}, _facts(task))
        )
    except NotWaiting:
        raise NotFound("task", id) from None
    step.settle()
    return fed.variables()


def fail_task(
    unit: UnitOfWork,
    around: Surroundings,
    id: str,
    error_code: str,
    message: str | None = None,
    variables: Mapping[str, Any] | None = None,
    *,
    user: str | None = None,
) -> None:
    """The task ended with a BPMN error; whoever catches it went on. Raises NotFound, Suspended, ExecutionFailed."""
    _feed(
        unit, around, id, lambda execution, number: execution.task_error(number, error_code, message, variables), user
    )


def escalate_task(
    unit: UnitOfWork,
    around: Surroundings,
    id: str,
    escalation_code: str,
    variables: Mapping[str, Any] | None = None,
    *,
    user: str | None = None,
) -> None:
    """Whoever catches the escalation of the task went on. Raises NotFound, Suspended, NotCaught, ExecutionFailed."""

    def escalate(execution: Execution, number: int) -> None:
        if not execution.task_escalation(number, escalation_code, variables):
            raise NotCaught("escalation", escalation_code, id)

    _feed(unit, around, id, escalate, user)


def task_variables(unit: UnitOfWork, around: Surroundings, id: str, *, local: bool = False) -> dict[str, Any]:
    """Variables visible from the task, or (`local`) its own only: plain values or TypedValue. Raises NotFound."""
    task = unit.tasks.get(id)
    return read_execution(unit, around, task.instance_id).variables(task.activity, local=local)


def set_task_variables(
    unit: UnitOfWork,
    around: Surroundings,
    id: str,
    written: Mapping[str, Any],
    deleted: Iterable[str] = (),
    *,
    local: bool = False,
    user: str | None = None,
) -> None:
    """The variables are written and deleted, at the task (`local`) or where they exist above it. Raises NotFound."""
    task = unit.tasks.get(id)
    step = Step(unit, around, user)
    try:
        step.feed(
            task.instance_id,
            lambda execution: execution.set_variables(written, deleted, scope=task.activity, local=local),
        )
    except NotWaiting:
        raise NotFound("task", id) from None
    step.settle()


def _feed(
    unit: UnitOfWork,
    around: Surroundings,
    id: str,
    what: Callable[[Execution, int], object],
    user: str | None,
) -> None:
    task = unit.tasks.get(id)
    if task.suspended:
        raise Suspended("task", id)
    step = Step(unit, around, user)
    try:
        step.feed(task.instance_id, lambda execution: what(execution, _number(task)))
    except NotWaiting:
        # somebody completed it while we waited for the lock
        raise NotFound("task", id) from None
    step.settle()


def _change(
    unit: UnitOfWork, around: Surroundings, id: str, change: Callable[[TaskRow], Changes], user: str | None
) -> None:
    """The task has the changed fields; if somebody listens, its instance has told them."""
    if not _has_listeners(unit, around, unit.tasks.get(id)):
        task = _open(unit, id, lock=True)
        changes = _changed(task, change(task))
        if changes:
            unit.tasks.update(id, updated=around.clock.now(), **changes)
            unit.history.update_task(id, **{name: changes[name] for name in changes if name in HistoricTaskRow._fields})
        return

    def tell(execution: Execution, number: int) -> None:
        # the instance is locked by now, and nobody changes such a task without it
        task = _open(unit, id)
        changes = _changed(task, change(task))
        if not changes:
            return
        told = {name: value for name, value in changes.items() if name != "delegation_state"}
        execution.change_task(number, told, _facts(task))
        if "delegation_state" in changes:
            unit.tasks.update(id, delegation_state=changes["delegation_state"])

    _feed(unit, around, id, tell, user)


def _has_listeners(unit: UnitOfWork, around: Surroundings, task: TaskRow) -> bool:
    node: Any = around.parsed.known(unit, task.definition_id).definition.nodes[task.activity_id]
    return any(node.has_task_listeners(event) for event in ("update", "assignment"))


def _changed(task: TaskRow, wanted: Changes) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if getattr(task, name) != value}


def _open(unit: UnitOfWork, id: str, *, lock: bool = False) -> TaskRow:
    task = unit.tasks.get(id, lock=lock)
    if task.suspended:
        raise Suspended("task", id)
    return task


def _facts(task: TaskRow) -> dict[str, Any]:
    """The task's fields as its listeners see them."""
    return {name: getattr(task, name) for name in TASK_FIELDS if name != "delegation_state"}


def _number(task: TaskRow) -> int:
    number = number_of(task.instance_id, task.id)
    assert number is not None, "a task's id is derived from its instance's"
    return number
