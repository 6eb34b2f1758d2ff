"""What a running instance may ask of its surroundings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class ScriptResult(Protocol):
    """The outcome of a script: its last value and its journal of variable writes."""

    @property
    def result(self) -> Any: ...
    @property
    def written(self) -> Mapping[str, Any]: ...
    @property
    def removed(self) -> list[str]: ...


class Host(Protocol):
    """Carries out what the engine cannot do by itself; each call answers at once and touches no instance."""

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
