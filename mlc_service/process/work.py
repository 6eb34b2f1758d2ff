"""What jobs do: one handler a kind, to be handed to the job runner by app.py.

async, timer                the engine goes on, in one transaction
delegate                    the delegate is called outside every transaction, then the engine goes on
timer_start                 a definition is started by its timer
signal                      from the outbox: becomes one job a receiver
signal_receipt, signal_start  one receiver's part of it
message_receipt             one receiver's part of a message to many
message                     from the outbox: reaches its instance
history_cleanup             history whose time is over is removed
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, Protocol

import structlog

from mlc_service.delegate_api import BpmnError
from mlc_service.engine import Execution, ExecutionFailed, NotWaiting
from mlc_service.engine.ids import number_of
from mlc_service.engine.values import from_stored
from mlc_service.jobs.work import Done, DoneTogether, Failed, Handler, Lease, Together
from mlc_service.process.cleanup import HISTORY_CLEANUP, clean
from mlc_service.process.errors import MismatchingCorrelation, SignalStorm, Suspended
from mlc_service.process.messages import MESSAGE, CorrelateMessage, correlate_message
from mlc_service.process.receipts import MESSAGE_RECEIPT, SIGNAL_RECEIPT, SIGNAL_START, signal_later
from mlc_service.process.running import Step, load, waiting_for_signal
from mlc_service.process.signals import SIGNAL
from mlc_service.process.starts import TIMER_START, next_job
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.errors import LeaseLost, NotFound
from mlc_service.store.rows import JobRow
from mlc_service.store.units import UnitOfWork, Units

log = structlog.get_logger(__name__)

_LATE_SECONDS = 60.0
_TIMERS = frozenset({"timer", TIMER_START})
# so long others may have to wait for the instances of jobs that are done together
_TOGETHER_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class DelegateCall:
    """A service task that is to be done, outside every transaction; `variables` are plain.

    `idempotency_key` is the same on every retry of this job.
    """

    implementation: str
    variables: Mapping[str, Any]
    instance_id: str
    definition_key: str
    activity_id: str
    business_key: str | None
    job_id: str
    idempotency_key: str


class DelegateOutcome(Protocol):
    """What a delegate wants done with the variables; `delegate_api.DelegateExecution` is one."""

    @property
    def written(self) -> Mapping[str, Any]: ...
    @property
    def removed(self) -> set[str]: ...


# Runs the delegate that the call names. delegate_api.BpmnError is a BPMN error, anything else a failed try.
Delegates = Callable[[DelegateCall], DelegateOutcome]


def handlers(units: Units, around: Surroundings, delegates: Delegates) -> Mapping[str, Handler]:
    """A handler for every kind of job that instances, definitions, the outboxes and retention create."""
    work = _Work(units, around)
    return {
        "async": lambda job, lease: work.go_on(job, lease, _continue),
        "timer": lambda job, lease: work.go_on(job, lease, _fire),
        "delegate": lambda job, lease: work.delegate(job, lease, delegates),
        TIMER_START: work.start_by_timer,
        SIGNAL: work.fan_out,
        SIGNAL_RECEIPT: lambda job, lease: work.go_on(job, lease, _receive),
        MESSAGE_RECEIPT: lambda job, lease: work.go_on(job, lease, _receive),
        SIGNAL_START: work.start_by_signal,
        MESSAGE: work.deliver_message,
        HISTORY_CLEANUP: lambda job, lease: clean(units, around, job, lease),
    }


def together(units: Units, around: Surroundings) -> Mapping[str, Together]:
    """How several jobs of a kind are done in one transaction, for the kinds whose work is in the database alone."""
    work = _Work(units, around)
    return {
        "async": lambda jobs, lease: work.go_on_together(jobs, lease, _continue),
        "timer": lambda jobs, lease: work.go_on_together(jobs, lease, _fire),
        SIGNAL_RECEIPT: lambda jobs, lease: work.go_on_together(jobs, lease, _receive),
        MESSAGE_RECEIPT: lambda jobs, lease: work.go_on_together(jobs, lease, _receive),
    }


class _Work:
    """The handlers. Each commits its own transactions; what may go wrong in an instance becomes `Failed`."""

    def __init__(self, units: Units, around: Surroundings) -> None:
        self._units = units
        self._around = around

    def go_on(self, job: JobRow, lease: Lease, how: _How) -> Done | Failed:
        """The engine has taken the job back, as `how` says."""
        self._log_if_late(job)
        return self._feed(job, lease, lambda execution: how(execution, job))

    def go_on_together(self, jobs: Sequence[JobRow], lease: Lease, how: _How) -> DoneTogether:
        """The engine has taken the jobs back in one transaction, as many as there was time for."""

        def work(unit: UnitOfWork) -> DoneTogether:
            until = monotonic() + _TOGETHER_SECONDS
            step = Step(unit, self._around, lease=lease)
            ids = [job.instance_id for job in jobs if job.instance_id is not None]
            rows, scopes = unit.instances.lock_all(ids), unit.instances.scopes_of(ids)
            held = unit.jobs.held([(job.id, job.attempt) for job in jobs])
            done: dict[str, Done] = {}
            left: list[JobRow] = []
            touched: set[str] = set()
            for job in jobs:
                row = rows.get(job.instance_id or "")
                if row is None or job.id not in held:
                    # it is not ours any more, or it ended and its job with it
                    continue
                if row.root_id in touched or (done and monotonic() > until):
                    # what another job has done to its hierarchy is not in this row
                    left.append(job)
                    continue
                touched.add(row.root_id)
                self._log_if_late(job)
                unit.jobs.delete([job.id])
                what = partial(_taken_back, how, job)
                fed = step.feed_locked(row, what, scopes=scopes.get(row.id, {}), consumed=job)
                done[job.id] = Done(fed.next)
            step.settle()
            return DoneTogether(done, left)

        return self._units.run(work)

    def _log_if_late(self, job: JobRow) -> None:
        """A timer that fires long after it was due says so: nothing ran, or a clock was set."""
        late = (self._around.clock.now() - job.due).total_seconds()
        if job.kind in _TIMERS and late > _LATE_SECONDS:
            facts = {"job_id": job.id, "activity_id": job.activity_id, "definition_id": job.definition_id}
            log.warning("timer_late", seconds=round(late), **facts)

    def delegate(self, job: JobRow, lease: Lease, delegates: Delegates) -> Done | Failed:
        """The delegate has done its work and the engine knows. Nothing is locked while it works."""
        assert job.number is not None
        number = job.number
        try:
            outcome = delegates(self._units.read(lambda unit: self._call(unit, job)))
        except NotFound:
            # the instance ended meanwhile and its job with it
            raise LeaseLost(job.id, job.attempt) from None
        except BpmnError as error:
            code, message, variables = error.code, error.message, error.variables
            return self._feed(job, lease, lambda execution: execution.delegate_failed(number, code, message, variables))
        except Exception as error:
            log.warning("delegate_failed", job_id=job.id, activity_id=job.activity_id, error=str(error))
            return _failed(error)
        return self._feed(
            job,
            lease,
            lambda execution: execution.delegate_completed(number, outcome.written, outcome.removed),
        )

    def _call(self, unit: UnitOfWork, job: JobRow) -> DelegateCall:
        assert job.instance_id is not None
        assert job.number is not None
        row = unit.instances.get(job.instance_id)
        execution, _ = load(unit, self._around, row)
        return DelegateCall(
            implementation=job.payload["implementation"],
            variables=execution.delegate_variables(job.number),
            instance_id=row.id,
            definition_key=row.definition_key,
            activity_id=job.activity_id or "",
            business_key=row.business_key,
            job_id=job.id,
            idempotency_key=f"{row.id}/{job.number}",
        )

    def _feed(self, job: JobRow, lease: Lease, what: Callable[[Execution], object]) -> Done | Failed:
        instance_id = job.instance_id
        assert instance_id is not None

        def work(unit: UnitOfWork) -> JobRow | None:
            step = Step(unit, self._around, lease=lease)
            fed = step.feed(instance_id, what, consumed=job)
            step.settle()
            return fed.next

        return self._recorded(job, lambda: Done(self._units.run(work)))

    def start_by_timer(self, job: JobRow, lease: Lease) -> Done | Failed:  # noqa: ARG002
        """The definition is started, and its next firing is planned."""
        self._log_if_late(job)

        def work(unit: UnitOfWork) -> None:
            unit.jobs.finish(job.id, job.attempt)
            following = next_job(job, self._around)
            if following is not None:
                unit.jobs.insert([following])
            self._start(unit, job, {})

        return self._recorded(job, lambda: Done(self._units.run(work)))

    def fan_out(self, job: JobRow, lease: Lease) -> Done | Failed:  # noqa: ARG002
        """There is a job for everybody who waits for the signal: each has tries and an incident of its own."""

        def work(unit: UnitOfWork) -> None:
            unit.jobs.finish(job.id, job.attempt)
            signal_later(unit, self._around, waiting_for_signal(job.payload["name"]), _variables(job))

        self._units.run(work)
        return Done()

    def start_by_signal(self, job: JobRow, lease: Lease) -> Done | Failed:  # noqa: ARG002
        """The definition is started by the signal."""

        def work(unit: UnitOfWork) -> None:
            unit.jobs.finish(job.id, job.attempt)
            self._start(unit, job, _variables(job))

        return self._recorded(job, lambda: Done(self._units.run(work)))

    def _start(self, unit: UnitOfWork, job: JobRow, variables: Mapping[str, Any]) -> None:
        assert job.definition_id is not None
        step = Step(unit, self._around)
        step.start(unit.definitions.get(job.definition_id), at=job.activity_id, variables=variables)
        step.settle()

    def deliver_message(self, job: JobRow, lease: Lease) -> Done | Failed:  # noqa: ARG002
        """The instance has received the message. A try fails while it does not wait for it."""

        def work(unit: UnitOfWork) -> None:
            assert job.instance_id is not None
            command = CorrelateMessage(job.payload["name"], instance_id=job.instance_id, variables=_variables(job))
            # first, because the instance's end takes the job along
            unit.instances.lock(job.instance_id)
            unit.jobs.finish(job.id, job.attempt)
            correlate_message(unit, self._around, command)

        return self._recorded(job, lambda: Done(self._units.run(work)))

    def _recorded(self, job: JobRow, work: Callable[[], Done]) -> Done | Failed:
        try:
            return work()
        except NotFound as missing:
            if missing.kind == "process instance":
                # it ended meanwhile, and its job with it
                raise LeaseLost(job.id, job.attempt) from None
            return _failed(missing)
        except (ExecutionFailed, NotWaiting, MismatchingCorrelation, SignalStorm, Suspended) as error:
            return _failed(error)


# What the engine does with a job that it is given back.
_How = Callable[[Execution, JobRow], object]


def _taken_back(how: _How, job: JobRow, execution: Execution) -> None:
    how(execution, job)


def _continue(execution: Execution, job: JobRow) -> None:
    assert job.number is not None
    execution.continue_job(job.number)


def _fire(execution: Execution, job: JobRow) -> None:
    assert job.number is not None
    execution.fire_timer(job.number)


def _receive(execution: Execution, job: JobRow) -> None:
    """The instance receives the signal or message, if it still waits for it."""
    assert job.instance_id is not None
    number = number_of(job.instance_id, job.payload["subscription"])
    assert number is not None
    try:
        execution.receive(number, _variables(job), _variables(job, "local_variables"))
    except NotWaiting:
        # another event came first; an event that nobody waits for is lost
        log.info("event_too_late", kind=job.kind, job_id=job.id, instance_id=job.instance_id)


def _variables(job: JobRow, which: str = "variables") -> dict[str, Any]:
    return {name: from_stored(value) for name, value in job.payload.get(which, {}).items()}


def _failed(error: Exception) -> Failed:
    return Failed(str(error) or type(error).__name__, "".join(traceback.format_exception(error)))
