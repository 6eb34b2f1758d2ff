"""Celery, as this service uses it: a bell. Messages carry ids of jobs that are due, the job table says what is done.

Losing every message costs the time until the scheduler tells of the jobs again, a message twice costs a look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from celery import Celery

# how long a taken message is kept for a worker that says nothing; its jobs have leases of their own
_VISIBILITY_SECONDS = 3600
_RUN = "mlc.run"
# Celery's Redis queues know four; Camunda's priorities are any number, 0 unless the diagram says otherwise
_MOST_URGENT, _URGENT, _USUAL, _LATER = 0, 3, 6, 9


def celery_app(redis_url: str) -> Celery:
    """An application on that Redis; it connects when it is used."""
    app = Celery("mlc", broker=redis_url, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        # with early acknowledgement a worker would keep messages that wait behind a long job
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        # Redis may be away for long: workers wait for it
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": _VISIBILITY_SECONDS,
            "queue_order_strategy": "priority",
            "priority_steps": [_MOST_URGENT, _URGENT, _USUAL, _LATER],
            "socket_connect_timeout": 5,
            "socket_timeout": 30,
            "retry_on_timeout": True,
        },
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        # a process of the pool opens the database before it says that it is up
        worker_proc_alive_timeout=60,
    )
    return app


def send(app: Celery, queue: str, ids: Sequence[str], priority: int) -> None:
    """A worker of that queue will look at these jobs. `priority` is Camunda's. Raises kombu's OperationalError."""
    app.send_task(_RUN, args=[list(ids)], queue=queue, priority=step_of(priority), retry=False, ignore_result=True)


def step_of(priority: int) -> int:
    """Celery's priority, 0 the most urgent, for one of Camunda's, where more is more urgent and 0 the usual."""
    if priority > 50:
        return _MOST_URGENT
    if priority > 0:
        return _URGENT
    return _USUAL if priority == 0 else _LATER


def on_message(app: Celery, run: Callable[[list[str]], None]) -> None:
    """`run(ids)` is called, in a process of the worker's pool, for each message."""
    app.task(name=_RUN)(run)
