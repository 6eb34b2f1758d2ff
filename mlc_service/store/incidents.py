"""Incidents: what goes on only after a person has looked at it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, delete, exists, false, func, insert, or_, select, update

from mlc_service import metrics
from mlc_service.store.errors import NotFound
from mlc_service.store.ids import new_id
from mlc_service.store.jobs import JobFilter, job_conditions
from mlc_service.store.rows import IncidentRow
from mlc_service.store.selecting import ALL, Page, equals, one_of, paged
from mlc_service.store.tables import (
    historic_activity_instances,
    incidents,
    jobs,
    process_definitions,
    process_instances,
)
from mlc_service.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """Conditions an open incident must meet, all of them; None asks for nothing."""

    id: str | None = None
    kind: str | None = None
    instance_id: str | None = None
    instance_ids: Sequence[str] | None = None
    execution_id: str | None = None
    definition_id: str | None = None
    definition_keys: Sequence[str] | None = None
    activity_id: str | None = None
    # the activity of a job that failed, or that called one
    failed_activity_id: str | None = None
    job_id: str | None = None
    # of one of these jobs
    jobs: Sequence[JobFilter] | None = None
    # what it is about: a job, an external task, or what its reporter says
    configuration: str | None = None
    # an incident without a cause is its own
    cause_id: str | None = None
    root_cause_id: str | None = None
    message: str | None = None
    message_like: str | None = None
    created_before: datetime | None = None
    created_after: datetime | None = None


EVERY = IncidentFilter()

# the live call activity that has called an instance
_CALLING = (
    select(historic_activity_instances)
    .join(process_instances, process_instances.c.caller_id == historic_activity_instances.c.instance_id)
    .where(
        process_instances.c.id == bindparam("called"),
        historic_activity_instances.c.called_instance_id == bindparam("called"),
        historic_activity_instances.c.ended.is_(None),
    )
)


class Incidents:
    """Open incidents, oldest first."""

    def __init__(self, transaction: Transaction, after_commit: Callable[[Callable[[], None]], None]) -> None:
        self._transaction = transaction
        self._after_commit = after_commit

    def insert(self, rows: Sequence[IncidentRow]) -> None:
        if rows:
            self._transaction.execute(insert(incidents), [row._asdict() for row in rows])

    def open(self, incident: IncidentRow) -> None:
        """The incident is open, and so is one at each call activity that waits for its instance, up to the first.

        Those are over when the first one is (Camunda manual, "Incidents": recursive incidents).
        """
        self.insert([incident])
        self._after_commit(metrics.INCIDENTS_OPENED.labels(metrics.incident_kind(incident.kind)).inc)
        cause = incident
        while cause.instance_id is not None:
            calling = self._transaction.execute(_CALLING, {"called": cause.instance_id}).first()
            if calling is None:
                return
            cause = incident._replace(
                id=new_id(incident.created),
                instance_id=calling.instance_id,
                definition_id=calling.definition_id,
                activity_id=calling.activity_id,
                execution_id=calling.id,
                job_id=None,
                external_task_id=None,
                configuration=None,
                # as in Camunda: the first incident says what has happened
                message=None,
                cause_id=cause.id,
                root_cause_id=incident.id,
            )
            self.insert([cause])

    def get(self, id: str) -> IncidentRow:
        """Raises NotFound."""
        row = self._transaction.execute(select(incidents).where(incidents.c.id == id)).first()
        if row is None:
            raise NotFound("incident", id)
        return IncidentRow._make(row)

    def delete(self, id: str) -> None:
        """Raises NotFound."""
        if not self._resolve(incidents.c.id == id):
            raise NotFound("incident", id)

    def annotate(self, id: str, annotation: str | None) -> None:
        """Raises NotFound."""
        noted = update(incidents).where(incidents.c.id == id).values(annotation=annotation)
        if not self._transaction.execute(noted).rowcount:
            raise NotFound("incident", id)

    def resolve_job(self, job_id: str) -> bool:
        """The job's incident is over; False if it had none."""
        return self._resolve(incidents.c.job_id == job_id)

    def resolve_external_task(self, external_task_id: str) -> bool:
        """The external task's incident is over; False if it had none."""
        return self._resolve(incidents.c.external_task_id == external_task_id)

    def _resolve(self, which: ColumnElement[bool]) -> bool:
        gone = self._transaction.execute(delete(incidents).where(which).returning(incidents.c.kind)).scalars().all()
        for kind in gone:
            self._after_commit(metrics.INCIDENTS_RESOLVED.labels(metrics.incident_kind(kind)).inc)
        return bool(gone)

    def find(self, wanted: IncidentFilter = EVERY, page: Page = ALL) -> list[IncidentRow]:
        statement = paged(
            select(incidents).where(*_conditions(wanted)),
            page,
            incidents.c,
            (incidents.c.created, incidents.c.id),
        )
        return [IncidentRow._make(row) for row in self._transaction.execute(statement)]

    def count(self, wanted: IncidentFilter = EVERY) -> int:
        statement = select(func.count()).select_from(incidents).where(*_conditions(wanted))
        return self._transaction.execute(statement).scalar_one()


def _conditions(wanted: IncidentFilter) -> list[ColumnElement[bool]]:
    columns = incidents.c
    found = equals(
        (
            (columns.id, wanted.id),
            (columns.kind, wanted.kind),
            (columns.instance_id, wanted.instance_id),
            (columns.definition_id, wanted.definition_id),
            (columns.activity_id, wanted.activity_id),
            (columns.job_id, wanted.job_id),
            (columns.message, wanted.message),
        )
    )
    found += one_of(columns.instance_id, wanted.instance_ids)
    found += equals(
        (
            (func.coalesce(columns.execution_id, columns.instance_id), wanted.execution_id),
            (func.coalesce(columns.configuration, columns.job_id, columns.external_task_id), wanted.configuration),
            (func.coalesce(columns.cause_id, columns.id), wanted.cause_id),
            (func.coalesce(columns.root_cause_id, columns.id), wanted.root_cause_id),
        )
    )
    if wanted.failed_activity_id is not None:
        has_failed = or_(columns.job_id.is_not(None), columns.cause_id.is_not(None))
        found += [columns.activity_id == wanted.failed_activity_id, has_failed]
    if wanted.jobs is not None:
        of_jobs = [exists().where(jobs.c.id == columns.job_id, *job_conditions(one)) for one in wanted.jobs]
        found.append(or_(false(), *of_jobs))
    if wanted.created_before is not None:
        found.append(columns.created < wanted.created_before)
    if wanted.created_after is not None:
        found.append(columns.created > wanted.created_after)
    if wanted.message_like is not None:
        found.append(columns.message.like(wanted.message_like))
    if wanted.definition_keys is not None:
        found.append(
            columns.definition_id.in_(
                select(process_definitions.c.id).where(process_definitions.c.key.in_(wanted.definition_keys))
            )
        )
    return found
