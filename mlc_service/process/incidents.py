"""Incidents that people open and close, and what they note on them. Lists: `unit.incidents.find(IncidentFilter(…))`."""

from __future__ import annotations

from mlc_service.process.errors import NotResolvable
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.ids import new_id
from mlc_service.store.rows import IncidentRow
from mlc_service.store.units import UnitOfWork


def report_incident(
    unit: UnitOfWork,
    around: Surroundings,
    execution_id: str,
    kind: str,
    *,
    configuration: str | None = None,
    message: str | None = None,
) -> IncidentRow:
    """The execution has an open incident of a kind that the reporter has chosen. Raises NotFound."""
    execution = unit.executions.get(execution_id)
    # it must not end while the incident is written
    unit.instances.lock(execution.instance_id)
    now = around.clock.now()
    incident = IncidentRow(
        id=new_id(now),
        kind=kind,
        instance_id=execution.instance_id,
        definition_id=execution.definition_id,
        activity_id=execution.activity_id,
        job_id=None,
        message=message,
        created=now,
        execution_id=execution.id,
        configuration=configuration,
    )
    unit.incidents.open(incident)
    return incident


def resolve_incident(unit: UnitOfWork, around: Surroundings, id: str) -> None:  # noqa: ARG001
    """The incident, which somebody had reported, is over. Raises NotFound, NotResolvable."""
    incident = unit.incidents.get(id)
    if incident.job_id is not None or incident.external_task_id is not None or incident.cause_id is not None:
        # those end with what caused them
        raise NotResolvable(id, incident.kind)
    unit.incidents.delete(id)


def annotate_incident(unit: UnitOfWork, around: Surroundings, id: str, annotation: str | None) -> None:  # noqa: ARG001
    """The incident has this note, or none. Raises NotFound."""
    unit.incidents.annotate(id, annotation)
