"""`kill -9` of the whole service, at the worst moments, then `mlc up` on the same folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlc_service import server
from tests.jira_stand_in.server import PERSONAL_ACCESS_TOKEN, JiraStandIn
from tests.process.world import MODEL, World

MLC = Path(sys.executable).parent / "mlc"
SLOW = MODEL.replace("def metrics(df):", "def metrics(df):\n    import time\n    time.sleep(3)")
START_SECONDS = 60.0


class Killable:
    """`mlc up` in a process of its own, always on the same folder and port."""

    def __init__(self, data: Path, environments: Path, **environment: str) -> None:
        with server.listen("127.0.0.1", 0) as free:
            self.port = server.port_of(free)
        self._data = data
        self._environment = os.environ | {"MLC_ENVIRONMENTS": str(environments)} | environment
        self._process: subprocess.Popen[bytes] | None = None
        self._world: World | None = None

    def up(self) -> World:
        """The service answers."""
        log = (self._data.parent / "service.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [MLC, "up", "--no-auth", "--port", str(self.port), "--data", str(self._data)],
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        self._world = world = World(f"http://127.0.0.1:{self.port}")
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert self._process.poll() is None, (self._data.parent / "service.log").read_text()[-3000:]
            try:
                world.http.get("/mlc-service/rest/version").raise_for_status()
            except Exception:
                assert time.monotonic() < deadline, "the service did not come up"
                time.sleep(0.05)
            else:
                return world

    def kill(self) -> None:
        """The process is gone without a word."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        if self._world is not None:
            self._world.http.close()


@pytest.fixture
def environments() -> Path:
    default = Path.home() / ".cache" / "mlc-test-environments"
    return Path(os.environ.get("MLC_TEST_ENVIRONMENTS", default))


@pytest.fixture
def service(tmp_path: Path, environments: Path) -> Iterator[Killable]:
    killable = Killable(tmp_path / "data", environments)
    yield killable
    killable.kill()


def test_a_kill_during_the_metrics_job_costs_nothing_but_time(service: Killable, tmp_path: Path) -> None:
    world = service.up()
    world.deploy()
    world.runtime()
    world.snapshot(world.model(SLOW), "run_test", "jira")
    world.until(
        "the job to run", lambda: True if [j["jobStatus"] for j in world.documents("jobs")] == ["RUNNING"] else None
    )
    service.kill()

    world = service.up()
    ticket = world.ticket()
    world.move(ticket, "Done")
    assert world.outcome() == "DEPLOYED"
    assert len(world.tickets()) == 1
    assert len(world.documents("modelTestResults")) == 1
    (job,) = world.documents("jobs")
    assert (job["jobStatus"], job["jobResult"]) == ("COMPLETE", "SUCCESS")
    assert world.get("/mlc-service/rest/incident") == []


def test_a_kill_during_the_ticket_wait_loses_neither_the_wait_nor_the_decision(service: Killable) -> None:
    world = service.up()
    world.deploy()
    world.runtime()
    world.snapshot(world.model(), "run_test", "jira")
    ticket = world.ticket()
    service.kill()

    world = service.up()
    assert world.instances()[0]["endTime"] is None
    world.move(ticket, "Done", "approved after the crash")
    # and once more, right after the decision
    service.kill()

    world = service.up()
    assert world.outcome() == "DEPLOYED"
    assert world.variables(world.ended()["id"])["TICKET_COMMENT"] == "approved after the crash"
    assert len(world.tickets()) == 1
    assert len(world.documents("modelTestResults")) == 1
    assert len(world.documents("deployedModels")) == 1


def test_kills_again_and_again_end_the_same_with_one_issue_in_jira(tmp_path: Path, environments: Path) -> None:
    with JiraStandIn("data_center") as jira:
        service = Killable(
            tmp_path / "data",
            environments,
            MLC_TICKETS="jira",
            MLC_JIRA_URL=jira.url,
            MLC_JIRA_PROJECT="MLC",
            MLC_JIRA_PERSONAL_ACCESS_TOKEN=PERSONAL_ACCESS_TOKEN,
            MLC_JIRA_SEARCH_DELAY_SECONDS="0.5",
            MLC_TICKET_POLL_SECONDS="0.2",
        )
        world = service.up()
        world.deploy()
        world.runtime()
        world.snapshot(world.model(), "run_test", "jira")
        # moments spread over the process's life: starting, creating the job, running it, storing, opening the issue …
        for uptime_seconds in (0.0, 0.1, 0.3, 0.6, 1.0, 1.6, 0.2, 0.4):
            time.sleep(uptime_seconds)
            service.kill()
            world = service.up()
            _approve(jira)
        world.until("the end", lambda: _approve(jira) or (True if _is_over(world) else None))
        assert world.outcome() == "DEPLOYED"
        assert len(jira.tracker.issues) == 1
        assert len(world.documents("jobs")) == 1
        assert len(world.documents("modelTestResults")) == 1
        assert len(world.documents("deployedModels")) == 1
        assert world.get("/mlc-service/rest/incident") == []
        service.kill()


def _approve(jira: JiraStandIn) -> None:
    for issue in jira.tracker.issues:
        if issue.status == "To Do":
            jira.tracker.move(issue.key, "Done", by="rita", comment="fine")


def _is_over(world: World) -> bool:
    return bool(world.instances()) and world.instances()[0]["endTime"] is not None
