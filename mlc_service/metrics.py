"""What the service counts about itself, for Prometheus. A leaf: any room may import it, and it imports none.

Facts are counted when they are committed, never before: inside a transaction with `unit.after_commit`. Every metric
has a label, so that nothing is stored before the first fact: only then a worker can share its numbers with the
processes it forks (`probes.SharedMetrics`).

What can be asked of the database is not counted here but looked up for a scrape: `database_metrics`.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

COUNTED = CollectorRegistry()

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

JOB_SECONDS = Histogram(
    "mlc_job_duration_seconds",
    "Jobs that were run, by outcome: done, retried, failed, lease_lost; and how long that took.",
    ("kind", "outcome"),
    registry=COUNTED,
    buckets=_SECONDS,
)
JOB_WAIT_SECONDS = Histogram(
    "mlc_job_wait_seconds",
    "From the time a job was due to the time it began.",
    ("kind",),
    registry=COUNTED,
    buckets=_SECONDS,
)
LEASES_EXPIRED = Counter(
    "mlc_job_leases_expired_total",
    "Leases that ended with their job unfinished: its worker went away without a word.",
    ("kind",),
    registry=COUNTED,
)
INSTANCES_STARTED = Counter(
    "mlc_instances_started_total",
    "Process instances that were started.",
    ("definition_key",),
    registry=COUNTED,
)
INSTANCES_ENDED = Counter(
    "mlc_instances_ended_total",
    "Process instances that ended, by their last state in history.",
    ("definition_key", "state"),
    registry=COUNTED,
)
INCIDENTS_OPENED = Counter(
    "mlc_incidents_opened_total",
    "Incidents that were opened; those that callers have because of them are not counted.",
    ("kind",),
    registry=COUNTED,
)
INCIDENTS_RESOLVED = Counter(
    "mlc_incidents_resolved_total",
    "Incidents that were resolved; those that ended with their instance are not counted.",
    ("kind",),
    registry=COUNTED,
)
REQUEST_SECONDS = Histogram(
    "mlc_http_request_duration_seconds",
    "HTTP requests that were answered, by route (never by address), and how long that took.",
    ("method", "route", "status"),
    registry=COUNTED,
    buckets=_SECONDS,
)
TRANSACTIONS_REPEATED = Counter(
    "mlc_transactions_repeated_total",
    "Transactions that were run again because another one stood in their way, by error code of the database.",
    ("cause",),
    registry=COUNTED,
)
BROADCASTS = Counter(
    "mlc_broadcasts_total",
    "Messages to other processes, by outcome: announced, dropped (the scheduler finds what they were about).",
    ("outcome",),
    registry=COUNTED,
)

_ALL = (
    JOB_SECONDS,
    JOB_WAIT_SECONDS,
    LEASES_EXPIRED,
    INSTANCES_STARTED,
    INSTANCES_ENDED,
    INCIDENTS_OPENED,
    INCIDENTS_RESOLVED,
    REQUEST_SECONDS,
    TRANSACTIONS_REPEATED,
    BROADCASTS,
)
_INCIDENT_KINDS = ("failedJob", "failedExternalTask")


def forget() -> None:
    """Nothing has been counted yet."""
    for metric in _ALL:
        metric.clear()


def incident_kind(kind: str) -> str:
    """The kind as a label: reporters choose kinds of their own, of which there is no end."""
    return kind if kind in _INCIDENT_KINDS else "other"
