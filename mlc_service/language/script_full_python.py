"""Full CPython for scripts, where an administrator allows it: walled-in processes of this very interpreter."""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from mlc_service.language import walls
from mlc_service.language.errors import ScriptError
from mlc_service.language.script_outcome import FACTS, ScriptLimits, ScriptOutcome
from mlc_service.language.script_workers import (
    NoWorker,
    Worker,
    WorkerFailed,
    WorkerLimits,
    WorkerPool,
    outcome_of,
    request_line,
)
from mlc_service.language.walls import SandboxKind, Wall

_START_SECONDS = 20.0
_GRACE_SECONDS = 1.0  # the worker ends a late script itself, and stays warm; this is for a worker that does not
_LONGEST_SOURCE = 200_000
_NOT_LIBRARY = {"site-packages", "dist-packages", "__pycache__", "test", "ensurepip", "idlelib", "pip"}


class FullPythonScripts:
    """Runs Python scripts of any kind; its processes start with the first script."""

    def __init__(self, sandbox: SandboxKind, workers: int) -> None:
        self._sandbox: SandboxKind = sandbox
        self._pool = WorkerPool(self._start, workers)

    def run(
        self, source: str, variables: Mapping[str, Any], facts: Mapping[str, Any], limits: ScriptLimits
    ) -> ScriptOutcome:
        """The outcome; raises ScriptError."""
        line = request_line(
            {
                "source": source,
                "variables": dict(variables),
                "facts": {fact: facts.get(fact) for fact in FACTS},
                "seconds": limits.deadline_seconds,
                "memory": limits.memory_bytes,
            }
        )
        try:
            with self._pool.lease() as lease:
                answer = lease.worker.ask(line, limits.deadline_seconds + _GRACE_SECONDS)
        except WorkerFailed as failed:
            raise ScriptError(f"the script {failed} and was stopped") from None
        except NoWorker as none:
            raise ScriptError(str(none)) from None
        return outcome_of(orjson.loads(answer))

    @property
    def processes(self) -> list[int]:
        """Ids of its worker processes."""
        return self._pool.processes

    def close(self) -> None:
        """No process is left; a later run starts new ones."""
        self._pool.close()

    def _start(self) -> Worker:
        readable, listable = _library()
        wall = Wall(self._sandbox, readable=readable, listable=listable)
        return Worker(walls.start(wall, None), WorkerLimits(), _START_SECONDS)


def check(source: str) -> ScriptError | None:
    """The first error of syntax, or None; runs nothing."""
    if len(source) > _LONGEST_SOURCE:
        return ScriptError(f"the script is longer than {_LONGEST_SOURCE} characters")
    try:
        ast.parse(source)
    except SyntaxError as error:
        return ScriptError(f"SyntaxError: {error.msg}", error.lineno or 0)
    except (ValueError, RecursionError, MemoryError) as error:
        return ScriptError(f"SyntaxError: {str(error) or 'nested too deeply'}")
    return None


def _library() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The standard library: what of it can be read, and the folders whose names can be listed; no site-packages."""
    folders = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")}
    readable = [
        str(entry)
        for folder in folders
        if folder.is_dir()
        for entry in folder.iterdir()
        if entry.name not in _NOT_LIBRARY
    ]
    archive = Path(sys.base_prefix, "lib", f"python{sys.version_info.major}{sys.version_info.minor}.zip")
    return (*readable, str(archive), "/usr/share/zoneinfo"), tuple(str(folder) for folder in folders)
