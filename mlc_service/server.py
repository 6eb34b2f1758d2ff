"""HTTP on a socket: in the foreground until Ctrl-C, or in a thread beside the caller."""

from __future__ import annotations

import signal
import socket
import threading
import time
from types import FrameType, TracebackType

import uvicorn
from fastapi import FastAPI

from mlc_service.rest.application import close_waiting_room

_START_SECONDS = 30.0


class AddressInUse(OSError):
    """Somebody listens there already."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one. Raises AddressInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
    except OSError as error:
        listener.close()
        raise AddressInUse(f"cannot listen on {host}:{port}: {error.strerror}") from None
    listener.set_inheritable(True)
    return listener


def port_of(listener: socket.socket) -> int:
    """The port it listens on."""
    return int(listener.getsockname()[1])


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Requests are answered until SIGINT or SIGTERM; those in hand are finished, and the caller goes on from here."""
    server = _server(app)

    def asked_to_end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # in a thread, uvicorn leaves signals alone; in the main one it would raise them again and end the process
    # before the jobs in hand are finished
    before = {number: signal.signal(number, asked_to_end) for number in (signal.SIGINT, signal.SIGTERM)}
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http")
    try:
        thread.start()
        thread.join()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Background:
    """Answers requests in a thread while the block runs."""

    def __init__(self, app: FastAPI, listener: socket.socket) -> None:
        self._server = _server(app)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="http", daemon=True
        )

    def __enter__(self) -> Background:
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the HTTP server did not start")
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)


class _Server(uvicorn.Server):
    """Before it waits for the requests in hand, those that wait for something themselves are answered."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        close_waiting_room(self._app)
        await super().shutdown(sockets)


def _server(app: FastAPI) -> uvicorn.Server:
    # the access log is ours to write, and `logs` has said what becomes of uvicorn's own lines
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5, lifespan="on")
    return _Server(app, config)
