"""Runs the stand-in on a free port of this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType

import uvicorn

from tests.jira_stand_in.app import basic, jira_app
from tests.jira_stand_in.gate import Exchange, Faults, Gate
from tests.jira_stand_in.tracker import Flavour, Tracker

USER = "mlc-service@example.com"
TOKEN = "an-api-token"
PERSONAL_ACCESS_TOKEN = "a-personal-access-token"


class JiraStandIn:
    """A running Jira: Cloud takes USER with TOKEN, Data Center those or PERSONAL_ACCESS_TOKEN.

    A context manager: inside, `url` answers. `tracker` is what it knows, `faults` takes orders of trouble,
    `exchanges` is every request and answer so far.
    """

    def __init__(
        self,
        flavour: Flavour,
        *,
        port: int = 0,
        project: str = "MLC",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.tracker = Tracker(flavour, project=project, now=now)
        self.faults = Faults()
        self.exchanges: list[Exchange] = []
        self._socket = socket.create_server(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        credentials = {basic(USER, TOKEN)}
        if flavour == "data_center":
            credentials.add(f"Bearer {PERSONAL_ACCESS_TOKEN}")
        app = Gate(jira_app(self.tracker, self.url, credentials), self.faults, self.exchanges)
        config = uvicorn.Config(app, http="h11", ws="none", lifespan="off", log_config=None, access_log=False)
        # the port listens already: a client that comes before the server is up waits in its queue
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    def start(self) -> None:
        """The port answers, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """The port is closed and the thread has ended."""
        self.faults.release()
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=10)
        self._socket.close()

    def empty(self, now: Callable[[], datetime]) -> None:
        """As if just started, at the same address; `now` is the time from here on."""
        self.faults.release()
        self.tracker.empty(now)
        self.exchanges.clear()

    def serve(self) -> None:
        """Answers in this thread until it is told to stop (Ctrl-C)."""
        self._server.run([self._socket])

    def __enter__(self) -> JiraStandIn:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
