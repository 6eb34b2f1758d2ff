"""A service spread over processes: any number of each role, on any number of machines, over PostgreSQL and Redis."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from typing import Any

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from mlc_service import __version__
from mlc_service.app.parts import Parts, open_database, put_together
from mlc_service.clock import SharedClock
from mlc_service.jobs.announcer import Announcer, TopicListener
from mlc_service.jobs.celery_worker import Closing, run_worker
from mlc_service.jobs.heartbeat import Heartbeat
from mlc_service.jobs.life_signs import LifeSigns, Role, forget_lost
from mlc_service.jobs.redis_check import redis_check
from mlc_service.jobs.scheduler import Duty, Scheduler
from mlc_service.jobs.slot import Slot
from mlc_service.jobs.work import Lease
from mlc_service.lifecycle.placement import (
    look_after_runtimes,
    runtime_queue,
    runtime_started,
    runtime_stopped,
)
from mlc_service.metrics import COUNTED
from mlc_service.probes import SharedMetrics, scraped, serve_probes
from mlc_service.process.cleanup import plan_cleanup
from mlc_service.readiness import Check, database_checks, readiness
from mlc_service.rest.application import create_app
from mlc_service.runtimes import LocalRuntime, OnlineModels, RuntimeSettings, TriedModels
from mlc_service.settings import InvalidSettings, Settings
from mlc_service.store.rows import JOBS
from mlc_service.tracing import start_tracing

log = structlog.get_logger(__name__)

_RUNTIMES_SECONDS = 5.0
_PROCESSES_SECONDS = 60.0


class _Member:
    """A process of the service: its parts, its life signs, its way of telling others. `start` and `stop` once each."""

    def __init__(self, settings: Settings, role: Role, *, queue: str | None = None, scores: bool = False) -> None:
        redis_url = settings.must_be_shared()
        units = open_database(settings)
        clock = SharedClock(units.database_time)
        self._runs = _own_runs_folder(settings)
        runtime = RuntimeSettings(environments=settings.environments_folder, work=self._runs, sandbox=settings.sandbox)
        self._online = OnlineModels(runtime) if scores else None
        self.parts: Parts = put_together(
            settings,
            clock,
            units,
            runner=LocalRuntime(runtime, clock),
            # only API processes score; the others just see whether a model starts
            warm_models=self._online or TriedModels(runtime),
            runs_model_jobs=role == "runtime",
        )
        self.announcer = Announcer(redis_url)
        units.on_new_jobs(self.announcer.tell)
        units.on_new_external_tasks(self.announcer.tell_topics)
        self.life_signs = LifeSigns(
            units, clock, role, __version__, queue=queue, concurrency=None if queue is None else 1
        )
        self._settings = settings
        self._role = role
        self._tracing = ExitStack()

    def start(self, app: FastAPI | None = None) -> None:
        self._tracing = start_tracing(
            self._role, is_wanted=self._settings.traces, version=__version__, app=app, units=self.parts.units
        )
        self.announcer.start()
        self.life_signs.start()

    def stop(self) -> None:
        self.life_signs.stop()
        self.announcer.stop()
        self._tracing.close()
        self.close()

    def close(self) -> None:
        """For one that was never started."""
        if self._online is not None:
            self._online.close_all()
        self.parts.close()
        shutil.rmtree(self._runs, ignore_errors=True)


class Api:
    """Answers HTTP requests and runs no jobs, but for those that a request wants to see done."""

    def __init__(self, settings: Settings) -> None:
        """Raises InvalidSettings, OutdatedSchema."""
        self._settings = settings
        self._member = _Member(settings, "api", scores=True)
        self._identity = self._member.parts.identity()
        self.app: FastAPI = create_app(self._member.parts.dependencies(self._identity))
        self._topics = TopicListener(settings.must_be_shared(), self.app.state.waiting_room.call)

    def start(self) -> str | None:
        """Answers the password of `admin` if it was made up now, which happens once."""
        password = None
        if self._settings.authentication:
            password = self._identity.first_start(self._settings.admin_password)
        self._member.start(self.app)
        self._topics.start()
        log.info("api_started", address=self._settings.address(), version=__version__)
        return password

    def stop(self) -> None:
        self._topics.stop()
        self._member.stop()
        log.info("api_stopped")


class _Workplace:
    """What a process of a Celery worker's pool works with."""

    def __init__(self, settings: Settings, role: Role, queue: str, closing: Closing) -> None:
        self._member = _Member(settings, role, queue=queue)
        bench = self._member.parts.bench
        lease = Lease(self._member.life_signs.name, settings.lease_seconds)
        self._heartbeat = Heartbeat(bench.units, bench.clock, lease)
        self._slot = Slot(bench, self._heartbeat, lease, queue, tell=self._member.announcer.tell, is_stopping=closing)
        self._overdue_seconds = 2 * settings.resend_seconds
        self._closing = Event()
        self._lookout = Thread(target=self._look, name="lookout", daemon=True)
        self._member.start()
        self._heartbeat.start()
        self._lookout.start()
        log.info("workplace_opened", worker=lease.worker, queue=queue)

    def work(self) -> int:
        return self._slot.work()

    def _look(self) -> None:
        while not self._closing.wait(self._overdue_seconds):
            self._slot.look(self._overdue_seconds)

    def close(self, *, hurry: bool = False) -> None:
        self._closing.set()
        in_hand = self._heartbeat.stop()
        if hurry and in_hand:
            self._member.parts.units.run(lambda unit: unit.jobs.release(in_hand))
        self._member.stop()


def work(settings: Settings) -> None:
    """Jobs of all kinds are run until SIGTERM or SIGINT. Raises InvalidSettings, OutdatedSchema."""
    _serve(settings, "worker", JOBS)


def serve_runtime(settings: Settings, body: Mapping[str, Any]) -> None:
    """Model jobs of the runtime `body` describes are run until SIGTERM or SIGINT.

    Raises InvalidSettings, OutdatedSchema, InvalidDocument.
    """
    name = str(body["name"])
    _with_books(settings, lambda parts: parts.life_cycle.bookkeeping.change(lambda books: runtime_started(books, body)))
    try:
        _serve(settings, "runtime", runtime_queue(name))
    finally:
        _with_books(
            settings, lambda parts: parts.life_cycle.bookkeeping.change(lambda books: runtime_stopped(books, name))
        )


def schedule(settings: Settings) -> None:
    """Time passes for the service until SIGTERM or SIGINT. Raises InvalidSettings, OutdatedSchema."""
    member = _Member(settings, "scheduler")
    cycle = member.parts.life_cycle
    scheduler = Scheduler(
        member.parts.bench,
        member.life_signs.name,
        tell=member.announcer.tell,
        duties=[
            Duty("tickets", settings.ticket_poll_seconds, cycle.watcher.poll),
            Duty("runtimes", _RUNTIMES_SECONDS, lambda: look_after_runtimes(cycle.bookkeeping)),
            Duty("processes", _PROCESSES_SECONDS, lambda: forget_lost(member.parts.units, member.parts.clock)),
        ],
        resend_seconds=settings.resend_seconds,
    )
    checks = [*database_checks(member.parts.units), redis_check(settings.must_be_shared())]
    with _probes(settings, checks, member.parts.scraped(COUNTED)):
        member.start()
        member.parts.units.run(lambda unit: plan_cleanup(unit, member.parts.around))
        scheduler.start()
        log.info("scheduler_started", version=__version__)
        _until_asked_to_end()
        scheduler.stop()
        member.stop()
        log.info("scheduler_stopped")


def _serve(settings: Settings, role: Role, queue: str) -> None:
    redis_url = settings.must_be_shared()
    # for probes only; an outdated schema is said here, once and in full, rather than by each process of the pool
    units = open_database(settings)
    with tempfile.TemporaryDirectory(prefix="mlc-metrics-") as folder:
        counted = SharedMetrics(Path(folder) / "counted")
        checks = [*database_checks(units), redis_check(redis_url)]
        with _probes(settings, checks, scraped(counted)):
            run_worker(
                redis_url,
                queue=queue,
                concurrency=settings.concurrency,
                stop_seconds=settings.stop_seconds,
                open_workplace=lambda closing: _Workplace(settings, role, queue, closing),
            )
        counted.close()
    units.close()


@contextmanager
def _probes(settings: Settings, checks: Sequence[Check], registry: CollectorRegistry) -> Iterator[None]:
    """`/metrics`, `/healthz` and `/readyz` of a process without an API answer within the block, if a port is set."""
    if settings.metrics_port is None:
        yield
        return
    try:
        probes = serve_probes(settings.metrics_port, lambda: readiness(checks), registry, settings.host)
    except OSError as error:
        raise InvalidSettings(f"MLC_METRICS_PORT={settings.metrics_port}: {error.strerror}") from None
    try:
        yield
    finally:
        probes.close()


def _with_books(settings: Settings, work: Callable[[Parts], object]) -> None:
    member = _Member(settings, "runtime")
    try:
        work(member.parts)
    finally:
        member.close()


def _until_asked_to_end() -> None:
    asked = Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    asked.wait()


def _own_runs_folder(settings: Settings) -> Path:
    """A folder for model runs of this process; what processes of this machine left that are gone is removed."""
    within = settings.runs_folder
    within.mkdir(parents=True, exist_ok=True)
    host = socket.gethostname()
    for left in within.glob(f"{host}-*"):
        pid = left.name.removeprefix(f"{host}-").partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{host}-{os.getpid()}-", dir=within))
