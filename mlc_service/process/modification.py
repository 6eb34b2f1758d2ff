"""Modifying a process instance by hand (Camunda manual, "Process Instance Modification")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mlc_service.engine import ActivityInstance, Execution, InvalidModification
from mlc_service.engine import Instruction as EngineInstruction
from mlc_service.engine.ids import derived_id, number_of
from mlc_service.process.errors import NoSuchInstance, NotFound, OtherDefinition
from mlc_service.process.running import Step
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.units import UnitOfWork

__all__ = ["Instruction", "InvalidModification", "modify_instance", "modify_instances", "resolved"]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One thing to do, with the ids that the outside world knows; see `engine.modification.Instruction`.

    `only_present`: of the activity to cancel, only what is active before the first of the instructions.
    """

    kind: Literal["cancel", "startBeforeActivity", "startAfterActivity", "startTransition"]
    activity_id: str | None = None
    transition_id: str | None = None
    activity_instance_id: str | None = None
    transition_instance_id: str | None = None
    ancestor_activity_instance_id: str | None = None
    variables: Sequence[tuple[str, Any, bool]] = ()
    only_present: bool = False


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


def modify_instances(
    unit: UnitOfWork,
    around: Surroundings,
    definition_id: str,
    ids: Iterable[str],
    instructions: Sequence[Instruction],
    *,
    skips_listeners: bool = False,
    skips_mappings: bool = False,
    user: str | None = None,
) -> None:
    """The instructions are carried out in each of the instances, all of which are of the definition.

    Raises NotFound, NoSuchInstance, OtherDefinition, InvalidModification, engine.ExecutionFailed.
    """
    unit.definitions.get(definition_id)
    step = Step(unit, around, user)

    def modify(execution: Execution) -> None:
        if execution.definition_id != definition_id:
            raise OtherDefinition("modified", execution.instance_id, execution.definition_id or "", definition_id)
        todo = resolved(execution.instance_id, _for(execution, instructions))
        if todo:
            execution.modify(todo, skips_listeners=skips_listeners, skips_mappings=skips_mappings)

    # in id order: the order in which several instances may be locked
    for id in sorted(set(ids)):
        try:
            step.feed(id, modify)
        except NotFound as missing:
            if missing.kind != "process instance":
                raise
            raise NoSuchInstance("modified", id) from None
    step.settle()


def _for(execution: Execution, instructions: Sequence[Instruction]) -> Iterator[Instruction]:
    """The instructions, with what is to be cancelled of the present moment named one by one."""
    for one in instructions:
        if one.only_present:
            for number in _present(execution.activity_tree(), one.activity_id):
                id = derived_id(execution.instance_id, number)
                yield replace(one, activity_id=None, activity_instance_id=id)
        else:
            yield one


def _present(node: ActivityInstance, activity_id: str | None) -> Iterator[int]:
    for child in node.children:
        if child.activity_id == activity_id:
            yield child.number
        else:
            yield from _present(child, activity_id)
    yield from (number for number, waiting in node.transitions if waiting == activity_id)


def resolved(instance_id: str, instructions: Iterable[Instruction]) -> list[EngineInstruction]:
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
