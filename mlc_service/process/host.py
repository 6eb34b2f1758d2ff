"""What a running instance may ask of the service: scripts and deployed decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlc_service.dmn import DecisionError
from mlc_service.engine import HostFailed
from mlc_service.language.scripts import ScriptOutcome
from mlc_service.process.decisions import Asker, evaluate_decision
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.definitions import DefinitionFilter
from mlc_service.store.rows import DecisionDefinitionRow, ProcessDefinitionRow
from mlc_service.store.selecting import Page
from mlc_service.store.units import UnitOfWork


class UnitHost:
    """The engine's `Host` inside one unit of work, for instances of one definition."""

    def __init__(self, unit: UnitOfWork, around: Surroundings, definition: ProcessDefinitionRow) -> None:
        self._unit = unit
        self._around = around
        self._definition = definition

    def run_script(
        self, language: str, source: str, variables: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> ScriptOutcome:
        """The outcome of the script. Raises language.ScriptError."""
        return self._around.scripts.run(language, source, variables, facts=facts)

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
