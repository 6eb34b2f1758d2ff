"""Modifying a process instance by hand (Camunda manual, "Process Instance Modification")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mlc_service.engine import Instruction as EngineInstruction
from mlc_service.engine import InvalidModification
from mlc_service.engine.ids import number_of
from mlc_service.process.running import Step
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.units import UnitOfWork

__all__ = ["Instruction", "InvalidModification", "modify_instance", "resolved"]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One thing to do, with the ids that the outside world knows; see `engine.modification.Instruction`."""

    kind: Literal["cancel", "startBeforeActivity", "startAfterActivity", "startTransition"]
    activity_id: str | None = None
    transition_id: str | None = None
    activity_instance_id: str | None = None
    transition_instance_id: str | None = None
    ancestor_activity_instance_id: str | None = None
    variables: Sequence[tuple[str, Any, bool]] = ()


def modify_instance(
    unit: UnitOfWork,
    around: Surroundings,
    id: str,
    instructions: Sequence[Instruction],
    *,
    skips_listeners: bool = False,
    skips_mappings: bool = False,
    user: str | None = None,
) -> None:
    """The instructions are carried out in one step. Raises NotFound, InvalidModification, engine.ExecutionFailed."""
    step = Step(unit, around, user)
    step.feed(
        id,
        lambda execution: execution.modify(
            resolved(id, instructions), skips_listeners=skips_listeners, skips_mappings=skips_mappings
        ),
    )
    step.settle()


def resolved(instance_id: str, instructions: Sequence[Instruction]) -> list[EngineInstruction]:
    """The instructions with the engine's numbers for ids. Raises InvalidModification for ids of other instances."""
    return [_resolved(instance_id, position, one) for position, one in enumerate(instructions, 1)]


def _resolved(instance_id: str, position: int, instruction: Instruction) -> EngineInstruction:
    def number(id: str | None) -> int | None:
        if id is None:
            return None
        try:
            found = number_of(instance_id, id)
        except ValueError:
            found = None
        if found is None:
            raise InvalidModification(
                f"instruction {position} ({instruction.kind}): {id!r} is no activity instance of {instance_id}"
            )
        return found

    return EngineInstruction(
        kind=instruction.kind,
        activity_id=instruction.activity_id,
        transition_id=instruction.transition_id,
        number=number(instruction.activity_instance_id or instruction.transition_instance_id),
        ancestor=number(instruction.ancestor_activity_instance_id),
        variables=instruction.variables,
    )
