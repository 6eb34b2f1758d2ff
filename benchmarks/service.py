"""A service of its own for a measurement or a test kit: started as a user would, on an empty folder, and stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_START_SECONDS = 120


@contextmanager
def running_service(*options: str, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of its Camunda API. `options` are those of `mlc up`, `settings` environment variables."""
    with tempfile.TemporaryDirectory(prefix="mlc-service-") as folder:
        port = _free_port()
        log = Path(folder, "service.log")
        mlc = Path(sys.executable).with_name("mlc")
        command = [mlc, "up", "--no-auth", "--port", str(port), "--data", folder, *options]
        with log.open("wb") as out:
            service = subprocess.Popen(
                command, cwd=ROOT, stdout=out, stderr=out, env={**os.environ, **(settings or {})}
            )
        try:
            base = f"http://127.0.0.1:{port}/mlc-service/rest"
            _wait_for(base, service, log)
            yield base
        finally:
            service.terminate()
            service.wait(_START_SECONDS)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait_for(base: str, service: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and service.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/engine", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the service did not start:\n{log.read_text(errors='replace')}")
