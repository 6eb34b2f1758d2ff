"""The process room on a database, with delegates and a clock in the test's hands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mlc_service.delegate_api import BpmnError
from mlc_service.jobs.failures import RetryPolicy
from mlc_service.jobs.one import Workbench
from mlc_service.jobs.runner import run_due
from mlc_service.language.scripts import ScriptRunner
from mlc_service.process import Surroundings
from mlc_service.process.deployments import Deploy, Deployed, deploy
from mlc_service.process.instances import StartedInstance, StartInstance, start_instance
from mlc_service.process.tasks import complete_task
from mlc_service.process.work import DelegateCall, handlers, together
from mlc_service.store.history_filters import ActivityHistoryFilter, InstanceHistoryFilter, VariableHistoryFilter
from mlc_service.store.rows import HistoricInstanceRow, JobRow, TaskRow
from mlc_service.store.tasks import TaskFilter
from mlc_service.store.units import UnitOfWork, Units
from tests.unit.engine.driver import diagram, flow, flows

T = TypeVar("T")
SCRIPTS = ScriptRunner()

__all__ = ["BpmnError", "Service", "diagram", "flow", "flows", "path"]


def path(*elements: str) -> str:
    """The elements, connected in this order; each is `<bpmn:… id="x" …>` with its id first."""
    ids = [element.split('id="', 1)[1].split('"', 1)[0] for element in elements]
    return "".join(elements) + flows(*ids)


@dataclass
class Outcome:
    """What a delegate wrote and removed."""

    written: dict[str, Any] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)


class Service:
    """Deploys, starts, completes and runs jobs; asks the database what came of it."""

    def __init__(self, units: Units, clock: Any) -> None:
        self.units = units
        self.clock = clock
        self.calls: list[DelegateCall] = []
        self.delegates: dict[str, Callable[[DelegateCall], Mapping[str, Any] | None]] = {}
        self.around = Surroundings(clock, SCRIPTS, self, retries=RetryPolicy(3, (5.0, 30.0), 3))
        self.bench = Workbench(
            units,
            clock,
            handlers(units, self.around, self._call),
            self.around.retries,
            together=together(units, self.around),
        )

    def __contains__(self, name: object) -> bool:
        """Every delegate may be named but `unknown`."""
        return name != "unknown"

    def _call(self, call: DelegateCall) -> Outcome:
        self.calls.append(call)
        return Outcome(dict(self.delegates.get(call.implementation, lambda _: {})(call) or {}))

    # --- doing ------------------------------------------------------------------------------------------------

    def run(self, use_case: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """The use case in a transaction of its own."""
        return self.units.run(lambda unit: use_case(unit, self.around, *arguments, **options))

    def deploy(self, content: bytes, name: str = "p.bpmn", **options: Any) -> Deployed:
        return self.run(deploy, Deploy([(name, content)], **options))

    def start(self, key: str = "p", **options: Any) -> StartedInstance:
        return self.run(start_instance, StartInstance(definition_key=key, **options))

    def run_in(self, definition_id: str, **options: Any) -> str:
        """Id of a new instance of that very definition."""
        return self.run(start_instance, StartInstance(definition_id=definition_id, **options)).id

    def begin(self, process: str, outside: str = "", **options: Any) -> StartedInstance:
        """A process of that content is deployed and an instance of it started."""
        self.deploy(diagram(process, outside))
        return self.start(**options)

    def complete(self, variables: Mapping[str, Any] | None = None, **wanted: Any) -> None:
        """The one open task that matches is done."""
        (task,) = self.tasks(**wanted)
        self.run(complete_task, task.id, variables)

    def run_jobs(self) -> int:
        """Every due job has been run."""
        return run_due(self.bench)

    # --- asking -----------------------------------------------------------------------------------------------

    def read(self, question: Callable[[UnitOfWork], T]) -> T:
        return self.units.read(question)

    def tasks(self, **wanted: Any) -> list[TaskRow]:
        return self.read(lambda unit: unit.tasks.find(TaskFilter(**wanted)))

    def jobs(self) -> list[JobRow]:
        return self.read(lambda unit: unit.jobs.find())

    def record(self, instance_id: str) -> HistoricInstanceRow:
        """What history says of the instance."""
        return self.read(lambda unit: unit.history.instance(instance_id))

    def records(self, **wanted: Any) -> list[HistoricInstanceRow]:
        return self.read(lambda unit: unit.history.find_instances(InstanceHistoryFilter(**wanted)))

    def trail(self, instance_id: str) -> list[str]:
        """Activities in the order in which they began; a star where one has not ended, a cross if it was canceled."""
        rows = self.read(lambda unit: unit.history.find_activities(ActivityHistoryFilter(instance_id=instance_id)))
        return [row.activity_id + ("*" if row.ended is None else "✗" if row.canceled else "") for row in rows]

    def variables(self, instance_id: str) -> dict[str, Any]:
        """The instance's own variables as history has them: also of one that has ended."""
        rows = self.read(
            lambda unit: unit.history.find_variables(VariableHistoryFilter(instance_id=instance_id, scope=0))
        )
        return {row.name: row.value for row in rows}
