"""Everything that can be killed is killed, again and again: nothing is lost and nothing happens twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from threading import Thread

import httpx2

from tests.recovery.diagrams import http_call, row
from tests.recovery.fleet import REST, Effects, Fleet, RedisServer
from tests.servers import DebianPostgres

INSTANCES = 300
STEPS = 5
KILLS = 30


def started(clients: list[httpx2.Client], business_key: str) -> None:
    """The instance was started once. A client that got no answer looks before it repeats."""
    while True:
        for client in clients:
            try:
                known = client.get(f"{REST}/history/process-instance/count", params={
                    "processInstanceBusinessKey": business_key}).raise_for_status().json()["count"]  # fmt: skip
                if known:
                    return
                answer = client.post(f"{REST}/process-definition/key/steps/start", json={"businessKey": business_key})
                if answer.status_code == 200:
                    return
                assert answer.status_code == 503, answer.text
            except (httpx2.TransportError, httpx2.HTTPStatusError):
                pass
        time.sleep(0.1)


def test_kills_at_random_moments_lose_nothing_and_double_nothing(
    make_fleet: Callable[..., Fleet], killable_postgres: DebianPostgres, killable_redis: RedisServer
) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    # slow enough for kills to come in the middle of calls
    with Effects(lambda: time.sleep(chance.uniform(0.0, 0.2))) as effects:
        under_fire(make_fleet(), killable_postgres, killable_redis, effects, chance)


def under_fire(
    fleet: Fleet,
    killable_postgres: DebianPostgres,
    killable_redis: RedisServer,
    effects: Effects,
    chance: random.Random,
) -> None:
    """All instances are started and end while processes are killed; each effect is there once."""
    for name in ("api-1", "api-2"):
        fleet.add_api(name)
    for name in ("worker-1", "worker-2"):
        fleet.add(name, "worker", "--concurrency", "2")
    for name in ("scheduler-1", "scheduler-2"):
        fleet.add(name, "scheduler")
    clients = [fleet.http(name, timeout=10.0) for name in ("api-1", "api-2")]
    fleet.deploy(clients[0], ("steps.bpmn", row("steps", [http_call(effects.url)] * STEPS)))

    def start_all() -> None:
        for number in range(INSTANCES):
            started(clients, f"case-{number}")

    starting = Thread(target=start_all)
    starting.start()
    restart_at = chance.randrange(KILLS // 3, KILLS * 2 // 3)
    for kill in range(KILLS):
        time.sleep(chance.uniform(0.1, 0.7))
        victim = chance.choice(["worker-1", "worker-2", "child", "scheduler-1", "scheduler-2", "api-1", "redis"])
        if kill == restart_at:
            killable_postgres.restart()
        if victim == "redis":
            killable_redis.kill()
            time.sleep(chance.uniform(0.0, 0.5))
            killable_redis.start()
        elif victim == "child":
            fleet.members[chance.choice(["worker-1", "worker-2"])].kill_child(chance)
        else:
            fleet.members[victim].kill()
            time.sleep(chance.uniform(0.0, 0.5))
            fleet.members[victim].start()
    starting.join()

    fleet.until(
        "every instance to end",
        lambda: True if fleet.value(
            "SELECT count(*) FROM historic_process_instances WHERE state = 'COMPLETED'"
        ) == INSTANCES else None,
        300,
    )  # fmt: skip
    assert fleet.value("SELECT count(*) FROM historic_process_instances") == INSTANCES
    assert fleet.value("SELECT count(*) FROM process_instances") == 0
    assert fleet.rows("SELECT * FROM jobs") == []
    assert fleet.rows("SELECT * FROM incidents") == []
    wanted = sorted(f"case-{number}/n{step}" for number in range(INSTANCES) for step in range(1, STEPS + 1))
    # one effect for each step of each instance, each under a key of its own
    assert sorted(effects.done.values()) == wanted
    steps_on_record = fleet.value(
        "SELECT count(*) FROM historic_activity_instances WHERE activity_type = 'serviceTask' AND ended IS NOT NULL"
    )
    assert steps_on_record == INSTANCES * STEPS
    print(f"{effects.asked - len(wanted)} of {len(wanted)} calls were made again")
