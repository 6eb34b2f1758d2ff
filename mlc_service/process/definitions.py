"""Process definitions: their diagram, resting and going on. Lists: `unit.definitions.find(DefinitionFilter(…))`."""

from __future__ import annotations

from mlc_service.process.errors import DefinitionNotFound
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.instances import InstanceFilter
from mlc_service.store.rows import ProcessDefinitionRow
from mlc_service.store.units import UnitOfWork


def latest_definition(unit: UnitOfWork, key: str) -> ProcessDefinitionRow:
    """The highest version of the key. Raises DefinitionNotFound."""
    return _found(unit.definitions.latest(key), key)


def presumed_latest_definition(unit: UnitOfWork, key: str) -> ProcessDefinitionRow:
    """As `latest_definition`, for a command that writes (`Definitions.presumed_latest`)."""
    return _found(unit.definitions.presumed_latest(key), key)


def _found(definition: ProcessDefinitionRow | None, key: str) -> ProcessDefinitionRow:
    if definition is None:
        raise DefinitionNotFound("process definition", key)
    return definition


def definition_xml(unit: UnitOfWork, id: str) -> str:
    """The diagram as deployed, as text. Raises NotFound."""
    definition = unit.definitions.get(id)
    content = unit.deployments.resource(definition.deployment_id, definition.resource_name).content
    # a file in another encoding was readable when deployed; what is shown must not fail over it
    return content.decode("utf-8-sig", errors="replace")


def set_definition_suspended(
    unit: UnitOfWork,
    around: Surroundings,  # noqa: ARG001
    id: str,
    suspended: bool,
    *,
    with_instances: bool = False,
) -> None:
    """The definition cannot be started (or can again); `with_instances` its instances rest, too. Raises NotFound."""
    unit.definitions.get(id)
    unit.definitions.set_suspended(id, suspended)
    unit.jobs.set_starts_suspended(id, suspended)
    if with_instances:
        for instance_id in unit.instances.ids(InstanceFilter(definition_id=id)):
            unit.instances.lock(instance_id)
            unit.instances.set_suspended(instance_id, suspended)
            unit.history.update_instance(instance_id, state="SUSPENDED" if suspended else "ACTIVE")
