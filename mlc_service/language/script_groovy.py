"""Groovy by a JVM of its own behind a wall, its compiled scripts kept; see `groovy/Worker.groovy` for the other side.

Scripts of one service share that JVM, one at a time. One that leaves something behind for the next (a thread, a
changed class, a system property) gets its answer, and the JVM is replaced.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from typing import Any

import orjson

from mlc_service.language import groovy_toolchain, walls
from mlc_service.language.errors import ScriptError
from mlc_service.language.groovy_toolchain import HEAP_MIB, Command, GroovySettings, NoGroovy
from mlc_service.language.script_outcome import FACTS, ScriptLimits, ScriptOutcome
from mlc_service.language.script_workers import (
    NoWorker,
    Worker,
    WorkerEnded,
    WorkerFailed,
    WorkerLate,
    WorkerLimits,
    WorkerPool,
    outcome_of,
    request_line,
)
from mlc_service.language.walls import SandboxKind, Wall

_START_SECONDS = 60.0
_CHECK_SECONDS = 20.0
_LONGEST_SOURCE = 200_000
_OUT_OF_MEMORY = 3  # the JVM's status with ExitOnOutOfMemoryError
_THREADS = 64
_RESIDENT_BYTES = (HEAP_MIB + 384) * 1024 * 1024


class GroovyScripts:
    """Runs Groovy scripts where Java and Groovy are; its JVMs start with the first script."""

    def __init__(self, settings: GroovySettings, sandbox: SandboxKind, workers: int) -> None:
        self._settings = settings
        self._sandbox: SandboxKind = sandbox
        self._pool = WorkerPool(self._start, workers, on_fork=self._after_fork)
        self._lock = threading.Lock()
        self._command: Command | None = None

    def why_not(self) -> str | None:
        """Why Groovy scripts cannot run here, and what to do about it; None if they can."""
        if self._command is not None:
            return None
        no_wall = walls.why_no_wall(self._sandbox)
        if no_wall is not None:
            return no_wall
        try:
            groovy_toolchain.find(self._settings)
        except NoGroovy as why:
            return str(why)
        return None

    def run(
        self, source: str, variables: Mapping[str, Any], facts: Mapping[str, Any], limits: ScriptLimits
    ) -> ScriptOutcome:
        """The outcome; raises ScriptError."""
        request = {
            "op": "run",
            "source": source,
            "variables": dict(variables),
            "facts": {fact: facts[fact] for fact in FACTS if facts.get(fact) is not None},
        }
        return self._ask(request, limits.deadline_seconds)

    def check(self, source: str) -> ScriptError | None:
        """The first error of syntax, or None; the script is compiled, behind the wall, and not run."""
        if len(source) > _LONGEST_SOURCE:
            return ScriptError(f"the script is longer than {_LONGEST_SOURCE} characters")
        try:
            self._ask({"op": "check", "source": source}, _CHECK_SECONDS)
        except ScriptError as error:
            return error
        return None

    @property
    def processes(self) -> list[int]:
        """Ids of its JVMs."""
        return self._pool.processes

    def close(self) -> None:
        """No JVM is left; a later run starts new ones."""
        self._pool.close()

    def _ask(self, request: dict[str, Any], seconds: float) -> ScriptOutcome:
        # the answer has to name it: a script that writes to our pipe itself cannot
        request_id = secrets.token_hex(8)
        line = request_line({**request, "id": request_id, "seconds": seconds})
        try:
            with self._pool.lease() as lease:
                answer = orjson.loads(lease.worker.ask(line, seconds))
                if answer.get("id") != request_id:
                    raise WorkerFailed("wrote into the service's pipe")
                if "spent" in answer or self._settings.one_script_per_jvm:
                    lease.spend()
        except WorkerLate as late:
            raise ScriptError(f"the script {late}") from None
        except WorkerEnded as ended:
            if ended.status == _OUT_OF_MEMORY:
                raise ScriptError(f"the script needs more than {HEAP_MIB} MiB of memory") from None
            raise ScriptError(f"the script {ended} and was stopped") from None
        except WorkerFailed as failed:
            raise ScriptError(f"the script {failed} and was stopped") from None
        except (NoWorker, NoGroovy) as none:
            raise ScriptError(str(none)) from None
        except (orjson.JSONDecodeError, AttributeError):
            raise ScriptError("the script's result cannot be read") from None
        return outcome_of(answer)

    def _start(self) -> Worker:
        no_wall = walls.why_no_wall(self._sandbox)
        if no_wall is not None:
            raise NoWorker(no_wall)
        command = self._ready()
        wall = Wall(self._sandbox, readable=command.readable, environ={"LANG": "C.UTF-8", "TZ": "UTC"})
        limits = WorkerLimits(resident_bytes=_RESIDENT_BYTES, threads=_THREADS)
        try:
            return Worker(walls.start(wall, command.arguments), limits, _START_SECONDS)
        except NoWorker:
            # Groovy or Java may have been replaced under us: look for them again
            self._command = None
            raise

    def _ready(self) -> Command:
        with self._lock:
            if self._command is None:
                self._command = groovy_toolchain.ready(groovy_toolchain.find(self._settings))
            return self._command

    def _after_fork(self) -> None:
        # a thread of the parent may have held it
        self._lock = threading.Lock()
