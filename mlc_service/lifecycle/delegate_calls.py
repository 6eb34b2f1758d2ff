"""Runs the delegate behind a service task: what the process room's delegate jobs call."""

from __future__ import annotations

from dataclasses import dataclass

from mlc_service.delegate_api import DelegateExecution, DelegateRegistry, Ports
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
