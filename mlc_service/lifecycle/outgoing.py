"""What the life cycle sends out with a commit, through the process room's outboxes and the job table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlc_service.clock import Clock
from mlc_service.process.messages import emit_message
from mlc_service.process.signals import emit_signal
from mlc_service.store.ids import new_id
from mlc_service.store.rows import new_job
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
        job = new_job(new_id(now), kind, now, payload=dict(payload), retries=self._retries)
        unit.jobs.insert([job])
