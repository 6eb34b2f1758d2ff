"""What Prometheus is told of the database: looked up for a scrape, and for all scrapes of the next seconds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from threading import Lock

import structlog
from prometheus_client import Metric
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from mlc_service.clock import Clock
from mlc_service.jobs.life_signs import lost_before
from mlc_service.metrics import incident_kind
from mlc_service.store.figures import Waiting
from mlc_service.store.rows import JOBS
from mlc_service.store.units import UnitOfWork, Units

log = structlog.get_logger(__name__)

_KEPT_SECONDS = 5.0


class DatabaseMetrics(Collector):
    """Gauges over the whole service, however many processes it has. One process of the service need show them."""

    def __init__(self, units: Units, clock: Clock) -> None:
        self._units = units
        self._clock = clock
        self._lock = Lock()
        self._found: list[Metric] = []
        self._looked: datetime | None = None

    def collect(self) -> Iterable[Metric]:
        """The gauges; none but `mlc_database_up` while the database does not answer."""
        with self._lock:
            now = self._clock.now()
            if self._looked is None or now - self._looked >= timedelta(seconds=_KEPT_SECONDS):
                self._found = self._look(now)
                self._looked = now
            return self._found

    def _look(self, now: datetime) -> list[Metric]:
        up = GaugeMetricFamily("mlc_database_up", "1 if the database answered the last look.")
        try:
            found = self._units.read(lambda unit: _gauges(unit, now))
        except Exception:
            log.exception("metrics_unavailable")
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        return [up, *found]


def _gauges(unit: UnitOfWork, now: datetime) -> list[Metric]:
    # of the usual queue there is always something to say, so that no line of a dashboard is interrupted
    waiting = GaugeMetricFamily("mlc_jobs_waiting", "Jobs that are due and not claimed.", labels=["queue"])
    oldest = GaugeMetricFamily(
        "mlc_jobs_oldest_due_seconds", "For how long the first of the waiting jobs has been due.", labels=["queue"]
    )
    for queue, jobs in {JOBS: Waiting(0, now), **unit.figures.waiting_jobs(now)}.items():
        waiting.add_metric([queue], jobs.how_many)
        oldest.add_metric([queue], (now - jobs.oldest_due).total_seconds())
    running = GaugeMetricFamily("mlc_jobs_running", "Jobs that a worker holds a lease of.", labels=["queue"])
    for queue, count in {JOBS: 0, **unit.figures.jobs_in("running")}.items():
        running.add_metric([queue], count)
    failed = GaugeMetricFamily("mlc_jobs_failed", "Jobs without tries left.", labels=["queue"])
    for queue, count in {JOBS: 0, **unit.figures.jobs_in("failed")}.items():
        failed.add_metric([queue], count)
    incidents = GaugeMetricFamily("mlc_incidents_open", "Incidents that wait for a person.", labels=["kind"])
    of_kinds: dict[str, int] = {}
    for kind, count in unit.figures.open_incidents().items():
        of_kinds[incident_kind(kind)] = of_kinds.get(incident_kind(kind), 0) + count
    for kind, count in of_kinds.items():
        incidents.add_metric([kind], count)
    instances = GaugeMetricFamily("mlc_instances_running", "Process instances; beyond 10,000 an estimate.")
    instances.add_metric([], unit.figures.running_instances())
    return [waiting, oldest, running, failed, incidents, instances, *_of_processes(unit, now)]


def _of_processes(unit: UnitOfWork, now: datetime) -> list[Metric]:
    alive = GaugeMetricFamily("mlc_service_processes", "Processes of the service that live.", labels=["role"])
    skew = GaugeMetricFamily(
        "mlc_clock_ahead_seconds", "How far a machine's clock is ahead of the database's.", labels=["host"]
    )
    counts = dict.fromkeys(("api", "worker", "scheduler", "runtime"), 0)
    ahead: dict[str, float] = {}
    for process in unit.service_processes.find(seen_since=lost_before(now)):
        counts[process.role] += 1
        ahead[process.host] = max(process.clock_ahead_seconds, ahead.get(process.host, 0.0), key=abs)
    for role, count in counts.items():
        alive.add_metric([role], count)
    for host, seconds in ahead.items():
        skew.add_metric([host], seconds)
    return [alive, skew]
