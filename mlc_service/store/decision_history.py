"""What decisions decided: one row an evaluation, written in the transaction that used it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select

from mlc_service.store.errors import NotFound
from mlc_service.store.row_writes import InsertRows
from mlc_service.store.selecting import ALL, Page, equals, one_of, paged
from mlc_service.store.tables import historic_decisions
from mlc_service.store.transaction import Transaction


class HistoricDecisionRow(NamedTuple):
    """One evaluation. `root` is the evaluation that required this one, None for the one that was asked for.

    `inputs` are `{clauseId, clauseName, value}`, `outputs` `{clauseId, clauseName, ruleId, ruleOrder, variableName,
    value}`, values plain; `collected` is the one value of an aggregating table. One of an instance is removed with the
    instance, others from `removal` on.
    """

    id: str
    root: str | None
    decision_id: str | None
    decision_key: str
    decision_name: str | None
    evaluated: datetime
    instance_id: str | None
    definition_id: str | None
    definition_key: str | None
    activity_id: str | None
    activity_instance_id: str | None
    user_id: str | None
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    collected: Any
    removal: datetime | None = None


@dataclass(frozen=True, slots=True)
class DecisionHistoryFilter:
    """Conditions an evaluation must meet; None asks for nothing."""

    id: str | None = None
    ids: Sequence[str] | None = None
    root: str | None = None
    is_root: bool | None = None
    decision_id: str | None = None
    decision_ids: Sequence[str] | None = None
    decision_key: str | None = None
    decision_keys: Sequence[str] | None = None
    decision_name: str | None = None
    instance_id: str | None = None
    definition_id: str | None = None
    definition_key: str | None = None
    activity_ids: Sequence[str] | None = None
    activity_instance_ids: Sequence[str] | None = None
    user_id: str | None = None
    evaluated_before: datetime | None = None
    evaluated_after: datetime | None = None


EVERY_DECISION = DecisionHistoryFilter()


_INSERT = InsertRows(historic_decisions)


class DecisionHistory:
    """Past evaluations, append-only."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def insert(self, rows: Sequence[HistoricDecisionRow]) -> None:
        values = [row._asdict() | {"collected": {"value": row.collected}} for row in rows]
        self._transaction.later(_INSERT, values)

    def get(self, id: str) -> HistoricDecisionRow:
        """Raises NotFound."""
        found = self.find(DecisionHistoryFilter(id=id))
        if not found:
            raise NotFound("historic decision instance", id)
        return found[0]

    def find(self, wanted: DecisionHistoryFilter = EVERY_DECISION, page: Page = ALL) -> list[HistoricDecisionRow]:
        """Oldest first unless the page says otherwise."""
        columns = historic_decisions.c
        statement = select(historic_decisions).where(*_conditions(wanted))
        rows = self._transaction.execute(paged(statement, page, columns, (columns.evaluated, columns.id)))
        return [HistoricDecisionRow._make(row)._replace(collected=row.collected["value"]) for row in rows]

    def count(self, wanted: DecisionHistoryFilter = EVERY_DECISION) -> int:
        statement = select(func.count()).select_from(historic_decisions).where(*_conditions(wanted))
        return self._transaction.execute(statement).scalar_one()


def _conditions(wanted: DecisionHistoryFilter) -> list[ColumnElement[bool]]:
    columns = historic_decisions.c
    found = equals(
        [
            (columns.id, wanted.id),
            (columns.root, wanted.root),
            (columns.decision_id, wanted.decision_id),
            (columns.decision_key, wanted.decision_key),
            (columns.decision_name, wanted.decision_name),
            (columns.instance_id, wanted.instance_id),
            (columns.definition_id, wanted.definition_id),
            (columns.definition_key, wanted.definition_key),
            (columns.user_id, wanted.user_id),
        ]
    )
    found += one_of(columns.id, wanted.ids) + one_of(columns.decision_id, wanted.decision_ids)
    found += one_of(columns.decision_key, wanted.decision_keys) + one_of(columns.activity_id, wanted.activity_ids)
    found += one_of(columns.activity_instance_id, wanted.activity_instance_ids)
    if wanted.is_root is not None:
        found.append(columns.root.is_(None) if wanted.is_root else columns.root.is_not(None))
    if wanted.evaluated_before is not None:
        found.append(columns.evaluated <= wanted.evaluated_before)
    if wanted.evaluated_after is not None:
        found.append(columns.evaluated >= wanted.evaluated_after)
    return found
