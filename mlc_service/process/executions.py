"""Executions: their own variables, and incidents that people open on them. Lists: `unit.executions.find(…)`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mlc_service.engine import NotWaiting
from mlc_service.process.running import Step, read_execution
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.errors import NotFound
from mlc_service.store.units import UnitOfWork


def execution_variables(unit: UnitOfWork, around: Surroundings, id: str) -> dict[str, Any]:
    """The execution's own variables: plain values or TypedValue. Raises NotFound."""
    row = unit.executions.get(id)
    try:
        return read_execution(unit, around, row.instance_id).variables(row.number, local=True)
    except NotWaiting:
        raise NotFound("execution", id) from None


def set_execution_variables(
    unit: UnitOfWork,
    around: Surroundings,
    id: str,
    written: Mapping[str, Any],
    deleted: Iterable[str] = (),
    *,
    user: str | None = None,
) -> None:
    """The execution's own variables are written, then deleted; whoever waited for that went on. Raises NotFound."""
    row = unit.executions.get(id)
    step = Step(unit, around, user)
    try:
        step.feed(
            row.instance_id,
            lambda execution: execution.set_variables(written, deleted, scope=row.number, local=True),
        )
    except NotWaiting:
        # it went on while we waited for the lock
        raise NotFound("execution", id) from None
    step.settle()
