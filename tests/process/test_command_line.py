"""`mlc` as a person types it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from mlc_service import server
from mlc_service.app import Service
from mlc_service.settings import InvalidSettings, Settings, settings_from
from tests.process.world import CAMUNDA, DIAGRAM, running_world

MLC = Path(sys.executable).parent / "mlc"


def mlc(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MLC, *arguments], capture_output=True, text=True, timeout=60, env=os.environ | environment, check=False
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
def test_no_auth_is_refused_on_any_address_but_loopback(host: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="loopback"):
        Settings(host=host, authentication=False)
    refused = mlc("up", "--no-auth", "--host", host, "--data", tmp_path)
    assert refused.returncode == 1
    assert "--no-auth is only allowed on a loopback address" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])
def test_no_auth_is_allowed_on_loopback(host: str) -> None:
    assert not Settings(host=host, authentication=False).authentication


def test_a_first_start_prints_a_login_that_works_and_only_then(tmp_path: Path) -> None:
    for number in (1, 2):
        process = subprocess.Popen(
            [MLC, "up", "--port", "0", "--data", tmp_path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4 if number == 1 else 2)]
        address = re.search(r"http://127\.0\.0\.1:\d+", lines[0])
        assert address, lines
        login = re.search(r"log in as (\S+) with password (\S+)", "".join(lines))
        if number == 1:
            assert login, lines
            first_login = login.groups()
        else:
            assert login is None
        with httpx2.Client(base_url=address[0]) as client:
            assert _answers(client)
            assert client.get(f"{CAMUNDA}/process-definition").status_code == 401
            answer = client.post("/gocli/token", data={"username": first_login[0], "password": first_login[1]})
            token = answer.json()["access_token"]
            bearer = {"Authorization": f"Bearer {token}"}
            assert client.get(f"{CAMUNDA}/process-definition", headers=bearer).status_code == 200
            assert client.get(f"{CAMUNDA}/process-definition", auth=first_login).status_code == 200
            assert client.get(f"{CAMUNDA}/process-definition", auth=("admin", "wrong")).status_code == 401
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        process.stdout.close()
        assert process.wait(timeout=30) == 0


def _answers(client: httpx2.Client) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if client.get("/healthz").is_success:
                return True
        except httpx2.HTTPError:
            time.sleep(0.05)
    return False


def test_two_services_cannot_share_a_folder(tmp_path: Path) -> None:
    with running_world(Settings(data=tmp_path, authentication=False, runs_jobs=False)):
        second = mlc("up", "--port", "0", "--data", tmp_path)
    assert second.returncode == 1
    assert "is in use by another service" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    with server.listen("127.0.0.1", 0) as taken:
        taken.listen()
        refused = mlc("up", "--port", str(server.port_of(taken)), "--data", tmp_path)
    assert refused.returncode == 1
    assert "cannot listen on 127.0.0.1" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_migrate_brings_a_database_to_the_newest_schema_and_may_be_repeated(tmp_path: Path) -> None:
    for _ in range(2):
        done = mlc("migrate", "--data", tmp_path)
        assert done.returncode == 0, done.stderr
        assert "the schema is at revision" in done.stdout
    assert (tmp_path / "mlc.db").exists()


def test_deploy_prints_what_it_deployed_and_every_problem_with_its_place(tmp_path: Path) -> None:
    broken = tmp_path / "broken.bpmn"
    broken.write_bytes(DIAGRAM.read_bytes().replace(b"PT30S", b"soon").replace(b"${getJob}", b"${getJbo}"))
    with running_world(Settings(data=tmp_path / "data", authentication=False, runs_jobs=False)) as world:
        url = f"{world.address}{CAMUNDA}"
        done = mlc("deploy", DIAGRAM, "--url", url)
        assert done.returncode == 0, done.stderr
        assert "Deploy_with_run_test_and_Jira version 1" in done.stdout
        again = mlc("deploy", DIAGRAM, "--url", url)
        assert "nothing has changed" in again.stdout
        refused = mlc("deploy", broken, "--url", url)
    assert refused.returncode == 1
    problems = refused.stderr.strip().splitlines()
    assert len(problems) == 4
    assert all(re.match(r"broken\.bpmn:\d+:\d+: ", line) for line in problems), problems
    assert "did you mean 'getJob'?" in refused.stderr
    nobody = mlc("deploy", DIAGRAM, "--url", url)
    assert nobody.returncode == 1
    assert "Is the service running?" in nobody.stderr
    missing = mlc("deploy", tmp_path / "gone.bpmn", "--url", url)
    assert "gone.bpmn: No such file or directory" in missing.stderr


def test_with_jobs_off_every_job_waits_until_it_is_executed(tmp_path: Path, environments: Path) -> None:
    with running_world(
        Settings(data=tmp_path, authentication=False, runs_jobs=False, environments=environments)
    ) as world:
        world.deploy()
        world.runtime()
        world.snapshot(world.model(), "run_test")
        executed = 0
        while jobs := world.get(f"{CAMUNDA}/job"):
            answer = world.http.post(f"{CAMUNDA}/job/{jobs[0]['id']}/execute")
            assert answer.status_code == 204, answer.text
            executed += 1
            assert executed < 60
        assert executed > 5
        assert world.outcome() == "DEPLOYED"


def test_secrets_may_stand_in_files_and_bad_settings_are_named(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    settings = settings_from(
        {
            "MLC_TICKETS": "jira",
            "MLC_JIRA_URL": "https://jira.example.com",
            "MLC_JIRA_PROJECT": "MLC",
            "MLC_JIRA_PERSONAL_ACCESS_TOKEN_FILE": str(token),
        }
    )
    assert settings.jira is not None
    assert settings.jira.personal_access_token == "secret"
    for environment, message in [
        ({"MLC_PORT": "high"}, "MLC_PORT='high' is not a number"),
        ({"MLC_TICKETS": "trello"}, "MLC_TICKETS='trello' is none of board, jira"),
        ({"MLC_TICKETS": "jira"}, "MLC_JIRA_URL"),
        ({"MLC_JIRA_URL": "https://x", "MLC_JIRA_PROJECT": "P"}, "user with a token or a personal access token"),
        ({"MLC_JIRA_URL": "https://x"}, "MLC_JIRA_PROJECT"),
        ({"MLC_DATABASE_URL_FILE": str(tmp_path / "gone")}, "cannot be read"),
    ]:
        with pytest.raises(InvalidSettings, match=re.escape(message)):
            settings_from(environment)


def test_what_cannot_be_cleaned_is_said_in_a_line(tmp_path: Path) -> None:
    refused = mlc("cleanup", "--dry-run", "--data", tmp_path)
    assert refused.returncode == 1
    assert "there is no database" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_service_with_a_cleanup_window_plans_its_cleaning_when_it_starts(tmp_path: Path) -> None:
    window = {"MLC_CLEANUP_WINDOW_START": "22:00", "MLC_CLEANUP_WINDOW_END": "05:00"}
    service = Service(settings_from(window, data=tmp_path, runs_jobs=False, authentication=False))
    service.start()
    try:
        jobs = service.units.read(lambda unit: unit.jobs.find())
        assert [job.kind for job in jobs] == ["history_cleanup"]
        assert mlc("cleanup", "--data", tmp_path).stdout == "nothing is due\n"
    finally:
        service.stop()
