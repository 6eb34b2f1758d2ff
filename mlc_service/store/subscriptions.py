"""Who waits for which signal or message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update

from mlc_service.store.errors import NotFound
from mlc_service.store.executions import of_execution
from mlc_service.store.row_writes import DeleteRows, InsertRows
from mlc_service.store.rows import SubscriptionRow
from mlc_service.store.selecting import ALL, Page, equals, one_of, paged
from mlc_service.store.tables import event_subscriptions, process_definitions, process_instances
from mlc_service.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class SubscriptionFilter:
    """Conditions a subscription must meet, all of them; None asks for nothing.

    `of_instances` True leaves out those that start definitions, False leaves out all others. `is_active` True leaves
    out those of suspended instances and of suspended definitions that are to be started.
    """

    id: str | None = None
    ids: Sequence[str] | None = None
    kind: str | None = None
    event_name: str | None = None
    instance_id: str | None = None
    instance_ids: Sequence[str] | None = None
    execution_id: str | None = None
    definition_id: str | None = None
    activity_id: str | None = None
    activity: int | None = None
    business_key: str | None = None
    of_instances: bool | None = None
    is_active: bool | None = None


EVERY = SubscriptionFilter()


_INSERT = InsertRows(event_subscriptions)
_DELETE = DeleteRows(event_subscriptions)


class Subscriptions:
    """Waiting for events, in instance order: the order in which several instances may be locked."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def insert(self, rows: Sequence[SubscriptionRow]) -> None:
        self._transaction.later(_INSERT, [row._asdict() for row in rows])

    def get(self, id: str) -> SubscriptionRow:
        """Raises NotFound."""
        row = self._transaction.execute(select(event_subscriptions).where(event_subscriptions.c.id == id)).first()
        if row is None:
            raise NotFound("event subscription", id)
        return SubscriptionRow._make(row)

    def rename(self, id: str, event_name: str) -> None:
        """It is an event of that name that is waited for."""
        self._transaction.execute(
            update(event_subscriptions).where(event_subscriptions.c.id == id).values(event_name=event_name)
        )

    def delete(self, ids: Sequence[str]) -> None:
        self._transaction.later(_DELETE, [{"id": id} for id in ids])

    def delete_starts(self, definition_ids: Sequence[str]) -> None:
        """These definitions are not started by events any more."""
        if definition_ids:
            self._transaction.execute(
                delete(event_subscriptions).where(
                    event_subscriptions.c.instance_id.is_(None),
                    event_subscriptions.c.definition_id.in_(definition_ids),
                )
            )

    def find(self, wanted: SubscriptionFilter = EVERY, page: Page = ALL) -> list[SubscriptionRow]:
        columns = event_subscriptions.c
        statement = paged(
            select(event_subscriptions).where(*subscription_conditions(wanted)),
            page,
            columns,
            # waiting instances before definitions to be started, as in Camunda
            (columns.instance_id.is_(None), columns.instance_id, columns.created, columns.id),
        )
        return [SubscriptionRow._make(row) for row in self._transaction.read(statement)]

    def count(self, wanted: SubscriptionFilter = EVERY) -> int:
        statement = select(func.count()).select_from(event_subscriptions).where(*subscription_conditions(wanted))
        return self._transaction.execute(statement).scalar_one()


def subscription_conditions(wanted: SubscriptionFilter) -> list[ColumnElement[bool]]:
    """The filter as conditions on the columns of the subscription table."""
    columns = event_subscriptions.c
    found = equals(
        (
            (columns.id, wanted.id),
            (columns.kind, wanted.kind),
            (columns.event_name, wanted.event_name),
            (columns.instance_id, wanted.instance_id),
            (columns.definition_id, wanted.definition_id),
            (columns.activity_id, wanted.activity_id),
            (columns.activity, wanted.activity),
        )
    )
    found += one_of(columns.id, wanted.ids) + one_of(columns.instance_id, wanted.instance_ids)
    if wanted.execution_id is not None:
        found.append(of_execution(columns.instance_id, columns.activity, wanted.execution_id))
    if wanted.of_instances is not None:
        found.append(columns.instance_id.is_not(None) if wanted.of_instances else columns.instance_id.is_(None))
    if wanted.is_active:
        # looked up one by one: there may be few subscriptions among many instances
        resting = _of_subscription(process_instances.c.id == columns.instance_id, process_instances.c.suspended)
        closed = _of_subscription(process_definitions.c.id == columns.definition_id, process_definitions.c.suspended)
        found.append(
            or_(and_(columns.instance_id.is_not(None), ~resting), and_(columns.instance_id.is_(None), ~closed))
        )
    if wanted.business_key is not None:
        found.append(
            columns.instance_id.in_(
                select(process_instances.c.id).where(process_instances.c.business_key == wanted.business_key)
            )
        )
    return found


def _of_subscription(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """There is such a row for the subscription, whatever else is asked for in the same statement."""
    return exists().where(*conditions).correlate(event_subscriptions)
