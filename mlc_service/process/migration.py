"""Migrating live instances to another definition (Camunda manual, "Process Instance Migration")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlc_service.engine import Execution, InvalidPlan, MigrationInstruction, PlanProblem, generate_plan, problems
from mlc_service.process.errors import NoSuchInstance, NotFound, OtherDefinition, UnknownPlanEnd
from mlc_service.process.host import UnitHost
from mlc_service.process.parsed import KnownDefinition
from mlc_service.process.running import Step
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.units import UnitOfWork


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """From which definition to which, and what takes over from what there.

    `variables` (plain values or TypedValue) are written to each instance when it has been migrated.
    """

    source_id: str
    target_id: str
    instructions: Sequence[MigrationInstruction] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)


def generated_instructions(
    unit: UnitOfWork, around: Surroundings, source_id: str, target_id: str, *, updates_triggers: bool = False
) -> list[MigrationInstruction]:
    """An instruction for everything that is the same in both definitions. Raises UnknownPlanEnd."""
    source, target = _ends(unit, around, source_id, target_id)
    return generate_plan(source.definition, target.definition, updates_triggers=updates_triggers)


def plan_problems(unit: UnitOfWork, around: Surroundings, plan: MigrationPlan) -> list[PlanProblem]:
    """All that is wrong with the plan. Raises UnknownPlanEnd."""
    source, target = _ends(unit, around, plan.source_id, plan.target_id)
    return problems(source.definition, target.definition, plan.instructions)


def migrate_instances(
    unit: UnitOfWork,
    around: Surroundings,
    plan: MigrationPlan,
    instance_ids: Iterable[str],
    *,
    skips_listeners: bool = False,
    skips_mappings: bool = False,
    user: str | None = None,
) -> None:
    """All of the instances follow the plan's target, with the ids they had.

    Raises UnknownPlanEnd, NoSuchInstance, OtherDefinition, engine.InvalidPlan, engine.NotMigratable,
    engine.ExecutionFailed.
    """
    source, target = _ends(unit, around, plan.source_id, plan.target_id)
    found = problems(source.definition, target.definition, plan.instructions)
    if found:
        raise InvalidPlan(found)
    host = UnitHost(unit, around, target.row)
    step = Step(unit, around, user)

    def migrate(execution: Execution) -> None:
        if execution.definition_id != source.row.id:
            raise OtherDefinition("migrated", execution.instance_id, execution.definition_id or "", source.row.id)
        execution.migrate(
            target.definition,
            target.row.id,
            host,
            plan.instructions,
            skips_listeners=skips_listeners,
            skips_mappings=skips_mappings,
        )
        if plan.variables:
            execution.set_variables(plan.variables)

    # in id order: the order in which several instances may be locked
    for id in sorted(set(instance_ids)):
        try:
            fed = step.feed(id, migrate)
        except NotFound as missing:
            if missing.kind != "process instance":
                raise
            raise NoSuchInstance("migrated", id) from None
        if fed.row.suspended and not fed.execution.is_ended:
            # what has begun to wait because of the migration rests, too
            unit.instances.set_suspended(id, True)
    step.settle()


def _ends(
    unit: UnitOfWork, around: Surroundings, source_id: str, target_id: str
) -> tuple[KnownDefinition, KnownDefinition]:
    try:
        source = around.parsed.known(unit, source_id)
    except NotFound:
        raise UnknownPlanEnd("source", source_id) from None
    try:
        return source, around.parsed.known(unit, target_id)
    except NotFound:
        raise UnknownPlanEnd("target", target_id) from None
