"""One step of an instance inside a unit of work: lock and load, feed it, record what it did, pass on its signals."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlc_service.engine import Execution, Instruction, NotWaiting
from mlc_service.engine.effects import InstanceEnded
from mlc_service.engine.ids import number_of
from mlc_service.jobs.work import Lease
from mlc_service.logs import about
from mlc_service.process.errors import SignalStorm, Suspended
from mlc_service.process.host import UnitHost, stored_instance
from mlc_service.process.receipts import signal_each_later, signal_later
from mlc_service.process.recording import Subject, Thrown, record
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.errors import NotFound
from mlc_service.store.ids import new_id
from mlc_service.store.rows import InstanceRow, JobRow, ProcessDefinitionRow, SubscriptionRow
from mlc_service.store.selecting import Page
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
    # signals on their way, each with those who waited for it when it was thrown
    _thrown: deque[tuple[Thrown, list[SubscriptionRow]]] = field(default_factory=deque)

    def start(
        self,
        definition: ProcessDefinitionRow,
        *,
        at: str | None = None,
        variables: Mapping[str, Any] | None = None,
        business_key: str | None = None,
        instructions: Sequence[Instruction] = (),
        skips_listeners: bool = False,
        skips_mappings: bool = False,
    ) -> StartedInstance:
        """A new instance has run to its first wait. Raises ExecutionFailed, InvalidModification."""
        now = self.around.clock.now()
        instance_id = new_id(now)
        with about(instance_id=instance_id, definition_key=definition.key):
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
                instructions=instructions,
                skips_listeners=skips_listeners,
                skips_mappings=skips_mappings,
            )
            self._record(execution, root_id=instance_id)
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
        return self.feed_locked(row, what, consumed=consumed, delete_reason=delete_reason)

    def feed_locked(
        self,
        row: InstanceRow,
        what: Callable[[Execution], object],
        *,
        scopes: Mapping[int, Mapping[str, Any]] | None = None,
        consumed: JobRow | None = None,
        delete_reason: str | None = None,
    ) -> Fed:
        """As `feed`, of an instance that is locked and a job that is gone already."""
        with about(instance_id=row.id, definition_key=row.definition_key):
            stored = stored_instance(self.unit, self.around, row, scopes)
            execution = Execution.of(stored, now=self.around.clock.now(), user=self.user)
            what(execution)
            following = self._record(execution, root_id=row.root_id, delete_reason=delete_reason, consumed=consumed)
        return Fed(row, execution, following)

    def signal(self, name: str, variables: Mapping[str, Any]) -> int:
        """Everybody who waits for the signal has received it; answers how many. Its own signals are yet to settle.

        If they are too many for one command, each will receive it by a job of its own.
        """
        wanted = waiting_for_signal(name)
        most = self.around.at_once
        waiting = self.unit.subscriptions.find(wanted, Page(size=most + 1))
        if len(waiting) > most:
            return signal_later(self.unit, self.around, wanted, variables)
        return sum(self.receive(subscription, variables) for subscription in waiting)

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
            thrown, receivers = self._thrown.popleft()
            if thrown.is_async or len(receivers) > self.around.at_once:
                signal_each_later(self.unit, self.around, [one.id for one in receivers], thrown.variables)
                continue
            deliveries += sum(self.receive(one, thrown.variables) for one in receivers)
            if deliveries > _MOST_DELIVERIES:
                raise SignalStorm(deliveries)

    def _record(
        self,
        execution: Execution,
        *,
        root_id: str,
        delete_reason: str | None = None,
        consumed: JobRow | None = None,
    ) -> JobRow | None:
        """All instances that the step has touched are written; answers a job that the worker is to go on with."""
        now = self.around.clock.now()
        touched = execution.touched()
        first_numbers = {one.instance_id: 0 if one.is_new else one.first_number for one in touched}
        following = None
        thrown: list[Thrown] = []
        for one in touched:
            is_subject = one.instance_id == execution.instance_id
            if not (one.effects or is_subject):
                # only looked at
                continue
            if not is_subject:
                self._must_not_rest(one)
            assert one.definition_id is not None
            subject = Subject(
                one.instance_id,
                self.around.parsed.known(self.unit, one.definition_id).row,
                one.business_key,
                root_id,
                one.caller,
                one.is_new,
                first_numbers,
                start_user=self.user,
                delete_reason=delete_reason,
                consumed=consumed if is_subject else None,
            )
            recorded = record(self.unit, subject, one, now, self.around.retries, self.lease if is_subject else None)
            thrown += recorded.thrown
            following = following or recorded.next
        # now that all is written, and before anybody receives anything
        for one_thrown in thrown:
            receivers = [
                one
                for one in self.unit.subscriptions.find(waiting_for_signal(one_thrown.name))
                if one_thrown.reaches(one)
            ]
            self._thrown.append((one_thrown, receivers))
        return following

    def _must_not_rest(self, one: Execution) -> None:
        """An instance that the command is not about does not go on while it is suspended, but it may be cancelled.

        Raises Suspended.
        """
        is_canceled = any(isinstance(effect, InstanceEnded) and effect.state != "COMPLETED" for effect in one.effects)
        if not (one.is_new or is_canceled) and self.unit.instances.info(one.instance_id).suspended:
            raise Suspended("process instance", one.instance_id)


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


def waiting_for_signal(name: str) -> SubscriptionFilter:
    """Who receives a signal of that name now."""
    return SubscriptionFilter(kind="signal", event_name=name, is_active=True)


def load(
    unit: UnitOfWork, around: Surroundings, row: InstanceRow, user: str | None = None
) -> tuple[Execution, ProcessDefinitionRow]:
    """The instance in memory, as stored, and its definition."""
    execution = Execution.of(stored_instance(unit, around, row), now=around.clock.now(), user=user)
    return execution, around.parsed.known(unit, row.definition_id).row


def read_execution(unit: UnitOfWork, around: Surroundings, instance_id: str) -> Execution:
    """The instance in memory, not locked: for looking only. Raises NotFound."""
    return load(unit, around, unit.instances.get(instance_id))[0]
