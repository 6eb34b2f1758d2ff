"""A service spread over processes: a Redis of its own and any number of each role, all of which can be killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import httpx2
import psycopg
import redis

from mlc_service.store import schema
from tests.servers import free_port
from tests.waiting import T, until

MLC = Path(sys.executable).parent / "mlc"
REST = "/mlc-service/rest"
START_SECONDS = 180.0


class RedisServer:
    """A Redis without any file. A context manager."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while True:
            try:
                with redis.Redis(port=self.port) as client:
                    client.ping()
            except redis.ConnectionError:
                assert time.monotonic() < deadline, "Redis did not come up"
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def flush(self) -> None:
        with redis.Redis(port=self.port) as client:
            client.flushall()

    def waiting(self, queue: str) -> int:
        """How many messages lie in the queue, whatever their priority."""
        with redis.Redis(port=self.port) as client:
            return sum(client.llen(key) for key in client.scan_iter(match=f"{queue}*", _type="list"))


class Effects:
    """A server out there that does each thing once per Idempotency-Key, and counts. A context manager.

    `done` says under which key what was done first; `asked` counts every request. Each answer `wait`s.
    """

    def __init__(self, wait: Callable[[], object] = lambda: None) -> None:
        self.done: dict[str, str] = {}
        self.asked = 0
        self._lock = Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                with outer._lock:
                    outer.asked += 1
                    outer.done.setdefault(self.headers["Idempotency-Key"], body.decode())
                wait()
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Clients are killed here all the time."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> Effects:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Member:
    """One process of the service, started again and again with the same command."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._command = command
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """The process is gone without a word; what it forked goes when it notices."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def kill_child(self, chance: random.Random) -> bool:
        """One process of its pool is gone without a word; False if it has none."""
        children = _children(self.pid)
        if children:
            os.kill(chance.choice(children), signal.SIGKILL)
        return bool(children)

    def ask_to_end(self) -> None:
        assert self._process is not None
        self._process.terminate()

    def ended(self, seconds: float = 60.0) -> int:
        """The exit code, once the process has ended by itself."""
        assert self._process is not None
        return self._process.wait(seconds)

    def end(self) -> None:
        """Whatever is left of it is gone."""
        if self._process is not None:
            family = [self._process.pid, *_descendants(self._process.pid)]
            for pid in family:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, thread.read_text().split())
    return found


def _descendants(pid: int) -> list[int]:
    return [found for child in _children(pid) for found in (child, *_descendants(child))]


class Fleet:
    """The processes of one service. A context manager, at whose end none is left."""

    def __init__(self, folder: Path, database_url: str, redis_url: str, **settings: str) -> None:
        self.folder = folder
        self.database_url = database_url
        self.members: dict[str, Member] = {}
        self._environment = os.environ | {
            "MLC_DATABASE_URL": database_url,
            "MLC_REDIS_URL": redis_url,
            "MLC_DATA": str(folder / "data"),
            "MLC_LEASE_SECONDS": "3",
            "MLC_RESEND_SECONDS": "2",
            # this clone's code, wherever the tests are run
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            **settings,
        }
        self._ports: dict[str, int] = {}
        self._clients: list[httpx2.Client] = []

    def __enter__(self) -> Fleet:
        schema.upgrade(self.database_url)
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        for member in self.members.values():
            member.end()

    def add(self, name: str, *command: str) -> Member:
        """A process of that name runs `mlc <command>`."""
        member = Member([str(MLC), *command], dict(self._environment), self.folder / f"{name}.log")
        self.members[name] = member
        member.start()
        return member

    def add_api(self, name: str = "api") -> Member:
        self._ports[name] = free_port()
        return self.add(name, "api", "--no-auth", "--port", str(self._ports[name]))

    def http(self, name: str = "api", timeout: float = 30.0) -> httpx2.Client:
        """A client of that API process, once it answers."""
        client = httpx2.Client(base_url=f"http://127.0.0.1:{self._ports[name]}", timeout=timeout)
        self._clients.append(client)

        def answers() -> bool | None:
            assert self.members[name].is_running, self.log(name)
            try:
                return client.get("/readyz").is_success or None
            except httpx2.TransportError:
                return None

        self.until(f"{name} to answer", answers, START_SECONDS)
        return client

    def deploy(self, client: httpx2.Client, *files: tuple[str, str]) -> None:
        parts = [(name, (name, text.encode(), "text/xml")) for name, text in files]
        answer = client.post(f"{REST}/deployment/create", files=[("deployment-name", (None, "test")), *parts])
        assert answer.status_code == 200, answer.text

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What the database answers, whether or not it is just being restarted."""
        while True:
            try:
                with psycopg.connect(self.database_url) as connection:
                    return connection.execute(query, parameters).fetchall()  # type: ignore[arg-type]
            except psycopg.OperationalError:
                time.sleep(0.1)

    def value(self, query: str, *parameters: Any) -> Any:
        return self.rows(query, *parameters)[0][0]

    def until(self, what: str, look: Callable[[], T | None], seconds: float = 180.0) -> T:
        """What `look` finds as soon as it finds something."""
        return until(what, look, seconds, self.report)

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text()[-3000:] if path.exists() else ""

    def report(self) -> str:
        """What a person would look at if it hangs."""
        lines = [f"job: {row}" for row in self.rows(
            "SELECT kind, state, queue, due, worker, lease_until, retries, expiries, announced, exception_message"
            " FROM jobs LIMIT 10"
        )]  # fmt: skip
        lines += [f"process: {row}" for row in self.rows("SELECT role, pid, queue, seen FROM service_processes")]
        lines += [f"{name} ({'running' if one.is_running else 'ended'}): {self.log(name)}"
                  for name, one in self.members.items()]  # fmt: skip
        return "\n".join(lines)
