"""Everything in one process."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from dataclasses import dataclass
from typing import IO

import structlog
from fastapi import FastAPI

from mlc_service import __version__
from mlc_service.app.parts import open_database, put_together
from mlc_service.clock import Clock, SystemClock
from mlc_service.jobs.runner import ThreadRunner, release_all_leases
from mlc_service.lifecycle.engines import ensure_engine
from mlc_service.process.cleanup import plan_cleanup
from mlc_service.rest.application import create_app
from mlc_service.runtimes import LocalRuntime, OnlineModels, RuntimeSettings
from mlc_service.settings import Settings

log = structlog.get_logger(__name__)

LOCAL_RUNTIME = "local"


class DataInUse(RuntimeError):
    """Another service process owns the data folder."""


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
        self._data_lock = _own(settings)
        if start_anew:
            for leftover in settings.data.glob("mlc.db*"):
                leftover.unlink()
        self.units = open_database(settings)
        # what a killed service left there is nobody's
        shutil.rmtree(settings.runs_folder, ignore_errors=True)
        settings.runs_folder.mkdir(parents=True)
        runtime = RuntimeSettings(
            environments=settings.environments_folder, work=settings.runs_folder, sandbox=settings.sandbox
        )
        clock = clock or SystemClock()
        self._online = OnlineModels(runtime)
        self._parts = put_together(
            settings,
            clock,
            self.units,
            runner=LocalRuntime(runtime, clock),
            warm_models=self._online,
            runs_model_jobs=True,
        )
        self._runner = ThreadRunner(
            self._parts.bench, threads=settings.job_threads, lease_seconds=settings.lease_seconds
        )
        self._identity = self._parts.identity()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch_tickets, name="ticket-watcher", daemon=True)
        self.app: FastAPI = create_app(self._parts.dependencies(self._identity))

    def start(self) -> FirstStart | None:
        """Jobs run and tickets are watched (unless the settings say no). Answers the first login if it was made now."""
        password = self._identity.first_start() if self.settings.authentication else None
        self._parts.life_cycle.bookkeeping.change(lambda books: ensure_engine(books, {"name": LOCAL_RUNTIME}))
        if self.settings.is_embedded:
            # the folder is ours alone: whoever held these leases is dead
            release_all_leases(self._parts.bench)
        self.units.run(lambda unit: plan_cleanup(unit, self._parts.around))
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
        self._parts.close()
        self._data_lock.close()
        log.info("service_stopped")

    def _watch_tickets(self) -> None:
        while not self._stopping.wait(self.settings.ticket_poll_seconds):
            try:
                self._parts.life_cycle.watcher.poll()
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
