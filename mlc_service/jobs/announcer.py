"""Tells workers of due jobs, and API processes of new external tasks, behind the back of whoever commits."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import Empty, Full, Queue
from threading import Event, Thread

import structlog
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from mlc_service import metrics
from mlc_service.jobs.celery_app import celery_app, send, step_of
from mlc_service.store.jobs import DueJob

log = structlog.get_logger(__name__)

_CHANNEL = "mlc.external_tasks"
# while Redis is away this much waits to be told; the rest is left to the scheduler, which tells of it again
_MOST_WAITING = 2_000
_MOST_IN_A_MESSAGE = 20
# that many slots are to begin at once when there is enough to do
_SLOTS = 8
_PAUSE_SECONDS = 1.0
_CONNECT_SECONDS = 5.0

# jobs that are due, or topics with a new external task
_News = Sequence[DueJob] | frozenset[str]


class Announcer:
    """Hands ids of due jobs to Celery in a thread of its own. `start` and `stop` once each.

    Nobody waits for Redis, and nobody hears of it when it is away: the scheduler tells of every job again that is due
    and not claimed.
    """

    def __init__(self, redis_url: str) -> None:
        self._celery = celery_app(redis_url)
        self._redis = _redis(redis_url)
        self._news: Queue[_News | None] = Queue(_MOST_WAITING)
        self._thread = Thread(target=self._run, name="announcer", daemon=True)
        self._is_cut_off = False

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float = 2.0) -> None:
        """What waits has been told if it was possible within that time."""
        try:
            self._news.put_nowait(None)
        except Full:
            return
        self._thread.join(seconds)

    def tell(self, due: Sequence[DueJob]) -> None:
        """Workers are told of these jobs soon, or not at all. Never waits, never raises."""
        if due:
            self._put(due)

    def tell_topics(self, topics: frozenset[str]) -> None:
        """Whoever waits for external tasks of these topics looks again soon, or not at all."""
        self._put(topics)

    def _put(self, news: _News) -> None:
        try:
            self._news.put_nowait(news)
        except Full:
            metrics.BROADCASTS.labels("dropped").inc()

    def _run(self) -> None:
        while True:
            news = self._news.get()
            if news is None:
                return
            gathered, is_last = self._gathered(news)
            try:
                self._send(gathered)
                metrics.BROADCASTS.labels("announced").inc(len(gathered))
            except (OperationalError, RedisError, OSError) as error:
                if not self._is_cut_off:
                    log.warning("redis_unavailable", error=str(error))
                self._is_cut_off = True
                metrics.BROADCASTS.labels("dropped").inc(len(gathered))
                Event().wait(_PAUSE_SECONDS)
            else:
                if self._is_cut_off:
                    log.info("redis_available")
                self._is_cut_off = False
            if is_last:
                return

    def _gathered(self, first: _News) -> tuple[list[_News], bool]:
        """All there is to tell now, and whether it is the last."""
        gathered = [first]
        while True:
            try:
                news = self._news.get_nowait()
            except Empty:
                return gathered, False
            if news is None:
                return gathered, True
            gathered.append(news)

    def _send(self, gathered: Iterable[_News]) -> None:
        topics: set[str] = set()
        due: dict[tuple[str, int], list[DueJob]] = defaultdict(list)
        for news in gathered:
            if isinstance(news, frozenset):
                topics |= news
                continue
            for job in news:
                due[job.queue, step_of(job.priority)].append(job)
        # the lowest step is the most urgent
        for (queue, _), jobs in sorted(due.items(), key=lambda one: one[0][1]):
            for message in _messages(jobs):
                send(self._celery, queue, [job.id for job in message], message[0].priority)
        if topics:
            self._redis.publish(_CHANNEL, json.dumps(sorted(topics)))


def _messages(jobs: Sequence[DueJob]) -> Iterator[Sequence[DueJob]]:
    """Few jobs are spread over several slots, many are packed."""
    size = max(1, min(_MOST_IN_A_MESSAGE, len(jobs) // _SLOTS))
    for first in range(0, len(jobs), size):
        yield jobs[first : first + size]


class TopicListener:
    """Calls `heard(topics)` for what any process of the service tells with `tell_topics`. `start` and `stop` once."""

    def __init__(self, redis_url: str, heard: Callable[[frozenset[str]], None]) -> None:
        self._redis = _redis(redis_url)
        self._heard = heard
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="topic-listener", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except (RedisError, OSError):
                # whoever waits looks every few seconds anyway
                self._stopping.wait(_PAUSE_SECONDS)

    def _listen(self) -> None:
        with self._redis.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
            channel.subscribe(_CHANNEL)
            while not self._stopping.is_set():
                message = channel.get_message(timeout=1.0)
                if message is not None:
                    self._heard(frozenset(json.loads(message["data"])))


def _redis(url: str) -> Redis:
    return Redis.from_url(url, socket_connect_timeout=_CONNECT_SECONDS, health_check_interval=30)
