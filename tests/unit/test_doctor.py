"""`mlc doctor`: what it finds on real databases and a real Redis, and in what others have said of themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from redis import Redis

from mlc_service import doctor
from mlc_service.clock import SystemClock
from mlc_service.doctor import Finding
from mlc_service.jobs.redis_check import InspectedRedis, redis_check
from mlc_service.settings import InvalidSettings, Settings, settings_from
from mlc_service.store.figures import Waiting
from mlc_service.store.inspection import Inspected
from mlc_service.store.rows import ServiceProcessRow, new_job
from mlc_service.store.schema import SchemaState
from mlc_service.store.units import Units

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
REDIS = InspectedRedis((7, 2, 4), "noeviction", 0, False, False)
POSTGRES = Inspected("postgresql", (15, 4), SchemaState.UP_TO_DATE, True, 0.0, 100, 10, None)


def examined(**settings: Any) -> dict[str, Finding]:
    """The findings by name; of several with one name the worst."""
    found: dict[str, Finding] = {}
    for finding in doctor.examine(lambda: Settings(**settings), SystemClock()):
        if finding.name not in found or doctor.worst([found[finding.name]]) == "ok":
            found[finding.name] = finding
    return found


def process(role: str, **fields: Any) -> ServiceProcessRow:
    now = datetime.now(UTC)
    return ServiceProcessRow(str(uuid4()), role, "here", 1, "0.1.0", None, None, 0.0, now, now)._replace(**fields)


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database on PostgreSQL."""
    server = request.getfixturevalue("postgres_server")
    name = f"mlc_doctor_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE mlc_template")
        address, _, options = server.partition("?")
        yield f"{address.rpartition('/')[0]}/{name}" + (f"?{options}" if options else "")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_migrated_database_is_well(database_url: str, tmp_path: Path) -> None:
    found = examined(data=tmp_path, database_url=database_url)
    assert [found[name].status for name in ("database", "clock", "schema", "processes", "due jobs", "incidents")] == [
        "ok"
    ] * 6
    assert "no workers needed" in found["processes"].message


def test_a_database_without_tables_wants_to_be_migrated(empty_database_url: str, tmp_path: Path) -> None:
    if empty_database_url.startswith("sqlite"):
        Path(empty_database_url.removeprefix("sqlite:///")).touch()
    found = examined(data=tmp_path, database_url=empty_database_url)
    assert found["schema"].status == "fail"
    assert "mlc migrate" in str(found["schema"].remedy)
    assert "processes" not in found


def test_a_database_of_something_else_is_told_apart(postgres_server: str, tmp_path: Path) -> None:
    name = f"mlc_foreign_{uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        address, _, options = postgres_server.partition("?")
        url = f"{address.rpartition('/')[0]}/{name}" + (f"?{options}" if options else "")
        with psycopg.connect(url) as inside:
            inside.execute("CREATE TABLE invoices (id int)")
        found = examined(data=tmp_path, database_url=url)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    assert (found["schema"].status, found["schema"].message) == ("fail", "the database belongs to something else")


def test_the_first_start_of_an_embedded_service_is_no_failure(tmp_path: Path) -> None:
    found = examined(data=tmp_path / "new")
    assert found["database"].status == "warn"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("postgresql://me:s3cret@127.0.0.1:1/mlc", "Check host and port"),
        ("postgresql://me:s3cret@no-such-host.invalid/mlc", "Check the host"),
        ("mysql://me:s3cret@127.0.0.1/mlc", "Use PostgreSQL or SQLite"),
        ("s3cret", "Set MLC_DATABASE_URL"),
    ],
)
def test_a_database_that_cannot_be_reached_is_one_clear_line(url: str, hint: str, tmp_path: Path) -> None:
    finding = examined(data=tmp_path, database_url=url)["database"]
    assert finding.status == "fail"
    assert hint in str(finding.remedy)
    assert "\n" not in finding.message
    assert "s3cret" not in finding.message


def test_a_file_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "mlc.db").write_bytes(b"x" * 4096)
    finding = examined(data=tmp_path)["database"]
    assert (finding.status, finding.message) == ("fail", "file is not a database")


def test_a_missing_database_is_one_clear_line(postgres_server: str, tmp_path: Path) -> None:
    address = postgres_server.partition("?")[0].rpartition("/")[0]
    options = postgres_server.partition("?")[2]
    finding = examined(data=tmp_path, database_url=f"{address}/no_such_database?{options}")["database"]
    assert finding.status == "fail"
    assert "Create the database" in str(finding.remedy)


def test_a_queue_with_jobs_that_nobody_serves_is_a_failure(postgres_url: str, tmp_path: Path) -> None:
    units = Units(postgres_url)
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    units.run(lambda unit: unit.jobs.insert([new_job(str(uuid4()), "work", long_ago)._replace(queue="gpu")]))
    units.run(lambda unit: unit.service_processes.add(process("worker", queue="jobs", concurrency=2)))
    units.run(lambda unit: unit.service_processes.add(process("api", seen=datetime.now(UTC) - timedelta(minutes=1))))
    units.close()
    found = examined(data=tmp_path, database_url=postgres_url, redis_url="redis://127.0.0.1:1/0")
    assert (found["queues"].status, found["queues"].message) == (
        "fail",
        "1 jobs wait in queue 'gpu', which nobody serves",
    )
    assert found["worker"] == Finding("worker", "ok", "1 alive on here")
    # a minute without a sign of life: it counts as gone
    assert found["api"].status == "warn"
    assert found["scheduler"].status == "fail"
    assert found["due jobs"].status == "warn"
    assert found["connections"].status == "ok"
    assert found["redis"].status == "fail"


def test_jobs_that_wait_for_a_moment_are_no_cause_for_concern() -> None:
    waiting = {"jobs": Waiting(3, NOW - timedelta(seconds=2))}
    assert [finding.status for finding in doctor.backlog(waiting, NOW)] == ["ok"]
    assert [finding.status for finding in doctor.backlog({}, NOW)] == ["ok"]


@pytest.mark.parametrize(("seconds", "status"), [(0.9, "ok"), (-0.9, "ok"), (1.5, "warn"), (-11.0, "fail")])
def test_clocks_may_differ_by_a_second(seconds: float, status: str) -> None:
    assert doctor.skew("clock", "here", seconds).status == status


def test_old_databases_are_refused() -> None:
    assert doctor.database_version(replace(POSTGRES, version=(12, 9))).status == "fail"
    assert doctor.database_version(replace(POSTGRES, version=(13, 0))).status == "ok"
    assert doctor.database_version(replace(POSTGRES, kind="sqlite", version=(3, 34, 1))).status == "fail"


def test_too_few_connections_are_a_warning() -> None:
    assert doctor.connections(POSTGRES, []) == Finding("connections", "ok", "10 of 100 in use")
    full = doctor.connections(replace(POSTGRES, used_connections=95), [])
    assert full is not None
    assert full.status == "warn"
    crowd = doctor.connections(POSTGRES, [process("api")] * 4)
    assert crowd is not None
    assert crowd.status == "warn"


def test_redis_is_inspected(redis_server: str, tmp_path: Path) -> None:
    finding = examined(data=tmp_path, redis_url=redis_server)["redis"]
    assert finding.status == "ok"
    assert "noeviction, without an append-only file" in finding.message
    assert redis_check(redis_server).problem() is None


def test_a_redis_that_throws_messages_away_is_a_warning() -> None:
    assert doctor.redis_finding(REDIS).status == "ok"
    assert doctor.redis_finding(replace(REDIS, eviction_policy="allkeys-lru")).status == "warn"
    assert doctor.redis_finding(replace(REDIS, version=(4, 0))).status == "fail"
    assert doctor.redis_finding(replace(REDIS, is_replica=True)).status == "fail"


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("redis://:s3cret@127.0.0.1:1/0", "Check host and port"),
        ("redis://:s3cret@no-such-host.invalid/0", "Check host and port"),
        ("http://s3cret", "Set MLC_REDIS_URL"),
    ],
)
def test_a_redis_that_cannot_be_reached_is_one_clear_line(url: str, hint: str, tmp_path: Path) -> None:
    finding = examined(data=tmp_path, redis_url=url)["redis"]
    assert finding.status == "fail"
    assert hint in str(finding.remedy)
    assert "\n" not in finding.message
    assert "s3cret" not in finding.message


def test_a_wrong_password_of_redis_is_told(redis_server: str, tmp_path: Path) -> None:
    with Redis.from_url(redis_server) as redis:
        redis.acl_setuser("doctor", enabled=True, passwords=["+right"], commands=["+info"])
        try:
            wrong = redis_server.replace("redis://", "redis://doctor:wrong@")
            assert "password" in str(examined(data=tmp_path, redis_url=wrong)["redis"].remedy)
            right = redis_server.replace("redis://", "redis://doctor:right@")
            assert examined(data=tmp_path, redis_url=right)["redis"].status == "ok"
        finally:
            redis.acl_deluser("doctor")


def test_settings_that_cannot_work_end_the_examination() -> None:
    def broken() -> Settings:
        return settings_from({"MLC_DATABASE_URL_FILE": "/no/such/file"})

    findings = list(doctor.examine(broken, SystemClock()))
    assert [(one.name, one.status) for one in findings] == [("python", "ok"), ("settings", "fail")]
    assert "/no/such/file" in findings[-1].message
    with pytest.raises(InvalidSettings):
        broken()


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(settings: object) -> Finding:
        raise RuntimeError("redis://:s3cret@here broke")

    monkeypatch.setattr(doctor, "sandbox", broken)
    finding = examined(data=tmp_path)["sandbox"]
    assert (finding.status, finding.message) == ("fail", "could not be checked: RuntimeError: redis://:***@here broke")


def test_an_old_python_and_a_folder_without_room_are_failures(tmp_path: Path) -> None:
    assert doctor.python((3, 10, 1)).status == "fail"
    assert doctor.space("data folder", tmp_path / "not" / "yet").status in ("ok", "warn")
    (tmp_path / "closed").write_text("a file, no folder")
    assert doctor.space("data folder", tmp_path / "closed" / "in it").message.startswith(str(tmp_path))


def command(folder: Path, *options: str, database_url: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from mlc_service.cli import main; main()", "doctor", "--data", str(folder)]
    environment = {**os.environ, "MLC_DATABASE_URL": database_url}
    return subprocess.run([*program, *options], env=environment, capture_output=True, text=True)


def test_the_command_answers_machines_and_ends_with_1_if_something_fails(tmp_path: Path, sqlite_template: Path) -> None:
    well = command(tmp_path, "--json", database_url=f"sqlite:///{sqlite_template}")
    said = json.loads(well.stdout)
    assert (well.returncode, said["status"] in ("ok", "warn")) == (0, True)
    assert set(said["checks"][0]) == {"name", "status", "message", "remedy"}
    ill = command(tmp_path, database_url="postgresql://127.0.0.1:1/x")
    assert ill.returncode == 1
    assert "fail database" in ill.stdout
    assert "Traceback" not in ill.stdout + ill.stderr
