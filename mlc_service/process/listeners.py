"""Delegates as listeners: called inside the command, as Camunda's listeners are, and not as jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mlc_service.engine import HostFailed


@dataclass(frozen=True, slots=True)
class ListenerCall:
    """A listener that is to be told of an event; `variables` are plain.

    The command may be rolled back and repeated after it: `idempotency_key` is the same then.
    """

    implementation: str
    event: str
    variables: Mapping[str, Any]
    instance_id: str
    definition_key: str
    activity_id: str
    business_key: str | None
    idempotency_key: str


class ListenerOutcome(Protocol):
    """What the listener wants done with the variables; `delegate_api.DelegateExecution` is one."""

    @property
    def written(self) -> Mapping[str, Any]: ...
    @property
    def removed(self) -> set[str]: ...


def refuse(call: ListenerCall) -> ListenerOutcome:
    """Stands in where nobody has said how listeners are called."""
    raise HostFailed(f"no delegate {call.implementation!r} can be called here")
