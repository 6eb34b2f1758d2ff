"""What starts a definition by itself: signals, messages and timers. Only the latest version of a key listens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mlc_service.engine import Definition, StartTrigger, TimerSpec
from mlc_service.language import juel, timers
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.ids import new_id
from mlc_service.store.rows import JobRow, ProcessDefinitionRow, SubscriptionRow, new_job
from mlc_service.store.units import UnitOfWork

TIMER_START = "timer_start"


def listen(unit: UnitOfWork, around: Surroundings, row: ProcessDefinitionRow, definition: Definition) -> None:
    """Events start this definition, and no other version of its key."""
    silence(unit, row.key)
    now = around.clock.now()
    unit.subscriptions.insert(
        [
            SubscriptionRow(
                id=new_id(now),
                instance_id=None,
                definition_id=row.id,
                kind=start.kind,
                event_name=event_name(start, now),
                activity_id=start.activity_id,
                activity=None,
                created=now,
            )
            for start in definition.starts
            if start.kind in ("signal", "message", "conditional")
        ]
    )
    unit.jobs.insert(
        [_first_job(row, start, start.timer, around, now) for start in definition.starts if start.timer is not None]
    )


def event_name(start: StartTrigger, now: datetime) -> str | None:
    """The name of the event that starts it; no instance exists yet, so an expression can use functions only."""
    return None if start.event_name is None else _text(start.event_name, now)


def _text(text: str, now: datetime) -> str:
    expression = juel.compile(text)
    return text if expression.is_literal else str(expression.evaluate({"__now__": now}))


def silence(unit: UnitOfWork, key: str) -> None:
    """No event starts any version of the key."""
    ids = unit.definitions.ids_of(key)
    unit.subscriptions.delete_starts(ids)
    unit.jobs.delete_starts(ids)


def next_job(job: JobRow, around: Surroundings) -> JobRow | None:
    """The job for the firing after this one, or None if there is none."""
    plan: dict[str, Any] = job.payload
    if plan["kind"] != "cycle":
        return None
    now = around.clock.now()
    before = datetime.fromisoformat(plan["due"])
    following = timers.next_due(plan["text"], before, plan["remaining"], now, zone=around.zone)
    if following is None:
        return None
    due, remaining = following
    return job._replace(
        id=new_id(now),
        payload=plan | {"due": due.isoformat(), "remaining": remaining},
        state="ready",
        due=due,
        attempt=0,
        worker=None,
        lease_until=None,
        retries=around.retries.retries_of(None),
        expiries=0,
        exception_message=None,
        stacktrace=None,
        created=now,
    )


def _first_job(
    row: ProcessDefinitionRow, start: StartTrigger, timer: TimerSpec, around: Surroundings, now: datetime
) -> JobRow:
    text = _text(timer.text, now)
    due, remaining = timers.first_due(timer.kind, text, now, zone=around.zone)
    return new_job(
        new_id(now),
        TIMER_START,
        now,
        payload={"kind": timer.kind, "text": text, "due": due.isoformat(), "remaining": remaining},
        due=due,
        retries=around.retries.retries_of(None),
        definition_id=row.id,
        definition_key=row.key,
        activity_id=start.activity_id,
    )
