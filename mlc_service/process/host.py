"""What a running instance may ask of the service: scripts, listeners, decisions, and other instances."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from mlc_service.delegate_api import BpmnError
from mlc_service.dmn import DecisionError
from mlc_service.engine import CalledElement, Callee, Caller, HostFailed, StoredInstance
from mlc_service.engine.ids import derived_id
from mlc_service.language.script_outcome import ScriptOutcome, ThrownError
from mlc_service.process.decisions import Asker, evaluate_decision
from mlc_service.process.errors import NotFound
from mlc_service.process.listeners import ListenerCall
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.definitions import DefinitionFilter
from mlc_service.store.ids import new_id
from mlc_service.store.rows import DecisionDefinitionRow, InstanceRow, ProcessDefinitionRow
from mlc_service.store.selecting import Page
from mlc_service.store.units import UnitOfWork

_TASK_FIELDS = ("name", "description", "assignee", "owner", "due", "follow_up", "priority")


class UnitHost:
    """The engine's `Host` inside one unit of work, for instances of one definition."""

    def __init__(self, unit: UnitOfWork, around: Surroundings, definition: ProcessDefinitionRow) -> None:
        self._unit = unit
        self._around = around
        self._definition = definition

    @property
    def zone(self) -> tzinfo:
        """The zone of the service's settings."""
        return self._around.zone

    def run_script(
        self, language: str, source: str, variables: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> ScriptOutcome:
        """The outcome of the script. Raises language.ScriptError."""
        return self._around.scripts.run(language, source, variables, facts=facts)

    def listen(
        self, implementation: str, event: str, variables: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> ScriptOutcome:
        """What the delegate did as a listener, inside this command. Raises HostFailed."""
        call = ListenerCall(
            implementation=implementation,
            event=event,
            variables=variables,
            instance_id=facts["processInstanceId"],
            definition_key=self._definition.key,
            activity_id=facts["currentActivityId"],
            business_key=facts["businessKey"],
            idempotency_key=f"{facts['activityInstanceId']}/{event}",
        )
        try:
            outcome = self._around.listen(call)
        except BpmnError as error:
            return ScriptOutcome(None, dict(error.variables), [], ThrownError(error.code, error.message))
        except Exception as error:
            raise HostFailed(f"listener {implementation!r}: {error}") from error
        return ScriptOutcome(None, dict(outcome.written), sorted(outcome.removed))

    def task_facts(self, instance_id: str, number: int) -> Mapping[str, Any]:
        """The fields of an open user task, as its listeners see them."""
        task = self._unit.tasks.get(derived_id(instance_id, number))
        return {name: getattr(task, name) for name in _TASK_FIELDS}

    def call(self, wanted: CalledElement) -> Callee:
        """The deployed process that a call activity means, suspended or not. Raises HostFailed if there is none."""
        row = self._called(wanted)
        return Callee(
            new_id(self._around.clock.now()),
            self._around.parsed.definition(self._unit, row),
            row.id,
            UnitHost(self._unit, self._around, row),
        )

    def stored(self, instance_id: str) -> StoredInstance:
        """Another instance of the same hierarchy, whose root is locked already."""
        try:
            row = self._unit.instances.get(instance_id)
        except NotFound as missing:
            raise HostFailed(f"the process instance {instance_id} of this hierarchy is gone") from missing
        return stored_instance(self._unit, self._around, row)

    def _called(self, wanted: CalledElement) -> ProcessDefinitionRow:
        """Camunda manual, "Call Activity", `camunda:calledElementBinding`."""
        key, version = wanted.key, wanted.version
        if not key:
            raise HostFailed("the call activity's calledElement came to nothing")
        match wanted.binding:
            case "latest":
                found = self._unit.definitions.latest(key)
                if found is None:
                    raise HostFailed(f"no processes deployed with key '{key}'")
                return found
            case "deployment":
                which = DefinitionFilter(key=key, deployment_id=self._definition.deployment_id)
                where = "in the deployment of this process"
            case "version":
                if version is None or not version.strip().isdigit():
                    raise HostFailed(f"process {key!r}: {version!r} is not a version")
                which, where = DefinitionFilter(key=key, version=int(version)), f"in version {version.strip()}"
            case _:
                which, where = DefinitionFilter(key=key, version_tag=version), f"with version tag {version!r}"
        rows = self._unit.definitions.find(which, Page(size=2))
        if len(rows) != 1:
            many = "more than one process" if rows else "no process"
            raise HostFailed(f"{many} with key {key!r} is deployed {where}")
        return rows[0]

    def groups_of(self, user: str | None) -> list[str]:
        """The groups of a known user, else none."""
        known = None if user is None else self._unit.users.look_up(user)
        return [] if known is None else list(known.groups)

    def decide(
        self,
        decision_key: str,
        binding: str,
        version: str | None,
        variables: Mapping[str, Any],
        facts: Mapping[str, Any],
    ) -> list[dict[str, Any]]:
        """The rows of the matched rules, on record. Raises HostFailed if there is no such decision or it fails."""
        row = self._find(decision_key, binding, version)
        asker = Asker(
            instance_id=facts["processInstanceId"],
            definition_id=self._definition.id,
            definition_key=self._definition.key,
            activity_id=facts["currentActivityId"],
            activity_instance_id=facts["activityInstanceId"],
        )
        try:
            return list(evaluate_decision(self._unit, self._around, row, variables, asker).rows)
        except DecisionError as error:
            raise HostFailed(str(error)) from error

    def _find(self, key: str, binding: str, version: str | None) -> DecisionDefinitionRow:
        """The decision that a business rule task means (Camunda manual, `camunda:decisionRefBinding`)."""
        match binding:
            case "latest":
                found = self._unit.decisions.latest(key)
                if found is not None:
                    return found
                raise HostFailed(f"no decision with key {key!r} is deployed")
            case "deployment":
                wanted = DefinitionFilter(key=key, deployment_id=self._definition.deployment_id)
                which = "in the deployment of this process"
            case "version":
                if version is None or not version.strip().isdigit():
                    raise HostFailed(f"decision {key!r}: {version!r} is not a version")
                wanted = DefinitionFilter(key=key, version=int(version))
                which = f"in version {version.strip()}"
            case "versionTag":
                wanted = DefinitionFilter(key=key, version_tag=version)
                which = f"with version tag {version!r}"
            case _:
                raise HostFailed(f"decision {key!r}: unknown binding {binding!r}")
        rows = self._unit.decisions.find(wanted, Page(size=2))
        if not rows:
            raise HostFailed(f"no decision with key {key!r} is deployed {which}")
        if len(rows) > 1:
            raise HostFailed(f"more than one decision with key {key!r} is deployed {which}")
        return rows[0]


def stored_instance(
    unit: UnitOfWork, around: Surroundings, row: InstanceRow, scopes: Mapping[int, Mapping[str, Any]] | None = None
) -> StoredInstance:
    """The row as the engine takes it; `scopes` are its variable scopes, if they have been read already."""
    scopes = unit.instances.scopes(row.id) if scopes is None else scopes
    definition, executable = around.parsed.known(unit, row.definition_id)
    caller = None if row.caller_id is None else Caller(row.caller_id, row.caller_number or 0)
    return StoredInstance(
        row.id,
        executable,
        row.definition_id,
        UnitHost(unit, around, definition),
        row.state,
        {0: row.variables, **scopes},
        row.business_key,
        caller,
    )
