"""Evaluating deployed decisions, each evaluation on record: which rules fired on which inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlc_service.dmn import DecisionResult
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.decision_history import HistoricDecisionRow
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
    result = around.parsed.decision(unit, row).evaluate(given)
    inputs, outputs = _inputs(result), _outputs(result)
    unit.decision_history.insert(
        [
            HistoricDecisionRow(
                id=new_id(now),
                root=None,
                decision_id=row.id,
                decision_key=row.key,
                decision_name=row.name,
                evaluated=now,
                instance_id=asker.instance_id,
                definition_id=asker.definition_id,
                definition_key=asker.definition_key,
                activity_id=asker.activity_id,
                activity_instance_id=asker.activity_instance_id,
                user_id=asker.user_id,
                inputs=inputs,
                outputs=outputs,
                collected=None,
            )
        ]
    )
    return result


def _inputs(result: DecisionResult) -> list[dict[str, Any]]:
    return [{"clauseId": None, "clauseName": name, "value": value} for name, value in result.inputs.items()]


def _outputs(result: DecisionResult) -> list[dict[str, Any]]:
    rules: list[str | None] = [*result.matched_rules, *([None] * len(result.rows))]
    return [
        {
            "clauseId": None,
            "clauseName": name,
            "ruleId": rules[number],
            "ruleOrder": number + 1,
            "variableName": name,
            "value": value,
        }
        for number, row in enumerate(result.rows)
        for name, value in row.items()
    ]
