"""How much there is of what somebody watches the service for: a few queries that stay cheap on large databases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select

from mlc_service.store.tables import incidents, jobs, process_instances
from mlc_service.store.transaction import Transaction

# fewer are counted one by one: the database's own estimate is too coarse then
_FEW = 10_000


class Waiting(NamedTuple):
    """Jobs of a queue that are due and not claimed; `oldest_due` is when the first of them was due."""

    how_many: int
    oldest_due: datetime


class Figures:
    """Counts over whole tables."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def waiting_jobs(self, now: datetime) -> Mapping[str, Waiting]:
        """By queue, those that have any."""
        statement = (
            select(jobs.c.queue, func.count(), func.min(jobs.c.due))
            .where(jobs.c.state == "ready", jobs.c.suspended.is_(False), jobs.c.due <= now)
            .group_by(jobs.c.queue)
        )
        return {queue: Waiting(*found) for queue, *found in self._transaction.execute(statement)}

    def jobs_in(self, state: str) -> Mapping[str, int]:
        """How many jobs are in that state, by queue."""
        statement = select(jobs.c.queue, func.count()).where(jobs.c.state == state).group_by(jobs.c.queue)
        return dict(map(tuple, self._transaction.execute(statement)))

    def open_incidents(self) -> Mapping[str, int]:
        """By kind; those that callers have because of others are not counted."""
        statement = (
            select(incidents.c.kind, func.count()).where(incidents.c.cause_id.is_(None)).group_by(incidents.c.kind)
        )
        return dict(map(tuple, self._transaction.execute(statement)))

    def running_instances(self) -> int:
        """Exact on SQLite and while there are few, else PostgreSQL's estimate, which is some minutes old."""
        if self._transaction.dialect.name == "postgresql":
            estimate = self._transaction.exec_driver_sql(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = 'process_instances'::regclass"
            ).scalar_one()
            if estimate > _FEW:
                return int(estimate)
        return self._transaction.execute(select(func.count()).select_from(process_instances)).scalar_one()
