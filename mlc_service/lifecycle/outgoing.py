"""What the life cycle sends out with a commit, through the process room's outboxes and the job table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from mlc_service.clock import Clock
from mlc_service.process.messages import emit_message
from mlc_service.process.signals import emit_signal
from mlc_service.store.rows import JobRow
from mlc_service.store.units import UnitOfWork


class Outbox:
    """Writes rows only: they are carried out after the commit, each by a job with retries and an incident."""

    def __init__(self, clock: Clock, retries: int = 3) -> None:
        self._clock = clock
        self._retries = retries

    def signal(self, unit: UnitOfWork, name: str, variables: Mapping[str, Any]) -> None:
        emit_signal(unit, self._clock.now(), name, variables)

    def message(self, unit: UnitOfWork, name: str, process_instance_id: str, variables: Mapping[str, Any]) -> None:
        emit_message(unit, self._clock.now(), name, instance_id=process_instance_id, variables=variables)

    def schedule(self, unit: UnitOfWork, kind: str, payload: Mapping[str, Any]) -> None:
        now = self._clock.now()
        job = JobRow(
            id=str(uuid4()),
            instance_id=None,
            number=None,
            definition_id=None,
            definition_key=None,
            activity_id=None,
            activity=None,
            kind=kind,
            payload=dict(payload),
            priority=0,
            exclusive=False,
            suspended=False,
            state="ready",
            due=now,
            attempt=0,
            worker=None,
            lease_until=None,
            retries=self._retries,
            retry_cycle=None,
            expiries=0,
            exception_message=None,
            stacktrace=None,
            created=now,
        )
        unit.jobs.insert([job])
