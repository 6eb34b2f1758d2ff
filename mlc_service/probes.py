"""`/metrics`, `/healthz` and `/readyz`, for processes that have no API; and numbers shared with forked processes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread

from prometheus_client import CollectorRegistry, Metric, values
from prometheus_client.exposition import choose_encoder
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from mlc_service.metrics import forget
from mlc_service.readiness import Readiness
from mlc_service.settings import set_variable

_GONE = "gone"


def scraped(*collectors: Collector) -> CollectorRegistry:
    """What a process shows to Prometheus: these, and its own use of processor and memory.

    The first is what has been counted: `metrics.COUNTED`, or a `SharedMetrics`.
    """
    registry = CollectorRegistry()
    for collector in (ProcessCollector(registry=None), *collectors):
        registry.register(collector)
    return registry


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """The metrics in the form that the scraper accepts, and that form's content type."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class SharedMetrics(Collector):
    """What this process and all that it forks have counted, those that are gone included.

    To be made before the first fork; what this process had counted by itself is forgotten. `folder` is this
    process's alone and is emptied; prometheus_client keeps two small files of numbers there for each process.
    """

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._folder = folder
        self._lock = Lock()
        forget()
        # prometheus_client reads it after each fork
        set_variable("PROMETHEUS_MULTIPROC_DIR", str(folder))
        values.ValueClass = values.MultiProcessValue()
        self._files = MultiProcessCollector(None, str(folder))

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            for file in self._folder.glob("*.db"):
                owner = file.stem.rpartition("_")[2]
                if owner != _GONE and not _lives(int(owner)):
                    self._keep(file)
            return list(self._files.collect())

    def _keep(self, file: Path) -> None:
        """The numbers of a process that is gone are in one file with those of all before it: there may be many."""
        kept = MmapedDict(str(file.with_name(f"{file.stem.partition('_')[0]}_{_GONE}.db")))
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):
            kept.write_value(key, kept.read_value(key)[0] + value, 0.0)
        kept.close()
        file.unlink()

    def close(self) -> None:
        """The folder is gone, and nothing is shared any more."""
        values.ValueClass = values.MutexValue
        set_variable("PROMETHEUS_MULTIPROC_DIR", None)
        shutil.rmtree(self._folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Probes:
    """A listener for probes and scrapes in threads of its own. `close` it once."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self.port = int(server.server_address[1])
        self._thread = Thread(target=server.serve_forever, name="probes", daemon=True)
        self._thread.start()
        # a forked process that outlives this one must not keep the port from its successor
        os.register_at_fork(after_in_child=server.socket.close)

    def close(self) -> None:
        """Nobody listens any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve_probes(
    port: int, is_ready: Callable[[], Readiness], registry: CollectorRegistry, host: str = "127.0.0.1"
) -> Probes:
    """Answers `/metrics`, `/healthz` and `/readyz` there; port 0 takes a free one. Raises OSError if it is taken."""

    class Answers(BaseHTTPRequestHandler):
        # a client that says nothing must not hold a thread for ever
        timeout = 10.0

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                body, content_type = exposition(registry, self.headers.get("Accept", ""))
                self._answer(200, body, content_type)
            elif path == "/healthz":
                self._answer_json(200, {"status": "alive"})
            elif path == "/readyz":
                found = is_ready()
                self._answer_json(200 if found.is_ready else 503, found.as_json())
            else:
                self._answer_json(404, {"message": f"There is nothing at {path}"})

        def _answer_json(self, status: int, body: object) -> None:
            self._answer(status, json.dumps(body).encode(), "application/json")

        def _answer(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes are not worth a line each."""

    return Probes(ThreadingHTTPServer((host, port), Answers))
