"""What several processes do together, while none of them is killed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from threading import Event

from mlc_service.clock import SystemClock
from tests.recovery.diagrams import SIGNAL, TIMER, USER_TASK, WAIT_FOR_SIGNAL, http_call, row
from tests.recovery.fleet import REST, Effects, Fleet, RedisServer
from tests.recovery.multiplying import multiply

ENDED = "SELECT count(*) FROM historic_process_instances WHERE state = 'COMPLETED'"


def ended(fleet: Fleet, count: int, seconds: float = 240.0) -> None:
    fleet.until(f"{count} instances to end", lambda: fleet.value(ENDED) >= count or None, seconds)
    assert fleet.value(ENDED) == count
    assert fleet.rows("SELECT * FROM incidents") == []


def test_a_flushed_redis_costs_no_more_than_the_time_until_jobs_are_told_again(
    make_fleet: Callable[..., Fleet], killable_redis: RedisServer, effects: Effects
) -> None:
    fleet = make_fleet(MLC_RESEND_SECONDS="4")
    fleet.add_api()
    client = fleet.http()
    fleet.deploy(client, ("steps.bpmn", row("steps", [http_call(effects.url)] * 3)))
    fleet.add("scheduler", "scheduler")
    fleet.until("the scheduler", lambda: fleet.rows("SELECT 1 FROM service_processes WHERE role = 'scheduler'") or None)
    # nobody takes messages yet: they lie in Redis until it is flushed
    for number in range(50):
        client.post(f"{REST}/process-definition/key/steps/start", json={"businessKey": f"{number}"}).raise_for_status()
    killable_redis.flush()
    assert killable_redis.waiting("jobs") == 0
    # that all were told again, and when, is in the job table
    fleet.until(
        "all to be told again",
        lambda: fleet.value("SELECT bool_and(announced > created) FROM jobs") or None,
    )
    (delay,) = fleet.rows("SELECT extract(epoch FROM max(announced - created)) FROM jobs")[0]
    print(f"told again after {delay:.1f} s")
    assert killable_redis.waiting("jobs") > 0

    fleet.add("worker", "worker", "--concurrency", "2")
    fleet.until("the first effects", lambda: effects.asked > 10 or None)
    killable_redis.flush()
    for number in range(50, 60):
        client.post(f"{REST}/process-definition/key/steps/start", json={"businessKey": f"{number}"}).raise_for_status()
    killable_redis.flush()
    ended(fleet, 60)
    assert len(effects.done) == effects.asked == 180


def test_work_goes_on_without_redis(
    make_fleet: Callable[..., Fleet], killable_redis: RedisServer, effects: Effects
) -> None:
    fleet = make_fleet(MLC_RESEND_SECONDS="1")
    fleet.add_api()
    client = fleet.http()
    fleet.add("worker", "worker", "--concurrency", "2")
    fleet.add("scheduler", "scheduler")
    fleet.deploy(client, ("steps.bpmn", row("steps", [http_call(effects.url)] * 3)))
    fleet.until(
        "the worker", lambda: fleet.value("SELECT count(*) FROM service_processes WHERE role = 'worker'") == 2 or None
    )
    killable_redis.kill()
    for number in range(20):
        client.post(f"{REST}/process-definition/key/steps/start", json={"businessKey": f"{number}"}).raise_for_status()
    ended(fleet, 20)
    assert len(effects.done) == 60
    assert client.get("/readyz").json()["status"] == "degraded"
    # and when it is back it is used again
    killable_redis.start()
    client.post(f"{REST}/process-definition/key/steps/start", json={"businessKey": "20"}).raise_for_status()
    ended(fleet, 21)


def test_of_two_schedulers_each_timer_is_told_by_one_and_fires_once(fleet: Fleet) -> None:
    fleet.add_api()
    client = fleet.http()
    fleet.deploy(client, ("timers.bpmn", row("timers", [TIMER])))
    due = (SystemClock().now() + timedelta(seconds=1)).isoformat()
    body = {"variables": {"due": {"value": due, "type": "String"}}, "businessKey": "model"}
    one = client.post(f"{REST}/process-definition/key/timers/start", json=body).raise_for_status().json()["id"]
    multiply(fleet.database_url, one, 4_999)
    assert fleet.value("SELECT count(*) FROM jobs WHERE kind = 'timer'") == 5_000
    for name in ("worker-1", "worker-2"):
        fleet.add(name, "worker", "--concurrency", "1")
    for name in ("scheduler-1", "scheduler-2"):
        fleet.add(name, "scheduler")
    ended(fleet, 5_000)
    assert fleet.rows("SELECT * FROM jobs") == []
    fired = fleet.rows(
        "SELECT instance_id, count(*) FROM historic_activity_instances WHERE activity_id = 'end' GROUP BY 1"
    )
    assert Counter(count for _, count in fired) == {1: 5_000}


def test_a_signal_to_ten_thousand_is_answered_at_once_and_reaches_each_once(fleet: Fleet) -> None:
    fleet.add_api()
    client = fleet.http()
    fleet.deploy(client, ("waiting.bpmn", row("waiting", [WAIT_FOR_SIGNAL, USER_TASK], beside=SIGNAL)))
    one = client.post(f"{REST}/process-definition/key/waiting/start", json={}).raise_for_status().json()["id"]
    multiply(fleet.database_url, one, 9_999)
    before = time.monotonic()
    answer = client.post(f"{REST}/signal", json={"name": "go", "variables": {"from": {"value": "signal"}}})
    seconds = time.monotonic() - before
    assert answer.status_code == 204, answer.text
    print(f"answered in {seconds:.2f} s")
    # answered before anybody has moved, for whom there is no worker yet
    assert fleet.value("SELECT count(*) FROM jobs") == 10_000
    for name in ("worker-1", "worker-2"):
        fleet.add(name, "worker", "--concurrency", "1")
    fleet.add("scheduler", "scheduler")
    fleet.until("everybody to move", lambda: fleet.value("SELECT count(*) FROM jobs") == 0 or None, 240)
    print(f"all have moved after {time.monotonic() - before:.1f} s")
    assert fleet.rows("SELECT * FROM incidents") == []
    assert fleet.value("SELECT count(*) FROM event_subscriptions") == 0
    received = fleet.rows("SELECT instance_id, count(*) FROM tasks GROUP BY 1")
    assert Counter(count for _, count in received) == {1: 10_000}
    reached = fleet.value("SELECT count(*) FROM historic_activity_instances WHERE activity_id = 'n2'")
    assert reached == 10_000
    carried = fleet.value("SELECT count(*) FROM process_instances WHERE variables ? 'from'")
    assert carried == 10_000


def test_a_message_to_all_reaches_each_once(fleet: Fleet) -> None:
    fleet.add_api()
    client = fleet.http()
    message = '<bpmn:message id="go" name="go"/>'
    wait = '<bpmn:receiveTask id="ID" messageRef="go"/>'
    fleet.deploy(client, ("waiting.bpmn", row("waiting", [wait, USER_TASK], beside=message)))
    body = {"variables": {"team": {"value": "a"}}}
    one = client.post(f"{REST}/process-definition/key/waiting/start", json=body).raise_for_status().json()["id"]
    multiply(fleet.database_url, one, 499)
    other = {"variables": {"team": {"value": "b"}}}
    client.post(f"{REST}/process-definition/key/waiting/start", json=other).raise_for_status()
    fleet.add("worker", "worker", "--concurrency", "2")
    fleet.add("scheduler", "scheduler")
    answer = client.post(
        f"{REST}/message",
        json={
            "messageName": "go",
            "all": True,
            "correlationKeys": {"team": {"value": "a"}},
            "processVariables": {"said": {"value": "yes"}},
        },
    )
    assert answer.status_code == 204, answer.text
    fleet.until("everybody to move", lambda: fleet.value("SELECT count(*) FROM jobs") == 0 or None)
    assert fleet.value("SELECT count(*) FROM tasks") == 500
    assert fleet.value("SELECT count(*) FROM process_instances WHERE variables ? 'said'") == 500
    assert fleet.value("SELECT count(*) FROM event_subscriptions") == 1


def test_a_process_that_is_asked_to_end_finishes_its_jobs_or_gives_them_back(
    make_fleet: Callable[..., Fleet],
) -> None:
    asked_to_end, over = Event(), Event()
    with Effects(asked_to_end.wait) as quick, Effects(over.wait) as endless:
        fleet = make_fleet(MLC_STOP_SECONDS="5", MLC_LEASE_SECONDS="60")
        fleet.add_api()
        client = fleet.http()
        fleet.deploy(
            client,
            ("quick.bpmn", row("quick", [http_call(quick.url)] * 2)),
            ("endless.bpmn", row("endless", [http_call(endless.url)])),
        )
        worker = fleet.add("worker", "worker", "--concurrency", "2")
        for key in ("quick", "endless"):
            client.post(f"{REST}/process-definition/key/{key}/start", json={"businessKey": key}).raise_for_status()
        fleet.until("both to begin", lambda: (quick.asked and endless.asked) or None)
        worker.ask_to_end()
        # the word has to arrive before the call comes back; nothing outside shows that it has
        time.sleep(1.0)
        asked_to_end.set()
        assert worker.ended() == 0
        # the quick one was finished, and its second step was not begun
        held = fleet.rows("SELECT definition_key, activity_id, state, expiries FROM jobs ORDER BY 1")
        assert held == [("endless", "n1", "ready", 0), ("quick", "n2", "ready", 0)]
        assert quick.asked == 1
        assert fleet.value("SELECT count(*) FROM service_processes WHERE role = 'worker'") == 0
        over.set()


def test_jobs_of_one_instance_run_one_after_the_other_and_the_urgent_ones_first(fleet: Fleet, effects: Effects) -> None:
    fleet.add_api()
    client = fleet.http()
    call = http_call(effects.url)
    for priority in (10, 70):
        urgent = call.replace('id="ID"', f'id="ID" camunda:jobPriority="{priority}"')
        fleet.deploy(client, (f"p{priority}.bpmn", row(f"p{priority}", [urgent])))
    for number in range(40):
        for priority in (10, 70):
            body = {"businessKey": f"p{priority}-{number}"}
            client.post(f"{REST}/process-definition/key/p{priority}/start", json=body).raise_for_status()
    fleet.add("worker", "worker", "--concurrency", "1")
    ended(fleet, 80)
    order = [key.split("-")[0] for key in effects.done.values()]
    assert order == ["p70"] * 40 + ["p10"] * 40
