"""The life cycle, put together on a database, a runtime and a tracker. Built once by app.py."""

from __future__ import annotations

from dataclasses import dataclass

from mlc_service.clock import Clock
from mlc_service.delegate_api import DelegateRegistry, Ports
from mlc_service.jobs.failures import GivenUp
from mlc_service.jobs.work import Handler
from mlc_service.language.scripts import ScriptRunner
from mlc_service.lifecycle.bookkeeping import Bookkeeping
from mlc_service.lifecycle.delegate_calls import DelegateCaller
from mlc_service.lifecycle.delegate_ports import delegate_ports
from mlc_service.lifecycle.job_execution import ModelJobRunner
from mlc_service.lifecycle.links import Links
from mlc_service.lifecycle.model_jobs import MODEL_JOB_KIND
from mlc_service.lifecycle.online import OnlineServing
from mlc_service.lifecycle.outgoing import Outbox
from mlc_service.lifecycle.placement import ModelJobPlacement, record_model_job_given_up
from mlc_service.lifecycle.ports import ModelRunner, WarmModels
from mlc_service.lifecycle.ticket_watch import TicketWatcher
from mlc_service.lifecycle.ticketing import Ticketing
from mlc_service.runtimes import RunLimits
from mlc_service.store.units import Units
from mlc_service.tickets.port import Tickets


@dataclass(frozen=True, slots=True)
class LifeCycle:
    """What the rest of the service asks of the life cycle.

    `run_model_job` and `place_model_job` are handlers for model jobs: the one runs them here, the other brings them to
    the queue of a runtime. `given_up` says what else to record of a job that has failed for good. `watcher.poll()`
    wants to be called now and then.
    """

    bookkeeping: Bookkeeping
    serving: OnlineServing
    ticketing: Ticketing
    watcher: TicketWatcher
    ports: Ports
    run_model_job: Handler
    place_model_job: Handler
    given_up: GivenUp

    def delegates(self, registry: DelegateRegistry) -> DelegateCaller:
        """What `process.work.handlers` wants for its delegate jobs."""
        return DelegateCaller(registry, self.ports)


def life_cycle(
    units: Units,
    clock: Clock,
    runner: ModelRunner,
    warm_models: WarmModels,
    tickets: Tickets,
    base_url: str,
    limits: RunLimits | None = None,
    scripts: ScriptRunner | None = None,
    runtime_patience_seconds: float = 600.0,
) -> LifeCycle:
    """The life cycle on this database; `base_url` is where people reach the service, for links in tickets.

    A model job waits `runtime_patience_seconds` for a runtime that fits and whose processes are away.
    """
    bookkeeping = Bookkeeping(units, clock, Outbox(clock), scripts)
    serving = OnlineServing(bookkeeping, warm_models)
    ticketing = Ticketing(bookkeeping, tickets, Links(base_url))
    return LifeCycle(
        bookkeeping=bookkeeping,
        serving=serving,
        ticketing=ticketing,
        watcher=TicketWatcher(bookkeeping, tickets),
        ports=delegate_ports(bookkeeping, serving, ticketing),
        run_model_job=ModelJobRunner(bookkeeping, runner, limits),
        place_model_job=ModelJobPlacement(bookkeeping, runtime_patience_seconds),
        given_up={MODEL_JOB_KIND: lambda unit, job, why: record_model_job_given_up(bookkeeping.books(unit), job, why)},
    )
