"""Composition root: the one place that names concrete adapters and puts the rooms together."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from dataclasses import dataclass
from typing import IO

import structlog
from fastapi import FastAPI

import delegates
from mlc_service import __version__
from mlc_service.clock import Clock, SystemClock
from mlc_service.delegate_api import DelegateRegistry
from mlc_service.dmn.script import check_feel_script, feel_script
from mlc_service.identity import Gate, Identity, OpenDoor
from mlc_service.identity.stored_accounts import StoredAccounts
from mlc_service.jobs.runner import ThreadRunner, Workbench, execute_now, release_all_leases
from mlc_service.language.scripts import ScriptRunner
from mlc_service.lifecycle.delegate_calls import ListenerCaller
from mlc_service.lifecycle.engines import ensure_engine
from mlc_service.lifecycle.life_cycle import LifeCycle, life_cycle
from mlc_service.process.cleanup import plan_cleanup
from mlc_service.process.surroundings import Surroundings
from mlc_service.process.work import handlers
from mlc_service.rest.application import create_app
from mlc_service.rest.dependencies import Dependencies
from mlc_service.rest.model_manage.router import model_manage_router
from mlc_service.runtimes import LocalRuntime, OnlineModels, RunLimits, RuntimeSettings
from mlc_service.settings import Settings
from mlc_service.store import schema
from mlc_service.store.schema import SchemaState
from mlc_service.store.units import Units
from mlc_service.tickets.board import BoardTickets
from mlc_service.tickets.jira import JiraTickets
from mlc_service.tickets.port import Tickets
from mlc_service.tickets.stored_openings import StoredOpenings

log = structlog.get_logger(__name__)

LOCAL_RUNTIME = "local"


class DataInUse(RuntimeError):
    """Another service process owns the data folder."""


class OutdatedSchema(RuntimeError):
    """The database needs `mlc migrate` first."""


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What is said once, when a service starts on an empty database."""

    user_id: str
    password: str


class Service:
    """API, jobs, timers, ticket watch and a local runtime in one process. `start` and `stop` once each."""

    def __init__(self, settings: Settings, clock: Clock | None = None, *, start_anew: bool = False) -> None:
        """Everything is put together and nothing runs yet. `start_anew` forgets the folder's database (the demo's).

        Raises DataInUse and OutdatedSchema.
        """
        self.settings = settings
        self._clock = clock or SystemClock()
        self._data_lock = _own(settings)
        if start_anew:
            for leftover in settings.data.glob("mlc.db*"):
                leftover.unlink()
        self.units = _open_database(settings)
        self._scripts = ScriptRunner(
            sandbox=settings.sandbox,
            groovy=settings.groovy,
            full_python=settings.full_python,
            extra={"feel": feel_script},
            extra_checks={"feel": check_feel_script},
        )
        registry = DelegateRegistry(delegates.CATALOGUE)
        around = Surroundings(
            self._clock, self._scripts, registry, listen=ListenerCaller(registry), retention=settings.retention
        )
        self._around = around
        limits = RunLimits(seconds=settings.job_seconds, memory_bytes=settings.job_memory_mib * 1024 * 1024)
        # what a killed service left there is nobody's
        shutil.rmtree(settings.runs_folder, ignore_errors=True)
        settings.runs_folder.mkdir(parents=True)
        runtime_settings = RuntimeSettings(
            environments=settings.environments_folder, work=settings.runs_folder, sandbox=settings.sandbox
        )
        self._online = OnlineModels(runtime_settings)
        self._life_cycle: LifeCycle = life_cycle(
            self.units,
            self._clock,
            LocalRuntime(runtime_settings, self._clock),
            self._online,
            _tickets(settings, self.units, self._clock),
            settings.address(),
            limits,
            self._scripts,
        )
        work = {
            **handlers(self.units, around, self._life_cycle.delegates(registry)),
            **self._life_cycle.job_handlers,
        }
        self._bench = Workbench(self.units, self._clock, work, around.retries)
        self._runner = ThreadRunner(self._bench, threads=settings.job_threads, lease_seconds=settings.lease_seconds)
        identity = Identity(StoredAccounts(self.units, self._clock), self._clock)
        self._identity = identity
        gate: Gate = identity if settings.authentication else OpenDoor()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch_tickets, name="ticket-watcher", daemon=True)
        self.app: FastAPI = create_app(
            Dependencies(
                units=self.units,
                clock=self._clock,
                gate=gate,
                process=around,
                run_job=lambda job_id: execute_now(self._bench, job_id),
                score=self._life_cycle.serving.score,
                board=self.units.begin if settings.ticket_system == "board" else None,
                routers=[model_manage_router(self._life_cycle)],
                version=__version__,
            )
        )

    def start(self) -> FirstStart | None:
        """Jobs run and tickets are watched (unless the settings say no). Answers the first login if it was made now."""
        password = self._identity.first_start() if self.settings.authentication else None
        self._life_cycle.bookkeeping.change(lambda books: ensure_engine(books, {"name": LOCAL_RUNTIME}))
        if self.settings.is_embedded:
            # the folder is ours alone: whoever held these leases is dead
            release_all_leases(self._bench)
        self.units.run(lambda unit: plan_cleanup(unit, self._around))
        if self.settings.runs_jobs:
            self._runner.start()
        self._watcher.start()
        log.info("service_started", data=str(self.settings.data), jobs=self.settings.runs_jobs, version=__version__)
        return FirstStart("admin", password) if password else None

    def stop(self) -> None:
        """Jobs in hand are finished or left to their leases; nothing of this service runs any more."""
        self._stopping.set()
        if self.settings.runs_jobs:
            self._runner.stop()
        if self._watcher.is_alive():
            self._watcher.join(timeout=10)
        self._online.close_all()
        self._scripts.close()
        self.units.close()
        self._data_lock.close()
        log.info("service_stopped")

    def _watch_tickets(self) -> None:
        while not self._stopping.wait(self.settings.ticket_poll_seconds):
            try:
                self._life_cycle.watcher.poll()
            except Exception:
                # the tracker or the database is away; people's decisions are still there next time
                log.exception("ticket_poll_failed")


def _own(settings: Settings) -> IO[str]:
    """The open lock file that makes the data folder ours until it is closed. Raises DataInUse."""
    settings.data.mkdir(parents=True, exist_ok=True)
    lock = (settings.data / "lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise DataInUse(
            f"{settings.data} is in use by another service (process {owner}): stop it, or choose another --data"
        ) from None
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _open_database(settings: Settings) -> Units:
    """The database with the schema this version needs; an embedded one is brought up to date here."""
    if settings.is_embedded:
        schema.upgrade(settings.database)
    units = Units(settings.database)
    state = units.schema_state()
    if state is not SchemaState.UP_TO_DATE:
        units.close()
        raise OutdatedSchema(
            f"the database's schema is {state.value}: run `mlc migrate` with the same MLC_DATABASE_URL"
        )
    return units


def _tickets(settings: Settings, units: Units, clock: Clock) -> Tickets:
    if settings.ticket_system == "jira":
        assert settings.jira is not None
        return JiraTickets(settings.jira, clock, StoredOpenings(units))
    return BoardTickets(units, clock, base_url=settings.address())
