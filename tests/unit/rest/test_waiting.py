"""Waiting over HTTP: a client that goes away, a service that ends, and everybody else who must not be held up."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import anyio
import httpx2
import pytest

from mlc_service.identity import OpenDoor
from mlc_service.language.scripts import ScriptRunner
from mlc_service.process.surroundings import Surroundings
from mlc_service.rest.application import create_app
from mlc_service.rest.camunda.call import Call, ClientGone, Later
from mlc_service.rest.camunda.external_tasks import fetch
from mlc_service.rest.dependencies import Dependencies
from mlc_service.server import Background, listen, port_of
from tests.unit.engine.driver import diagram, flows

PATIENCE_SECONDS = 20
REST = "/mlc-service/rest"
FETCH = f"{REST}/external-task/fetchAndLock"
SHIPPING = diagram(
    '<bpmn:startEvent id="s"/><bpmn:serviceTask id="ship" camunda:type="external" camunda:topic="orders"/>'
    + flows("s", "ship")
)
WAITING = {
    "workerId": "w",
    "maxTasks": 1,
    "asyncResponseTimeout": 600_000,
    "topics": [{"topicName": "orders", "lockDuration": 1000}],
}


def wait_until(holds):
    pulse = Event()
    for _ in range(PATIENCE_SECONDS * 50):
        if holds():
            return
        pulse.wait(0.02)
    raise AssertionError("did not come true")


class Site:
    """A served application that has one thread for everything that needs one."""

    def __init__(self, units, clock):
        around = Surroundings(clock, ScriptRunner(), frozenset())
        self.app = create_app(
            Dependencies(
                units=units, clock=clock, gate=OpenDoor(), process=around, run_job=lambda job_id: None, threads=1
            )
        )
        listener = listen("127.0.0.1", 0)
        self.port = port_of(listener)
        self.server = Background(self.app, listener)
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE_SECONDS)
        self._callers = ThreadPoolExecutor(8)

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *raised):
        self.server.__exit__(*raised)
        self.client.close()
        self._callers.shutdown()

    @property
    def waiting(self):
        return self.app.state.waiting_room.waiting

    def deploy(self):
        answer = self.client.post(f"{REST}/deployment/create", files={"p.bpmn": ("p.bpmn", SHIPPING)})
        assert answer.status_code == 200, answer.text

    def start(self):
        return self.client.post(f"{REST}/process-definition/key/p/start", json={}).json()["id"]

    def fetch_later(self):
        """The answer of a worker that waits, in a thread of its own."""
        return self._callers.submit(self.client.post, FETCH, json=WAITING)


@pytest.fixture
def site(units, clock):
    with Site(units, clock) as site:
        yield site


def test_waiting_requests_hold_no_thread(site):
    for _ in range(5):
        site.fetch_later()
    wait_until(lambda: site.waiting == 5)
    assert site.client.get(f"{REST}/external-task/count").json() == {"count": 0}


def test_waiting_requests_are_answered_when_the_service_ends(units, clock):
    with Site(units, clock) as site:
        answers = [site.fetch_later() for _ in range(3)]
        wait_until(lambda: site.waiting == 3)
    assert [(answer.result().status_code, answer.result().json()) for answer in answers] == [(200, [])] * 3


def test_who_goes_away_does_not_wait_any_more(site):
    body = json.dumps(WAITING).encode()
    head = f"POST {FETCH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.port)) as connection:
        connection.sendall(head.encode() + body)
        wait_until(lambda: site.waiting == 1)
    wait_until(lambda: site.waiting == 0)


def test_who_waits_gets_what_a_command_of_this_process_has_made(site):
    site.deploy()
    answer = site.fetch_later()
    wait_until(lambda: site.waiting == 1)
    instance_id = site.start()
    [task] = answer.result().json()
    assert (task["processInstanceId"], task["workerId"], task["activityId"]) == (instance_id, "w", "ship")


def test_of_many_who_wait_each_task_goes_to_one(site):
    site.deploy()
    answers = [site.fetch_later() for _ in range(4)]
    wait_until(lambda: site.waiting == 4)
    started = {site.start() for _ in range(4)}
    fetched = [task["processInstanceId"] for answer in answers for task in answer.result().json()]
    assert sorted(fetched) == sorted(started)


def test_a_task_that_is_given_back_goes_to_who_waits(site):
    site.deploy()
    site.start()
    [task] = site.client.post(FETCH, json=WAITING | {"workerId": "first"}).json()
    answer = site.fetch_later()
    wait_until(lambda: site.waiting == 1)
    site.client.post(f"{REST}/external-task/{task['id']}/unlock")
    assert [one["workerId"] for one in answer.result().json()] == ["w"]


def test_nothing_is_locked_for_a_client_that_has_gone(site):
    """It goes away while its request looks again: what was found is not kept."""
    site.deploy()
    call = Call(
        site.app.state.deps,
        "POST",
        {"path_params": {}, "query_string": b"", "headers": []},
        json.dumps(WAITING).encode(),
        site.app.state.waiting_room,
    )
    later = fetch(call)
    assert isinstance(later, Later)
    site.start()
    call.gone = True
    with pytest.raises(ClientGone):
        anyio.run(later.wait)
    assert [task["workerId"] for task in site.client.get(f"{REST}/external-task").json()] == [None]
