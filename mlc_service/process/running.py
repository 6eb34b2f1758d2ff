"""One step of an instance inside a unit of work: lock and load, feed it, record what it did, pass on its signals."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlc_service.engine import Execution, NotWaiting
from mlc_service.engine.ids import number_of
from mlc_service.jobs.work import Lease
from mlc_service.process.errors import SignalStorm
from mlc_service.process.host import UnitHost
from mlc_service.process.recording import Recorded, Subject, Thrown, record
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.errors import NotFound
from mlc_service.store.ids import new_id
from mlc_service.store.rows import InstanceRow, JobRow, ProcessDefinitionRow, SubscriptionRow
from mlc_service.store.subscriptions import SubscriptionFilter
from mlc_service.store.units import UnitOfWork

# signals that cause signals within one command; a diagram that goes beyond this goes round in circles
_MOST_DELIVERIES = 10_000


@dataclass(frozen=True, slots=True)
class StartedInstance:
    """An instance that has just run to its first wait, or (`ended`) to its end; `variables` are typed as stored."""

    id: str
    definition_id: str
    definition_key: str
    business_key: str | None
    ended: bool
    suspended: bool
    variables: dict[str, Any]


@dataclass(slots=True)
class Step:
    """What one command does to instances, in its unit of work. Make one per command; `settle` it at the end."""

    unit: UnitOfWork
    around: Surroundings
    user: str | None = None
    # of the worker that carries out a job, if that is what the command is
    lease: Lease | None = None
    _thrown: deque[Thrown] = field(default_factory=deque)

    def start(
        self,
        definition: ProcessDefinitionRow,
        *,
        at: str | None = None,
        variables: Mapping[str, Any] | None = None,
        business_key: str | None = None,
    ) -> StartedInstance:
        """A new instance has run to its first wait. Raises ExecutionFailed."""
        now = self.around.clock.now()
        instance_id = new_id(now)
        execution = Execution.start(
            self.around.parsed.definition(self.unit, definition),
            UnitHost(self.unit, self.around, definition),
            instance_id=instance_id,
            now=now,
            at=at,
            variables=variables,
            business_key=business_key,
            user=self.user,
            definition_id=definition.id,
        )
        subject = Subject(instance_id, definition, business_key, is_new=True, start_user=self.user)
        self._record(subject, execution)
        return StartedInstance(
            instance_id,
            definition.id,
            definition.key,
            business_key,
            execution.is_ended,
            False,
            execution.variables(0, local=True),
        )

    def feed(
        self,
        instance_id: str,
        what: Callable[[Execution], object],
        *,
        consumed: JobRow | None = None,
        delete_reason: str | None = None,
    ) -> Fed:
        """The locked instance has taken `what` in and run to its next wait.

        A `consumed` job is gone from the table before anything else happens: raises LeaseLost if it is not held.
        Raises NotFound, NotWaiting, ExecutionFailed.
        """
        row = self.unit.instances.lock(instance_id)
        if consumed is not None:
            self.unit.jobs.finish(consumed.id, consumed.attempt)
        execution, definition = load(self.unit, self.around, row, self.user)
        what(execution)
        subject = Subject(
            row.id, definition, row.business_key, is_new=False, delete_reason=delete_reason, consumed=consumed
        )
        recorded = self._record(subject, execution)
        return Fed(row, execution, recorded.next)

    def signal(self, name: str, variables: Mapping[str, Any], thrown: Thrown | None = None) -> int:
        """Everybody who waits for the signal has received it; answers how many. Its own signals are yet to settle."""
        waiting = self.unit.subscriptions.find(SubscriptionFilter(kind="signal", event_name=name, is_active=True))
        received = 0
        for subscription in waiting:
            if thrown is not None and subscription.id in thrown.too_late:
                continue
            received += self.receive(subscription, variables)
        return received

    def receive(self, subscription: SubscriptionRow, variables: Mapping[str, Any]) -> bool:
        """The waiting instance has received its event, or the definition was started; False if it waits no more."""
        if subscription.instance_id is None:
            definition = self.unit.definitions.get(subscription.definition_id)
            self.start(definition, at=subscription.activity_id, variables=variables)
            return True
        number = number_of(subscription.instance_id, subscription.id)
        assert number is not None, "a subscription's id is derived from its instance's"
        try:
            self.feed(subscription.instance_id, lambda execution: execution.receive(number, variables))
        except (NotFound, NotWaiting):
            # it went on while we waited for its lock, or an earlier receiver of this command ended it
            return False
        return True

    def settle(self) -> None:
        """Signals thrown on the way have been received, and those thrown by that, until it is quiet."""
        deliveries = 0
        while self._thrown:
            thrown = self._thrown.popleft()
            deliveries += self.signal(thrown.name, thrown.variables, thrown)
            if deliveries > _MOST_DELIVERIES:
                raise SignalStorm(deliveries)

    def _record(self, subject: Subject, execution: Execution) -> Recorded:
        recorded = record(self.unit, subject, execution, self.around.clock.now(), self.around.retries, self.lease)
        self._thrown.extend(recorded.thrown)
        return recorded


@dataclass(frozen=True, slots=True)
class Fed:
    """An instance after its step: the row as it was before, the execution as it is now, a job to go on with."""

    row: InstanceRow
    execution: Execution
    next: JobRow | None

    def variables(self) -> dict[str, Any]:
        """The instance's variables as they are now."""
        return self.execution.variables(0, local=True)

    def as_started(self) -> StartedInstance:
        """The instance as it is now."""
        return StartedInstance(
            self.row.id,
            self.row.definition_id,
            self.row.definition_key,
            self.row.business_key,
            self.execution.is_ended,
            self.row.suspended,
            self.variables(),
        )


def load(
    unit: UnitOfWork, around: Surroundings, row: InstanceRow, user: str | None = None
) -> tuple[Execution, ProcessDefinitionRow]:
    """The instance in memory, as stored, and its definition."""
    definition, executable = around.parsed.known(unit, row.definition_id)
    execution = Execution.load(
        executable,
        UnitHost(unit, around, definition),
        instance_id=row.id,
        now=around.clock.now(),
        state=row.state,
        scopes={0: row.variables} | unit.instances.scopes(row.id),
        business_key=row.business_key,
        user=user,
        definition_id=row.definition_id,
    )
    return execution, definition


def read_execution(unit: UnitOfWork, around: Surroundings, instance_id: str) -> Execution:
    """The instance in memory, not locked: for looking only. Raises NotFound."""
    return load(unit, around, unit.instances.get(instance_id))[0]
