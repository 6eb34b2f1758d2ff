"""The processes of the service that live, as each of them says, and who of the schedulers has which duty."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mlc_service.store.rows import ServiceProcessRow
from mlc_service.store.tables import duties, service_processes
from mlc_service.store.transaction import Transaction


class ServiceProcesses:
    """Signs of life. A row says what was; whether a process still lives is up to how long ago it was `seen`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, row: ServiceProcessRow) -> None:
        self._transaction.execute(service_processes.insert().values(row._asdict()))

    def beat(self, id: str, seen: datetime, clock_ahead_seconds: float) -> bool:
        """The process was alive at that time; False if it is not known (any more)."""
        statement = (
            update(service_processes)
            .where(service_processes.c.id == id)
            .values(seen=seen, clock_ahead_seconds=clock_ahead_seconds)
        )
        return bool(self._transaction.execute(statement).rowcount)

    def remove(self, id: str) -> None:
        """The process has ended in good order."""
        self._transaction.execute(delete(service_processes).where(service_processes.c.id == id))

    def forget(self, seen_before: datetime) -> None:
        """Processes that gave their last sign of life before that are left out from now on."""
        self._transaction.execute(delete(service_processes).where(service_processes.c.seen < seen_before))

    def find(self, seen_since: datetime | None = None, role: str | None = None) -> list[ServiceProcessRow]:
        """By role, then in the order in which they started."""
        columns = service_processes.c
        statement = select(service_processes).order_by(columns.role, columns.started, columns.id)
        if seen_since is not None:
            statement = statement.where(columns.seen >= seen_since)
        if role is not None:
            statement = statement.where(columns.role == role)
        return [ServiceProcessRow._make(row) for row in self._transaction.execute(statement)]

    def queues(self, seen_since: datetime) -> Sequence[str]:
        """The queues from which a living process takes jobs."""
        columns = service_processes.c
        statement = select(columns.queue).distinct().where(columns.seen >= seen_since, columns.queue.is_not(None))
        return [str(queue) for queue in self._transaction.execute(statement).scalars()]


class Duties:
    """What one process does for all. A duty is held for a time, and taken by somebody else when that is over."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def take(self, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """The duty is the holder's until then, if it was free or the holder's already; False if it is another's."""
        insert = postgresql.insert if self._transaction.dialect.name == "postgresql" else sqlite.insert
        values = {"holder": holder, "held_until": until}
        statement = insert(duties).values(name=name, **values)
        taken = statement.on_conflict_do_update(
            index_elements=[duties.c.name],
            set_=values,
            where=(duties.c.held_until < now) | (duties.c.holder == holder),
        )
        return self._transaction.execute(taken.returning(duties.c.name)).first() is not None

    def leave(self, holder: str) -> None:
        """Whatever the holder has is free for others."""
        self._transaction.execute(delete(duties).where(duties.c.holder == holder))
