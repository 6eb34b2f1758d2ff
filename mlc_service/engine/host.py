"""What a running instance may ask of its surroundings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .definition import Definition
    from .hierarchy import StoredInstance


class ThrownError(Protocol):
    """A BPMN error that a script has thrown."""

    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str | None: ...


class ScriptResult(Protocol):
    """The outcome of a script: its last value, its journal of variable writes, the BPMN error it ended with."""

    @property
    def result(self) -> Any: ...
    @property
    def written(self) -> Mapping[str, Any]: ...
    @property
    def removed(self) -> list[str]: ...
    @property
    def error(self) -> ThrownError | None: ...


@dataclass(frozen=True, slots=True)
class CalledElement:
    """What a call activity calls: a process key and which of its versions (Camunda manual, "Call Activity").

    `binding` is latest, deployment, version or versionTag; `version` is the number or tag that the last two need.
    """

    key: str
    binding: str = "latest"
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Callee:
    """The process that a call activity starts, with the id its instance will have and its own host."""

    instance_id: str
    definition: Definition
    definition_id: str | None
    host: Host


class Host(Protocol):
    """Carries out what the engine cannot do by itself; each call answers at once and touches no instance."""

    @property
    def zone(self) -> tzinfo:
        """Where the clocks hang that cron expressions speak of."""

    def run_script(
        self, language: str, source: str, variables: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> ScriptResult:
        """The outcome of the script; `facts` is what its `execution` tells besides variables (language.scripts.FACTS).

        Raises language.ScriptError.
        """

    def groups_of(self, user: str | None) -> list[str]:
        """The groups of the user for whom the instance runs just now; none for nobody."""

    def decide(
        self,
        decision_key: str,
        binding: str,
        version: str | None,
        variables: Mapping[str, Any],
        facts: Mapping[str, Any],
    ) -> list[dict[str, Any]]:
        """The rows of the matched rules, an entry per output; `facts` as for a script: who asks.

        Raises HostFailed if the decision is unknown or fails.
        """

    def listen(
        self, implementation: str, event: str, variables: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> ScriptResult:
        """The delegate has been called as a listener of that event, inside the command. Raises HostFailed."""

    def task_facts(self, instance_id: str, number: int) -> Mapping[str, Any]:
        """Fields of an open user task as people have left them, by the names that `Execution.complete_task` takes."""

    def call(self, wanted: CalledElement) -> Callee:
        """The deployed process that a call activity means. Raises HostFailed if there is none."""

    def stored(self, instance_id: str) -> StoredInstance:
        """Another instance of the same hierarchy: a caller, or one that was called."""
