"""What is active in an instance now, as Camunda's activity-instance tree (camunda7.md 4.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlc_service.engine import ActivityInstance, Definition
from mlc_service.engine.ids import derived_id
from mlc_service.process.running import load
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.incidents import IncidentFilter
from mlc_service.store.rows import IncidentRow, InstanceRow, ProcessDefinitionRow
from mlc_service.store.units import UnitOfWork


@dataclass(frozen=True, slots=True)
class Transition:
    """A token that waits in an asynchronous continuation before or after its activity."""

    id: str
    parent_id: str
    activity_id: str
    activity_name: str | None
    activity_type: str
    execution_id: str
    incidents: tuple[IncidentRow, ...] = ()


@dataclass(frozen=True, slots=True)
class ActivityNode:
    """One active activity. The root stands for the instance: its activity is the definition id."""

    id: str
    parent_id: str | None
    activity_id: str
    activity_name: str | None
    activity_type: str
    instance_id: str
    definition_id: str
    execution_ids: tuple[str, ...]
    children: tuple[ActivityNode, ...] = ()
    transitions: tuple[Transition, ...] = ()
    incidents: tuple[IncidentRow, ...] = ()


def activity_tree(unit: UnitOfWork, around: Surroundings, instance_id: str) -> ActivityNode:
    """The tree of the live instance. Raises NotFound."""
    row = unit.instances.get(instance_id)
    execution, definition = load(unit, around, row)
    incidents: dict[str, list[IncidentRow]] = {}
    for incident in unit.incidents.find(IncidentFilter(instance_id=instance_id)):
        incidents.setdefault(incident.activity_id or "", []).append(incident)
    return rendered(execution.activity_tree(), row, definition, around.parsed.definition(unit, definition), incidents)


def rendered(
    root: ActivityInstance,
    instance: InstanceRow,
    definition: ProcessDefinitionRow,
    diagram: Definition,
    incidents: Mapping[str, Sequence[IncidentRow]],
) -> ActivityNode:
    """The engine's tree with the ids and names that the outside world knows; `incidents` are by activity id."""

    def node(activity: ActivityInstance, parent_id: str) -> ActivityNode:
        id = derived_id(instance.id, activity.number)
        return ActivityNode(
            id=id,
            parent_id=parent_id,
            activity_id=activity.activity_id,
            activity_name=activity.name,
            activity_type=activity.type,
            instance_id=instance.id,
            definition_id=definition.id,
            execution_ids=(id,),
            children=tuple(node(child, id) for child in activity.children),
            transitions=transitions(activity, id),
            incidents=tuple(incidents.get(activity.activity_id, ())),
        )

    def transitions(activity: ActivityInstance, parent_id: str) -> tuple[Transition, ...]:
        found = []
        for number, activity_id in activity.transitions:
            id = derived_id(instance.id, number)
            element = diagram.nodes[activity_id]
            found.append(
                Transition(
                    id=id,
                    parent_id=parent_id,
                    activity_id=activity_id,
                    activity_name=element.bpmn_name,
                    activity_type=element.activity_type,
                    execution_id=id,
                    incidents=tuple(incidents.get(activity_id, ())),
                )
            )
        return tuple(found)

    return ActivityNode(
        id=instance.id,
        parent_id=None,
        activity_id=definition.id,
        activity_name=definition.name,
        activity_type="processDefinition",
        instance_id=instance.id,
        definition_id=definition.id,
        execution_ids=(instance.id,),
        children=tuple(node(child, instance.id) for child in root.children),
        transitions=transitions(root, instance.id),
        incidents=(),
    )
