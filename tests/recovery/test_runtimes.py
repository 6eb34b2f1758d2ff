"""Model runtimes as processes: matched by tags, found dead, and never left with a model job that runs for ever."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.process.world import MODEL, MODELS, World
from tests.recovery.fleet import Fleet

SLOW = MODEL.replace("def metrics(df):", "def metrics(df):\n    import time\n    time.sleep(4)")


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet]) -> Fleet:
    cache = Path(os.environ.get("MLC_TEST_ENVIRONMENTS", Path.home() / ".cache" / "mlc-test-environments"))
    fleet = make_fleet(MLC_ENVIRONMENTS=str(cache), MLC_RUNTIME_PATIENCE_SECONDS="8", MLC_CONCURRENCY="1")
    fleet.add_api()
    fleet.add("worker", "worker", "--concurrency", "1")
    fleet.add("scheduler", "scheduler")
    return fleet


def world_of(fleet: Fleet) -> World:
    return World(str(fleet.http().base_url).rstrip("/"))


def metrics_job(world: World, snapshot: dict[str, Any], **more: Any) -> dict[str, Any]:
    tests = [one for one in snapshot["storedModel"]["modelAssets"] if one["assetRole"] == "TEST_DATA"]
    body = {"jobType": "MODEL_BATCH_TEST_JOB", "model": {"id": snapshot["id"]}, "inputData": tests, **more}
    answer = world.http.post(f"{MODELS}/jobs", json=body)
    assert answer.is_success, answer.text
    return dict(answer.json())


def job_of(world: World, id: str) -> dict[str, Any]:
    return dict(world.get(f"{MODELS}/jobs/{id}"))


def runtime_of(world: World, name: str) -> dict[str, Any] | None:
    return next((one for one in world.documents("engines") if one["name"] == name), None)


def served(fleet: Fleet, name: str) -> bool | None:
    """Whether a process takes jobs of that runtime."""
    known = fleet.value("SELECT count(*) FROM service_processes WHERE queue = %s", f"runtime.{name}")
    return known == 1 or None


def status(world: World, id: str, *wanted: str) -> Callable[[], dict[str, Any] | None]:
    def look() -> dict[str, Any] | None:
        job = job_of(world, id)
        return job if job["jobStatus"] in wanted else None

    return look


def test_a_job_runs_on_the_runtime_whose_tags_fit(fleet: Fleet) -> None:
    world = world_of(fleet)
    with world.http:
        snapshot = world.snapshot(world.model())
        fleet.add("credit", "runtime", "--name", "credit", "--tag", "credit")
        fleet.add("other", "runtime", "--name", "other", "--tag", "fraud")
        for name in ("credit", "other"):
            found = fleet.until(f"runtime {name}", lambda name=name: runtime_of(world, name))
            assert found["state"] == "INIT"
        job = metrics_job(world, snapshot)
        ended = fleet.until("the job to end", status(world, job["id"], "COMPLETE", "ERROR"))
        assert (ended["jobStatus"], ended["targetEngine"]["name"]) == ("COMPLETE", "credit"), ended["jobMessages"]
        # one that is named by whoever asks, whatever its tags
        job = metrics_job(world, snapshot, targetEngine={"name": "other"})
        ended = fleet.until("the job to end", status(world, job["id"], "COMPLETE", "ERROR"))
        assert (ended["jobStatus"], ended["targetEngine"]["name"]) == ("COMPLETE", "other"), ended["jobMessages"]
        fleet.members["credit"].ask_to_end()
        assert fleet.members["credit"].ended() == 0
        stopped = runtime_of(world, "credit")
        assert stopped is not None
        assert stopped["state"] == "STOPPED"


def test_a_runtime_that_dies_gives_its_job_to_another(fleet: Fleet) -> None:
    world = world_of(fleet)
    with world.http:
        snapshot = world.snapshot(world.model(SLOW))
        first = fleet.add("first", "runtime", "--name", "a-first", "--tag", "credit")
        fleet.add("second", "runtime", "--name", "b-second", "--tag", "credit")
        for name in ("a-first", "b-second"):
            fleet.until(f"runtime {name}", lambda name=name: served(fleet, name))
        job = metrics_job(world, snapshot)
        running = fleet.until("the job to run", status(world, job["id"], "RUNNING"))
        # of two that fit alike, the first by name
        assert running["targetEngine"]["name"] == "a-first"
        first.end()
        ended = fleet.until("the job to end", status(world, job["id"], "COMPLETE", "ERROR"))
        assert ended["jobStatus"] == "COMPLETE", ended["jobMessages"]
        assert ended["targetEngine"]["name"] == "b-second"
        assert any("the worker was lost" in line for line in ended["jobMessages"])
        lost = runtime_of(world, "a-first")
        assert lost is not None
        assert (lost["state"], bool(lost["lostSince"])) == ("ERROR", True)
        # and when it is back it takes jobs again
        first.start()
        fleet.until(
            "the runtime to be back",
            lambda: ((found := runtime_of(world, "a-first")) and found["state"] == "INIT") or None,
        )


def test_a_job_whose_runtime_stays_away_fails_and_says_why(fleet: Fleet) -> None:
    world = world_of(fleet)
    with world.http:
        snapshot = world.snapshot(world.model(SLOW))
        only = fleet.add("only", "runtime", "--name", "only", "--tag", "credit")
        fleet.until("the runtime", lambda: runtime_of(world, "only"))
        job = metrics_job(world, snapshot)
        fleet.until("the job to run", status(world, job["id"], "RUNNING"))
        only.end()
        before = time.monotonic()
        ended = fleet.until("the job to end", status(world, job["id"], "COMPLETE", "ERROR"))
        print(f"given up after {time.monotonic() - before:.0f} s")
        assert ended["jobStatus"] == "ERROR"
        assert "no process of a runtime that fits is running: only" in ended["jobError"]
        assert fleet.rows("SELECT * FROM jobs WHERE kind = 'model_job'") == []


def test_a_job_that_nobody_fits_fails_at_once_with_the_reason(fleet: Fleet) -> None:
    world = world_of(fleet)
    with world.http:
        snapshot = world.snapshot(world.model())
        fleet.add("other", "runtime", "--name", "other", "--tag", "fraud")
        fleet.until("the runtime", lambda: runtime_of(world, "other"))
        job = metrics_job(world, snapshot, jobType="MODEL_BATCH_JOB")
        ended = fleet.until("the job to end", status(world, job["id"], "COMPLETE", "ERROR"))
        assert ended["jobStatus"] == "ERROR"
        assert "other: service tag is fraud, wanted credit" in ended["jobError"]


def test_a_model_goes_from_snapshot_to_production_over_all_the_processes(fleet: Fleet) -> None:
    world = world_of(fleet)
    with world.http:
        fleet.add("credit", "runtime", "--name", "credit", "--tag", "credit")
        fleet.until("the runtime", lambda: served(fleet, "credit"))
        world.deploy()
        world.snapshot(world.model(), "run_test", "jira")
        world.move(world.ticket(), "Done")
        assert world.outcome() == "DEPLOYED"
        (job,) = world.documents("jobs")
        assert (job["jobStatus"], job["targetEngine"]["name"]) == ("COMPLETE", "credit")
        (deployed,) = world.documents("deployedModels")
        assert (deployed["state"], deployed["engine"]["name"]) == ("DEPLOYED", "credit")
        assert world.get("/mlc-service/rest/incident") == []
