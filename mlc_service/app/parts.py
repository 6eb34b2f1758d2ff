"""What every process of the service is made of, whatever its role."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

import delegates
from mlc_service import __version__
from mlc_service.clock import Clock
from mlc_service.database_metrics import DatabaseMetrics
from mlc_service.delegate_api import DelegateRegistry
from mlc_service.dmn.script import check_feel_script, feel_script
from mlc_service.identity import Gate, Identity, OpenDoor
from mlc_service.identity.stored_accounts import StoredAccounts
from mlc_service.jobs.one import Workbench
from mlc_service.jobs.redis_check import redis_check
from mlc_service.jobs.runner import execute_now
from mlc_service.language.scripts import ScriptRunner
from mlc_service.lifecycle.delegate_calls import ListenerCaller
from mlc_service.lifecycle.life_cycle import LifeCycle, life_cycle
from mlc_service.lifecycle.model_jobs import MODEL_JOB_KIND
from mlc_service.lifecycle.ports import ModelRunner, WarmModels
from mlc_service.metrics import COUNTED
from mlc_service.probes import scraped
from mlc_service.process.surroundings import Surroundings
from mlc_service.process.work import handlers, together
from mlc_service.rest.dependencies import Dependencies
from mlc_service.rest.model_manage.router import model_manage_router
from mlc_service.runtimes import RunLimits
from mlc_service.settings import Settings
from mlc_service.store import schema
from mlc_service.store.schema import SchemaState
from mlc_service.store.units import Units
from mlc_service.tickets.board import BoardTickets
from mlc_service.tickets.jira import JiraTickets
from mlc_service.tickets.port import Tickets
from mlc_service.tickets.stored_openings import StoredOpenings


class OutdatedSchema(RuntimeError):
    """The database needs `mlc migrate` first."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The rooms, put together on one database. `bench` can run every job but those of model runtimes."""

    settings: Settings
    clock: Clock
    units: Units
    scripts: ScriptRunner
    around: Surroundings
    life_cycle: LifeCycle
    bench: Workbench

    def close(self) -> None:
        """Child processes of scripts and all connections are gone."""
        self.scripts.close()
        self.units.close()

    def identity(self) -> Identity:
        """The accounts of this database."""
        return Identity(StoredAccounts(self.units, self.clock), self.clock)

    def dependencies(self, identity: Identity) -> Dependencies:
        """What the HTTP room is given."""
        gate: Gate = identity if self.settings.authentication else OpenDoor()
        return Dependencies(
            units=self.units,
            clock=self.clock,
            gate=gate,
            process=self.around,
            run_job=lambda job_id: execute_now(self.bench, job_id, lease_seconds=self.settings.lease_seconds),
            score=self.life_cycle.serving.score,
            board=self.units.begin if self.settings.ticket_system == "board" else None,
            routers=[model_manage_router(self.life_cycle)],
            version=__version__,
            checks=[] if self.settings.redis_url is None else [redis_check(self.settings.redis_url)],
            metrics=self.scraped(COUNTED) if self.settings.metrics else None,
        )

    def scraped(self, counted: Collector) -> CollectorRegistry:
        """What this process shows to Prometheus: what was counted, and what the database says."""
        return scraped(counted, DatabaseMetrics(self.units, self.clock))


def put_together(
    settings: Settings,
    clock: Clock,
    units: Units,
    *,
    runner: ModelRunner,
    warm_models: WarmModels,
    runs_model_jobs: bool,
) -> Parts:
    """The parts on that database. Model jobs run here, with `runner`, or are brought to the queues of runtimes."""
    scripts = ScriptRunner(
        sandbox=settings.sandbox,
        groovy=settings.groovy,
        full_python=settings.full_python,
        extra={"feel": feel_script},
        extra_checks={"feel": check_feel_script},
    )
    registry = DelegateRegistry(delegates.CATALOGUE)
    around = Surroundings(
        clock,
        scripts,
        registry,
        listen=ListenerCaller(registry),
        at_once=settings.signal_at_once,
        zone=ZoneInfo(settings.time_zone),
        retention=settings.retention,
    )
    cycle = life_cycle(
        units,
        clock,
        runner,
        warm_models,
        _tickets(settings, units, clock),
        settings.address(),
        RunLimits(seconds=settings.job_seconds, memory_bytes=settings.job_memory_mib * 1024 * 1024),
        scripts,
        settings.runtime_patience_seconds,
    )
    work = {
        **handlers(units, around, cycle.delegates(registry)),
        MODEL_JOB_KIND: cycle.run_model_job if runs_model_jobs else cycle.place_model_job,
    }
    bench = Workbench(units, clock, work, around.retries, cycle.given_up, together(units, around))
    return Parts(settings, clock, units, scripts, around, cycle, bench)


def open_database(settings: Settings) -> Units:
    """The database with the schema this version needs; an embedded one is brought up to date here.

    Raises OutdatedSchema.
    """
    if settings.is_embedded:
        schema.upgrade(settings.database)
    units = Units(settings.database)
    state = units.schema_state()
    if state in (SchemaState.UP_TO_DATE, SchemaState.NEWER):
        return units
    units.close()
    todo = (
        "it was made by a newer version: run that one, or restore a backup"
        if state is SchemaState.UNKNOWN
        else "run `mlc migrate` with the same MLC_DATABASE_URL"
    )
    raise OutdatedSchema(f"the database's schema is {state.value}: {todo}")


def _tickets(settings: Settings, units: Units, clock: Clock) -> Tickets:
    if settings.ticket_system == "jira":
        assert settings.jira is not None
        return JiraTickets(settings.jira, clock, StoredOpenings(units))
    return BoardTickets(units, clock, base_url=settings.address())
