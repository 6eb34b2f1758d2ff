"""Signals: everybody who waits for one gets it, instances and definitions alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mlc_service.engine.values import all_to_stored
from mlc_service.process.errors import NotSubscribed
from mlc_service.process.running import Step
from mlc_service.process.surroundings import Surroundings
from mlc_service.process.waiting import subscription_of
from mlc_service.store.ids import new_id
from mlc_service.store.rows import new_job
from mlc_service.store.units import UnitOfWork

SIGNAL = "signal"


def broadcast_signal(
    unit: UnitOfWork,
    around: Surroundings,
    name: str,
    variables: Mapping[str, Any] | None = None,
    *,
    user: str | None = None,
) -> int:
    """Everybody who waited for the signal has gone on and the latest definitions it starts are started.

    Answers how many receivers there were. All in this transaction, as in Camunda: one receiver's ExecutionFailed
    undoes it all. Only if more than `around.at_once` wait, each receives it after this transaction, by a job.
    """
    step = Step(unit, around, user)
    received = step.signal(name, variables or {})
    step.settle()
    return received


def signal_execution(
    unit: UnitOfWork,
    around: Surroundings,
    execution_id: str,
    name: str,
    variables: Mapping[str, Any] | None = None,
    *,
    user: str | None = None,
) -> None:
    """That one execution has received the signal. Raises NotSubscribed."""
    step = Step(unit, around, user)
    if not step.receive(subscription_of(unit, execution_id, "signal", name), variables or {}):
        raise NotSubscribed(execution_id, "signal", name)
    step.settle()


def emit_signal(unit: UnitOfWork, now: datetime, name: str, variables: Mapping[str, Any] | None = None) -> None:
    """The signal will be broadcast soon after this transaction's commit, and not at all if it is rolled back.

    A durable outbox for the life cycle: each receiver is a job of its own, with retries and an incident of its own.
    """
    unit.jobs.insert(
        [new_job(new_id(now), SIGNAL, now, payload={"name": name, "variables": all_to_stored(variables or {})})]
    )
