"""A Celery worker: a parent that takes messages from Redis, and processes that do the jobs.

The parent does nothing else, and has no database. Each process of its pool opens a workplace of its own after it was
forked, so that no connection is ever shared. A process that is killed is replaced by Celery; what it held is free when
its leases run out.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from threading import Event, Thread
from time import monotonic
from typing import Any, Protocol

import structlog
from celery import signals

from mlc_service.jobs.celery_app import celery_app, on_message

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.2
_PAUSE_SECONDS = 1.0


class Workplace(Protocol):
    """What a process of the pool works with."""

    def work(self) -> object:
        """What was due is done, or others do it. Never raises."""

    def close(self, *, hurry: bool = False) -> None:
        """Nothing of it runs any more; in a hurry, jobs in hand are given back unfinished."""


class Closing:
    """Whether the worker is to stop: said by the parent, seen by the processes it forks."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)
        self._parent = os.getpid()

    def begin(self) -> None:
        self._shared[0] = 1

    def __call__(self) -> bool:
        return self._shared[0] == 1 or (os.getpid() != self._parent and os.getppid() != self._parent)


def run_worker(
    redis_url: str,
    *,
    queue: str,
    concurrency: int,
    stop_seconds: float,
    open_workplace: Callable[[Closing], Workplace],
) -> None:
    """Serves the queue until SIGTERM or SIGINT. Then no job begins any more, and those in hand have `stop_seconds`."""
    app = celery_app(redis_url)
    closing = Closing()
    places: list[Workplace] = []

    def run(ids: list[str]) -> None:
        # these may be done already, and others may be more urgent: the job table knows
        log.debug("worker_told", ids=ids)
        places[0].work()

    def forked(**_: Any) -> None:
        while not places:
            try:
                places.append(open_workplace(closing))
            except Exception as error:
                # the database may be away for a while: a process without a workplace must not take messages
                log.warning("workplace_not_opened", error=str(error))
                if closing():
                    os._exit(0)
                Event().wait(_PAUSE_SECONDS)
        Thread(target=_leave_in_time, args=(places[0], closing, stop_seconds), name="closing", daemon=True).start()

    def ended(**_: Any) -> None:
        while places:
            places.pop().close()

    def shutting_down(**_: Any) -> None:
        closing.begin()

    def keep_logging(**_: Any) -> None:
        """Celery leaves logging as it is because somebody listens to this signal."""

    on_message(app, run)
    for signal, receiver in (
        (signals.worker_process_init, forked),
        (signals.worker_process_shutdown, ended),
        (signals.worker_shutting_down, shutting_down),
        (signals.setup_logging, keep_logging),
    ):
        signal.connect(receiver, weak=False)
    worker = app.Worker(
        queues=[queue],
        concurrency=concurrency,
        pool="prefork",
        hostname=f"mlc-{queue}-{os.getpid()}@%h",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    log.info("worker_started", queue=queue, concurrency=concurrency)
    worker.start()
    log.info("worker_stopped", queue=queue)


def _leave_in_time(place: Workplace, closing: Closing, stop_seconds: float) -> None:
    """Ends this process if the worker stops and a job does not."""
    never = Event()
    while not closing():
        never.wait(_LOOK_SECONDS)
    deadline = monotonic() + stop_seconds
    while monotonic() < deadline:
        never.wait(_LOOK_SECONDS)
    log.warning("job_given_back", after_seconds=stop_seconds)
    place.close(hurry=True)
    os._exit(0)
