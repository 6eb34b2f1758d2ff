"""Worker processes that answer one line with one line, kept warm, ended at a deadline and replaced.

A worker that fails in any way is gone; the next script finds another, usually already warm. Safe between threads. A
forked child forgets its parent's workers and starts its own.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from mlc_service.language.errors import ScriptError
from mlc_service.language.script_outcome import ScriptOutcome, outcome, thrown_error

_CHUNK = 1 << 16
_WATCH_SECONDS = 0.05
_LONGEST_ANSWER = 64 * 1024 * 1024
_PAGE = os.sysconf("SC_PAGE_SIZE")


class WorkerFailed(Exception):
    """A worker gave no answer; the message ends a sentence that begins with 'the script'."""


class WorkerLate(WorkerFailed):
    """There was no answer by the deadline."""


class WorkerEnded(WorkerFailed):
    """The process ended itself, with `status` (minus the signal)."""

    def __init__(self, status: int) -> None:
        super().__init__("ended its interpreter")
        self.status = status


class NoWorker(Exception):
    """No worker can be had; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What a worker's process may come to while a script runs in it; None is not watched."""

    resident_bytes: int | None = None
    threads: int | None = None


class Worker:
    """One process. `ask` at a time from one thread."""

    def __init__(self, process: subprocess.Popen[bytes], limits: WorkerLimits, start_seconds: float) -> None:
        """The worker is ready. Raises NoWorker."""
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._limits = limits
        self._in, self._out = process.stdin, process.stdout
        self._said = b""
        os.set_blocking(self._in.fileno(), False)
        os.set_blocking(self._out.fileno(), False)
        try:
            first = self._exchange(b"", start_seconds, watched=False)
        except WorkerFailed as failed:
            said = self._said.decode(errors="replace").strip().splitlines()
            self.end()
            raise NoWorker(f"a script worker did not start: {said[0] if said else failed}") from None
        if not first.startswith(b'{"ready"'):
            self.end()
            raise NoWorker(f"a script worker did not start: {first.decode(errors='replace')[:500]}")

    @property
    def id(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, line: bytes, seconds: float) -> bytes:
        """The answer to that line. Raises WorkerFailed, after which the worker is of no use."""
        return self._exchange(line + b"\n", seconds, watched=True)

    def end(self) -> None:
        """The process is gone. Safe to repeat."""
        self.kill()
        self._in.close()
        self._out.close()

    def kill(self) -> None:
        """The process is gone; whoever waits for its answer is told, and ends it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def forget(self) -> None:
        """In a forked child: the parent's process is left alone, and nothing of it is held."""
        self._process.returncode = 0
        self._in.close()
        self._out.close()

    def _exchange(self, line: bytes, seconds: float, watched: bool) -> bytes:
        deadline = time.monotonic() + seconds
        rest = memoryview(line)
        poller = select.poll()
        poller.register(self._out, select.POLLIN)
        if rest:
            # nearly every line fits the pipe at once
            rest = self._write(rest)
            if rest:
                poller.register(self._in, select.POLLOUT)
        chunks: list[bytes] = []
        size = 0
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise WorkerLate(f"ran longer than {seconds:g} s")
            wait = min(left, _WATCH_SECONDS) if watched else left
            ready = dict(poller.poll(wait * 1000))
            if not ready and watched:
                self._check_limits()
            if rest and self._in.fileno() in ready:
                rest = self._write(rest)
                if not rest:
                    poller.unregister(self._in)
            if self._out.fileno() not in ready:
                continue
            chunk = os.read(self._out.fileno(), _CHUNK)
            if not chunk:
                self._said = b"".join(chunks)
                raise WorkerEnded(self._status())
            chunks.append(chunk)
            size += len(chunk)
            if b"\n" in chunk:
                answer, _, more = b"".join(chunks).partition(b"\n")
                if more:
                    # it would be taken for the answer to the next line
                    raise WorkerFailed("wrote into the service's pipe")
                return answer
            if size > _LONGEST_ANSWER:
                raise WorkerFailed("came to a result that is too large")

    def _write(self, rest: memoryview) -> memoryview:
        try:
            while rest:
                rest = rest[os.write(self._in.fileno(), rest) :]
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            raise WorkerEnded(self._status()) from None
        return rest

    def _status(self) -> int:
        try:
            return self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return 0

    def _check_limits(self) -> None:
        """Limits that no kernel call sets for one process: the script is stopped soon after it passes one."""
        try:
            if self._limits.threads is not None:
                threads = len(os.listdir(f"/proc/{self.id}/task"))
                if threads > self._limits.threads:
                    raise WorkerFailed("started too many threads")
            if self._limits.resident_bytes is not None:
                with open(f"/proc/{self.id}/statm", "rb") as file:
                    used = int(file.read().split()[1]) * _PAGE
                if used > self._limits.resident_bytes:
                    raise WorkerFailed("used too much memory")
        except (OSError, ValueError, IndexError):
            return


def request_line(request: Mapping[str, Any]) -> bytes:
    """One line for a worker. Raises ScriptError for variables that are no JSON."""
    try:
        return orjson.dumps(request, option=orjson.OPT_NON_STR_KEYS)
    except TypeError as error:
        raise ScriptError(f"a variable cannot be given to a script: {error}") from None


def outcome_of(answer: Any) -> ScriptOutcome:
    """The outcome that a worker's answer tells of. Raises ScriptError for one it tells of, or if it makes no sense."""
    match answer:
        case {"error": {"message": str(message), "line": int(line)}}:
            raise ScriptError(message, line)
        case {"thrown": {"code": code, "message": message}, "written": dict(written), "removed": list(removed)}:
            return outcome(None, written, [str(name) for name in removed], thrown_error(code, message))
        case {"result": result, "written": dict(written), "removed": list(removed)}:
            return outcome(result, written, [str(name) for name in removed])
    raise ScriptError("the script's result cannot be read")


class Lease:
    """A worker that is one caller's for now. `spend()` if it must not serve another script."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.is_spent = False

    def spend(self) -> None:
        self.is_spent = True


class WorkerPool:
    """Up to `largest` workers of one kind, started when needed, one more than are busy kept ready."""

    def __init__(
        self,
        start: Callable[[], Worker],
        largest: int,
        wait_seconds: float = 60.0,
        on_fork: Callable[[], None] | None = None,
    ) -> None:
        self._start = start
        self._largest = largest
        self._wait_seconds = wait_seconds
        self._on_fork = on_fork
        self._changed = threading.Condition()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._count = 0
        self._generation = 0
        self._spare: threading.Thread | None = None  # a worker on its way
        _pools.add(self)

    @contextlib.contextmanager
    def lease(self) -> Iterator[Lease]:
        """A worker for one script; it goes back unless it was spent or failed. Raises NoWorker."""
        lease = Lease(self._take())
        try:
            yield lease
        except BaseException:
            lease.spend()
            raise
        finally:
            self._give_back(lease)

    def close(self) -> None:
        """No process of this pool is left; a later lease starts new ones."""
        with self._changed:
            self._generation += 1
            left, self._idle = self._idle, []
            busy, self._busy = self._busy, set()
            self._count = 0
            spare, self._spare = self._spare, None
            self._changed.notify_all()
        for worker in left:
            worker.end()
        for worker in busy:
            worker.kill()
        if spare is not None:
            spare.join()

    @property
    def processes(self) -> list[int]:
        """Ids of the processes there are now."""
        with self._changed:
            return [worker.id for worker in [*self._idle, *self._busy]]

    def _take(self) -> Worker:
        until = time.monotonic() + self._wait_seconds
        with self._changed:
            while True:
                while self._idle:
                    worker = self._idle.pop()
                    if worker.is_alive:
                        self._busy.add(worker)
                        self._start_spare()
                        return worker
                    self._count -= 1
                    worker.end()
                if self._count < self._largest:
                    self._count += 1
                    generation = self._generation
                    break
                left = until - time.monotonic()
                if left <= 0:
                    raise NoWorker(f"all {self._largest} script workers were busy for {self._wait_seconds:g} s")
                self._changed.wait(left)
        try:
            worker = self._start()
        except BaseException:
            self._lost(generation)
            raise
        with self._changed:
            if generation == self._generation:
                self._busy.add(worker)
                self._start_spare()
                return worker
        worker.end()
        raise NoWorker("the script runner was closed")

    def _give_back(self, lease: Lease) -> None:
        worker = lease.worker
        with self._changed:
            known = worker in self._busy
            self._busy.discard(worker)
            if known and not lease.is_spent:
                self._idle.append(worker)
            elif known:
                self._count -= 1
                self._start_spare()
            self._changed.notify()
        if lease.is_spent or not known:
            worker.end()

    def _start_spare(self) -> None:
        """With the lock held: if no worker is idle and one more is allowed, it is on its way."""
        if self._idle or self._spare is not None or self._count >= self._largest:
            return
        self._count += 1
        self._spare = threading.Thread(
            target=self._add_spare, args=(self._generation,), name="script-spare", daemon=True
        )
        self._spare.start()

    def _add_spare(self, generation: int) -> None:
        try:
            worker = self._start()
        except Exception:
            # the script that needs one will meet the same trouble, and tell it
            self._lost(generation, was_spare=True)
            return
        with self._changed:
            current = generation == self._generation
            if current:
                self._spare = None
                self._idle.insert(0, worker)
                self._changed.notify()
        if not current:
            worker.end()

    def _lost(self, generation: int, was_spare: bool = False) -> None:
        with self._changed:
            if generation == self._generation:
                self._count -= 1
                if was_spare:
                    self._spare = None
            self._changed.notify()

    def after_fork(self) -> None:
        """In the child: the parent's workers are the parent's."""
        theirs = [*self._idle, *self._busy]
        # the lock may have been held by a thread that is not here
        self._changed = threading.Condition()
        self._idle, self._busy = [], set()
        self._count, self._spare = 0, None
        self._generation += 1
        if self._on_fork is not None:
            self._on_fork()
        for worker in theirs:
            worker.forget()


_pools: weakref.WeakSet[WorkerPool] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for pool in list(_pools):
        pool.after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
