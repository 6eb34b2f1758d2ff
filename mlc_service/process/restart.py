"""Restarting: new instances with what ended ones had (Camunda manual, "Process Instance Restart")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlc_service.engine import Instruction
from mlc_service.engine.values import from_stored
from mlc_service.process.errors import NoSuchInstance, NotFound, OtherDefinition, StillRunning, Suspended
from mlc_service.process.running import StartedInstance, Step
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.history_filters import VariableHistoryFilter
from mlc_service.store.rows import HistoricInstanceRow
from mlc_service.store.units import UnitOfWork


@dataclass(frozen=True, slots=True)
class RestartInstances:
    """Which ended instances of one definition are to run again, and from where.

    The new ones have the variables that the old ones had at last, or with `initial_variables` those that they were
    started with.
    """

    definition_id: str
    instance_ids: Sequence[str]
    instructions: Sequence[Instruction]
    initial_variables: bool = False
    without_business_key: bool = False
    skips_listeners: bool = False
    skips_mappings: bool = False
    user: str | None = None


def restart_instances(unit: UnitOfWork, around: Surroundings, command: RestartInstances) -> list[StartedInstance]:
    """For each of the ended instances a new one has run to its first wait.

    Raises NotFound, NoSuchInstance, OtherDefinition, StillRunning, Suspended, engine.InvalidModification,
    engine.ExecutionFailed.
    """
    definition = unit.definitions.get(command.definition_id)
    if definition.suspended:
        raise Suspended("process definition", definition.id)
    ended = [_ended(unit, command, id) for id in dict.fromkeys(command.instance_ids)]
    step = Step(unit, around, command.user)
    started = [
        step.start(
            definition,
            variables=_variables(unit, record, initial=command.initial_variables),
            business_key=None if command.without_business_key else record.business_key,
            instructions=command.instructions,
            skips_listeners=command.skips_listeners,
            skips_mappings=command.skips_mappings,
        )
        for record in ended
    ]
    step.settle()
    return started


def _ended(unit: UnitOfWork, command: RestartInstances, id: str) -> HistoricInstanceRow:
    try:
        record = unit.history.instance(id)
    except NotFound:
        raise NoSuchInstance("restarted", id) from None
    if record.ended is None:
        raise StillRunning(id)
    if record.definition_id != command.definition_id:
        raise OtherDefinition("restarted", id, record.definition_id, command.definition_id)
    return record


def _variables(unit: UnitOfWork, record: HistoricInstanceRow, *, initial: bool) -> dict[str, Any]:
    if initial:
        stored = record.start_variables or {}
    else:
        last = unit.history.find_variables(VariableHistoryFilter(instance_id=record.id, scope=0))
        stored = {row.name: row.value for row in last}
    return {name: from_stored(value) for name, value in stored.items()}
