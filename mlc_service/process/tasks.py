"""User tasks: who has them, and completing them. Lists: `unit.tasks.find(TaskFilter(…))`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mlc_service.engine import NotWaiting
from mlc_service.engine.ids import number_of
from mlc_service.process.errors import AlreadyClaimed, Suspended
from mlc_service.process.running import Step, read_execution
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.errors import NotFound
from mlc_service.store.rows import TaskRow
from mlc_service.store.units import UnitOfWork


def claim_task(unit: UnitOfWork, around: Surroundings, id: str, user: str) -> None:
    """The task is the user's. Claiming one's own task changes nothing. Raises NotFound, AlreadyClaimed, Suspended."""
    task = _open_task(unit, id)
    if task.assignee is not None and task.assignee != user:
        raise AlreadyClaimed(id, task.assignee)
    _assign(unit, around, task, user)


def unclaim_task(unit: UnitOfWork, around: Surroundings, id: str) -> None:
    """The task is nobody's. Raises NotFound, Suspended."""
    _assign(unit, around, _open_task(unit, id), None)


def assign_task(unit: UnitOfWork, around: Surroundings, id: str, assignee: str | None) -> None:
    """The task is the assignee's, whoever had it. Raises NotFound, Suspended."""
    _assign(unit, around, _open_task(unit, id), assignee)


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


def _open_task(unit: UnitOfWork, id: str) -> TaskRow:
    task = unit.tasks.get(id, lock=True)
    if task.suspended:
        raise Suspended("task", id)
    return task


def _assign(unit: UnitOfWork, around: Surroundings, task: TaskRow, assignee: str | None) -> None:
    if task.assignee == assignee:
        return
    unit.tasks.update(task.id, assignee=assignee, updated=around.clock.now())
    unit.history.update_task(task.id, assignee=assignee)


def _facts(task: TaskRow) -> dict[str, Any]:
    """The task's fields as its listeners see them."""
    names = ("name", "description", "assignee", "owner", "due", "follow_up", "priority")
    return {name: getattr(task, name) for name in names}


def _number(task: TaskRow) -> int:
    number = number_of(task.instance_id, task.id)
    assert number is not None, "a task's id is derived from its instance's"
    return number
