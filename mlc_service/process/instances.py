"""Process instances: starting, variables, resting, ending. Lists: `unit.instances.find(InstanceFilter(…))`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlc_service.engine import Instruction
from mlc_service.engine.values import from_stored
from mlc_service.process.definitions import presumed_latest_definition
from mlc_service.process.errors import Suspended
from mlc_service.process.running import StartedInstance, Step
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.units import UnitOfWork

__all__ = [
    "StartInstance",
    "StartedInstance",
    "delete_instance",
    "instance_variables",
    "set_instance_suspended",
    "set_instance_variables",
    "start_instance",
]


@dataclass(frozen=True, slots=True)
class StartInstance:
    """Which definition to start (by id, or the latest of a key), and with what.

    Variables are plain values or `engine.values.TypedValue`. `at` names a start event; None is the none start event.
    `instructions` begin it elsewhere (`engine.modification`).
    """

    definition_id: str | None = None
    definition_key: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    business_key: str | None = None
    user: str | None = None
    at: str | None = None
    instructions: Sequence[Instruction] = ()
    skips_listeners: bool = False
    skips_mappings: bool = False


def start_instance(unit: UnitOfWork, around: Surroundings, command: StartInstance) -> StartedInstance:
    """The instance exists and has run to its first wait state.

    Raises NotFound, DefinitionNotFound, Suspended, engine.ExecutionFailed, engine.InvalidModification.
    """
    if command.definition_id is not None:
        definition = unit.definitions.presumed(command.definition_id)
    else:
        definition = presumed_latest_definition(unit, command.definition_key or "")
    if definition.suspended:
        raise Suspended("process definition", definition.id)
    step = Step(unit, around, command.user)
    started = step.start(
        definition,
        at=command.at,
        variables=command.variables,
        business_key=command.business_key,
        instructions=command.instructions,
        skips_listeners=command.skips_listeners,
        skips_mappings=command.skips_mappings,
    )
    step.settle()
    return started


def delete_instance(
    unit: UnitOfWork,
    around: Surroundings,
    id: str,
    *,
    reason: str | None = None,
    user: str | None = None,
    skips_listeners: bool = False,
    skips_mappings: bool = False,
) -> None:
    """The instance has ended as EXTERNALLY_TERMINATED, with all it called and all that called it. Raises NotFound."""
    step = Step(unit, around, user)
    step.feed(
        id,
        lambda execution: execution.cancel(skips_listeners=skips_listeners, skips_mappings=skips_mappings),
        delete_reason=reason,
    )
    step.settle()


def instance_variables(unit: UnitOfWork, id: str) -> dict[str, Any]:
    """Variables of the instance itself (scope 0): plain values or TypedValue. Raises NotFound."""
    return {name: from_stored(value) for name, value in unit.instances.get(id).variables.items()}


def set_instance_variables(
    unit: UnitOfWork,
    around: Surroundings,
    id: str,
    written: Mapping[str, Any],
    deleted: Iterable[str] = (),
    *,
    user: str | None = None,
) -> None:
    """The instance's variables are written, then deleted; whoever waited for such a change went on. Raises NotFound."""
    step = Step(unit, around, user)
    step.feed(id, lambda execution: execution.set_variables(written, deleted))
    step.settle()


def set_instance_suspended(unit: UnitOfWork, around: Surroundings, id: str, suspended: bool) -> None:  # noqa: ARG001
    """The instance with its tasks and jobs rests, or goes on. Raises NotFound."""
    unit.instances.lock(id)
    unit.instances.set_suspended(id, suspended)
    unit.history.update_instance(id, state="SUSPENDED" if suspended else "ACTIVE")
