"""An upgrade without a pause: the version before goes on working on the schema of this one, which then takes over."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psycopg
import pytest

from mlc_service.store import schema
from mlc_service.store.schema import SchemaState
from mlc_service.store.units import Units
from tests.recovery.diagrams import EXPRESSION, USER_TASK, http_call, row
from tests.recovery.fleet import REST, START_SECONDS, Effects, Fleet
from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
# the last commit whose newest revision of the schema is 0003
BEFORE = "7e2db8c"
MLC = "from mlc_service.cli import main; main()"


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The code of the version before."""
    wanted = [
        "git",
        "-C",
        str(ROOT),
        "archive",
        "--format=zip",
        BEFORE,
        "mlc_service",
        "delegates",
        "migrations",
        "processes",
    ]
    packed = subprocess.run(wanted, capture_output=True)
    if packed.returncode:
        pytest.skip(f"this clone does not have the commit {BEFORE}, whose code is tried on the newest schema")
    folder = tmp_path / "before"
    with zipfile.ZipFile(io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def old_service(before: Path, fleet: Fleet, tmp_path: Path) -> Iterator[httpx2.Client]:
    """The version before, serving on a database that it has migrated itself."""
    # what the fleet did belongs to this version
    with psycopg.connect(fleet.database_url) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    environment = os.environ | {
        "PYTHONPATH": str(before),
        "MLC_DATABASE_URL": fleet.database_url,
        "MLC_DATA": str(tmp_path / "old"),
    }
    subprocess.run([sys.executable, "-c", MLC, "migrate"], env=environment, check=True, cwd=before)
    port = free_port()
    with (tmp_path / "old.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", MLC, "up", "--no-auth", "--port", str(port)],
            env=environment,
            cwd=before,
            stdout=log,
            stderr=log,
        )
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30.0) as client:

            def answers() -> bool | None:
                assert process.poll() is None, (tmp_path / "old.log").read_text()[-3000:]
                try:
                    return client.get("/readyz").is_success or None
                except httpx2.TransportError:
                    return None

            fleet.until("the version before to answer", answers, START_SECONDS)
            yield client
        process.terminate()
        assert process.wait(30) == 0


def start(client: httpx2.Client, *keys: str) -> None:
    for key in keys:
        answer = client.post(f"{REST}/process-definition/key/steps/start", json={"businessKey": key})
        assert answer.status_code == 200, answer.text


def complete(client: httpx2.Client, key: str) -> None:
    tasks = client.get(f"{REST}/task", params={"processInstanceBusinessKey": key}).raise_for_status().json()
    assert len(tasks) == 1
    client.post(f"{REST}/task/{tasks[0]['id']}/complete", json={}).raise_for_status()


def test_the_version_before_serves_while_and_after_the_schema_is_upgraded(
    old_service: httpx2.Client, fleet: Fleet, effects: Effects
) -> None:
    units = Units(fleet.database_url)
    assert units.schema_state() is SchemaState.OUTDATED
    fleet.deploy(old_service, ("steps.bpmn", row("steps", [http_call(effects.url), USER_TASK, EXPRESSION])))
    start(old_service, "a", "b", "c")
    fleet.until("their tasks", lambda: fleet.value("SELECT count(*) FROM tasks") == 3 or None)

    schema.upgrade(fleet.database_url)
    assert units.schema_state() is SchemaState.UP_TO_DATE
    units.close()

    # the version before knows nothing of it, and goes on with what it began and with what is new
    complete(old_service, "a")
    start(old_service, "d")
    fleet.until("a to end and the task of d", lambda: (ended(fleet), waiting(fleet)) == (1, 3) or None)

    # this version beside it, then alone
    fleet.add_api()
    client = fleet.http()
    fleet.add("worker", "worker", "--concurrency", "1")
    fleet.add("scheduler", "scheduler")
    complete(client, "b")
    complete(old_service, "c")
    start(client, "e")
    fleet.until("b and c to end and the task of e", lambda: (ended(fleet), waiting(fleet)) == (3, 2) or None)
    complete(client, "d")
    complete(client, "e")
    fleet.until("all to end", lambda: ended(fleet) == 5 or None)
    assert sorted(effects.done.values()) == ["a/n1", "b/n1", "c/n1", "d/n1", "e/n1"]
    assert fleet.rows("SELECT * FROM jobs") == []
    assert fleet.rows("SELECT * FROM incidents") == []


def ended(fleet: Fleet) -> int:
    return int(fleet.value("SELECT count(*) FROM historic_process_instances WHERE state = 'COMPLETED'"))


def waiting(fleet: Fleet) -> int:
    return int(fleet.value("SELECT count(*) FROM tasks"))
