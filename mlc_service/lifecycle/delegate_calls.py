"""Runs the delegate behind a service task or a listener: what the process room calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from mlc_service.delegate_api import DelegateExecution, DelegateRegistry, Ports
from mlc_service.process.listeners import ListenerCall
from mlc_service.process.work import DelegateCall


@dataclass(frozen=True, slots=True)
class DelegateCaller:
    """Finds the delegate by the name in the diagram and gives it the life cycle's ports."""

    registry: DelegateRegistry
    ports: Ports

    def __call__(self, call: DelegateCall) -> DelegateExecution:
        """The delegate has run; the answer holds what it wrote. Raises UnknownDelegate, BpmnError, anything else."""
        execution = DelegateExecution(
            process_instance_id=call.instance_id,
            process_definition_key=call.definition_key,
            activity_id=call.activity_id,
            idempotency_key=call.idempotency_key,
            variables=call.variables,
            ports=self.ports,
            business_key=call.business_key,
        )
        self.registry.find(call.implementation)(execution)
        return execution


class _NoPorts:
    """Stands in for the life cycle's ports where a delegate runs inside the transaction of its process."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(
            f"a delegate that is a listener reads and sets variables only; for {name} draw a service task"
        )


@dataclass(frozen=True, slots=True)
class ListenerCaller:
    """Finds the delegate that is a listener. It runs inside the command: whatever it did there could be undone."""

    registry: DelegateRegistry

    def __call__(self, call: ListenerCall) -> DelegateExecution:
        """The delegate has run; the answer holds what it wrote. Raises UnknownDelegate, BpmnError, anything else."""
        execution = DelegateExecution(
            process_instance_id=call.instance_id,
            process_definition_key=call.definition_key,
            activity_id=call.activity_id,
            idempotency_key=call.idempotency_key,
            variables=call.variables,
            ports=cast("Ports", _NoPorts()),
            business_key=call.business_key,
        )
        self.registry.find(call.implementation)(execution)
        return execution
