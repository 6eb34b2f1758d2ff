"""What the life cycle needs from other rooms, by role; `outgoing.py` and runtimes/ have the adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from mlc_service.runtimes import ModelRun, OnlineSource, RunOutcome
from mlc_service.store.units import UnitOfWork


class Outgoing(Protocol):
    """What leaves a transaction with its commit."""

    def signal(self, unit: UnitOfWork, name: str, variables: Mapping[str, Any]) -> None:
        """The signal is on its way once the transaction commits, and never otherwise."""

    def message(self, unit: UnitOfWork, name: str, process_instance_id: str, variables: Mapping[str, Any]) -> None:
        """The instance gets the message once the transaction commits, as soon as it waits; nothing if it is gone."""

    def schedule(self, unit: UnitOfWork, kind: str, payload: Mapping[str, Any]) -> None:
        """A job of that kind, due now, exists with the commit."""


class ModelRunner(Protocol):
    """Executes model code: `runtimes.LocalRuntime`."""

    def run(
        self,
        run: ModelRun,
        on_message: Callable[[str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> RunOutcome: ...


class WarmModel(Protocol):
    """A model that is loaded."""

    def score(self, record: Any) -> Any: ...


class WarmModels(Protocol):
    """Loaded models by deployed model id: `runtimes.OnlineModels`, `runtimes.TriedModels`."""

    def open(self, deployed_model_id: str, source: OnlineSource) -> WarmModel: ...

    def find(self, deployed_model_id: str) -> WarmModel | None: ...

    def close(self, deployed_model_id: str) -> None: ...
