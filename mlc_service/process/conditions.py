"""Conditional start events: definitions that start because a condition holds for what they are asked with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlc_service.engine import Execution
from mlc_service.process.host import UnitHost
from mlc_service.process.running import StartedInstance, Step
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.ids import new_id
from mlc_service.store.rows import SubscriptionRow
from mlc_service.store.subscriptions import SubscriptionFilter
from mlc_service.store.units import UnitOfWork


@dataclass(frozen=True, slots=True)
class EvaluateConditions:
    """With which variables conditions are looked at, and of which definition only (None: of all)."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    business_key: str | None = None
    definition_id: str | None = None
    user: str | None = None


def evaluate_conditions(unit: UnitOfWork, around: Surroundings, command: EvaluateConditions) -> list[StartedInstance]:
    """An instance was started for each conditional start event whose condition holds. Raises ExecutionFailed."""
    waiting = unit.subscriptions.find(
        SubscriptionFilter(kind="conditional", definition_id=command.definition_id, of_instances=False, is_active=True)
    )
    step = Step(unit, around, command.user)
    started = [
        step.start(
            unit.definitions.get(one.definition_id),
            at=one.activity_id,
            variables=command.variables,
            business_key=command.business_key,
        )
        for one in waiting
        if _holds(unit, around, one, command)
    ]
    step.settle()
    return started


def _holds(unit: UnitOfWork, around: Surroundings, waiting: SubscriptionRow, command: EvaluateConditions) -> bool:
    row = unit.definitions.get(waiting.definition_id)
    now = around.clock.now()
    met = Execution.conditions_met(
        around.parsed.definition(unit, row),
        UnitHost(unit, around, row),
        instance_id=new_id(now),
        now=now,
        variables=command.variables,
        user=command.user,
    )
    return waiting.activity_id in met
