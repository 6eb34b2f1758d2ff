"""Deploying files and taking them back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from mlc_service.dmn import Decision, parse_dmn
from mlc_service.engine import Definition, parse_bpmn
from mlc_service.language import ExpressionError, TimerError
from mlc_service.problems import InvalidResource, Problem
from mlc_service.process.errors import DeploymentInUse, NoResources
from mlc_service.process.instances import delete_instance
from mlc_service.process.starts import event_name, listen, silence
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.definitions import DefinitionFilter
from mlc_service.store.ids import new_id
from mlc_service.store.instances import InstanceFilter
from mlc_service.store.rows import DecisionDefinitionRow, DeploymentRow, ProcessDefinitionRow, ResourceRow
from mlc_service.store.subscriptions import SubscriptionFilter
from mlc_service.store.units import UnitOfWork

_BPMN = (".bpmn", ".bpmn20.xml")
_DMN = (".dmn", ".dmn11.xml")
# Camunda falls back to the bare UUID where key:version:uuid would not fit its columns; clients know both forms
_LONGEST_DEFINITION_ID = 64


T = TypeVar("T", Definition, Decision)


@dataclass(frozen=True, slots=True)
class Deploy:
    """Files to be deployed together; `.bpmn`, `.bpmn20.xml`, `.dmn` and `.dmn11.xml` define something.

    `filter_duplicates` answers with the existing deployment if nothing changed since the last of that name and source;
    `changed_only` also leaves out unchanged files if something did.
    """

    resources: Sequence[tuple[str, bytes]]
    name: str | None = None
    source: str | None = None
    filter_duplicates: bool = False
    changed_only: bool = False


@dataclass(frozen=True, slots=True)
class Deployed:
    """What came of a deployment; `is_new` is False if the filter found an existing one.

    `warnings` are by file: what runs but looks wrong.
    """

    deployment: DeploymentRow
    is_new: bool
    processes: tuple[ProcessDefinitionRow, ...] = ()
    decisions: tuple[DecisionDefinitionRow, ...] = ()
    warnings: Mapping[str, Sequence[Problem]] = field(default_factory=dict)


def deploy(unit: UnitOfWork, around: Surroundings, command: Deploy) -> Deployed:
    """The files are stored and what they define is the newest version of its key, started by its start events.

    Raises problems.InvalidResource for a file that cannot be read (nothing is stored), or NoResources.
    """
    # of two files with one name the last one counts, as in Camunda
    files = dict(command.resources)
    if not files:
        raise NoResources("a deployment needs at least one file")
    unit.lock_deployments()
    if command.filter_duplicates or command.changed_only:
        latest = unit.deployments.latest(command.name, command.source)
        if latest is not None:
            changed = _changed(unit, command, files, latest)
            if not changed:
                return Deployed(latest, is_new=False)
            if command.changed_only:
                files = changed

    warnings: dict[str, list[Problem]] = {}

    def processes_of(content: bytes, name: str) -> list[Definition]:
        warn = warnings.setdefault(name, []).append
        return parse_bpmn(content, name, around.known_delegates, files.get, around.scripts, warn)

    processes = _read(files, _BPMN, processes_of, "process")

    def decisions_of(content: bytes, name: str) -> list[Decision]:
        others = [other for file, other in files.items() if file != name and file.lower().endswith(_DMN)]
        return parse_dmn(content, name, others, around.scripts)

    decisions = _read(files, _DMN, decisions_of, "decision")
    now = around.clock.now()
    deployment = DeploymentRow(new_id(now), command.name, command.source, now)
    unit.deployments.insert(
        deployment, [ResourceRow(new_id(now), deployment.id, name, content) for name, content in files.items()]
    )
    return Deployed(
        deployment,
        is_new=True,
        processes=tuple(
            _add_process(unit, around, deployment, name, definition, now) for name, definition in processes
        ),
        decisions=tuple(_add_decision(unit, around, deployment, name, decision, now) for name, decision in decisions),
        warnings={name: found for name, found in warnings.items() if found},
    )


def delete_deployment(unit: UnitOfWork, around: Surroundings, id: str, *, cascade: bool = False) -> None:
    """The deployment and its definitions are gone; with `cascade` also their instances and history.

    The next lower version of each key becomes the one that events start. Raises NotFound; DeploymentInUse if there
    are live instances and no `cascade`.
    """
    unit.lock_deployments()
    unit.deployments.get(id)
    definitions = unit.definitions.find(DefinitionFilter(deployment_id=id))
    ids = [definition.id for definition in definitions]
    if ids:
        living = unit.instances.count(InstanceFilter(deployment_id=id))
        if living and not cascade:
            raise DeploymentInUse(id, living)
        if cascade:
            # whoever called them or was called by them ends with them, and stays in history
            for root in unit.instances.roots_beyond(ids):
                delete_instance(unit, around, root, skips_listeners=True, skips_mappings=True)
            unit.instances.delete_of(ids)
            unit.history.delete_of(ids)
    keys = {definition.key for definition in definitions}
    for key in keys:
        silence(unit, key)
    for definition in definitions:
        unit.definitions.delete(definition.id)
    for decision in unit.decisions.find(DefinitionFilter(deployment_id=id)):
        unit.decisions.delete(decision.id)
    unit.deployments.delete(id)
    for key in sorted(keys):
        latest = unit.definitions.latest(key)
        if latest is not None:
            listen(unit, around, latest, around.parsed.definition(unit, latest))


def _changed(unit: UnitOfWork, command: Deploy, files: dict[str, bytes], latest: DeploymentRow) -> dict[str, bytes]:
    """The files that differ from what was deployed before under this name and source (camunda7.md 4.4)."""
    if command.changed_only:
        # a file may be missing from the latest deployment because it had not changed then
        return {
            name: content
            for name, content in files.items()
            if unit.deployments.latest_content(command.name, command.source, name) != content
        }
    known = {file.name: file.content for file in unit.deployments.resources(latest.id)}
    return {name: content for name, content in files.items() if known.get(name) != content}


def _read(
    files: dict[str, bytes], suffixes: tuple[str, ...], parse: Callable[[bytes, str], Iterable[T]], what: str
) -> list[tuple[str, T]]:
    """What the files with one of the suffixes define, each with its file. Raises InvalidResource."""
    found: list[tuple[str, T]] = []
    homes: dict[str, str] = {}
    for name, content in files.items():
        if not name.lower().endswith(suffixes):
            continue
        for defined in parse(content, name):
            if defined.key in homes:
                text = f"the {what} {defined.key!r} is defined in {homes[defined.key]} of this deployment, too"
                raise InvalidResource(name, [Problem(text, element_id=defined.key)])
            homes[defined.key] = name
            found.append((name, defined))
    return found


def _add_process(
    unit: UnitOfWork,
    around: Surroundings,
    deployment: DeploymentRow,
    resource_name: str,
    definition: Definition,
    now: datetime,
) -> ProcessDefinitionRow:
    before = unit.definitions.latest(definition.key)
    version = 1 if before is None else before.version + 1
    row = ProcessDefinitionRow(
        id=_definition_id(definition.key, version, now),
        key=definition.key,
        version=version,
        version_tag=definition.version_tag,
        name=definition.name,
        description=definition.documentation,
        resource_name=resource_name,
        deployment_id=deployment.id,
        suspended=False,
        history_time_to_live=_time_to_live(around, definition),
        startable_in_tasklist=definition.startable_in_tasklist,
    )
    try:
        _check_message_starts(unit, resource_name, definition, now)
        unit.definitions.insert(row)
        listen(unit, around, row, definition)
    except (ExpressionError, TimerError) as error:
        raise InvalidResource(
            resource_name, [Problem(f"the event that starts {definition.key!r}: {error}", element_id=definition.key)]
        ) from error
    return row


def _check_message_starts(unit: UnitOfWork, resource_name: str, definition: Definition, now: datetime) -> None:
    """A message starts one definition only: correlation could not choose between two (Camunda manual)."""
    for start in definition.starts:
        if start.kind != "message":
            continue
        name = event_name(start, now)
        wanted = SubscriptionFilter(kind="message", event_name=name, of_instances=False)
        for taken in unit.subscriptions.find(wanted):
            other = unit.definitions.get(taken.definition_id)
            if other.key != definition.key:
                text = f"the message {name!r} starts the process {other.key!r} already"
                raise InvalidResource(resource_name, [Problem(text, element_id=start.activity_id)])


def _time_to_live(around: Surroundings, defined: Definition | Decision) -> int | None:
    """What the file says, or else the service's default (as Camunda does it: at the deployment, once)."""
    said = defined.history_time_to_live
    return around.retention.time_to_live if said is None else said


def _add_decision(
    unit: UnitOfWork,
    around: Surroundings,
    deployment: DeploymentRow,
    resource_name: str,
    decision: Decision,
    now: datetime,
) -> DecisionDefinitionRow:
    before = unit.decisions.latest(decision.key)
    version = 1 if before is None else before.version + 1
    row = DecisionDefinitionRow(
        id=_definition_id(decision.key, version, now),
        key=decision.key,
        version=version,
        version_tag=decision.version_tag,
        name=decision.name,
        resource_name=resource_name,
        deployment_id=deployment.id,
        history_time_to_live=_time_to_live(around, decision),
    )
    unit.decisions.insert(row)
    return row


def _definition_id(key: str, version: int, now: datetime) -> str:
    id = new_id(now)
    full = f"{key}:{version}:{id}"
    return full if len(full) <= _LONGEST_DEFINITION_ID else id
