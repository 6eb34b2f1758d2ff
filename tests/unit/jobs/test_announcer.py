"""Telling workers through Redis, and doing without it."""

from __future__ import annotations

import json
from base64 import b64decode
from threading import Event

import pytest
from redis import Redis

from mlc_service.jobs.announcer import Announcer, TopicListener
from mlc_service.jobs.celery_app import step_of
from mlc_service.store.jobs import DueJob
from tests.servers import free_port


def messages(redis_url: str, queue: str) -> list[list[str]]:
    """The ids in each message of a queue, most urgent first."""
    with Redis.from_url(redis_url) as redis:
        found = []
        for step in (0, 3, 6, 9):
            key = queue if step == 0 else f"{queue}\x06\x16{step}"
            for raw in reversed(redis.lrange(key, 0, -1)):
                found.append(json.loads(b64decode(json.loads(raw)["body"]))[0][0])
        return found


@pytest.fixture
def queue(request: pytest.FixtureRequest) -> str:
    """A queue that no other test uses."""
    return f"jobs-{request.node.name}"


def test_workers_are_told_ids_and_nothing_else_urgent_ones_first(redis_server: str, queue: str) -> None:
    announcer = Announcer(redis_server)
    announcer.start()
    announcer.tell([DueJob("usual", queue, 0), DueJob("urgent", queue, 70), DueJob("later", queue, -1)])
    announcer.stop()
    assert messages(redis_server, queue) == [["urgent"], ["usual"], ["later"]]


def test_many_jobs_are_packed_and_few_are_spread(redis_server: str, queue: str) -> None:
    announcer = Announcer(redis_server)
    announcer.start()
    announcer.tell([DueJob(f"{number}", queue, 0) for number in range(400)])
    announcer.stop()
    assert [len(ids) for ids in messages(redis_server, queue)] == [20] * 20


def test_nobody_waits_for_a_redis_that_is_away() -> None:
    announcer = Announcer(f"redis://127.0.0.1:{free_port()}/0")
    announcer.start()
    for number in range(5_000):
        # more than it keeps
        announcer.tell([DueJob(f"{number}", "jobs", 0)])
        announcer.tell_topics(frozenset({"topic"}))


def test_topics_reach_whoever_listens(redis_server: str) -> None:
    heard: list[frozenset[str]] = []
    called = Event()

    def hear(topics: frozenset[str]) -> None:
        heard.append(topics)
        called.set()

    listener, announcer = TopicListener(redis_server, hear), Announcer(redis_server)
    listener.start()
    announcer.start()
    for _ in range(100):
        # it may not listen yet
        announcer.tell_topics(frozenset({"a", "b"}))
        if called.wait(0.1):
            break
    announcer.stop()
    listener.stop()
    assert heard[0] == {"a", "b"}


def test_priorities_of_camunda_have_an_order_in_celery() -> None:
    steps = [step_of(priority) for priority in (100, 51, 50, 1, 0, -1, -100)]
    assert steps == sorted(steps)
    assert step_of(0) != step_of(1)
