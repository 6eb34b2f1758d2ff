"""Evaluating deployed decisions, each evaluation on record: which rules fired on which inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlc_service.dmn import DecisionRecord, DecisionResult
from mlc_service.process.retention import removal_time
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.decision_history import HistoricDecisionRow
from mlc_service.store.definitions import DefinitionFilter
from mlc_service.store.ids import new_id
from mlc_service.store.rows import DecisionDefinitionRow
from mlc_service.store.units import UnitOfWork


@dataclass(frozen=True, slots=True)
class Asker:
    """On whose behalf a decision is evaluated: an activity of an instance, a user, or nobody."""

    instance_id: str | None = None
    definition_id: str | None = None
    definition_key: str | None = None
    activity_id: str | None = None
    activity_instance_id: str | None = None
    user_id: str | None = None


NOBODY = Asker()


def evaluate_decision(
    unit: UnitOfWork,
    around: Surroundings,
    row: DecisionDefinitionRow,
    variables: Mapping[str, Any],
    asker: Asker = NOBODY,
) -> DecisionResult:
    """The decision's answer, which is on record with this transaction. Raises dmn.DecisionError."""
    now = around.clock.now()
    given = {**variables, "__now__": now}
    result = around.parsed.decision(unit, row).evaluate(given, around.scripts)
    evaluated = [_row(unit, row, record, now, asker) for record in result.records]
    # the last one is the decision that was asked for; it required the others
    asked_for = evaluated[-1]
    unit.decision_history.insert([one._replace(root=asked_for.id) for one in evaluated[:-1]] + [asked_for])
    return result


def _row(
    unit: UnitOfWork, asked_for: DecisionDefinitionRow, record: DecisionRecord, now: datetime, asker: Asker
) -> HistoricDecisionRow:
    return HistoricDecisionRow(
        id=new_id(now),
        root=None,
        decision_id=_definition_of(unit, asked_for, record.decision_key),
        decision_key=record.decision_key,
        decision_name=record.decision_name,
        evaluated=now,
        instance_id=asker.instance_id,
        definition_id=asker.definition_id,
        definition_key=asker.definition_key,
        activity_id=asker.activity_id,
        activity_instance_id=asker.activity_instance_id,
        user_id=asker.user_id,
        inputs=[
            {"clauseId": one.clause_id, "clauseName": one.clause_name, "value": one.value} for one in record.inputs
        ],
        outputs=[
            {
                "clauseId": one.clause_id,
                "clauseName": one.clause_name,
                "ruleId": one.rule_id,
                "ruleOrder": one.rule_order,
                "variableName": one.variable_name,
                "value": one.value,
            }
            for one in record.outputs
        ],
        collected=record.collected,
        # an instance takes its decisions along
        removal=removal_time(now, asked_for.history_time_to_live) if asker.instance_id is None else None,
    )


def _definition_of(unit: UnitOfWork, asked_for: DecisionDefinitionRow, key: str) -> str | None:
    """The id of a decision in the same deployment."""
    if key == asked_for.key:
        return asked_for.id
    found = unit.decisions.find(DefinitionFilter(key=key, deployment_id=asked_for.deployment_id))
    return found[0].id if found else None
